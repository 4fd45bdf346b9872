// The datagrams that a probe sends through a relay: recognisable, numbered, and checked to the last
// byte when they arrive.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace turnpike::cli {

using Payload = std::vector<uint8_t>;

constexpr size_t kMinPayloadSize = 20;

// Payload `number` of the run `run`. Requires size >= kMinPayloadSize.
Payload probe_payload(uint64_t run, uint32_t number, size_t size);

// The number in a payload or an echo of that run, whatever the rest of it says.
std::optional<uint32_t> payload_number(uint64_t run, ByteView bytes);

// What an echo answers to a payload; nothing for anything else. It is as long as the payload, so
// an echo can't be used to amplify, and it isn't a payload itself, so that two echoes can't be set
// on each other.
std::optional<Payload> echo_of(ByteView payload);

}  // namespace turnpike::cli
