#include "base/bytes.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

TEST(Bytes, AreTheBytesOfTheText) {
  const ByteView bytes = as_bytes("a\xff");
  ASSERT_EQ(bytes.size(), 2U);
  EXPECT_EQ(bytes[0], 'a');
  EXPECT_EQ(bytes[1], 0xff);
}

TEST(Bytes, BecomeTextAgainWithZerosInside) {
  const std::string_view text("a\0b", 3);
  EXPECT_EQ(as_text(as_bytes(text)), text);
}

TEST(Bytes, EmptyTextIsAnEmptyView) {
  EXPECT_TRUE(as_bytes("").empty());
  EXPECT_TRUE(as_text({}).empty());
}

}  // namespace
}  // namespace turnpike
