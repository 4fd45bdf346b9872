// What the counters count, told apart by its kind: transport, method, error code, outcome, reason.
// Each kind is a fixed set, so there is a fixed number of counters whatever clients send.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/counter.h"
#include "base/five_tuple.h"
#include "stun/types.h"
#include "turn/peer_policy.h"

namespace turnpike::turn {

// What became of the credentials of a request that needs them.
enum class AuthOutcome : uint8_t {
  accepted,
  challenged,   // There were none yet: the first request of every client.
  stale_nonce,  // Asked to try again with a new nonce.
  wrong,        // Unknown user, wrong password or wrong realm: all of them look alike.
  expired,      // A time-limited name whose time is over.
  malformed,
  unavailable,  // The user store cannot answer.
};
constexpr size_t kAuthOutcomes = 7;

constexpr std::string_view to_string(AuthOutcome outcome) {
  constexpr std::array<std::string_view, kAuthOutcomes> kNames = {
      "accepted", "challenged", "stale_nonce", "wrong", "expired", "malformed", "unavailable"};
  return kNames.at(static_cast<size_t>(outcome));
}

// The error codes that we send, in the order of presentation.
inline constexpr auto kErrorCodes = std::to_array<stun::ErrorCode>({
    stun::ErrorCode::try_alternate,
    stun::ErrorCode::bad_request,
    stun::ErrorCode::unauthenticated,
    stun::ErrorCode::forbidden,
    stun::ErrorCode::mobility_forbidden,
    stun::ErrorCode::unknown_attribute,
    stun::ErrorCode::allocation_mismatch,
    stun::ErrorCode::stale_nonce,
    stun::ErrorCode::address_family_not_supported,
    stun::ErrorCode::wrong_credentials,
    stun::ErrorCode::unsupported_transport,
    stun::ErrorCode::peer_address_family_mismatch,
    stun::ErrorCode::connection_already_exists,
    stun::ErrorCode::connection_timeout_or_failure,
    stun::ErrorCode::allocation_quota_reached,
    stun::ErrorCode::server_error,
    stun::ErrorCode::insufficient_capacity,
});

// Methods that clients send requests with.
inline constexpr auto kMethods = std::to_array<stun::Method>({
    stun::Method::binding,
    stun::Method::allocate,
    stun::Method::refresh,
    stun::Method::create_permission,
    stun::Method::channel_bind,
    stun::Method::connect,
    stun::Method::connection_bind,
});

inline constexpr auto kTransports =
    std::to_array<Transport>({Transport::udp, Transport::tcp, Transport::tls, Transport::dtls});

// A counter for each element of `Set`, and one for whatever is not in it.
template <const auto& Set>
class TallyOf {
 public:
  void add(typename std::remove_cvref_t<decltype(Set)>::value_type kind) {
    const auto at = std::find(Set.begin(), Set.end(), kind);
    counters_[static_cast<size_t>(at - Set.begin())].add();
  }
  // Index Set.size() has the rest.
  [[nodiscard]] uint64_t get(size_t index) const { return counters_.at(index).get(); }

 private:
  std::array<Counter, std::tuple_size_v<std::remove_cvref_t<decltype(Set)>> + 1> counters_;
};

// A counter for each value of an enumeration that begins at 0.
template <typename Enum, size_t Count>
class Tally {
 public:
  Counter& operator[](Enum kind) { return counters_[static_cast<size_t>(kind)]; }
  const Counter& operator[](Enum kind) const { return counters_[static_cast<size_t>(kind)]; }

  [[nodiscard]] uint64_t total() const {
    uint64_t sum = 0;
    for (const Counter& counter : counters_) sum += counter.get();
    return sum;
  }

 private:
  std::array<Counter, Count> counters_;
};

using TransportTally = Tally<Transport, kTransports.size()>;

struct Breakdown {
  TransportTally client_packets;  // Packets and frames that came from clients.
  TransportTally client_bytes;
  TransportTally allocations_opened;
  TransportTally allocations_closed;
  TallyOf<kMethods> requests;
  TallyOf<kMethods> successes;
  TallyOf<kErrorCodes> errors;
  Tally<AuthOutcome, kAuthOutcomes> auth;
  Tally<PeerReason, kPeerReasons> peers_refused;
};

}  // namespace turnpike::turn
