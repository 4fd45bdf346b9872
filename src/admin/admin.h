// The admin interface of a server: its sockets, which are made early (perhaps by root), and its
// thread, which starts once there is a server to ask.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "admin/api.h"
#include "config/config.h"
#include "net/event_loop.h"
#include "net/unix_socket.h"

namespace turnpike::admin {

struct AdminSockets {
  std::optional<net::UnixListener> local;
  net::Fd tcp;

  [[nodiscard]] bool any() const { return local || tcp; }
};

// What was asked for by name and can't be had is an error; the usual place that can't be had (there
// is another server, or no right to write there) is said in the log. `adopted`, a listening unix
// socket of the service manager's, goes before the configuration.
Result<AdminSockets, std::string> open_admin_sockets(const config::Config& config, net::Fd adopted);

class AdminServer {
 public:
  // `control` outlives it.
  AdminServer(AdminSockets sockets, server::Control& control, std::string token);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

 private:
  void run();

  AdminSockets sockets_;
  Api api_;
  net::EventLoop loop_;
  bool stopping_ = false;
  net::Doorbell stop_bell_;
  std::optional<HttpServer> http_;
  std::thread thread_;
};

}  // namespace turnpike::admin
