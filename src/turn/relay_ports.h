// Where relayed transport addresses come from. Two implementations: real sockets, and a fake for
// tests and simulation.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"

namespace turnpike::turn {

// Names one relayed transport address within its worker, and is how packets and addresses find
// each other. A stale id finds nothing.
struct RelayId {
  uint32_t index = UINT32_MAX;
  uint32_t generation = 0;

  [[nodiscard]] bool valid() const { return index != UINT32_MAX; }
  friend bool operator==(const RelayId&, const RelayId&) = default;
};

// What a relayed address speaks with its peers; the ports of the two are apart.
enum class RelayTransport : uint8_t { udp, tcp };

enum class PortNeed : uint8_t {
  any,
  even,           // RFC 8656 section 7.2: EVEN-PORT with R = 0.
  even_and_next,  // ... with R = 1: the next higher port is held as well.
};

enum class OpenError : uint8_t {
  no_address,      // No relay address of that family: 440.
  bind_refused,    // There is one, and the kernel does not give it to us: 508.
  ports_in_use,    // 508.
  no_descriptors,  // Out of file descriptors or memory: 508.
};

class RelayPorts;

// The right to one relayed transport address; destroying it gives the address back. Move-only.
class RelayLease {
 public:
  RelayLease() = default;
  RelayLease(RelayPorts& owner, RelayId id, const Endpoint& local, const Endpoint& external)
      : owner_(&owner), id_(id), local_(local), external_(external) {}
  RelayLease(RelayLease&& other) noexcept { *this = std::move(other); }
  RelayLease& operator=(RelayLease&& other) noexcept;
  ~RelayLease() { reset(); }

  void reset();
  [[nodiscard]] explicit operator bool() const { return owner_ != nullptr; }
  [[nodiscard]] RelayId id() const { return id_; }
  // What the socket is bound to.
  [[nodiscard]] const Endpoint& local() const { return local_; }
  // What peers and clients are told (behind 1:1 NAT it differs from local()).
  [[nodiscard]] const Endpoint& external() const { return external_; }

 private:
  RelayPorts* owner_ = nullptr;
  RelayId id_;
  Endpoint local_;
  Endpoint external_;
};

struct OpenRequest {
  IpFamily family = IpFamily::v4;
  PortNeed need = PortNeed::any;
  Ip server_ip;  // The local address that the request came to.
  Ip client_ip;  // Loopback relay addresses are for loopback clients only.
  // RFC 6062: `tcp` listens at the address; its `need` is `any`.
  RelayTransport transport = RelayTransport::udp;
};

struct OpenedPorts {
  RelayLease first;
  RelayLease next;  // Held only for PortNeed::even_and_next.
};

using ReservationToken = uint64_t;

class RelayPorts {
 public:
  virtual ~RelayPorts() = default;

  // Must not block.
  virtual Result<OpenedPorts, OpenError> open(const OpenRequest& request) = 0;

  // A reservation (RFC 8656 section 7.2) may be claimed through any worker, so it is kept where all
  // of them can find it: `park` hands the address over until `deadline`, `claim` takes it, once.
  virtual void park(RelayLease lease, ReservationToken token, Instant deadline) = 0;
  virtual std::optional<RelayLease> claim(ReservationToken token, Instant now) = 0;

 private:
  friend class RelayLease;
  virtual void close(RelayId id) = 0;
};

inline RelayLease& RelayLease::operator=(RelayLease&& other) noexcept {
  if (this != &other) {
    reset();
    owner_ = other.owner_;
    id_ = other.id_;
    local_ = other.local_;
    external_ = other.external_;
    other.owner_ = nullptr;
  }
  return *this;
}

inline void RelayLease::reset() {
  if (owner_ != nullptr) owner_->close(id_);
  owner_ = nullptr;
}

}  // namespace turnpike::turn
