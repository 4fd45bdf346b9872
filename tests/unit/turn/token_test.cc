// Third-party authorization (RFC 7635).
#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "support/tokens.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::Received;

constexpr std::string_view kServer = "turn.example";
constexpr std::string_view kMacKey = "ZksjpweoixXmvn67534m";
constexpr std::string_view kOtherMacKey = "another key of 20 by";

CoreDriver::Options with_tokens() {
  CoreDriver::Options options;
  options.settings.token_server_name = kServer;
  options.settings.mobility = true;
  return options;
}

class TokenTest : public ::testing::Test {
 protected:
  TokenTest() {
    core_.token_keys.emplace("north", key());
    core_.publish_users();
  }
  static auth::AccessTokenKey key(std::string_view realm = "", int64_t since = 0,
                                  int64_t lifetime = 0) {
    return *auth::AccessTokenKey::make(testing::kNorthKey, "A256GCM", since, lifetime, realm);
  }
  static Bytes token(std::string_view mac_key = kMacKey, uint32_t lifetime_s = 3600) {
    return testing::seal_token(
        key().bytes(), kServer,
        testing::token_plain_text({.mac_key = mac_key, .lifetime_s = lifetime_s}));
  }

  // A request as of the holder of a MAC key; without an ACCESS-TOKEN when that is empty.
  Received ask(CoreClient& client, Method method, ByteView sealed, std::string_view mac_key,
               const testing::AddAttributes& add = {}, std::string_view kid = "north") {
    if (client.credentials.nonce.empty()) client.learn_nonce();
    static uint64_t number = 1'000'000;
    const Bytes request = testing::make_message(
        method, Class::request, testing::transaction(++number), [&](stun::MessageBuilder& b) {
          if (method == Method::allocate) b.add_requested_transport(17);
          if (add) add(b);
          b.add(AttributeType::username, kid);
          b.add(AttributeType::realm, client.credentials.realm);
          b.add(AttributeType::nonce, client.credentials.nonce);
          if (!sealed.empty()) b.add(AttributeType::access_token, sealed);
          b.add_integrity_sha1(as_bytes(mac_key));
        });
    const auto answer = client.exchange(request);
    EXPECT_TRUE(answer.has_value());
    if (answer && answer->is(Class::success)) {
      EXPECT_TRUE(
          stun::verify_integrity(answer->view(), stun::IntegrityKind::sha1, as_bytes(mac_key)));
    }
    return answer.value_or(Received());
  }
  Received allocate(CoreClient& client, const testing::AddAttributes& add = {}) {
    return ask(client, Method::allocate, token(), kMacKey, add);
  }

  CoreDriver core_{with_tokens()};
  CoreClient client_{core_, "8.8.8.8:1"};
};

TEST_F(TokenTest, TheChallengeNamesTheServer) {
  const auto answer = client_.exchange(testing::make_request(Method::allocate));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), 401);
  EXPECT_EQ(answer->text(AttributeType::third_party_authorization), kServer);
}

TEST_F(TokenTest, IsOffUnlessThereIsAName) {
  Settings settings = core_.settings;
  settings.token_server_name.clear();
  core_.use_settings(settings);
  const auto answer = client_.exchange(testing::make_request(Method::allocate));
  EXPECT_FALSE(answer->view().has(AttributeType::third_party_authorization));
  EXPECT_EQ(allocate(client_).error(), 401);
  // For a user it is an attribute that must be understood and is not.
  CoreClient alice(core_, "8.8.8.8:2");
  EXPECT_EQ(alice.allocate([](auto& b) { b.add(AttributeType::access_token, token()); }).error(),
            420);
}

TEST_F(TokenTest, BeginsASession) {
  const Received answer = allocate(client_);
  ASSERT_TRUE(answer.is(Class::success));
  EXPECT_EQ(client_.allocation()->proof, auth::Proof::access_token);
  EXPECT_EQ(core_.effects<AllocationOpened>().front().user, "north");
}

// As turnutils_uclient does.
TEST_F(TokenTest, SixteenBytesOfTheKeyAreAKeyOfTheirOwn) {
  const std::string_view part = kMacKey.substr(0, 16);
  ASSERT_TRUE(ask(client_, Method::allocate, token(), part).is(Class::success));
  EXPECT_TRUE(ask(client_, Method::refresh, {}, part).is(Class::success));
  EXPECT_TRUE(ask(client_, Method::refresh, token(), part).is(Class::success));
  EXPECT_EQ(ask(client_, Method::allocate, token(), kMacKey.substr(0, 15)).error(), 401);
  EXPECT_EQ(ask(client_, Method::allocate, token(), {}).error(), 401);
}

