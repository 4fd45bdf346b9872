// RFC 8016's tickets: which allocation a client may take along to another five-tuple. Only this
// process can read one or make one, and whoever shows one still has to authenticate as the owner of
// the allocation.
//
// A ticket is 32 characters of base64: a tag (96 bits of an HMAC over the numbers below), which is
// also the counter block under which AES-256-CTR hides them, and so differs whenever they do. It is
// text and no longer because the client that most servers are tested with holds it as a C string of
// 32 characters.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace turnpike::auth {

// Of the tag, and of the cipher.
using MobilityKey = std::array<uint8_t, 64>;

// An allocation of one of our workers, by its handle there, and which of its tickets this is.
struct MobilityTicket {
  uint32_t worker = 0;  // Less than 2^8.
  uint32_t index = 0;   // Less than 2^24.
  uint32_t generation = 0;
  uint32_t serial = 0;

  friend bool operator==(const MobilityTicket&, const MobilityTicket&) = default;
};

constexpr size_t kMobilityTicketSize = 32;

class MobilityTickets {
 public:
  using Sealed = std::array<uint8_t, kMobilityTicketSize>;

  // All workers of a process share the key; another process cannot use the tickets.
  explicit MobilityTickets(const MobilityKey& key) : key_(key) {}

  [[nodiscard]] Sealed seal(const MobilityTicket& ticket) const;
  // Nothing for what was not sealed with this key.
  [[nodiscard]] std::optional<MobilityTicket> open(ByteView sealed) const;

 private:
  MobilityKey key_;
};

}  // namespace turnpike::auth
