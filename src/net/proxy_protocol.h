// The header that a load balancer puts in front of a connection to say who the client is: the
// PROXY protocol, versions 1 (text) and 2 (binary). Pure: bytes in, a value out.
//
// Whom to believe is the caller's business: a header counts only from a listed source.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace turnpike::net {

// A header is never longer than this. Version 1 has a limit of its own, 107 bytes. Version 2 could
// announce 64 KiB; addresses take 36 bytes and what balancers add (names, identifiers, the client's
// certificate at most) stays well under 4 KiB, which bounds what a connection can make us keep.
constexpr size_t kProxyHeaderMax = 4096;

enum class ProxyKind : uint8_t {
  proxied,  // Source and destination are the client's.
  local,    // The balancer speaks for itself (a health check): use the connection's own addresses.
  unknown,  // Proxied, but the balancer does not know or cannot say for whom: as for local.
};

struct ProxyHeader {
  ProxyKind kind = ProxyKind::local;
  Endpoint source;       // Only when proxied.
  Endpoint destination;  // Only when proxied.
  size_t consumed = 0;   // What follows is the connection's data.
};

enum class ProxyError : uint8_t {
  not_proxy,    // The bytes begin neither version.
  malformed,    // They begin one and break its rules.
  too_long,     // The header is longer than its version, or we, allow.
  bad_version,  // Version 2's signature with a version or command that is not known.
};

std::string_view to_string(ProxyError error);

// Reads the header at the front of `bytes`; nothing while it is not complete. Never asks for more
// than kProxyHeaderMax bytes, and tells bytes that cannot become a header as soon as they differ.
Result<std::optional<ProxyHeader>, ProxyError> parse_proxy_header(ByteView bytes);

}  // namespace turnpike::net
