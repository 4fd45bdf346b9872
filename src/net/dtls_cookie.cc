#include "net/dtls_cookie.h"

#include <algorithm>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "base/check.h"
#include "base/wire.h"

namespace turnpike::net {
namespace {

void write_endpoint(WireWriter& writer, const Endpoint& endpoint) {
  writer.bytes(endpoint.ip.bytes());
  writer.u16(endpoint.port);
}

}  // namespace

DtlsCookies::DtlsCookies(const DtlsCookieKey& key)
    : mac_(EVP_MAC_fetch(nullptr, "HMAC", nullptr)), context_(EVP_MAC_CTX_new(mac_.get())) {
  CHECK(mac_ != nullptr && context_ != nullptr);
  std::array<char, 7> digest = {"SHA256"};
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  CHECK(EVP_MAC_init(context_.get(), key.data(), key.size(), parameters.data()) == 1);
}

DtlsCookies::Cookie DtlsCookies::make(const Endpoint& client, const Endpoint& server, Instant now) {
  return compute(now.time_since_epoch() / kPeriod, client, server);
}

bool DtlsCookies::verify(ByteView cookie, const Endpoint& client, const Endpoint& server,
                         Instant now) {
  const int64_t period = now.time_since_epoch() / kPeriod;
  const auto matches = [&](int64_t of) {
    const Cookie right = compute(of, client, server);
    return cookie.size() == right.size() &&
           CRYPTO_memcmp(cookie.data(), right.data(), right.size()) == 0;
  };
  return matches(period) || matches(period - 1);
}

DtlsCookies::Cookie DtlsCookies::compute(int64_t period, const Endpoint& client,
                                         const Endpoint& server) {
  std::array<uint8_t, 8 + 2 * 18> input;
  WireWriter writer(input);
  writer.u64(static_cast<uint64_t>(period));
  write_endpoint(writer, client);
  write_endpoint(writer, server);
  CHECK(writer.ok() && writer.size() == input.size());

  std::array<uint8_t, 32> mac;
  size_t size = 0;
  CHECK(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1);
  CHECK(EVP_MAC_update(context_.get(), input.data(), input.size()) == 1);
  CHECK(EVP_MAC_final(context_.get(), mac.data(), &size, mac.size()) == 1);
  Cookie cookie;
  std::copy_n(mac.begin(), cookie.size(), cookie.begin());
  return cookie;
}

void set_dtls_cookie_call(SSL* ssl, DtlsCookieCall* call) {
  CHECK(SSL_set_app_data(ssl, call) == 1);
}

int generate_dtls_cookie(SSL* ssl, unsigned char* cookie, unsigned int* size) {
  auto* call = static_cast<DtlsCookieCall*>(SSL_get_app_data(ssl));
  if (call == nullptr) return 0;
  const DtlsCookies::Cookie made = call->cookies.make(call->client, call->server, call->now);
  std::ranges::copy(made, cookie);
  *size = made.size();
  return 1;
}

int verify_dtls_cookie(SSL* ssl, const unsigned char* cookie, unsigned int size) {
  auto* call = static_cast<DtlsCookieCall*>(SSL_get_app_data(ssl));
  if (call == nullptr) return 0;
  return call->cookies.verify({cookie, size}, call->client, call->server, call->now) ? 1 : 0;
}

}  // namespace turnpike::net
