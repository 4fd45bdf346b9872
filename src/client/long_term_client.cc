#include "client/long_term_client.h"

#include <algorithm>

#include "client/answer.h"
#include "stun/attributes.h"

namespace turnpike::client {
namespace {

using stun::AttributeType;
using stun::ErrorCode;
using stun::IntegrityKind;
using stun::PasswordAlgorithm;

// RFC 8489 sections 14.9 and 14.10: the longest REALM and NONCE, in bytes.
constexpr size_t kMaxRealmSize = 763;
constexpr size_t kMaxNonceSize = 763;
// Far more algorithms than there will ever be; what we store for a server has a bound.
constexpr size_t kMaxAlgorithmsSize = 128;

constexpr std::string_view kNonceCookie = "obMatJos2";
// RFC 8489 section 18.1; bit 0 is the most significant one of 24.
constexpr uint32_t kPasswordAlgorithmsBit = 1U << 23;
constexpr uint32_t kUsernameAnonymityBit = 1U << 22;

std::optional<uint32_t> base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<uint32_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<uint32_t>(c - 'a' + 26);
  if (c >= '0' && c <= '9') return static_cast<uint32_t>(c - '0' + 52);
  if (c == '+') return 62;
  if (c == '/') return 63;
  return {};
}

// The security features of RFC 8489 section 9.2; none when the nonce has no cookie.
uint32_t nonce_features(std::string_view nonce) {
  if (!nonce.starts_with(kNonceCookie)) return 0;
  const std::string_view digits = nonce.substr(kNonceCookie.size(), 4);
  if (digits.size() != 4) return 0;
  uint32_t features = 0;
  for (const char c : digits) {
    const auto digit = base64_digit(c);
    if (!digit) return 0;
    features = features << 6 | *digit;
  }
  return features;
}

std::optional<std::string_view> find_text(const stun::MessageView& message, AttributeType type) {
  const auto value = message.find(type);
  if (!value) return {};
  return as_text(*value);
}

}  // namespace

std::optional<FailureKind> LongTermClient::learn(const stun::MessageView& message, Epoch asked) {
  if (credentials_->username.empty()) return FailureKind::no_credentials;
  const auto challenge = read(message);
  if (!challenge) return challenge.error();
  const auto choice = choose(*challenge);
  if (!choice) return choice.error();

  // RFC 8489 section 9.2.5: asking again with what was refused is of no use.
  const bool refused = error_code(message) == static_cast<uint16_t>(ErrorCode::unauthenticated) &&
                       asked != 0 && asked == epoch_ && challenge->realm == realm_ &&
                       *choice == choice_;
  if (refused) return FailureKind::wrong_credentials;
  adopt(*challenge, *choice);
  return {};
}

Result<LongTermClient::Challenge, FailureKind> LongTermClient::read(
    const stun::MessageView& message) const {
  const auto nonce = find_text(message, AttributeType::nonce);
  auto realm = find_text(message, AttributeType::realm);
  // Some servers leave the realm out of a 438: it has not changed then.
  if (!realm && epoch_ != 0) realm = realm_;
  if (!nonce || nonce->empty() || nonce->size() > kMaxNonceSize || !realm ||
      realm->size() > kMaxRealmSize) {
    return unexpected(FailureKind::malformed);
  }
  if (credentials_->style == CredentialStyle::rfc5389) return Challenge{*realm, *nonce, {}, 0};

  const uint32_t features = nonce_features(*nonce);
  const auto algorithms = message.find(AttributeType::password_algorithms);
  if (!algorithms) {
    // RFC 8489 section 9.2.5: somebody on the path took the attribute out. The same when a server
    // that offered it before stops doing so under the same realm.
    const bool promised = (features & kPasswordAlgorithmsBit) != 0;
    const bool had_it = epoch_ != 0 && *realm == realm_ && !algorithms_.empty();
    if (promised || had_it) return unexpected(FailureKind::downgrade);
    return Challenge{*realm, *nonce, {}, features};
  }
  if (algorithms->empty() || algorithms->size() > kMaxAlgorithmsSize) {
    return unexpected(FailureKind::malformed);
  }
  return Challenge{*realm, *nonce, *algorithms, features};
}

