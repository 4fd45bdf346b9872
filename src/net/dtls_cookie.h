// The cookie of RFC 6347 section 4.2.1: shows that a client receives what is sent to its address,
// before anything is kept about it.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "net/openssl_ptr.h"

namespace turnpike::net {

// One key for the whole process: a client's second ClientHello may come to another worker.
using DtlsCookieKey = std::array<uint8_t, 32>;

// An HMAC over the period, the client's and the server's address. Cookies of the present and the
// last period count, so one lives between one and two periods. No table; not thread-safe: one per
// worker.
class DtlsCookies {
 public:
  // 128 bits; the answer that carries it is shorter than any ClientHello.
  using Cookie = std::array<uint8_t, 16>;
  static constexpr seconds kPeriod{60};

  explicit DtlsCookies(const DtlsCookieKey& key);

  [[nodiscard]] Cookie make(const Endpoint& client, const Endpoint& server, Instant now);
  [[nodiscard]] bool verify(ByteView cookie, const Endpoint& client, const Endpoint& server,
                            Instant now);

 private:
  Cookie compute(int64_t period, const Endpoint& client, const Endpoint& server);

  EvpMacPtr mac_;
  EvpMacContextPtr context_;  // Holds the key; re-initialised for each cookie.
};

// What OpenSSL's cookie callbacks need to know, which have no room for arguments: to be put on the
// SSL object for the time of a call that may need a cookie.
struct DtlsCookieCall {
  DtlsCookies& cookies;
  const Endpoint& client;
  const Endpoint& server;
  Instant now;
};

void set_dtls_cookie_call(SSL* ssl, DtlsCookieCall* call);

// The callbacks, for the SSL_CTX.
int generate_dtls_cookie(SSL* ssl, unsigned char* cookie, unsigned int* size);
int verify_dtls_cookie(SSL* ssl, const unsigned char* cookie, unsigned int size);

}  // namespace turnpike::net
