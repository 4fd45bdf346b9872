// An HTTP server with a thread of its own, so that nobody who talks to it, well or badly, takes
// time from those who relay.
#pragma once

#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "http/server.h"

namespace turnpike::http {

// Listening sockets, all or none. `what` begins the error, a sentence. A wildcard of a family that
// the host does not have is left out as long as there is another address.
Result<std::vector<net::Fd>, std::string> listen_on(const std::vector<Endpoint>& addresses,
                                                    std::string_view what);

class Service {
 public:
  Service(Limits limits, Server::Handler handler);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Before start(); the listener must live as long as the service.
  void serve(const net::Fd& listener, Door door) { server_.serve(listener, door); }
  // Calls `on_ring` on the service's thread. Before start(); the bell must go after stop() and
  // before the service.
  [[nodiscard]] std::optional<net::Doorbell> make_doorbell(net::EventCallback on_ring) {
    return loop_.make_doorbell(std::move(on_ring));
  }
  // Once. From now on the handler is called, until the service is gone.
  void start();
  // The thread has ended when it returns. Also done at the end.
  void stop();

 private:
  net::EventLoop loop_;
  bool stopping_ = false;
  net::Doorbell stop_bell_;
  Server server_;
  std::thread thread_;
};

}  // namespace turnpike::http
