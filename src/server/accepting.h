// Taking connections from a listening socket, a bounded number a turn.
#pragma once

#include <cstdint>
#include <utility>

#include "net/tcp.h"
#include "server/client_counters.h"

namespace turnpike::server {

// Whether a listening socket is worth watching. Without descriptors it stays readable for ever, and
// would take a core to tell so.
enum class Accepting : uint8_t { goes_on, pauses };

// Hands each connection that waits to `open`, up to what one turn may cost.
template <typename Open>
Accepting accept_waiting(const net::Fd& listener, ClientCounters& counters, Open&& open) {
  constexpr size_t kAcceptsPerTurn = 16;
  for (size_t i = 0; i < kAcceptsPerTurn; ++i) {
    auto accepted = net::accept_tcp(listener);
    if (accepted) {
      open(std::move(*accepted));
      continue;
    }
    if (accepted.error() == net::AcceptError::try_next) continue;
    if (accepted.error() == net::AcceptError::none_waiting) break;
    counters.accept_no_descriptors.add();
    return Accepting::pauses;
  }
  return Accepting::goes_on;
}

}  // namespace turnpike::server
