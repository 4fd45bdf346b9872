// The sockets, sessions and clock of one thread of the load generator.
//
// A seat is a client: a socket and a session. Peers are plain sockets. What a shape of load does
// with them is the shape's business.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "base/random.h"
#include "cli/load_options.h"
#include "cli/load_stats.h"
#include "client/server_link.h"
#include "client/turn_session.h"
#include "net/event_loop.h"
#include "net/socket_datagram_io.h"

namespace turnpike::cli {

class LoadEngine {
 public:
  using SeatId = uint32_t;

  // `options` must outlive the engine. `peer_ip` is where the peers' sockets are.
  LoadEngine(const LoadOptions& options, const Target& target, const Ip& peer_ip);
  LoadEngine(const LoadEngine&) = delete;
  LoadEngine& operator=(const LoadEngine&) = delete;

  // Called from turn(). Views live until turn() returns.
  std::function<void(SeatId, const client::Event&)> on_event;
  // With Carry::bare, instead of events: what the server sent to a client.
  std::function<void(SeatId, ByteView)> on_bare;
  std::function<void(size_t peer, const net::RxDatagram&)> on_peer;
  // The connection of a client broke, which is told once. It may be reopened from here.
  std::function<void(SeatId)> on_broken;

  std::optional<net::SysError> open_peers(uint32_t count);
  [[nodiscard]] const Endpoint& peer_address(size_t peer) const {
    return peers_[peer]->socket.local();
  }

  Result<SeatId, net::SysError> open_seat();
  // Another socket, that is another port, and a session that knows nothing.
  std::optional<net::SysError> reopen_seat(SeatId id);
  [[nodiscard]] size_t seats() const { return seats_.size(); }
  [[nodiscard]] const client::TurnSession& session(SeatId id) const { return *seats_[id]->session; }

  // Calls act(session, now, out) and sends what it wrote.
  template <typename Act>
  void call(SeatId id, Act&& act) {
    client::Output& out = begin_output();
    act(*seats_[id]->session, now_, out);
    finish_output(id, out);
  }

  // Room for a packet, valid until the turn ends; then one of the two sends it.
  ByteSpan packet(size_t size);
  void send_to_server(SeatId id, ByteView packet);
  void send_from_peer(size_t peer, const Endpoint& to, ByteView packet);

  // As of the last packet or timer that was looked at.
  [[nodiscard]] Instant now() const { return now_; }
  // Waits for packets until `wake` at the latest, and handles what came and what is due.
  void turn(Instant wake);
  // Sends what was written since the last turn.
  void flush();

  [[nodiscard]] OwnDrops own_drops() const;

 private:
  struct Seat {
    net::UdpSocket socket;  // One of these two.
    std::unique_ptr<client::ServerLink> link;
    bool has_unsent = false;  // The link has; it is named in unsent_.
    net::Watch watch;         // After the socket: it goes first.
    std::optional<client::TurnSession> session;
    Instant scheduled = Instant::max();  // The earliest entry in due_ for it.
  };
  struct Peer {
    net::UdpSocket socket;
    net::Watch watch;
  };
  struct Due {
    Instant at;
    SeatId seat;
    bool operator>(const Due& other) const { return at > other.at; }
  };

  std::optional<net::SysError> open_socket(SeatId id);
  std::optional<net::SysError> open_link(SeatId id);
  void look_after_links();
  void receive_for_seat(SeatId id);
  void receive_for_peer(size_t peer);
  void schedule(SeatId id);
  void run_due();

  // Handlers call sessions again, so outputs are stacked.
  client::Output& begin_output();
  void finish_output(SeatId id, client::Output& out);

  const LoadOptions& options_;
  Target target_;
  Ip peer_ip_;
  client::SessionSettings settings_;
  RandomSource random_;
  Instant now_;
  // What is sent at one time arrives at one time: rounded waits would make bursts of single
  // packets.
  net::EventLoop loop_{net::EventLoop::Waits::precise};
  net::SocketDatagramIo io_;
  net::TxBatch batch_;
  net::RxSlab slab_;
  client::ServerAddress link_settings_;
  net::IoCounters link_counters_;
  net::Watch link_timer_;
  std::vector<SeatId> unsent_;
  std::vector<std::unique_ptr<client::ServerLink>> retired_;  // May still be on the stack.
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::vector<std::unique_ptr<client::Output>> outputs_;
  size_t depth_ = 0;
  std::vector<std::unique_ptr<uint8_t[]>> arena_;  // Chunks of the packets of this turn.
  size_t arena_chunk_ = 0;
  size_t arena_used_ = 0;
};

}  // namespace turnpike::cli
