#include "client/binding_exchange.h"

#include <gtest/gtest.h>

#include "stun/builder.h"
#include "support/messages.h"

namespace turnpike::client {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::Bytes;

const Endpoint kSeen{Ip::v4(0xc6336401), 40000};
const Endpoint kPrivate{Ip::v4(0xc0a80101), 40000};

Bytes answer(const testing::AddAttributes& add, Class message_class = Class::success) {
  return testing::make_message(Method::binding, message_class, testing::transaction(7), add);
}

TEST(BindingExchange, AsksWithNothingThatAnOldServerWouldRefuse) {
  EXPECT_EQ(make_binding_request(testing::transaction(1), {}).size(), 20u);
}

TEST(BindingExchange, AsksForWhatIsWanted) {
  const Bytes bytes = make_binding_request(
      testing::transaction(1),
      {.change = stun::ChangeRequest{true, false}, .response_port = 4711, .padding = 100});
  const auto message = testing::parsed(bytes);
  EXPECT_TRUE(stun::decode_change_request(*message.find(AttributeType::change_request))->change_ip);
  EXPECT_EQ(stun::decode_response_port(*message.find(AttributeType::response_port)), 4711);
  EXPECT_EQ(message.find(AttributeType::padding)->size(), 100u);
}

TEST(BindingExchange, TellsWhoseAnswerItIs) {
  const Bytes bytes = answer({});
  EXPECT_EQ(answered_id(bytes), testing::transaction(7));
  EXPECT_FALSE(asked_id(bytes));
  const Bytes request = make_binding_request(testing::transaction(8), {});
  EXPECT_EQ(asked_id(request), testing::transaction(8));
  EXPECT_FALSE(answered_id(request));
}

TEST(BindingExchange, PrefersTheAddressThatNoGatewayRewrites) {
  const Bytes bytes = answer([](stun::MessageBuilder& builder) {
    builder.add_address(AttributeType::mapped_address, kPrivate);
    builder.add_xor_address(AttributeType::xor_mapped_address, kSeen);
  });
  const auto parsed = parse_binding_answer(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->public_address(), kSeen);
  EXPECT_TRUE(parsed->rewritten());
}

TEST(BindingExchange, ReadsBehindAnAttributeWhosePaddingIsRoundedUp) {
  const Bytes bytes = answer([](stun::MessageBuilder& builder) {
    builder.add(AttributeType::software, "abcde");
    builder.add_xor_address(AttributeType::xor_mapped_address, kSeen);
  });
  EXPECT_EQ(parse_binding_answer(bytes)->public_address(), kSeen);
}

TEST(BindingExchange, ForgivesMissingPaddingAtTheEndAndNothingElse) {
  Bytes bytes = answer([](stun::MessageBuilder& builder) {
    builder.add_xor_address(AttributeType::xor_mapped_address, kSeen);
    builder.add(AttributeType::software, "abcde");
  });
  bytes.resize(bytes.size() - 3);
  bytes[3] = static_cast<uint8_t>(bytes[3] - 3);
  EXPECT_TRUE(parse_binding_answer(bytes));
  bytes.pop_back();
  EXPECT_FALSE(parse_binding_answer(bytes));
}

TEST(BindingExchange, TakesNoAddressThatNobodyCanBeReachedAt) {
  for (const Endpoint& nowhere : {Endpoint{Ip::v4(0), 5}, Endpoint{Ip::v4(0x01020304), 0}}) {
    const Bytes bytes = answer([&nowhere](stun::MessageBuilder& builder) {
      builder.add_xor_address(AttributeType::xor_mapped_address, nowhere);
    });
    EXPECT_FALSE(parse_binding_answer(bytes));
  }
}

TEST(BindingExchange, ReadsTheNamesOfRfc3489) {
  const Bytes bytes = answer([](stun::MessageBuilder& builder) {
    builder.add_address(AttributeType::mapped_address, kSeen);
    builder.add_address(AttributeType::changed_address, kPrivate);
    builder.add_address(AttributeType::source_address, kSeen);
  });
  const auto parsed = parse_binding_answer(bytes);
  EXPECT_EQ(parsed->other_address, kPrivate);
  EXPECT_EQ(parsed->response_origin, kSeen);
}

TEST(BindingExchange, ReadsErrors) {
  const Bytes bytes = answer(
      [](stun::MessageBuilder& builder) { builder.add_error(stun::ErrorCode::unknown_attribute); },
      Class::error);
  EXPECT_EQ(parse_binding_answer(bytes)->error, 420);
}

TEST(BindingExchange, TakesNothingFromOtherMessages) {
  EXPECT_FALSE(answered_id(
      testing::make_message(Method::allocate, Class::success, testing::transaction(7))));
  EXPECT_FALSE(answered_id(
      testing::make_message(Method::binding, Class::indication, testing::transaction(7))));
  EXPECT_FALSE(answered_id(Bytes(19)));
}

}  // namespace
}  // namespace turnpike::client
