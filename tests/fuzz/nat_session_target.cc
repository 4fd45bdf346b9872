// A NAT test and a discovery whose network is the fuzzer: it chooses what is answered, from where,
// with which addresses, what is lost, and when. Both must end, in bounded time and traffic, and
// nothing may be called found without two servers' word.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "client/discover_session.h"
#include "client/nat_session.h"
#include "fuzz/byte_source.h"
#include "stun/builder.h"

namespace turnpike::client {
namespace {

using fuzz::ByteSource;
using stun::AttributeType;

Endpoint choose_endpoint(ByteSource& bytes) {
  // Few, so that the fuzzer meets the ones that matter.
  const uint8_t choice = bytes.u8();
  return {Ip::v4(0xcb00710aU + (choice & 3U)), static_cast<uint16_t>(3478 + (choice >> 2 & 1))};
}

std::vector<uint8_t> make_answer(ByteSource& bytes, ByteView request) {
  std::vector<uint8_t> answer(256);
  stun::TransactionId id;
  std::copy_n(request.begin() + 8, id.size(), id.begin());
  const uint8_t kind = bytes.u8();
  stun::MessageBuilder builder(answer, stun::Method::binding,
                               kind % 8 == 7 ? stun::Class::error : stun::Class::success, id);
  if (kind % 8 == 7) builder.add_error(stun::ErrorCode::unknown_attribute);
  if ((kind & 8) == 0) {
    builder.add_xor_address(AttributeType::xor_mapped_address, choose_endpoint(bytes));
  }
  if ((kind & 16) != 0) builder.add_address(AttributeType::mapped_address, choose_endpoint(bytes));
  if ((kind & 32) == 0) builder.add_address(AttributeType::other_address, choose_endpoint(bytes));
  answer.resize(builder.finish().size());
  return answer;
}

template <typename Session>
void play(Session& session, ByteSource& bytes) {
  Instant now{seconds(1)};
  size_t sent = 0;
  ProbeOutput out;
  session.start(now, out);
  for (int turn = 0; turn < 3000 && !session.done(); ++turn) {
    std::vector<ProbePacket> packets = std::move(out.packets);
    out.packets.clear();
    for (const ProbePacket& packet : packets) {
      ++sent;
      session.on_local(packet.slot, {Ip::v4(0x0a000001), static_cast<uint16_t>(packet.slot + 1)});
      if (bytes.empty()) continue;
      const uint8_t fate = bytes.u8();
      if (fate % 4 == 0) continue;
      if (fate % 16 == 1) {
        session.on_failure(now, packet.slot, packet.to, SendFailure::refused, out);
        continue;
      }
      const Endpoint from = fate % 4 == 1 ? choose_endpoint(bytes) : packet.to;
      const auto answer = fate % 16 == 2 ? packet.bytes : make_answer(bytes, packet.bytes);
      session.on_packet(now, packet.slot, from, answer, out);
      if (fate > 240) session.on_packet(now, packet.slot, from, answer, out);
    }
    if (!out.packets.empty() || session.done()) continue;
    const Instant next = session.deadline();
    CHECK(next != Instant::max());
    now = std::max(now, next) + milliseconds(bytes.u8() % 8);
    session.on_time(now, out);
  }
  CHECK(session.done());
  CHECK(sent < 5000);
}

void run(ByteView input) {
  ByteSource bytes(input);
  RandomSource random(1);
  const uint8_t shape = bytes.u8();
  const std::array<Endpoint, 2> servers = {Endpoint{Ip::v4(0xcb00710a), 3478},
                                           Endpoint{Ip::v4(0xcb00710c), 3478}};
  if (shape % 2 == 0) {
    NatSettings settings;
    settings.named_port = (shape & 4) != 0;
    if ((shape & 8) != 0) settings.delivery = stun::Delivery::reliable;
    if ((shape & 16) != 0) settings.longest_lifetime = seconds(15);
    NatSession session(settings, {servers.begin(), servers.end()}, random);
    play(session, bytes);
    return;
  }
  DiscoverSession session({}, random);
  ProbeOutput none;
  for (const Endpoint& server : servers) session.add_server(Instant(), server, none);
  session.no_more_servers(Instant(), none);
  play(session, bytes);
  const DiscoverResult& result = session.result();
  if (result.outcome != DiscoverOutcome::found || !result.translated) return;
  const auto agrees = [&result](const ServerReport& server) {
    return server.mapped == result.mapped;
  };
  CHECK(std::count_if(result.servers.begin(), result.servers.end(), agrees) >= 2);
}

}  // namespace
}  // namespace turnpike::client

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  turnpike::client::run({data, size});
  return 0;
}
