#include "client/blocking_turn_client.h"

#include "base/check.h"
#include "net/clock.h"

namespace turnpike::client {

using stun::Method;

namespace {

// RequestId::automatic for what answers nobody.
RequestId request_of(const Event& event) {
  return std::visit(
      [](const auto& value) {
        if constexpr (requires { value.request; }) {
          return value.request;
        } else {
          return RequestId::automatic;
        }
      },
      event);
}

}  // namespace

BlockingTurnClient::BlockingTurnClient(SessionDriver& driver, const SessionSettings& settings,
                                       RandomSource& random, Duration patience)
    : driver_(driver), session_(settings, random), patience_(patience) {}

BlockingTurnClient::~BlockingTurnClient() {
  if (link_) driver_.close(*link_);
}

std::optional<net::SysError> BlockingTurnClient::open(const Endpoint& server) {
  return open(ServerAddress{.server = server, .host = {}});
}

std::optional<net::SysError> BlockingTurnClient::open(const ServerAddress& server) {
  CHECK(!link_);
  const auto link =
      driver_.connect(session_, server, [this](const Event& event) { on_event(event); });
  if (!link) return link.error();
  link_ = *link;
  return {};
}

void BlockingTurnClient::on_event(const Event& event) {
  if (const auto* data = std::get_if<PeerDataView>(&event)) {
    if (on_data) on_data(*data);
    return;
  }
  if (const auto* lost = std::get_if<AllocationLost>(&event)) lost_ = *lost;
  // An answer that comes after we gave up on it is not the answer to the next question.
  if (request_of(event) == awaited_) answer_ = event;
}

Result<Event, RequestFailed> BlockingTurnClient::ask(Method method, const Ask& call) {
  answer_.reset();
  driver_.call(*link_, [&](Instant now, Output& out) { awaited_ = call(now, out); });
  const bool answered = driver_.run_until([this] { return answer_.has_value() || refused(); },
                                          net::monotonic_now() + patience_);
  if (!answered || !answer_) {
    return unexpected(RequestFailed{.request = awaited_,
                                    .took = patience_,
                                    .method = method,
                                    .kind = FailureKind::timed_out,
                                    .code = 0});
  }
  if (const auto* failed = std::get_if<RequestFailed>(&*answer_)) return unexpected(*failed);
  return *answer_;
}

template <typename Answer>
Result<Answer, RequestFailed> BlockingTurnClient::ask_for(Method method, const Ask& call) {
  const auto answer = ask(method, call);
  if (!answer) return unexpected(answer.error());
  const auto* expected = std::get_if<Answer>(&*answer);
  CHECK(expected != nullptr);
  return *expected;
}

Result<Allocated, RequestFailed> BlockingTurnClient::allocate(const AllocateOptions& options) {
  return ask_for<Allocated>(Method::allocate, [&](Instant now, Output& out) {
    return session_.allocate(now, options, out);
  });
}

Result<PermissionsCreated, RequestFailed> BlockingTurnClient::permit(const Endpoint& peer) {
  return ask_for<PermissionsCreated>(Method::create_permission, [&](Instant now, Output& out) {
    return session_.create_permission(now, std::array{peer}, out);
  });
}

Result<ChannelBound, RequestFailed> BlockingTurnClient::bind_channel(uint16_t number,
                                                                     const Endpoint& peer) {
  return ask_for<ChannelBound>(Method::channel_bind, [&](Instant now, Output& out) {
    return session_.bind_channel(now, number, peer, out);
  });
}

Result<Released, RequestFailed> BlockingTurnClient::release() {
  return ask_for<Released>(Method::refresh, [&](Instant now, Output& out) {
    return session_.refresh(now, seconds(0), out);
  });
}

void BlockingTurnClient::send(const Endpoint& peer, ByteView payload) {
  driver_.call(*link_, [&](Instant, Output& out) { session_.send(peer, payload, out); });
}

}  // namespace turnpike::client
