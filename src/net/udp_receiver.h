// The receiving half of SocketDatagramIo: recvmmsg, and cutting what UDP_GRO joined.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "net/datagram_io.h"

namespace turnpike::net {

class UdpReceiver {
 public:
  // Both are borrowed for as long as the object lives; ICMP errors that stand in the way of
  // receiving are appended to `errors`.
  UdpReceiver(IoCounters& counters, std::vector<IcmpError>& errors);
  ~UdpReceiver();

  std::span<const RxDatagram> receive(UdpSocket& socket, RxSlab& slab);

 private:
  struct Arrays;
  struct Ancillary;

  [[nodiscard]] size_t receive_some(UdpSocket& socket, RxSlab& slab, size_t slot_size, size_t want);
  void collect_errors(const UdpSocket& socket);
  [[nodiscard]] Ancillary parse_ancillary(UdpSocket& socket, size_t index) const;
  void cut_message(UdpSocket& socket, size_t index);
  void note_kernel_drops(UdpSocket& socket, uint32_t total);

  IoCounters& counters_;
  std::vector<IcmpError>& errors_;
  std::unique_ptr<Arrays> arrays_;
  std::vector<RxDatagram> received_;
};

}  // namespace turnpike::net
