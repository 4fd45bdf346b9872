// One Binding request and its answer as bytes: what the NAT tests ask and what they are told.
//
// The reader is lenient where servers in the field are wrong, and nowhere else: the padding of the
// last attribute may be missing, RFC 3489's attributes do as well as their successors, values that
// make no sense count as absent.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "stun/attributes.h"
#include "stun/types.h"

namespace turnpike::client {

struct BindingAsk {
  std::optional<stun::ChangeRequest> change = {};  // RFC 5780 section 7.2.
  std::optional<uint16_t> response_port = {};      // RFC 5780 section 7.5.
  uint16_t padding = 0;  // Bytes of PADDING; 0: the attribute is left out.
  // Bytes of an attribute that nobody knows and that everybody passes over (RFC 8489 section 14).
  uint16_t filler = 0;
  bool stranger = false;  // One that nobody knows and that nobody may pass over.
};

std::vector<uint8_t> make_binding_request(const stun::TransactionId& id, const BindingAsk& ask);

struct BindingAnswer {
  uint16_t error = 0;  // ERROR-CODE of an error answer; 0: a success.
  std::optional<Endpoint> mapped = {};
  std::optional<Endpoint> xor_mapped = {};
  std::optional<Endpoint> other_address = {};    // RFC 3489: CHANGED-ADDRESS.
  std::optional<Endpoint> response_origin = {};  // RFC 3489: SOURCE-ADDRESS.
  size_t padding = 0;                            // Bytes of PADDING.

  // What the server saw. The XORed form wins: what rewrites addresses on the way can't read it.
  [[nodiscard]] std::optional<Endpoint> public_address() const {
    return xor_mapped ? xor_mapped : mapped;
  }
  // Somebody on the way, an application-level gateway, rewrote the plain form.
  [[nodiscard]] bool rewritten() const { return mapped && xor_mapped && *mapped != *xor_mapped; }
};

// Whose answer this packet would be; nothing when it is no answer to a Binding request.
std::optional<stun::TransactionId> answered_id(ByteView packet);
// The same for a Binding request: what came round to us through a NAT.
std::optional<stun::TransactionId> asked_id(ByteView packet);

// Requires answered_id(packet). Nothing when the attributes can't be told apart.
std::optional<BindingAnswer> parse_binding_answer(ByteView packet);

}  // namespace turnpike::client
