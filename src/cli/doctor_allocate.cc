// One real Allocate, over each transport.
#include <array>

#include "auth/time_limited.h"
#include "cli/doctor.h"
#include "cli/probe_report.h"
#include "client/blocking_turn_client.h"
#include "net/clock.h"
#include "net/stream_client.h"
#include "stun/stream_framer.h"

namespace turnpike::cli {
namespace {

constexpr seconds kAllocatePatience{5};

std::string sentence(const client::RequestFailed& failure) {
  const ProbeProblem problem = explain(failure);
  return problem.what + (problem.advice.empty() ? "" : ". " + problem.advice);
}

// The session's packets out, the server's frames in, until the answer is there.
class StreamExchange {
 public:
  StreamExchange(net::StreamClient& stream, const client::SessionSettings& settings)
      : stream_(stream), session_(settings, random_) {
    framer_.allow_long_frames();
  }

  Result<Endpoint, std::string> allocate() {
    out_.clear();
    session_.allocate(net::monotonic_now(), {}, out_);
    while (true) {
      if (auto answer = take_events()) return *answer;
      if (!send_packets()) return unexpected(std::string("the connection was closed"));
      out_.clear();
      if (!receive()) return unexpected(std::string("no answer to the Allocate"));
    }
  }

  void release() {
    out_.clear();
    session_.refresh(net::monotonic_now(), seconds(0), out_);
    static_cast<void>(send_packets());
  }

 private:
  std::optional<Result<Endpoint, std::string>> take_events() {
    for (const client::Event& event : out_.events()) {
      if (const auto* allocated = std::get_if<client::Allocated>(&event)) {
        return Result<Endpoint, std::string>(allocated->relayed);
      }
      if (const auto* failed = std::get_if<client::RequestFailed>(&event)) {
        return Result<Endpoint, std::string>(unexpected(sentence(*failed)));
      }
    }
    return {};
  }

  bool send_packets() {
    for (size_t i = 0; i < out_.packet_count(); ++i) {
      if (!stream_.send(out_.packet(i))) return false;
    }
    return true;
  }

  bool receive() {
    std::array<uint8_t, 4096> room;
    ByteView bytes = stream_.receive(room);
    if (bytes.empty()) return false;
    while (true) {
      const auto frame = framer_.next(bytes);
      if (!frame) return false;
      if (!*frame) return true;
      session_.on_packet(net::monotonic_now(), (*frame)->bytes, out_);
    }
  }

  net::StreamClient& stream_;
  RandomSource random_;
  client::TurnSession session_;
  stun::StreamFramer framer_;
  client::Output out_;
};

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

Result<Endpoint, std::string> allocate_over_udp(const Endpoint& server,
                                                const client::Credentials& credentials) {
  client::UdpDriver driver;
  RandomSource random;
  const client::SessionSettings settings{.credentials = credentials};
  client::BlockingTurnClient client(driver, settings, random, kAllocatePatience);
  if (const auto error = client.open(server)) return unexpected(error->to_string());
  const auto allocated = client.allocate({});
  if (!allocated && client.refused()) return unexpected(std::string("nobody listens there"));
  if (!allocated) return unexpected(sentence(allocated.error()));
  static_cast<void>(client.release());
  return allocated->relayed;
}

Result<Endpoint, std::string> allocate_over_stream(const Endpoint& server, bool secure,
                                                   const client::Credentials& credentials) {
  const auto security = secure ? net::StreamSecurity::tls : net::StreamSecurity::none;
  const auto stream = net::StreamClient::connect(server, security, kAllocatePatience);
  if (!stream) return unexpected(stream.error());
  const client::SessionSettings settings{.credentials = credentials,
                                         .delivery = stun::Delivery::reliable};
  StreamExchange exchange(**stream, settings);
  const auto relayed = exchange.allocate();
  if (relayed) exchange.release();
  return relayed;
}

}  // namespace turnpike::cli
