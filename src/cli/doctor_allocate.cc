// One real Allocate, over each transport.
#include "auth/store/sqlite_user_store.h"
#include "auth/store/user_database.h"
#include "auth/time_limited.h"
#include "cli/doctor.h"
#include "cli/probe_report.h"
#include "client/blocking_turn_client.h"
#include "net/clock.h"

namespace turnpike::cli {
namespace {

constexpr seconds kAllocatePatience{5};

std::string sentence(const client::RequestFailed& failure) {
  const ProbeProblem problem = explain(failure);
  return problem.what + (problem.advice.empty() ? "" : ". " + problem.advice);
}

client::Credentials made_with(const std::string& secret, const config::Config& config) {
  constexpr int64_t kLife = 300;
  const std::string name =
      std::to_string(unix_seconds(net::wall_now()) + kLife) + config.rest_api_separator + "doctor";
  return {.username = name, .password = auth::time_limited_password(secret, name)};
}

// What a server without a word about it would take, see choose_realm() in server/users.h.
std::string stored_realm(const config::Config& config, auth::UserDatabase& database) {
  if (config.realm_is_set) return config.realm;
  const auto realms = database.realms_with_users();
  return realms && realms->size() == 1 ? realms->front() : config.realm;
}

// The key of a stored user is as good as the password.
client::Credentials stored_credentials(const config::Config& config) {
  auto database = auth::UserDatabase::open(config.userdb_path, auth::UserDatabase::Open::read_only);
  if (!database) return {};
  const std::string realm = stored_realm(config, *database);
  if (config.use_auth_secret) {
    const auto secrets = database->secrets(realm);
    if (secrets && !secrets->empty()) return made_with(secrets->front().value, config);
  }
  const auto users = database->users(realm);
  if (!users) return {};
  auth::SqliteUserStore store({.path = config.userdb_path});
  for (const auth::StoredUser& user : *users) {
    const auto found = store.find(realm, user.name);
    if (found) return {.username = user.name, .password = {}, .md5_key = found->keys.md5};
  }
  return {};
}

}  // namespace

client::Credentials known_credentials(const config::Config& config) {
  if (!config.users.empty()) {
    const config::User& user = config.users.front();
    return {.username = user.name, .password = user.password, .md5_key = user.md5_key};
  }
  if (!config.static_auth_secrets.empty()) {
    return made_with(config.static_auth_secrets.front(), config);
  }
  if (!config.userdb_path.empty()) return stored_credentials(config);
  return {};
}

Result<Endpoint, std::string> allocate_over(Transport transport, const Endpoint& server,
                                            const Examination& given) {
  client::ServerAddress address{
      .transport = transport, .server = server, .host = server.ip.to_string()};
  if (transport == Transport::tls || transport == Transport::dtls) {
    // The certificate has its own examination, by the names that clients use.
    auto tls = net::TlsClientContext::make({.verify = net::TlsVerify::none,
                                            .certificate_file = given.client_certificate,
                                            .key_file = given.client_key});
    if (!tls) return unexpected("the client certificate: " + tls.error());
    address.tls = std::move(*tls);
  }
  client::SessionDriver driver;
  RandomSource random;
  const client::SessionSettings settings{.credentials = given.credentials,
                                         .delivery = client::delivery_over(transport)};
  client::BlockingTurnClient client(driver, settings, random, kAllocatePatience);
  if (const auto error = client.open(address)) return unexpected(error->to_string());
  const auto allocated = client.allocate({});
  if (!allocated && client.refused()) return unexpected(client.failure());
  if (!allocated) return unexpected(sentence(allocated.error()));
  static_cast<void>(client.release());
  return allocated->relayed;
}

}  // namespace turnpike::cli
