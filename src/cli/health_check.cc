#include "cli/health_check.h"

#include <array>
#include <optional>

#include "base/random.h"
#include "client/binding_question.h"
#include "client/blocking_turn_client.h"
#include "client/udp_driver.h"
#include "net/clock.h"
#include "net/plain_tcp.h"
#include "net/tcp.h"
#include "stun/builder.h"
#include "stun/message.h"
#include "stun/stream_framer.h"

namespace turnpike::cli {
namespace {

using client::RequestFailed;

// A host that answers itself needs no more patience than this between two tries.
constexpr stun::RetransmitPolicy kPolicy{.rto = milliseconds(200), .sends = 5, .last_wait = 4};

// With secure-stun, without Binding, while it drains: an error is an answer too.
bool is_answer(const RequestFailed& failed) {
  return failed.code != 0;
}

std::string no_answer(const Endpoint& server, std::string_view transport, std::string_view what) {
  return "no answer to " + std::string(what) + " from " + std::string(transport) + " " +
         server.to_string();
}

Result<void, std::string> ask_binding(const Endpoint& server, Duration patience) {
  RandomSource random;
  client::UdpDriver driver;
  client::BindingQuestion question(kPolicy);
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
  return unexpected(driver.refused(*link) ? "nobody listens on UDP " + server.to_string()
                                          : no_answer(server, "UDP", "Binding"));
}

// Without credentials the answer is a challenge, and nothing is allocated.
Result<void, std::string> ask_allocate(const Endpoint& server, Duration patience) {
  RandomSource random;
  client::UdpDriver driver;
  const client::SessionSettings nobody;
  client::BlockingTurnClient client(driver, nobody, random, patience);
  if (const auto error = client.open(server)) return unexpected(error->to_string());
  const auto allocated = client.allocate({});
  if (allocated) {
    static_cast<void>(client.release());
    return {};
  }
  if (is_answer(allocated.error())) return {};
  return unexpected(client.refused() ? "nobody listens on UDP " + server.to_string()
                                     : no_answer(server, "UDP", "Allocate"));
}

// An Allocate request where TURN is served, else a Binding request: over a stream one answer shows
// that the connection is taken, framed and answered.
Result<void, std::string> ask_over_tcp(const Endpoint& server, stun::Method method,
                                       Duration patience) {
  const Instant deadline = net::monotonic_now() + patience;
  const auto fd = net::connect_and_wait(server, patience);
  if (!fd) return unexpected(fd.error().to_string());
  stun::TransactionId id = RandomSource().bytes<12>();
  std::array<uint8_t, 128> room{};
  stun::MessageBuilder builder(room, method, stun::Class::request, id);
  if (method == stun::Method::allocate) builder.add_requested_transport(17);
  const ByteView request = builder.finish();
  if (net::write_stream(*fd, request).written != request.size()) {
    return unexpected(no_answer(server, "TCP", stun::name(method)));
  }
  stun::StreamFramer framer;
  std::array<uint8_t, 4096> received{};
  while (net::wait_for_input(*fd, deadline - net::monotonic_now())) {
    const auto read = net::read_stream(*fd, received);
    if (read.result == net::StreamResult::closed) break;
    ByteView rest = read.bytes;
    const auto frame = framer.next(rest);
    if (!frame) break;
    if (!*frame) continue;
    const auto message = stun::MessageView::parse((*frame)->bytes);
    if (message && message->transaction_id() == id) return {};
    break;
  }
  return unexpected(no_answer(server, "TCP", stun::name(method)));
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
  const Endpoint server = local_endpoint(config);
  const bool asks_binding = !config.no_stun;
  // Where everybody may allocate the question would be granted; a Binding then says enough.
  const bool asks_allocate = !config.stun_only && !(config.no_auth && asks_binding);
  if (config.no_udp) {
    const auto method = asks_allocate ? stun::Method::allocate : stun::Method::binding;
    if (auto asked = ask_over_tcp(server, method, patience); !asked) {
      return unexpected(asked.error());
    }
    return std::string(stun::name(method)) + " answered on TCP " + server.to_string();
  }
  if (asks_binding) {
    if (auto asked = ask_binding(server, patience); !asked) return unexpected(asked.error());
  }
  if (asks_allocate) {
    if (auto asked = ask_allocate(server, patience); !asked) return unexpected(asked.error());
  }
  const char* what = !asks_binding    ? "Allocate"
                     : !asks_allocate ? "Binding"
                                      : "Binding and Allocate";
  return std::string(what) + " answered on UDP " + server.to_string();
}

}  // namespace turnpike::cli
