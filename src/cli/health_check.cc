#include "cli/health_check.h"

#include <optional>

#include "base/random.h"
#include "client/binding_question.h"
#include "client/blocking_turn_client.h"
#include "client/session_driver.h"
#include "net/clock.h"

namespace turnpike::cli {
namespace {

using client::RequestFailed;

// A host that answers itself needs no more patience than this between two tries.
constexpr stun::RetransmitPolicy kPolicy{.rto = milliseconds(200), .sends = 5, .last_wait = 4};

// With secure-stun, without Binding, while it drains: an error is an answer too.
bool is_answer(const RequestFailed& failed) {
  return failed.code != 0;
}

std::string told_name(Transport transport) {
  return transport == Transport::udp ? "UDP" : "TCP";
}

std::string no_answer(const client::ServerAddress& server, std::string_view what) {
  return "no answer to " + std::string(what) + " from " + told_name(server.transport) + " " +
         server.server.to_string();
}

std::string nobody_there(const client::ServerAddress& server) {
  return "nobody listens on " + told_name(server.transport) + " " + server.server.to_string();
}

Result<void, std::string> ask_binding(const client::ServerAddress& server, Duration patience) {
  RandomSource random;
  client::SessionDriver driver;
  client::BindingQuestion question(kPolicy, client::delivery_over(server.transport));
  std::optional<bool> answered;
  const auto link = driver.connect(question, server, [&answered](const client::Event& event) {
    if (std::holds_alternative<client::BindingAnswered>(event)) answered = true;
    if (const auto* failed = std::get_if<RequestFailed>(&event)) answered = is_answer(*failed);
  });
  if (!link) return unexpected(link.error().to_string());
  driver.call(*link, [&](Instant now, client::Output& out) { question.ask(now, random, out); });
  driver.run_until([&] { return answered || driver.refused(*link); },
                   net::monotonic_now() + patience);
  if (answered.value_or(false)) return {};
  return unexpected(driver.refused(*link) ? nobody_there(server) : no_answer(server, "Binding"));
}

// Without credentials the answer is a challenge, and nothing is allocated.
Result<void, std::string> ask_allocate(const client::ServerAddress& server, Duration patience) {
  RandomSource random;
  client::SessionDriver driver;
  const client::SessionSettings nobody{.delivery = client::delivery_over(server.transport)};
  client::BlockingTurnClient client(driver, nobody, random, patience);
  if (const auto error = client.open(server)) return unexpected(error->to_string());
  const auto allocated = client.allocate({});
  if (allocated) {
    static_cast<void>(client.release());
    return {};
  }
  if (is_answer(allocated.error())) return {};
  return unexpected(client.refused() ? nobody_there(server) : no_answer(server, "Allocate"));
}

}  // namespace

Endpoint local_endpoint(const config::Config& config) {
  Ip ip = *Ip::parse("127.0.0.1");
  if (!config.listening_ips.empty()) {
    const Ip& first = config.listening_ips.front();
    if (!first.is_unspecified()) {
      ip = first;
    } else if (!first.is_v4()) {
      ip = *Ip::parse("::1");
    }
  }
  return {ip, config.listening_port};
}

Result<std::string, std::string> check_health(const config::Config& config, Duration patience) {
  const client::ServerAddress server{.transport = config.no_udp ? Transport::tcp : Transport::udp,
                                     .server = local_endpoint(config),
                                     .host = {}};
  const bool asks_binding = !config.no_stun;
  // Where everybody may allocate the question would be granted; a Binding then says enough.
  const bool asks_allocate = !config.stun_only && !(config.no_auth && asks_binding);
  if (asks_binding) {
    if (auto asked = ask_binding(server, patience); !asked) return unexpected(asked.error());
  }
  if (asks_allocate) {
    if (auto asked = ask_allocate(server, patience); !asked) return unexpected(asked.error());
  }
  const char* what = !asks_binding    ? "Allocate"
                     : !asks_allocate ? "Binding"
                                      : "Binding and Allocate";
  return std::string(what) + " answered on " + told_name(server.transport) + " " +
         server.server.to_string();
}

}  // namespace turnpike::cli
