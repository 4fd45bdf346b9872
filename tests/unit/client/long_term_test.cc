// Challenges and integrity, as seen from outside of a session.
#include <gtest/gtest.h>

#include "conversation.h"

namespace turnpike::client {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::ErrorCode;
using stun::IntegrityKind;
using stun::Method;
using stun::PasswordAlgorithm;

constexpr std::array kBoth = {PasswordAlgorithm::sha256, PasswordAlgorithm::md5};

AddAttributes algorithms(std::span<const PasswordAlgorithm> list) {
  return [list](stun::MessageBuilder& builder) { builder.add_password_algorithms(list); };
}

SessionSettings with_style(CredentialStyle style) {
  SessionSettings settings = settings_of_alice();
  settings.credentials.style = style;
  return settings;
}

// The answer to a challenge with RFC 8489's algorithms.
Bytes answer_to_modern_challenge(Conversation& c, std::span<const PasswordAlgorithm> list = kBoth,
                                 std::string_view nonce = kNonceWithAlgorithms) {
  c.session.allocate(c.now, {}, c.out);
  c.deliver(
      Conversation::challenge(c.only_sent(), nonce, ErrorCode::unauthenticated, algorithms(list)));
  return c.only_sent();
}

PasswordAlgorithm algorithm_of(const Bytes& request) {
  const auto value = testing::parsed(request).find(AttributeType::password_algorithm);
  return value ? stun::decode_password_algorithm(*value).value_or(PasswordAlgorithm{})
               : PasswordAlgorithm{};
}

TEST(LongTerm, FirstRequestCarriesNoCredentials) {
  Conversation c;
  c.session.allocate(c.now, {}, c.out);
  const Bytes request = c.only_sent();
  EXPECT_FALSE(has(request, AttributeType::username));
  EXPECT_FALSE(has(request, AttributeType::realm));
  EXPECT_FALSE(has(request, AttributeType::nonce));
  EXPECT_FALSE(has(request, AttributeType::message_integrity));
}

TEST(LongTerm, ChallengeIsAnsweredWithCredentialsInANewTransaction) {
  Conversation c;
  c.session.allocate(c.now, {}, c.out);
  const Bytes first = c.only_sent();
  EXPECT_TRUE(c.deliver(Conversation::challenge(first)));
  const Bytes second = c.only_sent();
  EXPECT_EQ(text_of(second, AttributeType::username), kUser);
  EXPECT_EQ(text_of(second, AttributeType::realm), kRealm);
  EXPECT_EQ(text_of(second, AttributeType::nonce), kNonce);
  EXPECT_TRUE(stun::verify_integrity(testing::parsed(second), IntegrityKind::sha1,
                                     stun::long_term_key_md5(kUser, kRealm, kPassword)));
  EXPECT_NE(testing::parsed(first).transaction_id(), testing::parsed(second).transaction_id());
}

TEST(LongTerm, LaterRequestsAreSignedAtOnce) {
  Conversation c;
  c.have_allocation();
  c.session.create_permission(c.now, std::array{kPeer}, c.out);
  EXPECT_EQ(text_of(c.only_sent(), AttributeType::nonce), kNonce);
  EXPECT_TRUE(has(c.only_sent(), AttributeType::message_integrity));
}

TEST(LongTerm, SecondRefusalMeansWrongCredentials) {
  Conversation c;
  const Bytes request = c.allocate_until_signed();
  c.deliver(Conversation::challenge(request, "another-nonce"));
  const auto failed = c.event<RequestFailed>();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->kind, FailureKind::wrong_credentials);
  EXPECT_TRUE(failed->is(ErrorCode::unauthenticated));
  EXPECT_EQ(c.out.packet_count(), 0u);
}

TEST(LongTerm, AnotherRealmIsAReasonToTryAgain) {
  Conversation c;
  const Bytes request = c.allocate_until_signed();
  c.deliver(Conversation::challenge(request, kNonce, ErrorCode::unauthenticated, {}, "elsewhere"));
  EXPECT_EQ(text_of(c.only_sent(), AttributeType::realm), "elsewhere");
}

