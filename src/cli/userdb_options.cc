#include "cli/userdb_options.h"

#include <algorithm>

#include "auth/store/database_file.h"
#include "base/default_paths.h"
#include "cli/password_input.h"
#include "config/config.h"

namespace turnpike::cli {

namespace po = boost::program_options;
using auth::DatabaseError;
using auth::DatabaseFailure;
using auth::UserDatabase;

namespace {

// What a database holds must not give orders to the terminal.
void replace_control_characters(std::string& text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
}

}  // namespace

void add_userdb_option(po::options_description& options) {
  const std::string path = default_userdb_path(AccountEnvironment::of_this_process());
  options.add_options()("userdb,b", po::value<std::string>(),
                        ("SQLite database, coturn's or Turnpike's (default " +
                         (path.empty() ? "none: there is no home directory" : path) + ")")
                            .c_str());
}

void add_realm_option(po::options_description& options, const std::string& when_left_out) {
  options.add_options()("realm,r", po::value<std::string>(),
                        ("the realm (when left out: " + when_left_out + ")").c_str());
}

Result<std::string, std::string> userdb_path(const ParsedOptions& options) {
  std::string path = options.has("userdb")
                         ? options.text("userdb")
                         : default_userdb_path(AccountEnvironment::of_this_process());
  if (path.empty()) return unexpected(std::string("say where the database is: --userdb PATH"));
  return path;
}

std::string database_message(const std::string& path, const DatabaseFailure& failure) {
  return "the user database " + path + ": " + to_string(failure);
}

Result<UserDatabase, std::string> open_userdb(const ParsedOptions& options,
                                              UserDatabase::Open how) {
  const auto path = userdb_path(options);
  if (!path) return unexpected(path.error());
  // The default place is ours to make; a path that somebody typed may be a mistake.
  if (how == UserDatabase::Open::create_if_missing && !options.has("userdb")) {
    if (auto made = auth::make_parent_directories(*path); !made) {
      return unexpected(database_message(*path, made.error()));
    }
  }
  auto database = UserDatabase::open(*path, how);
  if (!database) return unexpected(database_message(*path, database.error()));
  return std::move(*database);
}

std::optional<std::string> realm_problem(const ParsedOptions& options) {
  if (!options.has("realm")) return {};
  return problem_with(options.text("realm"), "realm", auth::kMaxRealmSize);
}

Result<std::string, std::string> choose_realm(const ParsedOptions& options) {
  if (options.has("realm")) return options.text("realm");
  const std::string default_realm = config::Config().realm;
  const auto path = userdb_path(options);
  if (!path) return default_realm;
  auto database = UserDatabase::open(*path, UserDatabase::Open::read_only);
  if (!database) {
    // No users yet; what else may be wrong must not lead to a guess.
    if (database.error().error == DatabaseError::missing ||
        database.error().error == DatabaseError::not_a_user_database) {
      return default_realm;
    }
    return unexpected(database_message(*path, database.error()));
  }
  auto realms = database->realms_with_users();
  if (!realms) return unexpected(database_message(*path, realms.error()));
  return realms->size() == 1 ? realms->front() : default_realm;
}

std::optional<std::string> realm_filter(const ParsedOptions& options) {
  if (!options.has("realm")) return {};
  return options.text("realm");
}

std::string text_table(std::vector<std::vector<std::string>> rows) {
  std::vector<size_t> widths;
  for (auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      replace_control_characters(row[i]);
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - row[i].size() + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace turnpike::cli
