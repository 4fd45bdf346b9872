#include "base/check.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

TEST(Check, PassesWhenTrueAndEvaluatesOnce) {
  int evaluated = 0;
  CHECK(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(CheckDeathTest, StopsTheProcessAndNamesTheExpression) {
  EXPECT_DEATH(CHECK(1 + 1 == 3), R"(CHECK failed: 1 \+ 1 == 3 \(.*check_test\.cc:[0-9]+\))");
}

TEST(CheckDeathTest, DcheckStopsDebugBuildsOnly) {
#ifdef NDEBUG
  int evaluated = 0;
  DCHECK(++evaluated == 5);
  EXPECT_EQ(evaluated, 0);
#else
  EXPECT_DEATH(DCHECK(false), "CHECK failed: false");
#endif
}

}  // namespace
}  // namespace turnpike
