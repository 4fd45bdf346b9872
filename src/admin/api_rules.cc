// Realms with their options and origins, and peer rules, in the database.
#include <algorithm>
#include <map>

#include "admin/api.h"
#include "admin/database.h"
#include "auth/credentials.h"
#include "auth/origin.h"
#include "base/ip_range.h"

namespace turnpike::admin {
namespace {

using auth::UserDatabase;
using Action = auth::StoredPeerRule::Action;

// turn_realm_option's, as in coturn.
constexpr std::array<std::string_view, 3> kOptions = {"max-bps", "user-quota", "total-quota"};

http::Response list_realms(const Call& call) {
  const auto configuration = call.control.configuration();
  const std::string& own = configuration->config.realm;
  std::map<std::string, Json> realms;
  std::map<std::string, Json> origins;
  realms[own] = Json::object();
  if (!configuration->config.userdb_path.empty()) {
    auto database = open_database(call, UserDatabase::Open::read_only);
    if (!database) return database.error();
    const auto with_users = database->realms_with_users();
    if (!with_users) return refuse(with_users.error());
    for (const std::string& realm : *with_users) realms.try_emplace(realm, Json::object());
    const auto options = database->realm_options();
    if (!options) return refuse(options.error());
    for (const auth::RealmOptionRow& row : *options) {
      realms.try_emplace(row.realm, Json::object()).first->second[row.option.option] =
          row.option.value;
    }
    const auto stored = database->origins();
    if (!stored) return refuse(stored.error());
    for (const auth::OriginRow& row : *stored) {
      realms.try_emplace(row.realm, Json::object());
      origins.try_emplace(row.realm, Json::array()).first->second.push_back(row.origin);
    }
  }
  const bool by_origin = !configuration->config.no_dynamic_realms;
  Json list = Json::array();
  for (auto& [name, options] : realms) {
    const auto found = origins.find(name);
    const bool has_origins = found != origins.end();
    list.push_back({{"realm", name},
                    {"served", name == own || (by_origin && has_origins)},
                    {"origins", has_origins ? std::move(found->second) : Json::array()},
                    {"options", std::move(options)}});
  }
  return reply(200, {{"realms", std::move(list)}});
}

// Every member must be right before the first is stored.
std::optional<std::string> options_problem(const Json& body) {
  for (const auto& item : body.items()) {
    if (std::find(kOptions.begin(), kOptions.end(), item.key()) == kOptions.end()) {
      return "the body takes max-bps, user-quota and total-quota";
    }
    if (!item.value().is_null() && !item.value().is_number_unsigned()) {
      return item.key() + ": a number that is not negative, or null to remove it";
    }
  }
  if (body.empty()) return "the body is empty";
  return {};
}

http::Response put_realm(const Call& call) {
  const std::string& realm = call.arguments[0];
  if (const auto problem = name_problem(realm, auth::kMaxRealmSize)) {
    return refuse(400, "bad_realm", "the realm " + *problem);
  }
  if (const auto problem = options_problem(call.body)) return refuse(400, "bad_option", *problem);
  auto database = open_database(call, UserDatabase::Open::existing);
  if (!database) return database.error();
  std::vector<auth::OptionChange> changes;
  for (const auto& item : call.body.items()) {
    auth::OptionChange change{item.key(), std::nullopt};
    if (!item.value().is_null()) change.value = std::to_string(item.value().get<uint64_t>());
    changes.push_back(std::move(change));
  }
  if (auto changed = database->change_options(realm, {}, changes); !changed) {
    return refuse(changed.error());
  }
  call.control.users_changed();
  return reply(200, {{"realm", realm}, {"stored", true}});
}

http::Response add_origin(const Call& call) {
  if (unknown_member(call.body, {"origin", "realm"})) {
    return refuse(400, "unknown_member", "the body takes origin and realm");
  }
  const auto origin = text_member(call.body, "origin");
  const auto realm = text_member(call.body, "realm");
  const auto canonical = auth::canonical_origin(origin.value_or(""));
  if (!canonical) return refuse(400, "bad_origin", "origin: such as https://app.example");
  if (const auto problem = name_problem(realm.value_or(""), auth::kMaxRealmSize)) {
    return refuse(400, "bad_realm", "the realm " + *problem);
  }
  auto database = open_database(call, UserDatabase::Open::existing);
  if (!database) return database.error();
  const auto put = database->put_origin(*origin, *realm);
  if (!put) return refuse(put.error());
  call.control.users_changed();
  const bool added = *put == auth::PutResult::added;
  return reply(added ? 201 : 200, {{"origin", *canonical}, {"added", added}});
}

http::Response remove_origin(const Call& call) {
  const auto origin = call.request.parameter("origin");
  if (!auth::canonical_origin(origin.value_or(""))) {
    return refuse(400, "bad_origin", "origin: such as https://app.example");
  }
  auto database = open_database(call, UserDatabase::Open::existing);
  if (!database) return database.error();
  const auto removed = database->remove_origin(*origin);
  if (!removed) return refuse(removed.error());
  if (!*removed) return refuse(404, "no_such_origin", "there is no such origin in the database");
  call.control.users_changed();
  return reply(200, {{"removed", true}});
}

Json rule_json(const std::string& action, const std::string& range, const std::string& realm,
               const std::string& source) {
  return {{"action", action}, {"range", range}, {"realm", realm}, {"source", source}};
}

http::Response list_rules(const Call& call) {
  const auto configuration = call.control.configuration();
  Json rules = Json::array();
  for (const config::PeerRule& rule : configuration->config.peer_rules) {
    rules.push_back(rule_json(rule.action == config::PeerAction::allow ? "allow" : "deny",
                              rule.range.to_string(), "", "configuration"));
  }
  const bool counts = !configuration->config.no_dynamic_ip_list;
  if (!configuration->config.userdb_path.empty()) {
    auto database = open_database(call, UserDatabase::Open::read_only);
    if (!database) return database.error();
    const auto stored = database->peer_rules();
    if (!stored) return refuse(stored.error());
    for (const auth::PeerRuleRow& row : *stored) {
      rules.push_back(rule_json(row.rule.action == Action::allow ? "allow" : "deny", row.rule.range,
                                row.realm, "database"));
    }
  }
  return reply(200, {{"rules", std::move(rules)}, {"database_rules_count", counts}});
}

struct RuleWish {
  std::string realm;
  auth::StoredPeerRule rule;
};

Result<RuleWish, http::Response> wish_of(const std::optional<std::string>& action,
                                         const std::optional<std::string>& range,
                                         const std::optional<std::string>& realm) {
  if (action != "allow" && action != "deny") {
    return unexpected(refuse(400, "bad_action", "action: allow or deny"));
  }
  const auto parsed = IpRange::parse(range.value_or(""));
  if (!parsed) {
    return unexpected(refuse(400, "bad_range", "range: an address, ADDRESS/LENGTH or FIRST-LAST"));
  }
  RuleWish wish;
  wish.realm = realm.value_or("");
  if (const auto problem = name_problem(wish.realm, auth::kMaxRealmSize);
      problem && !wish.realm.empty()) {
    return unexpected(refuse(400, "bad_realm", "realm: " + *problem));
  }
  wish.rule = {action == "allow" ? Action::allow : Action::deny, *range};
  return wish;
}

http::Response add_rule(const Call& call) {
  if (unknown_member(call.body, {"action", "range", "realm"})) {
    return refuse(400, "unknown_member", "the body takes action, range and realm");
  }
  const auto wish = wish_of(text_member(call.body, "action"), text_member(call.body, "range"),
                            text_member(call.body, "realm"));
  if (!wish) return wish.error();
  auto database = open_database(call, UserDatabase::Open::existing);
  if (!database) return database.error();
  const auto put = database->put_peer_rule(wish->realm, wish->rule);
  if (!put) return refuse(put.error());
  call.control.users_changed();
  const bool added = *put == auth::PutResult::added;
  return reply(added ? 201 : 200, {{"added", added}});
}

http::Response remove_rule(const Call& call) {
  const auto wish = wish_of(call.request.parameter("action"), call.request.parameter("range"),
                            call.request.parameter("realm"));
  if (!wish) return wish.error();
  auto database = open_database(call, UserDatabase::Open::existing);
  if (!database) return database.error();
  const auto removed = database->remove_peer_rule(wish->realm, wish->rule);
  if (!removed) return refuse(removed.error());
  if (!*removed) return refuse(404, "no_such_rule", "there is no such rule in the database");
  call.control.users_changed();
  return reply(200, {{"removed", true}});
}

constexpr Route kRuleRoutes[] = {
    {http::Method::get, "/v1/realms", list_realms},
    {http::Method::put, "/v1/realms/{realm}", put_realm},
    {http::Method::post, "/v1/origins", add_origin},
    {http::Method::del, "/v1/origins", remove_origin},
    {http::Method::get, "/v1/peer-rules", list_rules},
    {http::Method::post, "/v1/peer-rules", add_rule},
    {http::Method::del, "/v1/peer-rules", remove_rule},
};

}  // namespace

std::span<const Route> rule_routes() {
  return kRuleRoutes;
}

}  // namespace turnpike::admin