Result<LongTermClient::Choice, FailureKind> LongTermClient::choose(
    const Challenge& challenge) const {
  const CredentialStyle style = credentials_->style;
  const bool insists = style == CredentialStyle::md5 || style == CredentialStyle::sha256;
  if (challenge.algorithms.empty()) {
    if (insists) return unexpected(FailureKind::algorithm_not_offered);
    return Choice();
  }
  const auto offered = stun::decode_password_algorithms(challenge.algorithms);
  if (!offered) return unexpected(FailureKind::malformed);
  // RFC 8489 section 9.2.5: the first one that we know.
  for (const uint16_t number : *offered) {
    const auto algorithm = static_cast<PasswordAlgorithm>(number);
    const bool has_password = !credentials_->md5_key;
    const bool known =
        (algorithm == PasswordAlgorithm::md5 && style != CredentialStyle::sha256) ||
        (algorithm == PasswordAlgorithm::sha256 && style != CredentialStyle::md5 && has_password);
    if (known) return Choice(algorithm);
  }
  return unexpected(FailureKind::algorithm_not_offered);
}

void LongTermClient::adopt(const Challenge& challenge, Choice choice) {
  const bool new_key = epoch_ == 0 || challenge.realm != realm_ || choice != choice_;
  nonce_ = challenge.nonce;
  algorithms_ = as_text(challenge.algorithms);
  hide_username_ = (challenge.features & kUsernameAnonymityBit) != 0;
  if (!new_key) return;

  if (challenge.realm != realm_) realm_ = std::string(challenge.realm);
  choice_ = choice;
  if (++epoch_ == 0) epoch_ = 1;
  if (choice_ == PasswordAlgorithm::sha256) {
    key_ = stun::long_term_key_sha256(credentials_->username, realm_, credentials_->password);
    return;
  }
  const auto md5 = credentials_->md5_key ? *credentials_->md5_key
                                         : stun::long_term_key_md5(credentials_->username, realm_,
                                                                   credentials_->password);
  std::copy(md5.begin(), md5.end(), key_.begin());
}

IntegrityKind LongTermClient::integrity_kind() const {
  // RFC 8489 section 9.2.5: where algorithms were offered, requests carry SHA-256 only.
  return choice_ ? IntegrityKind::sha256 : IntegrityKind::sha1;
}

ByteView LongTermClient::key() const {
  return ByteView(key_).first(choice_ == PasswordAlgorithm::sha256 ? 32 : 16);
}

size_t LongTermClient::signature_size() const {
  if (epoch_ == 0) return 0;
  // Six attribute headers with up to three bytes of padding each, and the largest values.
  return size_t{6} * 7 + std::max<size_t>(credentials_->username.size(), 32) + realm_.size() +
         nonce_.size() + algorithms_.size() + 4 + 32;
}

void LongTermClient::sign(stun::MessageBuilder& builder) const {
  if (epoch_ == 0) return;
  if (hide_username_) {
    builder.add(AttributeType::userhash, stun::userhash(credentials_->username, realm_));
  } else {
    builder.add(AttributeType::username, credentials_->username);
  }
  builder.add(AttributeType::realm, realm_);
  builder.add(AttributeType::nonce, nonce_);
  if (choice_) {
    builder.add(AttributeType::password_algorithms, algorithms_);
    builder.add_password_algorithm(*choice_);
  }
  if (integrity_kind() == IntegrityKind::sha256) {
    builder.add_integrity_sha256(key());
  } else {
    builder.add_integrity_sha1(key());
  }
}

std::optional<stun::MessageView> LongTermClient::verify(const stun::MessageView& answer) const {
  const IntegrityKind kind = integrity_kind();
  const auto attribute =
      answer.find_attribute(kind == IntegrityKind::sha256 ? AttributeType::message_integrity_sha256
                                                          : AttributeType::message_integrity);
  if (!attribute || !stun::verify_integrity(answer, kind, key())) return {};
  return answer.limit_to(attribute->offset);
}

}  // namespace turnpike::client
