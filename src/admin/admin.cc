#include "admin/admin.h"

#include <cerrno>
#include <filesystem>

#include "base/default_paths.h"
#include "base/log.h"
#include "net/tcp.h"
#include "server/privileges.h"

namespace turnpike::admin {
namespace {

Result<net::UnixListener, std::string> listen_local(const config::Config& config,
                                                    const std::string& path) {
  std::optional<uint32_t> group;
  if (!config.admin_socket_group.empty()) {
    group = server::find_group(config.admin_socket_group);
    if (!group) {
      return unexpected("admin-socket-group: there is no group '" + config.admin_socket_group +
                        "'");
    }
  }
  auto listener = net::UnixListener::listen(path, group);
  if (!listener) {
    std::string text = "admin-socket: " + listener.error().to_string();
    if (listener.error().code == EADDRINUSE) text += " (another server runs)";
    return unexpected(text);
  }
  if (!config.proc_user.empty()) {
    if (const auto account = server::find_account(config.proc_user, config.proc_group)) {
      listener->give_to(account->user, group);
    }
  }
  return std::move(*listener);
}

// In the usual place, if that can be had.
std::optional<net::UnixListener> listen_in_usual_place(const config::Config& config) {
  const std::string path = default_admin_socket_path(AccountEnvironment::of_this_process());
  if (path.empty()) return {};
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  auto listener = listen_local(config, path);
  if (listener) return std::move(*listener);
  log_warning("no_admin_socket",
              {{"reason", listener.error()},
               {"advice", "name another with admin-socket, or switch it off with =off"}});
  return {};
}

}  // namespace

Result<AdminSockets, std::string> open_admin_sockets(const config::Config& config,
                                                     net::Fd adopted) {
  AdminSockets sockets;
  if (adopted) {
    sockets.local = net::UnixListener::adopt(std::move(adopted));
  } else if (config.admin_socket && !config.admin_socket_path.empty()) {
    auto listener = listen_local(config, config.admin_socket_path);
    if (!listener) return unexpected(listener.error());
    sockets.local.emplace(std::move(*listener));
  } else if (config.admin_socket) {
    if (auto listener = listen_in_usual_place(config)) sockets.local.emplace(std::move(*listener));
  }
  if (config.admin_port != 0) {
    auto listener = net::listen_tcp({config.admin_address, config.admin_port}, net::ReusePort::no);
    if (!listener) return unexpected("admin-port: " + listener.error().to_string());
    sockets.tcp = std::move(*listener);
  }
  return sockets;
}

AdminServer::AdminServer(AdminSockets sockets, server::Control& control)
    : sockets_(std::move(sockets)),
      api_(control),
      service_({}, [this](const http::Request& request, const http::Caller& caller) {
        return api_.handle(request, caller.door);
      }) {
  if (sockets_.local) {
    service_.serve(sockets_.local->fd(), http::Door::local);
    log_info("admin_listening", {{"socket", sockets_.local->path()}});
  }
  if (sockets_.tcp) service_.serve(sockets_.tcp, http::Door::tcp);
  service_.start();
}

}  // namespace turnpike::admin
