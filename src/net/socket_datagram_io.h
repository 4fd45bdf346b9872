// DatagramIo over ordinary sockets: recvmmsg with UDP_GRO, sendmmsg with UDP_SEGMENT.
#pragma once

#include <vector>

#include "net/datagram_io.h"
#include "net/udp_receiver.h"
#include "net/udp_sender.h"

namespace turnpike::net {

class SocketDatagramIo final : public DatagramIo {
 public:
  explicit SocketDatagramIo(const HashKey& key)
      : receiver_(counters_, errors_), sender_(counters_, errors_, key) {}
  SocketDatagramIo(const SocketDatagramIo&) = delete;
  SocketDatagramIo& operator=(const SocketDatagramIo&) = delete;

  std::span<const RxDatagram> receive(UdpSocket& socket, RxSlab& slab) override {
    return receiver_.receive(socket, slab);
  }
  void send(TxBatch& batch, Instant now) override { sender_.send(batch, now); }
  std::span<const IcmpError> take_errors() override {
    taken_errors_.clear();
    taken_errors_.swap(errors_);
    return taken_errors_;
  }
  [[nodiscard]] const IoCounters& counters() const override { return counters_; }

 private:
  IoCounters counters_;
  std::vector<IcmpError> errors_;
  std::vector<IcmpError> taken_errors_;
  UdpReceiver receiver_;
  UdpSender sender_;
};

}  // namespace turnpike::net
