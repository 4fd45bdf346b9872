// The sockets of an HTTP service: accepts, reads one request a connection, writes the answer,
// closes.
//
// Everything a client can make us keep is bounded: the number of connections, the size of a
// request, and the time for it as a whole, however slowly it trickles. Where there are too many
// connections one makes room, so that nobody keeps others out by holding them.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <vector>

#include "base/endpoint.h"
#include "http/message.h"
#include "net/event_loop.h"
#include "net/tcp.h"
#include "net/unix_socket.h"

namespace turnpike::http {

enum class Door : uint8_t {
  local,  // A unix socket: the file system has judged who may come in.
  tcp,
};

struct Caller {
  Door door = Door::local;
  Ip ip;  // Of Door::tcp.
};

struct Limits {
  size_t connections = 64;  // Of each door.
  seconds request_max{5};
  seconds response_max{10};
};

class Server {
 public:
  // Called on the loop's thread for each whole request.
  using Handler = std::function<Response(const Request&, const Caller&)>;

  Server(net::EventLoop& loop, Limits limits, Handler handler);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The listener must live as long as the server.
  void serve(const net::Fd& listener, Door door);

  [[nodiscard]] size_t connections() const { return connections_.size(); }

 private:
  struct Entrance {
    const net::Fd& listener;
    Door door;
    net::Watch watch;  // Empty while there are no descriptors.
  };
  struct Connection {
    net::Fd fd;
    Caller caller;
    Instant deadline;
    Parser parser;
    bool is_answered = false;
    std::string response;
    size_t written = 0;
    net::Watch watch;  // Declared last: it must go before the descriptor.
  };
  using Place = std::list<Connection>::iterator;

  void watch(Entrance& entrance);
  void accept_from(Entrance& entrance);
  void admit(net::Fd fd, const Caller& caller);
  void make_room(Door door);
  void on_readable(Place place);
  void answer(Place place, const Response& response);
  void on_writable(Place place);
  void close(Place place);
  void on_tick();

  net::EventLoop& loop_;
  const Limits limits_;
  const Handler handler_;
  std::list<Connection> connections_;  // The oldest first.
  std::list<Entrance> entrances_;
  net::Watch tick_;
};

}  // namespace turnpike::http
