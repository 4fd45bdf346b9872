#include "cli/probe_report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/json_text.h"

namespace turnpike::cli {

const char* const kProbeAbout =
    "Tests a TURN server from here, as a client would use it, and reports each step by itself:\n"
    "  binding                    which address the server sees\n"
    "  allocate, permission, channel\n"
    "  relay between two clients  from one allocation to another on the same server\n"
    "  relay to a peer            to a UDP socket of this host and back, or to --peer\n"
    "Every datagram is compared with what was sent; times are round trips, except that those of\n"
    "requests are from question to answer. The report goes to standard output, all else to\n"
    "standard error.\n"
    "\n"
    "The relay to a peer needs a server that may relay to this host. A server forbids its own\n"
    "host's addresses, so run the probe elsewhere, or let another host answer:\n"
    "`turnpike probe --echo PORT` there, and --peer IP:PORT here.\n"
    "\n"
    "Exit codes: 0 all tests passed; 1 failed otherwise; 2 wrong options; 3 only the relay to a\n"
    "peer was forbidden (403); 4 no answer; 5 credentials refused; 6 allocation mismatch (437);\n"
    "7 quota reached (486); 8 no capacity (508); 9 address family not supported (440);\n"
    "10 transport not supported (442); 11 forbidden (403); 12 sent to another server (300);\n"
    "13 the relay was granted but data did not arrive.";

namespace {

double in_ms(Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

struct Spread {
  double min;
  double median;
  double max;
};

std::optional<Spread> spread_of(const Samples& samples) {
  if (samples.times.empty()) return {};
  std::vector<Duration> sorted = samples.times;
  std::sort(sorted.begin(), sorted.end());
  return Spread{in_ms(sorted.front()), in_ms(sorted[sorted.size() / 2]), in_ms(sorted.back())};
}

const char* state_word(ProbeCheck::State state) {
  switch (state) {
    case ProbeCheck::State::not_run:
      return "not run";
    case ProbeCheck::State::passed:
      return "ok";
    case ProbeCheck::State::failed:
      return "FAILED";
    case ProbeCheck::State::forbidden:
      return "forbidden";
  }
  return "?";
}

void print_check(const ProbeCheck& check) {
  const auto spread = spread_of(check.samples);
  const bool more = spread || !check.detail.empty();
  std::printf(more ? "%-26s %-10s" : "%-26s %s", check.title.c_str(), state_word(check.state));
  if (spread) {
    std::printf("%zu of %u, min %.2f median %.2f max %.2f ms", check.samples.times.size(),
                check.samples.tried, spread->min, spread->median, spread->max);
    if (!check.detail.empty()) std::printf("; ");
  }
  std::printf("%s\n", check.detail.c_str());
  if (!check.problem) return;
  std::printf("    %s\n", check.problem->what.c_str());
  if (!check.problem->advice.empty()) std::printf("    %s\n", check.problem->advice.c_str());
}

std::string json_number(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}

std::string json_check(const ProbeCheck& check) {
  std::string out = "{\"test\": " + json_string(check.title) +
                    ", \"result\": " + json_string(state_word(check.state));
  if (check.samples.tried > 0) {
    out += ", \"tried\": " + std::to_string(check.samples.tried) +
           ", \"answered\": " + std::to_string(check.samples.times.size());
  }
  if (const auto spread = spread_of(check.samples)) {
    out += ", \"min_ms\": " + json_number(spread->min) +
           ", \"median_ms\": " + json_number(spread->median) +
           ", \"max_ms\": " + json_number(spread->max);
  }
  if (!check.detail.empty()) out += ", \"detail\": " + json_string(check.detail);
  if (check.problem) {
    out += ", \"problem\": " + json_string(check.problem->what) +
           ", \"advice\": " + json_string(check.problem->advice);
  }
  return out + "}";
}

}  // namespace

std::vector<const ProbeCheck*> ProbeReport::checks() const {
  if (!relays) return {&binding};
  return {&binding, &allocate, &permission, &channel, &inside, &outside};
}

ProbeExit exit_of(const ProbeReport& report) {
  using Outcome = ProbeCheck::State;
  // A server that answers no Binding requests relays all the same, so where relays could be tried
  // they decide.
  const bool tried_relays = report.relays && report.allocate.state != Outcome::not_run;
  const std::vector<const ProbeCheck*> deciding =
      tried_relays
          ? std::vector<const ProbeCheck*>{&report.allocate, &report.permission, &report.channel,
                                           &report.inside, &report.outside}
          : std::vector<const ProbeCheck*>{&report.binding};
  ProbeExit exit = ProbeExit::ok;
  for (const ProbeCheck* check : deciding) {
    if (check->state == Outcome::failed) {
      return check->problem ? check->problem->exit : ProbeExit::failure;
    }
    if (check->state == Outcome::forbidden) exit = ProbeExit::peer_forbidden;
    if (check->state == Outcome::not_run && exit == ProbeExit::ok) exit = ProbeExit::failure;
  }
  return exit;
}

void print_text(const ProbeReport& report) {
  std::printf("server %s (%s, %s)\n", report.host.c_str(), report.server.to_string().c_str(),
              std::string(to_string(report.transport)).c_str());
  for (const ProbeCheck* check : report.checks()) print_check(*check);
  if (!report.elsewhere.empty()) {
    std::printf("\nTo test that too, run this on a host of another network:\n  %s\n",
                report.elsewhere.c_str());
  }
}

void print_json(const ProbeReport& report, ProbeExit exit) {
  std::string out = "{\"host\": " + json_string(report.host) +
                    ", \"server\": " + json_string(report.server.to_string()) +
                    ", \"transport\": \"" + std::string(to_string(report.transport)) + "\"" +
                    ",\n \"exit\": " + std::to_string(static_cast<int>(exit)) + ",\n \"tests\": [";
  const char* separator = "\n  ";
  for (const ProbeCheck* check : report.checks()) {
    out += separator + json_check(*check);
    separator = ",\n  ";
  }
  out += "]";
  if (!report.elsewhere.empty()) out += ",\n \"elsewhere\": " + json_string(report.elsewhere);
  std::printf("%s}\n", out.c_str());
}

}  // namespace turnpike::cli
