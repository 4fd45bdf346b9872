// Runs sessions over real UDP sockets and the real clock, on the caller's thread, until what the
// caller waits for has happened.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "client/session.h"
#include "net/plain_udp.h"

namespace turnpike::client {

class UdpDriver {
 public:
  // Names a socket. Stays valid until close().
  enum class Link : uint32_t {};

  // Both are called from within call() and run_until(), and may use the driver; views in what they
  // are given live until they return.
  using EventHandler = std::function<void(const Event&)>;
  using DatagramHandler = std::function<void(const Endpoint& from, ByteView bytes)>;

  UdpDriver() : buffer_(65536) {}

  // A socket that talks to `server` only, for `session`, which is borrowed until close().
  Result<Link, net::SysError> connect(Session& session, const Endpoint& server,
                                      EventHandler on_event);
  // A socket for everybody.
  Result<Link, net::SysError> open(const Endpoint& local, DatagramHandler on_datagram);
  // Lets `session` talk to `server` through a socket that is not connected elsewhere: what the
  // session doesn't take goes on to the DatagramHandler, if there is one.
  void attach(Link link, Session& session, const Endpoint& server, EventHandler on_event);
  void detach(Link link);
  void close(Link link);

  [[nodiscard]] Endpoint local(Link link) const;
  // Somebody on the way told us that nobody listens where we send to.
  [[nodiscard]] bool refused(Link link) const { return at(link).refused; }

  // Calls act(now, out), for a call of the link's session, and carries out what was written.
  void call(Link link, const std::function<void(Instant, Output&)>& act);
  // 0 or an errno. For open sockets.
  int send_to(Link link, const Endpoint& to, ByteView bytes);

  // True as soon as done() is; false when the deadline came first.
  bool run_until(const std::function<bool()>& done, Instant deadline);

 private:
  struct Line {
    net::UdpSocket socket;
    bool connected = false;
    bool refused = false;
    Endpoint server;
    Session* session = nullptr;
    EventHandler on_event;
    DatagramHandler on_datagram;
  };

  Line& at(Link link) { return *lines_[static_cast<size_t>(link)]; }
  [[nodiscard]] const Line& at(Link link) const { return *lines_[static_cast<size_t>(link)]; }
  Link add(std::unique_ptr<Line> line);

  void turn(Duration max_wait);
  void receive(Link link);
  void carry_out(Link link, const Output& out);
  void run_due_sessions(Instant now);
  [[nodiscard]] Instant next_deadline() const;

  // An Output of its own for each level of calls from handlers.
  class Borrowed;

  std::vector<std::unique_ptr<Line>> lines_;  // Closed ones are empty.
  std::vector<std::unique_ptr<Output>> spare_outputs_;
  std::vector<uint8_t> buffer_;
};

}  // namespace turnpike::client
