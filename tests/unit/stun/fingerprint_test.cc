#include "stun/fingerprint.h"

#include <gtest/gtest.h>

#include "stun/types.h"

namespace turnpike::stun {
namespace {

TEST(Fingerprint, CrcHasTheCheckValueOfItsStandard) {
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xcbf43926U);
  EXPECT_EQ(crc32({}), 0U);
  EXPECT_EQ(crc32(as_bytes(std::string_view("\0", 1))), 0xd202ef8dU);
}

TEST(Fingerprint, IsTheCrcXoredWithAConstant) {
  EXPECT_EQ(fingerprint_of(as_bytes("123456789")), 0xcbf43926U ^ 0x5354554eU);
}

}  // namespace
}  // namespace turnpike::stun
