#include "cli/load_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "base/json_text.h"

namespace turnpike::cli {
namespace {

double in_s(Duration time) {
  return std::chrono::duration<double>(time).count();
}
double in_us(Duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// What the server's work is counted in.
struct Work {
  const char* unit;
  uint64_t count;
};

Work work_of(const LoadOptions& options, const LoadStats& stats) {
  switch (options.shape) {
    case LoadShape::voice:
    case LoadShape::video:
    case LoadShape::flood:
    case LoadShape::idle:
      return {"relayed datagram", stats.measured_relayed};
    case LoadShape::churn:
      return {"cycle", stats.measured_cycles};
    case LoadShape::binding:
      return {"request", stats.measured_cycles};
  }
  return {"", 0};
}

// Everything that is to be told, worked out once for both forms.
struct Findings {
  Work work{};
  double per_second = 0;
  double offered = 1;               // Of what was to be sent or begun, 0 to 1.
  double loss = 0;                  // Of datagrams or requests, 0 to 1.
  std::optional<double> cpu_share;  // 1 is one core.
  std::optional<double> cpu_us;     // For each unit of work.
  std::optional<double> switches;   // Of the server's context, for each unit of work.
  std::optional<double> bytes_per_client;
  std::optional<double> own_bytes_per_client;  // Without files and libraries.
};

double loss_of(const LoadOptions& options, const LoadStats& stats) {
  uint64_t sent = stats.to_peer.sent + stats.to_client.sent;
  uint64_t received = stats.to_peer.received + stats.to_client.received;
  if (options.shape == LoadShape::churn || options.shape == LoadShape::binding) {
    sent = stats.begun;
    received = stats.cycles;
  }
  if (sent == 0) return 0;
  return static_cast<double>(sent - std::min(sent, received)) / static_cast<double>(sent);
}

// The part that this process kept up with.
double offered_of(const LoadOptions& options, const LoadReport& report) {
  const LoadStats& stats = report.stats;
  const bool cycles = options.shape == LoadShape::churn || options.shape == LoadShape::binding;
  const bool from_peers = options.direction == Direction::down;
  const bool to_clients = from_peers || options.partner == Partner::client;
  const uint64_t begun = cycles ? stats.begun : (to_clients ? stats.to_client : stats.to_peer).sent;
  const uint64_t missed = cycles ? stats.behind + stats.skipped : stats.behind * options.burst;
  const uint64_t done = begun - std::min(begun, report.own_drops.sending);
  const uint64_t wanted = begun + missed;
  return wanted == 0 ? 1 : static_cast<double>(done) / static_cast<double>(wanted);
}

double per_client(uint64_t after, uint64_t before, uint64_t clients) {
  return (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(clients);
}

Findings findings_of(const LoadOptions& options, const LoadReport& report) {
  Findings found;
  found.work = work_of(options, report.stats);
  const double time = in_s(options.duration);
  found.per_second = static_cast<double>(found.work.count) / time;
  found.offered = offered_of(options, report);
  found.loss = loss_of(options, report.stats);
  if (report.begin && report.end) {
    const Duration cpu = report.end->cpu - report.begin->cpu;
    found.cpu_share = in_s(cpu) / time;
    if (found.work.count > 0) {
      const auto work = static_cast<double>(found.work.count);
      found.cpu_us = in_us(cpu) / work;
      found.switches = static_cast<double>(report.end->switches - report.begin->switches) / work;
    }
  }
  const bool holds = options.shape != LoadShape::churn && options.shape != LoadShape::binding;
  if (holds && report.before && report.ready && report.stats.ready > 0) {
    const uint64_t clients = report.stats.ready;
    found.bytes_per_client = per_client(report.ready->resident, report.before->resident, clients);
    found.own_bytes_per_client =
        per_client(report.ready->anonymous, report.before->anonymous, clients);
  }
  return found;
}

void print_flow(const char* title, const FlowStats& flow) {
  if (flow.sent == 0) return;
  const double lost = static_cast<double>(flow.sent - std::min(flow.sent, flow.received)) * 100 /
                      static_cast<double>(flow.sent);
  std::printf("%-12s %lu of %lu arrived (%.4f %% lost), %lu out of order, %lu twice, %lu damaged\n",
              title, flow.received, flow.sent, lost, flow.late, flow.repeated, flow.damaged);
}

void print_server(const Findings& found) {
  if (found.cpu_share) std::printf("%-12s %.1f %% of a core", "server CPU", *found.cpu_share * 100);
  if (found.cpu_us) {
    std::printf(", %.3f us and %.3f context switches per %s", *found.cpu_us, *found.switches,
                found.work.unit);
  }
  if (found.cpu_share) std::printf("\n");
  if (!found.bytes_per_client) return;
  std::printf("%-12s %.0f bytes per allocation (RSS), %.0f without files and libraries\n", "memory",
              *found.bytes_per_client, *found.own_bytes_per_client);
}

void print_quantiles(const char* title, const Histogram& histogram) {
  if (histogram.count() == 0) return;
  std::printf("%-12s p50 %.1f us, p99 %.1f us, max %.1f us\n", title,
              in_us(histogram.quantile(0.5)), in_us(histogram.quantile(0.99)),
              in_us(histogram.max()));
}

std::string number(double value) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

// A JSON object that grows member by member.
class JsonObject {
 public:
  void add(const char* key, const std::string& json) {
    text_ += (text_.empty() ? "{" : ", ") + json_string(key) + ": " + json;
  }
  void add(const char* key, uint64_t value) { add(key, std::to_string(value)); }
  void add(const char* key, double value) { add(key, number(value)); }
  void add(const char* key, std::optional<double> value) {
    if (value) add(key, *value);
  }
  [[nodiscard]] std::string text() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  std::string text_;
};

std::string json_flow(const FlowStats& flow) {
  JsonObject json;
  json.add("sent", flow.sent);
  json.add("received", flow.received);
  json.add("late", flow.late);
  json.add("repeated", flow.repeated);
  json.add("damaged", flow.damaged);
  return json.text();
}

std::string json_quantiles(const Histogram& histogram) {
  JsonObject json;
  json.add("count", histogram.count());
  json.add("p50_us", in_us(histogram.quantile(0.5)));
  json.add("p99_us", in_us(histogram.quantile(0.99)));
  json.add("max_us", in_us(histogram.max()));
  return json.text();
}

}  // namespace

void print_text(const LoadOptions& options, const LoadReport& report) {
  const LoadStats& stats = report.stats;
  const Findings found = findings_of(options, report);
  std::printf("%-12s %s over %s, %u clients, %u threads, %.0f s", "load",
              name(options.shape).data(), to_string(options.target.transport).data(),
              options.clients, options.threads, in_s(options.duration));
  if (stats.to_peer.sent + stats.to_client.sent > 0) {
    std::printf(", %s, %u bytes", name(options.direction).data(), options.size);
  }
  std::printf("\n%-12s %lu of %u\n", "ready", stats.ready, options.clients);
  for (const auto& [what, count] : stats.failures) {
    std::printf("%-12s %s: %lu times\n", "failed", what.c_str(), count);
  }
  if (stats.lost_allocations > 0)
    std::printf("%-12s %lu allocations\n", "lost", stats.lost_allocations);
  print_quantiles("setup", stats.setup);
  print_flow("to peers", stats.to_peer);
  print_flow("to clients", stats.to_client);
  if (stats.begun > 0) {
    std::printf("%-12s %lu of %lu (%lu more had no free client)\n", "completed", stats.cycles,
                stats.begun, stats.skipped);
  }
  if (found.work.count > 0) {
    std::printf("%-12s %.0f %ss a second\n", "rate", found.per_second, found.work.unit);
  }
  print_quantiles("latency", stats.latency);
  print_server(found);
  std::printf(
      "%-12s %.1f %% of a core; %lu periods missed, %lu datagrams not sent, %lu overflowed "
      "its own sockets\n",
      "generator", in_s(report.own_cpu) / in_s(options.duration) * 100, stats.behind,
      report.own_drops.sending, report.own_drops.receiving);
}

void print_json(const LoadOptions& options, const LoadReport& report) {
  const LoadStats& stats = report.stats;
  const Findings found = findings_of(options, report);
  JsonObject failures;
  for (const auto& [what, count] : stats.failures) failures.add(what.c_str(), count);
  JsonObject json;
  json.add("shape", json_string(name(options.shape)));
  json.add("transport", json_string(to_string(options.target.transport)));
  json.add("direction", json_string(name(options.direction)));
  json.add("clients", uint64_t{options.clients});
  json.add("threads", uint64_t{options.threads});
  json.add("size", uint64_t{options.size});
  json.add("duration_s", in_s(options.duration));
  json.add("ready", stats.ready);
  json.add("failures", failures.text());
  json.add("lost_allocations", stats.lost_allocations);
  json.add("released", stats.released);
  json.add("setup", json_quantiles(stats.setup));
  json.add("to_peers", json_flow(stats.to_peer));
  json.add("to_clients", json_flow(stats.to_client));
  json.add("begun", stats.begun);
  json.add("completed", stats.cycles);
  json.add("skipped", stats.skipped);
  json.add("offered", found.offered);
  json.add("loss", found.loss);
  json.add("unit", json_string(found.work.unit));
  json.add("per_second", found.per_second);
  json.add("latency", json_quantiles(stats.latency));
  json.add("server_cpu", found.cpu_share);
  json.add("server_us_per_unit", found.cpu_us);
  json.add("server_switches_per_unit", found.switches);
  json.add("rss_per_allocation", found.bytes_per_client);
  json.add("anon_per_allocation", found.own_bytes_per_client);
  json.add("generator_cpu", in_s(report.own_cpu) / in_s(options.duration));
  json.add("generator_missed", stats.behind);
  json.add("generator_not_sent", report.own_drops.sending);
  json.add("generator_overflowed", report.own_drops.receiving);
  std::printf("%s\n", json.text().c_str());
}

}  // namespace turnpike::cli
