#include "metrics/exposer.h"

#include "net/clock.h"

namespace turnpike::metrics {
namespace {

constexpr const char* kPlain = "text/plain; charset=utf-8";
constexpr const char* kMetrics = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

Result<std::unique_ptr<Exposer>, std::string> Exposer::start(const ExposerSettings& settings,
                                                             MakePage make_page) {
  auto listeners = http::listen_on(settings.addresses, "metrics");
  if (!listeners) return unexpected(listeners.error());
  return std::unique_ptr<Exposer>(
      new Exposer(settings, std::move(make_page), std::move(*listeners)));
}

Exposer::Exposer(const ExposerSettings& settings, MakePage make_page,
                 std::vector<net::Fd> listeners)
    : settings_(settings),
      make_page_(std::move(make_page)),
      listeners_(std::move(listeners)),
      service_(settings.limits, [this](const http::Request& request, const http::Caller&) {
        return answer(request);
      }) {
  for (const net::Fd& listener : listeners_) service_.serve(listener, http::Door::tcp);
  service_.start();
}

http::Response Exposer::answer(const http::Request& request) {
  const auto plain = [](int status, std::string text) {
    return http::Response{.status = status, .content_type = kPlain, .body = std::move(text)};
  };
  if (request.method != http::Method::get) {
    http::Response refusal = plain(405, "GET and HEAD are served here\n");
    refusal.headers.push_back({"Allow", "GET, HEAD"});
    return refusal;
  }
  if (request.path == settings_.path) {
    return {.content_type = kMetrics, .body = page(net::monotonic_now())};
  }
  // As coturn's: a health check that costs nothing.
  if (request.path == "/") return plain(200, "ok\n");
  return plain(404, "there is nothing at this path\n");
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
