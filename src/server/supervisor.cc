#include "server/supervisor.h"

#include <algorithm>
#include <csignal>

#include <malloc.h>

#include "base/log.h"
#include "net/clock.h"
#include "server/core_settings.h"
#include "server/discovery.h"
#include "server/own_servers.h"
#include "server/rest.h"
#include "server/setup.h"

namespace turnpike::server {
namespace {

// A worker that is silent for longer is stuck, and the service manager is to know.
constexpr seconds kWorkerSilence{10};

bool have_same_peer_rules(const auth::StoreState& a, const auth::StoreState& b) {
  return a.peer_rules == b.peer_rules &&
         std::equal(a.other_realms.begin(), a.other_realms.end(), b.other_realms.begin(),
                    b.other_realms.end(), [](const auto& one, const auto& other) {
                      return one.first == other.first &&
                             one.second.peer_rules == other.second.peer_rules;
                    });
}

}  // namespace

Supervisor::~Supervisor() {
  exposer_.reset();
  rest_.reset();
  // The workers first: they ask the auth service, which may go on answering into the mailboxes of
  // workers that have stopped.
  for (size_t i = 0; i < threads_.size(); ++i) {
    workers_[i]->post_in_any_case(Stop{});
  }
  for (std::thread& thread : threads_) thread.join();
  auth_service_.reset();
}

void Supervisor::run() {
  watch_addresses();
  follow_external_address();
  watches_.push_back(loop_.every(seconds(1), [this] { on_tick(); }));
  if (alternates_) alternates_->start();
  origin_.manager.ready("serving");
  while (!stopping_) loop_.run_turn(net::EventLoop::kForever);
  watches_.clear();
  external_address_.reset();
  desk_->close();
  origin_.manager.stopping();
  log_info("stopping", {{"allocations", allocations()}});
}

void Supervisor::watch_signals() {
  watches_.push_back(loop_.on_signal(SIGTERM, [this] {
    obey(shutdown_.on_terminate(net::monotonic_now(), seconds(config_.drain_timeout_s)));
  }));
  watches_.push_back(loop_.on_signal(SIGINT, [this] { stopping_ = true; }));
  watches_.push_back(loop_.on_signal(SIGHUP, [this] {
    reopen_log();
    log_info("log_reopened");
    if (origin_.load) {
      report(reload());
    } else {
      reload_certificates();
    }
  }));
  watches_.push_back(loop_.on_signal(
      SIGUSR1, [this] { obey(shutdown_.on_drain(net::monotonic_now(), std::nullopt)); }));
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
  locating_ = false;
  update_rest();
  post_to_all([this] { return NewExternalIps{make_relay_settings(config_).external_ips}; });
  mail_settings();
  if (!shutdown_.draining()) post_to_all([] { return SetAdmission{turn::Admission::open}; });
  // Readiness last, as it goes first where we drain.
  desk_->note_locating(false);
}

void Supervisor::on_addresses_changed() {
  auto host = net::HostAddresses::read();
  if (!host) {
    log_warning("addresses_not_read", {{"reason", host.error().to_string()}});
    return;
  }
  host_ = std::make_shared<net::HostAddresses>(std::move(*host));
  mail_settings();
  post_to_all([this] { return NewHostAddresses{host_}; });
  update_rest();
  log_info("addresses_changed", {{"addresses", host_->addresses.size()}});
  if (external_address_) external_address_->look();
}

std::shared_ptr<const turn::Settings> Supervisor::make_settings() const {
  // Its addresses are those that clients see, which may have changed.
  return make_core_settings(config_, *store_state_, *host_,
                            make_discovery(config_, udp_addresses_));
}

std::shared_ptr<const webrtc::RestSettings> Supervisor::rest_settings() const {
  std::string closed;
  if (locating_) closed = "the server does not know its public address yet";
  if (shutdown_.draining()) closed = "the server is draining";
  return make_rest_settings(config_, *host_, tls_ ? tls_->context().get() : nullptr,
                            std::move(closed));
}

void Supervisor::update_rest() {
  if (rest_) rest_->use(rest_settings());
}

void Supervisor::mail_settings() {
  const auto settings = make_settings();
  post_to_all([&settings] { return NewSettings{settings}; });
  if (alternates_) alternates_->use_own(own_servers(config_, endpoints_, ips_of(*host_)));
}

void Supervisor::on_mail() {
  mailbox_.take_all(letters_);
  for (MainMessage& letter : letters_) {
    if (auto* news = std::get_if<NewStoreState>(&letter)) {
      const bool same = have_same_peer_rules(*news->state, *store_state_);
      store_state_ = std::move(news->state);
      if (!same) mail_settings();
    } else {
      on_question(std::get<MainQuestion>(letter));
    }
  }
  letters_.clear();
}

void Supervisor::on_question(const MainQuestion& question) {
  if (const auto* asked = std::get_if<ReloadQuestion>(&question)) {
    ReloadReport done = reload();
    report(done);
    desk_->put({asked->question, std::move(done)});
  } else if (const auto* drain = std::get_if<DrainQuestion>(&question)) {
    obey(shutdown_.on_drain(net::monotonic_now(), drain->within));
    desk_->put({drain->question, Done{}});
  } else {
    desk_->put({std::get<SyncQuestion>(question).question, Done{}});
  }
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
  // The workers go on meanwhile, but for one that needs memory just then.
  if (memory_return_.is_due(now, allocations() + connections())) ::malloc_trim(0);
  obey(shutdown_.look(now, allocations(), config_.drain_min_allocations));
  tell_manager();
}

void Supervisor::obey(Shutdown::Verdict verdict) {
  switch (verdict) {
    case Shutdown::Verdict::nothing_new:
      // A second order may have brought a deadline.
      if (shutdown_.draining()) desk_->note_draining(shutdown_.deadline());
      return;
    case Shutdown::Verdict::begin_drain:
      // Readiness first: whoever balances the load must have looked away before we refuse.
      desk_->note_draining(shutdown_.deadline());
      if (metrics_) metrics_->set_draining();
      update_rest();
      log_info("draining", {{"allocations", allocations()}});
      post_to_all([] { return SetAdmission{turn::Admission::closed}; });
      return;
    case Shutdown::Verdict::stop:
      if (shutdown_.draining()) log_info("drained", {{"allocations", allocations()}});
      stopping_ = true;
      return;
  }
}

void Supervisor::tell_manager() {
  const net::ServiceManager& manager = origin_.manager;
  if (shutdown_.draining()) {
    manager.status("draining: " + std::to_string(allocations()) + " sessions left");
    manager.extend_timeout(kWorkerSilence);
  }
  if (!manager.watchdog()) return;
  const Instant now = net::monotonic_now();
  for (const auto& worker : workers_) {
    if (now - worker->last_tick() <= kWorkerSilence) continue;
    log_error("worker_silent",
              {{"seconds", std::chrono::floor<seconds>(now - worker->last_tick()).count()}});
    return;
  }
  manager.alive();
}

uint64_t Supervisor::connections() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->connections();
  return sum;
}

uint64_t Supervisor::allocations() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->allocations();
  return sum;
}

}  // namespace turnpike::server
