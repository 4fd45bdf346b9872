#include "client/binding_question.h"

#include <gtest/gtest.h>

#include "support/messages.h"
#include "unit/client/conversation.h"

namespace turnpike::client {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::Bytes;

struct Asked {
  RandomSource random{3};
  BindingQuestion question;
  Output out;
  Instant now{seconds(5)};
  Bytes request;

  Asked() {
    question.ask(now, random, out);
    request.assign(out.packet(0).begin(), out.packet(0).end());
    out.clear();
  }
  [[nodiscard]] Bytes answer(Class message_class, const testing::AddAttributes& add) const {
    return testing::make_message(Method::binding, message_class,
                                 testing::parsed(request).transaction_id(), add);
  }
  bool deliver(const Bytes& packet) {
    out.clear();
    return question.on_packet(now, packet, out);
  }
};

TEST(BindingQuestion, AsksWithAFingerprintAndNothingElse) {
  const Asked asked;
  EXPECT_EQ(asked.request.size(), 28u);
  EXPECT_TRUE(testing::parsed(asked.request).has(AttributeType::fingerprint));
}

TEST(BindingQuestion, TellsTheMappedAddressAndTheTime) {
  Asked asked;
  asked.now += milliseconds(7);
  EXPECT_TRUE(asked.deliver(asked.answer(Class::success, [](stun::MessageBuilder& builder) {
    builder.add_xor_address(AttributeType::xor_mapped_address, kMapped);
  })));
  const auto& answered = std::get<BindingAnswered>(asked.out.events().front());
  EXPECT_EQ(answered.mapped, kMapped);
  EXPECT_EQ(answered.took, milliseconds(7));
  EXPECT_EQ(asked.question.deadline(), Instant::max());
}

TEST(BindingQuestion, TakesTheMappedAddressOfAnOldServer) {
  Asked asked;
  asked.deliver(asked.answer(Class::success, [](stun::MessageBuilder& builder) {
    builder.add_address(AttributeType::mapped_address, kMapped);
  }));
  EXPECT_EQ(std::get<BindingAnswered>(asked.out.events().front()).mapped, kMapped);
}

TEST(BindingQuestion, IgnoresAnAnswerToSomethingElse) {
  Asked asked;
  EXPECT_FALSE(asked.deliver(
      testing::make_message(Method::binding, Class::success, testing::transaction(99))));
  EXPECT_FALSE(asked.deliver(asked.answer(Class::request, {})));
  EXPECT_NE(asked.question.deadline(), Instant::max());
}

TEST(BindingQuestion, TellsARefusal) {
  Asked asked;
  asked.deliver(asked.answer(Class::error, [](stun::MessageBuilder& builder) {
    builder.add_error(stun::ErrorCode::server_error);
  }));
  const auto& failed = std::get<RequestFailed>(asked.out.events().front());
  EXPECT_EQ(failed.kind, FailureKind::rejected);
  EXPECT_EQ(failed.code, 500);
}

TEST(BindingQuestion, AnswerWithoutAddressIsMalformed) {
  Asked asked;
  asked.deliver(asked.answer(Class::success, {}));
  EXPECT_EQ(std::get<RequestFailed>(asked.out.events().front()).kind, FailureKind::malformed);
}

TEST(BindingQuestion, IsRepeatedAndGivenUp) {
  Asked asked;
  size_t sent = 0;
  while (asked.question.deadline() != Instant::max()) {
    asked.out.clear();
    asked.now = asked.question.deadline();
    asked.question.on_time(asked.now, asked.out);
    sent += asked.out.packet_count();
  }
  EXPECT_EQ(sent, 6u);
  EXPECT_EQ(std::get<RequestFailed>(asked.out.events().front()).kind, FailureKind::timed_out);
}

}  // namespace
}  // namespace turnpike::client
