// Reading, writing and signing STUN messages.
#include <benchmark/benchmark.h>

#include "stun/channel_data.h"
#include "stun/integrity.h"
#include "stun/message.h"
#include "support/messages.h"

namespace turnpike {
namespace {

using stun::AttributeType;
using stun::IntegrityKind;
using testing::Bytes;

Bytes allocate_request(IntegrityKind kind) {
  const testing::Credentials alice{.username = "alice",
                                   .realm = "turnpike",
                                   .nonce = "obMatJos2AAABnonce0123456789abcdef",
                                   .password = "secret",
                                   .kind = kind};
  return testing::make_request(stun::Method::allocate, alice, [](stun::MessageBuilder& builder) {
    builder.add_u32(AttributeType::requested_transport, 17U << 24);
  });
}

void parse_binding(benchmark::State& state) {
  const Bytes bytes = testing::make_request(stun::Method::binding);
  for (auto _ : state) benchmark::DoNotOptimize(stun::MessageView::parse(bytes));
}
BENCHMARK(parse_binding);

void parse_allocate(benchmark::State& state) {
  const Bytes bytes = allocate_request(IntegrityKind::sha1);
  for (auto _ : state) benchmark::DoNotOptimize(stun::MessageView::parse(bytes));
}
BENCHMARK(parse_allocate);

void verify(benchmark::State& state, IntegrityKind kind) {
  const Bytes bytes = allocate_request(kind);
  const auto message = stun::MessageView::parse(bytes).value();
  const auto md5_key = stun::long_term_key_md5("alice", "turnpike", "secret");
  const auto sha256_key = stun::long_term_key_sha256("alice", "turnpike", "secret");
  const ByteView key = kind == IntegrityKind::sha1 ? ByteView(md5_key) : ByteView(sha256_key);
  for (auto _ : state) benchmark::DoNotOptimize(stun::verify_integrity(message, kind, key));
}
BENCHMARK_CAPTURE(verify, sha1, IntegrityKind::sha1);
BENCHMARK_CAPTURE(verify, sha256, IntegrityKind::sha256);

void parse_channel_data(benchmark::State& state) {
  const auto header = stun::channel_header(0x4000, 1000);
  Bytes bytes(header.begin(), header.end());
  bytes.resize(header.size() + 1000, 0x55);
  for (auto _ : state) benchmark::DoNotOptimize(stun::parse_channel_data(bytes));
}
BENCHMARK(parse_channel_data);

}  // namespace
}  // namespace turnpike
