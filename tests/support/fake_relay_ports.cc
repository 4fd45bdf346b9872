#include "support/fake_relay_ports.h"

#include "base/check.h"

namespace turnpike::testing {

using turn::OpenError;
using turn::PortNeed;
using turn::RelayId;
using turn::RelayLease;

void FakePortSpace::expire_reservations(Instant now) {
  std::erase_if(reserved_, [&](const auto& entry) {
    const Reservation& reservation = entry.second;
    if (now < reservation.deadline) return false;
    taken_.erase(reservation.local);
    return true;
  });
}

std::optional<uint16_t> FakePortSpace::take_port(const Ip& local, PortNeed need) {
  const uint32_t count = max_port - min_port + 1U;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t port = min_port + (cursor_ + i) % count;
    const auto free = [&](uint32_t p) {
      return p <= max_port && !taken_.contains({local, static_cast<uint16_t>(p)});
    };
    if (!free(port) || (need != PortNeed::any && port % 2 != 0)) continue;
    if (need == PortNeed::even_and_next && !free(port + 1)) continue;
    cursor_ = (cursor_ + i + 1) % count;
    taken_.insert({local, static_cast<uint16_t>(port)});
    if (need == PortNeed::even_and_next) taken_.insert({local, static_cast<uint16_t>(port + 1)});
    return static_cast<uint16_t>(port);
  }
  return {};
}

RelayLease FakeRelayPorts::make_lease(const Endpoint& local, const Endpoint& external) {
  const SlabHandle handle = open_.emplace(Open{local, external});
  return RelayLease(*this, {handle.index, handle.generation}, local, external);
}

Result<turn::OpenedPorts, OpenError> FakeRelayPorts::open(const turn::OpenRequest& request) {
  requests_.push_back(request);
  const auto& failure = failures_[request.family == IpFamily::v4 ? 0 : 1];
  if (failure) return unexpected(*failure);
  const auto& address = space_.address(request.family);
  if (!address) return unexpected(OpenError::no_address);
  const auto port = space_.take_port(address->local, request.need);
  if (!port) return unexpected(OpenError::ports_in_use);

  turn::OpenedPorts opened;
  opened.first = make_lease({address->local, *port}, {address->external, *port});
  if (request.need == PortNeed::even_and_next) {
    const auto next = static_cast<uint16_t>(*port + 1);
    opened.next = make_lease({address->local, next}, {address->external, next});
  }
  return opened;
}

void FakeRelayPorts::park(RelayLease lease, turn::ReservationToken token, Instant deadline) {
  CHECK(lease);
  space_.reserved_[token] = {lease.local(), lease.external(), deadline};
  parked_.insert({lease.id().index, lease.id().generation});
}

std::optional<RelayLease> FakeRelayPorts::claim(turn::ReservationToken token, Instant now) {
  space_.expire_reservations(now);
  const auto it = space_.reserved_.find(token);
  if (it == space_.reserved_.end()) return {};
  const FakePortSpace::Reservation reservation = it->second;
  space_.reserved_.erase(it);
  return make_lease(reservation.local, reservation.external);
}

void FakeRelayPorts::close(RelayId id) {
  const SlabHandle handle = {id.index, id.generation};
  const Open* open = open_.find(handle);
  CHECK(open != nullptr);
  if (parked_.erase({id.index, id.generation}) == 0) space_.taken_.erase(open->local);
  open_.erase(handle);
}

std::optional<RelayId> FakeRelayPorts::find(const Endpoint& endpoint) {
  std::optional<RelayId> found;
  open_.for_each([&](SlabHandle handle, const Open& open) {
    if (open.local == endpoint || open.external == endpoint) {
      found = RelayId{handle.index, handle.generation};
    }
  });
  return found;
}

const Endpoint* FakeRelayPorts::external_of(RelayId id) {
  const Open* open = open_.find({id.index, id.generation});
  return open == nullptr ? nullptr : &open->external;
}

const Endpoint* FakeRelayPorts::local_of(RelayId id) {
  const Open* open = open_.find({id.index, id.generation});
  return open == nullptr ? nullptr : &open->local;
}

}  // namespace turnpike::testing
