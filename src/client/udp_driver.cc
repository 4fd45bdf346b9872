#include "client/udp_driver.h"

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "net/clock.h"

namespace turnpike::client {

// Taken from the spare ones and given back empty.
class UdpDriver::Borrowed {
 public:
  explicit Borrowed(UdpDriver& driver) : driver_(driver) {
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
  UdpDriver& driver_;
  std::unique_ptr<Output> output_;
};

UdpDriver::Link UdpDriver::add(std::unique_ptr<Line> line) {
  const auto free = std::find(lines_.begin(), lines_.end(), nullptr);
  const auto index = free - lines_.begin();
  if (free == lines_.end()) {
    lines_.push_back(std::move(line));
  } else {
    *free = std::move(line);
  }
  return Link(index);
}

Result<UdpDriver::Link, net::SysError> UdpDriver::connect(Session& session, const Endpoint& server,
                                                          EventHandler on_event) {
  auto line = std::make_unique<Line>();
  auto socket = net::open_udp_socket({}, {any_address(server.ip.family()), 0});
  if (!socket) return unexpected(socket.error());
  line->socket = std::move(*socket);
  if (const int error = net::connect_udp(line->socket, server); error != 0) {
    return unexpected(net::SysError{error, "connect to " + server.to_string()});
  }
  line->connected = true;
  line->server = server;
  line->session = &session;
  line->on_event = std::move(on_event);
  return add(std::move(line));
}

Result<UdpDriver::Link, net::SysError> UdpDriver::open(const Endpoint& local,
                                                       DatagramHandler on_datagram) {
  auto line = std::make_unique<Line>();
  auto socket = net::open_udp_socket({}, local);
  if (!socket) return unexpected(socket.error());
  line->socket = std::move(*socket);
  line->on_datagram = std::move(on_datagram);
  return add(std::move(line));
}

void UdpDriver::attach(Link link, Session& session, const Endpoint& server, EventHandler on_event) {
  Line& line = at(link);
  CHECK(!line.connected || line.server == server);
  line.session = &session;
  line.server = server;
  line.on_event = std::move(on_event);
}

void UdpDriver::detach(Link link) {
  Line& line = at(link);
  line.session = nullptr;
  line.on_event = nullptr;
}

void UdpDriver::close(Link link) {
  lines_[static_cast<size_t>(link)].reset();
}

Endpoint UdpDriver::local(Link link) const {
  return net::bound_endpoint(at(link).socket);
}

void UdpDriver::call(Link link, const std::function<void(Instant, Output&)>& act) {
  Borrowed out(*this);
  act(net::monotonic_now(), *out);
  carry_out(link, *out);
}

int UdpDriver::send_to(Link link, const Endpoint& to, ByteView bytes) {
  return net::send_to(at(link).socket, to, bytes);
}

void UdpDriver::carry_out(Link link, const Output& out) {
  {
    Line& line = at(link);
    for (size_t i = 0; i < out.packet_count(); ++i) {
      const int error = line.connected ? net::send_connected(line.socket, out.packet(i))
                                       : net::send_to(line.socket, line.server, out.packet(i));
      // Whatever else goes wrong is a lost datagram, which the session's schedule covers.
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

bool UdpDriver::run_until(const std::function<bool()>& done, Instant deadline) {
  while (!done()) {
    const Instant now = net::monotonic_now();
    if (now >= deadline) return false;
    turn(std::min(deadline, std::max(now, next_deadline())) - now);
  }
  return true;
}

void UdpDriver::turn(Duration max_wait) {
  std::vector<const net::UdpSocket*> sockets;
  for (const auto& line : lines_) {
    if (line) sockets.push_back(&line->socket);
  }
  net::wait_readable(sockets, max_wait);
  const size_t count = lines_.size();
  for (size_t i = 0; i < count; ++i) receive(Link(i));
  run_due_sessions(net::monotonic_now());
}

void UdpDriver::receive(Link link) {
  // Bounded, so that one busy socket can't starve the others.
  constexpr int kMaxDatagrams = 64;
  for (int i = 0; i < kMaxDatagrams; ++i) {
    Line* line = lines_[static_cast<size_t>(link)].get();
    if (line == nullptr) return;
    const net::Received received = net::receive_one(line->socket, buffer_);
    if (received.error == EAGAIN) return;
    if (received.error != 0) {
      if (received.error == ECONNREFUSED) line->refused = true;
      continue;
    }
    if (line->session != nullptr && (line->connected || received.from == line->server)) {
      Borrowed out(*this);
      const bool taken = line->session->on_packet(net::monotonic_now(), received.bytes, *out);
      carry_out(link, *out);
      if (taken) continue;
      line = lines_[static_cast<size_t>(link)].get();
    }
    if (line != nullptr && line->on_datagram) {
      const DatagramHandler handler = line->on_datagram;
      handler(received.from, received.bytes);
    }
  }
}

void UdpDriver::run_due_sessions(Instant now) {
  for (size_t i = 0; i < lines_.size(); ++i) {
    Line* line = lines_[i].get();
    if (line == nullptr || line->session == nullptr || line->session->deadline() > now) continue;
    Borrowed out(*this);
    line->session->on_time(now, *out);
    carry_out(Link(i), *out);
  }
}

Instant UdpDriver::next_deadline() const {
  Instant first = Instant::max();
  for (const auto& line : lines_) {
    if (line && line->session != nullptr) first = std::min(first, line->session->deadline());
  }
  return first;
}

}  // namespace turnpike::client
