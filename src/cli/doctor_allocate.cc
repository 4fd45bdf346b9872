// One real Allocate, over each transport.
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

}  // namespace

client::Credentials known_credentials(const config::Config& config) {
  for (const config::User& user : config.users) {
    if (!user.md5_key) return {.username = user.name, .password = user.password};
  }
  if (config.static_auth_secrets.empty()) return {};
  constexpr int64_t kLife = 300;
  const std::string name =
      std::to_string(unix_seconds(net::wall_now()) + kLife) + config.rest_api_separator + "doctor";
  return {.username = name,
          .password = auth::time_limited_password(config.static_auth_secrets.front(), name)};
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
