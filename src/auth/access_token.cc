#include "auth/access_token.h"

#include <algorithm>
#include <memory>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/wire.h"

namespace turnpike::auth {
namespace {

// RFC 5116 sections 5.1 and 5.2: nothing else is a nonce or a tag of GCM.
constexpr size_t kGcmNonceSize = 12;
constexpr size_t kGcmTagSize = 16;
// Of what is sealed, all but the key itself: its length, the timestamp and the lifetime.
constexpr size_t kSealedBesideKey = 2 + 8 + 4;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// The plain text of `size` bytes at `out`, if the tag fits.
bool open_gcm(ByteView key, ByteView nonce, std::string_view aad, ByteView cipher, ByteView tag,
              ByteSpan out) {
  const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> context(EVP_CIPHER_CTX_new());
  CHECK(context != nullptr);
  const EVP_CIPHER* algorithm = key.size() == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
  const ByteView aad_bytes = as_bytes(aad);
  std::array<uint8_t, kGcmTagSize> wanted;
  std::copy(tag.begin(), tag.end(), wanted.begin());
  int size = 0;
  int rest = 0;
  return EVP_DecryptInit_ex(context.get(), algorithm, nullptr, key.data(), nonce.data()) == 1 &&
         EVP_DecryptUpdate(context.get(), nullptr, &size, aad_bytes.data(),
                           static_cast<int>(aad_bytes.size())) == 1 &&
         EVP_DecryptUpdate(context.get(), out.data(), &size, cipher.data(),
                           static_cast<int>(cipher.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(wanted.size()),
                             wanted.data()) == 1 &&
         EVP_DecryptFinal_ex(context.get(), out.data() + size, &rest) == 1 &&
         static_cast<size_t>(size + rest) == out.size();
}

std::optional<AccessToken> read_sealed(ByteView plain) {
  WireReader reader(plain);
  const size_t key_size = reader.u16();
  const ByteView mac_key = reader.bytes(key_size);
  // 48 bits of seconds and 16 of their parts, which nobody needs.
  const uint64_t timestamp = reader.u64();
  const uint32_t lifetime_s = reader.u32();
  const bool is_whole = reader.ok() && reader.remaining() == 0;
  if (!is_whole || key_size < kMinMacKeySize || key_size > kMaxMacKeySize) return {};
  return AccessToken(mac_key, static_cast<int64_t>(timestamp >> 16), lifetime_s);
}

}  // namespace

std::optional<AccessTokenKey> AccessTokenKey::make(std::string_view ikm_key,
                                                   std::string_view algorithm, int64_t since_unix_s,
                                                   int64_t lifetime_s, std::string_view realm) {
  AccessTokenKey made;
  made.size_ = algorithm == "A256GCM" ? 32 : algorithm == "A128GCM" ? 16 : 0;
  auto decoded = base64_decode(ikm_key);
  if (made.size_ == 0 || !decoded || decoded->size() < made.size_) return {};
  if (since_unix_s < 0 || lifetime_s < 0) return {};
  std::copy_n(decoded->begin(), made.size_, made.key_.begin());
  OPENSSL_cleanse(decoded->data(), decoded->size());
  made.since_unix_s_ = since_unix_s;
  made.lifetime_s_ = lifetime_s;
  made.realm_ = realm;
  return made;
}

AccessTokenKey::~AccessTokenKey() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

bool AccessTokenKey::is_good_at(WallTime now) const {
  if (lifetime_s_ == 0) return true;
  // Numbers of a table: their sum need not be one.
  return unix_seconds(now) - since_unix_s_ < lifetime_s_;
}

AccessToken::AccessToken(ByteView mac_key, int64_t issued_unix_s, uint32_t lifetime_s)
    : size_(mac_key.size()), issued_unix_s_(issued_unix_s), lifetime_s_(lifetime_s) {
  CHECK(size_ <= mac_key_.size());
  std::copy(mac_key.begin(), mac_key.end(), mac_key_.begin());
}

AccessToken::~AccessToken() {
  OPENSSL_cleanse(mac_key_.data(), mac_key_.size());
}

AccessToken AccessToken::with_short_key() const {
  constexpr size_t kShortKeySize = 16;
  return {mac_key().first(std::min(size_, kShortKeySize)), issued_unix_s_, lifetime_s_};
}

Duration AccessToken::left(WallTime now) const {
  const int64_t age_s = unix_seconds(now) - issued_unix_s_;
  if (age_s < -kTokenClockSkew.count()) return {};
  return std::max(seconds(lifetime_s_) + kTokenClockSkew - seconds(age_s), seconds(0));
}

std::optional<AccessToken> open_access_token(const AccessTokenKey& key,
                                             std::string_view server_name, ByteView sealed) {
  constexpr size_t kMaxPlain = kMaxMacKeySize + kSealedBesideKey;
  if (sealed.size() > kMaxAccessTokenSize) return {};
  WireReader reader(sealed);
  const size_t nonce_size = reader.u16();
  if (nonce_size != kGcmNonceSize) return {};
  const ByteView nonce = reader.bytes(nonce_size);
  if (!reader.ok() || reader.remaining() < kGcmTagSize) return {};
  const ByteView cipher = reader.bytes(reader.remaining() - kGcmTagSize);
  const ByteView tag = reader.bytes(kGcmTagSize);
  if (cipher.size() < kSealedBesideKey || cipher.size() > kMaxPlain) return {};
  std::array<uint8_t, kMaxPlain> room;
  const ByteSpan plain = ByteSpan(room).first(cipher.size());
  std::optional<AccessToken> token;
  if (open_gcm(key.bytes(), nonce, server_name, cipher, tag, plain)) token = read_sealed(plain);
  OPENSSL_cleanse(room.data(), room.size());
  return token;
}

}  // namespace turnpike::auth
