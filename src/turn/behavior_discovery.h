// RFC 5780: the addresses from which a client may ask to be answered, so that it learns what its
// NAT does. Plain values, part of the settings; which requests may use them binding.cc decides.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/advertised_ip.h"
#include "base/endpoint.h"
#include "stun/attributes.h"
#include "turn/route.h"

namespace turnpike::turn {

// One of our transport addresses that answers Binding requests over UDP.
struct Corner {
  Endpoint local;
  Endpoint advertised;  // As clients see it: differs from `local` behind 1:1 NAT.
  LinkId link;          // Answers that leave by it come from `local`.
};

// RFC 5780 section 6: two addresses of one family by two ports. The index of a corner is a number
// of two bits, one for the address and one for the port, so "the other" is an exclusive or.
struct AddressSquare {
  static constexpr size_t kOtherPort = 1;
  static constexpr size_t kOtherIp = 2;

  std::array<Corner, 4> corners;
};

// Where a request came in.
struct SquarePosition {
  const AddressSquare* square = nullptr;
  size_t index = 0;

  // RFC 5780 section 6.1, table 1.
  [[nodiscard]] const Corner& changed(const stun::ChangeRequest& change) const {
    const size_t flips = (change.change_ip ? AddressSquare::kOtherIp : 0) |
                         (change.change_port ? AddressSquare::kOtherPort : 0);
    return square->corners.at(index ^ flips);
  }
  [[nodiscard]] const Corner& opposite() const {
    return changed({.change_ip = true, .change_port = true});
  }
};

struct BehaviorDiscovery {
  bool rfc5780 = false;  // Otherwise the squares serve clients of RFC 3489 alone.
  std::vector<AddressSquare> squares;
  std::vector<AdvertisedIp> advertised_ips;

  // nullopt: the address has no counterpart, so there is nothing to change to.
  [[nodiscard]] std::optional<SquarePosition> find(const Endpoint& local) const;
  [[nodiscard]] Endpoint advertised(const Endpoint& local) const {
    return {advertised_ip(advertised_ips, local.ip), local.port};
  }
};

}  // namespace turnpike::turn
