// The options about the user database that `turnpike user` and `turnpike secret` share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "auth/store/user_database.h"
#include "base/result.h"
#include "cli/option_parser.h"

namespace turnpike::cli {

void add_userdb_option(boost::program_options::options_description& options);
void add_realm_option(boost::program_options::options_description& options,
                      const std::string& when_left_out);

// Errors are messages for the user, with the path in them.
Result<std::string, std::string> userdb_path(const ParsedOptions& options);
Result<auth::UserDatabase, std::string> open_userdb(const ParsedOptions& options,
                                                    auth::UserDatabase::Open how);
std::string database_message(const std::string& path, const auth::DatabaseFailure& failure);

// What is wrong with --realm, if anything.
std::optional<std::string> realm_problem(const ParsedOptions& options);
// --realm, else the only realm in which the database has users, else the server's default.
Result<std::string, std::string> choose_realm(const ParsedOptions& options);
// --realm if it was given.
std::optional<std::string> realm_filter(const ParsedOptions& options);

// Columns padded to their widest cell; the first row is the heading. Control characters show as
// '?'.
std::string text_table(std::vector<std::vector<std::string>> rows);

}  // namespace turnpike::cli
