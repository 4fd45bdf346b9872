// Users and shared secrets.
#include <algorithm>
#include <charconv>

#include "admin/api.h"
#include "admin/database.h"
#include "auth/credentials.h"
#include "base/hex.h"
#include "base/random.h"
#include "stun/integrity.h"

namespace turnpike::admin {
namespace {

using auth::UserDatabase;

constexpr uint64_t kUsualUsers = 1000;
constexpr uint64_t kMostUsers = 10'000;
constexpr size_t kLongestPassword = 1024;
constexpr size_t kLongestSecret = 127;  // Of the table's column.

std::string_view word_of(auth::Sha256State state) {
  switch (state) {
    case auth::Sha256State::valid:
      return "valid";
    case auth::Sha256State::absent:
      return "absent";
    case auth::Sha256State::stale:
      return "stale";
  }
  return "?";
}

Json users_of_configuration(const Call& call, const std::optional<std::string>& realm) {
  Json users = Json::array();
  const auto configuration = call.control.configuration();
  if (realm && *realm != configuration->config.realm) return users;
  for (const config::User& user : configuration->config.users) {
    users.push_back({{"realm", configuration->config.realm},
                     {"name", user.name},
                     {"sha256", user.md5_key ? "absent" : "valid"},
                     {"source", "configuration"}});
  }
  return users;
}

// Where a page ends, in the order of the database: realm, then name. Both may hold any character,
// so the realm's length stands in front: "7/example/ann".
struct Cursor {
  std::string realm;
  std::string name;

