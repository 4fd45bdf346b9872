#include "server/own_servers.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "server/listeners.h"

namespace turnpike::server {
namespace {

class OwnServersTest : public ::testing::Test {
 protected:
  [[nodiscard]] bool is_own(std::string_view address) const {
    const auto own =
        own_servers(config_, sockets_.empty() ? listening_endpoints(config_) : sockets_,
                    {*Ip::parse("10.0.0.1"), *Ip::parse("2001:db8::1")});
    return std::find(own.begin(), own.end(), *Endpoint::parse(address, 0)) != own.end();
  }

  config::Config config_;
  std::vector<Endpoint> sockets_;  // Of the service manager.
};

TEST_F(OwnServersTest, AreAllAddressesWithBothPorts) {
  EXPECT_TRUE(is_own("10.0.0.1:3478"));
  EXPECT_TRUE(is_own("10.0.0.1:5349"));
  EXPECT_TRUE(is_own("[2001:db8::1]:3478"));
  EXPECT_FALSE(is_own("10.0.0.1:3479"));
  EXPECT_FALSE(is_own("10.0.0.2:3478"));
  EXPECT_FALSE(is_own("10.0.0.1:0"));
  config_.tls_listening_port = 0;
  EXPECT_FALSE(is_own("10.0.0.1:5349"));
  EXPECT_FALSE(is_own("10.0.0.1:0"));
}

TEST_F(OwnServersTest, AreOnlyWhereItListens) {
  config_.listening_ips = {*Ip::parse("10.0.0.7")};
  EXPECT_TRUE(is_own("10.0.0.7:3478"));
  EXPECT_FALSE(is_own("10.0.0.1:3478")) << "another server of this host may be there";
  config_.listening_ips = {*Ip::parse("0.0.0.0")};
  EXPECT_TRUE(is_own("10.0.0.1:3478"));
  EXPECT_FALSE(is_own("[2001:db8::1]:3478"));
}

TEST_F(OwnServersTest, AreWhereTheServiceManagerListens) {
  sockets_ = {*Endpoint::parse("10.0.0.7:443", 0), *Endpoint::parse("[::]:444", 0)};
  EXPECT_TRUE(is_own("10.0.0.7:443"));
  EXPECT_TRUE(is_own("[2001:db8::1]:444"));
  EXPECT_FALSE(is_own("10.0.0.1:443"));
  EXPECT_FALSE(is_own("10.0.0.7:3478")) << "the configuration's port, which nobody has opened";
}

TEST_F(OwnServersTest, AreThoseThatClientsSeeToo) {
  config_.external_ips = {{*Ip::parse("203.0.113.9"), *Ip::parse("10.0.0.1")}};
  EXPECT_TRUE(is_own("203.0.113.9:3478"));
  EXPECT_TRUE(is_own("203.0.113.9:5349"));
  EXPECT_FALSE(is_own("203.0.113.9:3479")) << "the translator may lead that to another host";
}

TEST_F(OwnServersTest, AreTheSecondPortsToo) {
  config_.rfc5780 = true;
  config_.listening_ips = {*Ip::parse("10.0.0.1"), *Ip::parse("10.0.0.2")};
  EXPECT_TRUE(is_own("10.0.0.2:3479"));
}

}  // namespace
}  // namespace turnpike::server
