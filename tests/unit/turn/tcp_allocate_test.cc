// RFC 6062 section 5.1, and what a TCP allocation does not do.
#include "unit/turn/tcp_client.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;

TEST(TcpAllocate, GivesAListeningAddressToATcpClient) {
  CoreDriver core;
  TcpClient client(core);
  client.open();
  ASSERT_EQ(core.ports.requests().size(), 1U);
  EXPECT_EQ(core.ports.requests()[0].transport, RelayTransport::tcp);
  EXPECT_EQ(client.allocation()->transport, RelayTransport::tcp);
}

TEST(TcpAllocate, IsRefusedOverDatagrams) {
  for (const Transport transport : {Transport::udp, Transport::dtls}) {
    CoreDriver core;
    CoreClient client(core, kControl, "alice", "secret", transport);
    EXPECT_EQ(allocate_tcp(client).error(), 400);
    EXPECT_EQ(core.ports.requests().size(), 0U);
  }
}

TEST(TcpAllocate, IsServedOverTls) {
  CoreDriver core;
  CoreClient client(core, kControl, "alice", "secret", Transport::tls);
  EXPECT_TRUE(allocate_tcp(client).is(Class::success));
}

TEST(TcpAllocate, RefusesAttributesThatAreAboutDatagrams) {
  CoreDriver core;
  TcpClient client(core);
  EXPECT_EQ(allocate_tcp(client, [](auto& b) { b.add_even_port(false); }).error(), 400);
  EXPECT_EQ(allocate_tcp(client, [](auto& b) { b.add_even_port(true); }).error(), 400);
  EXPECT_EQ(
      allocate_tcp(client, [](auto& b) { b.add_u64(AttributeType::reservation_token, 1); }).error(),
      400);
  EXPECT_EQ(
      allocate_tcp(client, [](auto& b) { b.add_empty(AttributeType::dont_fragment); }).error(),
      400);
  EXPECT_EQ(core.server->allocations(), 0U);
}

TEST(TcpAllocate, TakesTheFamilyThatIsAskedFor) {
  CoreDriver core;
  TcpClient client(core);
  const Received answer = allocate_tcp(client, [](auto& b) {
    b.add_family(AttributeType::requested_address_family, stun::AddressFamily::ipv6);
  });
  EXPECT_EQ(answer.relayed().at(0).ip, testing::ip("2001:db8::1"));
}

TEST(TcpAllocate, CountsForTheQuota) {
  CoreDriver::Options options;
  options.settings.quota = {1, 0};
  CoreDriver core(options);
  TcpClient first(core);
  TcpClient second(core, kData);
  first.open();
  EXPECT_EQ(allocate_tcp(second).error(), 486);
  first.refresh(0);
  EXPECT_TRUE(allocate_tcp(second).is(Class::success));
}

TEST(TcpAllocate, CanBeSwitchedOff) {
  CoreDriver::Options options;
  options.settings.serve_tcp_relay = false;
  CoreDriver core(options);
  TcpClient client(core);
  EXPECT_EQ(allocate_tcp(client).error(), 442);
  EXPECT_TRUE(client.allocate().is(Class::success));
}

TEST(TcpAllocate, CanBeAllThereIs) {
  CoreDriver::Options options;
  options.settings.serve_udp_relay = false;
  CoreDriver core(options);
  TcpClient client(core);
  EXPECT_EQ(client.allocate().error(), 403);
  EXPECT_TRUE(allocate_tcp(client).is(Class::success));
}

TEST(TcpAllocate, RelaysNoDatagrams) {
  CoreDriver core;
  TcpClient client(core);
  client.open();
  client.permit({kPeer});
  client.send(kPeer, "hello");
  EXPECT_TRUE(core.to_peer.empty());
  const Received answer = client.request(Method::channel_bind, [](auto& b) {
    b.add_channel_number(0x4000);
    b.add_xor_address(AttributeType::xor_peer_address, endpoint(kPeer));
  });
  EXPECT_EQ(answer.error(), 400);
  client.send_channel(0x4000, "hello");
  EXPECT_TRUE(core.to_peer.empty());
  EXPECT_EQ(balance_of(core), testing::Balance());
}

TEST(TcpAllocate, IsNoAddressForDatagramsOfOthers) {
  CoreDriver core;
  TcpClient owner(core);
  CoreClient other(core, "8.8.4.4:5000");
  const Endpoint relayed = owner.open();
  other.allocate();
  // It is the server's own address, and no UDP allocation lives at that port.
  const Received answer = other.request(Method::channel_bind, [&](auto& b) {
    b.add_channel_number(0x4000);
    b.add_xor_address(AttributeType::xor_peer_address, relayed);
  });
  EXPECT_EQ(answer.error(), 403);
}

}  // namespace
}  // namespace turnpike::turn
