#include "server/connect_backs.h"

#include "net/tcp_connect.h"

namespace turnpike::server {

void ConnectBacks::carry_out(const turn::ConnectBack& wanted, Instant now) {
  if (attempts_.size() >= kMost) return;
  // The kernel picks the port: another one than that of any listener.
  auto fd = net::connect_from({wanted.source, 0}, wanted.target);
  if (!fd) return;
  const Place place = attempts_.insert(
      attempts_.end(), Attempt{std::move(*fd), now + kPatience, net::Watch(), net::Watch()});
  place->writable = loop_.watch_writable(place->fd.get(), [this, place] { on_outcome(place); });
  if (!place->writable) end(place);
}

void ConnectBacks::on_outcome(Place place) {
  if (net::connect_error(place->fd) != 0) return end(place);
  place->writable.reset();
  // The client has it once its side of the handshake is done, of which we know nothing: closing is
  // left to it. What it may send is not read.
  place->readable = loop_.watch(place->fd.get(), [this, place] { end(place); });
}

void ConnectBacks::on_tick(Instant now) {
  for (auto place = attempts_.begin(); place != attempts_.end();) {
    const auto next = std::next(place);
    if (now >= place->until) end(place);
    place = next;
  }
}

void ConnectBacks::end(Place place) {
  // Without TIME_WAIT: nothing was said that could come late.
  net::reset_on_close(place->fd);
  attempts_.erase(place);
}

}  // namespace turnpike::server
