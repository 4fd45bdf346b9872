#include "admin/database.h"

namespace turnpike::admin {
namespace {

// Longer than a commit takes; the API's thread waits for it.
constexpr milliseconds kPatience{1000};

}  // namespace

http::Response refuse(const auth::DatabaseFailure& failure) {
  const bool passes = failure.error == auth::DatabaseError::locked;
  return refuse(passes ? 503 : 409, passes ? "database_locked" : "database_unusable",
                "the user database: " + auth::to_string(failure));
}

Result<auth::UserDatabase, http::Response> open_database(const Call& call,
                                                         auth::UserDatabase::Open how) {
  const auto configuration = call.control.configuration();
  const std::string& path = configuration->config.userdb_path;
  if (path.empty()) {
    return unexpected(refuse(409, "no_database",
                             "this server has no user database (userdb); its users and rules are "
                             "those of the configuration"));
  }
  auto database = auth::UserDatabase::open(path, how, kPatience);
  if (!database) return unexpected(refuse(database.error()));
  return std::move(*database);
}

std::optional<std::string> name_problem(const std::string& text, size_t max_size) {
  if (text.empty()) return "must not be empty";
  if (text.size() > max_size)
    return "must not be longer than " + std::to_string(max_size) + " bytes";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return "must not hold control characters";
  }
  return {};
}

Result<std::string, http::Response> realm_of(const Call& call) {
  const auto given = call.request.parameter("realm");
  if (!given) return call.control.configuration()->config.realm;
  if (const auto problem = name_problem(*given, auth::kMaxRealmSize)) {
    return unexpected(refuse(400, "bad_realm", "realm: " + *problem));
  }
  return *given;
}

}  // namespace turnpike::admin
