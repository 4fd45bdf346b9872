// Which local address a relayed address is opened on, and what the world is told instead of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "net/interfaces.h"
#include "turn/relay_ports.h"

namespace turnpike::relay {

// What peers and clients are told where this host sits behind 1:1 NAT.
struct ExternalIp {
  Ip external;
  std::optional<Ip> internal;  // None: for every relay address of the family but loopback.
};

// The configuration of the relay side; the same for all workers.
struct RelaySettings {
  uint16_t min_port = 49152;
  uint16_t max_port = 65535;
  std::vector<Ip> relay_ips;  // Empty: chosen for each request.
  std::vector<ExternalIp> external_ips;
  // Pays where peers send bursts, but every read then needs a large slot, so it begins with the
  // first burst.
  bool join_received = true;
  int receive_buffer = 0;  // Bytes; 0 leaves the system's default.
  int send_buffer = 0;
};

class RelayAddresses {
 public:
  RelayAddresses(std::vector<Ip> relay_ips, std::vector<ExternalIp> external_ips,
                 std::shared_ptr<const net::HostAddresses> host);

  // After a change of the interfaces.
  void use(std::shared_ptr<const net::HostAddresses> host) { host_ = std::move(host); }

  // After a change of the public address; what is open keeps the old one.
  void use(std::vector<ExternalIp> external_ips) { external_ips_ = std::move(external_ips); }
  // After a change of the configuration.
  void use(std::vector<Ip> relay_ips, std::vector<ExternalIp> external_ips) {
    relay_ips_ = std::move(relay_ips);
    external_ips_ = std::move(external_ips);
  }

  // Fills `out` with the addresses to try, best first. `turn` rotates a configured list, so that
  // its addresses share the load.
  void choose(const turn::OpenRequest& request, size_t turn, std::vector<Ip>& out) const;

  [[nodiscard]] Ip external_of(const Ip& local) const;

 private:
  void choose_from_host(const turn::OpenRequest& request, std::vector<Ip>& out) const;
  [[nodiscard]] bool is_usable(const Ip& ip, const turn::OpenRequest& request) const;

  std::vector<Ip> relay_ips_;
  std::vector<ExternalIp> external_ips_;
  std::shared_ptr<const net::HostAddresses> host_;
};

}  // namespace turnpike::relay