// RFC 7635 wants the token in Allocate and Refresh alone.
TEST_F(TokenTest, TheSessionGoesOnWithoutShowingItAgain) {
  allocate(client_);
  const auto peer = [](stun::MessageBuilder& b) {
    b.add_xor_address(AttributeType::xor_peer_address, testing::endpoint("9.9.9.9:1"));
  };
  EXPECT_TRUE(ask(client_, Method::create_permission, {}, kMacKey, peer).is(Class::success));
  EXPECT_TRUE(ask(client_, Method::refresh, {}, kMacKey).is(Class::success));
  EXPECT_TRUE(ask(client_, Method::refresh, token(), kMacKey).is(Class::success));
  EXPECT_EQ(ask(client_, Method::refresh, {}, kOtherMacKey).error(), 401);
}

TEST_F(TokenTest, WhoHasNoSessionHasToShowIt) {
  EXPECT_EQ(ask(client_, Method::allocate, {}, kMacKey).error(), 401);
  EXPECT_EQ(core_.server->allocations(), 0U);
}

TEST_F(TokenTest, TokensThatAreNoGoodAreRefused) {
  const Bytes good = token();
  Bytes broken = good;
  broken.back() ^= 1;
  EXPECT_EQ(ask(client_, Method::allocate, broken, kMacKey).error(), 401);
  EXPECT_EQ(ask(client_, Method::allocate, good, kOtherMacKey).error(), 401) << "integrity";
  EXPECT_EQ(ask(client_, Method::allocate, good, kMacKey, {}, "south").error(), 401) << "kid";
  EXPECT_EQ(ask(client_, Method::allocate, as_bytes("x"), kMacKey).error(), 401);
  const Bytes elsewhere =
      testing::seal_token(key().bytes(), "other.example", testing::token_plain_text({}));
  EXPECT_EQ(ask(client_, Method::allocate, elsewhere, kMacKey).error(), 401);
  EXPECT_EQ(core_.server->allocations(), 0U);
  EXPECT_EQ(core_.server->waiting(), 0U);
}

TEST_F(TokenTest, ATokenIsGoodInItsLifetimeOnly) {
  ASSERT_TRUE(allocate(client_).is(Class::success));
  core_.advance(seconds(3605));
  client_.credentials.nonce.clear();
  CoreClient late(core_, "8.8.8.8:2");
  EXPECT_EQ(allocate(late).error(), 401);
  EXPECT_EQ(ask(client_, Method::refresh, {}, kMacKey).error(), 401) << "nor without showing it";
  CoreDriver before(with_tokens());
  before.now.wall -= seconds(6);
  before.token_keys.emplace("north", key());
  before.publish_users();
  CoreClient early(before, "8.8.8.8:1");
  EXPECT_EQ(allocate(early).error(), 401);
}

TEST_F(TokenTest, ASessionDoesNotOutliveItsToken) {
  const Received answer = ask(client_, Method::allocate, token(kMacKey, 100), kMacKey);
  EXPECT_EQ(answer.u32(AttributeType::lifetime), 105U);
  core_.advance(seconds(60));
  EXPECT_EQ(ask(client_, Method::refresh, {}, kMacKey).u32(AttributeType::lifetime), 45U);
  core_.run(seconds(46));
  EXPECT_EQ(core_.server->allocations(), 0U);
}

