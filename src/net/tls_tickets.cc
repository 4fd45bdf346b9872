#include "net/tls_tickets.h"

#include <algorithm>
#include <span>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/check.h"
#include "base/random.h"

namespace turnpike::net {
namespace {

// The values that OpenSSL's ticket callback returns.
constexpr int kFailed = -1;
constexpr int kUnknownKey = 0;
constexpr int kAccepted = 1;
constexpr int kAcceptedAndRenew = 2;

TicketKey make_key() {
  RandomSource random;
  return {random.bytes<16>(), random.bytes<32>(), random.bytes<32>()};
}

// Where use_ticket_keys leaves the keys for the callback, which is given no argument of ours.
int keys_index() {
  static const int index =
      CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool set_mac_key(EVP_MAC_CTX* mac, const TicketKey& key) {
  std::array<uint8_t, 32> bytes = key.mac_key;  // OSSL_PARAM wants to be able to write.
  std::array<char, 7> digest = {"SHA256"};
  const std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, bytes.data(), bytes.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  const bool set = EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return set;
}

int seal(const TicketKey& key, std::span<uint8_t, 16> name, uint8_t* iv, EVP_CIPHER_CTX* cipher,
         EVP_MAC_CTX* mac) {
  std::ranges::copy(key.name, name.begin());
  if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return kFailed;
  if (EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher_key.data(), iv) != 1) {
    return kFailed;
  }
  return set_mac_key(mac, key) ? kAccepted : kFailed;
}

int open(const TicketKeys& keys, std::span<const uint8_t, 16> name, const uint8_t* iv,
         EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  const bool is_current = std::ranges::equal(keys.current.name, name);
  const bool is_previous = keys.previous && std::ranges::equal(keys.previous->name, name);
  if (!is_current && !is_previous) return kUnknownKey;
  const TicketKey& key = is_current ? keys.current : *keys.previous;
  if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher_key.data(), iv) != 1 ||
      !set_mac_key(mac, key)) {
    return kFailed;
  }
  return is_current ? kAccepted : kAcceptedAndRenew;
}

int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int sealing) {
  const void* held = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index());
  const auto& keys = *static_cast<const TicketKeys*>(held);
  if (sealing == 1) return seal(keys.current, std::span<uint8_t, 16>(name, 16), iv, cipher, mac);
  return open(keys, std::span<const uint8_t, 16>(name, 16), iv, cipher, mac);
}

}  // namespace

TicketKeys TicketKeys::make() {
  return {make_key(), {}};
}

TicketKeys TicketKeys::renewed() const {
  return {make_key(), current};
}

void use_ticket_keys(SSL_CTX* context, const TicketKeys& keys) {
  // OpenSSL keeps a void pointer; the callback only ever reads through it.
  CHECK(SSL_CTX_set_ex_data(context, keys_index(), const_cast<TicketKeys*>(&keys)) == 1);
  CHECK(SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) == 1);
}

}  // namespace turnpike::net
