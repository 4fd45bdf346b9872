#include "server/supervisor.h"

#include <algorithm>
#include <csignal>

#include "base/check.h"
#include "base/log.h"
#include "net/clock.h"
#include "server/core_settings.h"
#include "server/cpu_count.h"
#include "server/discovery.h"
#include "server/listeners.h"
#include "server/users.h"
#include "turnpike/version.h"

namespace turnpike::server {
namespace {

std::vector<Ip> ips_of(const net::HostAddresses& host) {
  std::vector<Ip> ips;
  for (const net::LocalAddress& address : host.addresses) ips.push_back(address.ip);
  return ips;
}

std::vector<Endpoint> udp_addresses(const WorkerListeners& listeners) {
  std::vector<Endpoint> addresses;
  for (const net::UdpSocket& socket : listeners.udp) addresses.push_back(socket.local());
  return addresses;
}

// A fleet that shares a secret shares its nonces; else they are this process's own.
auth::NonceKey make_nonce_key(const config::Config& config) {
  if (config.stateless_nonce_secret.empty()) return RandomSource().bytes<32>();
  return stun::sha256(as_bytes(config.stateless_nonce_secret));
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

// TLS or DTLS is wanted on at least one socket.
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

// The kernel spreads the clients of one source over the workers, though not evenly. 0 stays 0.
uint32_t share_of(uint32_t limit, uint32_t workers) {
  return (limit + workers - 1) / workers;
}

StreamLimits make_stream_limits(const config::Config& config, uint32_t workers) {
  StreamLimits limits;
  limits.serve_tls = !config.no_tls;
  limits.without_allocation = seconds(config.max_allocate_timeout_s);
  limits.per_source = share_of(config.max_connections_per_source, workers);
  return limits;
}

DtlsLimits make_dtls_limits(const config::Config& config, uint32_t workers) {
  DtlsLimits limits;
  limits.serve = !config.no_dtls;
  limits.per_source = share_of(config.max_connections_per_source, workers);
  limits.without_allocation = seconds(config.max_allocate_timeout_s);
  return limits;
}

turn::KeyTicket to_ticket(uint64_t number) {
  return {static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32)};
}

}  // namespace

Supervisor::Supervisor(config::Config config)
    : config_(std::move(config)),
      error_replies_(RandomSource().hash_key()),
      binding_replies_(RandomSource().hash_key()),
      capacity_from_clients_(config_.bps_capacity_bytes_per_s, net::monotonic_now()),
      capacity_to_clients_(config_.bps_capacity_bytes_per_s, net::monotonic_now()) {}

Result<std::unique_ptr<Supervisor>, std::string> Supervisor::start(config::Config config) {
  std::unique_ptr<Supervisor> supervisor(new Supervisor(std::move(config)));
  if (auto prepared = supervisor->prepare(); !prepared) return unexpected(prepared.error());
  // Before anybody is answered: who has seen an answer may send a signal.
  supervisor->watch_signals();
  supervisor->start_threads();
  if (auto started = supervisor->start_metrics(); !started) return unexpected(started.error());
  return supervisor;
}

Result<void, std::string> Supervisor::prepare() {
  auto store = make_user_store(config_);
  if (!store) return unexpected(store.error());
  user_store_ = std::move(*store);
  config_.realm = choose_realm(config_);

  auto host = net::HostAddresses::read();
  if (!host) return unexpected(host.error().to_string());
  host_ = std::make_shared<net::HostAddresses>(std::move(*host));

  if (serves_tls(config_)) {
    auto tls = TlsKeeper::make(make_tls_settings(config_), net::monotonic_now());
    if (!tls) return unexpected(tls.error());
    tls_.emplace(std::move(*tls));
  }

  const uint32_t workers =
      std::min(config_.relay_threads == 0 ? usable_cpus() : config_.relay_threads,
               turn::RelayDirectory::kMaxWorkers);
  auto listeners = bind_listeners(config_, workers);
  if (!listeners) {
    std::string text;
    for (const net::SysError& error : listeners.error()) {
      text += (text.empty() ? "" : "\n") + error.to_string();
    }
    return unexpected(text);
  }
  endpoints_ = listeners->endpoints;
  proxied_endpoints_ = listeners->proxied_endpoints;

  udp_addresses_ = udp_addresses(listeners->of_worker.front());
  if (config_.rfc5780) redirected_replies_.emplace(RandomSource().hash_key());

  const auto settings = make_settings();
  const auth::NonceKey nonce_key = make_nonce_key(config_);
  const auth::MobilityKey mobility_key = RandomSource().bytes<64>();
  const WorkerLinks links = {[this](uint32_t worker, WorkerMessage&& message) {
                               return worker < workers_.size() &&
                                      workers_[worker]->post(std::move(message));
                             },
                             [this](auth::LookupRequest&& question) {
                               return auth_service_->submit(std::move(question));
                             }};
  if (config_.prometheus && config_.prometheus_username_labels) {
    user_traffic_ = std::make_unique<UserTraffic>(workers);
  }
  for (uint32_t i = 0; i < workers; ++i) {
    WorkerSetup setup;
    setup.index = i;
    setup.workers = workers;
    setup.settings = settings;
    setup.nonce_key = nonce_key;
    setup.mobility_key = mobility_key;
    setup.relay_settings = make_relay_settings(config_);
    setup.host = host_;
    setup.udp_listeners = std::move(listeners->of_worker[i].udp);
    setup.tcp_listeners = std::move(listeners->of_worker[i].tcp);
    setup.proxied_listeners = std::move(listeners->of_worker[i].proxied);
    setup.proxy_limits.sources = config_.proxy_sources;
    setup.tls = tls_ ? tls_->context() : nullptr;
    setup.wake_up_pause = std::chrono::microseconds(config_.wake_up_moderation_us);
    setup.stream_limits = make_stream_limits(config_, workers);
    setup.dtls_limits = make_dtls_limits(config_, workers);
    setup.directory = &directory_;
    setup.reservations = &reservations_;
    setup.quota = &quota_;
    setup.error_replies = &error_replies_;
    setup.binding_replies = &binding_replies_;
    setup.redirected_replies = redirected_replies_ ? &*redirected_replies_ : nullptr;
    setup.capacity_from_clients = &capacity_from_clients_;
    setup.capacity_to_clients = &capacity_to_clients_;
    setup.user_traffic = user_traffic_.get();
    setup.links = links;
    workers_.push_back(std::make_unique<Worker>(std::move(setup)));
  }
  auto bell = loop_.make_doorbell([this] { stopping_ = true; });
  if (!bell) return unexpected(std::string("out of file descriptors"));
  stop_bell_ = std::move(*bell);
  if (config_.external_ip_auto) {
    // Until the address is known an Allocate would be told a wrong one.
    post_to_all([] { return SetAdmission{turn::Admission::closed}; });
  }
  return prepare_alternates();
}

Result<void, std::string> Supervisor::prepare_alternates() {
  if (config_.alternate_servers.empty()) return {};
  auto alternates = Alternates::make(
      config_.alternate_servers, loop_, [this](std::vector<AlternateServer> answering) {
        const auto list =
            std::make_shared<const std::vector<AlternateServer>>(std::move(answering));
        post_to_all([&list] { return NewAlternates{list}; });
      });
  if (!alternates) return unexpected(alternates.error());
  alternates_ = std::move(*alternates);
  return {};
}

std::shared_ptr<const turn::Settings> Supervisor::make_settings() const {
  // Its addresses are those that clients see, which may have changed.
  return make_core_settings(config_, ips_of(*host_), make_discovery(config_, udp_addresses_));
}

void Supervisor::start_threads() {
  // The service tells the first state before it answers anybody, and workers that have not begun
  // to run find it in their mailbox.
  auth_service_ = std::make_unique<auth::AuthService>(
      std::move(user_store_), auth::AuthService::Settings{.realm = config_.realm},
      [this](const auth::LookupAnswer& answer) {
        // A full mailbox loses the answer: the client asks again.
        static_cast<void>(
            workers_[answer.worker]->post(KeyAnswer{to_ticket(answer.ticket), answer.user}));
      },
      [this](const std::shared_ptr<const auth::StoreState>& state) {
        post_to_all([&state] { return NewStoreState{state}; });
      });
  for (const auto& worker : workers_) {
    threads_.emplace_back([&worker] { worker->run(); });
  }
  for (const Endpoint& endpoint : endpoints_) {
    log_info("listening", {{"address", endpoint.to_string()},
                           {"udp", !config_.no_udp},
                           {"tcp", !config_.no_tcp},
                           {"tls", tls_.has_value() && !config_.no_tcp && !config_.no_tls},
                           {"dtls", tls_.has_value() && !config_.no_udp && !config_.no_dtls &&
                                        tls_->context()->offers_dtls()}});
  }
  for (const Endpoint& endpoint : proxied_endpoints_) {
    log_info("listening_for_proxies", {{"address", endpoint.to_string()},
                                       {"tls", tls_.has_value() && !config_.no_tls},
                                       {"sources", config_.proxy_sources.size()}});
  }
  if (tls_ && tls_->context()->self_signed()) {
    log_warning("self_signed_certificate",
                {{"reason", "no cert is configured: clients that verify it will refuse TLS"}});
  }
  log_info("started",
           {{"version", kVersion}, {"workers", workers_.size()}, {"realm", config_.realm}});
}

Result<void, std::string> Supervisor::start_metrics() {
  if (!config_.prometheus) return {};
  MetricsSetup setup;
  for (const auto& worker : workers_) {
    setup.workers.push_back({&worker->counters(), &worker->io_counters(),
                             &worker->client_counters(), &worker->stats(),
                             [&worker = *worker] { return worker.letters_waiting(); }});
  }
  setup.directory = &directory_;
  setup.reservations = &reservations_;
  setup.auth = &auth_service_->counters();
  setup.error_replies = &error_replies_;
  setup.error_limit = {config_.unauthorized_ratelimit_rps, config_.unauthorized_ratelimit_burst};
  setup.users = user_traffic_.get();
  setup.ports_per_address = static_cast<uint32_t>(config_.max_port - config_.min_port + 1);
  setup.total_quota = config_.total_quota;
  setup.realm = config_.realm;
  setup.coturn_names = config_.prometheus_coturn_names ? CoturnNames::yes : CoturnNames::no;
  metrics_ = std::make_unique<MetricsSource>(std::move(setup));
  if (tls_) metrics_->set_certificates(*tls_->context());

  metrics::ExposerSettings settings;
  settings.path = config_.prometheus_path;
  settings.addresses = metrics_endpoints(config_);
  auto exposer = metrics::Exposer::start(settings, [this] { return metrics_->page().to_text(); });
  if (!exposer) return unexpected(exposer.error());
  exposer_ = std::move(*exposer);
  for (const Endpoint& endpoint : settings.addresses) {
    log_info("metrics_served", {{"address", endpoint.to_string()}, {"path", settings.path}});
  }
  return {};
}

Supervisor::~Supervisor() {
  exposer_.reset();
  // The workers first: they ask the auth service, which may go on answering into the mailboxes of
  // workers that have stopped.
  for (size_t i = 0; i < threads_.size(); ++i) {
    // A mailbox that is full has a worker that empties it.
    while (!workers_[i]->post(Stop{})) std::this_thread::yield();
  }
  for (std::thread& thread : threads_) thread.join();
  auth_service_.reset();
}

void Supervisor::run() {
  watch_addresses();
  follow_external_address();
  watches_.push_back(loop_.every(seconds(1), [this] { on_tick(); }));
  if (alternates_) alternates_->start();
  while (!stopping_) loop_.run_turn(net::EventLoop::kForever);
  watches_.clear();
  external_address_.reset();
  log_info("stopping", {{"allocations", allocations()}});
}

void Supervisor::watch_signals() {
  for (const int signal : {SIGTERM, SIGINT}) {
    watches_.push_back(loop_.on_signal(signal, [this] { stopping_ = true; }));
  }
  watches_.push_back(loop_.on_signal(SIGHUP, [this] {
    reopen_log();
    log_info("log_reopened");
    reload_certificates();
  }));
  watches_.push_back(loop_.on_signal(SIGUSR1, [this] { drain(); }));
  watches_.push_back(loop_.on_signal(SIGUSR2, [this] { reload_certificates(); }));
}

void Supervisor::watch_addresses() {
  auto changes = net::AddressChanges::open();
  if (!changes) {
    log_warning("addresses_not_watched", {{"reason", changes.error().to_string()}});
    return;
  }
  address_changes_.emplace(std::move(*changes));
  watches_.push_back(loop_.watch(address_changes_->fd(), [this] {
    if (address_changes_->take()) on_addresses_changed();
  }));
}

void Supervisor::follow_external_address() {
  if (!config_.external_ip_auto) return;
  external_address_ = std::make_unique<ExternalAddress>(
      loop_,
      ExternalAddressSettings{.stun = config_.external_ip_stun,
                              .metadata = config_.external_ip_metadata,
                              .http = config_.external_ip_http,
                              .interval = seconds(config_.external_ip_interval_s)},
      [this](const std::optional<Ip>& ip) { on_external_address(ip); });
}

void Supervisor::on_external_address(const std::optional<Ip>& ip) {
  config_.external_ips.clear();
  // An address that is one of ours needs no other name.
  if (ip && host_->find(*ip) == nullptr) config_.external_ips.push_back({*ip, std::nullopt});
  if (!ip) {
    log_warning("external_ip_unknown",
                {{"reason", "nobody could tell the public address; clients are told local ones"}});
  }
  if (on_external_ips) on_external_ips(config_.external_ips);
  post_to_all([this] { return NewExternalIps{make_relay_settings(config_).external_ips}; });
  const auto settings = make_settings();
  post_to_all([&settings] { return NewSettings{settings}; });
  if (!draining_) post_to_all([] { return SetAdmission{turn::Admission::open}; });
}

void Supervisor::on_addresses_changed() {
  auto host = net::HostAddresses::read();
  if (!host) {
    log_warning("addresses_not_read", {{"reason", host.error().to_string()}});
    return;
  }
  host_ = std::make_shared<net::HostAddresses>(std::move(*host));
  const auto settings = make_settings();
  post_to_all([&settings] { return NewSettings{settings}; });
  post_to_all([this] { return NewHostAddresses{host_}; });
  log_info("addresses_changed", {{"addresses", host_->addresses.size()}});
  if (external_address_) external_address_->look();
}

void Supervisor::reload_certificates() {
  if (!tls_) return;
  if (const auto reloaded = tls_->reload(); !reloaded) {
    log_error("certificates_not_reloaded", {{"reason", reloaded.error()}});
    return;
  }
  publish_tls();
  log_info("certificates_reloaded", {{"count", tls_->context()->certificates().size()}});
}

void Supervisor::publish_tls() {
  post_to_all([this] { return NewTlsContext{tls_->context()}; });
  if (metrics_) metrics_->set_certificates(*tls_->context());
}

void Supervisor::on_tick() {
  const Instant now = net::monotonic_now();
  if (tls_) {
    switch (tls_->on_tick(now)) {
      case TlsKeeper::Due::nothing:
        break;
      case TlsKeeper::Due::reload:
        reload_certificates();
        break;
      case TlsKeeper::Due::new_keys:
        publish_tls();
        break;
    }
  }
  reservations_.expire(now);
  if (draining_ && allocations() == 0) {
    log_info("drained");
    stopping_ = true;
  }
}

void Supervisor::drain() {
  draining_ = true;
  if (metrics_) metrics_->set_draining();
  log_info("draining", {{"allocations", allocations()}});
  post_to_all([] { return SetAdmission{turn::Admission::closed}; });
}

template <typename Make>
void Supervisor::post_to_all(const Make& make) {
  for (const auto& worker : workers_) {
    if (!worker->post(WorkerMessage(make()))) log_error("worker_mailbox_full");
  }
}

uint64_t Supervisor::allocations() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->allocations();
  return sum;
}

}  // namespace turnpike::server
