// `turnpike discover`: which public address and port does a local port have?
#include <cstdio>

#include "cli/discover_options.h"
#include "cli/discover_report.h"
#include "cli/discover_watch.h"
#include "net/event_loop.h"

namespace turnpike::cli {
namespace {

class Teller {
 public:
  explicit Teller(const DiscoverOptions& options)
      : options_(options), publisher_(options.publish) {}

  // Tells and publishes; the exit code.
  int on_report(const client::DiscoveryReport& report) {
    const auto overrides = overrides_from_environment();
    if (!overrides) return fail(kDiscoverCommand, overrides.error(), kExitUsage);
    const bool single =
        report.verdict == client::DiscoveryVerdict::unconfirmed && options_.accept_single;
    if (report.verdict == client::DiscoveryVerdict::found || single) {
      nat::PublishedAddress address = published(report);
      overrides->apply(address);
      // In watch mode the same line again would be read as a change.
      if (last_ == address && last_problem_.empty() && published_) return kExitOk;
      tell_progress(report);
      last_problem_.clear();
      return tell(address);
    }
    const int code = tell_problem(report);
    if (!overrides->complete() || !set_by_hand_helps(report.verdict)) return code;
    nat::PublishedAddress address = published(report);
    overrides->apply(address);
    if (report.result.local == Endpoint()) {
      address.local_ip = any_address(report.family).to_string();
      address.local_port = report.port;
    }
    if (last_ == address && published_) return kExitOk;
    std::fprintf(stderr, "%s: SERVER_IP and SERVER_PUBLIC_PORT are taken, unchecked\n",
                 kDiscoverCommand);
    return tell(address);
  }

 private:
  // Where the network is in the way, and not the local port.
  static bool set_by_hand_helps(client::DiscoveryVerdict verdict) {
    return verdict != client::DiscoveryVerdict::port_in_use &&
           verdict != client::DiscoveryVerdict::not_allowed;
  }

  int tell(const nat::PublishedAddress& address) {
    if (!(last_ == address)) {
      std::printf("%s\n", nat::format_answer(address, options_.format).c_str());
      std::fflush(stdout);
    }
    last_ = address;
    return publish(address);
  }

  int publish(const nat::PublishedAddress& address) {
    const auto outcome = publisher_.publish(address);
    published_ = outcome.has_value();
    if (!outcome) return fail(kDiscoverCommand, outcome.error());
    if (!publisher_.hook_problem().empty()) {
      return fail(kDiscoverCommand, "the --exec command " + publisher_.hook_problem());
    }
    return kExitOk;
  }

  int tell_problem(const client::DiscoveryReport& report) {
    const DiscoverProblem problem = explain(report, options_.discovery);
    // Once, not every half a minute.
    if (last_problem_ != problem.what) {
      tell_progress(report);
      std::fprintf(stderr, "%s: %s\n%s\n", kDiscoverCommand, problem.what.c_str(),
                   problem.advice.c_str());
    }
    last_problem_ = problem.what;
    return static_cast<int>(problem.exit_code);
  }

  [[nodiscard]] nat::PublishedAddress published(const client::DiscoveryReport& report) const {
    return {.ip = report.result.mapped.ip.to_string(),
            .port = report.result.mapped.port,
            .local_ip = report.result.local.ip.to_string(),
            .local_port = report.result.local.port,
            .tcp = options_.discovery.transport == client::ProbeTransport::tcp,
            .translated = report.result.translated};
  }

  void tell_progress(const client::DiscoveryReport& report) const {
    if (report.shared && !options_.quiet) {
      std::fprintf(stderr, "%s: port %u belongs to a running program; asked beside it\n",
                   kDiscoverCommand, unsigned{report.port});
    }
    if (report.taken_from_application > 0) {
      std::fprintf(stderr, "%s: %llu datagrams that were meant for it came here and are lost\n",
                   kDiscoverCommand,
                   static_cast<unsigned long long>(report.taken_from_application));
    }
    if (!options_.quiet) std::fprintf(stderr, "%s", describe_servers(report).c_str());
  }

  const DiscoverOptions& options_;
  nat::Publisher publisher_;
  std::optional<nat::PublishedAddress> last_;
  std::string last_problem_;
  bool published_ = false;
};

}  // namespace

int discover(Arguments arguments) {
  const auto options = parse_discover_options(arguments);
  if (!options) return options.error();
  Teller teller(*options);
  if (options->watch) {
    return watch_discovery(*options, [&teller](const client::DiscoveryReport& report) {
      return teller.on_report(report);
    });
  }
  net::EventLoop loop;
  RandomSource random;
  std::optional<client::DiscoveryReport> report;
  {
    const client::Discovery discovery(
        loop, random, options->discovery,
        [&report](const client::DiscoveryReport& told) { report = told; });
    while (!report) loop.run_turn(net::EventLoop::kForever);
  }
  return teller.on_report(*report);
}

}  // namespace turnpike::cli
