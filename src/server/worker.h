// One worker: one thread, one event loop, its own listening sockets, its own shard of the protocol
// core, and the relay sockets of its own allocations. Both legs of every relayed packet run here,
// without a lock.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "auth/store/auth_service.h"
#include "base/mailbox.h"
#include "base/random.h"
#include "net/event_loop.h"
#include "net/rx_slab.h"
#include "net/socket_datagram_io.h"
#include "net/tx_batch.h"
#include "relay/relay_sockets.h"
#include "server/answer_desk.h"
#include "server/connect_backs.h"
#include "server/dtls_clients.h"
#include "server/forwarding.h"
#include "server/gathered_peers.h"
#include "server/proxied_streams.h"
#include "server/refusal_log.h"
#include "server/stream_clients.h"
#include "server/tcp_relays.h"
#include "server/user_traffic.h"
#include "server/wake_up_moderator.h"
#include "server/worker_message.h"
#include "server/worker_stats.h"
#include "turn/outbox.h"
#include "turn/server.h"

namespace turnpike::server {

// How a worker reaches others. Both are called on the worker's thread and must not block.
struct WorkerLinks {
  // False: that worker's mailbox is full and the message is dropped.
  std::function<bool(uint32_t worker, WorkerMessage&&)> post;
  std::function<bool(auth::LookupRequest&&)> ask_users;
  // To an operator's question.
  std::function<void(Answer&&)> answer;
};

struct WorkerSetup {
  uint32_t index = 0;
  uint32_t workers = 1;
  std::shared_ptr<const turn::Settings> settings;
  auth::NonceKey nonce_key{};
  auth::MobilityKey mobility_key{};  // The same for all workers.
  relay::RelaySettings relay_settings;
  std::shared_ptr<const net::HostAddresses> host;
  GatheredPeers gathered;
  std::vector<net::UdpSocket> udp_listeners;   // Bound; datagram links are their indices.
  std::vector<net::Fd> tcp_listeners;          // Listening.
  std::vector<net::Fd> proxied_listeners;      // Listening; connections begin with a PROXY header.
  std::shared_ptr<const net::TlsContext> tls;  // Null: neither TLS nor DTLS is served.
  StreamLimits stream_limits;
  ProxyLimits proxy_limits;
  DtlsLimits dtls_limits;
  SourceCounts* stream_sources = nullptr;  // Connections of each source, to all workers.
  SourceCounts* dtls_sources = nullptr;
  turn::RelayDirectory* directory = nullptr;
  relay::Reservations* reservations = nullptr;
  auth::QuotaLedger* quota = nullptr;
  turn::ReplyBuckets* error_replies = nullptr;
  turn::ReplyBuckets* binding_replies = nullptr;
  turn::ReplyBuckets* redirected_replies = nullptr;
  turn::ReplyBuckets* connect_backs = nullptr;
  turn::CapacityPool* capacity_from_clients = nullptr;
  turn::CapacityPool* capacity_to_clients = nullptr;
  Duration wake_up_pause{};             // See wake_up_moderator.h.
  UserTraffic* user_traffic = nullptr;  // nullptr: nobody asks for traffic by user.
  WorkerLinks links;
};

class Worker {
 public:
  // Everything that can fail has been done by the caller; what is pointed to outlives the worker.
  explicit Worker(WorkerSetup setup);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Serves until a Stop message; on the worker's own thread.
  void run();

  // Any thread. False: the mailbox is full.
  [[nodiscard]] bool post(WorkerMessage&& message) { return mailbox_.send(std::move(message)); }
  // What the server is told: rules, users, certificates.
  void post_in_any_case(WorkerMessage&& message) { mailbox_.send_in_any_case(std::move(message)); }

