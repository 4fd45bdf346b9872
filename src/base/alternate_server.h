// Another server that clients may be sent to (RFC 8489 section 10).
#pragma once

#include <algorithm>
#include <vector>

#include "base/endpoint.h"
#include "base/five_tuple.h"

namespace turnpike {

struct AlternateServer {
  Endpoint address;
  std::vector<Transport> transports;  // Of the clients that it is for.

  [[nodiscard]] bool serves(Transport transport) const {
    return std::find(transports.begin(), transports.end(), transport) != transports.end();
  }

  friend bool operator==(const AlternateServer&, const AlternateServer&) = default;
};

}  // namespace turnpike
