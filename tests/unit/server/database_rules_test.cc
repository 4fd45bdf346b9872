#include "server/database_rules.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace turnpike::server {
namespace {

using Action = auth::StoredPeerRule::Action;

class DatabaseRules : public testing::Test {
 protected:
  DatabaseRules() { set_log_level(LogLevel::off); }
  config::Config config_;
  auth::StoreState state_;
};

TEST_F(DatabaseRules, PeerRulesComeBehindTheConfiguredOnes) {
  config_.peer_rules = {{*IpRange::parse("10.0.0.0/8"), config::PeerAction::allow}};
  state_.peer_rules = {{Action::deny, "10.0.0.0/8"}, {Action::allow, "192.0.2.1-192.0.2.9"}};
  const config::Config merged = with_database_rules(config_, state_);
  ASSERT_EQ(merged.peer_rules.size(), 3U);
  EXPECT_EQ(merged.peer_rules[1].action, config::PeerAction::deny);
  EXPECT_EQ(merged.peer_rules[2].range.to_string(), "192.0.2.1-192.0.2.9");
}

TEST_F(DatabaseRules, ARuleThatCannotBeReadIsLeftOut) {
  state_.peer_rules = {{Action::deny, "10.0.0.0/99"}, {Action::deny, "10.0.0.1"}};
  EXPECT_EQ(with_database_rules(config_, state_).peer_rules.size(), 1U);
}

TEST_F(DatabaseRules, PeerRulesDoNotCountWhereTheOperatorSaysSo) {
  config_.no_dynamic_ip_list = true;
  state_.peer_rules = {{Action::allow, "10.0.0.1"}};
  EXPECT_TRUE(with_database_rules(config_, state_).peer_rules.empty());
}

}  // namespace
}  // namespace turnpike::server
