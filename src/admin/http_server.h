// The sockets of the admin API: accepts, reads one request a connection, writes the answer, closes.
//
// Everything a client can make us keep is bounded: the number of connections, the size of a
// request, and the time for it as a whole, however slowly it trickles.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <vector>

#include "admin/http_message.h"
#include "net/event_loop.h"
#include "net/tcp.h"
#include "net/unix_socket.h"

namespace turnpike::admin {

enum class Door : uint8_t {
  local,  // A unix socket: the file system has judged who may come in.
  tcp,    // Everybody on this host.
};

struct HttpLimits {
  size_t connections = 64;  // Of each door.
  seconds request_max{10};
  seconds response_max{30};
};

class HttpServer {
 public:
  // Called on the loop's thread for each whole request.
  using Handler = std::function<HttpResponse(const HttpRequest&, Door)>;

  HttpServer(net::EventLoop& loop, HttpLimits limits, Handler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The listener must live as long as the server.
  void serve(const net::Fd& listener, Door door);

  [[nodiscard]] size_t connections() const { return connections_.size(); }

 private:
  struct Connection {
    net::Fd fd;
    Door door = Door::local;
    Instant deadline;
    HttpParser parser;
    std::string response;  // Empty while the request is read.
    size_t written = 0;
    net::Watch watch;  // Declared last: it must go before the descriptor.
  };
  using Place = std::list<Connection>::iterator;

  void accept_from(const net::Fd& listener, Door door);
  void admit(net::Fd fd, Door door);
  void on_readable(Place place);
  void answer(Place place, const HttpResponse& response);
  void on_writable(Place place);
  void close(Place place);
  void close_late();

  net::EventLoop& loop_;
  const HttpLimits limits_;
  const Handler handler_;
  std::list<Connection> connections_;
  std::vector<net::Watch> watches_;
};

}  // namespace turnpike::admin
