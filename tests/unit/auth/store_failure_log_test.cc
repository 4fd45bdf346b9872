#include <gtest/gtest.h>

#include "auth/store/failure_log.h"

namespace turnpike::auth {
namespace {

TEST(FailureLog, ReportsAFailureOnceWhileItLasts) {
  FailureLog log;
  EXPECT_EQ(log.on_failure(DatabaseError::locked), 1U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(log.on_failure(DatabaseError::locked), std::nullopt);
}

TEST(FailureLog, ReportsEachKindByItself) {
  FailureLog log;
  EXPECT_TRUE(log.on_failure(DatabaseError::missing).has_value());
  EXPECT_TRUE(log.on_failure(DatabaseError::corrupt).has_value());
}

TEST(FailureLog, ReportsTheEndOfWhatItHasReported) {
  FailureLog log;
  EXPECT_FALSE(log.on_success());
  EXPECT_TRUE(log.on_failure(DatabaseError::missing).has_value());
  EXPECT_TRUE(log.on_success());
  EXPECT_FALSE(log.on_success());
}

TEST(FailureLog, ReportsAFailureThatComesAndGoesEverMoreRarely) {
  FailureLog log;
  int lines = 0;
  for (int i = 0; i < 1024; ++i) {
    if (log.on_failure(DatabaseError::locked)) ++lines;
    if (log.on_success()) ++lines;
  }
  EXPECT_EQ(lines, 2 * 11);  // 1, 2, 4, ... 1024, and the end of each.
}

TEST(FailureLog, BeginsAnewAfterALongQuietTime) {
  FailureLog log;
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(log.on_failure(DatabaseError::locked));
    log.on_success();
  }
  for (int i = 0; i < 7200; ++i) log.on_success();
  EXPECT_EQ(log.on_failure(DatabaseError::locked), 1U);
}

}  // namespace
}  // namespace turnpike::auth
