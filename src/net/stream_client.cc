#include "net/stream_client.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/time.h>

#include "net/fd.h"
#include "net/openssl_ptr.h"
#include "net/socket.h"

namespace turnpike::net {

// Members go in the reverse order: the session before its context and its socket.
struct StreamClient::State {
  Fd fd;
  SslContextPtr context;
  SslPtr session;
};

namespace {

// A blocking socket whose calls, connect() included, end after that time.
Result<Fd, std::string> connect_tcp(const Endpoint& server, milliseconds patience) {
  Fd fd(::socket(server.ip.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return unexpected(std::string("no socket: ") + std::strerror(errno));
  const timeval limit{.tv_sec = patience.count() / 1000,
                      .tv_usec = (patience.count() % 1000) * 1000};
  for (const int which : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(fd.get(), SOL_SOCKET, which, &limit, sizeof(limit)) != 0) {
      return unexpected(std::string("no time limit: ") + std::strerror(errno));
    }
  }
  SockAddr address{};
  const socklen_t size = to_sockaddr(server, address);
  if (::connect(fd.get(), &address.any, size) != 0) {
    const bool late = errno == EINPROGRESS || errno == EAGAIN;
    return unexpected(late ? std::string("no answer to the connection")
                           : std::string(std::strerror(errno)));
  }
  return fd;
}

}  // namespace

StreamClient::StreamClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamClient::~StreamClient() = default;

Result<std::unique_ptr<StreamClient>, std::string> StreamClient::connect(const Endpoint& server,
                                                                         StreamSecurity security,
                                                                         milliseconds patience) {
  auto fd = connect_tcp(server, patience);
  if (!fd) return unexpected(fd.error());
  auto state = std::make_unique<State>();
  state->fd = std::move(*fd);
  if (security == StreamSecurity::tls) {
    state->context.reset(SSL_CTX_new(TLS_client_method()));
    if (!state->context) return unexpected(std::string("OpenSSL has no memory"));
    state->session.reset(SSL_new(state->context.get()));
    if (!state->session || SSL_set_fd(state->session.get(), state->fd.get()) != 1) {
      return unexpected(std::string("OpenSSL has no memory"));
    }
    if (SSL_connect(state->session.get()) != 1) {
      return unexpected(std::string("the TLS handshake failed"));
    }
  }
  return std::unique_ptr<StreamClient>(new StreamClient(std::move(state)));
}

bool StreamClient::send(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t size =
        state_->session
            ? SSL_write(state_->session.get(), bytes.data(), static_cast<int>(bytes.size()))
            : ::send(state_->fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(size));
  }
  return true;
}

ByteView StreamClient::receive(ByteSpan room) {
  const ssize_t size =
      state_->session ? SSL_read(state_->session.get(), room.data(), static_cast<int>(room.size()))
                      : ::recv(state_->fd.get(), room.data(), room.size(), 0);
  if (size <= 0) return {};
  return ByteView(room).first(static_cast<size_t>(size));
}

}  // namespace turnpike::net
