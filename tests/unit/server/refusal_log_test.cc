#include "server/refusal_log.h"

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

constexpr WallTime kFirst{seconds(1'700'000'000)};

TEST(RefusalLog, TellsTheNewestFirst) {
  RefusalLog log;
  for (int i = 0; i < 3; ++i) {
    log.add(turn::CredentialsRefused{{}, "user" + std::to_string(i)}, kFirst + seconds(i));
  }
  const auto list = log.newest(2);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].user, "user2");
  EXPECT_EQ(list[1].user, "user1");
}

TEST(RefusalLog, SaysWhatIsWrongWithCredentials) {
  RefusalLog log;
  log.add(turn::CredentialsRefused{{}, "ann", "r", auth::Fault::unknown_user}, kFirst);
  EXPECT_EQ(log.newest(1).front().reason, "unknown user");
}

TEST(RefusalLog, ForgetsTheOldest) {
  RefusalLog log;
  const size_t count = RefusalLog::kKept + 5;
  for (size_t i = 0; i < count; ++i) {
    log.add(turn::CredentialsRefused{{}, std::to_string(i)}, kFirst);
  }
  const auto list = log.newest(count);
  ASSERT_EQ(list.size(), RefusalLog::kKept);
  EXPECT_EQ(list.front().user, std::to_string(count - 1));
  EXPECT_EQ(list.back().user, "5");
}

TEST(RefusalLog, KeepsLittleOfALongName) {
  RefusalLog log;
  log.add(turn::CredentialsRefused{{}, std::string(500, 'x')}, kFirst);
  EXPECT_EQ(log.newest(1).front().user.size(), RefusalLog::kLongestName);
}

TEST(RefusalLog, SaysWhatWouldAllowAPeer) {
  RefusalLog log;
  const auto peer = *Endpoint::parse("10.1.2.3:4", 0);
  log.add(turn::PeerRefused{{}, "ann", peer, turn::PeerReason::private_use}, kFirst);
  const Refusal refusal = log.newest(1).front();
  EXPECT_EQ(refusal.code, 403);
  EXPECT_NE(refusal.reason.find("10.1.2.3:4"), std::string::npos);
  EXPECT_NE(refusal.reason.find("allow-private-peers"), std::string::npos);
}

TEST(RefusalLog, NamesMethodAndCodeOfARequest) {
  RefusalLog log;
  log.add(
      turn::RequestRefused{
          {}, "ann", stun::Method::allocate, stun::ErrorCode::allocation_quota_reached},
      kFirst);
  EXPECT_EQ(log.newest(1).front().what, "Allocate");
  EXPECT_EQ(log.newest(1).front().code, 486);
}

TEST(RefusalLog, SeveralBecomeOneByTime) {
  RefusalLog one;
  RefusalLog two;
  one.add(turn::CredentialsRefused{{}, "a"}, kFirst + seconds(1));
  two.add(turn::CredentialsRefused{{}, "b"}, kFirst + seconds(2));
  one.add(turn::CredentialsRefused{{}, "c"}, kFirst + seconds(3));
  const auto merged = merge_refusals({one.newest(9), two.newest(9)}, 2);
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0].user, "c");
  EXPECT_EQ(merged[1].user, "b");
}

}  // namespace
}  // namespace turnpike::server