  [[nodiscard]] std::string to_string() const {
    return std::to_string(realm.size()) + "/" + realm + "/" + name;
  }
  static std::optional<Cursor> parse(std::string_view text) {
    size_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (error != std::errc()) return {};
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (!text.starts_with('/') || text.size() - 1 <= length || text[length + 1] != '/') return {};
    return Cursor{std::string(text.substr(1, length)), std::string(text.substr(length + 2))};
  }
  friend auto operator<=>(const Cursor&, const Cursor&) = default;
};

http::Response list_users(const Call& call) {
  const auto realm = call.request.parameter("realm");
  const auto limit = number_parameter(call.request, "limit", kUsualUsers, kMostUsers);
  if (!limit || *limit == 0) return refuse(400, "bad_limit", "limit: a number from 1 to 10000");
  std::optional<Cursor> after;
  if (const auto text = call.request.parameter("after"); text && !text->empty()) {
    after = Cursor::parse(*text);
    if (!after) return refuse(400, "bad_after", "after: the next of the page before");
  }
  Json users = after ? Json::array() : users_of_configuration(call, realm);
  Json json = {{"users", nullptr}, {"next", nullptr}};
  if (!call.control.configuration()->config.userdb_path.empty()) {
    auto database = open_database(call, UserDatabase::Open::read_only);
    if (!database) return database.error();
    const auto stored = database->users(realm);
    if (!stored) return refuse(stored.error());
    uint64_t shown = 0;
    for (const auth::StoredUser& user : *stored) {
      const Cursor here{user.realm, user.name};
      if (after && here <= *after) continue;
      if (shown++ == *limit) break;
      json["next"] = here.to_string();
      users.push_back({{"realm", user.realm},
                       {"name", user.name},
                       {"sha256", word_of(user.sha256)},
                       {"source", "database"}});
    }
    if (shown <= *limit) json["next"] = nullptr;
  }
  json["users"] = std::move(users);
  return reply(200, json);
}

http::Response put_user(const Call& call) {
  const std::string& name = call.arguments[0];
  if (const auto problem = name_problem(name, auth::kMaxUsernameSize)) {
    return refuse(400, "bad_name", "the name " + *problem);
  }
  const auto realm = realm_of(call);
  if (!realm) return realm.error();
  const auto password = text_member(call.body, "password");
  if (!password || unknown_member(call.body, {"password"})) {
    return refuse(400, "bad_member", "the body takes password, a text");
  }
  if (const auto problem = name_problem(*password, kLongestPassword)) {
    return refuse(400, "bad_password", "the password " + *problem);
  }
  auto database = open_database(call, UserDatabase::Open::existing);
  if (!database) return database.error();
  const auto put =
      database->put_user(*realm, name, auth::UserKeys::from_password(name, *realm, *password));
  if (!put) return refuse(put.error());
  call.control.users_changed();
  const bool added = *put == auth::PutResult::added;
  return reply(added ? 201 : 200, {{"realm", *realm}, {"name", name}, {"added", added}});
}

http::Response remove_user(const Call& call) {
  const std::string& name = call.arguments[0];
  const auto realm = realm_of(call);
  if (!realm) return realm.error();
  const std::string kill = call.request.parameter("kill").value_or("false");
  if (kill != "true" && kill != "false") return refuse(400, "bad_kill", "kill: true or false");
  auto database = open_database(call, UserDatabase::Open::existing);
  if (!database) return database.error();
  const auto removed = database->remove_user(*realm, name);
  if (!removed) return refuse(removed.error());
  if (!*removed) return refuse(404, "no_such_user", "there is no such user in the database");
  // First the users, then the sessions: else one could be opened in between.
  call.control.users_changed();
  Json json = {{"removed", true}, {"killed", 0}};
  if (kill == "true") {
    server::SessionFilter filter;
    filter.user = name;
    filter.realm = *realm;
    const auto killed = call.control.kill(filter);
    if (!killed) return refuse(killed.error());
    json["killed"] = *killed;
  }
  return reply(200, json);
}

// What a secret can be named by without being told.
std::string id_of(const auth::StoredSecret& secret) {
  const auto digest = stun::sha256(as_bytes(secret.realm + '\0' + secret.value));
  return to_hex(ByteView(digest).first(8));
}

http::Response list_secrets(const Call& call) {
  auto database = open_database(call, UserDatabase::Open::read_only);
  if (!database) return database.error();
  const auto stored = database->secrets(call.request.parameter("realm"));
  if (!stored) return refuse(stored.error());
  Json secrets = Json::array();
  for (const auth::StoredSecret& secret : *stored) {
    secrets.push_back({{"id", id_of(secret)}, {"realm", secret.realm}});
  }
  return reply(200, {{"secrets", std::move(secrets)}});
}

http::Response add_secret(const Call& call) {
  const auto realm = realm_of(call);
  if (!realm) return realm.error();
  if (unknown_member(call.body, {"secret"})) {
    return refuse(400, "unknown_member", "the body takes secret, or nothing to have one made");
  }
  const bool given = call.body.contains("secret");
  const auto text = text_member(call.body, "secret");
  const std::string secret = given ? text.value_or("") : to_hex(RandomSource().bytes<32>());
  if (const auto problem = name_problem(secret, kLongestSecret)) {
    return refuse(400, "bad_secret", "the secret " + *problem);
  }
  constexpr size_t kShortest = 16;
  if (secret.size() < kShortest) {
    return refuse(400, "bad_secret", "the secret must be 16 bytes or longer");
  }
  auto database = open_database(call, UserDatabase::Open::existing);
  if (!database) return database.error();
  const auto put = database->put_secret(*realm, secret);
  if (!put) return refuse(put.error());
  call.control.users_changed();
  Json json = {{"id", id_of({*realm, secret})}, {"realm", *realm}};
  // The one time that it is told: nobody else could.
  if (!given) json["secret"] = secret;
  return reply(*put == auth::PutResult::added ? 201 : 200, json);
}

http::Response remove_secret(const Call& call) {
  auto database = open_database(call, UserDatabase::Open::existing);
  if (!database) return database.error();
  const auto stored = database->secrets(std::nullopt);
  if (!stored) return refuse(stored.error());
  const auto found = std::find_if(
      stored->begin(), stored->end(),
      [&](const auth::StoredSecret& secret) { return id_of(secret) == call.arguments[0]; });
  if (found == stored->end()) {
    return refuse(404, "no_such_secret", "there is no secret with this id in the database");
  }
  const auto removed = database->remove_secret(found->realm, found->value);
  if (!removed) return refuse(removed.error());
  call.control.users_changed();
  return reply(200, {{"removed", true}});
}

constexpr Route kUserRoutes[] = {
    {http::Method::get, "/v1/users", list_users},
    {http::Method::put, "/v1/users/{name}", put_user},
    {http::Method::del, "/v1/users/{name}", remove_user},
    {http::Method::get, "/v1/secrets", list_secrets},
    {http::Method::post, "/v1/secrets", add_secret},
    {http::Method::del, "/v1/secrets/{id}", remove_secret},
};

}  // namespace

std::span<const Route> user_routes() {
  return kUserRoutes;
}

}  // namespace turnpike::admin
