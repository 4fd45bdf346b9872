// From an answer to what it changes and the event that tells of it.
#include <algorithm>

#include "client/answer.h"
#include "client/keep_alive.h"
#include "client/turn_session.h"
#include "stun/attributes.h"

namespace turnpike::client {

using stun::AttributeType;
using stun::Class;
using stun::ErrorCode;
using stun::Method;

namespace {

// A server that finds every nonce stale, or every realm wrong, must not keep us busy for ever.
constexpr uint8_t kMaxAttempts = 5;

bool is_challenge(const stun::MessageView& message) {
  if (message.message_class() != Class::error) return false;
  const uint16_t code = error_code(message);
  return code == static_cast<uint16_t>(ErrorCode::unauthenticated) ||
         code == static_cast<uint16_t>(ErrorCode::stale_nonce);
}

std::optional<Duration> lifetime_of(const stun::MessageView& message) {
  const auto value = message.find(AttributeType::lifetime);
  const auto count = value ? stun::decode_u32(*value) : std::nullopt;
  if (!count) return {};
  return seconds(*count);
}

// RFC 8656 section 18.12.
std::optional<AddressError> address_error(const stun::MessageView& message) {
  const auto value = message.find(AttributeType::address_error_code);
  const auto word = value ? stun::decode_u32(*value) : std::nullopt;
  if (!word) return {};
  const uint32_t code = (*word >> 8 & 7) * 100 + (*word & 0xff);
  return AddressError{static_cast<uint8_t>(*word >> 24), static_cast<uint16_t>(code)};
}

// RFC 8656 section 7.3: one XOR-RELAYED-ADDRESS a family.
std::optional<Endpoint> second_relayed(const stun::MessageView& message) {
  bool first = true;
  for (const stun::Attribute& attribute : message) {
    if (attribute.type != AttributeType::xor_relayed_address) continue;
    if (!std::exchange(first, false)) {
      return stun::decode_xor_address(attribute.value, message.transaction_id());
    }
  }
  return {};
}

}  // namespace

bool TurnSession::on_stun(Instant now, ByteView packet, Output& out) {
  const auto message = stun::MessageView::parse(packet);
  if (!message) return false;
  switch (message->message_class()) {
    case Class::indication:
      return on_indication(*message, out);
    case Class::success:
    case Class::error:
      return on_answer(now, *message, out);
    case Class::request:
      return false;
  }
  return false;
}

bool TurnSession::on_answer(Instant now, const stun::MessageView& message, Output& out) {
  const auto found = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& pending) {
    return pending.id == message.transaction_id() && pending.question.method == message.method();
  });
  if (found == pending_.end()) return false;
  const auto index = static_cast<size_t>(found - pending_.begin());

  if (is_challenge(message)) {
    on_challenge(now, index, message, out);
    return true;
  }
  // An answer to a request without credentials can't be checked. RFC 8489 section 9.2.5 would have
  // us drop a 400 here and wait in vain; telling of it helps more than it could do harm.
  auto trusted = std::optional(message);
  if (pending_[index].asked != 0) trusted = long_term_.verify(message);
  if (!trusted) {
    disbelieve(now, index, message, out);
    return true;
  }

  Pending done = take(index);
  if (has_unknown_required(*trusted)) {
    fail(now, std::move(done), {.kind = FailureKind::malformed}, out);
  } else if (message.message_class() == Class::error) {
    fail(now, std::move(done),
         {.kind = FailureKind::rejected,
          .code = error_code(*trusted),
          .alternate = alternate_server(*trusted)},
         out);
  } else {
    on_success(now, std::move(done), *trusted, out);
  }
  return true;
}

void TurnSession::on_challenge(Instant now, size_t index, const stun::MessageView& message,
                               Output& out) {
  Pending done = take(index);
  const uint16_t code = error_code(message);
  if (const auto problem = long_term_.learn(message, done.asked)) {
    fail(now, std::move(done), {.kind = *problem, .code = code}, out);
    return;
  }
  if (done.attempts >= kMaxAttempts) {
    fail(now, std::move(done), {.kind = FailureKind::rejected, .code = code}, out);
    return;
  }
  const auto attempts = static_cast<uint8_t>(done.attempts + 1);
  transmit(now, std::move(done.question), attempts, out);
}

void TurnSession::disbelieve(Instant now, size_t index, const stun::MessageView& message,
                             Output& out) {
  ++ignored_;
  const uint16_t code = error_code(message);
  if (settings_->delivery == stun::Delivery::reliable) {
    // RFC 8489 section 9.2.5: no better answer can follow on this connection.
    fail(now, take(index), {.kind = FailureKind::not_authenticated, .code = code}, out);
    return;
  }
  pending_[index].disbelieved = true;
  pending_[index].disbelieved_code = code;
}

