#include "server/event_log.h"

#include <array>

#include "base/log.h"
#include "base/random.h"
#include "base/source_log_gate.h"

namespace turnpike::server {
namespace {

struct MinuteGate : LogGate {
  MinuteGate() : LogGate(seconds(60)) {}
};
// For each source enough for fail2ban, in all too little to fill a disk.
constexpr milliseconds kCredentialsPeriod{20};
constexpr uint32_t kMostCredentialsPerSecond = 200;
constexpr milliseconds kRefusedPeriod{100};

std::string joined(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (const Endpoint& endpoint : endpoints) {
    if (!text.empty()) text += ',';
    text += endpoint.to_string();
  }
  return text;
}

}  // namespace

void log_event(const turn::AllocationOpened& event) {
  log_info("allocation_opened", {{"client", event.tuple.client},
                                 {"transport", to_string(event.tuple.transport)},
                                 {"realm", event.realm},
                                 {"user", event.user},
                                 {"relayed", joined(event.relayed)}});
}

void log_event(const turn::AllocationClosed& event) {
  log_info("allocation_closed",
           {{"client", event.tuple.client},
            {"transport", to_string(event.tuple.transport)},
            {"realm", event.realm},
            {"user", event.user},
            {"reason", turn::to_string(event.reason)},
            {"lasted_ms", std::chrono::duration_cast<milliseconds>(event.lasted).count()},
            {"from_client_packets", event.from_client.packets},
            {"from_client_bytes", event.from_client.bytes},
            {"to_client_packets", event.to_client.packets},
            {"to_client_bytes", event.to_client.bytes}});
}

void log_event(const turn::AllocationMoved& event) {
  log_info("allocation_moved", {{"client", event.from.client},
                                {"transport", to_string(event.from.transport)},
                                {"to", event.to.client},
                                {"to_transport", to_string(event.to.transport)},
                                {"user", event.user}});
}

void log_event(const turn::CredentialsRefused& event, Instant now) {
  static SourceLogGate gate{RandomSource().hash_key(), kCredentialsPeriod,
                            kMostCredentialsPerSecond};
  const int64_t held_back = gate.pass(event.tuple.client.ip, now);
  if (held_back < 0) return;
  log_warning("credentials_refused", {{"client", event.tuple.client},
                                      {"transport", to_string(event.tuple.transport)},
                                      {"realm", event.realm},
                                      {"user", event.user},
                                      {"reason", auth::to_string(event.fault)},
                                      {"suppressed", held_back}});
}

void log_event(const turn::RequestRefused& event, Instant now) {
  static LogGate gate{kRefusedPeriod};
  const int64_t held_back = gate.pass(now);
  if (held_back < 0) return;
  log_info("request_refused", {{"client", event.tuple.client},
                               {"user", event.user},
                               {"method", stun::name(event.method)},
                               {"code", static_cast<int>(event.code)},
                               {"reason", stun::reason(event.code)},
                               {"suppressed", held_back}});
}

void log_event(const turn::PeerRefused& event, Instant now) {
  static std::array<MinuteGate, turn::kPeerReasons> gates;
  const int64_t held_back = gates.at(static_cast<size_t>(event.reason)).pass(now);
  if (held_back < 0) return;
  log_warning("peer_refused", {{"client", event.tuple.client},
                               {"user", event.user},
                               {"peer", event.peer},
                               {"reason", turn::to_string(event.reason)},
                               {"allowed_by", turn::option_that_allows(event.reason)},
                               {"suppressed", held_back}});
}

}  // namespace turnpike::server
