// A relayed packet costs no heap allocation, whichever way it takes.
#include <gtest/gtest.h>

#include "stun/channel_data.h"
#include "support/allocation_guard.h"
#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::AllocationGuard;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;

class NoHeapTest : public ::testing::Test {
 protected:
  NoHeapTest() {
    alice_.allocate();
    bob_.allocate();
  }

  // Heap allocations of a thousand packets, after the outbox has taken its memory.
  template <typename Packet>
  uint64_t allocations_of(Packet&& packet) {
    for (int i = 0; i < 10; ++i) {
      core_.out.clear();
      packet();
    }
    EXPECT_EQ(core_.out.to_client.size() + core_.out.to_peer.size(), 1U);
    const AllocationGuard guard;
    for (int i = 0; i < 1000; ++i) {
      core_.out.clear();
      packet();
    }
    return guard.news();
  }
  void from_client(CoreClient& client, const Bytes& packet) {
    core_.server->on_client_packet(core_.now, client.route, packet, core_.out);
  }
  static Bytes channel_data(uint16_t number) {
    const auto header = stun::channel_header(number, 1000);
    Bytes packet(header.begin(), header.end());
    packet.resize(1004, 0x55);
    return packet;
  }
  static Bytes indication(const Endpoint& peer) {
    return testing::make_message(Method::send, Class::indication, testing::transaction(1),
                                 [&](auto& b) {
                                   b.add_xor_address(AttributeType::xor_peer_address, peer);
                                   b.add(AttributeType::data, std::string(1001, 'x'));
                                 });
  }

  CoreDriver core_;
  CoreClient alice_{core_, "8.8.8.8:1"};
  CoreClient bob_{core_, "8.8.8.8:2", "bob", "hunter2"};
  const Endpoint peer_ = endpoint("9.9.9.9:1000");
};

TEST_F(NoHeapTest, ChannelDataToAPeer) {
  alice_.bind(0x4000, "9.9.9.9:1000");
  const Bytes packet = channel_data(0x4000);
  EXPECT_EQ(allocations_of([&] { from_client(alice_, packet); }), 0U);
}

TEST_F(NoHeapTest, SendIndicationToAPeer) {
  alice_.permit({"9.9.9.9:1000"});
  const Bytes packet = indication(peer_);
  EXPECT_EQ(allocations_of([&] { from_client(alice_, packet); }), 0U);
}

TEST_F(NoHeapTest, PeerDatagramThroughAChannel) {
  alice_.bind(0x4000, "9.9.9.9:1000");
  const RelayId relay = *core_.ports.find(alice_.relayed());
  const Bytes payload(1000, 0x55);
  EXPECT_EQ(allocations_of(
                [&] { core_.server->on_peer_packet(core_.now, relay, peer_, payload, core_.out); }),
            0U);
}

TEST_F(NoHeapTest, PeerDatagramAsAnIndication) {
  alice_.permit({"9.9.9.9:1000"});
  const RelayId relay = *core_.ports.find(alice_.relayed());
  const Bytes payload(1001, 0x55);
  EXPECT_EQ(allocations_of(
                [&] { core_.server->on_peer_packet(core_.now, relay, peer_, payload, core_.out); }),
            0U);
}

TEST_F(NoHeapTest, DeliveryInProcess) {
  alice_.bind(0x4000, bob_.relayed().to_string());
  bob_.permit({alice_.relayed().to_string()});
  const Bytes packet = channel_data(0x4000);
  EXPECT_EQ(allocations_of([&] { from_client(alice_, packet); }), 0U);
  bob_.bind(0x4000, alice_.relayed().to_string());
  const Bytes by_indication = indication(bob_.relayed());
  EXPECT_EQ(allocations_of([&] { from_client(alice_, by_indication); }), 0U);
}

TEST_F(NoHeapTest, IcmpError) {
  alice_.permit({"9.9.9.9:1000"});
  const RelayId relay = *core_.ports.find(alice_.relayed());
  EXPECT_EQ(allocations_of([&] {
              core_.server->on_peer_error(core_.now, relay, peer_, {3, 3, 0}, core_.out);
            }),
            0U);
}

TEST_F(NoHeapTest, DroppedPackets) {
  const Bytes unbound = channel_data(0x4005);
  const Bytes unpermitted = indication(peer_);
  const AllocationGuard guard;
  for (int i = 0; i < 100; ++i) {
    core_.out.clear();
    from_client(alice_, unbound);
    from_client(alice_, unpermitted);
  }
  EXPECT_EQ(guard.news(), 0U);
}

}  // namespace
}  // namespace turnpike::turn
