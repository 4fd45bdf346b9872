// TCP and TLS clients of one worker: connection -> (TLS) -> frames -> core, and back.
//
// What a slow or silent client can make us keep is bounded: a part of one frame, and a write queue
// with a cap, beyond which media is dropped and an answer closes the connection.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "base/five_tuple.h"
#include "base/slab.h"
#include "net/event_loop.h"
#include "net/tcp.h"
#include "net/tls_channel.h"
#include "server/accepting.h"
#include "server/client_counters.h"
#include "server/client_limits.h"
#include "server/links.h"
#include "server/source_counts.h"
#include "server/stream_handover.h"
#include "server/worker_turn.h"
#include "stun/stream_framer.h"

namespace turnpike::server {

struct StreamClient;

class StreamClients {
 public:
  // `tls` may be null: TLS is not served. `sources` counts the connections of all workers.
  StreamClients(net::EventLoop& loop, const WorkerTurn& turn, ClientCounters& counters,
                const StreamLimits& limits, std::shared_ptr<const net::TlsContext> tls,
                SourceCounts& sources);
  ~StreamClients();
  StreamClients(const StreamClients&) = delete;
  StreamClients& operator=(const StreamClients&) = delete;

  // Takes the connections that wait at a listening socket.
  Accepting accept_from(const net::Fd& listener);
  // Takes one that was accepted elsewhere; its `peer` is the client, whoever holds the other end.
  void open(net::AcceptedStream accepted);
  // For connections to come.
  void use(std::shared_ptr<const net::TlsContext> tls) { tls_ = std::move(tls); }
  // For all of them, from now on.
  void use(const StreamLimits& limits) { limits_ = limits; }

  // RFC 6062. Gives a client away; nullptr: it is gone.
  std::unique_ptr<StreamHandover> release(turn::LinkId link);
  // Takes one that another worker gave away, with the request that made it come here.
  void adopt(std::unique_ptr<StreamHandover> stream, ByteView request);
  // Goes on with clients whose ConnectionBind was refused, after a flush. False: there was none.
  bool resume();

  // A step of a TLS handshake takes longer than anything else that a stranger may ask for, so a
  // turn has room for one. After each turn: whoever has waited longest goes on in the next one.
  void end_turn();

  // Whether that client is still there.
  [[nodiscard]] bool holds(turn::LinkId link);
  // Queues one packet for its client.
  void queue(const turn::ToClient& packet);
  // Writes what was queued since the last call.
  void write_queued();
  void on_tick();

  [[nodiscard]] size_t size() const { return clients_.size(); }
  // Bytes that clients had not taken yet at the last tick.
  [[nodiscard]] size_t waiting_bytes() const { return waiting_bytes_; }

 private:
  void on_readable(SlabHandle handle);
  void on_writable(SlabHandle handle);
  // What the client has sent is part of a TLS handshake.
  [[nodiscard]] bool is_shaking_hands(const StreamClient& client) const;
  // False: not in this turn.
  bool take_step(StreamClient& client);
  // The first byte says what the connection speaks.
  void recognise(StreamClient& client, ByteView bytes);
  // False: the client has to be closed.
  bool take_bytes(StreamClient& client, ByteView bytes);
  bool take_tls(StreamClient& client, ByteView ciphertext);
  bool take_plaintext(StreamClient& client, ByteView bytes);
  // Behind a ConnectionBind nothing can be understood before it is answered.
  void pause(StreamClient& client, ByteView request, ByteView rest);
  SlabHandle add(net::Fd fd, const FiveTuple& tuple);
  void write_out(StreamClient& client);
  void mark_dirty(StreamClient& client);
  [[nodiscard]] bool is_overdue(const StreamClient& client, Instant now) const;
  // Makes room for somebody else. False: nobody at this worker can.
  bool close_oldest_stranger();
  // Ends a connection whose other end may still read what it was answered.
  void say_goodbye(SlabHandle handle);
  void close(SlabHandle handle);
  void forget(const StreamClient& client);

  net::EventLoop& loop_;
  WorkerTurn turn_;
  ClientCounters& counters_;
  StreamLimits limits_;
  std::shared_ptr<const net::TlsContext> tls_;
  Slab<StreamClient> clients_;
  SourceCounts& sources_;
  size_t waiting_bytes_ = 0;
  std::vector<SlabHandle> dirty_;     // Have something queued since the last write.
  std::vector<SlabHandle> overdue_;   // Scratch of on_tick().
  std::vector<SlabHandle> resumed_;   // Were paused and have their answer.
  std::deque<SlabHandle> strangers_;  // From the oldest on; some have got an allocation or gone.
  std::deque<SlabHandle> waiting_;    // For a step of their handshake; not watched.
  size_t steps_left_;                 // Of handshakes, in this turn.
  std::vector<uint8_t> ciphertext_;   // Where TLS connections are read to.
};

}  // namespace turnpike::server
