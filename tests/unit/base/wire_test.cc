#include "base/wire.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "base/hex.h"
#include "support/hex.h"

namespace turnpike {
namespace {

using testing::bytes_from_hex;

TEST(WireReader, ReadsBigEndianNumbers) {
  const auto bytes = bytes_from_hex("01 0203 04050607 08090a0b0c0d0e0f");
  WireReader reader(bytes);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u32(), 0x04050607U);
  EXPECT_EQ(reader.u64(), 0x08090a0b0c0d0e0fU);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(WireReader, ErrorSticksAndReadsZerosAfterwards) {
  const auto bytes = bytes_from_hex("ffffff");
  WireReader reader(bytes);
  EXPECT_EQ(reader.u32(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_TRUE(reader.bytes(0).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(WireReader, BytesAndSkipRespectTheEnd) {
  const auto bytes = bytes_from_hex("01020304");
  WireReader reader(bytes);
  reader.skip(1);
  EXPECT_EQ(to_hex(reader.bytes(3)), "020304");
  EXPECT_TRUE(reader.ok());
  reader.skip(1);
  EXPECT_FALSE(reader.ok());
  WireReader huge(bytes);
  EXPECT_TRUE(huge.bytes(SIZE_MAX).empty());
  EXPECT_FALSE(huge.ok());
}

TEST(WireWriter, WritesBigEndianNumbers) {
  std::array<uint8_t, 18> buffer;
  buffer.fill(0xee);
  WireWriter writer(buffer);
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.u64(0x08090a0b0c0d0e0f);
  writer.zeros(2);
  writer.bytes({});
  EXPECT_TRUE(writer.ok());
  EXPECT_EQ(to_hex(writer.written()), "0102030405060708090a0b0c0d0e0f0000");
  EXPECT_EQ(buffer.back(), 0xee);
}

TEST(WireWriter, WritesNothingThatDoesNotFitAndStops) {
  std::array<uint8_t, 3> buffer;
  buffer.fill(0xee);
  WireWriter writer(buffer);
  writer.u16(0x0102);
  writer.u16(0x0304);
  EXPECT_FALSE(writer.ok());
  writer.u8(0x05);
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.size(), 2U);
  EXPECT_EQ(buffer[2], 0xee);
  WireWriter huge(buffer);
  huge.u8(1);
  EXPECT_TRUE(huge.claim(SIZE_MAX).empty());
  EXPECT_FALSE(huge.ok());
}

TEST(WireWriter, PatchesOnlyWhatWasWritten) {
  std::array<uint8_t, 4> buffer{};
  WireWriter writer(buffer);
  writer.u16(0);
  writer.patch_u16(0, 0x1234);
  writer.patch_u16(1, 0xffff);
  EXPECT_EQ(to_hex(buffer), "12340000");
}

}  // namespace
}  // namespace turnpike
