// Peers that must not be reached, in each spelling that hides an IPv4 address in an IPv6 one.
#include "turn/peer_policy.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

using testing::ip;

PeerRule allow(std::string_view range) {
  return {*IpRange::parse(range), RuleAction::allow};
}
PeerRule deny(std::string_view range) {
  return {*IpRange::parse(range), RuleAction::deny};
}

struct Case {
  std::string_view ip;
  PeerReason reason;
};

void expect_all(const PeerPolicy& policy, std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(to_string(policy.judge(ip(c.ip))), to_string(c.reason)) << c.ip;
  }
}

TEST(PeerPolicy, AllowsTheOpenInternet) {
  const PeerPolicy policy({});
  expect_all(policy,
             {{"8.8.8.8", PeerReason::allowed},         {"1.1.1.1", PeerReason::allowed},
              {"9.255.255.255", PeerReason::allowed},   {"11.0.0.0", PeerReason::allowed},
              {"100.63.255.255", PeerReason::allowed},  {"100.128.0.0", PeerReason::allowed},
              {"126.255.255.255", PeerReason::allowed}, {"128.0.0.0", PeerReason::allowed},
              {"169.253.255.255", PeerReason::allowed}, {"172.15.255.255", PeerReason::allowed},
              {"172.32.0.0", PeerReason::allowed},      {"192.167.255.255", PeerReason::allowed},
              {"192.169.0.0", PeerReason::allowed},     {"198.17.255.255", PeerReason::allowed},
              {"198.20.0.0", PeerReason::allowed},      {"223.255.255.255", PeerReason::allowed},
              {"2001:1::1", PeerReason::allowed},       {"2001:1::3", PeerReason::allowed},
              {"2001:3::1", PeerReason::allowed},       {"2001:4:112::1", PeerReason::allowed},
              {"2001:20::", PeerReason::allowed},       {"2001:3f:ffff::1", PeerReason::allowed},
              {"2001:200::", PeerReason::allowed},      {"2607:f8b0::1", PeerReason::allowed},
              {"2a00::", PeerReason::allowed}});
}

