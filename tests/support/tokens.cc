#include "support/tokens.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace turnpike::testing {
namespace {

void append_number(Bytes& out, uint64_t number, size_t size) {
  for (size_t i = size; i-- > 0;) out.push_back(static_cast<uint8_t>(number >> (8 * i)));
}

void append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

Bytes token_plain_text(const TokenContent& content) {
  Bytes plain;
  append_number(plain, content.mac_key.size(), 2);
  append(plain, as_bytes(content.mac_key));
  append_number(plain, static_cast<uint64_t>(content.issued_unix_s) << 16, 8);
  append_number(plain, content.lifetime_s, 4);
  return plain;
}

Bytes seal_token(ByteView key, std::string_view server_name, ByteView plain,
                 std::string_view nonce) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  const EVP_CIPHER* algorithm = key.size() == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
  const ByteView aad = as_bytes(server_name);
  Bytes cipher(plain.size());
  Bytes tag(16);
  int size = 0;
  // A nonce of no bytes can't be used; one is sealed with then, and not told.
  const std::string_view used = nonce.empty() ? "x" : nonce;
  CHECK(EVP_EncryptInit_ex(context, algorithm, nullptr, nullptr, nullptr) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_IVLEN, static_cast<int>(used.size()),
                            nullptr) == 1 &&
        EVP_EncryptInit_ex(context, nullptr, nullptr, key.data(), as_bytes(used).data()) == 1 &&
        EVP_EncryptUpdate(context, nullptr, &size, aad.data(), static_cast<int>(aad.size())) == 1 &&
        EVP_EncryptUpdate(context, cipher.data(), &size, plain.data(),
                          static_cast<int>(plain.size())) == 1 &&
        EVP_EncryptFinal_ex(context, cipher.data() + cipher.size(), &size) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, tag.data()) == 1);
  EVP_CIPHER_CTX_free(context);
  Bytes sealed;
  append_number(sealed, nonce.size(), 2);
  append(sealed, as_bytes(nonce));
  append(sealed, cipher);
  append(sealed, tag);
  return sealed;
}

}  // namespace turnpike::testing
