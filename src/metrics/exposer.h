// The HTTP listener that Prometheus scrapes: its own thread, so that nobody who talks to it, well
// or badly, takes time from those who relay.
//
// It understands GET and HEAD of two paths, answers once and closes. What a client can make it keep
// is bounded: so many connections, so many bytes and so many seconds each; when there are too many
// connections the oldest makes room.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"
#include "net/event_loop.h"
#include "net/fd.h"

namespace turnpike::metrics {

struct ExposerSettings {
  std::vector<Endpoint> addresses;
  std::string path = "/metrics";
  size_t connections_max = 64;
  // From the first byte to the last of the answer.
  Duration exchange_max = seconds(5);
  // A page that is younger is given again, so that a storm of scrapes costs no more than this many
  // pages a second.
  Duration page_life = milliseconds(50);
};

class Exposer {
 public:
  // `make_page` is called on the exposer's thread, as long as the exposer lives.
  using MakePage = std::function<std::string()>;

  // Listens before it returns. The error is a sentence.
  static Result<std::unique_ptr<Exposer>, std::string> start(const ExposerSettings& settings,
                                                             MakePage make_page);
  ~Exposer();
  Exposer(const Exposer&) = delete;
  Exposer& operator=(const Exposer&) = delete;

 private:
  struct Connection;

  Exposer(const ExposerSettings& settings, MakePage make_page);
  Result<void, std::string> listen();
  void watch_listeners();
  void run();
  void accept_from(const net::Fd& listener);
  void on_readable(Connection& connection);
  void respond(Connection& connection);
  // Writes on; false: there is no more to do with this connection.
  bool write_out(Connection& connection);
  void close(const Connection& connection);
  void on_tick();
  const std::string& page(Instant now);

  const ExposerSettings settings_;
  const MakePage make_page_;
  std::string page_;
  Instant page_made_{};
  bool has_page_ = false;
  bool stopping_ = false;

  net::EventLoop loop_;
  net::Doorbell stop_bell_;
  std::vector<net::Fd> listeners_;
  std::vector<std::unique_ptr<Connection>> connections_;  // The oldest first.
  std::vector<net::Watch> accepting_;
  net::Watch tick_;
  std::thread thread_;  // Last: it runs as soon as it is made.
};

}  // namespace turnpike::metrics
