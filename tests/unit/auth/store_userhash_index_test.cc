#include <gtest/gtest.h>

#include "auth/store/userhash_index.h"

namespace turnpike::auth {
namespace {

TEST(UserhashIndex, FindsTheRowOfAUserhash) {
  UserhashIndex index;
  for (int64_t row = 0; row < 1000; ++row) {
    index.add(stun::userhash("user" + std::to_string(row), "realm"), row);
  }
  index.seal();
  for (int64_t row = 0; row < 1000; ++row) {
    const auto found = index.find(stun::userhash("user" + std::to_string(row), "realm"));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].row, row);
  }
  EXPECT_TRUE(index.find(stun::userhash("stranger", "realm")).empty());
}

TEST(UserhashIndex, FindsEveryRowThatBeginsAlike) {
  UserhashIndex index;
  stun::Sha256Mac one{};
  stun::Sha256Mac two{};
  two[31] = 1;
  index.add(one, 10);
  index.add(two, 20);
  index.seal();
  EXPECT_EQ(index.find(one).size(), 2U);
}

TEST(UserhashIndex, IsEmptyAtFirst) {
  UserhashIndex index;
  index.seal();
  EXPECT_TRUE(index.find({}).empty());
}

}  // namespace
}  // namespace turnpike::auth
