// The core's own part of a relayed packet, without sockets: what a packet costs between two
// crossings of the kernel.
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "stun/channel_data.h"
#include "support/core_driver.h"

namespace turnpike {
namespace {

using stun::AttributeType;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;

constexpr size_t kPayload = 1000;
constexpr uint16_t kChannel = 0x4000;

// `clients` allocations with a channel each, used in an order that the caches can't foresee.
class Relay {
 public:
  explicit Relay(size_t clients) {
    driver_.add_user("alice", "secret");
    driver_.publish_users();
    for (size_t i = 0; i < clients; ++i) {
      const std::string address =
          "8.8." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) + ":1000";
      clients_.push_back(std::make_unique<CoreClient>(driver_, address));
      clients_.back()->allocate();
      clients_.back()->bind(kChannel, "9.9.9.9:1000");
      relays_.push_back(*driver_.ports.find(clients_.back()->relayed()));
    }
    for (size_t i = 0; i < clients; ++i) order_.push_back(i * 7919 % clients);
    const auto header = stun::channel_header(kChannel, kPayload);
    channel_data_.assign(header.begin(), header.end());
    channel_data_.resize(header.size() + kPayload, 0x55);
    indication_ = testing::make_message(
        stun::Method::send, stun::Class::indication, testing::transaction(1), [](auto& b) {
          b.add_xor_address(AttributeType::xor_peer_address, testing::endpoint("9.9.9.9:1000"));
          b.add(AttributeType::data, std::string(kPayload, 'x'));
        });
  }

  void from_client(ByteView packet) {
    driver_.out.clear();
    driver_.server->on_client_packet(driver_.now, clients_[next()]->route, packet, driver_.out);
    benchmark::DoNotOptimize(driver_.out.to_peer.data());
  }
  void from_peer() {
    driver_.out.clear();
    driver_.server->on_peer_packet(driver_.now, relays_[next()], peer_, channel_data_, driver_.out);
    benchmark::DoNotOptimize(driver_.out.to_client.data());
  }
  [[nodiscard]] const Bytes& channel_data() const { return channel_data_; }
  [[nodiscard]] const Bytes& indication() const { return indication_; }

 private:
  size_t next() {
    at_ = at_ + 1 == order_.size() ? 0 : at_ + 1;
    return order_[at_];
  }

  CoreDriver driver_;
  std::vector<std::unique_ptr<CoreClient>> clients_;
  std::vector<turn::RelayId> relays_;
  const Endpoint peer_ = testing::endpoint("9.9.9.9:1000");
  std::vector<size_t> order_;
  size_t at_ = 0;
  Bytes channel_data_;
  Bytes indication_;
};

void channel_to_peer(benchmark::State& state) {
  Relay relay(static_cast<size_t>(state.range(0)));
  for (auto _ : state) relay.from_client(relay.channel_data());
}
BENCHMARK(channel_to_peer)->Arg(1)->Arg(100)->Arg(10'000);

void indication_to_peer(benchmark::State& state) {
  Relay relay(static_cast<size_t>(state.range(0)));
  for (auto _ : state) relay.from_client(relay.indication());
}
BENCHMARK(indication_to_peer)->Arg(1)->Arg(100)->Arg(10'000);

void peer_to_channel(benchmark::State& state) {
  Relay relay(static_cast<size_t>(state.range(0)));
  for (auto _ : state) relay.from_peer();
}
BENCHMARK(peer_to_channel)->Arg(1)->Arg(100)->Arg(10'000);

}  // namespace
}  // namespace turnpike