TEST(PeerPolicy, RefusesEveryRangeAtBothOfItsEnds) {
  const PeerPolicy policy({});
  expect_all(policy, {{"0.0.0.0", PeerReason::unspecified},
                      {"0.255.255.255", PeerReason::unspecified},
                      {"10.0.0.0", PeerReason::private_use},
                      {"10.255.255.255", PeerReason::private_use},
                      {"100.64.0.0", PeerReason::shared_space},
                      {"100.127.255.255", PeerReason::shared_space},
                      {"127.0.0.0", PeerReason::loopback},
                      {"127.0.0.1", PeerReason::loopback},
                      {"127.255.255.255", PeerReason::loopback},
                      {"169.254.0.0", PeerReason::link_local},
                      {"169.254.169.254", PeerReason::link_local},
                      {"169.254.255.255", PeerReason::link_local},
                      {"172.16.0.0", PeerReason::private_use},
                      {"172.31.255.255", PeerReason::private_use},
                      {"192.0.0.1", PeerReason::reserved},
                      {"192.0.2.255", PeerReason::documentation},
                      {"192.88.99.1", PeerReason::reserved},
                      {"192.168.0.0", PeerReason::private_use},
                      {"192.168.255.255", PeerReason::private_use},
                      {"198.18.0.0", PeerReason::reserved},
                      {"198.19.255.255", PeerReason::reserved},
                      {"198.51.100.1", PeerReason::documentation},
                      {"203.0.113.1", PeerReason::documentation},
                      {"224.0.0.0", PeerReason::multicast},
                      {"239.255.255.255", PeerReason::multicast},
                      {"240.0.0.0", PeerReason::reserved},
                      {"255.255.255.254", PeerReason::reserved},
                      {"255.255.255.255", PeerReason::broadcast},
                      {"::", PeerReason::unspecified},
                      {"::1", PeerReason::loopback},
                      {"100::", PeerReason::reserved},
                      {"100::ffff:ffff:ffff:ffff", PeerReason::reserved},
                      {"100:0:0:1::", PeerReason::reserved},
                      {"100:0:0:1:ffff:ffff:ffff:ffff", PeerReason::reserved},
                      {"2001:1::", PeerReason::reserved},
                      {"2001:1::4", PeerReason::reserved},
                      {"2001:2::1", PeerReason::reserved},
                      {"2001:2:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::reserved},
                      {"2001:4::", PeerReason::reserved},
                      {"2001:4:111:ffff:ffff:ffff:ffff:ffff", PeerReason::reserved},
                      {"2001:4:113::", PeerReason::reserved},
                      {"2001:10::1", PeerReason::reserved},
                      {"2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::reserved},
                      {"2001:40::", PeerReason::reserved},
                      {"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::reserved},
                      {"2001:db8::", PeerReason::documentation},
                      {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::documentation},
                      {"3fff::1", PeerReason::documentation},
                      {"5f00::1", PeerReason::reserved},
                      {"fc00::", PeerReason::unique_local},
                      {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::unique_local},
                      {"fe80::", PeerReason::link_local},
                      {"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::link_local},
                      {"fec0::1", PeerReason::unique_local},
                      {"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::unique_local},
                      {"ff00::", PeerReason::multicast},
                      {"ff02::1", PeerReason::multicast},
                      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::multicast}});
}

// The bytes of `v4` in each form that some stack, tunnel or translator takes apart again.
std::vector<std::string> spellings(std::string_view v4) {
  const Ip plain = ip(v4);
  const auto b = plain.wire_bytes();
  const auto hex = [&](unsigned mask) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%x:%x",
                  static_cast<unsigned>((b[0] << 8 | b[1])) ^ mask,
                  static_cast<unsigned>((b[2] << 8 | b[3])) ^ mask);
    return std::string(text.data());
  };
  const std::string dotted(v4);
  return {"::ffff:" + dotted,        // Mapped.
          "::ffff:0:" + dotted,      // RFC 2765 translated.
          "2002:" + hex(0) + "::1",  // 6to4.
          "64:ff9b::" + dotted,      // NAT64, the well-known prefix.
          "64:ff9b:1::" + dotted,    // NAT64, the local prefix.
          "64:ff9b:1:ffff:ffff:ffff:" + dotted,
          "2001:0:4136:e378:8000:63bf:" + hex(0xffff)};  // Teredo.
}

TEST(PeerPolicy, RefusesThemInEverySpelling) {
  const PeerPolicy policy({});
  for (const std::string_view v4 :
       {"0.0.0.1", "10.1.2.3", "100.64.1.2", "127.0.0.1", "127.8.9.1", "127.8.9.10",
        "169.254.169.254", "172.16.5.5", "192.0.2.1", "192.168.1.1", "198.18.0.1", "224.0.0.1",
        "239.1.2.3", "240.0.0.1", "255.255.255.255"}) {
    for (const std::string& spelling : spellings(v4)) {
      EXPECT_NE(policy.judge(ip(spelling)), PeerReason::allowed) << spelling;
    }
    // Compatible; of those ::0.0.0.1 is the loopback address itself.
    EXPECT_NE(policy.judge(ip("::" + std::string(v4))), PeerReason::allowed) << v4;
  }
}

TEST(PeerPolicy, AllowsGlobalAddressesBehindTheTranslatorsThatAreGlobal) {
  const PeerPolicy policy({});
  for (const std::string_view spelling :
       {"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"}) {
    EXPECT_EQ(policy.judge(ip(spelling)), PeerReason::allowed) << spelling;
  }
}

// Where a translator finds the IPv4 address under the local prefix is its operator's choice
// (RFC 8215), so no single reading of it would be safe.
TEST(PeerPolicy, RefusesTheLocalTranslatorPrefixWhateverLengthItIsReadWith) {
  const PeerPolicy policy({});
  for (const std::string_view spelling :
       {"64:ff9b:1:a00:0:100:808:808",  // 10.0.0.1 under /48.
        "64:ff9b:1:0:a:0:108:808",      // 10.0.0.1 under /64, reads 1.8.8.8 under /96.
        "64:ff9b:1:7f00:0:108:808:808"}) {
    EXPECT_NE(policy.judge(ip(spelling)), PeerReason::allowed) << spelling;
  }
  const PeerPolicy opened({.rules = {allow("64:ff9b:1::/48")}});
  EXPECT_EQ(opened.judge(ip("64:ff9b:1::8.8.8.8")), PeerReason::allowed);
  EXPECT_EQ(opened.judge(ip("64:ff9b:1::10.0.0.1")), PeerReason::private_use);
}

TEST(PeerPolicy, RefusesOwnAddressesInEverySpelling) {
  const PeerPolicy policy({.own_addresses = {ip("8.8.4.4"), ip("2607:f8b0::1")}});
  EXPECT_EQ(policy.judge(ip("8.8.4.4")), PeerReason::own_address);
  EXPECT_EQ(policy.judge(ip("2607:f8b0::1")), PeerReason::own_address);
  EXPECT_EQ(policy.judge(ip("8.8.4.5")), PeerReason::allowed);
  for (const std::string& spelling : spellings("8.8.4.4")) {
    EXPECT_NE(policy.judge(ip(spelling)), PeerReason::allowed) << spelling;
  }
}

TEST(PeerPolicy, RefusesWhateverLeadsToThisHost) {
  PeerPolicySettings settings;
  settings.own_ranges = {*IpRange::parse("45.1.0.0/24"), *IpRange::parse("127.0.0.0/8")};
  settings.allow_loopback_peers = true;
  settings.rules = {{*IpRange::parse("45.1.0.9"), RuleAction::allow},
                    {*IpRange::parse("45.0.0.0/8"), RuleAction::allow}};
  const PeerPolicy policy(settings);
  EXPECT_EQ(policy.judge(*Ip::parse("45.1.0.77")), PeerReason::own_address);
  EXPECT_EQ(policy.judge(*Ip::parse("64:ff9b::45.1.0.77")), PeerReason::own_address);
  EXPECT_EQ(policy.judge(*Ip::parse("45.1.0.9")), PeerReason::allowed);
  EXPECT_EQ(policy.judge(*Ip::parse("45.1.1.1")), PeerReason::allowed);
  EXPECT_EQ(policy.judge(*Ip::parse("127.0.0.1")), PeerReason::allowed);
}

TEST(PeerPolicy, RefusesOwnAddressesWhereTheirRangeIsAllowed) {
  const PeerPolicySettings settings = {.rules = {allow("10.0.0.0/8")},
                                       .own_addresses = {ip("10.0.0.5")},
                                       .allow_private_peers = true};
  EXPECT_EQ(PeerPolicy(settings).judge(ip("10.0.0.5")), PeerReason::own_address);
  EXPECT_EQ(PeerPolicy(settings).judge(ip("10.0.0.6")), PeerReason::allowed);
}

TEST(PeerPolicy, AllowsAnOwnAddressThatARuleNames) {
  const PeerPolicy policy({.rules = {allow("10.0.0.5")}, .own_addresses = {ip("10.0.0.5")}});
  EXPECT_EQ(policy.judge(ip("10.0.0.5")), PeerReason::allowed);
}

TEST(PeerPolicy, LetsTheNarrowestRuleWin) {
  const PeerPolicy policy(
      {.rules = {deny("8.0.0.0/8"), allow("8.8.0.0/16"), deny("8.8.8.0-8.8.8.9"), allow("8.8.8.4"),
                 allow("10.0.0.0/24"), deny("10.0.0.7")}});
  expect_all(policy, {{"8.1.1.1", PeerReason::denied_by_rule},
                      {"8.8.1.1", PeerReason::allowed},
                      {"8.8.8.9", PeerReason::denied_by_rule},
                      {"8.8.8.10", PeerReason::allowed},
                      {"8.8.8.4", PeerReason::allowed},
                      {"10.0.0.1", PeerReason::allowed},
                      {"10.0.0.7", PeerReason::denied_by_rule},
                      {"10.0.1.1", PeerReason::private_use},
                      {"9.9.9.9", PeerReason::allowed}});
}

TEST(PeerPolicy, LetsTheLastOfEqualRulesWin) {
  EXPECT_EQ(PeerPolicy({.rules = {deny("8.8.8.8"), allow("8.8.8.8")}}).judge(ip("8.8.8.8")),
            PeerReason::allowed);
  EXPECT_EQ(PeerPolicy({.rules = {allow("8.8.8.8"), deny("8.8.8.8")}}).judge(ip("8.8.8.8")),
            PeerReason::denied_by_rule);
}

// A rule for IPv4 is not one for IPv6, although the numbers of the one lie among the other's.
TEST(PeerPolicy, KeepsTheFamiliesOfRulesApart) {
  const PeerPolicy policy({.rules = {allow("::/0")}});
  EXPECT_EQ(policy.judge(ip("10.0.0.1")), PeerReason::private_use);
  EXPECT_EQ(policy.judge(ip("fc00::1")), PeerReason::unique_local);
}

TEST(PeerPolicy, ComparesIPv6RangesAsNumbers) {
  const PeerPolicy policy({.rules = {deny("2a00:1::ff00-2a00:2::1")}});
  EXPECT_EQ(policy.judge(ip("2a00:1::feff")), PeerReason::allowed);
  EXPECT_EQ(policy.judge(ip("2a00:1::ff00")), PeerReason::denied_by_rule);
  EXPECT_EQ(policy.judge(ip("2a00:1:1::2")), PeerReason::denied_by_rule);
  EXPECT_EQ(policy.judge(ip("2a00:2::1")), PeerReason::denied_by_rule);
  EXPECT_EQ(policy.judge(ip("2a00:2::2")), PeerReason::allowed);
}

TEST(PeerPolicy, OpensPrivateSpaceByOption) {
  const PeerPolicy policy({.allow_private_peers = true});
  expect_all(policy, {{"10.0.0.1", PeerReason::allowed},
                      {"100.64.0.1", PeerReason::allowed},
                      {"fc00::1", PeerReason::allowed},
                      {"127.0.0.1", PeerReason::loopback},
                      {"169.254.169.254", PeerReason::link_local}});
}

TEST(PeerPolicy, OpensLoopbackByOption) {
  const PeerPolicy policy({.own_addresses = {ip("127.0.0.1")}, .allow_loopback_peers = true});
  expect_all(policy, {{"127.0.0.1", PeerReason::allowed},
                      {"::1", PeerReason::allowed},
                      {"0.0.0.0", PeerReason::unspecified},
                      {"10.0.0.1", PeerReason::private_use}});
}

TEST(PeerPolicy, NamesTheOptionThatWouldAllow) {
  EXPECT_EQ(option_that_allows(PeerReason::private_use), "allow-private-peers or allowed-peer-ip");
  EXPECT_EQ(option_that_allows(PeerReason::loopback), "allow-loopback-peers");
  EXPECT_EQ(option_that_allows(PeerReason::own_address), "allowed-peer-ip");
}

}  // namespace
}  // namespace turnpike::turn
