// The admin interface of a server: its sockets, which are made early (perhaps by root), and its
// thread, which starts once there is a server to ask.
#pragma once

#include <optional>
#include <string>

#include "admin/api.h"
#include "config/config.h"
#include "http/service.h"
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
  AdminServer(AdminSockets sockets, server::Control& control);

 private:
  AdminSockets sockets_;
  Api api_;
  http::Service service_;  // Last: its thread uses the others.
};

}  // namespace turnpike::admin
