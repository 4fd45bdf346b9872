#include "base/endpoint.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace turnpike {
namespace {

Ip ip(std::string_view text) {
  const auto parsed = Ip::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(Ip());
}

TEST(Ip, DefaultIsTheUnspecifiedV6Address) {
  EXPECT_EQ(Ip(), ip("::"));
  EXPECT_FALSE(Ip().is_v4());
  EXPECT_TRUE(Ip().is_unspecified());
}

TEST(Ip, PrintsTheCanonicalForm) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"::ffff:c000:201", "192.0.2.1"},
      {"0:0:0:0:0:FFFF:C000:0201", "192.0.2.1"},
      {"0000:0000:0000:0000:0000:ffff:192.000.2.1", ""},
      {"0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"::1", "::1"},
      {"::", "::"},
      {"fe80::1", "fe80::1"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
  };
  for (const auto& [text, canonical] : cases) {
    const auto parsed = Ip::parse(text);
    EXPECT_EQ(parsed ? parsed->to_string() : "", canonical) << text;
  }
}

TEST(Ip, RefusesWhatIsNoAddress) {
  for (const std::string_view text : {"",
                                      " ",
                                      "1",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "256.1.1.1",
                                      "01.2.3.4",
                                      "0x7f.0.0.1",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "1.2.3.4/8",
                                      "::1%lo",
                                      "fe80::1%eth0",
                                      "[::1]",
                                      ":::",
                                      "1::2::3",
                                      "g::",
                                      "12345::",
                                      "localhost",
                                      "::ffff:1.2.3",
                                      "2130706433",
                                      "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"}) {
    EXPECT_FALSE(Ip::parse(text).has_value()) << text;
  }
  EXPECT_FALSE(Ip::parse(std::string_view("1.2.3.4\0.5", 10)).has_value());
}

TEST(Ip, V4MappedIsTheV4AddressHoweverItWasMade) {
  const Ip expected = Ip::v4(0x7f000001);
  const std::array<uint8_t, 4> four = {127, 0, 0, 1};
  std::array<uint8_t, 16> sixteen{};
  sixteen[10] = sixteen[11] = 0xff;
  sixteen[12] = 127;
  sixteen[15] = 1;
  for (const Ip& made : {Ip::from_v4(four), Ip::from_v6(sixteen), ip("::ffff:127.0.0.1"),
                         ip("::ffff:7f00:1"), ip("127.0.0.1")}) {
    EXPECT_EQ(made, expected);
    EXPECT_EQ(made.family(), IpFamily::v4);
    EXPECT_TRUE(made.is_loopback());
    EXPECT_EQ(made.wire_bytes().size(), 4U);
    EXPECT_EQ(made.v4_bits(), 0x7f000001U);
    EXPECT_FALSE(made.embedded_v4().has_value());
  }
}

TEST(Ip, WireBytesAreFourOrSixteen) {
  EXPECT_EQ(ip("192.0.2.7").wire_bytes().size(), 4U);
  EXPECT_EQ(ip("192.0.2.7").wire_bytes()[3], 7);
  EXPECT_EQ(ip("2001:db8::7").wire_bytes().size(), 16U);
  EXPECT_EQ(ip("2001:db8::7").wire_bytes()[15], 7);
}

TEST(Ip, KnowsItsSpecialKinds) {
  struct Case {
    std::string_view text;
    bool unspecified;
    bool loopback;
    bool link_local;
  };
  for (const Case& c : {
           Case{"0.0.0.0", true, false, false},
           Case{"0.0.0.1", false, false, false},
           Case{"::", true, false, false},
           Case{"126.255.255.255", false, false, false},
           Case{"127.0.0.0", false, true, false},
           Case{"127.255.255.255", false, true, false},
           Case{"128.0.0.0", false, false, false},
           Case{"::1", false, true, false},
           Case{"::2", false, false, false},
           Case{"1::1", false, false, false},
           Case{"169.253.255.255", false, false, false},
           Case{"169.254.0.0", false, false, true},
           Case{"169.254.255.255", false, false, true},
           Case{"169.255.0.0", false, false, false},
           Case{"fe7f:ffff::", false, false, false},
           Case{"fe80::", false, false, true},
           Case{"febf:ffff::", false, false, true},
           Case{"fec0::", false, false, false},
       }) {
    EXPECT_EQ(ip(c.text).is_unspecified(), c.unspecified) << c.text;
    EXPECT_EQ(ip(c.text).is_loopback(), c.loopback) << c.text;
    EXPECT_EQ(ip(c.text).is_link_local(), c.link_local) << c.text;
  }
}

