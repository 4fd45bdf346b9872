// The client's half of the long-term mechanism (RFC 8489 section 9.2): what it learned from a
// challenge, how it signs requests, how it checks answers.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "client/events.h"
#include "stun/builder.h"
#include "stun/integrity.h"
#include "stun/message.h"

namespace turnpike::client {

enum class CredentialStyle : uint8_t {
  automatic,  // RFC 8489 where the server offers it, RFC 5389 elsewhere.
  rfc5389,    // As a client that has never heard of RFC 8489: MD5 key, MESSAGE-INTEGRITY.
  md5,        // RFC 8489 with the MD5 key, or nothing.
  sha256,     // RFC 8489 with the SHA-256 key, or nothing.
};

struct Credentials {
  std::string username = {};  // Empty: none; a challenge is then a failure.
  std::string password = {};
  CredentialStyle style = CredentialStyle::automatic;
  // Instead of the password, where only the key is known: MD5 of name:realm:password.
  std::optional<std::array<uint8_t, 16>> md5_key = {};
};

class LongTermClient {
 public:
  // Counts the realms that were met, so that a request remembers what it was signed with.
  // 0: it was not signed.
  using Epoch = uint16_t;

  // `credentials` must outlive this object.
  explicit LongTermClient(const Credentials& credentials) : credentials_(&credentials) {}

  [[nodiscard]] Epoch epoch() const { return epoch_; }
  [[nodiscard]] const std::string& realm() const { return realm_; }

  // Takes in a 401 or 438 to a request of epoch `asked`. Nothing: the request is to be sent anew,
  // with another transaction id; else why that would be wrong.
  std::optional<FailureKind> learn(const stun::MessageView& challenge, Epoch asked);

  // Adds who we are and the integrity attribute; nothing before the first challenge.
  void sign(stun::MessageBuilder& builder) const;
  // The bytes that sign() adds at most.
  [[nodiscard]] size_t signature_size() const;

  // The part of `answer` that its integrity attribute vouches for, for a request signed by us;
  // nothing when it is missing or wrong.
  [[nodiscard]] std::optional<stun::MessageView> verify(const stun::MessageView& answer) const;

 private:
  struct Challenge {
    std::string_view realm;
    std::string_view nonce;
    ByteView algorithms;  // PASSWORD-ALGORITHMS as it came; empty: none.
    uint32_t features;    // Of the nonce cookie.
  };
  // PASSWORD-ALGORITHM that we will use; nothing for RFC 5389.
  using Choice = std::optional<stun::PasswordAlgorithm>;

  [[nodiscard]] Result<Challenge, FailureKind> read(const stun::MessageView& message) const;
  [[nodiscard]] Result<Choice, FailureKind> choose(const Challenge& challenge) const;
  void adopt(const Challenge& challenge, Choice choice);
  [[nodiscard]] stun::IntegrityKind integrity_kind() const;
  [[nodiscard]] ByteView key() const;

  const Credentials* credentials_;
  std::string realm_;
  std::string nonce_;
  std::string algorithms_;  // Echoed as it came.
  Choice choice_;
  bool hide_username_ = false;
  Epoch epoch_ = 0;
  std::array<uint8_t, 32> key_{};  // 16 bytes of it count for MD5.
};

}  // namespace turnpike::client
