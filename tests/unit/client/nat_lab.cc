#include "nat_lab.h"

#include <algorithm>

#include "stun/attributes.h"
#include "stun/builder.h"
#include "stun/message.h"
#include "support/messages.h"

namespace turnpike::client {

using stun::AttributeType;
using stun::Class;
using stun::Method;

namespace {

// Longer UDP payloads are sent in pieces.
constexpr size_t kOnePiece = 1472;

Endpoint inside_of(Slot slot) {
  return {kHostIp, static_cast<uint16_t>(5060 + slot)};
}

std::optional<Endpoint> key_for(NatBehavior mapping, const Endpoint& to) {
  if (mapping == NatBehavior::address_dependent) return Endpoint{to.ip, 0};
  if (mapping == NatBehavior::address_and_port_dependent) return to;
  return {};
}

struct Question {
  bool change_ip = false;
  bool change_port = false;
  std::optional<uint16_t> response_port;
  size_t padding = 0;
  bool strange = false;
};

Question read_question(const stun::MessageView& message) {
  Question question;
  if (const auto value = message.find(AttributeType::change_request)) {
    const auto change = stun::decode_change_request(*value);
    question.change_ip = change->change_ip;
    question.change_port = change->change_port;
  }
  if (const auto value = message.find(AttributeType::response_port)) {
    question.response_port = stun::decode_response_port(*value);
  }
  if (const auto value = message.find(AttributeType::padding)) question.padding = value->size();
  for (const stun::Attribute& attribute : message) {
    if (stun::is_required(attribute.type) && stun::name(attribute.type) == "?") {
      question.strange = true;
    }
  }
  return question;
}

}  // namespace

NatLab::NatLab(const LabNat& with, std::vector<LabServer> servers, uint64_t seed)
    : nat(with), servers_(std::move(servers)), random_(seed) {}

void NatLab::forget_mappings() {
  mappings_.clear();
}

void NatLab::speak(Slot slot, const Endpoint& to) {
  map_out(inside_of(slot), to).spoken_to.insert(to);
}

void NatLab::run(ProbeSession& session, Duration limit) {
  session_ = &session;
  ProbeOutput out;
  session.start(now_, out);
  carry_out(session, out);
  while (!session.done() && elapsed() < limit) {
    Instant next = session.deadline();
    for (const Flight& flight : flights_) next = std::min(next, flight.arrives);
    for (const Fault& fault : faults_) next = std::min(next, kStart + fault.when);
    if (next == Instant::max()) break;
    now_ = std::max(now_, next);
    for (size_t i = 0; i < faults_.size(); ++i) {
      if (kStart + faults_[i].when > now_) continue;
      const auto act = faults_[i].act;
      faults_.erase(faults_.begin() + static_cast<ptrdiff_t>(i));
      act();
      break;
    }
    const auto first =
        std::min_element(flights_.begin(), flights_.end(), [](const Flight& a, const Flight& b) {
          return std::pair(a.arrives, a.order) < std::pair(b.arrives, b.order);
        });
    if (first != flights_.end() && first->arrives <= now_) {
      const Flight flight = *first;
      flights_.erase(first);
      arrive(flight, session);
    } else if (session.deadline() <= now_) {
      ProbeOutput more;
      session.on_time(now_, more);
      carry_out(session, more);
    }
  }
}

void NatLab::carry_out(ProbeSession& session, ProbeOutput& out) {
  for (const ProbePacket& packet : out.packets) from_host(packet, session);
}

void NatLab::from_host(const ProbePacket& packet, ProbeSession& session) {
  ++sent_;
  const Endpoint inside = inside_of(packet.slot);
  if (known_.insert(packet.slot).second) session.on_local(packet.slot, inside);
  if (nat.blocks || lost()) return;
  if (nat.drops_fragments_out && packet.bytes.size() > kOnePiece) return;
  Mapping& mapping = map_out(inside, packet.to);
  mapping.spoken_to.insert(packet.to);
  mapping.last_sent = now_;
  if (packet.to.ip == kNatIp && !nat.hairpins) return;
  send(mapping.outside, packet.to, packet.bytes);
}

NatLab::Mapping& NatLab::map_out(const Endpoint& inside, const Endpoint& to) {
  const auto key = nat.translates ? key_for(nat.mapping, to) : std::nullopt;
  std::erase_if(mappings_,
                [&](const Mapping& old) { return now_ - old.last_sent > nat.forgets_after; });
  for (Mapping& mapping : mappings_) {
    if (mapping.inside == inside && mapping.towards == key) return mapping;
  }
  Endpoint outside = inside;
  if (nat.translates) {
    outside = {kNatIp, nat.preserves_ports ? inside.port : next_port_++};
  }
  mappings_.push_back({inside, outside, key, {}, now_});
  return mappings_.back();
}

void NatLab::send(const Endpoint& from, const Endpoint& to, std::vector<uint8_t> bytes) {
  flights_.push_back({now_ + kOneWay, order_++, from, to, std::move(bytes)});
}

void NatLab::arrive(const Flight& flight, ProbeSession& session) {
  for (const LabServer& server : servers_) {
    if (flight.to == server.address) return at_server(server, flight.to, flight);
    if (!server.other || server.quirk == Quirk::advertises_nowhere) continue;
    const bool here = flight.to.ip == server.address.ip || flight.to.ip == server.other->ip;
    const bool port = flight.to.port == server.address.port || flight.to.port == server.other->port;
    if (here && port) return at_server(server, flight.to, flight);
  }
  to_host(flight, session);
}

void NatLab::at_server(const LabServer& server, const Endpoint& at, const Flight& flight) {
  const auto message = stun::MessageView::parse(flight.bytes);
  if (!message || server.quirk == Quirk::silent) return;
  Question question = read_question(*message);
  const bool change = question.change_ip || question.change_port;
  if (change && server.quirk == Quirk::drops_change) return;
  const bool unknown = question.strange || question.response_port || question.padding > 0;
  if (unknown && server.quirk == Quirk::drops_unknown) return;
  if (question.padding > 0 && server.quirk == Quirk::pads_to_mtu) question.padding = 1500;
  const bool reject = question.strange ||
                      (change && (server.quirk == Quirk::rejects_change || !server.other)) ||
                      (question.response_port && server.quirk == Quirk::no_response_port);
  // RFC 5780 section 6.1, table 1: the other address is the one that differs in both.
  Endpoint from = at;
  std::optional<Endpoint> other;
  if (server.other) {
    other = Endpoint{at.ip == server.address.ip ? server.other->ip : server.address.ip,
                     at.port == server.address.port ? server.other->port : server.address.port};
    if (change && !reject && server.quirk != Quirk::ignores_change) {
      if (question.change_ip || server.quirk == Quirk::changes_both) from.ip = other->ip;
      if (question.change_port) from.port = other->port;
      // Nobody is there to answer.
      if (server.quirk == Quirk::advertises_nowhere) return;
    }
  }
  if (server.quirk == Quirk::answers_elsewhere) from.port = 9;
  const Endpoint sees = server.quirk == Quirk::lies ? Endpoint{Ip::v4(0x05050505), 5} : flight.from;
  const bool plain = server.quirk == Quirk::plain_only;
  std::vector<uint8_t> answer = testing::make_message(
      Method::binding, reject ? Class::error : Class::success, message->transaction_id(),
      [&](stun::MessageBuilder& builder) {
        if (reject) return builder.add_error(stun::ErrorCode::unknown_attribute);
        builder.add_address(AttributeType::mapped_address, sees);
        if (!plain) builder.add_xor_address(AttributeType::xor_mapped_address, sees);
        if (other) {
          builder.add_address(plain ? AttributeType::changed_address : AttributeType::other_address,
                              *other);
        }
        if (plain) builder.add_address(AttributeType::source_address, from);
        if (question.padding > 0) {
          const auto room = builder.claim(AttributeType::padding, question.padding);
          std::fill(room.begin(), room.end(), uint8_t{0});
        }
        builder.add(AttributeType::software, "abcde");
      });
  // The last attribute's padding is missing, as some servers have it.
  if (plain) {
    answer.resize(answer.size() - 3);
    answer[3] = static_cast<uint8_t>(answer[3] - 3);
  }
  const Endpoint to{flight.from.ip, question.response_port.value_or(flight.from.port)};
  send(from, to, answer);
  if (server.quirk == Quirk::twice) send(from, to, answer);
}

bool NatLab::lets_in(const Mapping& mapping, const Endpoint& from) const {
  if (nat.forwards && mapping.inside == inside_of(0)) return true;
  switch (nat.filtering) {
    case NatBehavior::address_dependent:
      return std::any_of(mapping.spoken_to.begin(), mapping.spoken_to.end(),
                         [&from](const Endpoint& to) { return to.ip == from.ip; });
    case NatBehavior::address_and_port_dependent:
      return mapping.spoken_to.count(from) > 0;
    case NatBehavior::endpoint_independent:
    case NatBehavior::endpoint_dependent:
    case NatBehavior::unknown:
      break;
  }
  return true;
}

void NatLab::to_host(const Flight& flight, ProbeSession& session) {
  if (lost()) return;
  if (nat.drops_fragments_in && flight.bytes.size() > kOnePiece) return;
  for (const Mapping& mapping : mappings_) {
    if (mapping.outside != flight.to || !lets_in(mapping, flight.from)) continue;
    if (now_ - mapping.last_sent > nat.forgets_after) continue;
    ProbeOutput out;
    const auto slot = static_cast<Slot>(mapping.inside.port - 5060);
    session.on_packet(now_, slot, flight.from, flight.bytes, out);
    return carry_out(session, out);
  }
}

void NatLab::call(const std::function<void(Instant, ProbeOutput&)>& act) {
  ProbeOutput out;
  act(now_, out);
  carry_out(*session_, out);
}

}  // namespace turnpike::client