TEST_F(TokenTest, AKeyIsGoodInItsLifetimeAndItsRealmOnly) {
  core_.token_keys.clear();
  core_.token_keys.emplace("north", key("", 1'600'000'000, 60));
  core_.publish_users();
  EXPECT_EQ(allocate(client_).error(), 401);
  core_.token_keys.clear();
  core_.token_keys.emplace("north", key("elsewhere"));
  core_.publish_users();
  EXPECT_EQ(allocate(client_).error(), 401);
  core_.token_keys.clear();
  core_.token_keys.emplace("north", key(core_.settings.realm));
  core_.publish_users();
  EXPECT_TRUE(allocate(client_).is(Class::success));
}

// RFC 7635: a token that ends is followed by another, in a Refresh from where the session is.
TEST_F(TokenTest, ARefreshMakesAnotherTokenTheSessions) {
  ask(client_, Method::allocate, token(kMacKey, 100), kMacKey);
  const Received renewed = ask(client_, Method::refresh, token(kOtherMacKey), kOtherMacKey);
  ASSERT_TRUE(renewed.is(Class::success));
  EXPECT_EQ(renewed.u32(AttributeType::lifetime), 600U);
  EXPECT_TRUE(ask(client_, Method::refresh, {}, kOtherMacKey).is(Class::success));
  EXPECT_EQ(ask(client_, Method::refresh, {}, kMacKey).error(), 401);
}

TEST_F(TokenTest, NothingButARefreshDoes) {
  allocate(client_);
  const Bytes other = token(kOtherMacKey);
  const auto peer = [](stun::MessageBuilder& b) {
    b.add_xor_address(AttributeType::xor_peer_address, testing::endpoint("9.9.9.9:1"));
  };
  EXPECT_EQ(ask(client_, Method::create_permission, other, kOtherMacKey, peer).error(), 441);
  EXPECT_EQ(ask(client_, Method::allocate, other, kOtherMacKey).error(), 437);
  EXPECT_TRUE(ask(client_, Method::refresh, {}, kMacKey).is(Class::success));
}

TEST_F(TokenTest, AStoredUserOfTheSameNameDoesNotGetTheSession) {
  core_.add_user("north", "secret");
  allocate(client_);
  CoreClient namesake(core_, "8.8.8.8:1", "north", "secret");
  EXPECT_EQ(namesake.refresh(0).error(), 441);
  EXPECT_EQ(namesake.permit({"9.9.9.9:1"}).error(), 441);
  EXPECT_EQ(core_.server->allocations(), 1U);
}

TEST_F(TokenTest, ATokenDoesNotGetTheSessionOfAStoredUserOfTheSameName) {
  core_.add_user("north", "secret");
  CoreClient user(core_, "8.8.8.8:1", "north", "secret");
  ASSERT_TRUE(user.allocate().is(Class::success));
  EXPECT_EQ(ask(client_, Method::refresh, token(), kMacKey).error(), 441);
  EXPECT_TRUE(user.refresh(600).is(Class::success));
}

// A token session has no stored key: neither the empty one nor that of an empty password is its.
TEST_F(TokenTest, WhileTheStoreIsAwayNobodyElseGetsTheSession) {
  allocate(client_);
  core_.store_unavailable = true;
  core_.publish_users();
  EXPECT_EQ(ask(client_, Method::refresh, {}, {}).error(), 500) << "the empty key";
  EXPECT_EQ(ask(client_, Method::refresh, {}, std::string(16, '\0')).error(), 500);
  for (const char* password : {"", "north", "secret"}) {
    CoreClient guess(core_, "8.8.8.8:1", "north", password);
    EXPECT_EQ(guess.refresh(0).error(), 500) << password;
  }
  EXPECT_TRUE(ask(client_, Method::refresh, {}, kMacKey).is(Class::success));
}

// One that was made without credentials has no owner that could be told by a key.
TEST_F(TokenTest, ASessionWithoutCredentialsIsNobodysWhenTheyAreAskedForAgain) {
  Settings settings = core_.settings;
  settings.auth = AuthMode::none;
  core_.use_settings(settings);
  ASSERT_TRUE(client_.allocate().is(Class::success));
  settings.auth = AuthMode::long_term;
  core_.use_settings(settings);
  core_.store_unavailable = true;
  core_.publish_users();
  EXPECT_EQ(ask(client_, Method::refresh, {}, std::string(16, '\0'), {}, "").error(), 500);
  EXPECT_EQ(ask(client_, Method::refresh, token(), kMacKey).error(), 441);
}

TEST_F(TokenTest, AStolenTicketAndAnotherTokenDoNotTakeASession) {
  const auto wish = [](stun::MessageBuilder& b) {
    b.add(AttributeType::mobility_ticket, ByteView());
  };
  const Received opened = allocate(client_, wish);
  ASSERT_TRUE(opened.is(Class::success));
  const auto value = opened.view().find(AttributeType::mobility_ticket);
  ASSERT_TRUE(value);
  const Bytes ticket(value->begin(), value->end());
  const auto show = [&](stun::MessageBuilder& b) { b.add(AttributeType::mobility_ticket, ticket); };
  CoreClient thief(core_, "8.8.4.4:5");
  EXPECT_EQ(ask(thief, Method::refresh, token(kOtherMacKey), kOtherMacKey, show).error(), 441);
  EXPECT_EQ(ask(thief, Method::refresh, {}, kOtherMacKey, show).error(), 401);
  EXPECT_EQ(ask(thief, Method::refresh, {}, {}, show).error(), 401);
  // Its owner takes it along, with the token or without.
  CoreClient moved(core_, "8.8.4.4:6");
  EXPECT_TRUE(ask(moved, Method::refresh, {}, kMacKey, show).is(Class::success));
}

TEST_F(TokenTest, UsersGoOnBesideTokens) {
  CoreClient alice(core_, "8.8.8.8:9");
  EXPECT_TRUE(alice.allocate().is(Class::success));
  EXPECT_TRUE(alice.refresh(0).is(Class::success));
}

TEST_F(TokenTest, AUserhashNamesNoKey) {
  client_.learn_nonce();
  const auto answer =
      client_.exchange(testing::make_request(Method::allocate, [&](stun::MessageBuilder& b) {
        b.add(AttributeType::userhash, stun::userhash("north", core_.settings.realm));
        b.add(AttributeType::realm, core_.settings.realm);
        b.add(AttributeType::nonce, client_.credentials.nonce);
        b.add(AttributeType::access_token, token());
        b.add_integrity_sha1(as_bytes(kMacKey));
      }));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), 400);
}

}  // namespace
}  // namespace turnpike::turn
