// Keeps asking the alternate servers and tells which of them answer. On the main thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/alternate_health.h"
#include "server/alternate_probe.h"

namespace turnpike::server {

class Alternates {
 public:
  // Called whenever there is news of a server.
  using OnChange = std::function<void(const AlternateHealth&)>;

  // `loop` outlives it. The error says why TLS cannot be spoken.
  static Result<std::unique_ptr<Alternates>, std::string> make(
      std::vector<AlternateServer> configured, net::EventLoop& loop, OnChange on_change);

  // Where clients reach this server: see alternate_health.h.
  void use_own(const std::vector<Endpoint>& own);

  // Asks all of them, and again and again from now on.
  void start();

 private:
  struct Asked {
    size_t question;
    Instant since;
    std::unique_ptr<AlternateProbe> probe;
  };

  Alternates(std::vector<AlternateServer> configured, net::EventLoop& loop,
             std::shared_ptr<const net::TlsClientContext> tls, OnChange on_change);
  void on_tick();
  void ask_due();
  void on_result(size_t question, AlternateHealth::Result result);

  net::EventLoop& loop_;
  RandomSource random_;
  std::shared_ptr<const net::TlsClientContext> tls_;
  OnChange on_change_;
  AlternateHealth health_;
  std::vector<Asked> asked_;
  net::Watch ticks_;
};

}  // namespace turnpike::server
