// DTLS clients of one worker, over its listening UDP sockets.
//
// A stranger's ClientHello is answered with a cookie and leaves nothing behind. Who returns the
// cookie gets a channel; how many of those may still be shaking hands is capped.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/five_tuple.h"
#include "base/handle_index.h"
#include "base/slab.h"
#include "net/dtls_channel.h"
#include "net/socket.h"
#include "net/tx_batch.h"
#include "server/client_counters.h"
#include "server/client_limits.h"
#include "server/links.h"
#include "server/source_counts.h"
#include "server/worker_turn.h"

namespace turnpike::server {

class DtlsClients {
 public:
  // `tls` must offer DTLS. `sources` counts the clients of all workers.
  DtlsClients(const WorkerTurn& turn, ClientCounters& counters, const DtlsLimits& limits,
              std::shared_ptr<const net::TlsContext> tls, SourceCounts& sources,
              const HashKey& hash_key);
  ~DtlsClients();
  DtlsClients(const DtlsClients&) = delete;
  DtlsClients& operator=(const DtlsClients&) = delete;

  // For clients to come. The same requirement.
  void use(const std::shared_ptr<const net::TlsContext>& tls) { listener_.use(tls); }
  // For all of them, from now on.
  void use(const DtlsLimits& limits) { limits_ = limits; }

  // A datagram whose first byte is DTLS's, on listening socket `listener`.
  void on_datagram(uint32_t listener, const Endpoint& client, const Endpoint& server,
                   ByteView datagram);
  void on_tick();

  // Whether that client is still there.
  [[nodiscard]] bool holds(turn::LinkId link);
  // Encrypts one packet for its client; take_sends() has the result.
  void queue(const turn::ToClient& packet);
  // Moves what waits into the batch. Valid until clear_sends().
  void add_sends(std::vector<net::UdpSocket>& listeners, net::TxBatch& batch);
  void clear_sends();

  [[nodiscard]] size_t size() const { return clients_.size(); }

 private:
  struct Client;
  // To whom the datagrams that the last calls appended go.
  struct Destination {
    uint32_t listener;
    Endpoint client;
    Ip server_ip;
  };

  // The client that `index` has for that tuple; nullptr: none.
  Client* find(const HandleIndex& index, const FiveTuple& tuple);
  void feed(Client& client, ByteView datagram);
  void on_new_handshake(uint32_t listener, const FiveTuple& tuple, ByteView datagram);
  // Whether one more handshake may begin; counted when it may not.
  bool has_room(const FiveTuple& tuple);
  // A client that is not busy gives its record buffers back by the end of the flush, so that those
  // of a thousand clients that come at once are one and the same memory.
  void note_use(Client& client);
  // A finished handshake takes the place of the tuple's older channel.
  void on_handshake_done(Client& client);
  void address_new_datagrams(const Destination& to);
  [[nodiscard]] bool is_overdue(const Client& client, Instant now) const;
  void close(SlabHandle handle);

  WorkerTurn turn_;
  ClientCounters& counters_;
  DtlsLimits limits_;
  net::DtlsListener listener_;
  Slab<Client> clients_;
  FiveTupleHash hash_;
  HandleIndex established_;  // By five-tuple.
  HandleIndex handshaking_;  // At most one a tuple, beside the established one.
  SourceCounts& sources_;
  SourceCounts handshaking_sources_;
  net::DatagramList out_;
  std::vector<Destination> destinations_;  // One for each datagram of out_.
  std::vector<uint8_t> plaintext_;         // Scratch of queue().
  std::vector<SlabHandle> overdue_;        // Scratch of on_tick().
  std::vector<SlabHandle> used_;           // Since the last clear_sends(); may name one twice.
};

}  // namespace turnpike::server
