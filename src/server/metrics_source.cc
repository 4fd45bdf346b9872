#include "server/metrics_source.h"

#include "metrics/process.h"
#include "turnpike/version.h"

namespace turnpike::server {

void MetricsSource::set_certificates(const net::TlsContext& tls) {
  std::vector<Certificate> certificates;
  for (const auto& certificate : tls.certificates()) {
    const std::string name = certificate->path().empty() ? "self-signed" : certificate->path();
    certificates.push_back({name, unix_seconds(certificate->not_after())});
  }
  const std::lock_guard lock(mutex_);
  certificates_ = std::move(certificates);
}

void MetricsSource::set_limits(const MetricsLimits& limits) {
  const std::lock_guard lock(mutex_);
  setup_.limits = limits;
}

void MetricsSource::add_server(const MetricsSetup& setup, metrics::Page& page) const {
  page.gauge("turnpike_build_info", "Always 1; the labels say what is running.")
      .add({{"version", std::string(kVersion)}}, 1);
  page.gauge("turnpike_workers", "Threads that relay.").add({}, setup.workers.size());
  page.gauge("turnpike_draining", "1 while no new allocations are made.")
      .add({}, draining_.load(std::memory_order_relaxed) ? 1 : 0);

  const std::lock_guard lock(mutex_);
  if (certificates_.empty()) return;
  metrics::Family& expiry =
      page.gauge("turnpike_certificate_expiry_timestamp_seconds",
                 "When the certificate that is served expires, in Unix time.");
  for (const Certificate& certificate : certificates_) {
    expiry.add_real({{"certificate", certificate.name}},
                    static_cast<double>(certificate.expires_unix_s));
  }
}

metrics::Page MetricsSource::page() const {
  std::unique_lock lock(mutex_);
  const MetricsSetup setup = setup_;
  lock.unlock();
  metrics::Page page;
  add_server(setup, page);
  add_protocol_metrics(setup, page);
  add_transport_metrics(setup, page);
  if (setup.tells_users()) add_user_metrics(setup, page);
  if (setup.coturn_names == CoturnNames::yes) add_coturn_metrics(setup, page);
  metrics::add_process_metrics(page);
  return page;
}

}  // namespace turnpike::server