TEST(LongTerm, RealmsThatChangeForEverAreGivenUpOn) {
  Conversation c;
  c.session.allocate(c.now, {}, c.out);
  for (int i = 0; i < 10 && c.out.packet_count() == 1; ++i) {
    const std::string realm = "realm-" + std::to_string(i);
    c.deliver(
        Conversation::challenge(c.only_sent(), kNonce, ErrorCode::unauthenticated, {}, realm));
  }
  EXPECT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.session.open_requests(), 0u);
}

TEST(LongTerm, WithoutCredentialsAChallengeIsAFailure) {
  Conversation c{SessionSettings{}};
  c.session.allocate(c.now, {}, c.out);
  c.deliver(Conversation::challenge(c.only_sent()));
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::no_credentials);
}

TEST(LongTerm, ChallengeWithoutNonceIsMalformed) {
  Conversation c;
  c.session.allocate(c.now, {}, c.out);
  const Bytes request = c.only_sent();
  c.deliver(testing::make_message(Method::allocate, Class::error,
                                  testing::parsed(request).transaction_id(),
                                  [](stun::MessageBuilder& builder) {
                                    builder.add_error(ErrorCode::unauthenticated);
                                    builder.add(AttributeType::realm, kRealm);
                                  }));
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::malformed);
}

TEST(LongTerm, StaleNonceIsAnsweredWithTheFreshOne) {
  Conversation c;
  c.have_allocation();
  const RequestId id = c.session.refresh(c.now, seconds(600), c.out);
  c.deliver(Conversation::challenge(c.only_sent(), "fresh-nonce", ErrorCode::stale_nonce));
  const Bytes again = c.only_sent();
  EXPECT_EQ(text_of(again, AttributeType::nonce), "fresh-nonce");
  c.deliver(Conversation::success(
      again, [](stun::MessageBuilder& builder) { builder.add_u32(AttributeType::lifetime, 600); }));
  ASSERT_TRUE(c.event<Refreshed>());
  EXPECT_EQ(c.event<Refreshed>()->request, id);
}

TEST(LongTerm, StaleNonceMayComeWithoutTheRealm) {
  Conversation c;
  const Bytes request = c.allocate_until_signed();
  c.deliver(testing::make_message(Method::allocate, Class::error,
                                  testing::parsed(request).transaction_id(),
                                  [](stun::MessageBuilder& builder) {
                                    builder.add_error(ErrorCode::stale_nonce);
                                    builder.add(AttributeType::nonce, "fresh-nonce");
                                  }));
  EXPECT_EQ(text_of(c.only_sent(), AttributeType::realm), kRealm);
  EXPECT_EQ(text_of(c.only_sent(), AttributeType::nonce), "fresh-nonce");
}

TEST(LongTerm, NoncesThatAreAlwaysStaleAreGivenUpOn) {
  Conversation c;
  c.session.allocate(c.now, {}, c.out);
  for (int i = 0; i < 10 && c.out.packet_count() == 1; ++i) {
    c.deliver(Conversation::challenge(c.only_sent(), kNonce, ErrorCode::stale_nonce));
  }
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_TRUE(c.event<RequestFailed>()->is(ErrorCode::stale_nonce));
}

TEST(LongTerm, EachOfSeveralOpenRequestsIsAskedAgain) {
  Conversation c;
  c.have_allocation();
  c.session.create_permission(c.now, std::array{kPeer}, c.out);
  c.session.bind_channel(c.now, 0x4000, kPeer, c.out);
  const auto requests = c.sent();
  ASSERT_EQ(requests.size(), 2u);
  c.deliver(Conversation::challenge(requests[0], "n2", ErrorCode::stale_nonce));
  const Bytes permission = c.only_sent();
  c.deliver(Conversation::challenge(requests[1], "n2", ErrorCode::stale_nonce));
  const Bytes channel = c.only_sent();
  c.deliver(Conversation::success(channel));
  EXPECT_TRUE(c.event<ChannelBound>());
  c.deliver(Conversation::success(permission));
  EXPECT_TRUE(c.event<PermissionsCreated>());
}

