#include "net/read_depth.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace turnpike::net {
namespace {

// Reads a socket at which `waiting` messages have come since the last read, as the receiver does.
size_t read(ReadDepth& depth, size_t waiting) {
  const size_t want = depth.want();
  depth.found(std::min(want, waiting));
  return want;
}

ReadDepth shallow() {
  ReadDepth depth;
  for (size_t i = 0; i < ReadDepth::kPatience; ++i) read(depth, 1);
  return depth;
}

TEST(ReadDepth, BeginsDeep) {
  EXPECT_EQ(ReadDepth().want(), ReadDepth::kDeep);
}

TEST(ReadDepth, AsksForOneWhereMessagesComeSingly) {
  ReadDepth depth;
  for (size_t i = 0; i < ReadDepth::kPatience; ++i) EXPECT_EQ(read(depth, 1), ReadDepth::kDeep);
  EXPECT_EQ(depth.want(), 1U);
}

TEST(ReadDepth, AsksForManyWhereManySend) {
  ReadDepth depth(ReadDepth::Kind::always_deep);
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(read(depth, 1), ReadDepth::kDeep);
}

TEST(ReadDepth, StaysDeepWhereSomeReadsFindMore) {
  ReadDepth depth;
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(read(depth, i % 3 == 0 ? 2 : 1), ReadDepth::kDeep);
}

TEST(ReadDepth, AnEmptyReadSaysNothing) {
  ReadDepth depth;
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(read(depth, 0), ReadDepth::kDeep);
  for (size_t i = 0; i < ReadDepth::kPatience; ++i) {
    read(depth, 0);
    read(depth, 1);
  }
  EXPECT_EQ(depth.want(), 1U);
}

TEST(ReadDepth, LooksAgainNowAndThen) {
  ReadDepth depth = shallow();
  size_t deep = 0;
  for (size_t i = 0; i < 10 * ReadDepth::kLookAgain; ++i) {
    if (read(depth, 1) == ReadDepth::kDeep) ++deep;
  }
  EXPECT_EQ(deep, 10U);
}

TEST(ReadDepth, NoticesABurstWithinAFewReads) {
  ReadDepth depth = shallow();
  size_t reads = 0;
  while (read(depth, 10) != ReadDepth::kDeep) ++reads;
  EXPECT_LT(reads, size_t{ReadDepth::kLookAgain});
  for (size_t i = 0; i < ReadDepth::kPatience - 1; ++i) {
    EXPECT_EQ(read(depth, 1), ReadDepth::kDeep) << "a burst resets what was learnt";
  }
}

}  // namespace
}  // namespace turnpike::net
