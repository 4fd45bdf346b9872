// What a worker's link ids stand for.
#pragma once

#include <cstdint>

#include "base/slab.h"
#include "turn/route.h"

namespace turnpike::server {

enum class LinkKind : uint32_t {
  datagram = 0,  // The index is that of a listening UDP socket.
  dtls = 1,      // The rest is a handle.
  stream = 2,
};

constexpr uint32_t kLinkIndexBits = 30;
constexpr uint32_t kLinkIndexMask = (1U << kLinkIndexBits) - 1;

constexpr turn::LinkId make_link(LinkKind kind, SlabHandle handle) {
  return {static_cast<uint32_t>(kind) << kLinkIndexBits | handle.index, handle.generation};
}
constexpr LinkKind kind_of(turn::LinkId link) {
  return static_cast<LinkKind>(link.index >> kLinkIndexBits);
}
constexpr SlabHandle handle_of(turn::LinkId link) {
  return {link.index & kLinkIndexMask, link.generation};
}

}  // namespace turnpike::server
