#include "base/ip_range.h"

#include <string>

#include <gtest/gtest.h>

namespace turnpike {
namespace {

Ip address(std::string_view text) {
  return Ip::parse(text).value();
}
IpRange range(std::string_view text) {
  return IpRange::parse(text).value();
}

TEST(IpRange, ParsesEachForm) {
  struct Case {
    std::string_view text;
    std::string_view first;
    std::string_view last;
  };
  for (const Case& c : {
           Case{"192.0.2.1", "192.0.2.1", "192.0.2.1"},
           Case{"10.0.0.0/8", "10.0.0.0", "10.255.255.255"},
           Case{"10.1.2.3/8", "10.0.0.0", "10.255.255.255"},
           Case{"10.1.2.3/32", "10.1.2.3", "10.1.2.3"},
           Case{"10.1.2.3/31", "10.1.2.2", "10.1.2.3"},
           Case{"0.0.0.0/0", "0.0.0.0", "255.255.255.255"},
           Case{"172.16.0.0/12", "172.16.0.0", "172.31.255.255"},
           Case{"10.0.0.200-10.0.1.5", "10.0.0.200", "10.0.1.5"},
           Case{"10.0.0.1-10.0.0.1", "10.0.0.1", "10.0.0.1"},
           Case{"::ffff:10.0.0.1-10.0.0.2", "10.0.0.1", "10.0.0.2"},
           Case{"2001:db8::1", "2001:db8::1", "2001:db8::1"},
           Case{"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
           Case{"fe80::1/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
           Case{"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
           Case{"2001:db8::1/128", "2001:db8::1", "2001:db8::1"},
           Case{"2001:db8::ff-2001:db8::1:0", "2001:db8::ff", "2001:db8::1:0"},
       }) {
    const auto parsed = IpRange::parse(c.text);
    ASSERT_TRUE(parsed.has_value()) << c.text;
    EXPECT_EQ(*parsed, (IpRange{address(c.first), address(c.last)})) << c.text;
  }
}

TEST(IpRange, RefusesWhatIsNoRange) {
  for (const std::string_view text : {"",
                                      "/",
                                      "-",
                                      "/8",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/8x",
                                      "10.0.0.0/ 8",
                                      "10.0.0.0/8/9",
                                      "10.0.0.0/255.0.0.0",
                                      "2001:db8::/129",
                                      "::ffff:10.0.0.0/104",
                                      "10.0.0.2-",
                                      "-10.0.0.2",
                                      "10.0.0.2-10.0.0.1",
                                      "10.0.0.1-2001:db8::1",
                                      "2001:db8::2-2001:db8::1",
                                      "10.0.0.1-10.0.0.2-10.0.0.3",
                                      "10.0.0.0/99999999999999999999"}) {
    EXPECT_FALSE(IpRange::parse(text).has_value()) << text;
  }
}

TEST(IpRange, ComparesV6AsNumbersNotByteByByte) {
  // Each byte of the second address lies outside its own byte's bounds.
  const IpRange wide = range("2001:db8::ff:0-2001:db8::100:1");
  EXPECT_TRUE(wide.contains(address("2001:db8::ff:ffff")));
  EXPECT_TRUE(wide.contains(address("2001:db8::100:0")));
  EXPECT_FALSE(wide.contains(address("2001:db8::100:2")));
  EXPECT_FALSE(wide.contains(address("2001:db8::fe:ffff")));
  const IpRange four = range("10.0.0.200-10.0.1.5");
  EXPECT_TRUE(four.contains(address("10.0.0.255")));
  EXPECT_TRUE(four.contains(address("10.0.1.0")));
  EXPECT_FALSE(four.contains(address("10.0.1.6")));
  EXPECT_FALSE(four.contains(address("10.0.0.199")));
}

TEST(IpRange, HoldsBothItsEndsAndNoMore) {
  for (const std::string_view text : {"10.0.0.0/8", "2001:db8::/32", "192.0.2.1"}) {
    EXPECT_TRUE(range(text).contains(range(text).first)) << text;
    EXPECT_TRUE(range(text).contains(range(text).last)) << text;
  }
  EXPECT_FALSE(range("10.0.0.0/8").contains(address("9.255.255.255")));
  EXPECT_FALSE(range("10.0.0.0/8").contains(address("11.0.0.0")));
}

TEST(IpRange, OfV6NeverHoldsAV4Address) {
  EXPECT_FALSE(range("::/0").contains(address("192.0.2.1")));
  EXPECT_FALSE(range("::/80").contains(address("255.255.255.255")));
  EXPECT_FALSE(range("::-ffff::").contains(address("0.0.0.0")));
  EXPECT_TRUE(range("::/0").contains(address("2001:db8::1")));
  EXPECT_TRUE(range("::/80").contains(address("::10.0.0.1")));
}

TEST(IpRange, OfV4HoldsTheMappedForm) {
  EXPECT_TRUE(range("10.0.0.0/8").contains(address("::ffff:10.1.2.3")));
  EXPECT_FALSE(range("0.0.0.0/0").contains(address("::10.1.2.3")));
}

TEST(IpRange, PrintsOneAddressOrBothEnds) {
  EXPECT_EQ(range("192.0.2.1").to_string(), "192.0.2.1");
  EXPECT_EQ(range("10.0.0.0/30").to_string(), "10.0.0.0-10.0.0.3");
}

TEST(IpRange, NarrowerCountsAddresses) {
  EXPECT_TRUE(range("10.0.0.0/9").narrower_than(range("10.0.0.0/8")));
  EXPECT_FALSE(range("10.0.0.0/8").narrower_than(range("11.0.0.0/8")));
  EXPECT_FALSE(range("10.0.0.0/8").narrower_than(range("10.0.0.0/9")));
  // The difference needs borrows across bytes.
  EXPECT_TRUE(range("10.0.0.255-10.0.1.0").narrower_than(range("10.0.0.0-10.0.0.2")));
  EXPECT_TRUE(range("2001:db8::ffff-2001:db8::1:0").narrower_than(range("2001:db8::-2001:db8::2")));
}

TEST(IpRangeTable, NarrowestWinsInAnyOrder) {
  IpRangeTable<int> table;
  table.add(range("10.0.0.0/8"), 8);
  table.add(range("10.1.2.3"), 32);
  table.add(range("10.1.0.0/16"), 16);
  const auto value = [&](std::string_view text) {
    const auto* entry = table.find(address(text));
    return entry != nullptr ? entry->value : -1;
  };
  EXPECT_EQ(value("10.1.2.3"), 32);
  EXPECT_EQ(value("10.1.2.4"), 16);
  EXPECT_EQ(value("10.2.0.0"), 8);
  EXPECT_EQ(value("11.0.0.0"), -1);
}

TEST(IpRangeTable, OfEqualOnesTheLastWins) {
  IpRangeTable<int> table;
  EXPECT_TRUE(table.empty());
  table.add(range("10.0.0.0/8"), 1);
  table.add(range("10.0.0.0-10.255.255.255"), 2);
  EXPECT_EQ(table.find(address("10.1.1.1"))->value, 2);
  EXPECT_EQ(table.entries().size(), 2U);
}

}  // namespace
}  // namespace turnpike
