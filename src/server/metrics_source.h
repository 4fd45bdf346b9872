// What this server tells Prometheus. It reads what others count and writes nothing itself: counters
// have one writer and may be read by any thread, so a scrape takes no worker's time.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "auth/quota.h"
#include "auth/store/auth_service.h"
#include "metrics/page.h"
#include "net/io_counters.h"
#include "net/tls_context.h"
#include "relay/reservations.h"
#include "server/client_counters.h"
#include "server/user_traffic.h"
#include "server/worker_stats.h"
#include "turn/counters.h"
#include "turn/relay_directory.h"
#include "turn/reply_limiter.h"
#include "webrtc/rest_api.h"

namespace turnpike::server {

// One worker's counters.
struct WorkerView {
  const turn::Counters* turn = nullptr;
  const net::IoCounters* io = nullptr;
  const ClientCounters* clients = nullptr;
  const WorkerStats* stats = nullptr;
  std::function<size_t()> letters_waiting;
};

enum class CoturnNames : uint8_t { no, yes };

// What the configuration in force allows.
struct MetricsLimits {
  turn::ReplyLimit errors;
  uint32_t ports_per_address = 0;
  uint64_t total_quota = 0;  // 0: no limit.
};

// All of it outlives the source; what may be null is then not told.
struct MetricsSetup {
  std::vector<WorkerView> workers;
  const turn::RelayDirectory* directory = nullptr;
  const relay::Reservations* reservations = nullptr;
  const auth::AuthService::Counters* auth = nullptr;
  const turn::ReplyBuckets* error_replies = nullptr;
  const UserTraffic* traffic = nullptr;
  const webrtc::RestCounters* rest = nullptr;
  MetricsLimits limits = {};
  std::string realm;
  CoturnNames coturn_names = CoturnNames::no;

  [[nodiscard]] bool tells_users() const {
    return traffic != nullptr && traffic->by() == UserTraffic::By::realm_and_user;
  }
};

class MetricsSource {
 public:
  explicit MetricsSource(MetricsSetup setup) : setup_(std::move(setup)) {}

  // Any thread.
  [[nodiscard]] metrics::Page page() const;
  void set_draining() { draining_.store(true, std::memory_order_relaxed); }
  void set_certificates(const net::TlsContext& tls);
  void set_limits(const MetricsLimits& limits);

 private:
  struct Certificate {
    std::string name;
    int64_t expires_unix_s = 0;
  };

  void add_server(const MetricsSetup& setup, metrics::Page& page) const;

  std::atomic<bool> draining_{false};
  mutable std::mutex mutex_;
  MetricsSetup setup_;                     // Guarded by mutex_.
  std::vector<Certificate> certificates_;  // Guarded by mutex_.
};

// The parts of the page, of all workers together.
void add_protocol_metrics(const MetricsSetup& setup, metrics::Page& page);
void add_transport_metrics(const MetricsSetup& setup, metrics::Page& page);
void add_user_metrics(const MetricsSetup& setup, metrics::Page& page);
// Under coturn's names, with its labels.
void add_coturn_metrics(const MetricsSetup& setup, metrics::Page& page);

inline std::string name_of(Transport transport) {
  return std::string(to_string(transport));
}

// The sum over all workers of what `read` makes of each.
template <typename Read>
uint64_t sum_over(const std::vector<WorkerView>& workers, Read&& read) {
  uint64_t sum = 0;
  for (const WorkerView& worker : workers) sum += read(worker);
  return sum;
}
inline uint64_t sum_of(const std::vector<WorkerView>& workers, Counter turn::Counters::*member) {
  return sum_over(workers, [member](const WorkerView& w) { return (w.turn->*member).get(); });
}
inline uint64_t sum_of(const std::vector<WorkerView>& workers, Counter net::IoCounters::*member) {
  return sum_over(workers, [member](const WorkerView& w) { return (w.io->*member).get(); });
}
inline uint64_t sum_of(const std::vector<WorkerView>& workers, Counter ClientCounters::*member) {
  return sum_over(workers, [member](const WorkerView& w) { return (w.clients->*member).get(); });
}
inline uint64_t sum_of(const std::vector<WorkerView>& workers, Counter WorkerStats::*member) {
  return sum_over(workers, [member](const WorkerView& w) { return (w.stats->*member).get(); });
}
inline uint64_t sum_of(const std::vector<WorkerView>& workers, Gauge WorkerStats::*member) {
  return sum_over(workers, [member](const WorkerView& w) { return (w.stats->*member).get(); });
}
inline uint64_t sum_of(const std::vector<WorkerView>& workers,
                       turn::TransportTally turn::Breakdown::*member, Transport transport) {
  return sum_over(workers,
                  [=](const WorkerView& w) { return (w.turn->by.*member)[transport].get(); });
}
inline uint64_t sum_of(const std::vector<WorkerView>& workers,
                       turn::TransportTally ClientCounters::*member, Transport transport) {
  return sum_over(workers,
                  [=](const WorkerView& w) { return (w.clients->*member)[transport].get(); });
}
// Sessions alive over that transport. What was closed is read first: what was opened before it has
// then been counted, so the difference is never below zero.
inline uint64_t live_allocations(const turn::Counters& counters, Transport transport) {
  const uint64_t closed = counters.by.allocations_closed[transport].get();
  const uint64_t opened = counters.by.allocations_opened[transport].get();
  return opened > closed ? opened - closed : 0;
}

}  // namespace turnpike::server
