#include <cerrno>
#include <memory>
#include <vector>

#include "client/probe_port.h"
#include "net/plain_udp.h"
#include "net/tcp.h"
#include "net/tcp_connect.h"
#include "net/tcp_probe.h"
#include "stun/stream_framer.h"

namespace turnpike::client {
namespace {

// One connection: what waits to be written, and the frames that come back.
struct Connection {
  Endpoint to;
  net::Fd fd;
  std::vector<uint8_t> unsent;
  stun::StreamFramer framer;
  bool connected = false;
  bool over = false;
  net::Watch readable;
  net::Watch writable;
};

// Every connection leaves from the same local port: what goes to another destination is another
// connection as far as the kernel and the NAT are concerned.
class TcpPort final : public ProbePort {
 public:
  TcpPort(net::EventLoop& loop, const Endpoint& local, ProbePortEvents events,
          std::optional<net::SharedListener> listener)
      : loop_(loop), local_(local), events_(std::move(events)), listener_(std::move(listener)) {}

  ~TcpPort() override {
    for (const auto& connection : connections_) {
      connection->readable.reset();
      connection->writable.reset();
      // Without TIME_WAIT, so that the next run can use the same port at once.
      if (connection->fd) net::reset_on_close(connection->fd);
    }
  }

  void send(const Endpoint& to, ByteView packet) override {
    Connection* connection = find(to);
    if (connection == nullptr) connection = open(to);
    if (connection == nullptr) {
      later(to, SendFailure::unreachable);
      return;
    }
    connection->unsent.insert(connection->unsent.end(), packet.begin(), packet.end());
    if (connection->connected) write(*connection);
  }

  [[nodiscard]] Endpoint local_towards(const Endpoint& to) const override {
    if (!local_.ip.is_unspecified() && local_.ip != any_address(IpFamily::v4)) return local_;
    return {net::source_address_to(to).value_or(local_.ip), local_.port};
  }

 private:
  Connection* find(const Endpoint& to) {
    for (const auto& connection : connections_) {
      if (connection->to == to && !connection->over) return connection.get();
    }
    return nullptr;
  }

  Connection* open(const Endpoint& to) {
    auto fd = listener_ ? listener_->connect(local_, to) : net::connect_shared(local_, to);
    if (!fd) return nullptr;
    auto connection = std::make_unique<Connection>();
    Connection* raw = connection.get();
    connection->to = to;
    connection->fd = std::move(*fd);
    if (local_.port == 0) local_.port = net::local_endpoint(connection->fd).port;
    connection->writable =
        loop_.watch_writable(connection->fd.get(), [this, raw] { on_writable(*raw); });
    connections_.push_back(std::move(connection));
    return raw;
  }

  void on_writable(Connection& connection) {
    if (!connection.connected) {
      if (const int error = net::connect_error(connection.fd); error != 0) {
        return end(connection,
                   error == ECONNREFUSED ? SendFailure::refused : SendFailure::unreachable);
      }
      connection.connected = true;
      connection.readable =
          loop_.watch(connection.fd.get(), [this, &connection] { on_readable(connection); });
    }
    write(connection);
  }

  void write(Connection& connection) {
    const net::StreamWrite result = net::write_stream(connection.fd, connection.unsent);
    connection.unsent.erase(connection.unsent.begin(),
                            connection.unsent.begin() + static_cast<ptrdiff_t>(result.written));
    if (result.result == net::StreamResult::closed) return end(connection, SendFailure::closed);
    if (connection.unsent.empty()) connection.writable.reset();
  }

  void on_readable(Connection& connection) {
    std::array<uint8_t, 4096> buffer;
    const net::StreamRead read = net::read_stream(connection.fd, buffer);
    if (read.result == net::StreamResult::would_block) return;
    if (read.result == net::StreamResult::closed) return end(connection, SendFailure::closed);
    ByteView rest = read.bytes;
    while (true) {
      const auto frame = connection.framer.next(rest);
      if (!frame) return end(connection, SendFailure::closed);
      if (!*frame) return;
      events_.on_packet(connection.to, (*frame)->bytes);
    }
  }

  void end(Connection& connection, SendFailure failure) {
    connection.readable.reset();
    connection.writable.reset();
    net::reset_on_close(connection.fd);
    connection.fd.reset();
    connection.over = true;
    events_.on_failure(connection.to, failure);
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
