#include "cli/discover_watch.h"

#include <csignal>
#include <string>
#include <utility>

#include <fmt/format.h>

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

  void on_looked(client::DiscoveryReport report) {
    discovery_.reset();
    if (options_.discovery.local.port == 0) {
      if (report.port != 0 && report.verdict == client::DiscoveryVerdict::port_in_use) {
        return leave_port();
      }
      keep_port(report);
    }
    on_report_(report);
    look_after(options_.interval);
  }

  // Another port at each look would be a change at each look.
  void keep_port(client::DiscoveryReport& report) {
    const bool found = report.verdict == client::DiscoveryVerdict::found ||
                       report.verdict == client::DiscoveryVerdict::unconfirmed;
    if (!found) return;
    where_.local.port = report.result.local.port;
    where_.sharing = client::Sharing::refuse;
    if (!left_.empty()) report.notes.push_back(std::exchange(left_, {}));
  }

  // Between two looks nobody has the port, so another program may take it.
  void leave_port() {
    const bool tcp = where_.transport == client::ProbeTransport::tcp;
    left_ = fmt::format("{} port {} was taken by another program; another one is asked about",
                        tcp ? "TCP" : "UDP", where_.local.port);
    where_.local.port = 0;
    where_.sharing = options_.discovery.sharing;
    look_after(Duration::zero());
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
  std::string left_;  // What is yet to be told of a port that was ours to choose.
  bool stopping_ = false;
};

}  // namespace

int watch_discovery(const DiscoverOptions& options, const OnReport& on_report) {
  Watcher(options, on_report).run();
  return kExitOk;
}

}  // namespace turnpike::cli
