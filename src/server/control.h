// What the admin interface may ask of a running server. Everything is a value: no question reaches
// into a worker; it is mailed there, and the answers are gathered.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/five_tuple.h"
#include "base/ip_range.h"
#include "base/result.h"
#include "base/time.h"
#include "config/load.h"

namespace turnpike::server {

// Names one allocation for as long as the process runs; written "worker-index-generation".
struct SessionId {
  uint32_t worker = 0;
  uint32_t index = 0;
  uint32_t generation = 0;

  [[nodiscard]] std::string to_string() const;
  static std::optional<SessionId> parse(std::string_view text);

  friend auto operator<=>(const SessionId&, const SessionId&) = default;
};

// What was relayed; rates are per second since the last look, `over` long.
struct SessionTraffic {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  double packets_per_s = 0;
  double bytes_per_s = 0;
};

struct SessionPermission {
  Ip peer;
  seconds expires_in{0};
};

struct SessionChannel {
  uint16_t number = 0;
  Endpoint peer;
  seconds expires_in{0};
  std::optional<seconds> idle;  // Absent: nothing has gone through it yet.
};

struct SessionInfo {
  SessionId id;
  FiveTuple tuple;
  std::vector<Endpoint> relayed;  // As clients and peers know them.
  std::string user;
  std::string realm;
  seconds age{0};
  seconds expires_in{0};
  SessionTraffic from_client;
  SessionTraffic to_client;
  milliseconds rates_over{0};
  std::vector<SessionPermission> permissions;
  std::vector<SessionChannel> channels;
};

// Every part that is given must fit; without any, all sessions do.
struct SessionFilter {
  std::string user;  // Also the name within a time-limited one.
  std::string realm;
  std::optional<IpRange> client;
  std::optional<SessionId> id;
};

struct SessionQuery {
  SessionFilter filter;
  std::optional<SessionId> after;  // The last one of the page before.
  size_t limit = 100;
};

struct SessionPage {
  std::vector<SessionInfo> sessions;  // In the order of their ids.
  uint64_t matching = 0;              // On all pages.
  bool more = false;
};

// A request that was refused, or a peer address.
struct Refusal {
  WallTime at;
  FiveTuple tuple;
  std::string user;
  std::string what;    // "Allocate", "peer", "credentials".
  uint16_t code = 0;   // 0: none was sent.
  std::string reason;  // In words.
};

struct WorkerStatus {
  uint64_t sessions = 0;
  seconds silent{0};  // Since it last turned its loop's clock.
};

struct ServerStatus {
  std::string realm;
  seconds uptime{0};
  bool draining = false;
  bool locating = false;              // external-ip=auto, and nobody has been told an address yet.
  std::optional<seconds> drain_left;  // Absent: no deadline.
  uint64_t sessions = 0;
  uint64_t sessions_opened = 0;
  uint64_t sessions_closed = 0;
  uint64_t bytes_from_clients = 0;
  uint64_t bytes_to_clients = 0;
  uint64_t credentials_refused = 0;
  uint64_t quota_refusals = 0;
  uint64_t capacity_refusals = 0;
  std::vector<Endpoint> listening;
  std::vector<WorkerStatus> workers;
  std::vector<std::string> needs_restart;  // Options that a reload could not change.
  std::optional<WallTime> reloaded_at;
};

struct ReloadReport {
  bool done = false;
  std::vector<std::string> errors;         // Not done: why. The old configuration is in force.
  std::vector<std::string> warnings;       // Done all the same.
  std::vector<std::string> changed;        // Options that count from now on.
  std::vector<std::string> needs_restart;  // Options whose new value counts from the next start.
};

// What was read when the configuration in force was loaded.
struct Configuration {
  config::Config config;
  config::AppliedValues applied;
  std::string file;
};

enum class ControlError : uint8_t {
  no_answer,  // A worker, or the main thread, did not answer in time.
  busy,       // Its mailbox is full.
};
std::string_view to_string(ControlError error);

// Calls may wait, a second or two at the worst. One thread at a time.
class Control {
 public:
  virtual ~Control() = default;

  virtual Result<SessionPage, ControlError> sessions(const SessionQuery& query) = 0;
  // How many were ended.
  virtual Result<uint64_t, ControlError> kill(const SessionFilter& filter) = 0;
  // The newest first.
  virtual Result<std::vector<Refusal>, ControlError> refusals(size_t limit) = 0;
  virtual Result<ReloadReport, ControlError> reload() = 0;
  // No new allocations; ends when there are none left, or when the time is over.
  virtual Result<void, ControlError> drain(std::optional<seconds> within) = 0;
  // The users have been changed: returns when that counts, or after a second.
  virtual void users_changed() = 0;

  virtual ServerStatus status() = 0;
  virtual std::shared_ptr<const Configuration> configuration() = 0;
};

}  // namespace turnpike::server
