// The user that `first-user` asks for: made at the first start of a server that nobody could log in
// to, so that a container or a package needs no step by hand.
//
// The database holds keys only, so the password stands in a file beside it, readable by its owner,
// for as long as it is the user's. A password that `turnpike user add` has changed is not touched.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "config/config.h"

namespace turnpike::cli {

struct FirstUser {
  std::string name;
  std::string password;
  std::string file;  // Where both are kept.
};

// Makes it unless it is there. Nothing when it is not asked for, or when there are other users or
// none of its password any more; the error is a message for the operator.
Result<std::optional<FirstUser>, std::string> ensure_first_user(const config::Config& config);

}  // namespace turnpike::cli
