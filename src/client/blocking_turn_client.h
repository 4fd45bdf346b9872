// A TURN client whose calls wait for their answers: for tools and tests with real sockets.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "client/session_driver.h"
#include "client/turn_session.h"

namespace turnpike::client {

class BlockingTurnClient {
 public:
  // All but `patience` must outlive the client. A call gives up after `patience`.
  BlockingTurnClient(SessionDriver& driver, SessionSettings&& settings, RandomSource& random,
                     Duration patience) = delete;
  BlockingTurnClient(SessionDriver& driver, const SessionSettings& settings, RandomSource& random,
                     Duration patience);
  BlockingTurnClient(const BlockingTurnClient&) = delete;
  BlockingTurnClient& operator=(const BlockingTurnClient&) = delete;
  ~BlockingTurnClient();

  // Takes a port of its own, and begins to connect where there is a connection. The answer is an
  // error, if there is one. The settings say what the transport delivers: delivery_over().
  std::optional<net::SysError> open(const ServerAddress& server);
  // Over plain UDP.
  std::optional<net::SysError> open(const Endpoint& server);

  // Require open().
  Result<Allocated, RequestFailed> allocate(const AllocateOptions& options);
  Result<PermissionsCreated, RequestFailed> permit(const Endpoint& peer);
  Result<ChannelBound, RequestFailed> bind_channel(uint16_t number, const Endpoint& peer);
  Result<Released, RequestFailed> release();
  void send(const Endpoint& peer, ByteView payload);

  // Called while anybody runs the driver. The view lives until the handler returns.
  std::function<void(const PeerDataView&)> on_data;

  [[nodiscard]] const TurnSession& session() const { return session_; }
  // Nobody listens there, or the connection is gone.
  [[nodiscard]] bool refused() const { return link_ && driver_.refused(*link_); }
  // In words; empty while it is not refused.
  [[nodiscard]] std::string failure() const { return link_ ? driver_.failure(*link_) : ""; }
  // Why the allocation ended by itself, if it did.
  [[nodiscard]] const std::optional<AllocationLost>& lost() const { return lost_; }

 private:
  using Ask = std::function<RequestId(Instant, Output&)>;
  // The answering event, or the failure; timed out when there is none in time.
  Result<Event, RequestFailed> ask(stun::Method method, const Ask& call);
  template <typename Answer>
  Result<Answer, RequestFailed> ask_for(stun::Method method, const Ask& call);
  void on_event(const Event& event);

  SessionDriver& driver_;
  TurnSession session_;
  Duration patience_;
  std::optional<SessionDriver::Link> link_;
  RequestId awaited_ = RequestId::automatic;  // What the call that waits has asked.
  std::optional<Event> answer_;               // To that.
  std::optional<AllocationLost> lost_;
};

}  // namespace turnpike::client
