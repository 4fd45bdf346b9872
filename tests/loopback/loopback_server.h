// A whole server in this process, on loopback and a free port.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "base/log.h"
#include "base/random.h"
#include "client/blocking_turn_client.h"
#include "client/session_driver.h"
#include "net/clock.h"
#include "net/tcp.h"
#include "server/supervisor.h"

namespace turnpike::test {

// Users "u" with password "p" in realm "r"; peers on loopback are allowed.
inline config::Config loopback_config() {
  config::Config config;
  config.listening_ips = {Ip::v4(0x7f000001)};
  config.tls_listening_port = 0;
  config.realm = "r";
  config.realm_is_set = true;
  config.users = {{"u", "p", {}}};
  config.allow_loopback_peers = true;
  config.relay_threads = 2;
  return config;
}

// A port that nobody uses just now, neither over UDP nor over TCP.
inline uint16_t free_port(const Ip& ip) {
  constexpr int kAttempts = 20;
  for (int i = 0; i < kAttempts; ++i) {
    const auto socket = net::open_udp_socket({}, {ip, 0});
    if (!socket) return 0;
    const uint16_t port = socket->local().port;
    if (net::listen_tcp({ip, port}, net::ReusePort::no)) return port;
  }
  return 0;
}

class LoopbackServer {
 public:
  explicit LoopbackServer(config::Config config = loopback_config()) {
    set_log_level(LogLevel::off);
    config.listening_port = free_port(config.listening_ips.front());
    endpoint_ = {config.listening_ips.front(), config.listening_port};
    auto started = server::Supervisor::start(std::move(config));
    if (!started) {
      error_ = started.error();
      return;
    }
    supervisor_ = std::move(*started);
    thread_ = std::thread([this] { supervisor_->run(); });
  }
  ~LoopbackServer() {
    if (!supervisor_) return;
    supervisor_->stop();
    thread_.join();
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  // Empty: it runs.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  Endpoint endpoint_;
  std::string error_;
  std::unique_ptr<server::Supervisor> supervisor_;
  std::thread thread_;
};

// One client with its own socket, and what it was sent.
struct Client {
  Client(client::SessionDriver& driver, const client::SessionSettings& settings,
         RandomSource& random, const Endpoint& server)
      : turn(driver, settings, random, seconds(2)) {
    opened = !turn.open(server).has_value();
    turn.on_data = [this](const client::PeerDataView& data) {
      received.emplace_back(as_text(data.payload));
      last_peer = data.peer;
    };
  }

  client::BlockingTurnClient turn;
  bool opened = false;
  std::vector<std::string> received;
  Endpoint last_peer;
};

// Drives clients of one server with one set of credentials.
struct ClientBench {
  client::SessionDriver driver;
  RandomSource random;
  client::SessionSettings settings{.credentials = {.username = "u", .password = "p"}};

  std::unique_ptr<Client> client(const LoopbackServer& server) {
    return std::make_unique<Client>(driver, settings, random, server.endpoint());
  }
  bool wait(const std::function<bool()>& done, Duration patience = seconds(5)) {
    return driver.run_until(done, net::monotonic_now() + patience);
  }
};

}  // namespace turnpike::test
