// How a server comes to be: all that can fail is done here, before anybody is answered.
#include <algorithm>

#include "base/log.h"
#include "net/clock.h"
#include "server/cpu_count.h"
#include "server/own_servers.h"
#include "server/privileges.h"
#include "server/setup.h"
#include "server/supervisor.h"
#include "server/users.h"
#include "turnpike/version.h"

namespace turnpike::server {
namespace {

std::vector<Endpoint> udp_addresses(const WorkerListeners& listeners) {
  std::vector<Endpoint> addresses;
  for (const net::UdpSocket& socket : listeners.udp) addresses.push_back(socket.local());
  return addresses;
}

// Operators ask one question at a time; the rest is news of the user store.
constexpr size_t kMainMailboxCapacity = 64;

turn::KeyTicket to_ticket(uint64_t number) {
  return {static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32)};
}

std::string why_not_gathered(const net::SysError& error) {
  return "gather-peers: " + error.to_string() +
         " (it needs Linux 5.11, CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW and the system call bpf; "
         "before "
         "Linux 5.19 CAP_BPF for as long as the server runs)";
}

bool is_for_clients(const net::InheritedSocket& socket) {
  return socket.kind == net::InheritedKind::udp || socket.kind == net::InheritedKind::tcp_listener;
}

}  // namespace

Supervisor::Supervisor(config::Config config, Origin origin)
    : config_(std::move(config)),
      origin_(std::move(origin)),
      error_replies_(RandomSource().hash_key()),
      binding_replies_(RandomSource().hash_key()),
      stream_sources_(RandomSource().hash_key()),
      dtls_sources_(RandomSource().hash_key()),
      capacity_from_clients_(config_.bps_capacity_bytes_per_s, net::monotonic_now()),
      capacity_to_clients_(config_.bps_capacity_bytes_per_s, net::monotonic_now()),
      mailbox_(kMainMailboxCapacity, [this] { main_bell_.ring(); }),
      store_state_(std::make_shared<const auth::StoreState>()) {}

Result<std::unique_ptr<Supervisor>, std::string> Supervisor::start(config::Config config,
                                                                   Origin origin) {
  std::unique_ptr<Supervisor> supervisor(new Supervisor(std::move(config), std::move(origin)));
  if (auto prepared = supervisor->prepare(); !prepared) return unexpected(prepared.error());
  if (auto dropped = supervisor->drop_rights(); !dropped) return unexpected(dropped.error());
  // Before anybody is answered: who has seen an answer may send a signal.
  supervisor->watch_signals();
  supervisor->start_threads();
  if (auto started = supervisor->start_rest(); !started) return unexpected(started.error());
  if (auto started = supervisor->start_metrics(); !started) return unexpected(started.error());
  return supervisor;
}

Result<void, std::string> Supervisor::prepare() {
  // Before the users of the configuration, whose keys it is part of.
  config_.realm = choose_realm(config_);
  auto store = make_user_store(config_);
  if (!store) return unexpected(store.error());
  user_store_ = std::move(*store);

  auto host = net::HostAddresses::read();
  if (!host) return unexpected(host.error().to_string());
  host_ = std::make_shared<net::HostAddresses>(std::move(*host));

  if (serves_tls(config_)) {
    auto tls = TlsKeeper::make(make_tls_settings(config_), net::monotonic_now());
    if (!tls) return unexpected(tls.error());
    tls_.emplace(std::move(*tls));
  }

  auto bell = loop_.make_doorbell([this] { stopping_ = true; });
  auto main_bell = loop_.make_doorbell([this] { on_mail(); });
  if (!bell || !main_bell) return unexpected(std::string("out of file descriptors"));
  stop_bell_ = std::move(*bell);
  main_bell_ = std::move(*main_bell);

  const uint32_t workers =
      std::min(config_.relay_threads == 0 ? usable_cpus() : config_.relay_threads,
               turn::RelayDirectory::kMaxWorkers);
  auto listeners = get_listeners(workers);
  if (!listeners) return unexpected(listeners.error());
  endpoints_ = listeners->endpoints;
  proxied_endpoints_ = listeners->proxied_endpoints;
  udp_addresses_ = udp_addresses(listeners->of_worker.front());
  warn_of_busy_poll(config_, listeners->of_worker.front());
  warn_of_relay_ips(config_);
  if (config_.rfc5780) redirected_replies_.emplace(RandomSource().hash_key());
  connect_backs_.emplace(RandomSource().hash_key());
  if (auto made = make_workers(std::move(*listeners)); !made) return made;
  make_desk();
  if (config_.external_ip_auto) {
    // Until the address is known an Allocate would be told a wrong one.
    post_to_all([] { return SetAdmission{turn::Admission::closed}; });
    locating_ = true;
    desk_->note_locating(true);
  }
  return prepare_alternates();
}

Result<Listeners, std::string> Supervisor::get_listeners(uint32_t workers) {
  const bool inherited =
      std::any_of(origin_.sockets.begin(), origin_.sockets.end(), is_for_clients);
  auto listeners = inherited ? adopt_listeners(config_, workers, std::move(origin_.sockets))
                             : bind_listeners(config_, workers);
  if (listeners) return std::move(*listeners);
  std::string text;
  for (const net::SysError& error : listeners.error()) {
    text += (text.empty() ? "" : "\n") + error.to_string();
  }
  return unexpected(text);
}

