// `turnpike user limit`: limits of one user, or of a realm, in the database.
#pragma once

#include "cli/commands.h"

namespace turnpike::cli {

int limit_user(Arguments arguments);
// `turnpike realm set`.
int set_realm_limits(Arguments arguments);

}  // namespace turnpike::cli
