#include "admin/http_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include "net/clock.h"

namespace turnpike::admin {

HttpServer::HttpServer(net::EventLoop& loop, HttpLimits limits, Handler handler)
    : loop_(loop), limits_(limits), handler_(std::move(handler)) {
  watches_.push_back(loop_.every(seconds(1), [this] { close_late(); }));
}

void HttpServer::serve(const net::Fd& listener, Door door) {
  watches_.push_back(
      loop_.watch(listener.get(), [this, &listener, door] { accept_from(listener, door); }));
}

void HttpServer::accept_from(const net::Fd& listener, Door door) {
  // A few at a time: whoever waits is heard in the next turn.
  constexpr int kAtOnce = 16;
  for (int i = 0; i < kAtOnce; ++i) {
    if (door == Door::local) {
      net::Fd fd = net::accept_unix(listener);
      if (!fd) return;
      admit(std::move(fd), door);
      continue;
    }
    auto accepted = net::accept_tcp(listener);
    if (!accepted && accepted.error() == net::AcceptError::try_next) continue;
    if (!accepted) return;
    admit(std::move(accepted->fd), door);
  }
}

void HttpServer::admit(net::Fd fd, Door door) {
  const auto same_door = std::count_if(connections_.begin(), connections_.end(),
                                       [door](const Connection& c) { return c.door == door; });
  // Too many: this one is closed without a word, those that are there are left alone.
  if (static_cast<size_t>(same_door) >= limits_.connections) return;
  Connection connection;
  connection.fd = std::move(fd);
  connection.door = door;
  connection.deadline = net::monotonic_now() + limits_.request_max;
  const Place place = connections_.insert(connections_.end(), std::move(connection));
  place->watch = loop_.watch(place->fd.get(), [this, place] { on_readable(place); });
  if (!place->watch) close(place);
}

void HttpServer::on_readable(Place place) {
  std::array<uint8_t, 4096> room;
  const net::StreamRead read = net::read_stream(place->fd, room);
  if (read.result == net::StreamResult::would_block) return;
  if (read.result == net::StreamResult::closed) return close(place);
  switch (place->parser.push(read.bytes)) {
    case HttpParser::State::wants_more:
      return;
    case HttpParser::State::failed:
      return answer(place, {.status = place->parser.error_status(), .body = {}});
    case HttpParser::State::complete:
      return answer(place, handler_(place->parser.request(), place->door));
  }
}

void HttpServer::answer(Place place, const HttpResponse& response) {
  place->response = to_bytes(response);
  place->deadline = net::monotonic_now() + limits_.response_max;
  place->watch = loop_.watch_writable(place->fd.get(), [this, place] { on_writable(place); });
  if (!place->watch) close(place);
}

void HttpServer::on_writable(Place place) {
  const ByteView rest = as_bytes(place->response).subspan(place->written);
  const net::StreamWrite write = net::write_stream(place->fd, rest);
  place->written += write.written;
  if (write.result == net::StreamResult::would_block) return;
  close(place);
}

void HttpServer::close(Place place) {
  place->watch.reset();
  connections_.erase(place);
}

void HttpServer::close_late() {
  const Instant now = net::monotonic_now();
  for (auto place = connections_.begin(); place != connections_.end();) {
    const Place one = place++;
    if (now >= one->deadline) close(one);
  }
}

}  // namespace turnpike::admin
