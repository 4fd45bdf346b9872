#include <memory>
#include <vector>

#include "client/probe_port.h"
#include "client/server_link.h"
#include "net/plain_udp.h"
#include "net/tcp_probe.h"

namespace turnpike::client {
namespace {

struct Connection {
  Endpoint to;
  std::unique_ptr<ServerLink> link;
};

SendFailure told_failure(ServerLink::Failure failure) {
  switch (failure) {
    case ServerLink::Failure::refused:
      return SendFailure::refused;
    case ServerLink::Failure::unreachable:
      return SendFailure::unreachable;
    case ServerLink::Failure::none:
    case ServerLink::Failure::closed:
    case ServerLink::Failure::handshake:
      break;
  }
  return SendFailure::closed;
}

// Every connection leaves from the same local port: what goes to another destination is another
// connection as far as the kernel and the NAT are concerned.
class TcpPort final : public ProbePort {
 public:
  TcpPort(net::EventLoop& loop, const Endpoint& local, ProbePortEvents events,
          std::optional<net::SharedListener> listener)
      : loop_(loop), local_(local), events_(std::move(events)), listener_(std::move(listener)) {}

  void send(const Endpoint& to, ByteView packet) override {
    Connection* connection = find(to);
    if (connection == nullptr) connection = open(to);
    if (connection == nullptr) {
      later(to, SendFailure::unreachable);
      return;
    }
    connection->link->send(packet);
    connection->link->flush();
  }

  [[nodiscard]] Endpoint local_towards(const Endpoint& to) const override {
    if (!local_.ip.is_unspecified() && local_.ip != any_address(IpFamily::v4)) return local_;
    return {net::source_address_to(to).value_or(local_.ip), local_.port};
  }

 private:
  Connection* find(const Endpoint& to) {
    for (const auto& connection : connections_) {
      if (connection->to == to && !connection->link->broken()) return connection.get();
    }
    return nullptr;
  }

  Connection* open(const Endpoint& to) {
    auto fd = listener_ ? listener_->connect(local_, to) : net::connect_shared(local_, to);
    if (!fd) return nullptr;
    auto connection = std::make_unique<Connection>();
    Connection* raw = connection.get();
    connection->to = to;
    if (local_.port == 0) local_.port = net::local_endpoint(*fd).port;
    connection->link = ServerLink::over_connection(
        std::move(*fd), loop_,
        {.on_packet = [this, to](ByteView packet) { events_.on_packet(to, packet); },
         .on_broken = [this,
                       raw] { events_.on_failure(raw->to, told_failure(raw->link->failure())); }});
    // Without TIME_WAIT, so that the next run can use the same port at once.
    connection->link->reset_on_close();
    connections_.push_back(std::move(connection));
    return raw;
  }

  void later(const Endpoint& to, SendFailure failure) {
    failures_.push_back(
        loop_.after(Duration::zero(), [this, to, failure] { events_.on_failure(to, failure); }));
  }

  net::EventLoop& loop_;
  Endpoint local_;
  ProbePortEvents events_;
  std::optional<net::SharedListener> listener_;  // Outlives the connections.
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<net::Watch> failures_;
};

}  // namespace

Result<std::unique_ptr<ProbePort>, net::SysError> open_tcp_port(
    net::EventLoop& loop, const Endpoint& local, ProbePortEvents events,
    std::optional<net::SharedListener> listener) {
  return std::make_unique<TcpPort>(loop, local, std::move(events), std::move(listener));
}

}  // namespace turnpike::client
