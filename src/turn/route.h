// How the core names the way to a client, without knowing what it is made of.
#pragma once

#include <cstdint>

#include "base/five_tuple.h"

namespace turnpike::turn {

// A socket or connection of the worker. Only the worker looks inside.
struct LinkId {
  static constexpr uint32_t kHere = UINT32_MAX;

  uint32_t index = 0;
  uint32_t generation = 0;
  uint32_t worker = kHere;  // Whose it is, when a client has moved to where another one serves it.

  [[nodiscard]] bool is_elsewhere() const { return worker != kHere; }

  friend bool operator==(const LinkId&, const LinkId&) = default;
};

// The tuple is the client's identity; the link is where answers go.
struct ClientRoute {
  LinkId link;
  FiveTuple tuple;
};

// Whether the connection that a letter names is still there.
enum class LinkState : uint8_t { open, closed };

}  // namespace turnpike::turn
