#include "server/alternates.h"

#include <algorithm>

#include "base/log.h"
#include "net/clock.h"

namespace turnpike::server {
namespace {

// Requests over UDP leave again with each tick, so a server that answers is missed only when four
// packets in a row, or their answers, are lost.
constexpr milliseconds kTick{500};
constexpr milliseconds kPatience{2000};

bool is_secure_client(const AlternateServer& server) {
  return server.serves(Transport::tls) || server.serves(Transport::dtls);
}

}  // namespace

Alternates::Alternates(std::vector<AlternateServer> configured, net::EventLoop& loop,
                       std::shared_ptr<const net::TlsClientContext> tls, OnChange on_change)
    : loop_(loop),
      tls_(std::move(tls)),
      on_change_(std::move(on_change)),
      health_(std::move(configured)) {}

Result<std::unique_ptr<Alternates>, std::string> Alternates::make(
    std::vector<AlternateServer> configured, net::EventLoop& loop, OnChange on_change) {
  std::shared_ptr<const net::TlsClientContext> tls;
  if (std::any_of(configured.begin(), configured.end(), is_secure_client)) {
    auto made = net::TlsClientContext::make(net::TlsVerify::none);
    if (!made) return unexpected("tls-alternate-server: " + made.error());
    tls = std::move(*made);
  }
  return std::unique_ptr<Alternates>(
      new Alternates(std::move(configured), loop, std::move(tls), std::move(on_change)));
}

void Alternates::use_own(const std::vector<Endpoint>& own) {
  const std::vector<Endpoint> before = health_.own();
  for (const Endpoint& address : health_.use_own(own)) {
    log_info("alternate_is_own",
             {{"server", address.to_string()},
              {"reason", "it leads here: nobody is sent there, its share is served"}});
  }
  if (health_.own() != before) on_change_(health_);
}

void Alternates::start() {
  ticks_ = loop_.every(kTick, [this] { on_tick(); });
  ask_due();
}

void Alternates::on_tick() {
  const Instant now = net::monotonic_now();
  for (Asked& asked : asked_) {
    asked.probe->on_tick();
    if (now - asked.since >= kPatience) asked.probe->give_up();
  }
  std::erase_if(asked_, [](const Asked& asked) { return asked.probe->finished(); });
  ask_due();
}

void Alternates::ask_due() {
  const Instant now = net::monotonic_now();
  for (const size_t question : health_.take_due(now)) {
    auto probe = std::make_unique<AlternateProbe>(
        health_.question(question), loop_, random_, tls_,
        [this, question](AlternateHealth::Result result) { on_result(question, result); });
    if (!probe->finished()) asked_.push_back({question, now, std::move(probe)});
  }
}

void Alternates::on_result(size_t question, AlternateHealth::Result result) {
  if (!health_.on_result(question, result, net::monotonic_now(), random_)) return;
  const AlternateQuestion& about = health_.question(question);
  const bool answers = result == AlternateHealth::Result::answered;
  log(answers ? LogLevel::info : LogLevel::warning, answers ? "alternate_up" : "alternate_down",
      {{"server", about.address.to_string()}, {"transport", to_string(about.transport)}});
  on_change_(health_);
}

}  // namespace turnpike::server
