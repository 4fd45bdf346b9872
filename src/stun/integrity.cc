#include "stun/integrity.h"

#include <algorithm>
#include <memory>
#include <string>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "base/wire.h"

namespace turnpike::stun {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeDigest {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
};

// A digest with its context, fetched once a thread: OpenSSL 3 looks algorithms up by name in every
// one-shot call, which costs more than hashing a STUN message.
class Digest {
 public:
  explicit Digest(const char* name)
      : digest_(EVP_MD_fetch(nullptr, name, nullptr)), context_(EVP_MD_CTX_new()) {
    CHECK(digest_ != nullptr && context_ != nullptr);
  }

  void begin() { CHECK(EVP_DigestInit_ex2(context_.get(), digest_.get(), nullptr) == 1); }
  void add(ByteView bytes) {
    CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  void finish(uint8_t* out) { CHECK(EVP_DigestFinal_ex(context_.get(), out, nullptr) == 1); }

 private:
  std::unique_ptr<EVP_MD, FreeDigest> digest_;
  std::unique_ptr<EVP_MD_CTX, FreeContext> context_;
};

// RFC 2104 with 64-byte blocks, which SHA-1 and SHA-256 both have.
template <size_t kSize>
std::array<uint8_t, kSize> hmac(Digest& digest, ByteView key, ByteView part1, ByteView part2) {
  constexpr size_t kBlock = 64;
  std::array<uint8_t, kBlock> padded_key{};
  if (key.size() > kBlock) {
    digest.begin();
    digest.add(key);
    digest.finish(padded_key.data());
  } else {
    std::copy(key.begin(), key.end(), padded_key.begin());
  }
  std::array<uint8_t, kSize> mac;
  for (uint8_t& byte : padded_key) byte ^= 0x36;
  digest.begin();
  digest.add(padded_key);
  digest.add(part1);
  digest.add(part2);
  digest.finish(mac.data());
  for (uint8_t& byte : padded_key) byte ^= 0x36 ^ 0x5c;
  digest.begin();
  digest.add(padded_key);
  digest.add(mac);
  digest.finish(mac.data());
  OPENSSL_cleanse(padded_key.data(), padded_key.size());
  return mac;
}

std::string joined(std::string_view username, std::string_view realm, std::string_view password) {
  std::string text;
  text.reserve(username.size() + realm.size() + password.size() + 2);
  return text.append(username).append(":").append(realm).append(":").append(password);
}

}  // namespace

Sha1Mac hmac_sha1(ByteView key, ByteView part1, ByteView part2) {
  thread_local Digest digest("SHA1");
  return hmac<20>(digest, key, part1, part2);
}

Sha256Mac hmac_sha256(ByteView key, ByteView part1, ByteView part2) {
  thread_local Digest digest("SHA256");
  return hmac<32>(digest, key, part1, part2);
}

std::array<uint8_t, 16> md5(ByteView data) {
  thread_local Digest digest("MD5");
  std::array<uint8_t, 16> out;
  digest.begin();
  digest.add(data);
  digest.finish(out.data());
  return out;
}

Sha256Mac sha256(ByteView data) {
  thread_local Digest digest("SHA256");
  Sha256Mac out;
  digest.begin();
  digest.add(data);
  digest.finish(out.data());
  return out;
}

bool constant_time_equal(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool verify_integrity(const MessageView& message, IntegrityKind kind, ByteView key) {
  const bool sha1 = kind == IntegrityKind::sha1;
  const auto attribute = message.find_attribute(sha1 ? AttributeType::message_integrity
                                                     : AttributeType::message_integrity_sha256);
  if (!attribute) return false;
  const size_t size = attribute->value.size();
  if (sha1 ? size != 20 : (size < 16 || size > 32 || size % 4 != 0)) return false;

  // The HMAC is over the message as if it ended with the integrity attribute.
  std::array<uint8_t, 4> head;
  WireWriter writer(head);
  writer.bytes(message.bytes().first(2));
  writer.u16(static_cast<uint16_t>(attribute->offset + 4 + size - kHeaderSize));
  const ByteView covered = message.bytes().subspan(4, attribute->offset - 4);
  if (sha1) return constant_time_equal(hmac_sha1(key, head, covered), attribute->value);
  const Sha256Mac mac = hmac_sha256(key, head, covered);
  return constant_time_equal(ByteView(mac).first(size), attribute->value);
}

std::array<uint8_t, 16> long_term_key_md5(std::string_view username, std::string_view realm,
                                          std::string_view password) {
  return md5(as_bytes(joined(username, realm, password)));
}

Sha256Mac long_term_key_sha256(std::string_view username, std::string_view realm,
                               std::string_view password) {
  return sha256(as_bytes(joined(username, realm, password)));
}

Sha256Mac userhash(std::string_view username, std::string_view realm) {
  std::string text(username);
  return sha256(as_bytes(text.append(":").append(realm)));
}

}  // namespace turnpike::stun
