#include "server/setup.h"

#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "stun/integrity.h"

namespace turnpike::server {

std::vector<Ip> ips_of(const net::HostAddresses& host) {
  std::vector<Ip> ips;
  for (const net::LocalAddress& address : host.addresses) ips.push_back(address.ip);
  return ips;
}

auth::NonceKey make_nonce_key(const config::Config& config) {
  if (config.stateless_nonce_secret.empty()) return RandomSource().bytes<32>();
  return stun::sha256(as_bytes(config.stateless_nonce_secret));
}

MetricsLimits make_metrics_limits(const config::Config& config) {
  return {.errors = {config.unauthorized_ratelimit_rps, config.unauthorized_ratelimit_burst},
          .ports_per_address = static_cast<uint32_t>(config.max_port - config.min_port + 1),
          .total_quota = config.total_quota};
}

relay::RelaySettings make_relay_settings(const config::Config& config) {
  relay::RelaySettings settings;
  settings.min_port = config.min_port;
  settings.max_port = config.max_port;
  settings.relay_ips = config.relay_ips;
  for (const config::ExternalIp& external : config.external_ips) {
    settings.external_ips.push_back({external.external, external.local});
  }
  return settings;
}

bool serves_tls(const config::Config& config) {
  return (!config.no_tls && !config.no_tcp) ||
         (!config.no_dtls && !config.no_udp && !config.no_tlsv1_2);
}

net::TlsSettings make_tls_settings(const config::Config& config) {
  net::TlsSettings settings;
  for (size_t i = 0; i < config.cert_paths.size(); ++i) {
    const bool has_key = i < config.pkey_paths.size();
    settings.certificates.push_back({.certificate = config.cert_paths[i],
                                     .private_key = has_key ? config.pkey_paths[i] : "",
                                     .password = config.pkey_password});
  }
  settings.ca_file = config.ca_file_path;
  settings.cipher_list = config.cipher_list;
  settings.groups = config.ec_curve_name;
  settings.minimum = config.no_tlsv1_2 ? net::TlsMinimum::tls1_3 : net::TlsMinimum::tls1_2;
  return settings;
}

StreamLimits make_stream_limits(const config::Config& config) {
  StreamLimits limits;
  limits.serve_tls = !config.no_tls;
  limits.without_allocation = seconds(config.max_allocate_timeout_s);
  limits.per_source = config.max_connections_per_source;
  return limits;
}

DtlsLimits make_dtls_limits(const config::Config& config) {
  DtlsLimits limits;
  limits.serve = !config.no_dtls;
  limits.per_source = config.max_connections_per_source;
  limits.without_allocation = seconds(config.max_allocate_timeout_s);
  return limits;
}

namespace {

// sd-daemon(3): JOURNAL_STREAM is the device and inode of what the manager connected to the
// journal; a shell in between may have sent our output elsewhere.
bool goes_to_journal(LogTarget target) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  if (stream == nullptr || target == LogTarget::file) return false;
  const int fd = target == LogTarget::standard_error ? STDERR_FILENO : STDOUT_FILENO;
  struct stat found {};
  if (::fstat(fd, &found) != 0) return false;
  return std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino) == stream;
}

}  // namespace

LogSettings make_log_settings(const config::Config& config) {
  LogSettings settings;
  settings.level = config.log_level;
  settings.format = config.log_format;
  if (settings.format == LogFormat::text && goes_to_journal(config.log_target)) {
    settings.format = LogFormat::journal;
  }
  settings.target = config.log_target;
  settings.file = config.log_file_path;
  settings.redact_addresses = config.redact_addresses;
  return settings;
}

bool open_log(const config::Config& config, const config::AppliedValues& applied) {
  if (configure_log(make_log_settings(config))) return true;
  if (!config::is_file_of_coturn(config::place_of(applied, "log-file").source)) return false;
  config::Config elsewhere = config;
  elsewhere.log_target = LogTarget::standard_error;
  if (!configure_log(make_log_settings(elsewhere))) return false;
  log_warning("log_file_not_written",
              {{"path", config.log_file_path}, {"note", "the log goes to standard error"}});
  return true;
}

}  // namespace turnpike::server
