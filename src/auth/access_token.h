// Tokens of third-party authorization (RFC 7635 section 6.2): an authorization server, which shares
// a key with us, has sealed into each who may and how long.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace turnpike::auth {

// A token is the client's to send before it has shown anything, so what is looked at is bounded.
constexpr size_t kMaxAccessTokenSize = 512;
// RFC 7635 section 6.2 wants 160 bits at least; more than a block of the hash is of no use.
constexpr size_t kMinMacKeySize = 20;
constexpr size_t kMaxMacKeySize = 64;
// Section 6.2's "Delta", for clocks that differ.
constexpr seconds kTokenClockSkew{5};

// A row of the table oauth_key. Overwritten when it goes away.
class AccessTokenKey {
 public:
  // `ikm_key` is base64, `algorithm` "A256GCM" or "A128GCM"; of a longer key the beginning counts,
  // as in coturn. A lifetime of 0 is for ever. An empty realm is every realm. Nothing: it is no
  // key.
  static std::optional<AccessTokenKey> make(std::string_view ikm_key, std::string_view algorithm,
                                            int64_t since_unix_s, int64_t lifetime_s,
                                            std::string_view realm);
  AccessTokenKey(const AccessTokenKey&) = default;
  AccessTokenKey& operator=(const AccessTokenKey&) = default;
  ~AccessTokenKey();

  [[nodiscard]] ByteView bytes() const { return ByteView(key_).first(size_); }
  [[nodiscard]] bool is_good_at(WallTime now) const;
  [[nodiscard]] bool is_for(std::string_view realm) const {
    return realm_.empty() || realm_ == realm;
  }

  friend bool operator==(const AccessTokenKey&, const AccessTokenKey&) = default;

 private:
  AccessTokenKey() = default;

  std::array<uint8_t, 32> key_{};
  size_t size_ = 0;
  int64_t since_unix_s_ = 0;
  int64_t lifetime_s_ = 0;
  std::string realm_;
};

// What an opened token says. Overwritten when it goes away.
class AccessToken {
 public:
  AccessToken(ByteView mac_key, int64_t issued_unix_s, uint32_t lifetime_s);
  AccessToken(const AccessToken&) = default;
  AccessToken& operator=(const AccessToken&) = default;
  ~AccessToken();

  // The key of the message integrity of whoever holds the token.
  [[nodiscard]] ByteView mac_key() const { return ByteView(mac_key_).first(size_); }
  // The same with the beginning of the key for a key: coturn's client and server take 16 bytes of
  // the 20, the length of an MD5 key.
  [[nodiscard]] AccessToken with_short_key() const;
  // In its lifetime, and neither before nor after.
  [[nodiscard]] bool is_good_at(WallTime now) const { return left(now) > Duration::zero(); }
  // How long it will be good; zero when it is not.
  [[nodiscard]] Duration left(WallTime now) const;
  [[nodiscard]] uint32_t lifetime_s() const { return lifetime_s_; }
  [[nodiscard]] int64_t issued_unix_s() const { return issued_unix_s_; }

 private:
  std::array<uint8_t, kMaxMacKeySize> mac_key_{};
  size_t size_ = 0;
  int64_t issued_unix_s_ = 0;
  uint32_t lifetime_s_ = 0;
};

// The value of an ACCESS-TOKEN attribute; the server's name is sealed along. Nothing for what was
// not sealed with this key for this server, or is not of the form of section 6.2.
std::optional<AccessToken> open_access_token(const AccessTokenKey& key,
                                             std::string_view server_name, ByteView sealed);

}  // namespace turnpike::auth
