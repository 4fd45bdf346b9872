#include "base/base64.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

// RFC 4648 section 10.
TEST(Base64, EncodesTheSamplesOfTheRfc) {
  EXPECT_EQ(base64_encode({}), "");
  EXPECT_EQ(base64_encode(as_bytes("f")), "Zg==");
  EXPECT_EQ(base64_encode(as_bytes("fo")), "Zm8=");
  EXPECT_EQ(base64_encode(as_bytes("foo")), "Zm9v");
  EXPECT_EQ(base64_encode(as_bytes("foob")), "Zm9vYg==");
  EXPECT_EQ(base64_encode(as_bytes("fooba")), "Zm9vYmE=");
  EXPECT_EQ(base64_encode(as_bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(base64_encode(as_bytes("\xfb\xff\xfe")), "+//+");
}

TEST(Base64, GroupsGoIntoTheBufferAndComeBack) {
  std::array<uint8_t, 8> out{};
  base64_encode_groups(as_bytes("foobar"), out);
  EXPECT_EQ(as_text(out), "Zm9vYmFy");
  const auto group = base64_decode_group(std::span<const uint8_t, 4>(out.data() + 4, 4));
  ASSERT_TRUE(group.has_value());
  EXPECT_EQ(as_text(*group), "bar");
}

TEST(Base64, DecodesOnlyItsAlphabet) {
  for (const std::string_view text : {"Zm9=", "Zm\n9", "Zm9-", "Zm9_", "Zm9\xff", "    "}) {
    const ByteView bytes = as_bytes(text);
    EXPECT_FALSE(base64_decode_group(bytes.first<4>()).has_value()) << text;
  }
  EXPECT_FALSE(base64_decode_group(as_bytes(std::string_view("Zm9\0", 4)).first<4>()).has_value());
}

TEST(Base64, DecodesWhatItEncodes) {
  for (const std::string_view text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    const auto back = base64_decode(base64_encode(as_bytes(text)));
    ASSERT_TRUE(back.has_value()) << text;
    EXPECT_EQ(as_text(*back), text);
  }
  for (const std::string_view text :
       {"Zg", "Zg=", "=", "====", "Zg==Zg==", "Z===", "Zm9v\n", "Zm 9", "Zm9=vYg="}) {
    EXPECT_FALSE(base64_decode(text).has_value()) << text;
  }
}

TEST(Base64DeathTest, GroupsNeedABufferOfTheRightSize) {
  std::array<uint8_t, 7> out{};
  EXPECT_DEATH(base64_encode_groups(as_bytes("foobar"), out), "CHECK failed");
  EXPECT_DEATH(base64_encode_groups(as_bytes("fooba"), ByteSpan(out).first(4)), "CHECK failed");
}

}  // namespace
}  // namespace turnpike