TEST(LongTerm, OfferedAlgorithmsAreEchoedAndTheFirstKnownOneIsUsed) {
  Conversation c;
  const Bytes request = answer_to_modern_challenge(c);
  EXPECT_EQ(algorithm_of(request), PasswordAlgorithm::sha256);
  const auto echoed = testing::parsed(request).find(AttributeType::password_algorithms);
  ASSERT_TRUE(echoed);
  EXPECT_EQ(*stun::decode_password_algorithms(*echoed), (std::vector<uint16_t>{2, 1}));
  EXPECT_TRUE(stun::verify_integrity(testing::parsed(request), IntegrityKind::sha256,
                                     stun::long_term_key_sha256(kUser, kRealm, kPassword)));
  EXPECT_FALSE(has(request, AttributeType::message_integrity));
  EXPECT_EQ(text_of(request, AttributeType::username), kUser);
}

TEST(LongTerm, UnknownAlgorithmsArePassedOver) {
  Conversation c;
  const std::array list = {PasswordAlgorithm{0x7777}, PasswordAlgorithm::md5};
  const Bytes request = answer_to_modern_challenge(c, list);
  EXPECT_EQ(algorithm_of(request), PasswordAlgorithm::md5);
  // RFC 8489 section 9.2.5: SHA-256 integrity even then, with the MD5 key.
  EXPECT_TRUE(stun::verify_integrity(testing::parsed(request), IntegrityKind::sha256,
                                     stun::long_term_key_md5(kUser, kRealm, kPassword)));
}

TEST(LongTerm, OnlyUnknownAlgorithmsAreAFailure) {
  Conversation c;
  const std::array list = {PasswordAlgorithm{0x7777}};
  EXPECT_TRUE(answer_to_modern_challenge(c, list).empty());
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::algorithm_not_offered);
}

TEST(LongTerm, UsernameIsHiddenWhenTheNonceSaysSo) {
  Conversation c;
  const Bytes request = answer_to_modern_challenge(c, kBoth, kNonceWithUserhash);
  EXPECT_FALSE(has(request, AttributeType::username));
  const auto hash = stun::userhash(kUser, kRealm);
  EXPECT_EQ(text_of(request, AttributeType::userhash), as_text(hash));
}

TEST(LongTerm, AnswersInTheOfferedStyleAreVerified) {
  Conversation c;
  const Bytes request = answer_to_modern_challenge(c);
  c.deliver(Conversation::answer(request, Class::success, Conversation::allocation(),
                                 IntegrityKind::sha1));
  EXPECT_FALSE(c.event<Allocated>()) << "SHA-1 integrity was accepted where SHA-256 is due";
  c.deliver(Conversation::answer(request, Class::success, Conversation::allocation(),
                                 IntegrityKind::sha256));
  EXPECT_TRUE(c.event<Allocated>());
}

TEST(LongTerm, StyleOfRfc5389IgnoresTheOffer) {
  Conversation c(with_style(CredentialStyle::rfc5389));
  const Bytes request = answer_to_modern_challenge(c, kBoth, kNonceWithUserhash);
  EXPECT_FALSE(has(request, AttributeType::password_algorithms));
  EXPECT_FALSE(has(request, AttributeType::password_algorithm));
  EXPECT_EQ(text_of(request, AttributeType::username), kUser);
  EXPECT_TRUE(has(request, AttributeType::message_integrity));
}

TEST(LongTerm, Md5CanBeInsistedOn) {
  Conversation c(with_style(CredentialStyle::md5));
  EXPECT_EQ(algorithm_of(answer_to_modern_challenge(c)), PasswordAlgorithm::md5);
}

TEST(LongTerm, InsistingOnSha256FailsWhereItIsNotOffered) {
  Conversation c(with_style(CredentialStyle::sha256));
  c.session.allocate(c.now, {}, c.out);
  c.deliver(Conversation::challenge(c.only_sent()));
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::algorithm_not_offered);
}

