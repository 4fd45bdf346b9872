#include "http/service.h"

#include <cerrno>

#include "base/check.h"

namespace turnpike::http {

Result<std::vector<net::Fd>, std::string> listen_on(const std::vector<Endpoint>& addresses,
                                                    std::string_view what) {
  std::vector<net::Fd> listeners;
  for (const Endpoint& address : addresses) {
    auto listener = net::listen_tcp(address, net::ReusePort::no);
    if (!listener) {
      const int code = listener.error().code;
      const bool is_missing_family = address.ip.is_unspecified() && !listeners.empty() &&
                                     (code == EAFNOSUPPORT || code == EADDRNOTAVAIL);
      if (is_missing_family) continue;
      return unexpected(std::string(what) + ": " + listener.error().to_string());
    }
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

Service::Service(Limits limits, Server::Handler handler)
    : server_(loop_, limits, std::move(handler)) {
  auto bell = loop_.make_doorbell([this] { stopping_ = true; });
  CHECK(bell.has_value());
  stop_bell_ = std::move(*bell);
}

void Service::start() {
  thread_ = std::thread([this] {
    while (!stopping_) loop_.run_turn(net::EventLoop::kForever);
  });
}

Service::~Service() {
  stop();
}

void Service::stop() {
  if (!thread_.joinable()) return;
  stop_bell_.ring();
  thread_.join();
}

}  // namespace turnpike::http
