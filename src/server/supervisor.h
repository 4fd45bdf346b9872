// The main thread of a server: binds, starts the workers and the auth thread, takes signals, and
// stops everything again in the right order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "auth/quota.h"
#include "auth/store/auth_service.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "config/config.h"
#include "config/load.h"
#include "metrics/exposer.h"
#include "net/event_loop.h"
#include "net/inherited_sockets.h"
#include "net/interfaces.h"
#include "net/service_manager.h"
#include "relay/reservations.h"
#include "server/alternates.h"
#include "server/control_desk.h"
#include "server/external_address.h"
#include "server/listeners.h"
#include "server/memory_return.h"
#include "server/metrics_source.h"
#include "server/shutdown.h"
#include "server/tls_keeper.h"
#include "server/worker.h"
#include "turn/relay_directory.h"
#include "webrtc/rest_server.h"

namespace turnpike::server {

class Supervisor {
 public:
  // Where the configuration came from, and what the world around the process is.
  struct Origin {
    config::AppliedValues applied = {};
    std::string file = {};
    std::function<config::LoadResult()> load = {};  // Empty: it can't be loaded anew.
    std::vector<net::InheritedSocket> sockets = {};
    net::ServiceManager manager = {};
  };

  // Binds and prepares all that can fail. The error has a line for each thing that did.
  static Result<std::unique_ptr<Supervisor>, std::string> start(config::Config config,
                                                                Origin origin);
  static Result<std::unique_ptr<Supervisor>, std::string> start(config::Config config) {
    return start(std::move(config), Origin());
  }
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Serves until a signal ends it, or until stop().
  void run();

  // external-ip=auto: called by run() whenever the external addresses are others. Set before run().
  std::function<void(const std::vector<config::ExternalIp>&)> on_external_ips;

  // Any thread.
  void stop() { stop_bell_.ring(); }
  [[nodiscard]] const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  // For one other thread, which must be done with it before this goes away.
  [[nodiscard]] Control& control() { return *desk_; }

 private:
  // What a reload needs besides the configuration: made first, so that nothing is half done.
  struct Prepared {
    std::shared_ptr<const net::TlsContext> tls;
    std::unique_ptr<auth::UserStore> users;
    std::unique_ptr<Alternates> alternates;  // nullptr: there are none, or the same as before.
  };

  // supervisor_start.cc: how it comes to be.
  Supervisor(config::Config config, Origin origin);
  Result<void, std::string> prepare();
  Result<Listeners, std::string> get_listeners(uint32_t workers);
  Result<void, std::string> make_workers(Listeners listeners);
  // nullptr: there is none.
  Result<std::unique_ptr<Alternates>, std::string> make_alternates(
      const std::vector<AlternateServer>& servers);
  Result<void, std::string> prepare_alternates();
  void make_desk();
  Result<void, std::string> drop_rights() const;
  void make_auth_service();
  void start_threads();
  Result<void, std::string> start_rest();
  Result<void, std::string> start_metrics();

  // supervisor.cc: how it runs.
  [[nodiscard]] std::shared_ptr<const turn::Settings> make_settings() const;
  [[nodiscard]] std::shared_ptr<const webrtc::RestSettings> rest_settings() const;
  // The REST API sees what changed of all that it tells.
  void update_rest();
  void watch_signals();
  void watch_addresses();
  void on_addresses_changed();
  // external-ip=auto. Allocations wait for the first call.
  void follow_external_address();
  void on_external_address(const std::optional<Ip>& ip);
  // Certificates anew, for connections to come; the old ones stay when the new ones are no good.
  void reload_certificates();
  // The context that the keeper has now is for connections to come.
  void publish_tls();
  void announce_certificates();

  // supervisor_reload.cc: all of a new configuration, or nothing.
  ReloadReport reload();
  Result<Prepared, std::string> prepare_reload(const config::LoadResult& loaded);
  void use_configuration(config::LoadResult loaded, Prepared prepared);
  void use_alternates(std::unique_ptr<Alternates> alternates);
  void report(const ReloadReport& report);
  void mail_settings();

  void on_mail();
  void on_question(const MainQuestion& question);
  void on_tick();
  void obey(Shutdown::Verdict verdict);
  void tell_manager();
  // The same letter to every worker.
  template <typename Make>
  void post_to_all(const Make& make) {
    for (const auto& worker : workers_) worker->post_in_any_case(WorkerMessage(make()));
  }
  [[nodiscard]] uint64_t allocations() const;
  [[nodiscard]] uint64_t connections() const;  // TCP, TLS and DTLS.

  config::Config config_;
  Origin origin_;
  net::EventLoop loop_;
  std::shared_ptr<const net::HostAddresses> host_;
  std::vector<Endpoint> endpoints_;
  std::vector<Endpoint> proxied_endpoints_;
  std::vector<Endpoint> udp_addresses_;  // Of each worker's listening sockets, in their order.
  std::optional<TlsKeeper> tls_;         // Absent: neither TLS nor DTLS.

  // Shared by the workers, so older than they are.
  turn::RelayDirectory directory_;
  relay::Reservations reservations_;
  auth::QuotaLedger quota_;
  turn::ReplyBuckets error_replies_;
  turn::ReplyBuckets binding_replies_;
  SourceCounts stream_sources_;
  SourceCounts dtls_sources_;
  std::optional<turn::ReplyBuckets> connect_backs_;
  std::optional<turn::ReplyBuckets> redirected_replies_;  // Where RFC 5780 is served.
  turn::CapacityPool capacity_from_clients_;
  turn::CapacityPool capacity_to_clients_;
  std::unique_ptr<UserTraffic> user_traffic_;  // nullptr: not asked for.

  std::optional<net::Gathering> gathering_;  // Outlives the workers.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<ControlDesk> desk_;
  std::unique_ptr<auth::UserStore> user_store_;  // Until the auth service takes it.
  std::unique_ptr<auth::AuthService> auth_service_;
  std::vector<std::thread> threads_;
  std::unique_ptr<Alternates> alternates_;     // nullptr: none are configured.
  std::unique_ptr<webrtc::RestServer> rest_;   // nullptr: not asked for.
  std::unique_ptr<MetricsSource> metrics_;     // nullptr: no metrics are served.
  std::unique_ptr<metrics::Exposer> exposer_;  // Reads all of the above on a thread of its own.

  // What the auth thread says about the database's rules, and what operators ask.
  using MainMessage = std::variant<NewStoreState, MainQuestion>;
  net::Doorbell main_bell_;
  Mailbox<MainMessage> mailbox_;
  std::vector<MainMessage> letters_;  // Scratch of on_mail().
  std::shared_ptr<const auth::StoreState> store_state_;

  net::Doorbell stop_bell_;
  std::optional<net::AddressChanges> address_changes_;
  std::vector<net::Watch> watches_;
  std::unique_ptr<ExternalAddress> external_address_;
  bool locating_ = false;  // external-ip=auto has not told anything yet.
  bool stopping_ = false;
  Shutdown shutdown_;
  MemoryReturn memory_return_;
};

}  // namespace turnpike::server
