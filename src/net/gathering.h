// Datagrams to many bound UDP sockets, received through one.
//
// A program of the kernel's (SK_LOOKUP) is asked for the socket of each datagram that comes in. It
// looks into a map of local addresses, and what is not in there is left alone. Sending is not
// touched: each socket goes on sending from its own port. Needs CAP_BPF and CAP_NET_ADMIN when it
// is loaded; kernels before 5.19 may want CAP_BPF for each change of the map as well.
#pragma once

#include <cstdint>

#include "base/endpoint.h"
#include "base/result.h"
#include "net/fd.h"
#include "net/sys_error.h"

namespace turnpike::net {

// Serves until it is destroyed, in this network namespace. Any thread.
class Gathering {
 public:
  static constexpr uint32_t kMaxSockets = 512;
  static constexpr uint32_t kMaxAddresses = 1U << 20;

  static Result<Gathering, SysError> start();

  // A bound UDP socket that is to receive for the addresses of that slot. 0, or an errno.
  [[nodiscard]] int put_socket(uint32_t slot, int fd) const;
  // From then on datagrams to `local` come to the socket of that slot. 0, or an errno.
  [[nodiscard]] int add(const Endpoint& local, uint32_t slot) const;
  void remove(const Endpoint& local) const;
  // Whether this process may still change the map. 0, or an errno.
  [[nodiscard]] int try_map() const;

 private:
  Gathering() = default;

  Fd addresses_;
  Fd sockets_;
  Fd link_;  // Closing it takes the program away.
};

}  // namespace turnpike::net
