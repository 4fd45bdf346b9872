#include "base/result.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace turnpike {
namespace {

enum class Trouble { none, some };

Result<std::unique_ptr<int>, Trouble> make(bool good) {
  if (!good) return unexpected(Trouble::some);
  return std::make_unique<int>(7);
}

TEST(Result, HoldsAMoveOnlyValue) {
  auto result = make(true);
  ASSERT_TRUE(result);
  const std::unique_ptr<int> taken = std::move(*result);
  EXPECT_EQ(*taken, 7);
}

TEST(Result, HoldsAnError) {
  const auto result = make(false);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), Trouble::some);
}

TEST(Result, OfVoidSaysSuccess) {
  const Result<void, std::string> fine;
  EXPECT_TRUE(fine);
  const Result<void, std::string> bad = unexpected(std::string("why"));
  EXPECT_EQ(bad.error(), "why");
}

}  // namespace
}  // namespace turnpike
