// Keys of the long-term mechanism (RFC 8489 section 9.2), for one user in one realm.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "stun/integrity.h"

namespace turnpike::auth {

// Longest USERNAME and REALM that RFC 8489 sections 14.3 and 14.9 allow, in bytes.
constexpr size_t kMaxUsernameSize = 508;
constexpr size_t kMaxRealmSize = 763;

using Md5Key = std::array<uint8_t, 16>;
using Sha256Key = stun::Sha256Mac;

// Overwritten when it goes away.
struct UserKeys {
  Md5Key md5{};
  Sha256Key sha256{};
  bool has_sha256 = false;  // coturn's databases hold the MD5 key only.

  UserKeys() = default;
  UserKeys(const UserKeys&) = default;
  UserKeys& operator=(const UserKeys&) = default;
  ~UserKeys();

  static UserKeys from_password(std::string_view username, std::string_view realm,
                                std::string_view password);

  // The key that PASSWORD-ALGORITHM names; empty when this user has none of that kind.
  [[nodiscard]] ByteView of(stun::PasswordAlgorithm algorithm) const {
    if (algorithm == stun::PasswordAlgorithm::md5) return md5;
    return has_sha256 ? ByteView(sha256) : ByteView();
  }

  friend bool operator==(const UserKeys& a, const UserKeys& b) {
    return stun::constant_time_equal(a.md5, b.md5) && a.has_sha256 == b.has_sha256 &&
           stun::constant_time_equal(a.sha256, b.sha256);
  }
};

}  // namespace turnpike::auth
