// `turnpike load`: many clients at once, and what the server makes of them.
#include <algorithm>
#include <barrier>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "base/random.h"
#include "cli/commands.h"
#include "cli/load_options.h"
#include "cli/load_report.h"
#include "cli/load_shape.h"
#include "cli/option_parser.h"
#include "net/clock.h"
#include "net/plain_udp.h"

namespace turnpike::cli {
namespace {

// Each client has a socket.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
}

void wait_until(Instant at) {
  std::this_thread::sleep_for(std::max(at - net::monotonic_now(), Duration::zero()));
}

std::optional<ServerUsage> usage_of(const LoadOptions& options) {
  if (!options.server_pid) return {};
  return server_usage(*options.server_pid);
}

Duration own_cpu() {
  const auto usage = server_usage(getpid());
  return usage ? usage->cpu : Duration::zero();
}

uint32_t share(uint32_t whole, uint32_t parts, uint32_t index) {
  return whole / parts + (index < whole % parts ? 1 : 0);
}

long as_seconds(Duration time) {
  return static_cast<long>(std::chrono::duration_cast<seconds>(time).count());
}

// The threads and the points where they meet.
class LoadRun {
 public:
  LoadRun(const LoadOptions& options, const Target& target, const Ip& peer_ip)
      : options_(options),
        meeting_(static_cast<std::ptrdiff_t>(options.threads) + 1),
        problems_(options.threads) {
    const uint64_t run = RandomSource().next();
    for (uint32_t i = 0; i < options.threads; ++i) {
      const LoadPart part{.index = i,
                          .clients = share(options.clients, options.threads, i),
                          .run = run + i,
                          .peer_ip = peer_ip};
      works_.push_back(make_load_work(options, target, part));
    }
  }

  // The error: this process lacks something.
  Result<LoadReport, std::string> run() {
    LoadReport report;
    report.before = usage_of(options_);
    std::vector<std::jthread> threads;
    for (uint32_t i = 0; i < options_.threads; ++i) {
      threads.emplace_back([this, i] { work(i); });
    }
    meeting_.arrive_and_wait();  // All are set up, or could not be.
    report.ready = usage_of(options_);
    times_.measure_from = net::monotonic_now() + options_.warm_up;
    times_.end = times_.measure_from + options_.duration;
    meeting_.arrive_and_wait();  // They know the times.
    measure(report);
    threads.clear();
    for (const auto& problem : problems_) {
      if (problem) return unexpected(*problem);
    }
    add_up(report);
    return report;
  }

 private:
  void work(uint32_t index) {
    LoadWork& work = *works_[index];
    problems_[index] = work.set_up();
    meeting_.arrive_and_wait();
    meeting_.arrive_and_wait();
    if (problems_[index]) return;
    work.run(times_);
    work.tear_down();
  }

  void measure(LoadReport& report) const {
    const bool hopeless = std::all_of(problems_.begin(), problems_.end(),
                                      [](const auto& problem) { return problem.has_value(); });
    if (hopeless) return;
    wait_until(times_.measure_from);
    report.begin = usage_of(options_);
    const Duration own_before = own_cpu();
    wait_for_end(report.begin);
    report.end = usage_of(options_);
    report.own_cpu = own_cpu() - own_before;
  }

  // With a line that tells a person how far it is.
  void wait_for_end(const std::optional<ServerUsage>& begin) const {
    const bool watched = !options_.json && isatty(STDERR_FILENO) == 1;
    for (Instant next = times_.measure_from + seconds(1); watched && next < times_.end;
         next += seconds(1)) {
      wait_until(next);
      std::fprintf(stderr, "\r%ld of %ld s", as_seconds(next - times_.measure_from),
                   as_seconds(options_.duration));
      const auto usage = usage_of(options_);
      if (usage && begin) {
        const double share =
            std::chrono::duration<double>(usage->cpu - begin->cpu) / (next - times_.measure_from);
        std::fprintf(stderr, ", server CPU %.0f %%  ", share * 100);
      }
    }
    wait_until(times_.end);
    if (watched) std::fputs("\r\033[K", stderr);
  }

  void add_up(LoadReport& report) const {
    for (const auto& work : works_) {
      report.stats.merge(work->stats());
      const OwnDrops drops = work->own_drops();
      report.own_drops.sending += drops.sending;
      report.own_drops.receiving += drops.receiving;
    }
  }

  const LoadOptions& options_;
  std::barrier<> meeting_;
  LoadTimes times_{};
  std::vector<std::optional<std::string>> problems_;
  std::vector<std::unique_ptr<LoadWork>> works_;
};

}  // namespace

int load(Arguments arguments) {
  const auto options = parse_load_options(arguments);
  if (!options) return options.error();
  const auto target = resolve_target(options->target);
  if (!target) return fail(kLoadCommand, target.error());
  const auto here = net::source_address_to(target->server);
  if (!here) return fail(kLoadCommand, "no way to " + target->server.to_string());
  const Ip peer_ip = options->peer_ip.value_or(*here);
  if (peer_ip.family() != target->relay_family) {
    return fail(kLoadCommand, "the peers need an address of the relay's family: give --peer-ip",
                kExitUsage);
  }
  if (options->carry == Carry::bare && !peer_ip.is_v4()) {
    return fail(kLoadCommand, "the bare loop knows IPv4 only", kExitUsage);
  }
  if (options->server_pid && !usage_of(*options)) {
    return fail(kLoadCommand, "there is no process with that --server-pid, or it may not be seen",
                kExitUsage);
  }
  raise_file_limit();
  const auto report = LoadRun(*options, *target, peer_ip).run();
  if (!report) return fail(kLoadCommand, report.error());
  if (options->json) {
    print_json(*options, *report);
  } else {
    print_text(*options, *report);
  }
  const LoadStats& stats = report->stats;
  const bool good = stats.ready == options->clients && stats.to_peer.damaged == 0 &&
                    stats.to_client.damaged == 0 && stats.lost_allocations == 0;
  return good ? kExitOk : kExitFailure;
}

}  // namespace turnpike::cli