TEST(LongTerm, PromisedAlgorithmsThatAreMissingAreADowngrade) {
  for (const ErrorCode code : {ErrorCode::unauthenticated, ErrorCode::stale_nonce}) {
    Conversation c;
    c.session.allocate(c.now, {}, c.out);
    c.deliver(Conversation::challenge(c.only_sent(), kNonceWithAlgorithms, code));
    ASSERT_TRUE(c.event<RequestFailed>());
    EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::downgrade);
    EXPECT_EQ(c.out.packet_count(), 0u);
  }
}

TEST(LongTerm, LosingTheOfferHalfwayIsADowngrade) {
  Conversation c;
  const Bytes request = answer_to_modern_challenge(c);
  c.deliver(Conversation::challenge(request, "plain-nonce", ErrorCode::stale_nonce));
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::downgrade);
}

TEST(LongTerm, NonceThatOnlyResemblesACookiePromisesNothing) {
  for (const std::string_view nonce : {"obMatJos2gA", "obMatJos2g*AAn", "obMatJos3gAAAn"}) {
    Conversation c;
    c.session.allocate(c.now, {}, c.out);
    c.deliver(Conversation::challenge(c.only_sent(), nonce));
    EXPECT_EQ(c.out.packet_count(), 1u) << nonce;
  }
}

TEST(LongTerm, AnswerWithWrongIntegrityIsIgnored) {
  Conversation c;
  const Bytes request = c.allocate_until_signed();
  c.deliver(Conversation::answer(request, Class::success, Conversation::allocation(),
                                 IntegrityKind::sha1, "other password"));
  EXPECT_TRUE(c.out.events().empty());
  EXPECT_FALSE(c.session.allocated());
  EXPECT_EQ(c.session.ignored_packets(), 1u);
  c.deliver(Conversation::success(request, Conversation::allocation()));
  EXPECT_TRUE(c.session.allocated());
}

TEST(LongTerm, AnswerWithoutIntegrityIsIgnored) {
  Conversation c;
  const Bytes request = c.allocate_until_signed();
  const auto id = testing::parsed(request).transaction_id();
  c.deliver(
      testing::make_message(Method::allocate, Class::success, id, Conversation::allocation()));
  EXPECT_FALSE(c.session.allocated());
  c.deliver(testing::make_message(
      Method::allocate, Class::error, id,
      [](stun::MessageBuilder& builder) { builder.add_error(ErrorCode::forbidden); }));
  EXPECT_TRUE(c.out.events().empty());
  EXPECT_EQ(c.session.open_requests(), 1u);
}

TEST(LongTerm, WhenOnlyUntrustedAnswersCameTheFailureSaysSo) {
  Conversation c;
  const Bytes request = c.allocate_until_signed();
  c.deliver(testing::make_message(
      Method::allocate, Class::error, testing::parsed(request).transaction_id(),
      [](stun::MessageBuilder& builder) { builder.add_error(ErrorCode::bad_request); }));
  for (int i = 0; i < 7; ++i) {
    c.now = c.session.deadline();
    c.tick();
  }
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::not_authenticated);
  EXPECT_TRUE(c.event<RequestFailed>()->is(ErrorCode::bad_request));
}

TEST(LongTerm, AttributesBehindTheIntegrityDoNotCount) {
  Conversation c;
  const Bytes request = c.allocate_until_signed();
  const auto id = testing::parsed(request).transaction_id();
  c.deliver(testing::make_message(
      Method::allocate, Class::success, id, [](stun::MessageBuilder& builder) {
        builder.add_xor_address(AttributeType::xor_relayed_address, kRelayed);
        builder.add_xor_address(AttributeType::xor_mapped_address, kMapped);
        builder.add_integrity_sha1(stun::long_term_key_md5(kUser, kRealm, kPassword));
        builder.add_u32(AttributeType::lifetime, 600);
      }));
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::malformed);
}

TEST(LongTerm, SuccessWithoutChallengeNeedsNoIntegrity) {
  Conversation c{SessionSettings{}};
  c.session.allocate(c.now, {}, c.out);
  const auto id = testing::parsed(c.only_sent()).transaction_id();
  c.deliver(
      testing::make_message(Method::allocate, Class::success, id, Conversation::allocation()));
  EXPECT_TRUE(c.event<Allocated>());
}

}  // namespace
}  // namespace turnpike::client