Result<void, std::string> Supervisor::make_workers(Listeners listeners) {
  if (config_.gather_peers) {
    auto gathering = net::Gathering::start();
    if (!gathering) return unexpected(why_not_gathered(gathering.error()));
    gathering_ = std::move(*gathering);
  }
  const auto workers = static_cast<uint32_t>(listeners.of_worker.size());
  const auto settings = make_settings();
  const auth::NonceKey nonce_key = make_nonce_key(config_);
  const auth::MobilityKey mobility_key = RandomSource().bytes<64>();
  const WorkerLinks links = {
      [this](uint32_t worker, WorkerMessage&& message) {
        return worker < workers_.size() && workers_[worker]->post(std::move(message));
      },
      [this](auth::LookupRequest&& question) { return auth_service_->submit(std::move(question)); },
      [this](Answer&& answer) { desk_->put(std::move(answer)); }};
  if (config_.prometheus && config_.prometheus_username_labels) {
    user_traffic_ = std::make_unique<UserTraffic>(workers, UserTraffic::By::realm_and_user);
  } else if (config_.prometheus && config_.prometheus_coturn_names) {
    user_traffic_ = std::make_unique<UserTraffic>(workers, UserTraffic::By::realm);
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
    setup.udp_listeners = std::move(listeners.of_worker[i].udp);
    setup.tcp_listeners = std::move(listeners.of_worker[i].tcp);
    setup.proxied_listeners = std::move(listeners.of_worker[i].proxied);
    setup.proxy_limits.sources = config_.proxy_sources;
    setup.tls = tls_ ? tls_->context() : nullptr;
    setup.wake_up_pause = std::chrono::microseconds(config_.wake_up_moderation_us);
    setup.stream_limits = make_stream_limits(config_);
    setup.dtls_limits = make_dtls_limits(config_);
    setup.stream_sources = &stream_sources_;
    setup.dtls_sources = &dtls_sources_;
    setup.directory = &directory_;
    setup.reservations = &reservations_;
    setup.quota = &quota_;
    setup.error_replies = &error_replies_;
    setup.binding_replies = &binding_replies_;
    setup.connect_backs = connect_backs_ ? &*connect_backs_ : nullptr;
    setup.redirected_replies = redirected_replies_ ? &*redirected_replies_ : nullptr;
    setup.capacity_from_clients = &capacity_from_clients_;
    setup.capacity_to_clients = &capacity_to_clients_;
    setup.user_traffic = user_traffic_.get();
    setup.links = links;
    if (gathering_) {
      auto gathered = gather_peers(*gathering_, i, config_);
      if (!gathered) return unexpected(why_not_gathered(gathered.error()));
      setup.gathered = std::move(*gathered);
    }
    workers_.push_back(std::make_unique<Worker>(std::move(setup)));
  }
  return {};
}

Result<std::unique_ptr<Alternates>, std::string> Supervisor::make_alternates(
    const std::vector<AlternateServer>& servers) {
  if (servers.empty()) return std::unique_ptr<Alternates>();
  return Alternates::make(servers, loop_, [this](const AlternateHealth& health) {
    const auto list = std::make_shared<const std::vector<AlternateServer>>(health.healthy());
    post_to_all([&] { return NewAlternates{list, health.own()}; });
  });
}

Result<void, std::string> Supervisor::prepare_alternates() {
  auto alternates = make_alternates(config_.alternate_servers);
  if (!alternates) return unexpected(alternates.error());
  alternates_ = std::move(*alternates);
  if (alternates_) alternates_->use_own(own_servers(config_, endpoints_, ips_of(*host_)));
  return {};
}

void Supervisor::make_desk() {
  desk_ = std::make_unique<ControlDesk>(
      workers_,
      ControlDesk::Links{
          [this](MainQuestion&& question) { return mailbox_.send(MainMessage(question)); },
          [this] { static_cast<void>(auth_service_->look_now(seconds(1))); }},
      net::monotonic_now());
  desk_->set_configuration({config_, std::move(origin_.applied), origin_.file}, endpoints_);
}

Result<void, std::string> Supervisor::drop_rights() const {
  if (config_.proc_user.empty()) return {};
  const auto account = find_account(config_.proc_user, config_.proc_group);
  if (!account) return unexpected(account.error());
  if (auto became = become(*account); !became) return became;
  const int error = gathering_ ? gathering_->try_map() : 0;
  if (error == 0) return {};
  return unexpected(
      why_not_gathered({.code = error, .what = "change the BPF map as " + account->name}));
}

void Supervisor::make_auth_service() {
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
        mailbox_.send_in_any_case(NewStoreState{state});
      });
}

void Supervisor::start_threads() {
  make_auth_service();
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
  setup.traffic = user_traffic_.get();
  setup.rest = rest_ ? &rest_->counters() : nullptr;
  setup.limits = make_metrics_limits(config_);
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

Result<void, std::string> Supervisor::start_rest() {
  if (config_.rest_listen.empty()) return {};
  auto rest = webrtc::RestServer::start(config_.rest_listen, rest_settings());
  if (!rest) return unexpected(rest.error());
  rest_ = std::move(*rest);
  for (const Endpoint& endpoint : config_.rest_listen) {
    log_info("credentials_served", {{"address", endpoint.to_string()}, {"path", "/turn"}});
  }
  return {};
}

}  // namespace turnpike::server
