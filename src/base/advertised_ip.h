// Addresses that stand for ours where others see us, behind 1:1 NAT.
#pragma once

#include <optional>
#include <vector>

#include "base/endpoint.h"

namespace turnpike {

struct AdvertisedIp {
  Ip external;
  std::optional<Ip> local;  // Absent: stands for every address of the family but loopback.

  friend bool operator==(const AdvertisedIp&, const AdvertisedIp&) = default;
};

// What others see instead of `local`; `local` itself where nothing stands for it.
Ip advertised_ip(const std::vector<AdvertisedIp>& entries, const Ip& local);

}  // namespace turnpike
