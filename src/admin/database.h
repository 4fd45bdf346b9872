// The server's own user database, for the handlers that change it.
#pragma once

#include <optional>
#include <string>

#include "admin/api.h"
#include "auth/store/user_database.h"

namespace turnpike::admin {

// Opened for one request; the answer when that can't be done.
Result<auth::UserDatabase, http::Response> open_database(const Call& call,
                                                         auth::UserDatabase::Open how);
http::Response refuse(const auth::DatabaseFailure& failure);

// The realm in the query, else the server's own; a refusal when it can't be one.
Result<std::string, http::Response> realm_of(const Call& call);

// What is wrong with a name that is to be stored, if anything.
std::optional<std::string> name_problem(const std::string& text, size_t max_size);

}  // namespace turnpike::admin
