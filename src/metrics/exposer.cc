#include "metrics/exposer.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/log.h"
#include "metrics/http_head.h"
#include "net/clock.h"
#include "net/tcp.h"

namespace turnpike::metrics {
namespace {

struct Status {
  std::string_view line;
  std::string_view extra = {};  // Further header lines.
};
constexpr Status kOk = {"200 OK"};
constexpr Status kBadRequest = {"400 Bad Request"};
constexpr Status kNotFound = {"404 Not Found"};
constexpr Status kWrongMethod = {"405 Method Not Allowed", "Allow: GET, HEAD\r\n"};
constexpr Status kTooLong = {"431 Request Header Fields Too Large"};

constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";

enum class Body : uint8_t { sent, left_out };

std::string make_response(const Status& status, std::string_view type, std::string_view content,
                          Body body) {
  std::string text = "HTTP/1.1 ";
  text.append(status.line).append("\r\n").append(status.extra);
  text.append("Content-Type: ").append(type).append("\r\n");
  text.append("Content-Length: ").append(std::to_string(content.size())).append("\r\n");
  text.append("X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
  if (body == Body::sent) text.append(content);
  return text;
}

std::string make_refusal(const Status& status) {
  return make_response(status, kPlain, std::string(status.line) + "\n", Body::sent);
}

}  // namespace

struct Exposer::Connection {
  net::Fd fd;
  Instant opened;
  std::string request;
  std::string response;
  size_t written = 0;
  // Declared last: they must go before the descriptor.
  net::Watch readable;
  net::Watch writable;
};

Result<std::unique_ptr<Exposer>, std::string> Exposer::start(const ExposerSettings& settings,
                                                             MakePage make_page) {
  std::unique_ptr<Exposer> exposer(new Exposer(settings, std::move(make_page)));
  if (auto listening = exposer->listen(); !listening) return unexpected(listening.error());
  exposer->thread_ = std::thread([raw = exposer.get()] { raw->run(); });
  return exposer;
}

Exposer::Exposer(const ExposerSettings& settings, MakePage make_page)
    : settings_(settings), make_page_(std::move(make_page)) {}

Result<void, std::string> Exposer::listen() {
  for (const Endpoint& address : settings_.addresses) {
    auto listener = net::listen_tcp(address, net::ReusePort::no);
    if (!listener) {
      const int code = listener.error().code;
      const bool is_missing_family = address.ip.is_unspecified() && !listeners_.empty() &&
                                     (code == EAFNOSUPPORT || code == EADDRNOTAVAIL);
      if (is_missing_family) continue;
      return unexpected("metrics: " + listener.error().to_string());
    }
    listeners_.push_back(std::move(*listener));
  }
  watch_listeners();
  tick_ = loop_.every(seconds(1), [this] { on_tick(); });
  auto bell = loop_.make_doorbell([this] { stopping_ = true; });
  if (!bell) return unexpected(std::string("metrics: out of file descriptors"));
  stop_bell_ = std::move(*bell);
  return {};
}

void Exposer::watch_listeners() {
  for (const net::Fd& listener : listeners_) {
    accepting_.push_back(loop_.watch(listener.get(), [this, &listener] { accept_from(listener); }));
  }
}

Exposer::~Exposer() {
  if (!thread_.joinable()) return;
  stop_bell_.ring();
  thread_.join();
}

void Exposer::run() {
  while (!stopping_) loop_.run_turn(net::EventLoop::kForever);
  connections_.clear();
}

void Exposer::accept_from(const net::Fd& listener) {
  // One a turn is enough, and lets those that are here go on.
  auto accepted = net::accept_tcp(listener);
  if (!accepted) {
    // Those who wait would wake us again at once; they are asked in with the next tick.
    if (accepted.error() == net::AcceptError::no_descriptors) accepting_.clear();
    return;
  }
  if (connections_.size() >= settings_.connections_max) close(*connections_.front());
  auto connection = std::make_unique<Connection>();
  Connection& it = *connection;
  it.fd = std::move(accepted->fd);
  it.opened = net::monotonic_now();
  it.readable = loop_.watch(it.fd.get(), [this, &it] { on_readable(it); });
  if (it.readable) connections_.push_back(std::move(connection));
}

void Exposer::on_readable(Connection& connection) {
  std::array<uint8_t, 4096> room{};
  const net::StreamRead read = net::read_stream(connection.fd, room);
  if (read.result == net::StreamResult::would_block) return;
  if (read.result == net::StreamResult::closed) return close(connection);
  // What comes after the head is nobody's.
  if (!connection.response.empty()) return;
  connection.request.append(as_text(read.bytes));
  respond(connection);
}

void Exposer::respond(Connection& connection) {
  const HttpHead head = parse_http_head(connection.request);
  if (head.state == HeadState::incomplete) return;
  if (head.state == HeadState::malformed) {
    connection.response = make_refusal(kBadRequest);
  } else if (head.state == HeadState::too_long) {
    connection.response = make_refusal(kTooLong);
  } else if (head.method != "GET" && head.method != "HEAD") {
    connection.response = make_refusal(kWrongMethod);
  } else {
    const Body body = head.method == "GET" ? Body::sent : Body::left_out;
    if (head.path == settings_.path) {
      connection.response = make_response(kOk, kMetrics, page(net::monotonic_now()), body);
    } else if (head.path == "/") {
      // As coturn's: a health check that costs nothing.
      connection.response = make_response(kOk, kPlain, "ok\n", body);
    } else {
      connection.response = make_refusal(kNotFound);
    }
  }
  connection.request = {};
  if (!write_out(connection)) close(connection);
}

bool Exposer::write_out(Connection& connection) {
  const ByteView rest = as_bytes(connection.response).subspan(connection.written);
  const net::StreamWrite wrote = net::write_stream(connection.fd, rest);
  connection.written += wrote.written;
  if (connection.written == connection.response.size()) return false;
  if (wrote.result != net::StreamResult::would_block) return false;
  if (!connection.writable) {
    connection.writable = loop_.watch_writable(connection.fd.get(), [this, &connection] {
      if (!write_out(connection)) close(connection);
    });
  }
  return static_cast<bool>(connection.writable);
}

void Exposer::close(const Connection& connection) {
  std::erase_if(connections_,
                [&connection](const auto& each) { return each.get() == &connection; });
}

void Exposer::on_tick() {
  const Instant now = net::monotonic_now();
  std::erase_if(connections_, [this, now](const auto& each) {
    return now - each->opened >= settings_.exchange_max;
  });
  if (accepting_.empty()) watch_listeners();
}

const std::string& Exposer::page(Instant now) {
  if (!has_page_ || now - page_made_ >= settings_.page_life) {
    page_ = make_page_();
    page_made_ = now;
    has_page_ = true;
  }
  return page_;
}

}  // namespace turnpike::metrics
