#include "auth/nonce.h"

#include <algorithm>
#include <string_view>

#include "base/base64.h"
#include "base/wire.h"
#include "stun/integrity.h"

namespace turnpike::auth {
namespace {

constexpr std::string_view kCookie = "obMatJos2";
constexpr size_t kFeaturesSize = 4;
constexpr size_t kSecretSize = 15;  // Time and HMAC, 20 characters in base64.
static_assert(kNonceSize == kCookie.size() + kFeaturesSize + kSecretSize / 3 * 4);

// A server's clock may be this far behind another's that shares the key.
constexpr int64_t kClockSkew_s = 60;

// RFC 8489 section 18.1: bit 0 is the leftmost of 24.
std::array<uint8_t, 3> feature_bits(SecurityFeatures features) {
  return {static_cast<uint8_t>((features.password_algorithms ? 0x80 : 0) |
                               (features.username_anonymity ? 0x40 : 0)),
          0, 0};
}

Nonce make(const NonceKey& key, uint32_t issued, SecurityFeatures features,
           const Endpoint& client) {
  const auto bits = feature_bits(features);
  std::array<uint8_t, 25> covered;
  WireWriter writer(covered);
  writer.u32(issued);
  writer.bytes(bits);
  writer.bytes(client.ip.bytes());
  writer.u16(client.port);
  const auto mac = stun::hmac_sha256(key, covered);

  std::array<uint8_t, kSecretSize> secret;
  WireWriter secret_writer(secret);
  secret_writer.u32(issued);
  secret_writer.bytes(ByteView(mac).first(kSecretSize - 4));

  Nonce nonce;
  std::copy(kCookie.begin(), kCookie.end(), nonce.begin());
  base64_encode_groups(bits, std::span(nonce).subspan(kCookie.size(), kFeaturesSize));
  base64_encode_groups(secret, std::span(nonce).subspan(kCookie.size() + kFeaturesSize));
  return nonce;
}

}  // namespace

Nonce NonceMint::issue(SecurityFeatures features, const Endpoint& client, WallTime now) const {
  return make(key_, static_cast<uint32_t>(unix_seconds(now)), features, client);
}

NonceMint::Checked NonceMint::check(ByteView nonce, const Endpoint& client, WallTime now) const {
  constexpr Checked kNotOurs = {State::not_ours, {}};
  if (nonce.size() != kNonceSize) return kNotOurs;
  const auto group_at = [&nonce](size_t offset) {
    return base64_decode_group(nonce.subspan(offset).first<4>());
  };
  const auto bits = group_at(kCookie.size());
  const auto head = group_at(kCookie.size() + kFeaturesSize);
  const auto next = group_at(kCookie.size() + kFeaturesSize + 4);
  if (!bits || !head || !next) return kNotOurs;
  const SecurityFeatures features = {((*bits)[0] & 0x80) != 0, ((*bits)[0] & 0x40) != 0};
  const uint32_t issued = static_cast<uint32_t>((*head)[0]) << 24 |
                          static_cast<uint32_t>((*head)[1]) << 16 |
                          static_cast<uint32_t>((*head)[2]) << 8 | (*next)[0];
  if (!stun::constant_time_equal(make(key_, issued, features, client), nonce)) return kNotOurs;

  const auto age = static_cast<int64_t>(unix_seconds(now)) - static_cast<int64_t>(issued);
  const bool too_old = lifetime_.count() > 0 && age > lifetime_.count();
  if (too_old || age < -kClockSkew_s) return {State::stale, features};
  return {State::fresh, features};
}

}  // namespace turnpike::auth
