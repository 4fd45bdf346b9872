#include "server/core_settings.h"

#include <gtest/gtest.h>

#include "unit/config/world.h"

namespace turnpike::server {
namespace {

class CoreSettingsTest : public ::testing::Test {
 protected:
  // Of a configuration file with these lines.
  std::shared_ptr<const turn::Settings> settings(const std::string& lines) const {
    const config::LoadResult loaded = config::load_text(lines);
    EXPECT_TRUE(loaded.ok()) << config::report_text(loaded);
    return make_core_settings(loaded.config, store_, host_, nullptr);
  }
  auth::StoreState store_;
  net::HostAddresses host_;
};

// What an option sets is another thing than what the option does, and has a test in unit/turn.
TEST_F(CoreSettingsTest, EachSwitchReachesTheCore) {
  struct Case {
    const char* line;
    bool turn::Settings::*member;
    bool value;  // With the line; without it the other one.
  };
  const Case cases[] = {
      {"static-auth-secret=north-north-north", &turn::Settings::use_shared_secrets, true},
      {"strict-expiry", &turn::Settings::strict_expiry, true},
      {"secure-stun", &turn::Settings::authenticate_binding, true},
      {"mobility", &turn::Settings::mobility, true},
      {"tcp-connect-back", &turn::Settings::tcp_connect_back, true},
      {"no-stun", &turn::Settings::serve_binding, false},
      {"stun-only", &turn::Settings::serve_turn, false},
      {"no-udp-relay", &turn::Settings::serve_udp_relay, false},
      {"no-tcp-relay", &turn::Settings::serve_tcp_relay, false},
      {"rfc5766-channel-numbers=off", &turn::Settings::wide_channel_numbers, false},
      {"rfc3489-compatibility", &turn::Settings::classic_stun, true},
      {"stun-backward-compatibility", &turn::Settings::add_mapped_address, true},
      {"fingerprint", &turn::Settings::always_fingerprint, true},
      {"include-reason-string", &turn::Settings::reason_phrases, true},
      {"no-dynamic-realms", &turn::Settings::realms_by_origin, false},
  };
  const auto plain = settings("");
  for (const Case& c : cases) {
    EXPECT_EQ((*settings(c.line)).*c.member, c.value) << c.line;
    EXPECT_EQ((*plain).*c.member, !c.value) << c.line;
  }
}

TEST_F(CoreSettingsTest, NoPeerHasAnAddressOfThisHost) {
  host_.addresses = {{.ip = *Ip::parse("45.1.0.1")}};
  host_.ranges = {*IpRange::parse("45.2.0.0/24")};
  const auto made = settings("listening-ip=45.3.0.1\nrelay-ip=45.4.0.1\nexternal-ip=45.5.0.1");
  for (const char* own : {"45.1.0.1", "45.2.0.9", "45.3.0.1", "45.4.0.1", "45.5.0.1"}) {
    EXPECT_EQ(made->peers->judge(*Ip::parse(own)), turn::PeerReason::own_address) << own;
  }
  EXPECT_EQ(made->peers->judge(*Ip::parse("45.6.0.1")), turn::PeerReason::allowed);
}

TEST_F(CoreSettingsTest, ARealmWithRulesOfItsOwnIsJudgedByThem) {
  auth::RealmState& other = store_.other_realms["north"];
  other.peer_rules = {{auth::StoredPeerRule::Action::deny, "9.9.9.9"}};
  const auto made = settings("");
  ASSERT_EQ(made->realm_peers.count("north"), 1U);
  EXPECT_EQ(made->realm_peers.at("north")->judge(*Ip::parse("9.9.9.9")),
            turn::PeerReason::denied_by_rule);
  EXPECT_EQ(made->peers->judge(*Ip::parse("9.9.9.9")), turn::PeerReason::allowed);
}

}  // namespace
}  // namespace turnpike::server