void TurnSession::on_success(Instant now, Pending done, const stun::MessageView& message,
                             Output& out) {
  bool complete = true;
  switch (done.question.method) {
    case Method::binding:
      complete = on_binding(now, done, message, out);
      break;
    case Method::allocate:
      complete = on_allocated(now, done, message, out);
      break;
    case Method::refresh:
      complete = on_refreshed(now, done, message, out);
      break;
    case Method::create_permission:
      on_permitted(now, done, out);
      break;
    case Method::channel_bind:
      on_channel_bound(now, done, out);
      break;
    case Method::send:
    case Method::data:
    case Method::connect:
    case Method::connection_bind:
    case Method::connection_attempt:
      break;
  }
  if (!complete) fail(now, std::move(done), {.kind = FailureKind::malformed}, out);
}

bool TurnSession::on_binding(Instant now, const Pending& done, const stun::MessageView& message,
                             Output& out) {
  const auto mapped = mapped_address(message);
  if (!mapped) return false;
  out.add_event(BindingAnswered{done.question.request, now - done.schedule.first_sent(), *mapped});
  return true;
}

bool TurnSession::on_allocated(Instant now, const Pending& done, const stun::MessageView& message,
                               Output& out) {
  const auto relayed = xor_address(message, AttributeType::xor_relayed_address);
  const auto mapped = mapped_address(message);
  const auto lifetime = lifetime_of(message);
  if (!relayed || !mapped || !lifetime) return false;

  forget_allocation();
  allocation_.emplace();
  allocation_->relayed = *relayed;
  set_lifetime(done.schedule.first_sent(), *lifetime);
  keep_ticket(message);

  const auto token = message.find(AttributeType::reservation_token);
  out.add_event(Allocated{.request = done.question.request,
                          .took = now - done.schedule.first_sent(),
                          .relayed = *relayed,
                          .additional_relayed = second_relayed(message),
                          .additional_error = address_error(message),
                          .mapped = *mapped,
                          .lifetime = *lifetime,
                          .reservation_token = token ? stun::decode_u64(*token) : std::nullopt});
  return true;
}

void TurnSession::keep_ticket(const stun::MessageView& message) {
  if (const auto ticket = message.find(AttributeType::mobility_ticket)) {
    ticket_.assign(ticket->begin(), ticket->end());
  }
}

bool TurnSession::on_refreshed(Instant now, const Pending& done, const stun::MessageView& message,
                               Output& out) {
  const Duration took = now - done.schedule.first_sent();
  if (done.question.lifetime == seconds(0)) {
    forget_allocation();
    out.add_event(Released{done.question.request, took});
    return true;
  }
  const auto lifetime = lifetime_of(message);
  if (!lifetime) return false;
  if (allocation_) set_lifetime(done.schedule.first_sent(), *lifetime);
  if (allocation_) keep_ticket(message);
  if (done.question.request != RequestId::automatic) {
    out.add_event(Refreshed{done.question.request, took, *lifetime});
  }
  return true;
}

void TurnSession::on_permitted(Instant now, const Pending& done, Output& out) {
  if (allocation_) {
    for (const Endpoint& peer : done.question.peers) {
      add_permission(done.schedule.first_sent(), peer);
    }
  }
  if (done.question.request == RequestId::automatic) return;
  out.add_event(PermissionsCreated{done.question.request, now - done.schedule.first_sent()});
}

void TurnSession::on_channel_bound(Instant now, const Pending& done, Output& out) {
  const Question& question = done.question;
  const Endpoint peer = question.peers.front();
  if (allocation_) {
    const Instant refresh_at = done.schedule.first_sent() + kChannelRefresh;
    const auto found =
        std::find_if(channels_.begin(), channels_.end(),
                     [&](const Channel& channel) { return channel.number == question.channel; });
    if (found == channels_.end()) {
      channels_.push_back({question.channel, peer, refresh_at});
    } else {
      *found = {question.channel, peer, refresh_at};
    }
    // RFC 8656 section 12: binding a channel makes a permission, too.
    add_permission(done.schedule.first_sent(), peer);
  }
  if (question.request == RequestId::automatic) return;
  out.add_event(
      ChannelBound{question.request, now - done.schedule.first_sent(), question.channel, peer});
}

}  // namespace turnpike::client
