// Reading answers: what RFC 8489 section 6.3 asks of every client.
#pragma once

#include <optional>

#include "base/endpoint.h"
#include "stun/message.h"

namespace turnpike::client {

// RFC 8489 sections 6.3.2 to 6.3.4: an attribute that must be understood and is not.
bool has_unknown_required(const stun::MessageView& message);

// The ERROR-CODE; 0 when there is none or it is malformed.
uint16_t error_code(const stun::MessageView& message);

// XOR-MAPPED-ADDRESS, else the MAPPED-ADDRESS of an older server.
std::optional<Endpoint> mapped_address(const stun::MessageView& message);

// ALTERNATE-SERVER, which is plain and not XORed (RFC 8489 section 14.15).
std::optional<Endpoint> alternate_server(const stun::MessageView& message);

std::optional<Endpoint> xor_address(const stun::MessageView& message, stun::AttributeType type);

}  // namespace turnpike::client
