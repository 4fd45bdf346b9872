// What answers look like, to strangers above all.
#include "turn/respond.h"

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
using testing::Received;

Bytes bare_allocate() {
  return testing::make_request(Method::allocate, [](auto& b) { b.add_requested_transport(17); });
}

TEST(Challenge, FitsIn96BytesWithEverythingThatAClientNeeds) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto answer = client.exchange(bare_allocate());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), 401);
  EXPECT_LE(answer->bytes.size(), 96U);
  EXPECT_EQ(answer->text(AttributeType::realm), "turnpike");
  EXPECT_EQ(answer->text(AttributeType::nonce).substr(0, 10), "obMatJos2w");
  EXPECT_TRUE(answer->view().has(AttributeType::password_algorithms));
}

TEST(Challenge, HasNoReasonTextNoSoftwareAndNoIntegrity) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto answer = client.exchange(bare_allocate());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->view().find(AttributeType::error_code)->size(), 4U);
  for (const AttributeType type : {AttributeType::software, AttributeType::message_integrity,
                                   AttributeType::message_integrity_sha256, AttributeType::username,
                                   AttributeType::fingerprint, AttributeType::xor_mapped_address}) {
    EXPECT_FALSE(answer->view().has(type)) << stun::name(type);
  }
}

TEST(Challenge, OffersSha256OnlyWhereEveryUserCanUseIt) {
  CoreDriver core;
  auto state = std::make_shared<auth::StoreState>();
  state->has_users = true;
  state->all_users_have_sha256 = false;
  core.server->use_store_state(state, core.now.mono);
  CoreClient client(core, kHome);
  const auto answer = client.exchange(bare_allocate());
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->view().has(AttributeType::password_algorithms));
  EXPECT_EQ(answer->text(AttributeType::nonce).substr(9, 4), "AAAA");
}

TEST(Challenge, OffersUserhashOnlyWithoutSharedSecrets) {
  CoreDriver core;
  core.settings.shared_secrets = {"north"};
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  const auto answer = client.exchange(bare_allocate());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text(AttributeType::nonce).substr(9, 4), "gAAA");
}

TEST(Challenge, WorksWithTheLongestRealmAndSoftware) {
  CoreDriver core;
  core.settings.realm = std::string(auth::kMaxRealmSize, 'r');
  core.settings.software = std::string(763, 's');
  core.settings.reason_phrases = true;
  core.settings.always_fingerprint = true;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  const auto answer = client.exchange(bare_allocate());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text(AttributeType::realm), core.settings.realm);
  EXPECT_TRUE(client.allocate().is(Class::success));
}

TEST(Challenge, AnswersBadCredentialsAlikeWhateverIsWrong) {
  CoreDriver core;
  CoreClient unknown(core, kHome, "nobody", "secret");
  CoreClient wrong(core, kHome, "alice", "wrong");
  const Received first = unknown.allocate();
  const Received second = wrong.allocate();
  EXPECT_EQ(first.error(), 401);
  EXPECT_EQ(first.bytes.size(), second.bytes.size());
  EXPECT_FALSE(second.view().has(AttributeType::message_integrity));
  EXPECT_EQ(core.count(&Counters::wrong_credentials), 2U);
  ASSERT_EQ(core.effects<CredentialsRefused>().size(), 1U);
  EXPECT_EQ(core.effects<CredentialsRefused>()[0].user, "alice");
  EXPECT_EQ(core.effects<CredentialsRefused>()[0].fault, auth::Fault::wrong_password);
  EXPECT_FALSE(core.effects<CredentialsRefused>()[0].realm.empty());
}

TEST(Challenge, ToAFirstRequestIsNotReportedAsWrongCredentials) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.exchange(bare_allocate());
  EXPECT_TRUE(core.all_effects.empty());
  EXPECT_EQ(core.count(&Counters::wrong_credentials), 0U);
  EXPECT_EQ(core.count(&Counters::challenges), 1U);
}

TEST(Challenge, GivesAFreshNonceForAStaleOne) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  core.advance(seconds(601));
  const Received answer = client.refresh(600);
  EXPECT_EQ(answer.error(), 438);
  client.credentials.nonce = answer.text(AttributeType::nonce);
  EXPECT_EQ(core.count(&Counters::stale_nonces), 1U);
  EXPECT_EQ(client.refresh(600).error(), 437);
}

