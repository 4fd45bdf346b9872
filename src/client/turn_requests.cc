// From a question to the bytes of a request, and sending them again.
#include "client/turn_session.h"
#include "stun/builder.h"

namespace turnpike::client {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using stun::RetransmitSchedule;

namespace {

void add_allocate_options(stun::MessageBuilder& builder, const AllocateOptions& options) {
  builder.add_requested_transport(options.protocol);
  if (options.lifetime) {
    builder.add_u32(AttributeType::lifetime, static_cast<uint32_t>(options.lifetime->count()));
  }
  if (options.dont_fragment) builder.add_empty(AttributeType::dont_fragment);
  if (options.family) builder.add_family(AttributeType::requested_address_family, *options.family);
  if (options.additional_family) {
    builder.add_family(AttributeType::additional_address_family, *options.additional_family);
  }
  if (options.even_port) {
    builder.add_even_port(*options.even_port == EvenPort::even_and_reserve_next);
  }
  if (options.mobility) builder.add_empty(AttributeType::mobility_ticket);
  if (options.reservation_token) {
    builder.add_u64(AttributeType::reservation_token, *options.reservation_token);
  }
}

}  // namespace

RequestId TurnSession::ask(Instant now, Question question, Output& out) {
  question.request = RequestId(next_request_++);
  if (next_request_ == 0) next_request_ = 1;
  const RequestId id = question.request;
  transmit(now, std::move(question), 1, out);
  return id;
}

void TurnSession::transmit(Instant now, Question question, uint8_t attempts, Output& out) {
  // A Binding request says who we are only if it was asked to.
  const bool sign = question.method != Method::binding || attempts > 1;
  const LongTermClient::Epoch epoch = sign ? long_term_.epoch() : LongTermClient::Epoch{0};
  stun::TransactionId id;
  random_->fill(id);
  const ByteView bytes = write(question, id, epoch, out);
  pending_.push_back(
      {.question = std::move(question),
       .id = id,
       .schedule = RetransmitSchedule(settings_->retransmit, settings_->delivery, now),
       .asked = epoch,
       .attempts = attempts,
       .bytes = {bytes.begin(), bytes.end()}});
  out.add_packet(bytes.size());
}

ByteView TurnSession::write(const Question& question, const stun::TransactionId& id,
                            LongTermClient::Epoch epoch, Output& out) const {
  stun::MessageBuilder builder(out.room(size_bound(question)), question.method, Class::request, id);
  if (!settings_->software.empty()) builder.add(AttributeType::software, settings_->software);
  if (question.allocate) add_allocate_options(builder, *question.allocate);
  if (question.lifetime) {
    builder.add_u32(AttributeType::lifetime, static_cast<uint32_t>(question.lifetime->count()));
  }
  if (question.moves) builder.add(AttributeType::mobility_ticket, ByteView(ticket_));
  if (question.method == Method::channel_bind) builder.add_channel_number(question.channel);
  for (const Endpoint& peer : question.peers) {
    builder.add_xor_address(AttributeType::xor_peer_address, peer);
  }
  if (epoch != 0) long_term_.sign(builder);
  return builder.finish();
}

size_t TurnSession::size_bound(const Question& question) const {
  // Header, software with its own, the options of an Allocate, and 24 bytes for each IPv6 peer.
  return stun::kHeaderSize + settings_->software.size() + 7 + 64 + 24 * question.peers.size() +
         (question.moves ? ticket_.size() + 7 : 0) + long_term_.signature_size();
}

void TurnSession::repeat_or_give_up(Instant now, Output& out) {
  for (size_t i = 0; i < pending_.size();) {
    switch (pending_[i].schedule.poll(now)) {
      case RetransmitSchedule::Step::wait:
        ++i;
        continue;
      case RetransmitSchedule::Step::resend:
        out.add_packet(pending_[i++].bytes);
        continue;
      case RetransmitSchedule::Step::give_up:
        break;
    }
    // RFC 8489 section 9.2.5: that every answer was forged is not the same as that none came.
    Pending done = take(i);
    const auto kind = done.disbelieved ? FailureKind::not_authenticated : FailureKind::timed_out;
    const uint16_t code = done.disbelieved_code;
    fail(now, std::move(done), {.kind = kind, .code = code}, out);
  }
}

}  // namespace turnpike::client
