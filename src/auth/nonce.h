// Stateless nonces (RFC 8489 section 9.2): nothing is kept for a nonce that was handed out.
//
// "obMatJos2", four characters of security features, then in base64 the time of issue (4 bytes) and
// 88 bits of an HMAC over time, features and the client's transport address.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"

namespace turnpike::auth {

// RFC 8489 section 18.1.
struct SecurityFeatures {
  bool password_algorithms = false;
  bool username_anonymity = false;

  friend bool operator==(const SecurityFeatures&, const SecurityFeatures&) = default;
};

constexpr size_t kNonceSize = 33;
using Nonce = std::array<uint8_t, kNonceSize>;

using NonceKey = std::array<uint8_t, 32>;

class NonceMint {
 public:
  // Servers that share `key` accept each other's nonces. Lifetime zero: nonces do not go stale.
  NonceMint(const NonceKey& key, seconds lifetime) : key_(key), lifetime_(lifetime) {}

  // Holds for nonces that were handed out before as well.
  void set_lifetime(seconds lifetime) { lifetime_ = lifetime; }

  [[nodiscard]] Nonce issue(SecurityFeatures features, const Endpoint& client, WallTime now) const;

  enum class State : uint8_t { fresh, stale, not_ours };
  struct Checked {
    State state;
    SecurityFeatures features;
  };
  [[nodiscard]] Checked check(ByteView nonce, const Endpoint& client, WallTime now) const;

 private:
  NonceKey key_;
  seconds lifetime_;
};

}  // namespace turnpike::auth
