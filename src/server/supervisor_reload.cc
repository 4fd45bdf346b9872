// Supervisor: certificates and configurations that come while it runs.
#include "base/log.h"
#include "net/clock.h"
#include "server/own_servers.h"
#include "server/reload.h"
#include "server/setup.h"
#include "server/supervisor.h"
#include "server/users.h"

namespace turnpike::server {

void Supervisor::reload_certificates() {
  if (!tls_) return;
  if (const auto reloaded = tls_->reload(); !reloaded) {
    log_error("certificates_not_reloaded", {{"reason", reloaded.error()}});
    return;
  }
  announce_certificates();
}

void Supervisor::announce_certificates() {
  publish_tls();
  log_info("certificates_reloaded", {{"count", tls_->context()->certificates().size()}});
}

void Supervisor::publish_tls() {
  post_to_all([this] { return NewTlsContext{tls_->context()}; });
  if (metrics_) metrics_->set_certificates(*tls_->context());
  update_rest();
}

ReloadReport Supervisor::reload() {
  ReloadReport report;
  if (!origin_.load) {
    report.errors.emplace_back("this server was started without a source to read again");
    return report;
  }
  origin_.manager.reloading(net::monotonic_now());
  config::LoadResult loaded = origin_.load();
  for (const config::Problem& problem : loaded.warnings) {
    report.warnings.push_back(problem.to_string());
  }
  for (const config::Problem& problem : loaded.errors) report.errors.push_back(problem.to_string());
  if (!report.errors.empty()) return report;

  loaded.config.realm = choose_realm(loaded.config);
  // What was found out goes on counting, and what was said until a restart finds it out.
  if (config_.external_ip_auto || loaded.config.external_ip_auto) {
    loaded.config.external_ips = config_.external_ips;
  }
  ConfigChanges changes = changes_between(config_, loaded.config);
  keep_what_needs_restart(config_, loaded.config);
  keep_applied(desk_->configuration()->applied, changes.needs_restart, loaded.applied);
  auto prepared = prepare_reload(loaded);
  if (!prepared) {
    report.errors.push_back(prepared.error());
    return report;
  }
  use_configuration(std::move(loaded), std::move(*prepared));
  report.done = true;
  report.changed = std::move(changes.live);
  report.needs_restart = std::move(changes.needs_restart);
  desk_->note_reload(report.needs_restart, net::wall_now());
  return report;
}

Result<Supervisor::Prepared, std::string> Supervisor::prepare_reload(
    const config::LoadResult& loaded) {
  const config::Config& next = loaded.config;
  Prepared prepared;
  auto users = make_user_store(next);
  if (!users) return unexpected(users.error());
  prepared.users = std::move(*users);
  if (tls_) {
    auto tls = net::TlsContext::make(make_tls_settings(next), tls_->context().get());
    if (!tls) return unexpected(tls.error());
    prepared.tls = std::move(*tls);
  }
  if (next.alternate_servers != config_.alternate_servers) {
    auto alternates = make_alternates(next.alternate_servers);
    if (!alternates) return unexpected(alternates.error());
    prepared.alternates = std::move(*alternates);
  }
  // The last thing that can fail, and the first that counts.
  if (make_log_settings(next) != make_log_settings(config_) && !open_log(next, loaded.applied)) {
    return unexpected("cannot write the log file '" + next.log_file_path + "'");
  }
  return prepared;
}

// Until the new ones have answered clients are served here.
void Supervisor::use_alternates(std::unique_ptr<Alternates> alternates) {
  alternates_ = std::move(alternates);
  post_to_all([] {
    return NewAlternates{std::make_shared<const std::vector<AlternateServer>>(), {}};
  });
  if (!alternates_) return;
  alternates_->use_own(own_servers(config_, endpoints_, ips_of(*host_)));
  alternates_->start();
}

void Supervisor::use_configuration(config::LoadResult loaded, Prepared prepared) {
  const bool other_alternates = loaded.config.alternate_servers != config_.alternate_servers;
  config_ = std::move(loaded.config);
  desk_->set_configuration({config_, std::move(loaded.applied), loaded.file}, endpoints_);
  // What an operator set by hand holds until here.
  set_log_level(config_.log_level);
  const Instant now = net::monotonic_now();
  if (capacity_from_clients_.rate() != config_.bps_capacity_bytes_per_s) {
    capacity_from_clients_.set_rate(config_.bps_capacity_bytes_per_s, now);
    capacity_to_clients_.set_rate(config_.bps_capacity_bytes_per_s, now);
  }
  // The new users tell their state, which brings the database's rules along.
  auth_service_->replace(std::move(prepared.users));
  mail_settings();
  update_rest();
  if (other_alternates) use_alternates(std::move(prepared.alternates));
  if (metrics_) metrics_->set_limits(make_metrics_limits(config_));
  const NewLimits limits = {make_stream_limits(config_), make_dtls_limits(config_),
                            make_relay_settings(config_)};
  post_to_all([&limits] { return NewLimits(limits); });
  if (!prepared.tls) return;
  tls_->use(make_tls_settings(config_), std::move(prepared.tls));
  announce_certificates();
}

void Supervisor::report(const ReloadReport& report) {
  const auto joined = [](const std::vector<std::string>& list) {
    std::string text;
    for (const std::string& one : list) text += (text.empty() ? "" : ", ") + one;
    return text;
  };
  for (const std::string& warning : report.warnings) {
    log_warning("configuration", {{"note", warning}});
  }
  for (const std::string& error : report.errors) log_error("configuration", {{"note", error}});
  if (!report.done) {
    log_error("not_reloaded", {{"reason", "the configuration in force stays as it was"}});
    origin_.manager.ready("serving; the last reload failed");
    return;
  }
  log_info("reloaded", {{"changed", joined(report.changed)}});
  if (!report.needs_restart.empty()) {
    log_warning("restart_needed", {{"options", joined(report.needs_restart)}});
  }
  origin_.manager.ready("serving");
}

}  // namespace turnpike::server
