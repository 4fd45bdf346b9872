// Binding: RFC 8489, and RFC 3489 by option.
#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;

TEST(Binding, TellsTheClientItsAddress) {
  CoreDriver core;
  for (const std::string_view home : {kHome, std::string_view("[2607:f8b0::1]:7")}) {
    CoreClient client(core, home);
    const auto answer = client.exchange(testing::make_request(Method::binding));
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->is(Class::success));
    EXPECT_EQ(answer->address(AttributeType::xor_mapped_address), endpoint(home));
    EXPECT_EQ(answer->view().transaction_id(), testing::transaction(1));
  }
}

TEST(Binding, IsAsSmallAsItCanBe) {
  CoreDriver core;
  CoreClient client(core, kHome);
  EXPECT_EQ(client.exchange(testing::make_request(Method::binding))->bytes.size(), 32U);
}

TEST(Binding, MakesNoState) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.exchange(testing::make_request(Method::binding));
  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_TRUE(core.all_effects.empty());
}

TEST(Binding, TellsTheAddressInTheOldWayTooByOption) {
  CoreDriver core;
  core.settings.add_mapped_address = true;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  const auto answer = client.exchange(testing::make_request(Method::binding));
  EXPECT_EQ(stun::decode_address(*answer->view().find(AttributeType::mapped_address)),
            endpoint(kHome));
}

TEST(Binding, RejectsUnknownRequiredAttributes) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto answer = client.exchange(testing::make_request(
      Method::binding, [](auto& b) { b.add_u32(AttributeType::change_request, 6); }));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), 420);
  EXPECT_EQ(
      stun::decode_unknown_attributes(*answer->view().find(AttributeType::unknown_attributes)),
      std::vector{AttributeType::change_request});
}

TEST(Binding, DoesNotPadAnswersOnRequest) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto answer = client.exchange(testing::make_request(
      Method::binding, [](auto& b) { b.add(AttributeType::padding, std::string(60, 'x')); }));
  ASSERT_TRUE(answer);
  EXPECT_LT(answer->bytes.size(), 84U);
}

TEST(Binding, AcceptsWhatIceAdds) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto answer = client.exchange(testing::make_request(Method::binding, [](auto& b) {
    b.add(AttributeType::username, "a:b");
    b.add_u32(AttributeType::priority, 1);
    b.add_u64(AttributeType::ice_controlling, 1);
    b.add_empty(AttributeType::use_candidate);
  }));
  EXPECT_TRUE(answer->is(Class::success));
}

TEST(Binding, IsLimitedBySource) {
  CoreDriver core;
  core.settings.binding_limit = {10, 10};
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  CoreClient other(core, "8.8.8.9:40000");
  int answers = 0;
  for (int i = 0; i < 10 + 15; ++i) {
    answers += client.exchange(testing::make_request(Method::binding)) ? 1 : 0;
  }
  EXPECT_EQ(answers, 10);
  EXPECT_TRUE(other.exchange(testing::make_request(Method::binding)));
  EXPECT_EQ(core.count(&Counters::drop_rate_limited), 15U);
}

TEST(Binding, NeedsCredentialsByOption) {
  CoreDriver core;
  core.settings.authenticate_binding = true;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  EXPECT_EQ(client.exchange(testing::make_request(Method::binding))->error(), 401);
  const testing::Received answer = client.request(Method::binding);
  EXPECT_TRUE(answer.is(Class::success));
  EXPECT_TRUE(answer.view().has(AttributeType::message_integrity));
  EXPECT_EQ(answer.address(AttributeType::xor_mapped_address), endpoint(kHome));
  EXPECT_EQ(balance_of(core), testing::Balance());
}

TEST(Binding, IsNotServedByOption) {
  CoreDriver core;
  core.settings.serve_binding = false;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  EXPECT_FALSE(client.exchange(testing::make_request(Method::binding)));
  EXPECT_TRUE(client.allocate().is(Class::success));
  EXPECT_EQ(core.count(&Counters::drop_unknown_method), 1U);
}

