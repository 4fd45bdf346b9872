#include "cli/probe_payload.h"

#include <algorithm>

#include "base/check.h"
#include "base/wire.h"

namespace turnpike::cli {
namespace {

constexpr std::string_view kQuestion = "tpprobe1";
constexpr std::string_view kEcho = "tpecho_1";
static_assert(kQuestion.size() == kEcho.size());
static_assert(kQuestion.size() + 8 + 4 == kMinPayloadSize);

}  // namespace

Payload probe_payload(uint64_t run, uint32_t number, size_t size) {
  CHECK(size >= kMinPayloadSize);
  Payload payload(size);
  WireWriter writer(payload);
  writer.bytes(as_bytes(kQuestion));
  writer.u64(run);
  writer.u32(number);
  // A filling that differs from payload to payload, so that mixed-up pieces are noticed.
  uint32_t state = static_cast<uint32_t>(run) ^ (number * 2654435761U);
  for (size_t i = kMinPayloadSize; i < size; ++i) {
    state = state * 1664525U + 1013904223U;
    payload[i] = static_cast<uint8_t>(state >> 24);
  }
  return payload;
}

std::optional<uint32_t> payload_number(uint64_t run, ByteView bytes) {
  WireReader reader(bytes);
  const std::string_view magic = as_text(reader.bytes(kQuestion.size()));
  const uint64_t its_run = reader.u64();
  const uint32_t number = reader.u32();
  if (!reader.ok() || its_run != run || (magic != kQuestion && magic != kEcho)) return {};
  return number;
}

std::optional<Payload> echo_of(ByteView payload) {
  if (payload.size() < kMinPayloadSize || !as_text(payload).starts_with(kQuestion)) return {};
  Payload echo(payload.begin(), payload.end());
  std::copy(kEcho.begin(), kEcho.end(), echo.begin());
  return echo;
}

}  // namespace turnpike::cli
