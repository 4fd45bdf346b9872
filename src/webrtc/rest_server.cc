#include "webrtc/rest_server.h"

#include "base/check.h"
#include "base/log.h"
#include "base/random.h"
#include "base/source_log_gate.h"
#include "net/clock.h"

namespace turnpike::webrtc {
namespace {

// Reloads, certificates and addresses change seldom, and the newest settings replace all others.
constexpr size_t kMailboxCapacity = 64;

void note_wrong_key(const Ip& source) {
  static SourceLogGate gate{RandomSource().hash_key(), seconds(1), 100};
  const int64_t held_back = gate.pass(source, net::monotonic_now());
  if (held_back < 0) return;
  log_warning("rest_refused",
              {{"client", source}, {"reason", "wrong key"}, {"suppressed", held_back}});
}

}  // namespace

Result<std::unique_ptr<RestServer>, std::string> RestServer::start(
    const std::vector<Endpoint>& addresses, std::shared_ptr<const RestSettings> settings) {
  auto listeners = http::listen_on(addresses, "rest-listen");
  if (!listeners) return unexpected(listeners.error());
  return std::unique_ptr<RestServer>(new RestServer(std::move(*listeners), std::move(settings)));
}

RestServer::RestServer(std::vector<net::Fd> listeners, std::shared_ptr<const RestSettings> settings)
    : api_(std::move(settings), RandomSource().hash_key(), net::monotonic_now()),
      listeners_(std::move(listeners)),
      mailbox_(kMailboxCapacity, [this] { bell_.ring(); }),
      service_({}, [this](const http::Request& request, const http::Caller& caller) {
        return answer(request, caller);
      }) {
  auto bell = service_.make_doorbell([this] { take_news(); });
  CHECK(bell.has_value());
  bell_ = std::move(*bell);
  for (const net::Fd& listener : listeners_) service_.serve(listener, http::Door::tcp);
  service_.start();
}

RestServer::~RestServer() {
  service_.stop();
}

void RestServer::use(std::shared_ptr<const RestSettings> settings) {
  if (!mailbox_.send(std::move(settings))) log_error("rest_mailbox_full");
}

void RestServer::take_news() {
  mailbox_.take_all(news_);
  if (!news_.empty()) api_.use(std::move(news_.back()), net::monotonic_now());
  news_.clear();
}

http::Response RestServer::answer(const http::Request& request, const http::Caller& caller) {
  const uint64_t wrong = api_.counters().get(RestResult::wrong_key);
  http::Response response = api_.handle(request, caller.ip, net::monotonic_now(), net::wall_now());
  if (api_.counters().get(RestResult::wrong_key) != wrong) note_wrong_key(caller.ip);
  return response;
}

}  // namespace turnpike::webrtc
