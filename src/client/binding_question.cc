#include "client/binding_question.h"

#include "client/answer.h"
#include "stun/builder.h"
#include "stun/demux.h"

namespace turnpike::client {

using stun::Class;
using stun::Method;

void BindingQuestion::ask(Instant now, RandomSource& random, Output& out) {
  random.fill(id_);
  schedule_.emplace(policy_, delivery_, now);
  send(out);
}

void BindingQuestion::send(Output& out) const {
  constexpr size_t kSize = stun::kHeaderSize + 8;
  stun::MessageBuilder builder(out.room(kSize), Method::binding, Class::request, id_);
  builder.add_fingerprint();
  out.add_packet(builder.finish().size());
}

bool BindingQuestion::on_packet(Instant now, ByteView packet, Output& out) {
  if (!schedule_ || stun::classify_datagram(packet) != stun::PacketKind::stun) return false;
  const auto message = stun::MessageView::parse(packet);
  if (!message || message->method() != Method::binding || message->transaction_id() != id_) {
    return false;
  }
  if (message->message_class() != Class::success && message->message_class() != Class::error) {
    return false;
  }
  const Duration took = now - schedule_->first_sent();
  schedule_.reset();

  if (message->message_class() == Class::error) {
    out.add_event(RequestFailed{RequestId::automatic,
                                took,
                                Method::binding,
                                FailureKind::rejected,
                                error_code(*message),
                                {}});
    return true;
  }
  const auto mapped = mapped_address(*message);
  if (!mapped || has_unknown_required(*message)) {
    out.add_event(
        RequestFailed{RequestId::automatic, took, Method::binding, FailureKind::malformed, 0, {}});
    return true;
  }
  out.add_event(BindingAnswered{RequestId::automatic, took, *mapped});
  return true;
}

void BindingQuestion::on_time(Instant now, Output& out) {
  if (!schedule_) return;
  switch (schedule_->poll(now)) {
    case stun::RetransmitSchedule::Step::wait:
      return;
    case stun::RetransmitSchedule::Step::resend:
      send(out);
      return;
    case stun::RetransmitSchedule::Step::give_up:
      break;
  }
  const Duration took = now - schedule_->first_sent();
  schedule_.reset();
  out.add_event(
      RequestFailed{RequestId::automatic, took, Method::binding, FailureKind::timed_out, 0, {}});
}

Instant BindingQuestion::deadline() const {
  return schedule_ ? schedule_->deadline() : Instant::max();
}

}  // namespace turnpike::client
