// The sending half of SocketDatagramIo: runs by UDP_SEGMENT, several messages by sendmmsg, a single
// one by the cheapest call that can carry it.
#pragma once

#include <memory>
#include <vector>

#include "net/datagram_io.h"
#include "net/narrow_paths.h"

namespace turnpike::net {

class UdpSender {
 public:
  // The first two are borrowed for as long as the object lives; ICMP errors that stand in the way
  // of sending are appended to `errors`.
  UdpSender(IoCounters& counters, std::vector<IcmpError>& errors, const HashKey& key);
  ~UdpSender();

  void send(TxBatch& batch, Instant now);

 private:
  struct Arrays;
  // Where filling a chunk goes on: an item of a run.
  struct Cursor {
    uint32_t run = TxBatch::kNone;
    uint32_t item = TxBatch::kNone;
    uint32_t items_left = 0;
  };
  // What one message of a chunk carries: a whole run, or single items of it.
  struct Piece {
    uint32_t first_item = 0;
    uint32_t length = 0;
    uint32_t bytes = 0;
    uint16_t segment_size = 0;
  };
  enum class Outcome : uint8_t { next, socket_blocked };

  void send_queue(const TxBatch& batch, const TxBatch::Queue& queue, Instant now);
  [[nodiscard]] static Cursor at_run(const TxBatch& batch, uint32_t run);
  void fill_chunk(const TxBatch& batch, const UdpSocket& socket, Cursor& cursor, Instant now);
  void add_message(const TxBatch& batch, Piece piece);
  // How many messages of the chunk the kernel took, from that one on; -1 with errno: not even it.
  [[nodiscard]] int send_messages(int fd, size_t first);
  [[nodiscard]] Outcome send_chunk(const TxBatch& batch, UdpSocket& socket, Instant now);
  void on_failure(const TxBatch& batch, UdpSocket& socket, const Piece& piece, int error,
                  Instant now);
  void send_singly(const TxBatch& batch, UdpSocket& socket, const Piece& piece);
  void collect_errors(const UdpSocket& socket, const Endpoint& sending_to);
  void count_sent(const Piece& piece);
  void count_dropped(int error, uint64_t datagrams);

  IoCounters& counters_;
  std::vector<IcmpError>& errors_;
  NarrowPaths narrow_paths_;
  std::unique_ptr<Arrays> arrays_;
};

}  // namespace turnpike::net