TEST(Answers, AreSealedWithTheKeyAndTheAlgorithmOfTheRequest) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto md5 = stun::long_term_key_md5("alice", "turnpike", "secret");
  const Received success = client.allocate();
  EXPECT_TRUE(verify_integrity(success.view(), stun::IntegrityKind::sha1, md5));
  EXPECT_FALSE(success.view().has(AttributeType::message_integrity_sha256));
  const Received mismatch = client.allocate();
  EXPECT_EQ(mismatch.error(), 437);
  EXPECT_TRUE(verify_integrity(mismatch.view(), stun::IntegrityKind::sha1, md5));
}

TEST(Answers, AreSealedWithSha256ForWhoUsesIt) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.learn_nonce();
  const auto sha256 = stun::long_term_key_sha256("alice", "turnpike", "secret");
  const Bytes request = testing::make_request(Method::allocate, [&](auto& b) {
    b.add_requested_transport(17);
    b.add(AttributeType::userhash, stun::userhash("alice", "turnpike"));
    b.add(AttributeType::realm, "turnpike");
    b.add(AttributeType::nonce, client.credentials.nonce);
    b.add_password_algorithms(auth::LongTermPolicy::kAlgorithms);
    b.add_password_algorithm(stun::PasswordAlgorithm::sha256);
    b.add_integrity_sha256(sha256);
  });
  const auto answer = client.exchange(request);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->is(Class::success));
  EXPECT_TRUE(verify_integrity(answer->view(), stun::IntegrityKind::sha256, sha256));
  EXPECT_FALSE(answer->view().has(AttributeType::message_integrity));
  EXPECT_EQ(client.allocation()->user, "alice");
}

TEST(Answers, ToRequestsThatLackNamesAreNotSealed) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto answer = client.exchange(testing::make_request(Method::allocate, [](auto& b) {
    b.add_requested_transport(17);
    b.add_integrity_sha1(auth::Md5Key{});
  }));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), 400);
  EXPECT_FALSE(answer->view().has(AttributeType::message_integrity));
  EXPECT_FALSE(answer->view().has(AttributeType::nonce));
}

// RFC 8489 section 14.7.
TEST(Answers, CarryAFingerprintWhenTheRequestDid) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto plain = client.exchange(bare_allocate());
  EXPECT_FALSE(plain->view().has(AttributeType::fingerprint));
  const auto with = client.exchange(testing::make_request(Method::allocate, [](auto& b) {
    b.add_requested_transport(17);
    b.add_fingerprint();
  }));
  EXPECT_TRUE(with->view().has(AttributeType::fingerprint));
}

TEST(Answers, CarryAFingerprintToAuthenticatedRequestsToo) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.learn_nonce();
  const auto answer = client.exchange(testing::make_request(Method::allocate, [&](auto& b) {
    b.add_requested_transport(17);
    b.add(AttributeType::username, "alice");
    b.add(AttributeType::realm, "turnpike");
    b.add(AttributeType::nonce, client.credentials.nonce);
    b.add_integrity_sha1(stun::long_term_key_md5("alice", "turnpike", "secret"));
    b.add_fingerprint();
  }));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->is(Class::success));
  EXPECT_TRUE(answer->view().has(AttributeType::fingerprint));
}

TEST(Answers, CarrySoftwareReasonAndFingerprintByOption) {
  CoreDriver core;
  core.settings.software = "Turnpike";
  core.settings.reason_phrases = true;
  core.settings.always_fingerprint = true;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  const auto answer = client.exchange(bare_allocate());
  EXPECT_EQ(answer->text(AttributeType::software), "Turnpike");
  EXPECT_GT(answer->view().find(AttributeType::error_code)->size(), 4U);
  EXPECT_TRUE(answer->view().has(AttributeType::fingerprint));
}

