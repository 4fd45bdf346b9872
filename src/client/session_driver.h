// Runs sessions over real sockets and the real clock, on the caller's thread, until what the caller
// waits for has happened.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "client/server_link.h"
#include "client/session.h"
#include "net/event_loop.h"
#include "net/plain_udp.h"

namespace turnpike::client {

class SessionDriver {
 public:
  // Names a socket. Stays valid until close().
  enum class Link : uint32_t {};

  // Both are called from within call() and run_until(), and may use the driver, but for
  // run_until(); views in what they are given live until they return.
  using EventHandler = std::function<void(const Event&)>;
  using DatagramHandler = std::function<void(const Endpoint& from, ByteView bytes)>;

  SessionDriver() : buffer_(65536) {}

  // A link that talks to that server only, for `session`, which is borrowed until close().
  Result<Link, net::SysError> connect(Session& session, const ServerAddress& server,
                                      EventHandler on_event);
  // The same over plain UDP.
  Result<Link, net::SysError> connect(Session& session, const Endpoint& server,
                                      EventHandler on_event);
  // A UDP socket for everybody.
  Result<Link, net::SysError> open(const Endpoint& local, DatagramHandler on_datagram);
  // Lets `session` talk to `server` through a socket that is not connected elsewhere: what the
  // session doesn't take goes on to the DatagramHandler, if there is one.
  void attach(Link link, Session& session, const Endpoint& server, EventHandler on_event);
  void detach(Link link);
  void close(Link link);

  [[nodiscard]] Endpoint local(Link link) const;
  // Nothing will come from there: we were told that nobody listens, or the connection is gone.
  [[nodiscard]] bool refused(Link link) const;
  // In words; empty while it is not refused.
  [[nodiscard]] std::string failure(Link link) const;

  // Calls act(now, out), for a call of the link's session, and carries out what was written.
  void call(Link link, const std::function<void(Instant, Output&)>& act);
  // 0 or an errno. For open sockets.
  int send_to(Link link, const Endpoint& to, ByteView bytes);

  // True as soon as done() is; false when the deadline came first.
  bool run_until(const std::function<bool()>& done, Instant deadline);

 private:
  struct Line {
    std::unique_ptr<ServerLink> server_link;  // Null: an open socket.
    net::UdpSocket socket;
    net::Watch readable;  // After the socket: it goes first.
    bool refused = false;
    Endpoint server;
    Session* session = nullptr;
    EventHandler on_event;
    DatagramHandler on_datagram;
  };

  Line& at(Link link) { return *lines_[static_cast<size_t>(link)]; }
  [[nodiscard]] const Line& at(Link link) const { return *lines_[static_cast<size_t>(link)]; }
  // The place of the next line.
  Link next_link();

  void receive(Link link);
  // False: the session has no use for it.
  bool give_to_session(Link link, ByteView packet);
  void carry_out(Link link, const Output& out);
  void run_due_sessions(Instant now);
  [[nodiscard]] Instant next_deadline() const;

  // An Output of its own for each level of calls from handlers.
  class Borrowed;

  net::EventLoop loop_;
  std::vector<std::unique_ptr<Line>> lines_;    // Closed ones are empty.
  std::vector<std::unique_ptr<Line>> retired_;  // Closed ones that may be on the stack.
  std::vector<std::unique_ptr<Output>> spare_outputs_;
  std::vector<uint8_t> buffer_;
};

}  // namespace turnpike::client
