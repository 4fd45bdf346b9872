// The TCP connections with peers of one worker (RFC 6062), and the clients' data connections once
// they are bound to them: two sockets joined into one stream.
//
// A connection that is not bound is not read: what its peer sends waits in the kernel, whose window
// closes. A bound one holds at most what one read brought in each direction.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "net/event_loop.h"
#include "relay/relay_sockets.h"
#include "server/client_counters.h"
#include "server/stream_clients.h"
#include "server/tcp_flow.h"
#include "server/worker_turn.h"
#include "turn/effects.h"

namespace turnpike::server {

class TcpRelays {
 public:
  TcpRelays(net::EventLoop& loop, const WorkerTurn& turn, relay::RelaySockets& relays,
            StreamClients& clients, ClientCounters& counters);
  ~TcpRelays();
  TcpRelays(const TcpRelays&) = delete;
  TcpRelays& operator=(const TcpRelays&) = delete;

  // Takes the connections that wait at a relayed address.
  void accept_at(turn::RelayId relay);

  void carry_out(const turn::ConnectPeer& effect);
  void carry_out(const turn::ClosePeer& effect);
  void carry_out(const turn::BindLink& effect);

  void on_tick();
  [[nodiscard]] size_t size() const { return pipes_.size(); }

 private:
  struct Pipe;
  enum class Side : uint8_t { client, peer };

  Pipe& add(turn::ConnectionRef ref, net::Fd peer);
  [[nodiscard]] Pipe* find(turn::ConnectionRef ref);
  void erase(turn::ConnectionRef ref);

  void on_connect_done(turn::ConnectionRef ref);
  void on_readable(turn::ConnectionRef ref, Side side);
  void on_writable(turn::ConnectionRef ref, Side side);

  // How much may be read from that side now; 0, and it is asked again soon, when there is no
  // bandwidth.
  size_t allowance(Pipe& pipe, Side from);
  void read_peer(Pipe& pipe);
  void read_client(Pipe& pipe);
  // What the client sent; how much of it was the client's own.
  size_t take_from_client(Pipe& pipe, ByteView bytes);
  void read_ended(Pipe& pipe, Side side, bool by_reset);
  void send(Pipe& pipe, Side to);
  void pass_ends_on(Pipe& pipe);
  // After every step: watches what has to be watched, and ends the pipe that is done.
  void settle(Pipe& pipe);
  // False: the kernel refuses to.
  bool watch(Pipe& pipe);
  void end(const Pipe& pipe);
  void resume_slowed();

  net::EventLoop& loop_;
  WorkerTurn turn_;
  relay::RelaySockets& relays_;
  StreamClients& clients_;
  ClientCounters& counters_;
  std::unordered_map<uint64_t, std::unique_ptr<Pipe>> pipes_;
  std::vector<turn::ConnectionRef> slowed_;  // Wait for bandwidth.
  net::Watch resume_;                        // Runs only while some do.
  std::vector<uint8_t> input_;               // Where bytes are read to.
  std::vector<uint8_t> plaintext_;           // And where they are decrypted to.
};

}  // namespace turnpike::server
