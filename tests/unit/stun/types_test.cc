// Numbers and names are checked against the IANA registries in tests/vectors/iana_test.cc.
#include "stun/types.h"

#include <gtest/gtest.h>

namespace turnpike::stun {
namespace {

TEST(Types, NumbersThatAreNotOursHaveNoName) {
  EXPECT_EQ(name(static_cast<Method>(0x002)), "?");
  EXPECT_EQ(name(static_cast<Method>(0xfff)), "?");
  EXPECT_EQ(name(static_cast<AttributeType>(0x0000)), "?");
  EXPECT_EQ(name(static_cast<AttributeType>(0xffff)), "?");
  EXPECT_EQ(reason(static_cast<ErrorCode>(487)), "?");
}

TEST(Types, OursHave) {
  EXPECT_EQ(name(Method::channel_bind), "ChannelBind");
  EXPECT_EQ(name(AttributeType::xor_relayed_address), "XOR-RELAYED-ADDRESS");
  EXPECT_EQ(reason(ErrorCode::stale_nonce), "Stale Nonce");
}

}  // namespace
}  // namespace turnpike::stun
