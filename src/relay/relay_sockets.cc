#include "relay/relay_sockets.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/clock.h"
#include "net/tcp_connect.h"

namespace turnpike::relay {

using turn::OpenedPorts;
using turn::OpenError;
using turn::PortNeed;
using turn::RelayId;
using turn::RelayLease;
using turn::RelayTransport;

namespace {

// A host has a handful of addresses; more can only come from a whole routed network, and then the
// memory of busy ports is what we can do without.
constexpr size_t kMaxPickers = 64;

enum class BindOutcome : uint8_t { bound, busy, refused, no_descriptors };

BindOutcome outcome_of(int error) {
  switch (error) {
    case 0:
      return BindOutcome::bound;
    case EADDRINUSE:
    case EACCES:  // A privileged port in the range is as good as taken.
      return BindOutcome::busy;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
      return BindOutcome::no_descriptors;
    default:
      return BindOutcome::refused;
  }
}

}  // namespace

RelaySockets::RelaySockets(const RelaySettings& settings,
                           std::shared_ptr<const net::HostAddresses> host, const Shared& shared,
                           std::function<void(RelayId)> on_readable)
    : settings_(settings),
      addresses_(settings.relay_ips, settings.external_ips, std::move(host)),
      loop_(shared.loop),
      random_(shared.random),
      reservations_(shared.reservations),
      gathering_(shared.gathering),
      slots_(shared.slots),
      hash_{random_.hash_key()},
      on_readable_(std::move(on_readable)) {}

Result<OpenedPorts, OpenError> RelaySockets::open(const turn::OpenRequest& request) {
  if (request.transport == RelayTransport::tcp) return open_tcp(request);
  if (request.need == PortNeed::even_and_next && !reservations_.has_room()) {
    return unexpected(OpenError::ports_in_use);
  }
  addresses_.choose(request, turn_++, candidates_);
  OpenError error = OpenError::no_address;
  for (const Ip& ip : candidates_) {
    Result<Sockets, AddressError> sockets = bind_on(ip, request.need);
    if (!sockets) {
      if (sockets.error() == AddressError::no_descriptors) {
        return unexpected(OpenError::no_descriptors);
      }
      error = worse(error, sockets.error());
      continue;
    }
    const Ip external = addresses_.external_of(ip);
    const auto lease = [&](net::UdpSocket& socket) {
      const uint16_t port = socket.local().port;
      return adopt({.socket = std::move(socket), .external = {.ip = external, .port = port}});
    };
    std::optional<RelayLease> first = lease(sockets->first);
    if (!first) return unexpected(OpenError::no_descriptors);
    if (!sockets->next) return OpenedPorts{.first = std::move(*first), .next = {}};
    std::optional<RelayLease> next = lease(sockets->next);
    if (!next) return unexpected(OpenError::no_descriptors);
    return OpenedPorts{.first = std::move(*first), .next = std::move(*next)};
  }
  return unexpected(error);
}

// What is told of several addresses when none could be had: that there was one counts more than
// that there was none, and a port that may be free soon more than either.
OpenError RelaySockets::worse(OpenError so_far, AddressError next) {
  if (next == AddressError::ports_in_use) return OpenError::ports_in_use;
  const bool refused = next == AddressError::refused && so_far == OpenError::no_address;
  return refused ? OpenError::bind_refused : so_far;
}

void RelaySockets::use(const RelaySettings& settings) {
  // A picker knows its range, and what it remembers of busy ports is learnt again.
  pickers_.clear();
  settings_ = settings;
  addresses_.use(settings.relay_ips, settings.external_ips);
}

Result<net::UdpSocket, RelaySockets::AddressError> RelaySockets::make_socket(
    IpFamily family) const {
  Result<net::UdpSocket, net::SysError> socket =
      net::make_udp_socket({.family = family,
                            .gro = settings_.join_received,
                            .icmp_errors = true,
                            .tuned_in_use = true,
                            .receive_buffer = settings_.receive_buffer,
                            .send_buffer = settings_.send_buffer});
  if (socket) return std::move(*socket);
  // A host without IPv6 has no addresses of it either.
  return unexpected(socket.error().code == EAFNOSUPPORT ? AddressError::no_family
                                                        : AddressError::no_descriptors);
}

Result<RelaySockets::Sockets, RelaySockets::AddressError> RelaySockets::bind_on(const Ip& ip,
                                                                                PortNeed need) {
  Result<net::UdpSocket, AddressError> first = make_socket(ip.family());
  if (!first) return unexpected(first.error());
  PortPicker::Search search =
      picker_of(ip, RelayTransport::udp).search(need, random_, net::monotonic_now());
  while (const std::optional<uint16_t> port = search.next()) {
    switch (outcome_of(first->bind({.ip = ip, .port = *port}))) {
      case BindOutcome::bound:
        break;
      case BindOutcome::busy:
        search.busy(*port);
        continue;
      case BindOutcome::refused:
        return unexpected(AddressError::refused);
      case BindOutcome::no_descriptors:
        return unexpected(AddressError::no_descriptors);
    }
    if (need != PortNeed::even_and_next) return Sockets{.first = std::move(*first), .next = {}};

    Result<net::UdpSocket, AddressError> next = make_socket(ip.family());
    if (!next) return unexpected(next.error());
    const auto next_port = static_cast<uint16_t>(*port + 1);
    if (next->bind({.ip = ip, .port = next_port}) == 0) {
      return Sockets{.first = std::move(*first), .next = std::move(*next)};
    }
    search.busy(next_port);
    // A bound socket can't be bound again.
    first = make_socket(ip.family());
    if (!first) return unexpected(first.error());
  }
  return unexpected(AddressError::ports_in_use);
}

Result<OpenedPorts, OpenError> RelaySockets::open_tcp(const turn::OpenRequest& request) {
  addresses_.choose(request, turn_++, candidates_);
  OpenError error = OpenError::no_address;
  for (const Ip& ip : candidates_) {
    Result<Listener, AddressError> listener = listen_on(ip);
    if (listener) {
      std::optional<RelayLease> lease = adopt(std::move(*listener), addresses_.external_of(ip));
      if (!lease) return unexpected(OpenError::no_descriptors);
      return OpenedPorts{.first = std::move(*lease), .next = {}};
    }
    if (listener.error() == AddressError::no_descriptors) {
      return unexpected(OpenError::no_descriptors);
    }
    error = worse(error, listener.error());
  }
  return unexpected(error);
}

Result<RelaySockets::Listener, RelaySockets::AddressError> RelaySockets::listen_on(const Ip& ip) {
  PortPicker::Search search =
      picker_of(ip, RelayTransport::tcp).search(PortNeed::any, random_, net::monotonic_now());
  while (const std::optional<uint16_t> port = search.next()) {
    const Endpoint local{.ip = ip, .port = *port};
    Result<net::Fd, int> fd = net::listen_alone(local);
    if (fd) return Listener{.fd = std::move(*fd), .local = local};
    switch (outcome_of(fd.error())) {
      case BindOutcome::bound:
      case BindOutcome::busy:
        search.busy(*port);
        break;
      case BindOutcome::refused:
        return unexpected(AddressError::refused);
      case BindOutcome::no_descriptors:
        return unexpected(AddressError::no_descriptors);
    }
  }
  return unexpected(AddressError::ports_in_use);
}

PortPicker& RelaySockets::picker_of(const Ip& ip, RelayTransport transport) {
  for (AddressPorts& entry : pickers_) {
    if (entry.ip == ip && entry.transport == transport) return entry.picker;
  }
  if (pickers_.size() == kMaxPickers) pickers_.erase(pickers_.begin());
  pickers_.push_back({.ip = ip,
                      .transport = transport,
                      .picker = PortPicker(settings_.min_port, settings_.max_port)});
  return pickers_.back().picker;
}

std::optional<RelayLease> RelaySockets::adopt(RelaySocket relay) {
  const Endpoint local = relay.socket.local();
  const Endpoint external = relay.external;
  const SlabHandle handle =
      entries_.emplace(Entry{.relay = std::move(relay), .listener = {}, .watch = {}});
  const RelayId id{.index = handle.index, .generation = handle.generation};
  Entry& entry = *entries_.find(handle);
  entry.relay.socket.tag = tag_of(id);
  entry.watch = watch(entry.relay.socket.fd(), id);
  if (!entry.watch) {
    entries_.erase(handle);
    return {};
  }
  gather(local, id);
  return RelayLease(*this, id, local, external);
}

std::optional<RelayLease> RelaySockets::adopt(Listener listener, const Ip& external) {
  const Endpoint local = listener.local;
  const SlabHandle handle =
      entries_.emplace(Entry{.relay = {}, .listener = std::move(listener), .watch = {}});
  const RelayId id{.index = handle.index, .generation = handle.generation};
  Entry& entry = *entries_.find(handle);
  entry.watch = watch(entry.listener.fd.get(), id);
  if (!entry.watch) {
    entries_.erase(handle);
    return {};
  }
  return RelayLease(*this, id, local, {.ip = external, .port = local.port});
}

net::Watch RelaySockets::watch(int fd, RelayId id) {
  return loop_.watch(fd, [this, id] { on_readable_(id); });
}

net::UdpSocket* RelaySockets::find(RelayId id) {
  Entry* entry = entries_.find({.index = id.index, .generation = id.generation});
  return entry == nullptr || entry->listener.fd ? nullptr : &entry->relay.socket;
}

const RelaySockets::Listener* RelaySockets::find_listener(RelayId id) {
  const Entry* entry = entries_.find({.index = id.index, .generation = id.generation});
  return entry == nullptr || !entry->listener.fd ? nullptr : &entry->listener;
}

// What the kernel does not gather, for want of room in its map, the socket receives itself. It is
// watched in any case: what came before this, and what our own host says of a datagram that it
// could not send, lies there.
void RelaySockets::gather(const Endpoint& local, RelayId id) {
  if (gathering_ == nullptr) return;
  if (gathering_->add(local, slots_[local.ip.is_v4() ? 0 : 1]) == 0) {
    gathered_.insert(hash_(local), {.index = id.index, .generation = id.generation});
  } else {
    ++not_gathered_;
  }
}

void RelaySockets::stop_gathering(const Endpoint& local, RelayId id) {
  const bool was_gathered =
      gathered_.erase(hash_(local), {.index = id.index, .generation = id.generation});
  if (was_gathered) gathering_->remove(local);
}

RelayId RelaySockets::find_gathered(const Endpoint& local) {
  const Entry* found = gathered_.find(hash_(local), [&](SlabHandle handle) -> const Entry* {
    const Entry* entry = entries_.find(handle);
    return entry->relay.socket.local() == local ? entry : nullptr;
  });
  return found == nullptr ? RelayId() : relay_of(found->relay.socket.tag);
}

void RelaySockets::pause_listener(RelayId id) {
  Entry* entry = entries_.find({.index = id.index, .generation = id.generation});
  if (entry == nullptr || !entry->watch) return;
  entry->watch.reset();
  paused_.push_back(id);
}

void RelaySockets::on_tick() {
  for (const RelayId id : std::exchange(paused_, {})) {
    Entry* entry = entries_.find({.index = id.index, .generation = id.generation});
    if (entry == nullptr) continue;
    entry->watch = watch(entry->listener.fd.get(), id);
    if (!entry->watch) paused_.push_back(id);
  }
}

void RelaySockets::close(RelayId id) {
  const SlabHandle handle{.index = id.index, .generation = id.generation};
  const Entry* entry = entries_.find(handle);
  // A parked one went to the reservations already.
  if (entry == nullptr) return;
  const bool is_tcp = static_cast<bool>(entry->listener.fd);
  const Endpoint local = is_tcp ? entry->listener.local : entry->relay.socket.local();
  if (!is_tcp) stop_gathering(local, id);
  entries_.erase(handle);
  picker_of(local.ip, is_tcp ? RelayTransport::tcp : RelayTransport::udp).freed(local.port);
}

void RelaySockets::park(RelayLease lease, turn::ReservationToken token, Instant deadline) {
  const SlabHandle handle{.index = lease.id().index, .generation = lease.id().generation};
  Entry* entry = entries_.find(handle);
  if (entry == nullptr) return;
  RelaySocket relay = std::move(entry->relay);
  stop_gathering(relay.socket.local(), lease.id());
  entry->watch.reset();
  entries_.erase(handle);
  reservations_.put(token, std::move(relay), deadline);
}

std::optional<RelayLease> RelaySockets::claim(turn::ReservationToken token, Instant now) {
  std::optional<RelaySocket> relay = reservations_.take(token, now);
  if (!relay) return {};
  return adopt(std::move(*relay));
}

}  // namespace turnpike::relay
