#include "base/hex.h"

#include <array>

#include <gtest/gtest.h>

namespace turnpike {
namespace {

TEST(Hex, PrintsTwoLowerCaseDigitsAByte) {
  EXPECT_EQ(to_hex({}), "");
  EXPECT_EQ(to_hex(as_bytes("\x01\xfe")), "01fe");
}

TEST(Hex, ReadsDigitsOfEitherCase) {
  std::array<uint8_t, 3> out{};
  EXPECT_TRUE(from_hex("01aBFf", out));
  EXPECT_EQ(to_hex(out), "01abff");
  EXPECT_TRUE(from_hex("", ByteSpan()));
}

TEST(Hex, RefusesWrongSizesAndCharacters) {
  std::array<uint8_t, 2> out{};
  for (const std::string_view text : {"", "0", "012", "01234", "012345", "01 2", "0x01", "012g",
                                      "012/", "012:", "012@", "012`"}) {
    EXPECT_FALSE(from_hex(text, out)) << text;
  }
}

}  // namespace
}  // namespace turnpike
