// The NAT test over TCP and what it asks a server that connects back, over loopback.
#include "client/nat_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/client/tcp_stand_in.h"

namespace turnpike::client {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class NatProbeTest : public ::testing::Test {
 protected:
  NatProbeTest() {
    server_.other = second_.address();
    server_.let_in = {kServer, kOther};
    const Endpoint& address = server_.address();
    options_.where.servers = {{address.ip.to_string(), address.port}};
    options_.where.local = {kHost, 0};
    options_.where.transport = ProbeTransport::tcp;
  }

  NatReport ask() {
    std::optional<NatReport> report;
    const NatProbe probe(loop_, random_, options_,
                         [&report](const NatReport& told) { report = told; });
    while (!report) loop_.run_turn(net::EventLoop::kForever);
    return *report;
  }

  net::EventLoop loop_;
  RandomSource random_{1};
  TcpStandIn server_{loop_, kServer};
  TcpStandIn second_{loop_, kOther};
  NatProbeOptions options_;
};

TEST_F(NatProbeTest, AsksAServerThatConnectsBackWithTheUsersCredentials) {
  options_.credentials = {std::string(kUser), std::string(kPassword)};
  const NatReport report = ask();
  EXPECT_FALSE(report.problem.has_value());
  EXPECT_EQ(report.result.filtering, NatBehavior::endpoint_independent);
  EXPECT_TRUE(report.result.filtering_proven);
  EXPECT_GT(server_.asked_same, 0);
}

TEST_F(NatProbeTest, SaysWhyFilteringIsUnknownWithAWrongPassword) {
  options_.credentials = {std::string(kUser), "guessed"};
  server_.instead = [](const Bytes& request) -> std::optional<Bytes> {
    if (!has(request, stun::AttributeType::username)) return {};
    return Conversation::challenge(request);
  };
  const NatReport report = ask();
  EXPECT_EQ(report.result.filtering, NatBehavior::unknown);
  EXPECT_FALSE(report.result.filtering_proven);
  EXPECT_THAT(report.result.notes, Contains(HasSubstr("does not accept the user and password")));
}

TEST_F(NatProbeTest, AsksNobodyToConnectBackWithoutCredentials) {
  server_.instead = [](const Bytes& request) -> std::optional<Bytes> {
    EXPECT_NE(method_of(request), stun::kConnectBackMethod);
    return {};
  };
  const NatReport report = ask();
  EXPECT_FALSE(report.problem.has_value());
  EXPECT_EQ(report.result.filtering, NatBehavior::unknown);
  EXPECT_GT(server_.connections, 0);
}

}  // namespace
}  // namespace turnpike::client
