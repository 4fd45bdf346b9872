// What a client session tells its owner.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/endpoint.h"
#include "base/time.h"
#include "stun/attributes.h"
#include "stun/types.h"

namespace turnpike::client {

// Names one call of the owner in the events that answer it. Unique within a session.
enum class RequestId : uint32_t {
  automatic = 0,  // A refresh that the session did by itself.
};

enum class FailureKind : uint8_t {
  rejected,               // The server said no, with the code.
  timed_out,              // No answer.
  not_authenticated,      // Only answers that our key does not vouch for; `code` is their last one.
  wrong_credentials,      // 401 to a request that carried credentials.
  no_credentials,         // 401, and the session was given none.
  downgrade,              // The challenge contradicts its own nonce (RFC 8489 section 9.2.5).
  algorithm_not_offered,  // Not the password algorithm that the settings insist on.
  malformed,              // An answer that the RFC does not allow.
  expired,                // The allocation's lifetime ran out.
};

// What became of one request. `took` runs from the first sending of the last attempt.
struct BindingAnswered {
  RequestId request;
  Duration took;
  Endpoint mapped;
};

struct AddressError {
  uint8_t family;  // stun::AddressFamily, or a number that we do not know.
  uint16_t code;
};

struct Allocated {
  RequestId request;
  Duration took;
  Endpoint relayed;
  std::optional<Endpoint> additional_relayed = {};    // RFC 8656 section 7.1: the second family.
  std::optional<AddressError> additional_error = {};  // Why there is none.
  Endpoint mapped;
  Duration lifetime;
  std::optional<uint64_t> reservation_token = {};
};

struct Refreshed {
  RequestId request;
  Duration took;
  Duration lifetime;
};

struct Released {
  RequestId request;
  Duration took;
};

struct PermissionsCreated {
  RequestId request;
  Duration took;
};

struct ChannelBound {
  RequestId request;
  Duration took;
  uint16_t number;
  Endpoint peer;
};

struct RequestFailed {
  RequestId request;
  Duration took;
  stun::Method method;
  FailureKind kind;
  uint16_t code;                           // ERROR-CODE; 0: none.
  std::optional<Endpoint> alternate = {};  // With 300: ALTERNATE-SERVER.

  [[nodiscard]] bool is(stun::ErrorCode error) const {
    return code == static_cast<uint16_t>(error);
  }
};

// What a peer sent. `payload` lies in the packet that the session was given.
struct PeerDataView {
  Endpoint peer;
  uint16_t channel;  // 0: it came as a Data indication.
  ByteView payload;
};

// RFC 8656 section 11.5.
struct PeerUnreachable {
  Endpoint peer;
  stun::IcmpValue icmp;
};

// What the session could not keep alive by itself, or what ended on its own.
struct AllocationLost {
  FailureKind kind;
  uint16_t code;
};

struct PermissionLost {
  Ip peer;
  FailureKind kind;
  uint16_t code;
};

struct ChannelLost {
  uint16_t number;
  Endpoint peer;
  FailureKind kind;
  uint16_t code;
};

using Event = std::variant<BindingAnswered, Allocated, Refreshed, Released, PermissionsCreated,
                           ChannelBound, RequestFailed, PeerDataView, PeerUnreachable,
                           AllocationLost, PermissionLost, ChannelLost>;

}  // namespace turnpike::client
