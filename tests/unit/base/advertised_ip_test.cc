#include "base/advertised_ip.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

Ip ip(const char* text) {
  return *Ip::parse(text);
}

TEST(AdvertisedIp, IsTheAddressItselfWhereNothingStandsForIt) {
  EXPECT_EQ(advertised_ip({}, ip("10.0.0.1")), ip("10.0.0.1"));
  EXPECT_EQ(advertised_ip({{ip("203.0.113.1"), ip("10.0.0.2")}}, ip("10.0.0.1")), ip("10.0.0.1"));
}

TEST(AdvertisedIp, IsTheOneForTheAddress) {
  const std::vector<AdvertisedIp> entries = {{ip("203.0.113.1"), ip("10.0.0.1")},
                                             {ip("203.0.113.2"), ip("10.0.0.2")}};
  EXPECT_EQ(advertised_ip(entries, ip("10.0.0.2")), ip("203.0.113.2"));
}

TEST(AdvertisedIp, OfAFamilyStandsForAllButLoopback) {
  const std::vector<AdvertisedIp> entries = {{ip("2001:db8::1"), {}}, {ip("203.0.113.1"), {}}};
  EXPECT_EQ(advertised_ip(entries, ip("10.0.0.1")), ip("203.0.113.1"));
  EXPECT_EQ(advertised_ip(entries, ip("fd00::1")), ip("2001:db8::1"));
  EXPECT_EQ(advertised_ip(entries, ip("127.0.0.1")), ip("127.0.0.1"));
}

}  // namespace
}  // namespace turnpike
