#include "server/worker.h"

#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "net/clock.h"
#include "server/event_log.h"
#include "server/session_list.h"
#include "stun/demux.h"

namespace turnpike::server {
namespace {

// Letters that may wait for one worker: 64 batches from each of a few dozen others.
constexpr size_t kMailboxCapacity = 4096;
// Of those that are kept to be written again.
constexpr size_t kMaxBlankLetters = 64;
constexpr size_t kBlankLetterSize = size_t{64} * 1024;

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

uint64_t to_number(turn::KeyTicket ticket) {
  return static_cast<uint64_t>(ticket.generation) << 32 | ticket.index;
}

}  // namespace

Worker::Worker(WorkerSetup setup)
    : index_(setup.index),
      links_(std::move(setup.links)),
      io_(random_.hash_key()),
      batch_(random_.hash_key()),
      udp_listeners_(std::move(setup.udp_listeners)),
      gathered_(std::move(setup.gathered)),
      tcp_listeners_(std::move(setup.tcp_listeners)),
      proxied_listeners_(std::move(setup.proxied_listeners)),
      relays_(setup.relay_settings, std::move(setup.host),
              {loop_, random_, *setup.reservations, gathered_.gathering, gathered_.slots},
              [this](turn::RelayId relay) { on_relay_readable(relay); }),
      server_(std::move(setup.settings),
              {relays_, *setup.directory, *setup.quota, random_, index_, setup.error_replies,
               setup.binding_replies, setup.redirected_replies, setup.connect_backs,
               setup.capacity_from_clients, setup.capacity_to_clients, setup.workers,
               setup.mobility_key},
              setup.nonce_key, net::monotonic_now()),
      forwarding_(index_, links_.post),
      user_traffic_(setup.user_traffic),
      streams_(loop_, turn(), client_counters_, setup.stream_limits, setup.tls,
               *setup.stream_sources),
      tcp_relays_(loop_, turn(), relays_, streams_, client_counters_),
      connect_backs_(loop_),
      proxied_(
          loop_, client_counters_, std::move(setup.proxy_limits), [this] { return now().mono; },
          [this](net::AcceptedStream&& stream) { streams_.open(std::move(stream)); }),
      moderator_(setup.wake_up_pause),
      last_tick_(net::monotonic_now().time_since_epoch().count()),
      mailbox_(kMailboxCapacity, [this] { doorbell_.ring(); }) {
  auto doorbell = loop_.make_doorbell([this] { on_mail(); });
  CHECK(doorbell.has_value());
  doorbell_ = std::move(*doorbell);
  if (setup.dtls_limits.serve && setup.tls && setup.tls->offers_dtls()) {
    dtls_ = std::make_unique<DtlsClients>(turn(), client_counters_, setup.dtls_limits, setup.tls,
                                          *setup.dtls_sources, random_.hash_key());
  }
  for (uint32_t i = 0; i < udp_listeners_.size(); ++i) {
    watches_.push_back(loop_.watch(udp_listeners_[i].fd(), [this, i] { on_listener_readable(i); }));
  }
  for (size_t i = 0; i < gathered_.sockets.size(); ++i) {
    watches_.push_back(loop_.watch(gathered_.sockets[i].fd(), [this, i] { on_gathered(i); }));
  }
  for (size_t i = 0; i < gathered_.errors.size(); ++i) {
    watches_.push_back(loop_.watch(gathered_.errors[i].fd(), [this, i] { on_gathered_error(i); }));
  }
  tcp_watches_.resize(tcp_listeners_.size());
  proxied_watches_.resize(proxied_listeners_.size());
  watch_tcp_listeners();
  watches_.push_back(loop_.every(seconds(1), [this] { on_tick(); }));
}

WorkerTurn Worker::turn() {
  return {server_, outbox_, slab_, [this]() -> const Now& { return now(); }, [this] { flush(); }};
}

void Worker::watch_tcp_listeners() {
  for (size_t i = 0; i < tcp_listeners_.size(); ++i) {
    if (tcp_watches_[i]) continue;
    tcp_watches_[i] = loop_.watch(tcp_listeners_[i].get(), [this, i] {
      if (streams_.accept_from(tcp_listeners_[i]) == Accepting::pauses) tcp_watches_[i].reset();
    });
  }
  for (size_t i = 0; i < proxied_listeners_.size(); ++i) {
    if (proxied_watches_[i]) continue;
    proxied_watches_[i] = loop_.watch(proxied_listeners_[i].get(), [this, i] {
      if (proxied_.accept_from(proxied_listeners_[i]) == Accepting::pauses) {
        proxied_watches_[i].reset();
      }
    });
  }
}

void Worker::on_tick() {
  watch_tcp_listeners();
  last_tick_.store(now().mono.time_since_epoch().count(), std::memory_order_relaxed);
  server_.on_tick(now(), outbox_);
  streams_.on_tick();
  tcp_relays_.on_tick();
  connect_backs_.on_tick(now().mono);
  proxied_.on_tick();
  if (dtls_) dtls_->on_tick();
  stats_.requests_waiting.set(server_.waiting());
  stats_.stream_queue_bytes.set(streams_.waiting_bytes());
  stats_.relay_sockets.set(relays_.size());
  stats_.relays_not_gathered.set(relays_.not_gathered());
  if (user_traffic_ == nullptr) return;
  server_.for_each_allocation([this](turn::Allocation& allocation) {
    user_traffic_->book(index_, allocation, now().mono);
  });
}

void Worker::run() {
  while (!stopping_) {
    loop_.run_turn(net::EventLoop::kForever);
    const Instant began = now().mono;
    finish_turn();
    const Duration pause = pause_after_turn(began);
    if (pause > Duration::zero()) net::pause_thread(pause);
  }
  server_.kill(now(), {}, turn::CloseReason::server_stops, outbox_);
  finish_turn();
}

Duration Worker::pause_after_turn(Instant began) {
  if (!moderator_.enabled() || stopping_) return Duration::zero();
  const uint64_t datagrams = io_.counters().rx_datagrams.get();
  const ClientCounters& clients = client_counters_;
  return moderator_.pause_after(
      began, net::monotonic_now(),
      {datagrams + clients.stream_reads.get(), clients.stream_reads_left.get()});
}

const Now& Worker::now() {
  if (!now_is_known_) {
    now_ = net::read_clocks();
    now_is_known_ = true;
  }
  return now_;
}

void Worker::on_listener_readable(uint32_t index) {
  net::UdpSocket& listener = udp_listeners_[index];
  for (const net::RxDatagram& datagram : io_.receive(listener, slab_)) {
    const Endpoint& local = datagram.local;
    if (dtls_ && stun::classify_datagram(datagram.bytes) == stun::PacketKind::dtls) {
      dtls_->on_datagram(index, datagram.source, local, datagram.bytes);
    } else {
      const turn::ClientRoute from = {make_link(LinkKind::datagram, {index, 0}),
                                      {Transport::udp, datagram.source, local}};
      server_.on_client_packet(now(), from, datagram.bytes, outbox_);
    }
    if (outbox_.nearly_full()) flush();
  }
  make_room();
}

void Worker::on_relay_readable(turn::RelayId relay) {
  net::UdpSocket* socket = relays_.find(relay);
  if (socket == nullptr) return tcp_relays_.accept_at(relay);
  for (const net::RxDatagram& datagram : io_.receive(*socket, slab_)) {
    server_.on_peer_packet(now(), relay, datagram.source, datagram.bytes, outbox_);
    if (outbox_.nearly_full()) flush();
  }
  make_room();
}

void Worker::on_gathered(size_t index) {
  for (const net::RxDatagram& datagram : io_.receive(gathered_.sockets[index], slab_)) {
    server_.on_peer_packet(now(), relays_.find_gathered(datagram.local), datagram.source,
                           datagram.bytes, outbox_);
    if (outbox_.nearly_full()) flush();
  }
  make_room();
}

void Worker::make_room() {
  if (!slab_.wants_reset()) return;
  flush();
  slab_.reset();
}

void Worker::on_gathered_error(size_t index) {
  for (size_t i = 0; i < net::DatagramIo::kMaxMessages; ++i) {
    const std::optional<net::QuotedError> error = gathered_.errors[index].receive();
    if (!error) return;
    const turn::RelayId relay = relays_.find_gathered(error->source);
    // The ICMP errors of the whole host come here.
    if (!relay.valid()) continue;
    stats_.gathered_errors.add();
    server_.on_peer_error(now(), relay, error->destination, {error->type, error->code, error->data},
                          outbox_);
    if (outbox_.nearly_full()) flush();
  }
}

void Worker::flush() {
  do {
    send_packets();
    send_to_workers();
    effects_.swap(outbox_.effects);
    outbox_.clear();
    for (turn::Effect& effect : effects_) carry_out(effect);
    effects_.clear();
    stats_.forwards_lost.add(forwarding_.post_all());
    report_peer_errors();
  } while (!outbox_.empty());
}

void Worker::send_packets() {
  for (const turn::ToClient& packet : outbox_.to_client) {
    packet.link.is_elsewhere() ? forwarding_.add(packet) : add_to_batch(packet);
  }
  for (const turn::ToOwner& packet : outbox_.to_owner) forwarding_.add(packet);
  for (const turn::ToPeer& packet : outbox_.to_peer) {
    // An allocation that ended in this turn has taken its socket along.
    net::UdpSocket* socket = relays_.find(packet.relay);
    if (socket == nullptr) continue;
    net::TxMarks marks;
    marks.dont_fragment = packet.fragmenting == turn::Fragmenting::forbidden;
    batch_.add({socket, packet.peer, Ip(), {}, packet.payload, marks});
  }
  if (dtls_) dtls_->add_sends(udp_listeners_, batch_);
  if (!batch_.empty()) io_.send(batch_, now().mono);
  if (dtls_) dtls_->clear_sends();
  streams_.write_queued();
}

void Worker::add_to_batch(const turn::ToClient& packet) {
  switch (kind_of(packet.link)) {
    case LinkKind::datagram: {
      net::UdpSocket& socket = udp_listeners_[packet.link.index];
      const Ip source = socket.local().ip.is_unspecified() ? packet.server_ip : Ip();
      batch_.add({&socket, packet.client, source, packet.head, packet.body, {}});
      client_counters_.sent_packets[Transport::udp].add();
      client_counters_.sent_bytes[Transport::udp].add(packet.head.size() + packet.body.size());
      return;
    }
    case LinkKind::dtls:
      if (dtls_) dtls_->queue(packet);
      return;
    case LinkKind::stream:
      return streams_.queue(packet);
  }
}

void Worker::send_to_workers() {
  if (outbox_.to_worker.empty()) return;
  for (const turn::ToWorker& packet : outbox_.to_worker) {
    if (packet.worker >= handovers_.size()) handovers_.resize(packet.worker + 1);
    HandedOver& letter = handovers_[packet.worker];
    letter.items.push_back({packet.relay, packet.source, packet.payload.size()});
    letter.bytes.insert(letter.bytes.end(), packet.payload.begin(), packet.payload.end());
  }
  for (uint32_t worker = 0; worker < handovers_.size(); ++worker) {
    HandedOver& letter = handovers_[worker];
    if (letter.items.empty()) continue;
    // Media: what does not fit into a full mailbox is lost, as it would be in a full socket.
    const size_t count = letter.items.size();
    if (!links_.post(worker, std::exchange(letter, blank_letter()))) {
      stats_.handovers_lost.add(count);
    }
  }
}

HandedOver Worker::blank_letter() {
  if (blank_letters_.empty()) return {};
  HandedOver letter = std::move(blank_letters_.back());
  blank_letters_.pop_back();
  return letter;
}

void Worker::keep_blank(HandedOver& spent) {
  const bool big = spent.bytes.capacity() > kBlankLetterSize;
  if (big || blank_letters_.size() == kMaxBlankLetters) return;
  spent.items.clear();
  spent.bytes.clear();
  blank_letters_.push_back(std::move(spent));
}

void Worker::report_peer_errors() {
  for (const net::IcmpError& error : io_.take_errors()) {
    server_.on_peer_error(now(), relay::relay_of(error.socket_tag), error.destination,
                          {error.type, error.code, error.data}, outbox_);
  }
}

void Worker::carry_out(turn::Effect& effect) {
  std::visit(
      Overloaded{[this](turn::FetchKey& fetch) { ask_for_key(fetch); },
                 [this](const turn::AllocationOpened& event) { on_opened(event); },
                 [this](const turn::AllocationClosed& event) { on_closed(event); },
                 [this](const turn::ConnectPeer& e) { tcp_relays_.carry_out(e); },
                 [this](const turn::ClosePeer& e) { tcp_relays_.carry_out(e); },
                 [this](const turn::BindLink& e) { tcp_relays_.carry_out(e); },
                 [this](const turn::ConnectBack& e) { connect_backs_.carry_out(e, now().mono); },
                 [this](turn::MoveLink& move) { move_link(move); },
                 [](const turn::AllocationMoved& event) { log_event(event); },
                 [this](const turn::RouteHeld& event) { forwarding_.post(event); },
                 [this](const turn::RouteReleased& event) { forwarding_.post(event); },
                 [this](const turn::RouteLost& event) { forwarding_.post(event); },
                 [this](const auto& event) {
                   log_event(event, now().mono);
                   refusals_.add(event, now().wall);
                 }},
      effect);
}

void Worker::on_opened(const turn::AllocationOpened& event) {
  // Opening it takes longer than anything else that a client asks for, so the clock is read again.
  stats_.setup_time.add(event.waited + (net::monotonic_now() - now().mono));
  log_event(event);
}

void Worker::on_closed(const turn::AllocationClosed& event) {
  stats_.session_length.add(event.lasted);
  stats_.closed[event.reason].add();
  if (user_traffic_ != nullptr) user_traffic_->close(index_, event, now().mono);
  log_event(event);
}

void Worker::ask_for_key(turn::FetchKey& fetch) {
  auth::LookupRequest question;
  question.worker = index_;
  question.ticket = to_number(fetch.ticket);
  question.by_userhash = fetch.name.empty();
  question.name = std::move(fetch.name);
  question.userhash = fetch.userhash;
  question.realm = std::move(fetch.realm);
  // A full queue is a store that does not keep up. The request is forgotten in two seconds, and
  // the client's retransmission asks again.
  if (!links_.ask_users(std::move(question))) stats_.questions_lost.add();
}

void Worker::move_link(turn::MoveLink& move) {
  std::unique_ptr<StreamHandover> stream = streams_.release(move.link);
  if (!stream) return;
  client_counters_.streams_moved.add();
  // A worker that does not empty its mailbox would not answer either: the connection ends here.
  static_cast<void>(
      links_.post(move.worker, AdoptStream{std::move(stream), std::move(move.request)}));
}

void Worker::on_mail() {
  mailbox_.take_all(letters_);
  for (WorkerMessage& letter : letters_) {
    on_message(letter);
    if (auto* spent = std::get_if<HandedOver>(&letter)) keep_blank(*spent);
  }
  letters_.clear();
}

void Worker::on_message(WorkerMessage& message) {
  std::visit(
      Overloaded{
          [this](NewSettings& m) {
            server_.use_settings(std::move(m.settings), now().mono, outbox_);
          },
          [this](NewStoreState& m) { server_.use_store_state(std::move(m.state), now().mono); },
          [this](KeyAnswer& m) { server_.on_key(now(), m.ticket, std::move(m.answer), outbox_); },
          [this](const HandedOver& m) { on_handed_over(m); },
          [this](AdoptStream& m) { streams_.adopt(std::move(m.stream), m.request); },
          [this](const ToLinks& m) {
            for_each_packet(m, [this](const turn::ToClient& p) { add_to_batch(p); });
          },
          [this](const FromLinks& m) { on_from_links(m); },
          [this](const turn::RouteHeld& m) { on_route_held(m); },
          [this](const turn::RouteReleased& m) {
            server_.on_route_released(now(), m.owner, m.route);
          },
          [this](const turn::RouteLost& m) { server_.on_link_closed(now(), m.route, outbox_); },
          [this](const SetAdmission& m) { server_.set_admission(m.admission); },
          [this](NewTlsContext& m) { use_tls(std::move(m.tls)); },
          [this](NewAlternates& m) {
            server_.use_alternates(std::move(m.alternates), std::move(m.own));
          },
          [this](NewHostAddresses& m) { relays_.use(std::move(m.host)); },
          [this](NewExternalIps& m) { relays_.use(std::move(m.external_ips)); },
          [this](const NewLimits& m) { use_limits(m); },
          [this](const ListSessions& m) {
            links_.answer({m.question, list_sessions(server_, index_, m.query, now().mono)});
          },
          [this](const KillSessions& m) {
            links_.answer(
                {m.question, Killed{kill_sessions(server_, index_, m.filter, now(), outbox_)}});
          },
          [this](const ListRefusals& m) {
            links_.answer({m.question, Refusals{refusals_.newest(m.limit)}});
          },
          [this](const Stop&) { stopping_ = true; }},
      message);
  // Answers may view what the letter holds.
  flush();
}

void Worker::use_tls(std::shared_ptr<const net::TlsContext> tls) {
  // Whether DTLS is served at all is decided at the start.
  if (dtls_ && tls->offers_dtls()) dtls_->use(tls);
  streams_.use(std::move(tls));
}

void Worker::use_limits(const NewLimits& limits) {
  streams_.use(limits.streams);
  if (dtls_) dtls_->use(limits.dtls);
  relays_.use(limits.relay);
}

bool Worker::holds(turn::LinkId link) {
  switch (kind_of(link)) {
    case LinkKind::datagram:
      return true;
    case LinkKind::dtls:
      return dtls_ && dtls_->holds(link);
    case LinkKind::stream:
      return streams_.holds(link);
  }
  return false;
}

void Worker::on_route_held(const turn::RouteHeld& letter) {
  // The letter may come later than the end of the connection that it is about.
  const turn::LinkState link =
      holds(letter.route.link) ? turn::LinkState::open : turn::LinkState::closed;
  server_.on_route_held(now(), letter.owner, letter.route, letter.deadline, link, outbox_);
}

void Worker::on_handed_over(const HandedOver& letter) {
  ByteView bytes = letter.bytes;
  for (const HandedOver::Item& item : letter.items) {
    server_.on_handed_over(now(), item.relay, item.source, bytes.first(item.size), outbox_);
    bytes = bytes.subspan(item.size);
    if (outbox_.nearly_full()) flush();
  }
}

void Worker::on_from_links(const FromLinks& letter) {
  for_each_packet(letter, [this](const turn::ClientRoute& from, ByteView packet) {
    server_.on_client_packet(now(), from, packet, outbox_);
    if (outbox_.nearly_full()) flush();
  });
}

void Worker::finish_turn() {
  flush();
  while (streams_.resume()) flush();
  streams_.end_turn();
  slab_.reset();
  now_is_known_ = false;
}

}  // namespace turnpike::server
