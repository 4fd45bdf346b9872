#include "cli/discover_watch.h"

#include <csignal>
#include <cstdio>

#include "net/event_loop.h"
#include "net/interfaces.h"

namespace turnpike::cli {
namespace {

// After a change of addresses, so that routes and leases are in place, too.
constexpr Duration kSettleTime = seconds(1);

class Watcher {
 public:
  Watcher(const DiscoverOptions& options, const OnReport& on_report)
      : options_(options), where_(options.discovery), on_report_(on_report) {
    for (const int signal : {SIGTERM, SIGINT}) {
      watches_.push_back(loop_.on_signal(signal, [this] { stopping_ = true; }));
    }
    if (auto changes = net::AddressChanges::open()) {
      changes_.emplace(std::move(*changes));
      watches_.push_back(loop_.watch(changes_->fd(), [this] {
        if (changes_->take() && !discovery_) look_after(kSettleTime);
      }));
    }
  }

  void run() {
    look();
    while (!stopping_) loop_.run_turn(net::EventLoop::kForever);
  }

 private:
  void look_after(Duration wait) {
    next_ = loop_.after(wait, [this] { look(); });
  }

  void look() {
    next_.reset();
    discovery_ = std::make_unique<client::Discovery>(
        loop_, random_, where_,
        [this](const client::DiscoveryReport& report) { on_looked(report); });
  }

  void on_looked(const client::DiscoveryReport& report) {
    // Another port at each look would be a change at each look.
    const bool found = report.verdict == client::DiscoveryVerdict::found ||
                       report.verdict == client::DiscoveryVerdict::unconfirmed;
    if (found) where_.local.port = report.result.local.port;
    on_report_(report);
    discovery_.reset();
    look_after(options_.interval);
  }

  const DiscoverOptions& options_;
  client::DiscoveryOptions where_;
  const OnReport& on_report_;
  net::EventLoop loop_;
  RandomSource random_;
  std::optional<net::AddressChanges> changes_;
  std::vector<net::Watch> watches_;
  net::Watch next_;
  std::unique_ptr<client::Discovery> discovery_;
  bool stopping_ = false;
};

}  // namespace

int watch_discovery(const DiscoverOptions& options, const OnReport& on_report) {
  Watcher(options, on_report).run();
  return kExitOk;
}

}  // namespace turnpike::cli
