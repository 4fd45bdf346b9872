// UDP sockets, made and tuned; and the border between the kernel's addresses and ours.
#pragma once

#include <cstdint>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/endpoint.h"
#include "base/result.h"
#include "net/fd.h"
#include "net/read_depth.h"
#include "net/sys_error.h"

namespace turnpike::net {

// A transport address as the kernel wants it.
union SockAddr {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

// Writes the address in the family that it has; answers its length.
socklen_t to_sockaddr(const Endpoint& endpoint, SockAddr& out);
// A v4-mapped address comes out as IPv4. A family that is not IP: the default Endpoint.
Endpoint from_sockaddr(const SockAddr& address);

// What the socket is asked to tell or do beyond the common settings: non-blocking, close-on-exec,
// IPv6 sockets without IPv4, datagrams leave without DF (IP_PMTUDISC_OMIT) and are fragmented on
// the way if they must be, and the number of datagrams that the receive queue dropped comes along.
struct UdpOptions {
  IpFamily family = IpFamily::v4;
  bool reuse_port = false;    // The listeners of all workers share one address.
  bool packet_info = false;   // Each datagram tells the local address it came to.
  bool destination = false;   // ... and the port as well.
  bool packet_marks = false;  // Each datagram tells its TTL and TOS.
  bool gro = false;           // The kernel may join datagrams of one flow; ignored where it can't.
  bool icmp_errors = false;   // ICMP errors are kept for icmp_errors.h.
  bool gso = true;            // Runs leave in one piece where the kernel can; off to compare.
  bool many_senders = false;  // Each read asks for many messages, whatever the last ones found.
  // What only traffic needs is set when it comes: DF and ICMP errors with the first send, joined
  // datagrams and the count of dropped ones with the first burst that is received. A socket that
  // may well never see either is made with fewer system calls.
  bool tuned_in_use = false;
  int receive_buffer = 0;  // Bytes of payload; 0 leaves the system's default.
  int send_buffer = 0;
  // SO_BUSY_POLL: microseconds for which an empty read asks the network card itself; 0 leaves it.
  // The kernel refuses more than its default to who lacks CAP_NET_ADMIN: see busy_poll_of().
  int busy_poll_us = 0;
};

struct BufferSizes {
  int receive = 0;
  int send = 0;
};

class TxBatch;
class UdpReceiver;
class UdpSender;

// One UDP socket and what the I/O layer remembers about it. Move-only, but a socket that is named
// in a TxBatch must stay where it is until the batch is sent.
class UdpSocket {
 public:
  UdpSocket() = default;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(fd_); }
  [[nodiscard]] IpFamily family() const { return local_.ip.family(); }
  // What it is bound to; before bind() the wildcard of its family with port 0.
  [[nodiscard]] const Endpoint& local() const { return local_; }
  [[nodiscard]] bool joins_received() const { return gro_; }
  [[nodiscard]] bool reports_icmp() const { return reports_icmp_; }

  // 0, or the errno of bind(2): a full port is an ordinary answer, not a failure worth a text.
  // Asks the kernel for the port if that is 0.
  [[nodiscard]] int bind(const Endpoint& local);

  // Free for the owner, e.g. to find its own object when an error is reported for this socket.
  uint64_t tag = 0;

 private:
  friend class TxBatch;
  friend class UdpReceiver;
  friend class UdpSender;
  friend Result<UdpSocket, SysError> adopt_udp_socket(Fd fd, const UdpOptions& options,
                                                      const Endpoint& local);

  // What the socket still lacks for sending, and for receiving many messages at once.
  void tune_for_sending();
  void tune_for_bursts();

  Fd fd_;
  Endpoint local_;
  bool gro_ = false;
  bool gso_ = false;
  bool reports_icmp_ = false;
  bool lacks_sending_ = false;
  bool lacks_bursts_ = false;
  bool wants_icmp_ = false;
  bool wants_gro_ = false;
  ReadDepth read_depth_;
  uint32_t receive_drops_ = 0;  // The kernel's running count when it was last seen.
  uint32_t tx_queue_ = 0;       // A hint to TxBatch, which checks it.
};

// A socket that is not bound yet.
Result<UdpSocket, SysError> make_udp_socket(const UdpOptions& options);
// Bound to `local`, whose family wins over the one in the options.
Result<UdpSocket, SysError> open_udp_socket(UdpOptions options, const Endpoint& local);

// A socket that somebody else made and bound to `local` (port 0: not yet bound).
Result<UdpSocket, SysError> adopt_udp_socket(Fd fd, const UdpOptions& options,
                                             const Endpoint& local);

// What the kernel really gave, which may be less than what was asked for.
BufferSizes buffer_sizes(const UdpSocket& socket);
int busy_poll_of(const UdpSocket& socket);  // Microseconds.

}  // namespace turnpike::net
