#include "http/server.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "net/clock.h"

namespace turnpike::http {

Server::Server(net::EventLoop& loop, Limits limits, Handler handler)
    : loop_(loop), limits_(limits), handler_(std::move(handler)) {
  tick_ = loop_.every(seconds(1), [this] { on_tick(); });
}

void Server::serve(const net::Fd& listener, Door door) {
  entrances_.push_back({listener, door, {}});
  watch(entrances_.back());
}

void Server::watch(Entrance& entrance) {
  entrance.watch =
      loop_.watch(entrance.listener.get(), [this, &entrance] { accept_from(entrance); });
}

void Server::accept_from(Entrance& entrance) {
  // A few at a time: whoever waits is heard in the next turn.
  constexpr int kAtOnce = 16;
  for (int i = 0; i < kAtOnce; ++i) {
    if (entrance.door == Door::local) {
      net::Fd fd = net::accept_unix(entrance.listener);
      if (!fd) return;
      admit(std::move(fd), {Door::local, {}});
      continue;
    }
    auto accepted = net::accept_tcp(entrance.listener);
    if (accepted) {
      admit(std::move(accepted->fd), {Door::tcp, accepted->peer.ip});
      continue;
    }
    if (accepted.error() == net::AcceptError::try_next) continue;
    // Those who wait would wake us again at once; they are asked in with the next tick.
    if (accepted.error() == net::AcceptError::no_descriptors) entrance.watch.reset();
    return;
  }
}

void Server::admit(net::Fd fd, const Caller& caller) {
  make_room(caller.door);
  Connection connection;
  connection.fd = std::move(fd);
  connection.caller = caller;
  connection.deadline = net::monotonic_now() + limits_.request_max;
  const Place place = connections_.insert(connections_.end(), std::move(connection));
  place->watch = loop_.watch(place->fd.get(), [this, place] { on_readable(place); });
  if (!place->watch) close(place);
}

// The one that has waited longest, of the address that holds most: a crowd from one address is in
// its own way only. Those that are being answered go last.
void Server::make_room(Door door) {
  std::map<Ip, size_t> held;
  size_t all = 0;
  for (const Connection& each : connections_) {
    if (each.caller.door != door) continue;
    ++held[each.caller.ip];
    ++all;
  }
  if (all < limits_.connections) return;
  auto victim = connections_.end();
  const auto weight = [&held](const Connection& one) {
    return std::pair(!one.is_answered, held[one.caller.ip]);
  };
  for (auto place = connections_.begin(); place != connections_.end(); ++place) {
    if (place->caller.door != door) continue;
    if (victim == connections_.end() || weight(*place) > weight(*victim)) victim = place;
  }
  if (victim != connections_.end()) close(victim);
}

void Server::on_readable(Place place) {
  std::array<uint8_t, 4096> room;
  const net::StreamRead read = net::read_stream(place->fd, room);
  if (read.result == net::StreamResult::would_block) return;
  if (read.result == net::StreamResult::closed) return close(place);
  switch (place->parser.push(read.bytes)) {
    case Parser::State::wants_more:
      return;
    case Parser::State::failed:
      return answer(place, {.status = place->parser.error_status(), .body = {}});
    case Parser::State::complete:
      return answer(place, handler_(place->parser.request(), place->caller));
  }
}

void Server::answer(Place place, const Response& response) {
  place->response = to_bytes(response, place->parser.request().answer_body);
  place->is_answered = true;
  place->deadline = net::monotonic_now() + limits_.response_max;
  place->watch = loop_.watch_writable(place->fd.get(), [this, place] { on_writable(place); });
  if (!place->watch) close(place);
}

void Server::on_writable(Place place) {
  const ByteView rest = as_bytes(place->response).subspan(place->written);
  const net::StreamWrite write = net::write_stream(place->fd, rest);
  place->written += write.written;
  if (write.result == net::StreamResult::would_block) return;
  close(place);
}

void Server::close(Place place) {
  place->watch.reset();
  connections_.erase(place);
}

void Server::on_tick() {
  const Instant now = net::monotonic_now();
  for (auto place = connections_.begin(); place != connections_.end();) {
    const Place one = place++;
    if (now >= one->deadline) close(one);
  }
  for (Entrance& entrance : entrances_) {
    if (!entrance.watch) watch(entrance);
  }
}

}  // namespace turnpike::http
