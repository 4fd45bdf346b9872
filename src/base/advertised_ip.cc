#include "base/advertised_ip.h"

namespace turnpike {

Ip advertised_ip(const std::vector<AdvertisedIp>& entries, const Ip& local) {
  const Ip* general = nullptr;
  for (const AdvertisedIp& entry : entries) {
    if (entry.local == local) return entry.external;
    // Nobody outside reaches a loopback address, so no external address can stand for it.
    const bool fits = !entry.local && entry.external.family() == local.family();
    if (fits && !local.is_loopback() && general == nullptr) general = &entry.external;
  }
  return general == nullptr ? local : *general;
}

}  // namespace turnpike
