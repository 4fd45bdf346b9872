#include "server/stream_clients.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/connection_bind.h"
#include "server/stream_client.h"
#include "turn/limits.h"

namespace turnpike::server {
namespace {

// What one client may hand in before the others have their turn.
constexpr size_t kReadSize = net::kTlsPlaintextMax;
// A ConnectionBind that waits for the user store is forgotten after turn::kParkedLifetime; its
// client then has to begin again, and hears of it by the end of its connection.
constexpr seconds kPausedMax = turn::kParkedLifetime + seconds(1);
// A signature takes half a millisecond, and everybody's media waits for it.
constexpr size_t kHandshakeStepsPerTurn = 1;
// The content type of a TLS record with a handshake.
constexpr uint8_t kTlsHandshake = 22;
// A queue that has been larger gives its memory back once it is empty.
constexpr size_t kQueueKept = 2048;

std::vector<uint8_t> copy_of(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

StreamClients::StreamClients(net::EventLoop& loop, const WorkerTurn& turn, ClientCounters& counters,
                             const StreamLimits& limits, std::shared_ptr<const net::TlsContext> tls,
                             SourceCounts& sources)
    : loop_(loop),
      turn_(turn),
      counters_(counters),
      limits_(limits),
      tls_(std::move(tls)),
      sources_(sources),
      steps_left_(kHandshakeStepsPerTurn),
      ciphertext_(kReadSize) {}

StreamClients::~StreamClients() = default;

Accepting StreamClients::accept_from(const net::Fd& listener) {
  return accept_waiting(listener, counters_,
                        [this](net::AcceptedStream&& accepted) { open(std::move(accepted)); });
}

void StreamClients::open(net::AcceptedStream accepted) {
  if (!sources_.add(accepted.peer.ip, limits_.per_source)) {
    counters_.refused_source_limit.add();
    return;
  }
  // One that has waited for its PROXY header was numbered a while ago.
  if (net::is_scarce(accepted.fd)) net::renumber(accepted.fd);
  // The last descriptors are for those who have an allocation, or are about to get one.
  if (net::is_scarce(accepted.fd)) {
    if (!close_oldest_stranger()) {
      sources_.remove(accepted.peer.ip);
      return counters_.refused_scarce.add();
    }
    net::renumber(accepted.fd);
  }
  const SlabHandle handle =
      add(std::move(accepted.fd), {Transport::tcp, accepted.peer, accepted.local});
  strangers_.push_back(handle);
  if (!clients_.find(handle)->readable) close(handle);
}

SlabHandle StreamClients::add(net::Fd fd, const FiveTuple& tuple) {
  const SlabHandle handle = clients_.emplace();
  StreamClient& client = *clients_.find(handle);
  client.handle = handle;
  client.fd = std::move(fd);
  client.tuple = tuple;
  client.opened = turn_.now().mono;
  client.last_allocation = client.opened;
  client.readable = loop_.watch(client.fd.get(), [this, handle] { on_readable(handle); });
  counters_.streams_opened.add();
  return handle;
}

void StreamClients::on_readable(SlabHandle handle) {
  StreamClient& client = *clients_.find(handle);
  if (is_shaking_hands(client) && !take_step(client)) return;
  net::RxSlab& slab = turn_.slab;
  if (slab.slots_left(kReadSize) == 0) {
    turn_.flush();
    slab.reset();
  }
  // Plaintext is read to where it may stay until the flush; ciphertext is used up at once.
  const bool is_tls = client.speech == StreamClient::Speech::tls;
  const ByteSpan room = is_tls ? ByteSpan(ciphertext_) : slab.slot(kReadSize, 0);
  const net::StreamRead read = net::read_stream(client.fd, room);
  if (read.result == net::StreamResult::would_block) return;
  if (!is_tls) slab.keep(kReadSize, 1, read.bytes.size());
  if (read.result == net::StreamResult::closed) return close(handle);
  counters_.add_stream_read(read.bytes.size(), room.size());
  const bool goes_on = take_bytes(client, read.bytes);
  if (!goes_on || client.doomed) say_goodbye(handle);
}

bool StreamClients::is_shaking_hands(const StreamClient& client) const {
  if (client.tls) return client.tls->state() == net::TlsState::handshaking;
  if (client.speech != StreamClient::Speech::unknown || !tls_ || !limits_.serve_tls) return false;
  std::array<uint8_t, 1> first{};
  const net::StreamRead seen = net::peek_stream(client.fd, first);
  return seen.result == net::StreamResult::some && seen.bytes[0] == kTlsHandshake;
}

bool StreamClients::take_step(StreamClient& client) {
  if (std::exchange(client.admitted, false)) return true;
  if (steps_left_ == 0) {
    client.readable.reset();
    waiting_.push_back(client.handle);
    return false;
  }
  --steps_left_;
  return true;
}

void StreamClients::end_turn() {
  steps_left_ = kHandshakeStepsPerTurn;
  while (steps_left_ > 0 && !waiting_.empty()) {
    const SlabHandle handle = waiting_.front();
    waiting_.pop_front();
    StreamClient* client = clients_.find(handle);
    if (client == nullptr) continue;
    // What it sent is still there, so its turn is the next one.
    client->readable = loop_.watch(client->fd.get(), [this, handle] { on_readable(handle); });
    if (!client->readable) client->doomed = true;
    client->admitted = true;
    counters_.stream_reads_left.add();
    --steps_left_;
  }
}

void StreamClients::recognise(StreamClient& client, ByteView bytes) {
  if (bytes[0] == kTlsHandshake && tls_ && limits_.serve_tls) {
    client.speech = StreamClient::Speech::tls;
    client.tuple.transport = Transport::tls;
    client.tls = std::make_unique<net::TlsChannel>(tls_);
    // Answers to what came before the client's good-bye still go out.
    client.tls->end_directions_apart();
    return;
  }
  // The framer knows what else may stand there.
  client.speech = StreamClient::Speech::plain;
}

bool StreamClients::take_bytes(StreamClient& client, ByteView bytes) {
  if (client.speech == StreamClient::Speech::unknown) recognise(client, bytes);
  const bool held_part = client.holds_part();
  client.had_frame = false;
  const bool goes_on = client.speech == StreamClient::Speech::tls ? take_tls(client, bytes)
                                                                  : take_plaintext(client, bytes);
  // The time of a frame runs from its first byte: it is not renewed by the next ones, and neither
  // the silence before it counts nor the frames that came before it in the same read.
  if (!held_part || client.had_frame) client.part_since = turn_.now().mono;
  return goes_on;
}

bool StreamClients::take_tls(StreamClient& client, ByteView ciphertext) {
  const bool was_open = client.tls->state() == net::TlsState::open;
  const size_t before = client.queue.size();
  while (true) {
    net::RxSlab& slab = turn_.slab;
    if (slab.slots_left(net::kTlsPlaintextMax) == 0) {
      turn_.flush();
      slab.reset();
    }
    const ByteView plaintext =
        client.tls->feed(ciphertext, slab.slot(net::kTlsPlaintextMax, 0), client.queue);
    if (plaintext.empty()) break;
    slab.keep(net::kTlsPlaintextMax, 1, plaintext.size());
    if (!take_plaintext(client, plaintext)) return false;
    if (!client.paused) continue;
    client.held_encrypted = copy_of(ciphertext);
    break;
  }
  if (client.queue.size() != before) mark_dirty(client);
  // TLS answers by itself too, as often as it is asked for new keys.
  if (client.waiting() > limits_.queue_max) {
    counters_.closed_queue_full.add();
    return false;
  }
  switch (client.tls->state()) {
    case net::TlsState::handshaking:
      return true;
    case net::TlsState::open:
      if (!was_open) counters_.handshakes_done[Transport::tls].add();
      return !client.tls->received_end();
    case net::TlsState::failed:
      // The alert that says why is worth a try.
      counters_.handshakes_failed[Transport::tls].add();
      write_out(client);
      return false;
    case net::TlsState::closed:
      break;
  }
  return false;
}

bool StreamClients::take_plaintext(StreamClient& client, ByteView bytes) {
  if (!client.known && turn_.server.has_allocation(turn_.now(), client.route())) {
    client.known = true;
    client.framer.allow_long_frames();
  }
  const ByteView all = bytes;
  while (true) {
    const auto frame = client.framer.next(bytes);
    if (!frame) {
      counters_.closed_not_turn.add();
      return false;
    }
    if (!*frame) break;
    client.had_frame = true;
    if (is_connection_bind(**frame)) {
      pause(client, (*frame)->bytes, bytes);
      turn_.server.on_client_packet(turn_.now(), client.route(), (*frame)->bytes, turn_.outbox);
      break;
    }
    turn_.server.on_client_packet(turn_.now(), client.route(), (*frame)->bytes, turn_.outbox);
    // A frame that was put together from parts lives in the framer, and only until its next one.
    const uint8_t* at = (*frame)->bytes.data();
    const bool in_input = at >= all.data() && at < all.data() + all.size();
    if (!in_input || turn_.outbox.nearly_full()) turn_.flush();
    if (client.doomed) return false;
  }
  return true;
}

void StreamClients::pause(StreamClient& client, ByteView request, ByteView rest) {
  client.paused = true;
  client.paused_for = transaction_of(request);
  client.paused_at = turn_.now().mono;
  client.readable.reset();
  client.held = copy_of(rest);
}

bool StreamClients::resume() {
  if (resumed_.empty()) return false;
  for (const SlabHandle handle : std::exchange(resumed_, {})) {
    StreamClient* client = clients_.find(handle);
    // Its answer made it a data connection, most of the time.
    if (client == nullptr || client->paused) continue;
    client->readable = loop_.watch(client->fd.get(), [this, handle] { on_readable(handle); });
    const std::vector<uint8_t> held = std::exchange(client->held, {});
    const std::vector<uint8_t> encrypted = std::exchange(client->held_encrypted, {});
    client->part_since = turn_.now().mono;
    bool goes_on = static_cast<bool>(client->readable) && take_plaintext(*client, held);
    if (goes_on && client->paused) {
      client->held_encrypted = encrypted;
    } else if (goes_on && !encrypted.empty()) {
      goes_on = take_tls(*client, encrypted);
    }
    // What was held is gone after this, so nothing may view it any more.
    turn_.flush();
    client = clients_.find(handle);
    if (client != nullptr && (!goes_on || client->doomed)) say_goodbye(handle);
  }
  return true;
}

bool StreamClients::holds(turn::LinkId link) {
  return clients_.find(handle_of(link)) != nullptr;
}

std::unique_ptr<StreamHandover> StreamClients::release(turn::LinkId link) {
  const SlabHandle handle = handle_of(link);
  StreamClient* client = clients_.find(handle);
  if (client == nullptr || client->doomed) return nullptr;
  // TLS keeps its own order: what was said before the hand-over is encrypted before it.
  if (!client->plaintext.empty()) client->tls->write(client->plaintext, client->queue);
  turn_.server.on_link_released(link);
  auto stream = std::make_unique<StreamHandover>();
  stream->tuple = client->tuple;
  stream->tls = std::move(client->tls);
  stream->unsent = copy_of(ByteView(client->queue).subspan(client->written));
  stream->received = std::move(client->held);
  stream->encrypted = std::move(client->held_encrypted);
  client->readable.reset();
  client->writable.reset();
  stream->fd = std::move(client->fd);
  forget(*client);
  return stream;
}

void StreamClients::adopt(std::unique_ptr<StreamHandover> stream, ByteView request) {
  // It has its place already, wherever it was accepted.
  static_cast<void>(sources_.add(stream->tuple.client.ip, 0));
  const SlabHandle handle = add(std::move(stream->fd), stream->tuple);
  StreamClient& client = *clients_.find(handle);
  client.tls = std::move(stream->tls);
  client.speech = client.tls ? StreamClient::Speech::tls : StreamClient::Speech::plain;
  client.queue = std::move(stream->unsent);
  pause(client, request, stream->received);
  client.held_encrypted = std::move(stream->encrypted);
  strangers_.push_back(handle);
  mark_dirty(client);
  turn_.server.on_client_packet(turn_.now(), client.route(), request, turn_.outbox);
}

void StreamClients::queue(const turn::ToClient& packet) {
  StreamClient* client = clients_.find(handle_of(packet.link));
  if (client == nullptr || client->doomed) return;
  // Not by the answer to what came before it, which may still have been on its way.
  if (client->paused && answers_connection_bind(packet, client->paused_for)) {
    client->paused = false;
    resumed_.push_back(client->handle);
  }
  const size_t size = packet.head.size() + packet.body.size();
  if (client->waiting() + size > limits_.queue_max) {
    if (packet.precious == turn::Precious::no) return counters_.drop_queue_full.add();
    counters_.closed_queue_full.add();
    client->doomed = true;
    mark_dirty(*client);
    return;
  }
  std::vector<uint8_t>& to = client->tls ? client->plaintext : client->queue;
  to.insert(to.end(), packet.head.begin(), packet.head.end());
  to.insert(to.end(), packet.body.begin(), packet.body.end());
  counters_.sent_packets[client->tuple.transport].add();
  counters_.sent_bytes[client->tuple.transport].add(size);
  mark_dirty(*client);
}

void StreamClients::mark_dirty(StreamClient& client) {
  if (client.dirty) return;
  client.dirty = true;
  dirty_.push_back(client.handle);
}

void StreamClients::write_queued() {
  for (const SlabHandle handle : dirty_) {
    StreamClient* client = clients_.find(handle);
    if (client == nullptr) continue;
    client->dirty = false;
    // Closing has effects of its own, so it is left to the client's next event.
    if (!client->doomed) write_out(*client);
  }
  dirty_.clear();
}

void StreamClients::write_out(StreamClient& client) {
  if (!client.plaintext.empty()) {
    client.tls->write(client.plaintext, client.queue);
    client.plaintext.clear();
    if (client.plaintext.capacity() > kQueueKept) client.plaintext.shrink_to_fit();
  }
  const auto waiting = ByteView(client.queue).subspan(client.written);
  const net::StreamWrite wrote = net::write_stream(client.fd, waiting);
  client.written += wrote.written;
  if (client.written == client.queue.size()) {
    client.queue.clear();
    client.written = 0;
    client.writable.reset();
    if (client.queue.capacity() > kQueueKept) client.queue.shrink_to_fit();
  }
  if (wrote.result == net::StreamResult::closed) client.doomed = true;
  if (client.written > client.queue.size() / 2) {
    // What has gone out need not be kept until the rest has.
    client.queue.erase(client.queue.begin(),
                       client.queue.begin() + static_cast<ptrdiff_t>(client.written));
    client.written = 0;
  }
  if (wrote.result != net::StreamResult::would_block || client.writable) return;
  const SlabHandle handle = client.handle;
  client.writable = loop_.watch_writable(client.fd.get(), [this, handle] { on_writable(handle); });
}

void StreamClients::on_writable(SlabHandle handle) {
  StreamClient& client = *clients_.find(handle);
  write_out(client);
  if (client.doomed) close(handle);
}

bool StreamClients::is_overdue(const StreamClient& client, Instant now) const {
  const bool shaking = client.tls && client.tls->state() == net::TlsState::handshaking;
  if ((client.speech == StreamClient::Speech::unknown || shaking) &&
      now - client.opened > limits_.handshake_max) {
    counters_.handshakes_late[client.tuple.transport].add();
    return true;
  }
  if (client.holds_part() && now - client.part_since > limits_.frame_max) {
    counters_.closed_slow.add();
    return true;
  }
  if (client.paused && now - client.paused_at > kPausedMax) {
    counters_.closed_unanswered.add();
    return true;
  }
  if (now - client.last_allocation > limits_.without_allocation) {
    counters_.closed_idle.add();
    return true;
  }
  return false;
}

void StreamClients::on_tick() {
  const Instant now = turn_.now().mono;
  waiting_bytes_ = 0;
  clients_.for_each([&](SlabHandle handle, StreamClient& client) {
    waiting_bytes_ += client.waiting();
    if (turn_.server.has_allocation(turn_.now(), client.route())) client.last_allocation = now;
    if (client.doomed || is_overdue(client, now)) overdue_.push_back(handle);
  });
  for (const SlabHandle handle : overdue_) close(handle);
  overdue_.clear();
  std::erase_if(strangers_, [this](SlabHandle handle) { return clients_.find(handle) == nullptr; });
}

bool StreamClients::close_oldest_stranger() {
  for (auto at = strangers_.begin(); at != strangers_.end();) {
    const SlabHandle handle = *at;
    const StreamClient* client = clients_.find(handle);
    if (client != nullptr && client->paused) {
      // Its turn comes when it is answered.
      ++at;
      continue;
    }
    at = strangers_.erase(at);
    if (client == nullptr || turn_.server.has_allocation(turn_.now(), client->route())) continue;
    counters_.closed_scarce.add();
    close(handle);
    return true;
  }
  return false;
}

void StreamClients::say_goodbye(SlabHandle handle) {
  // What came before the end may not be answered yet.
  turn_.flush();
  StreamClient* client = clients_.find(handle);
  if (client == nullptr) return;
  if (client->tls) client->tls->close(client->queue);
  write_out(*client);
  close(handle);
}

void StreamClients::close(SlabHandle handle) {
  StreamClient* client = clients_.find(handle);
  turn_.server.on_link_closed(turn_.now(), client->route(), turn_.outbox);
  forget(*client);
}

void StreamClients::forget(const StreamClient& client) {
  sources_.remove(client.tuple.client.ip);
  counters_.streams_closed.add();
  clients_.erase(client.handle);
}

}  // namespace turnpike::server