TEST(UnknownAttributes, AreListedInASealedAnswer) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const Received answer = client.allocate([](auto& b) {
    b.add_u32(static_cast<AttributeType>(0x7ff0), 0);
    b.add_u32(static_cast<AttributeType>(0x7ff1), 0);
    b.add_u32(static_cast<AttributeType>(0x7ff0), 0);
    b.add_u32(static_cast<AttributeType>(0xfff0), 0);
  });
  EXPECT_EQ(answer.error(), 420);
  const auto list =
      stun::decode_unknown_attributes(*answer.view().find(AttributeType::unknown_attributes));
  EXPECT_EQ(list,
            (std::vector{static_cast<AttributeType>(0x7ff0), static_cast<AttributeType>(0x7ff1)}));
  EXPECT_TRUE(verify_integrity(answer.view(), stun::IntegrityKind::sha1,
                               stun::long_term_key_md5("alice", "turnpike", "secret")));
  EXPECT_EQ(core.server->allocations(), 0U);
}

// Without a server name (RFC 7635) nobody's token is ever opened, whatever lengths it tells.
TEST(UnknownAttributes, AnAccessTokenIsOneOfThem) {
  CoreDriver core;
  CoreClient client(core, kHome);
  for (const std::string_view token :
       {std::string_view(), std::string_view("\xff\xff", 2), std::string_view("\0\x0c", 2)}) {
    const Received answer =
        client.allocate([token](auto& b) { b.add(AttributeType::access_token, as_bytes(token)); });
    EXPECT_EQ(answer.error(), 420);
  }
  EXPECT_EQ(core.server->allocations(), 0U);
}

TEST(UnknownAttributes, AreNotSaidToAStranger) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto answer = client.exchange(testing::make_request(
      Method::allocate, [](auto& b) { b.add_u32(static_cast<AttributeType>(0x7ff0), 0); }));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), 401);
}

TEST(UnknownAttributes, BehindTheIntegrityDoNotCount) {
  CoreDriver core;
  CoreClient client(core, kHome);
  Bytes request = client.sealed(Method::allocate, [](auto& b) { b.add_requested_transport(17); });
  const std::array<uint8_t, 8> unknown = {0x7f, 0xf0, 0, 4, 0, 0, 0, 0};
  request.insert(request.end(), unknown.begin(), unknown.end());
  request[3] = static_cast<uint8_t>(request[3] + 8);
  const auto answer = client.exchange(request);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->is(Class::success));
}

TEST(UnknownAttributes, AreListedUpToACap) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const Received answer = client.allocate([](auto& b) {
    for (uint16_t i = 0; i < 100; ++i) b.add_empty(static_cast<AttributeType>(0x7f00 + i));
  });
  EXPECT_EQ(answer.view().find(AttributeType::unknown_attributes)->size(),
            2 * kMaxUnknownAttributes);
}

TEST(Limits, HoldErrorsToStrangersAndNotToUsers) {
  CoreDriver core;
  core.settings.error_limit = {1, 2};
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  ASSERT_TRUE(client.allocate().is(Class::success));
  int answers = 0;
  for (int i = 0; i < 33; ++i) answers += client.exchange(bare_allocate()) ? 1 : 0;
  EXPECT_EQ(answers, 1 + 2);
  EXPECT_EQ(core.count(&Counters::drop_rate_limited), 30U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.allocate().error(), 437);
}

TEST(Limits, ChangeWithTheSettings) {
  CoreDriver core;
  core.settings.error_limit = {1, 1};
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  EXPECT_TRUE(client.exchange(bare_allocate()));
  EXPECT_FALSE(client.exchange(bare_allocate()));
  core.settings.error_limit = {0, 0};
  core.use_settings(core.settings);
  EXPECT_TRUE(client.exchange(bare_allocate()));
  EXPECT_TRUE(client.exchange(bare_allocate()));
}

TEST(Outcome, IsCountedOnceWhenTheOutboxIsFull) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const uint64_t errors = core.count(&Counters::errors);
  core.out.clear();
  while (!core.out.claim(64).empty()) {
  }
  core.server->on_client_packet(core.now, client.route, bare_allocate(), core.out);
  EXPECT_EQ(core.count(&Counters::errors), errors);
  EXPECT_EQ(core.count(&Counters::drop_outbox_full), 1U);
}

}  // namespace
}  // namespace turnpike::turn
