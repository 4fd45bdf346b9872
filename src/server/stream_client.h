// The connection of one TCP or TLS client, and what of both directions is on its way.
#pragma once

#include <memory>
#include <vector>

#include "base/five_tuple.h"
#include "base/slab.h"
#include "base/time.h"
#include "net/event_loop.h"
#include "net/fd.h"
#include "net/tls_channel.h"
#include "server/links.h"
#include "stun/stream_framer.h"
#include "stun/types.h"
#include "turn/route.h"

namespace turnpike::server {

struct StreamClient {
  enum class Speech : uint8_t { unknown, plain, tls };

  SlabHandle handle;
  net::Fd fd;
  FiveTuple tuple;
  Speech speech = Speech::unknown;
  bool known = false;  // Has had an allocation.
  bool dirty = false;
  bool doomed = false;     // To be closed as soon as nobody is working with it.
  bool paused = false;     // A ConnectionBind is not answered yet: nothing is read.
  bool admitted = false;   // May take the step of its handshake that it has waited for.
  bool had_frame = false;  // The bytes that are being taken have brought a frame to its end.
  stun::TransactionId paused_for{};  // That ConnectionBind.
  std::unique_ptr<net::TlsChannel> tls;
  stun::StreamFramer framer;
  std::vector<uint8_t> plaintext;  // Queued in this turn, not encrypted yet.
  std::vector<uint8_t> queue;      // For the connection, from `written` on.
  size_t written = 0;
  std::vector<uint8_t> held;            // What came behind a ConnectionBind, decrypted,
  std::vector<uint8_t> held_encrypted;  // and behind that.
  Instant opened;
  Instant paused_at{};
  Instant part_since{};       // When the part of a frame that waits began to come.
  Instant last_allocation{};  // When it was last seen to have one.
  // Declared last: they must go before the descriptor.
  net::Watch readable;
  net::Watch writable;

  // A frame, or the TLS record that it is in, has begun and is not complete.
  [[nodiscard]] bool holds_part() const {
    return framer.pending() > 0 || (tls && tls->holds_part());
  }
  [[nodiscard]] size_t waiting() const { return queue.size() - written + plaintext.size(); }
  [[nodiscard]] turn::ClientRoute route() const {
    return {make_link(LinkKind::stream, handle), tuple};
  }
};

}  // namespace turnpike::server
