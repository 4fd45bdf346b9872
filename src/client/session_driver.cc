#include "client/session_driver.h"

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "net/clock.h"

namespace turnpike::client {

// Taken from the spare ones and given back empty.
class SessionDriver::Borrowed {
 public:
  explicit Borrowed(SessionDriver& driver) : driver_(driver) {
    if (driver_.spare_outputs_.empty()) {
      output_ = std::make_unique<Output>();
      return;
    }
    output_ = std::move(driver_.spare_outputs_.back());
    driver_.spare_outputs_.pop_back();
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() {
    output_->clear();
    driver_.spare_outputs_.push_back(std::move(output_));
  }
  Output& operator*() { return *output_; }

 private:
  SessionDriver& driver_;
  std::unique_ptr<Output> output_;
};

SessionDriver::Link SessionDriver::next_link() {
  const auto free = std::find(lines_.begin(), lines_.end(), nullptr);
  const auto index = free - lines_.begin();
  if (free == lines_.end()) lines_.push_back(nullptr);
  return Link(index);
}

Result<SessionDriver::Link, net::SysError> SessionDriver::connect(Session& session,
                                                                  const ServerAddress& server,
                                                                  EventHandler on_event) {
  auto line = std::make_unique<Line>();
  const Link link = next_link();
  auto opened = ServerLink::open(
      server, loop_, nullptr,
      {.on_packet = [this, link](ByteView packet) { give_to_session(link, packet); }});
  if (!opened) return unexpected(opened.error());
  line->server_link = std::move(*opened);
  line->server = server.server;
  line->session = &session;
  line->on_event = std::move(on_event);
  lines_[static_cast<size_t>(link)] = std::move(line);
  return link;
}

Result<SessionDriver::Link, net::SysError> SessionDriver::connect(Session& session,
                                                                  const Endpoint& server,
                                                                  EventHandler on_event) {
  return connect(session, ServerAddress{.server = server, .host = {}}, std::move(on_event));
}

Result<SessionDriver::Link, net::SysError> SessionDriver::open(const Endpoint& local,
                                                               DatagramHandler on_datagram) {
  auto line = std::make_unique<Line>();
  auto socket = net::open_udp_socket({}, local);
  if (!socket) return unexpected(socket.error());
  line->socket = std::move(*socket);
  line->on_datagram = std::move(on_datagram);
  const Link link = next_link();
  line->readable = loop_.watch(line->socket.fd(), [this, link] { receive(link); });
  lines_[static_cast<size_t>(link)] = std::move(line);
  return link;
}

void SessionDriver::attach(Link link, Session& session, const Endpoint& server,
                           EventHandler on_event) {
  Line& line = at(link);
  CHECK(!line.server_link || line.server == server);
  line.session = &session;
  line.server = server;
  line.on_event = std::move(on_event);
}

void SessionDriver::detach(Link link) {
  Line& line = at(link);
  line.session = nullptr;
  line.on_event = nullptr;
}

void SessionDriver::close(Link link) {
  std::unique_ptr<Line>& line = lines_[static_cast<size_t>(link)];
  if (!line) return;
  line->session = nullptr;
  line->on_event = nullptr;
  line->on_datagram = nullptr;
  // Ours to close at once: the port is free again. A link may be on the stack.
  line->readable.reset();
  if (line->server_link) retired_.push_back(std::move(line));
  line.reset();
}

Endpoint SessionDriver::local(Link link) const {
  const Line& line = at(link);
  return line.server_link ? line.server_link->local() : net::bound_endpoint(line.socket);
}

bool SessionDriver::refused(Link link) const {
  const Line& line = at(link);
  return line.refused ||
         (line.server_link && line.server_link->failure() != ServerLink::Failure::none);
}

std::string SessionDriver::failure(Link link) const {
  const Line& line = at(link);
  if (line.server_link) return line.server_link->failure_text();
  return line.refused ? "nobody listens there" : "";
}

void SessionDriver::call(Link link, const std::function<void(Instant, Output&)>& act) {
  Borrowed out(*this);
  act(net::monotonic_now(), *out);
  carry_out(link, *out);
}

int SessionDriver::send_to(Link link, const Endpoint& to, ByteView bytes) {
  return net::send_to(at(link).socket, to, bytes);
}

void SessionDriver::carry_out(Link link, const Output& out) {
  if (Line& line = at(link); line.server_link) {
    for (size_t i = 0; i < out.packet_count(); ++i) line.server_link->send(out.packet(i));
    line.server_link->flush();
  } else {
    for (size_t i = 0; i < out.packet_count(); ++i) {
      // Whatever else goes wrong is a lost datagram, which the session's schedule covers.
      const int error = net::send_to(line.socket, line.server, out.packet(i));
      if (error == ECONNREFUSED) line.refused = true;
    }
  }
  for (const Event& event : out.events()) {
    // A handler may have closed the link, or handed it to another session.
    const auto& line = lines_[static_cast<size_t>(link)];
    if (!line || !line->on_event) return;
    const EventHandler handler = line->on_event;
    handler(event);
  }
}

bool SessionDriver::run_until(const std::function<bool()>& done, Instant deadline) {
  constexpr Duration kLongest = std::chrono::hours(1);  // So that no deadline is out of range.
  while (!done()) {
    const Instant now = net::monotonic_now();
    if (now >= deadline) return false;
    const Instant next = std::min(deadline, std::max(now, next_deadline()));
    loop_.run_turn(next > now + kLongest ? kLongest : next - now);
    run_due_sessions(net::monotonic_now());
    retired_.clear();
  }
  return true;
}

bool SessionDriver::give_to_session(Link link, ByteView packet) {
  Line* line = lines_[static_cast<size_t>(link)].get();
  if (line == nullptr || line->session == nullptr) return false;
  Borrowed out(*this);
  const bool taken = line->session->on_packet(net::monotonic_now(), packet, *out);
  carry_out(link, *out);
  return taken;
}

void SessionDriver::receive(Link link) {
  // Bounded, so that one busy socket can't starve the others.
  constexpr int kMostAtOnce = 64;
  for (int i = 0; i < kMostAtOnce; ++i) {
    Line* line = lines_[static_cast<size_t>(link)].get();
    if (line == nullptr || line->server_link) return;
    const net::Received received = net::receive_one(line->socket, buffer_);
    if (received.error == EAGAIN) return;
    if (received.error != 0) {
      if (received.error == ECONNREFUSED) line->refused = true;
      continue;
    }
    if (received.from == line->server && give_to_session(link, received.bytes)) continue;
    line = lines_[static_cast<size_t>(link)].get();
    if (line != nullptr && line->on_datagram) {
      const DatagramHandler handler = line->on_datagram;
      handler(received.from, received.bytes);
    }
  }
}

void SessionDriver::run_due_sessions(Instant now) {
  for (size_t i = 0; i < lines_.size(); ++i) {
    Line* line = lines_[i].get();
    if (line == nullptr || line->session == nullptr || line->session->deadline() > now) continue;
    Borrowed out(*this);
    line->session->on_time(now, *out);
    carry_out(Link(i), *out);
  }
}

Instant SessionDriver::next_deadline() const {
  Instant first = Instant::max();
  for (const auto& line : lines_) {
    if (line && line->session != nullptr) first = std::min(first, line->session->deadline());
  }
  return first;
}

}  // namespace turnpike::client
