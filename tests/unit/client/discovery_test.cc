// From names to a verdict, over real sockets on loopback.
#include "client/discovery.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "client/binding_exchange.h"
#include "net/plain_udp.h"
#include "stun/builder.h"

namespace turnpike::client {
namespace {

// Answers Binding requests, in the loop of the test.
class Responder {
 public:
  Responder(net::EventLoop& loop, const Ip& ip) : socket_(*net::open_udp_socket({}, {ip, 0})) {
    watch_ = loop.watch(socket_.fd(), [this] { answer(); });
  }
  [[nodiscard]] ServerName name() const {
    const Endpoint local = net::bound_endpoint(socket_);
    return {local.ip.to_string(), local.port};
  }

 private:
  void answer() {
    std::array<uint8_t, 1500> buffer{};
    const net::Received received = net::receive_one(socket_, buffer);
    const auto id = received.error == 0 ? asked_id(received.bytes) : std::nullopt;
    if (!id) return;
    std::array<uint8_t, 100> bytes{};
    stun::MessageBuilder builder(bytes, stun::Method::binding, stun::Class::success, *id);
    builder.add_xor_address(stun::AttributeType::xor_mapped_address, received.from);
    EXPECT_EQ(net::send_to(socket_, received.from, builder.finish()), 0);
  }

  net::UdpSocket socket_;
  net::Watch watch_;
};

const Ip kFirst = Ip::v4(0x7f000001);
const Ip kSecond = Ip::v4(0x7f000002);

// What servers that see these addresses make of the public one.
std::optional<Ip> seen_by(const std::vector<const char*>& addresses) {
  DiscoverResult result;
  for (const char* text : addresses) {
    ServerReport server;
    if (text != nullptr) server.mapped = Endpoint{*Ip::parse(text), 5};
    result.servers.push_back(server);
  }
  return public_ip_seen(result);
}

DiscoveryReport discover(net::EventLoop& loop, const DiscoveryOptions& options) {
  RandomSource random(1);
  std::optional<DiscoveryReport> report;
  const Discovery discovery(loop, random, options,
                            [&report](const DiscoveryReport& told) { report = told; });
  while (!report) loop.run_turn(net::EventLoop::kForever);
  return *report;
}

TEST(ServerName, IsAHostOrAnAddressWithOrWithoutAPort) {
  EXPECT_EQ(ServerName::parse("stun.example.org")->to_string(), "stun.example.org:3478");
  EXPECT_EQ(ServerName::parse("stun.example.org:19302")->port, 19302);
  EXPECT_EQ(ServerName::parse("192.0.2.1:5")->to_string(), "192.0.2.1:5");
  EXPECT_EQ(ServerName::parse("[2001:db8::1]:5")->to_string(), "[2001:db8::1]:5");
  EXPECT_EQ(ServerName::parse("2001:db8::1")->to_string(), "[2001:db8::1]:3478");
  EXPECT_EQ(ServerName::parse("stun:stun.example.org:5")->port, 5);
  for (const char* text : {"", ":5", "a:0", "a:x", "a b", "turns:a", "a:70000"}) {
    EXPECT_FALSE(ServerName::parse(text)) << text;
  }
}

TEST(PublicIpSeen, IsWhatMostServersSay) {
  const auto public_ip = Ip::parse("198.41.0.7");
  EXPECT_EQ(seen_by({"198.41.0.7"}), public_ip);
  EXPECT_EQ(seen_by({nullptr, "198.41.0.7"}), public_ip);
  EXPECT_EQ(seen_by({"8.8.8.8", "198.41.0.7", "198.41.0.7"}), public_ip);
  EXPECT_FALSE(seen_by({"8.8.8.8", "198.41.0.7"}));
  EXPECT_FALSE(seen_by({}));
  EXPECT_FALSE(seen_by({nullptr}));
}

TEST(PublicIpSeen, IsNeverAPrivateOne) {
  EXPECT_FALSE(seen_by({"192.168.1.1", "192.168.1.1"}));
  EXPECT_EQ(seen_by({"10.0.0.1", "198.41.0.7"}), Ip::parse("198.41.0.7"));
  EXPECT_FALSE(seen_by({"2001:db8::1"}));
}

TEST(Discovery, FindsAPortThatNobodyTranslates) {
  net::EventLoop loop;
  const Responder first(loop, kFirst);
  const Responder second(loop, kSecond);
  const DiscoveryReport report = discover(loop, {.servers = {first.name(), second.name()}});
  EXPECT_EQ(report.verdict, DiscoveryVerdict::found);
  EXPECT_FALSE(report.result.translated);
  EXPECT_EQ(report.result.mapped, report.result.local);
  EXPECT_FALSE(report.shared);
}

TEST(Discovery, RefusesAPortThatAProgramHas) {
  net::EventLoop loop;
  const Responder first(loop, kFirst);
  const auto taken = net::open_udp_socket({}, {kFirst, 0});
  DiscoveryOptions options{.servers = {first.name()}};
  options.local = net::bound_endpoint(*taken);
  options.sharing = Sharing::refuse;
  EXPECT_EQ(discover(loop, options).verdict, DiscoveryVerdict::port_in_use);
}

TEST(Discovery, TellsAnAddressThatIsNotOurs) {
  net::EventLoop loop;
  DiscoveryOptions options{.servers = {{"127.0.0.1", 9}}};
  options.local = {Ip::v4(0xcb007163), 0};
  EXPECT_EQ(discover(loop, options).verdict, DiscoveryVerdict::not_allowed);
}

TEST(Discovery, PassesOverServersThatRefuse) {
  net::EventLoop loop;
  const Responder first(loop, kFirst);
  ServerName nobody;
  {
    const Responder gone(loop, kSecond);
    nobody = gone.name();
  }
  const DiscoveryReport report = discover(loop, {.servers = {nobody, first.name()}});
  EXPECT_EQ(report.verdict, DiscoveryVerdict::found);
}

TEST(Discovery, EndsWhenNoServerHasAnAddress) {
  net::EventLoop loop;
  EXPECT_EQ(discover(loop, {}).verdict, DiscoveryVerdict::no_server_address);
  DiscoveryOptions options{.servers = {{"2001:db8::1", 3478}}};
  options.family = IpFamily::v4;
  EXPECT_EQ(discover(loop, options).verdict, DiscoveryVerdict::no_server_address);
}

TEST(Discovery, MayBeGivenUpAtAnyTime) {
  net::EventLoop loop;
  RandomSource random(1);
  const Responder first(loop, kFirst);
  for (int turns = 0; turns < 4; ++turns) {
    const Discovery discovery(loop, random, {.servers = {first.name(), {"localhost", 9}}},
                              [](const DiscoveryReport&) {});
    for (int i = 0; i < turns; ++i) loop.run_turn(Duration::zero());
  }
  loop.run_turn(Duration::zero());
}

}  // namespace
}  // namespace turnpike::client
