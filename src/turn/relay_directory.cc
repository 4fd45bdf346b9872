#include "turn/relay_directory.h"

#include "base/check.h"

namespace turnpike::turn {
namespace {

constexpr uint32_t kGenerationMask = 0x7fffffffU;

// The top bit says that the entry is in use.
uint64_t pack(const RelayOwner& owner) {
  return uint64_t{1} << 63 | static_cast<uint64_t>(owner.relay.generation & kGenerationMask) << 32 |
         static_cast<uint64_t>(owner.worker) << 24 | owner.relay.index;
}

}  // namespace

RelayDirectory::~RelayDirectory() {
  for (const Address& address : addresses_) {
    for (const std::atomic<Ports*>& ports : address.ports) {
      const std::unique_ptr<Ports> freed(ports.load(std::memory_order_relaxed));
    }
  }
}

const RelayDirectory::Address* RelayDirectory::address_of(const Ip& ip) const {
  const size_t count = count_.load(std::memory_order_acquire);
  // The newest first: where the external address has changed the local one stands in several.
  for (size_t i = count; i-- > 0;) {
    if (addresses_[i].external == ip || addresses_[i].local == ip) return &addresses_[i];
  }
  return nullptr;
}

const RelayDirectory::Address* RelayDirectory::add_address(const Ip& external, const Ip& local) {
  const std::lock_guard lock(adding_);
  if (const Address* known = address_of(external)) return known;
  const size_t count = count_.load(std::memory_order_relaxed);
  if (count == kMaxAddresses) return nullptr;
  addresses_[count].external = external;
  addresses_[count].local = local;
  count_.store(count + 1, std::memory_order_release);
  return &addresses_[count];
}

RelayDirectory::Ports& RelayDirectory::ports_of(const Address& address, RelayTransport transport) {
  const size_t entry = static_cast<size_t>(&address - addresses_.data());
  std::atomic<Ports*>& place = addresses_.at(entry).ports.at(static_cast<size_t>(transport));
  Ports* ports = place.load(std::memory_order_acquire);
  if (ports != nullptr) return *ports;
  const std::lock_guard lock(adding_);
  ports = place.load(std::memory_order_relaxed);
  if (ports == nullptr) {
    ports = std::make_unique<Ports>().release();
    place.store(ports, std::memory_order_release);
  }
  return *ports;
}

bool RelayDirectory::set(const Endpoint& external, const Ip& local, const RelayOwner& owner) {
  CHECK(owner.worker < kMaxWorkers && owner.relay.index <= kMaxIndex);
  const Address* address = address_of(external.ip);
  if (address == nullptr) address = add_address(external.ip, local);
  if (address == nullptr) return false;
  Ports& ports = ports_of(*address, owner.transport);
  const uint64_t before =
      ports.owners[external.port].exchange(pack(owner), std::memory_order_acq_rel);
  if (before == 0) ports.used.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void RelayDirectory::clear(const Endpoint& external, RelayTransport transport) {
  if (const Address* address = address_of(external.ip)) {
    Ports& ports = ports_of(*address, transport);
    const uint64_t before = ports.owners[external.port].exchange(0, std::memory_order_acq_rel);
    if (before != 0) ports.used.fetch_sub(1, std::memory_order_relaxed);
  }
}

std::optional<RelayOwner> RelayDirectory::find(const Endpoint& peer,
                                               RelayTransport transport) const {
  const Address* address = address_of(peer.ip);
  if (address == nullptr) return {};
  const Ports* ports =
      address->ports.at(static_cast<size_t>(transport)).load(std::memory_order_acquire);
  if (ports == nullptr) return {};
  const uint64_t packed = ports->owners[peer.port].load(std::memory_order_acquire);
  if (packed == 0) return {};
  return RelayOwner{static_cast<uint32_t>(packed >> 24) & 0xff,
                    {static_cast<uint32_t>(packed) & kMaxIndex,
                     static_cast<uint32_t>(packed >> 32) & kGenerationMask},
                    transport};
}

std::vector<RelayDirectory::Use> RelayDirectory::use() const {
  std::vector<Use> all;
  const size_t count = count_.load(std::memory_order_acquire);
  for (size_t i = 0; i < count; ++i) {
    for (const RelayTransport transport : {RelayTransport::udp, RelayTransport::tcp}) {
      const Ports* ports =
          addresses_[i].ports.at(static_cast<size_t>(transport)).load(std::memory_order_acquire);
      if (ports == nullptr) continue;
      all.push_back(
          {addresses_[i].external, transport, ports->used.load(std::memory_order_relaxed)});
    }
  }
  return all;
}

std::optional<Ip> RelayDirectory::external_form(const Ip& ip) const {
  const Address* address = address_of(ip);
  if (address == nullptr) return {};
  return address->external;
}

std::optional<Ip> RelayDirectory::local_form(const Ip& ip) const {
  const Address* address = address_of(ip);
  if (address == nullptr) return {};
  return address->local;
}

}  // namespace turnpike::turn
