// One Binding request and its answer (RFC 8489 section 2): which address does the server see?
#pragma once

#include "base/random.h"
#include "client/session.h"
#include "stun/transaction.h"

namespace turnpike::client {

class BindingQuestion final : public Session {
 public:
  explicit BindingQuestion(const stun::RetransmitPolicy& policy = {},
                           stun::Delivery delivery = stun::Delivery::unreliable)
      : policy_(policy), delivery_(delivery) {}

  // Asks. A question that is still open is forgotten.
  void ask(Instant now, RandomSource& random, Output& out);

  // The answer is a BindingAnswered or a RequestFailed, both for RequestId::automatic.
  bool on_packet(Instant now, ByteView packet, Output& out) override;
  void on_time(Instant now, Output& out) override;
  [[nodiscard]] Instant deadline() const override;

 private:
  void send(Output& out) const;

  stun::RetransmitPolicy policy_;
  stun::Delivery delivery_;
  stun::TransactionId id_{};
  std::optional<stun::RetransmitSchedule> schedule_;  // Set while the question is open.
};

}  // namespace turnpike::client
