// What of this host may stand in a relay's way.
#include <algorithm>
#include <charconv>
#include <fstream>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "net/clock.h"
#include "server/setup.h"

namespace turnpike::cli {
namespace {

std::optional<uint64_t> number_in_file(const char* path) {
  std::ifstream file(path);
  uint64_t number = 0;
  if (file >> number) return number;
  return {};
}

void examine_descriptors(const config::Config& config, Diagnosis& findings) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  // One for each relayed address, one for each stream, some for the rest.
  const uint64_t ports = uint64_t{config.max_port} - config.min_port + 1;
  const uint64_t wanted = 2 * ports + 256;
  const uint64_t possible = limit.rlim_max;
  if (possible == RLIM_INFINITY || possible >= wanted) {
    findings.push_back({Severity::fine, fmt::format("{} file descriptors may be open", possible)});
    return;
  }
  findings.push_back(
      {possible < 4096 ? Severity::problem : Severity::warning,
       fmt::format("only {} file descriptors may be open; {} relay ports could use {}", possible,
                   ports, wanted),
       fmt::format("Raise the limit: LimitNOFILE={} in the systemd unit, --ulimit nofile={} for a "
                   "container, or `ulimit -Hn`.",
                   wanted, wanted)});
}

void examine_buffers(const config::Config& config, Diagnosis& findings) {
  const auto allowed = number_in_file("/proc/sys/net/core/rmem_max");
  if (!allowed || config.sock_buf_size_bytes == 0) return;
  if (*allowed >= config.sock_buf_size_bytes || geteuid() == 0) {
    findings.push_back({Severity::fine, "UDP sockets get the buffers that they ask for"});
    return;
  }
  findings.push_back(
      {Severity::warning,
       fmt::format("the kernel cuts UDP buffers of {} bytes to {}: bursts will lose packets",
                   config.sock_buf_size_bytes, *allowed),
       fmt::format("sysctl -w net.core.rmem_max={0} net.core.wmem_max={0}, and the same in "
                   "/etc/sysctl.d; or CAP_NET_ADMIN for the server.",
                   config.sock_buf_size_bytes)});
}

void examine_port_range(const config::Config& config, Diagnosis& findings) {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  unsigned low = 0;
  unsigned high = 0;
  if (!(file >> low >> high)) return;
  if (high < config.min_port || low > config.max_port) return;
  findings.push_back(
      {Severity::note,
       fmt::format("ports {} to {} are both relay ports and those that this host's own clients "
                   "take ({} to {})",
                   std::max<unsigned>(low, config.min_port),
                   std::min<unsigned>(high, config.max_port), low, high),
       "It does no harm but for a few ports in use. To keep them apart: "
       "net.ipv4.ip_local_reserved_ports, or min-port and max-port."});
}

void examine_connection_tracking(Diagnosis& findings) {
  const auto most = number_in_file("/proc/sys/net/netfilter/nf_conntrack_max");
  constexpr uint64_t kEnough = 262'144;
  if (!most || *most >= kEnough) return;
  findings.push_back(
      {Severity::note,
       fmt::format("the firewall tracks at most {} connections; each relayed pair takes two",
                   *most),
       "Raise net.netfilter.nf_conntrack_max, or do not track the relay's UDP ports (notrack)."});
}

}  // namespace

void examine_limits(const Examination& given, Diagnosis& findings) {
  const config::Config& config = given.loaded.config;
  examine_descriptors(config, findings);
  examine_buffers(config, findings);
  examine_port_range(config, findings);
  examine_connection_tracking(findings);
}

void examine_clock(Diagnosis& findings) {
  // Older than this program: a battery that is empty.
  constexpr int64_t kBuilt = 1'735'689'600;
  if (unix_seconds(net::wall_now()) < kBuilt) {
    findings.push_back({Severity::problem, "the clock is years behind",
                        "Set it: time-limited users and certificates depend on it."});
    return;
  }
  timex state{};
  const int answer = ::adjtimex(&state);
  if (answer == TIME_ERROR || (answer >= 0 && (state.status & STA_UNSYNC) != 0)) {
    findings.push_back(
        {Severity::note, "nobody seems to keep the clock right (adjtimex says: not synchronized)",
         "Run systemd-timesyncd or chrony; in a container the host's counts. Time-limited users "
         "fail when the clocks differ."});
    return;
  }
  findings.push_back({Severity::fine, "the clock is kept right"});
}

void examine_certificates(const Examination& given, Diagnosis& findings) {
  const config::Config& config = given.loaded.config;
  if (!server::serves_tls(config)) return;
  const auto context = net::TlsContext::make(server::make_tls_settings(config), nullptr);
  if (!context) {
    findings.push_back({Severity::problem, context.error(), "See `turnpike check` and the files."});
    return;
  }
  if ((*context)->self_signed()) {
    findings.push_back({Severity::warning, "there is no certificate, so a self-signed one is shown",
                        "Browsers refuse it: set cert and pkey, or switch TLS off (no-tls, "
                        "no-dtls)."});
    return;
  }
  for (const auto& certificate : (*context)->certificates()) {
    const int64_t left = unix_seconds(certificate->not_after()) - unix_seconds(net::wall_now());
    constexpr int64_t kDay = 86'400;
    const std::string days = fmt::format("{}: {} days left", certificate->path(), left / kDay);
    if (left <= 0) {
      findings.push_back({Severity::problem, certificate->path() + " has expired",
                          "Renew it; SIGHUP, or ten seconds, and the server shows the new one."});
    } else if (left < 14 * kDay) {
      findings.push_back({Severity::warning, days, "Renew it: nothing seems to do so by itself."});
    } else {
      findings.push_back({Severity::fine, days});
    }
    for (const std::string& domain : given.domains) {
      if (certificate->covers(domain)) continue;
      findings.push_back({Severity::warning, certificate->path() + " is not for " + domain,
                          "Clients that come by this name will refuse it."});
    }
  }
}

}  // namespace turnpike::cli
