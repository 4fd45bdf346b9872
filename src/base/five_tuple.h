// The identity of a client: RFC 8656 section 2's 5-tuple.
#pragma once

#include <compare>
#include <cstdint>

#include "base/endpoint.h"
#include "base/keyed_hash.h"

namespace turnpike {

enum class Transport : uint8_t { udp, tcp, tls, dtls };

constexpr std::string_view to_string(Transport transport) {
  switch (transport) {
    case Transport::udp:
      return "udp";
    case Transport::tcp:
      return "tcp";
    case Transport::tls:
      return "tls";
    case Transport::dtls:
      return "dtls";
  }
  return "?";
}

constexpr bool is_stream(Transport t) {
  return t == Transport::tcp || t == Transport::tls;
}

struct FiveTuple {
  Transport transport = Transport::udp;
  Endpoint client;
  Endpoint server;

  friend auto operator<=>(const FiveTuple&, const FiveTuple&) = default;
};

// Clients choose the keys of every table, so tables hash with a per-process secret.
struct EndpointHash {
  HashKey key;
  size_t operator()(const Endpoint& e) const {
    KeyedHasher hasher(key);
    hasher.add_bytes(e.ip.bytes());
    hasher.add_word(e.port);
    return hasher.finish();
  }
};

struct IpHash {
  HashKey key;
  size_t operator()(const Ip& ip) const {
    KeyedHasher hasher(key);
    hasher.add_bytes(ip.bytes());
    return hasher.finish();
  }
};

struct FiveTupleHash {
  HashKey key;
  size_t operator()(const FiveTuple& t) const {
    KeyedHasher hasher(key);
    hasher.add_bytes(t.client.ip.bytes());
    hasher.add_bytes(t.server.ip.bytes());
    hasher.add_word(static_cast<uint64_t>(t.client.port) << 32 |
                    static_cast<uint64_t>(t.server.port) << 16 |
                    static_cast<uint64_t>(t.transport));
    return hasher.finish();
  }
};

}  // namespace turnpike
