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
    const std::unique_ptr<Ports> freed(address.ports);
  }
}

const RelayDirectory::Address* RelayDirectory::address_of(const Ip& ip) const {
  const size_t count = count_.load(std::memory_order_acquire);
  for (size_t i = 0; i < count; ++i) {
    if (addresses_[i].external == ip || addresses_[i].local == ip) return &addresses_[i];
  }
  return nullptr;
}

const RelayDirectory::Address* RelayDirectory::add_address(const Ip& external, const Ip& local) {
  const std::lock_guard lock(adding_);
  if (const Address* known = address_of(external)) return known;
  const size_t count = count_.load(std::memory_order_relaxed);
  if (count == kMaxAddresses) return nullptr;
  addresses_[count] = {external, local, std::make_unique<Ports>().release()};
  count_.store(count + 1, std::memory_order_release);
  return &addresses_[count];
}

bool RelayDirectory::set(const Endpoint& external, const Ip& local, const RelayOwner& owner) {
  CHECK(owner.worker < kMaxWorkers && owner.relay.index <= kMaxIndex);
  const Address* address = address_of(external.ip);
  if (address == nullptr) address = add_address(external.ip, local);
  if (address == nullptr) return false;
  (*address->ports)[external.port].store(pack(owner), std::memory_order_release);
  return true;
}

void RelayDirectory::clear(const Endpoint& external) {
  if (const Address* address = address_of(external.ip)) {
    (*address->ports)[external.port].store(0, std::memory_order_release);
  }
}

std::optional<RelayOwner> RelayDirectory::find(const Endpoint& peer) const {
  const Address* address = address_of(peer.ip);
  if (address == nullptr) return {};
  const uint64_t packed = (*address->ports)[peer.port].load(std::memory_order_acquire);
  if (packed == 0) return {};
  return RelayOwner{static_cast<uint32_t>(packed >> 24) & 0xff,
                    {static_cast<uint32_t>(packed) & kMaxIndex,
                     static_cast<uint32_t>(packed >> 32) & kGenerationMask}};
}

std::optional<Ip> RelayDirectory::external_form(const Ip& ip) const {
  const Address* address = address_of(ip);
  if (address == nullptr) return {};
  return address->external;
}

}  // namespace turnpike::turn
