#include "server/session_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::server {
namespace {

using testing::CoreClient;
using testing::CoreDriver;

class SessionList : public ::testing::Test {
 protected:
  SessionList() {
    driver_.add_user("alice", "secret");
    driver_.add_user("bob", "secret");
    driver_.publish_users();
  }

  SessionPage list(const SessionQuery& query) {
    return list_sessions(*driver_.server, 3, query, driver_.now.mono);
  }
  std::unique_ptr<CoreClient> client(std::string_view address, const std::string& user) {
    auto made = std::make_unique<CoreClient>(driver_, address, user);
    EXPECT_EQ(made->allocate().error(), 0);
    return made;
  }
  // By its number, so that no test depends on how users are spelled.
  static SessionFilter of_user(const std::string& user) {
    SessionFilter filter;
    filter.user = user;
    return filter;
  }

  CoreDriver driver_;
};

TEST_F(SessionList, DescribesASession) {
  const auto alice = client("203.0.113.5:7000", "alice");
  alice->bind(0x4001, "45.1.1.1:9");
  alice->bind(0x4002, "45.1.1.2:9");
  driver_.advance(seconds(5));
  alice->send_channel(0x4001, "12345");
  driver_.advance(seconds(2));
  const SessionPage page = list({});
  ASSERT_EQ(page.sessions.size(), 1U);
  const SessionInfo& one = page.sessions.front();
  EXPECT_EQ(one.id.worker, 3U);
  EXPECT_EQ(one.user, "alice");
  EXPECT_EQ(one.tuple.client.to_string(), "203.0.113.5:7000");
  EXPECT_THAT(one.relayed, ::testing::ElementsAre(alice->relayed()));
  EXPECT_EQ(one.age, seconds(7));
  EXPECT_EQ(one.expires_in, seconds(593));
  EXPECT_EQ(one.from_client.packets, 1U);
  EXPECT_EQ(one.from_client.bytes, 5U);
  ASSERT_EQ(one.channels.size(), 2U);
  EXPECT_EQ(one.channels[0].idle, seconds(2));
  EXPECT_EQ(one.channels[1].idle, std::nullopt);
  EXPECT_EQ(one.permissions.size(), 2U);
}

TEST_F(SessionList, MeasuresRatesFromLookToLook) {
  const auto alice = client("203.0.113.5:7000", "alice");
  alice->bind(0x4001, "45.1.1.1:9");
  for (int i = 0; i < 8; ++i) alice->send_channel(0x4001, "12345");
  driver_.advance(seconds(4));
  EXPECT_DOUBLE_EQ(list({}).sessions.front().from_client.bytes_per_s, 10);
  driver_.advance(seconds(2));
  EXPECT_DOUBLE_EQ(list({}).sessions.front().from_client.bytes_per_s, 0);
  for (int i = 0; i < 4; ++i) alice->send_channel(0x4001, "12345");
  driver_.advance(seconds(2));
  EXPECT_DOUBLE_EQ(list({}).sessions.front().from_client.packets_per_s, 2);
}

TEST_F(SessionList, ALookThatComesTooSoonBeginsNoNewMeasurement) {
  const auto alice = client("203.0.113.5:7000", "alice");
  alice->bind(0x4001, "45.1.1.1:9");
  alice->send_channel(0x4001, "12345");
  driver_.advance(milliseconds(500));
  EXPECT_DOUBLE_EQ(list({}).sessions.front().from_client.bytes_per_s, 10);
  EXPECT_DOUBLE_EQ(list({}).sessions.front().from_client.bytes_per_s, 10);
}

TEST_F(SessionList, FindsByUserAddressRealmAndId) {
  const auto alice = client("203.0.113.5:7000", "alice");
  const auto bob = client("203.0.113.77:7000", "bob");
  EXPECT_EQ(list({.filter = of_user("bob"), .after = {}}).matching, 1U);
  EXPECT_EQ(list({.filter = of_user("carol"), .after = {}}).matching, 0U);
  SessionQuery query;
  query.filter.client = IpRange::parse("203.0.113.64/26");
  ASSERT_EQ(list(query).sessions.size(), 1U);
  EXPECT_EQ(list(query).sessions.front().user, "bob");
  query = {};
  query.filter.realm = driver_.settings.realm;
  EXPECT_EQ(list(query).matching, 2U);
  query.filter.realm = "another";
  EXPECT_EQ(list(query).matching, 0U);
  query = {};
  query.filter.id = list({}).sessions.back().id;
  EXPECT_EQ(list(query).matching, 1U);
  ++query.filter.id->generation;
  EXPECT_EQ(list(query).matching, 0U);
}

TEST_F(SessionList, GoesOnBehindTheLastOneOfAPage) {
  std::vector<std::unique_ptr<CoreClient>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(client("203.0.113.5:" + std::to_string(7000 + i), "alice"));
  }
  SessionQuery query;
  query.limit = 2;
  std::vector<SessionId> seen;
  for (int pages = 0; pages < 10; ++pages) {
    const SessionPage page = list(query);
    EXPECT_EQ(page.matching, 5U);
    for (const SessionInfo& one : page.sessions) seen.push_back(one.id);
    if (!page.more) break;
    query.after = page.sessions.back().id;
  }
  EXPECT_EQ(seen.size(), 5U);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST_F(SessionList, OmitsWhatHasExpired) {
  const auto alice = client("203.0.113.5:7000", "alice");
  driver_.advance(seconds(600));
  EXPECT_EQ(list({}).matching, 0U);
}

TEST_F(SessionList, KillsThoseThatFit) {
  const auto alice = client("203.0.113.5:7000", "alice");
  const auto bob = client("203.0.113.77:7000", "bob");
  turn::Outbox out;
  EXPECT_EQ(kill_sessions(*driver_.server, 3, of_user("alice"), driver_.now, out), 1U);
  ASSERT_EQ(out.effects.size(), 1U);
  EXPECT_EQ(std::get<turn::AllocationClosed>(out.effects.front()).reason,
            turn::CloseReason::killed);
  EXPECT_EQ(alice->allocation(), nullptr);
  EXPECT_NE(bob->allocation(), nullptr);
}

TEST_F(SessionList, ATimeLimitedNameBelongsToTheUserInIt) {
  driver_.add_user("1800000000:alice", "secret");
  driver_.publish_users();
  const auto limited = client("203.0.113.5:7000", "1800000000:alice");
  EXPECT_EQ(list({.filter = of_user("alice"), .after = {}}).matching, 1U);
  EXPECT_EQ(list({.filter = of_user("1800000000:alice"), .after = {}}).matching, 1U);
  EXPECT_EQ(list({.filter = of_user("lice"), .after = {}}).matching, 0U);
}

TEST(MergedPages, AreInOrderAndCut) {
  SessionPage one;
  SessionPage two;
  one.matching = 2;
  two.matching = 1;
  one.sessions.resize(2);
  one.sessions[0].id = {1, 0, 0};
  one.sessions[1].id = {1, 5, 0};
  two.sessions.resize(1);
  two.sessions[0].id = {0, 9, 0};
  const SessionPage all = merge_pages({one, two}, 2);
  EXPECT_EQ(all.matching, 3U);
  EXPECT_TRUE(all.more);
  ASSERT_EQ(all.sessions.size(), 2U);
  EXPECT_EQ(all.sessions[0].id, (SessionId{0, 9, 0}));
  EXPECT_EQ(all.sessions[1].id, (SessionId{1, 0, 0}));
}

}  // namespace
}  // namespace turnpike::server
