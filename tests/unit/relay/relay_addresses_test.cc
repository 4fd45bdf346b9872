#include "relay/relay_addresses.h"

#include <gtest/gtest.h>

namespace turnpike::relay {
namespace {

Ip ip(const char* text) {
  return *Ip::parse(text);
}

std::shared_ptr<const net::HostAddresses> host() {
  net::HostAddresses host;
  host.addresses = {
      {.ip = ip("127.0.0.1")},
      {.ip = ip("::1")},
      {.ip = ip("198.51.100.1")},
      {.ip = ip("198.51.100.2")},
      {.ip = ip("2001:db8::1")},
      {.ip = ip("2001:db8::7e"), .temporary = true},
      {.ip = ip("2001:db8::de"), .deprecated = true},
      {.ip = ip("fe80::1")},
  };
  host.default_v4 = ip("198.51.100.1");
  host.default_v6 = ip("2001:db8::1");
  return std::make_shared<const net::HostAddresses>(std::move(host));
}

std::vector<Ip> choose(const RelayAddresses& addresses, const char* server, IpFamily family,
                       const char* client = "203.0.113.9", size_t turn = 0) {
  std::vector<Ip> out;
  addresses.choose({.family = family, .server_ip = ip(server), .client_ip = ip(client)}, turn, out);
  return out;
}

using Ips = std::vector<Ip>;

TEST(RelayAddresses, AddressThatTheRequestCameToIsTheOnlyOne) {
  const RelayAddresses addresses({}, {}, host());
  EXPECT_EQ(choose(addresses, "198.51.100.2", IpFamily::v4), Ips{ip("198.51.100.2")});
}

TEST(RelayAddresses, OtherFamilyComesFromTheDefaultRoute) {
  const RelayAddresses addresses({}, {}, host());
  EXPECT_EQ(choose(addresses, "198.51.100.2", IpFamily::v6), Ips{ip("2001:db8::1")});
}

TEST(RelayAddresses, FleetingAddressesAreNeverChosen) {
  const RelayAddresses addresses({}, {}, host());
  for (const char* server : {"2001:db8::7e", "2001:db8::de", "fe80::1", "::"}) {
    EXPECT_EQ(choose(addresses, server, IpFamily::v6), Ips{ip("2001:db8::1")}) << server;
  }
}

TEST(RelayAddresses, AddressNewerThanTheListIsTried) {
  const RelayAddresses addresses({}, {}, host());
  EXPECT_EQ(choose(addresses, "2001:db8::99", IpFamily::v6), Ips{ip("2001:db8::99")});
}

TEST(RelayAddresses, LoopbackIsForLoopbackClients) {
  const RelayAddresses addresses({}, {}, host());
  EXPECT_EQ(choose(addresses, "127.0.0.1", IpFamily::v4, "127.0.0.1"), Ips{ip("127.0.0.1")});
  EXPECT_EQ(choose(addresses, "127.0.0.1", IpFamily::v4, "203.0.113.9"), Ips{ip("198.51.100.1")});
}

TEST(RelayAddresses, HostWithoutRouteOffersNothingButLoopback) {
  net::HostAddresses lonely;
  lonely.addresses = {{.ip = ip("127.0.0.1")}, {.ip = ip("::1")}};
  const RelayAddresses addresses({}, {}, std::make_shared<const net::HostAddresses>(lonely));
  EXPECT_EQ(choose(addresses, "127.0.0.1", IpFamily::v6, "127.0.0.1"), Ips{ip("::1")});
  EXPECT_EQ(choose(addresses, "198.51.100.1", IpFamily::v6), Ips{});
}

TEST(RelayAddresses, ListIsUsedInTurn) {
  const RelayAddresses addresses({ip("198.51.100.1"), ip("2001:db8::1"), ip("198.51.100.2")}, {},
                                 host());
  EXPECT_EQ(choose(addresses, "198.51.100.2", IpFamily::v4, "203.0.113.9", 0),
            (Ips{ip("198.51.100.1"), ip("198.51.100.2")}));
  EXPECT_EQ(choose(addresses, "198.51.100.2", IpFamily::v4, "203.0.113.9", 1),
            (Ips{ip("198.51.100.2"), ip("198.51.100.1")}));
  EXPECT_EQ(choose(addresses, "198.51.100.2", IpFamily::v6), Ips{ip("2001:db8::1")});
}

TEST(RelayAddresses, ListWithoutTheFamilyHasNone) {
  const RelayAddresses addresses({ip("198.51.100.1")}, {}, host());
  EXPECT_EQ(choose(addresses, "2001:db8::1", IpFamily::v6), Ips{});
}

TEST(RelayAddresses, ListedLoopbackIsForLoopbackClientsToo) {
  const RelayAddresses addresses({ip("127.0.0.1")}, {}, host());
  EXPECT_EQ(choose(addresses, "127.0.0.1", IpFamily::v4, "127.0.0.1"), Ips{ip("127.0.0.1")});
  EXPECT_EQ(choose(addresses, "198.51.100.1", IpFamily::v4), Ips{});
}

TEST(RelayAddresses, ChangedInterfacesCount) {
  RelayAddresses addresses({}, {}, host());
  net::HostAddresses moved;
  moved.addresses = {{.ip = ip("203.0.113.1")}};
  moved.default_v4 = ip("203.0.113.1");
  addresses.use(std::make_shared<const net::HostAddresses>(moved));
  EXPECT_EQ(choose(addresses, "2001:db8::1", IpFamily::v4), Ips{ip("203.0.113.1")});
}

TEST(RelayAddresses, NoExternalAddressTheLocalOneIsTold) {
  const RelayAddresses addresses({}, {}, host());
  EXPECT_EQ(addresses.external_of(ip("198.51.100.1")), ip("198.51.100.1"));
}

TEST(RelayAddresses, ExternalAddressStandsForItsFamily) {
  const RelayAddresses addresses({}, {{.external = ip("203.0.113.1"), .internal = {}}}, host());
  EXPECT_EQ(addresses.external_of(ip("198.51.100.1")), ip("203.0.113.1"));
  EXPECT_EQ(addresses.external_of(ip("2001:db8::1")), ip("2001:db8::1"));
  EXPECT_EQ(addresses.external_of(ip("127.0.0.1")), ip("127.0.0.1"));
}

TEST(RelayAddresses, PairBeatsTheGeneralExternalAddress) {
  const RelayAddresses addresses({},
                                 {{.external = ip("203.0.113.1"), .internal = {}},
                                  {.external = ip("203.0.113.2"), .internal = ip("198.51.100.2")}},
                                 host());
  EXPECT_EQ(addresses.external_of(ip("198.51.100.2")), ip("203.0.113.2"));
  EXPECT_EQ(addresses.external_of(ip("198.51.100.1")), ip("203.0.113.1"));
}

}  // namespace
}  // namespace turnpike::relay
