#include "base/counter.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

TEST(Counter, BeginsAtZeroAddsAndSubtracts) {
  Counter counter;
  EXPECT_EQ(counter.get(), 0U);
  counter.add();
  counter.add(41);
  EXPECT_EQ(counter.get(), 42U);
  counter.subtract();
  counter.subtract(40);
  EXPECT_EQ(counter.get(), 1U);
}

TEST(Counter, HoldsMoreThan32Bits) {
  Counter counter;
  counter.add(uint64_t{1} << 40);
  counter.add(uint64_t{1} << 40);
  EXPECT_EQ(counter.get(), uint64_t{1} << 41);
}

}  // namespace
}  // namespace turnpike
