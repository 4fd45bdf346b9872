// Session tickets: a client that comes back within hours skips the certificate's signature.
//
// The keys belong to the process, not to a worker or a snapshot, so a ticket works at any worker
// and after a reload. They are an immutable value; renewing makes another one that still opens
// what the one before sealed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <openssl/ssl.h>

namespace turnpike::net {

struct TicketKey {
  std::array<uint8_t, 16> name;
  std::array<uint8_t, 32> cipher_key;  // AES-256-CBC.
  std::array<uint8_t, 32> mac_key;     // HMAC-SHA256 over name, IV and ciphertext (RFC 5077).
};

struct TicketKeys {
  TicketKey current;
  std::optional<TicketKey> previous;

  static TicketKeys make();
  [[nodiscard]] TicketKeys renewed() const;
};

// Makes `context` seal and open its tickets with `keys`, which must live as long as it and every
// connection made from it.
void use_ticket_keys(SSL_CTX* context, const TicketKeys& keys);

}  // namespace turnpike::net