  // Any thread.
  [[nodiscard]] const turn::Counters& counters() const { return server_.counters(); }
  [[nodiscard]] const net::IoCounters& io_counters() const { return io_.counters(); }
  [[nodiscard]] const ClientCounters& client_counters() const { return client_counters_; }
  [[nodiscard]] const WorkerStats& stats() const { return stats_; }
  [[nodiscard]] size_t letters_waiting() const { return mailbox_.waiting(); }
  [[nodiscard]] uint64_t allocations() const {
    const turn::Counters& c = counters();
    // As below, what was closed is read first.
    const uint64_t closed = c.allocations_closed.get();
    return c.allocations_opened.get() - closed;
  }
  [[nodiscard]] uint64_t connections() const {
    const ClientCounters& c = client_counters_;
    // What was closed is read first: what was opened before it has been counted by then.
    const uint64_t closed = c.streams_closed.get() + c.dtls_closed.get();
    return c.streams_opened.get() + c.dtls_opened.get() - closed;
  }
  // When its loop last had the time to look at the clock, which it does once a second.
  [[nodiscard]] Instant last_tick() const {
    return Instant(Duration(last_tick_.load(std::memory_order_relaxed)));
  }

 private:
  WorkerTurn turn();
  void on_listener_readable(uint32_t index);
  // The TCP listeners that are not watched: they pause when nothing can be accepted.
  void watch_tcp_listeners();
  void on_relay_readable(turn::RelayId relay);
  void on_gathered(size_t index);
  void on_gathered_error(size_t index);
  // For what is received next, where little is left.
  void make_room();
  void on_tick();
  void on_mail();
  void on_message(WorkerMessage& message);
  // Whether somebody is there still.
  bool holds(turn::LinkId link);
  void on_route_held(const turn::RouteHeld& letter);
  void on_handed_over(const HandedOver& letter);
  void on_from_links(const FromLinks& letter);
  void use_tls(std::shared_ptr<const net::TlsContext> tls);
  void use_limits(const NewLimits& limits);

  // Carries out what the outbox holds, until it is empty.
  void flush();
  void send_packets();
  void add_to_batch(const turn::ToClient& packet);
  void send_to_workers();
  // A letter that came makes room for one that goes, so that what passes between two workers
  // allocates only until both have written as much as they read.
  HandedOver blank_letter();
  void keep_blank(HandedOver& spent);
  void report_peer_errors();
  void carry_out(turn::Effect& effect);
  void on_opened(const turn::AllocationOpened& event);
  void on_closed(const turn::AllocationClosed& event);
  void ask_for_key(turn::FetchKey& fetch);
  void move_link(turn::MoveLink& move);
  void finish_turn();
  // `began`: when the turn did.
  Duration pause_after_turn(Instant began);

  // The time of this turn, read when it is first needed.
  const Now& now();

  const uint32_t index_;
  const WorkerLinks links_;
  RandomSource random_;
  net::EventLoop loop_;
  net::SocketDatagramIo io_;
  net::RxSlab slab_;
  net::TxBatch batch_;
  turn::Outbox outbox_;
  std::vector<net::UdpSocket> udp_listeners_;
  GatheredPeers gathered_;
  std::vector<net::Fd> tcp_listeners_;
  std::vector<net::Fd> proxied_listeners_;
  relay::RelaySockets relays_;
  turn::Server server_;  // Holds leases on relays_, so it goes first.
  Forwarding forwarding_;
  ClientCounters client_counters_;
  WorkerStats stats_;
  UserTraffic* user_traffic_;
  StreamClients streams_;
  TcpRelays tcp_relays_;
  ConnectBacks connect_backs_;
  ProxiedStreams proxied_;
  std::unique_ptr<DtlsClients> dtls_;  // nullptr: DTLS is not served.

  std::vector<turn::Effect> effects_;  // Scratch of flush().
  std::vector<HandedOver> handovers_;  // Scratch of send_to_workers(); index: worker.
  std::vector<HandedOver> blank_letters_;
  std::vector<WorkerMessage> letters_;  // Scratch of on_mail().
  Now now_{};
  bool now_is_known_ = false;
  bool stopping_ = false;

  WakeUpModerator moderator_;
  RefusalLog refusals_;
  std::atomic<int64_t> last_tick_;  // Nanoseconds of the monotonic clock.

  net::Doorbell doorbell_;
  Mailbox<WorkerMessage> mailbox_;
  std::vector<net::Watch> watches_;
  // Of tcp_listeners_ and proxied_listeners_, in their order.
  std::vector<net::Watch> tcp_watches_;
  std::vector<net::Watch> proxied_watches_;
};

}  // namespace turnpike::server
