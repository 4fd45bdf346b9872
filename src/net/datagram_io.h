// The one interface of the data path: batches of datagrams in, batches out.
#pragma once

#include <cstdint>
#include <span>

#include "base/time.h"
#include "net/icmp_errors.h"
#include "net/io_counters.h"
#include "net/rx_slab.h"
#include "net/tx_batch.h"

namespace turnpike::net {

// One datagram as its sender sent it, however the kernel delivered it.
struct RxDatagram {
  ByteView bytes;  // In the slab, until that is reset.
  Endpoint source;
  // What it was sent to. Where the socket is bound to a wildcard the address is known with
  // packet_info only, and what was gathered from others (gathering.h) with destination only.
  Endpoint local;
  uint8_t ttl = 0;  // These two only where packet_marks is on.
  uint8_t tos = 0;
};

// One per worker, used on its thread only. Nothing here blocks, and nothing fails: what can't be
// received or sent is counted.
class DatagramIo {
 public:
  static constexpr size_t kMaxMessages = 64;

  virtual ~DatagramIo() = default;

  // Takes up to 64 messages, each of which may hold many datagrams, so that one socket can't keep
  // the others waiting. The list is valid until the next receive(). It is shorter, or empty, when
  // the slab is full: see RxSlab::wants_reset().
  virtual std::span<const RxDatagram> receive(UdpSocket& socket, RxSlab& slab) = 0;

  // Sends all and clears the batch.
  virtual void send(TxBatch& batch, Instant now) = 0;

  // The ICMP errors noticed by receive() and send() since the last call. Valid until the next call
  // of any of the three.
  virtual std::span<const IcmpError> take_errors() = 0;

  [[nodiscard]] virtual const IoCounters& counters() const = 0;
};

}  // namespace turnpike::net