TEST(Ip, FindsTheV4AddressEmbeddedInEachForm) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      // v4-compatible, RFC 4291 section 2.5.5.1.
      {"::10.1.2.3", "10.1.2.3"},
      {"::2", "0.0.0.2"},
      // Translated, RFC 2765 section 2.1.
      {"::ffff:0:10.1.2.3", "10.1.2.3"},
      // 6to4, RFC 3056 section 2, whatever follows.
      {"2002:0a01:0203::", "10.1.2.3"},
      {"2002:0a01:0203:1:2:3:4:5", "10.1.2.3"},
      // NAT64, RFC 6052 section 2.1 and RFC 8215.
      {"64:ff9b::10.1.2.3", "10.1.2.3"},
      {"64:ff9b:1::10.1.2.3", "10.1.2.3"},
      {"64:ff9b:1:ffff:ffff:ffff:10.1.2.3", "10.1.2.3"},
      // Teredo, RFC 4380 section 4: the client's address has its bits flipped.
      {"2001:0:4136:e378:8000:63bf:f5fe:fdfc", "10.1.2.3"},
      {"2001::ffff:ffff", "0.0.0.0"},
  };
  for (const auto& [text, v4] : cases) {
    const auto embedded = ip(text).embedded_v4();
    ASSERT_TRUE(embedded.has_value()) << text;
    EXPECT_EQ(embedded->to_string(), v4) << text;
  }
}

TEST(Ip, FindsNoV4AddressWhereThereIsNone) {
  for (const std::string_view text :
       {"10.1.2.3", "::", "::1", "2001:db8::10.1.2.3", "2001:1::a01:203",
        "2003:a01:203::", "64:ff9b:0:1::a01:203", "64:ff9b:2::a01:203", "::1:ffff:0:a01:203",
        "::ffff:1:a01:203", "fe80::5efe:a01:203", "1::10.1.2.3"}) {
    EXPECT_FALSE(ip(text).embedded_v4().has_value()) << text;
  }
}

TEST(Ip, OrderIsTheOrderOfTheNumbers) {
  const std::vector<std::string_view> ascending = {
      "::",         "::1",          "::ffff",        "0.0.0.0",      "1.0.0.255",
      "1.0.1.0",    "10.0.0.0",     "192.0.2.255",   "192.0.3.0",    "255.0.0.0",
      "::1:0:0:0",  "2001:db8::ff", "2001:db8::100", "2001:db8:1::", "fe80::",
      "ffff:ffff::"};
  for (size_t i = 0; i + 1 < ascending.size(); ++i) {
    EXPECT_LT(ip(ascending[i]), ip(ascending[i + 1])) << ascending[i];
  }
}

TEST(Ip, AnyAddressIsTheUnspecifiedOneOfItsFamily) {
  EXPECT_EQ(any_address(IpFamily::v4).to_string(), "0.0.0.0");
  EXPECT_EQ(any_address(IpFamily::v6).to_string(), "::");
}

TEST(Endpoint, ParsesAndPrints) {
  struct Case {
    std::string_view text;
    std::string_view canonical;  // Empty: refused.
  };
  for (const Case& c : {
           Case{"192.0.2.1:80", "192.0.2.1:80"},
           Case{"192.0.2.1", "192.0.2.1:3478"},
           Case{"192.0.2.1:0", "192.0.2.1:0"},
           Case{"192.0.2.1:65535", "192.0.2.1:65535"},
           Case{"192.0.2.1:65536", ""},
           Case{"192.0.2.1:-1", ""},
           Case{"192.0.2.1:+1", ""},
           Case{"192.0.2.1:8x", ""},
           Case{"192.0.2.1: 80", ""},
           Case{"192.0.2.1:", ""},
           Case{":80", ""},
           Case{"", ""},
           Case{"2001:db8::1", "[2001:db8::1]:3478"},
           Case{"[2001:db8::1]", "[2001:db8::1]:3478"},
           Case{"[2001:db8::1]:80", "[2001:db8::1]:80"},
           Case{"[::ffff:192.0.2.1]:80", "192.0.2.1:80"},
           Case{"[2001:db8::1]:", ""},
           Case{"[2001:db8::1]80", ""},
           Case{"[2001:db8::1", ""},
           Case{"[]:80", ""},
           Case{"[", ""},
           Case{"example.org:80", ""},
       }) {
    const auto parsed = Endpoint::parse(c.text, 3478);
    EXPECT_EQ(parsed ? parsed->to_string() : "", c.canonical) << c.text;
  }
}

TEST(Endpoint, ComparesAddressThenPort) {
  const auto at = [](std::string_view text) { return Endpoint::parse(text, 0).value(); };
  EXPECT_EQ(at("192.0.2.1:80"), at("[::ffff:192.0.2.1]:80"));
  EXPECT_NE(at("192.0.2.1:80"), at("192.0.2.1:81"));
  EXPECT_LT(at("192.0.2.1:81"), at("192.0.2.2:80"));
}

}  // namespace
}  // namespace turnpike