// A Binding request of RFC 3489: sixteen bytes of transaction id and no cookie.
Bytes classic(std::initializer_list<uint8_t> attributes = {}) {
  Bytes bytes = {0x00, 0x01, 0x00, static_cast<uint8_t>(attributes.size())};
  for (uint8_t i = 1; i <= 16; ++i) bytes.push_back(i);
  bytes.insert(bytes.end(), attributes.begin(), attributes.end());
  return bytes;
}

class ClassicBindingTest : public ::testing::Test {
 protected:
  ClassicBindingTest() {
    core_.settings.classic_stun = true;
    core_.use_settings(core_.settings);
  }
  // The answer, whose first 20 bytes are checked.
  stun::MessageView answer_to(const Bytes& request, uint16_t type) {
    core_.client_packet(client_.route, request);
    EXPECT_EQ(core_.to_client.size(), 1U);
    const Bytes& bytes = core_.to_client.at(0).bytes;
    EXPECT_EQ(bytes[0] << 8 | bytes[1], type);
    EXPECT_TRUE(std::equal(bytes.begin() + 4, bytes.begin() + 20, request.begin() + 4));
    return *stun::MessageView::parse_classic(bytes);
  }
  CoreDriver core_;
  CoreClient client_{core_, kHome};
};

TEST(ClassicBinding, IsDroppedUnlessItIsAskedFor) {
  CoreDriver core;
  CoreClient client(core, kHome);
  EXPECT_FALSE(client.exchange(classic()));
  EXPECT_EQ(core.count(&Counters::drop_classic_stun), 1U);
}

TEST_F(ClassicBindingTest, TellsMappedAndSourceAddress) {
  const stun::MessageView answer = answer_to(classic(), 0x0101);
  EXPECT_EQ(stun::decode_address(*answer.find(AttributeType::mapped_address)), endpoint(kHome));
  EXPECT_EQ(stun::decode_address(*answer.find(AttributeType::source_address)),
            endpoint("192.0.2.1:3478"));
  EXPECT_FALSE(answer.has(AttributeType::xor_mapped_address));
  EXPECT_FALSE(answer.has(AttributeType::changed_address));
}

TEST_F(ClassicBindingTest, AnswersAChangeRequestThatAsksForNoChange) {
  answer_to(classic({0, 3, 0, 4, 0, 0, 0, 0}), 0x0101);
}

// Answering from the wrong address would tell a client that its NAT is more open than it is.
TEST_F(ClassicBindingTest, RejectsAChangeThatCannotBeMade) {
  for (const uint8_t flags : {uint8_t{2}, uint8_t{4}, uint8_t{6}}) {
    const stun::MessageView answer = answer_to(classic({0, 3, 0, 4, 0, 0, 0, flags}), 0x0111);
    EXPECT_EQ(stun::decode_error_code(*answer.find(AttributeType::error_code))->code, 420);
    EXPECT_TRUE(answer.has(AttributeType::unknown_attributes));
  }
}

TEST_F(ClassicBindingTest, IsUnderTheSameLimit) {
  core_.settings.binding_limit = {1, 1};
  core_.use_settings(core_.settings);
  EXPECT_TRUE(client_.exchange(testing::make_request(Method::binding)));
  core_.client_packet(client_.route, classic());
  EXPECT_TRUE(core_.to_client.empty());
}

TEST_F(ClassicBindingTest, ErrorsAreUnderTheLimitOfErrors) {
  core_.settings.error_limit = {1, 1};
  core_.use_settings(core_.settings);
  const Bytes request = classic({0x00, 0x03, 0x00, 0x04, 0, 0, 0, 6});
  core_.client_packet(client_.route, request);
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].bytes[1], 0x11);
  core_.client_packet(client_.route, request);
  EXPECT_TRUE(core_.to_client.empty());
  core_.client_packet(client_.route, classic());
  EXPECT_EQ(core_.to_client.size(), 1U);
}

TEST_F(ClassicBindingTest, IsTheOnlyMethodThatIsServed) {
  Bytes allocate = classic();
  allocate[1] = 3;
  core_.client_packet(client_.route, allocate);
  EXPECT_TRUE(core_.to_client.empty());
  Bytes success = classic();
  success[0] = 1;
  core_.client_packet(client_.route, success);
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_classic_stun), 2U);
}

}  // namespace
}  // namespace turnpike::turn
