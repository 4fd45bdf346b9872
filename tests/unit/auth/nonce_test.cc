#include "auth/nonce.h"

#include <string>

#include <gtest/gtest.h>

#include "base/endpoint.h"

namespace turnpike::auth {
namespace {

using State = NonceMint::State;

constexpr SecurityFeatures kBoth = {true, true};
constexpr seconds kNonceLifetime{600};
const WallTime kIssued = WallTime(seconds(1'700'000'000));

NonceKey key(uint8_t fill) {
  NonceKey made;
  made.fill(fill);
  return made;
}

Endpoint client() {
  return *Endpoint::parse("8.8.8.8:40000", 0);
}

State state_of(const NonceMint& mint, const Nonce& nonce, const Endpoint& from, WallTime now) {
  return mint.check(nonce, from, now).state;
}

TEST(Nonce, IsFreshForTheClientItWasIssuedTo) {
  const NonceMint mint(key(1), kNonceLifetime);
  const Nonce nonce = mint.issue(kBoth, client(), kIssued);
  EXPECT_EQ(state_of(mint, nonce, client(), kIssued), State::fresh);
}

TEST(Nonce, IsTextOfTheBase64AlphabetBehindTheCookie) {
  const NonceMint mint(key(1), kNonceLifetime);
  const Nonce nonce = mint.issue(kBoth, client(), kIssued);
  const std::string text(nonce.begin(), nonce.end());
  EXPECT_EQ(text.substr(0, 9), "obMatJos2");
  EXPECT_EQ(
      text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
      std::string::npos);
}

// RFC 8489 section 18.1: bit 0 is the leftmost one of the 24.
TEST(Nonce, ShowsItsFeaturesInTheFourCharactersBehindTheCookie) {
  const NonceMint mint(key(1), kNonceLifetime);
  const auto shown = [&](SecurityFeatures features) {
    const Nonce nonce = mint.issue(features, client(), kIssued);
    return std::string(nonce.begin() + 9, nonce.begin() + 13);
  };
  EXPECT_EQ(shown({false, false}), "AAAA");
  EXPECT_EQ(shown({true, false}), "gAAA");
  EXPECT_EQ(shown({false, true}), "QAAA");
  EXPECT_EQ(shown({true, true}), "wAAA");
}

TEST(Nonce, TellsItsFeaturesWhenChecked) {
  const NonceMint mint(key(1), kNonceLifetime);
  for (const SecurityFeatures features :
       {SecurityFeatures{false, false}, {true, false}, {false, true}, {true, true}}) {
    const Nonce nonce = mint.issue(features, client(), kIssued);
    EXPECT_EQ(mint.check(nonce, client(), kIssued).features, features);
  }
}

TEST(Nonce, IsNotOursFromAnotherAddress) {
  const NonceMint mint(key(1), kNonceLifetime);
  const Nonce nonce = mint.issue(kBoth, client(), kIssued);
  EXPECT_EQ(state_of(mint, nonce, *Endpoint::parse("8.8.8.9:40000", 0), kIssued), State::not_ours);
}

TEST(Nonce, IsNotOursFromAnotherPort) {
  const NonceMint mint(key(1), kNonceLifetime);
  const Nonce nonce = mint.issue(kBoth, client(), kIssued);
  EXPECT_EQ(state_of(mint, nonce, *Endpoint::parse("8.8.8.8:40001", 0), kIssued), State::not_ours);
}

TEST(Nonce, IsNotOursWithAnyByteChanged) {
  const NonceMint mint(key(1), kNonceLifetime);
  const Nonce nonce = mint.issue(kBoth, client(), kIssued);
  for (size_t i = 0; i < nonce.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Nonce tampered = nonce;
      tampered[i] ^= static_cast<uint8_t>(1U << bit);
      EXPECT_EQ(state_of(mint, tampered, client(), kIssued), State::not_ours)
          << "byte " << i << " bit " << bit;
    }
  }
}

TEST(Nonce, IsNotOursInAnyOtherLength) {
  const NonceMint mint(key(1), kNonceLifetime);
  const Nonce nonce = mint.issue(kBoth, client(), kIssued);
  for (size_t size = 0; size < nonce.size(); ++size) {
    EXPECT_EQ(mint.check(ByteView(nonce).first(size), client(), kIssued).state, State::not_ours);
  }
  std::string longer(nonce.begin(), nonce.end());
  longer.push_back('\0');
  EXPECT_EQ(mint.check(as_bytes(longer), client(), kIssued).state, State::not_ours);
}

TEST(Nonce, GoesStaleOneSecondAfterItsLifetime) {
  const NonceMint mint(key(1), kNonceLifetime);
  const Nonce nonce = mint.issue(kBoth, client(), kIssued);
  EXPECT_EQ(state_of(mint, nonce, client(), kIssued + kNonceLifetime), State::fresh);
  EXPECT_EQ(state_of(mint, nonce, client(), kIssued + kNonceLifetime + seconds(1)), State::stale);
}

TEST(Nonce, NeverGoesStaleWithLifetimeZero) {
  const NonceMint mint(key(1), seconds(0));
  const Nonce nonce = mint.issue(kBoth, client(), kIssued);
  EXPECT_EQ(state_of(mint, nonce, client(), kIssued + std::chrono::hours(24 * 365)), State::fresh);
}

TEST(Nonce, OfAServerWhoseClockIsAMinuteAheadIsFresh) {
  const NonceMint mint(key(1), kNonceLifetime);
  const Nonce nonce = mint.issue(kBoth, client(), kIssued);
  EXPECT_EQ(state_of(mint, nonce, client(), kIssued - seconds(60)), State::fresh);
  EXPECT_EQ(state_of(mint, nonce, client(), kIssued - seconds(61)), State::stale);
}

TEST(Nonce, OfAnotherServerWithTheSameKeyIsFresh) {
  const Nonce nonce = NonceMint(key(7), kNonceLifetime).issue(kBoth, client(), kIssued);
  EXPECT_EQ(state_of(NonceMint(key(7), kNonceLifetime), nonce, client(), kIssued), State::fresh);
}

TEST(Nonce, OfAnotherServerWithAnotherKeyIsNotOurs) {
  const Nonce nonce = NonceMint(key(7), kNonceLifetime).issue(kBoth, client(), kIssued);
  EXPECT_EQ(state_of(NonceMint(key(8), kNonceLifetime), nonce, client(), kIssued), State::not_ours);
}

// RFC 8489 section 9.2.4: two clients never get the same one.
TEST(Nonce, DiffersFromClientToClientInTheSameSecond) {
  const NonceMint mint(key(1), kNonceLifetime);
  EXPECT_NE(mint.issue(kBoth, client(), kIssued),
            mint.issue(kBoth, *Endpoint::parse("8.8.8.8:40001", 0), kIssued));
}

}  // namespace
}  // namespace turnpike::auth
