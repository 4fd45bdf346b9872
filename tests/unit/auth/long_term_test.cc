// RFC 8489 section 9.2.4, branch by branch.
#include "auth/long_term.h"

#include <gtest/gtest.h>

#include "auth/time_limited.h"
#include "support/messages.h"

namespace turnpike::auth {
namespace {

using stun::AttributeType;
using stun::ErrorCode;
using stun::IntegrityKind;
using stun::MessageBuilder;
using stun::PasswordAlgorithm;
using testing::Bytes;

constexpr std::array kOffered = {PasswordAlgorithm::sha256, PasswordAlgorithm::md5};

class LongTermTest : public ::testing::Test {
 protected:
  LongTermTest() {
    policy_.realm = "turnpike";
    policy_.offered = {true, false};
    know("alice", "secret");
  }

  void know(const std::string& name, std::string_view password) {
    const UserRecord record{name, UserKeys::from_password(name, "turnpike", password)};
    cache_.put(KeyCache::key_of("turnpike", name), record, now_.mono);
    cache_.put(KeyCache::key_of("turnpike", stun::userhash(name, "turnpike")), record, now_.mono);
  }

  [[nodiscard]] std::string nonce() const { return nonce(policy_.offered); }
  [[nodiscard]] std::string nonce(SecurityFeatures features) const {
    const Nonce made = mint_.issue(features, client_, now_.wall);
    return {made.begin(), made.end()};
  }

  // A message of everything that `add` adds.
  static Bytes message(const testing::AddAttributes& add) {
    return testing::make_request(stun::Method::refresh, add);
  }
  // USERNAME, REALM and NONCE as they should be.
  void add_names(MessageBuilder& builder, std::string_view name = "alice") const {
    builder.add(AttributeType::username, name);
    builder.add(AttributeType::realm, "turnpike");
    builder.add(AttributeType::nonce, nonce());
  }
  static Md5Key md5_key(std::string_view name = "alice", std::string_view password = "secret") {
    return stun::long_term_key_md5(name, "turnpike", password);
  }
  static Sha256Key sha256_key(std::string_view name = "alice",
                              std::string_view password = "secret") {
    return stun::long_term_key_sha256(name, "turnpike", password);
  }

  Verdict check(const Bytes& bytes, const KnownOwner* owner = nullptr) {
    return LongTerm(mint_, cache_).check(policy_, testing::parsed(bytes), client_, now_, owner);
  }

  // What the checks say in one word each.
  static std::string told(const Verdict& verdict) {
    if (const auto* who = std::get_if<Identity>(&verdict)) {
      return who->name + (who->expired ? " expired" : "");
    }
    if (const auto* challenged = std::get_if<Challenged>(&verdict)) {
      return std::to_string(static_cast<int>(challenged->code)) +
             (challenged->fault == Fault::none ? "" : " wrong");
    }
    if (const auto* refused = std::get_if<Refused>(&verdict)) {
      return std::to_string(static_cast<int>(refused->code)) + " refused";
    }
    return "needs " + std::get<NeedsKey>(verdict).name;
  }
  std::string told(const Bytes& bytes) { return told(check(bytes)); }
  std::string_view fault(const Bytes& bytes) {
    const Verdict verdict = check(bytes);
    return to_string(std::get<Challenged>(verdict).fault);
  }

  NonceKey nonce_key_{};
  NonceMint mint_{nonce_key_, seconds(600)};
  KeyCache cache_{100, seconds(600), {1, 2}};
  LongTermPolicy policy_;
  Endpoint client_ = *Endpoint::parse("8.8.8.8:40000", 0);
  Now now_{Instant(seconds(1000)), WallTime(seconds(1'700'000'000))};
};

TEST_F(LongTermTest, ChallengesARequestWithoutIntegrity) {
  EXPECT_EQ(told(message([&](MessageBuilder& b) { add_names(b); })), "401");
  EXPECT_EQ(told(message({})), "401");
}

TEST_F(LongTermTest, AcceptsTheMd5KeyOfAClientOfRfc5389) {
  const Verdict verdict = check(message([&](MessageBuilder& b) {
    add_names(b);
    b.add_integrity_sha1(md5_key());
  }));
  ASSERT_EQ(told(verdict), "alice");
  const auto& who = std::get<Identity>(verdict);
  EXPECT_EQ(who.algorithm, PasswordAlgorithm::md5);
  EXPECT_EQ(who.integrity, IntegrityKind::sha1);
  EXPECT_EQ(who.quota_name, "alice");
}

TEST_F(LongTermTest, RefusesWhenOneOfTheNamesIsMissing) {
  for (const AttributeType missing :
       {AttributeType::username, AttributeType::realm, AttributeType::nonce}) {
    const Bytes bytes = message([&](MessageBuilder& b) {
      if (missing != AttributeType::username) b.add(AttributeType::username, "alice");
      if (missing != AttributeType::realm) b.add(AttributeType::realm, "turnpike");
      if (missing != AttributeType::nonce) b.add(AttributeType::nonce, nonce());
      b.add_integrity_sha1(md5_key());
    });
    EXPECT_EQ(told(bytes), "400 refused") << stun::name(missing);
  }
}

TEST_F(LongTermTest, DoesNotCountNamesThatStandBehindTheIntegrity) {
  const Bytes bytes = message([&](MessageBuilder& b) {
    b.add(AttributeType::realm, "turnpike");
    b.add(AttributeType::nonce, nonce());
    b.add_integrity_sha1(md5_key());
    b.add(AttributeType::username, "alice");
  });
  EXPECT_EQ(told(bytes), "400 refused");
}

TEST_F(LongTermTest, TellsWhereTheCoveredPartEnds) {
  size_t end = 0;
  const Bytes bytes = message([&](MessageBuilder& b) {
    add_names(b);
    end = b.finish().size();
    b.add_integrity_sha1(md5_key());
    b.add_u32(AttributeType::lifetime, 0);
  });
  const Verdict verdict = check(bytes);
  ASSERT_EQ(told(verdict), "alice");
  EXPECT_EQ(std::get<Identity>(verdict).covered, end);
}

TEST_F(LongTermTest, CountsOnlyWhatStandsBeforeBothIntegrityAttributes) {
  size_t end = 0;
  const Bytes bytes = message([&](MessageBuilder& b) {
    add_names(b);
    end = b.finish().size();
    b.add_integrity_sha1(md5_key());
    b.add_u32(AttributeType::lifetime, 0);  // Covered by the second one only.
    b.add_integrity_sha256(md5_key());
  });
  const Verdict verdict = check(bytes);
  ASSERT_EQ(told(verdict), "alice");
  EXPECT_EQ(std::get<Identity>(verdict).covered, end);
}

TEST_F(LongTermTest, AsksForAFreshNonceWhenItIsStaleOrNotOurs) {
  const auto with_nonce = [&](std::string_view text) {
    return message([&](MessageBuilder& b) {
      b.add(AttributeType::username, "alice");
      b.add(AttributeType::realm, "turnpike");
      b.add(AttributeType::nonce, text);
      b.add_integrity_sha1(md5_key());
    });
  };
  const std::string old = nonce();
  EXPECT_EQ(told(with_nonce("somebody else's")), "438");
  EXPECT_EQ(told(with_nonce("")), "438");
  EXPECT_EQ(told(with_nonce(old + std::string(1, '\0'))), "438");
  now_.wall += seconds(601);
  EXPECT_EQ(told(with_nonce(old)), "438");
}

// A replay from another address never reaches the user store.
TEST_F(LongTermTest, ChecksTheNonceBeforeTheUser) {
  const Bytes captured = message([&](MessageBuilder& b) {
    add_names(b, "nobody");
    b.add_integrity_sha1(md5_key());
  });
  EXPECT_EQ(told(captured), "needs nobody");
  client_.port = 40001;
  EXPECT_EQ(told(captured), "438");
}

TEST_F(LongTermTest, ChallengesAnotherRealm) {
  for (const std::string_view realm :
       {std::string_view("other"), std::string_view(""), std::string_view("turnpike\0", 9),
        std::string_view("turnpik")}) {
    const Bytes bytes = message([&](MessageBuilder& b) {
      b.add(AttributeType::username, "alice");
      b.add(AttributeType::realm, realm);
      b.add(AttributeType::nonce, nonce());
      b.add_integrity_sha1(md5_key());
    });
    EXPECT_EQ(told(bytes), "401 wrong") << realm;
  }
}

TEST_F(LongTermTest, TellsTheSameOfAnUnknownUserAndOfAWrongPassword) {
  cache_.put(KeyCache::key_of("turnpike", "nobody"), unexpected(LookupError::not_found), now_.mono);
  const auto as = [&](std::string_view name, std::string_view password) {
    return told(message([&](MessageBuilder& b) {
      add_names(b, name);
      b.add_integrity_sha1(md5_key(name, password));
    }));
  };
  EXPECT_EQ(as("nobody", "secret"), "401 wrong");
  EXPECT_EQ(as("alice", "wrong"), "401 wrong");
  EXPECT_EQ(as("alice", ""), "401 wrong");
}

TEST_F(LongTermTest, TellsTheLogWhatIsWrong) {
  cache_.put(KeyCache::key_of("turnpike", "nobody"), unexpected(LookupError::not_found), now_.mono);
  const auto as = [&](std::string_view name, std::string_view password,
                      std::string_view realm = "turnpike") {
    return fault(message([&](MessageBuilder& b) {
      b.add(AttributeType::username, name);
      b.add(AttributeType::realm, realm);
      b.add(AttributeType::nonce, nonce());
      b.add_integrity_sha1(md5_key(name, password));
    }));
  };
  EXPECT_EQ(as("nobody", "secret"), "unknown user");
  EXPECT_EQ(as("alice", "wrong"), "wrong password");
  EXPECT_EQ(as("alice", "secret", "other"), "wrong realm");
  policy_.has_stored_users = false;
  EXPECT_EQ(as("alice", "secret"), "unknown user");
  policy_.shared_secrets = {"north"};
  EXPECT_EQ(as("1800000000:dave", "secret"), "wrong password");
  EXPECT_EQ(fault(message([](MessageBuilder&) {})), "none");
}

TEST_F(LongTermTest, DoesNotCutANameAtANul) {
  const std::string_view name("alice\0", 6);
  const Bytes bytes = message([&](MessageBuilder& b) {
    add_names(b, name);
    b.add_integrity_sha1(md5_key());
  });
  const Verdict verdict = check(bytes);
  ASSERT_TRUE(std::holds_alternative<NeedsKey>(verdict));
  EXPECT_EQ(std::get<NeedsKey>(verdict).name, name);
}

TEST_F(LongTermTest, DoesNotAcceptAKeyOfZeros) {
  const Bytes bytes = message([&](MessageBuilder& b) {
    add_names(b);
    b.add_integrity_sha1(Md5Key{});
  });
  EXPECT_EQ(told(bytes), "401 wrong");
}

TEST_F(LongTermTest, RefusesANameThatIsLongerThanTheRfcAllows) {
  const auto of_size = [&](size_t size) {
    const std::string name(size, 'a');
    return told(message([&](MessageBuilder& b) {
      add_names(b, name);
      b.add_integrity_sha1(md5_key(name));
    }));
  };
  EXPECT_EQ(of_size(kMaxUsernameSize), "needs " + std::string(kMaxUsernameSize, 'a'));
  EXPECT_EQ(of_size(kMaxUsernameSize + 1), "400 refused");
}

TEST_F(LongTermTest, AsksTheStoreForAUserItHasNotHeardOf) {
  const Bytes bytes = message([&](MessageBuilder& b) {
    add_names(b, "carol");
    b.add_integrity_sha1(md5_key("carol"));
  });
  const Verdict verdict = check(bytes);
  ASSERT_TRUE(std::holds_alternative<NeedsKey>(verdict));
  EXPECT_EQ(std::get<NeedsKey>(verdict).cache_key, KeyCache::key_of("turnpike", "carol"));
  know("carol", "secret");
  EXPECT_EQ(told(bytes), "carol");
}

TEST_F(LongTermTest, DoesNotAskTheStoreWhenItHasNoUsers) {
  policy_.has_stored_users = false;
  const Bytes bytes = message([&](MessageBuilder& b) {
    add_names(b, "carol");
    b.add_integrity_sha1(md5_key("carol"));
  });
  EXPECT_EQ(told(bytes), "401 wrong");
}

// PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS, with and without the feature in the nonce.
struct AlgorithmCase {
  std::string_view what;
  bool offered;
  std::optional<PasswordAlgorithm> one;
  std::vector<PasswordAlgorithm> list;
  PasswordAlgorithm key;
  IntegrityKind integrity;
  std::string_view told;
};

TEST_F(LongTermTest, FollowsTheTableOfPasswordAlgorithms) {
  const auto md5 = PasswordAlgorithm::md5;
  const auto sha256 = PasswordAlgorithm::sha256;
  const auto sha1_mac = IntegrityKind::sha1;
  const auto sha256_mac = IntegrityKind::sha256;
  const std::vector<AlgorithmCase> cases = {
      {"neither, MD5 key", true, {}, {}, md5, sha1_mac, "alice"},
      {"neither, MD5 key under SHA-256", true, {}, {}, md5, sha256_mac, "alice"},
      {"neither, SHA-256 key", true, {}, {}, sha256, sha256_mac, "401 wrong"},
      {"both, SHA-256 chosen", true, sha256, {sha256, md5}, sha256, sha256_mac, "alice"},
      {"both, SHA-256 chosen, old MAC", true, sha256, {sha256, md5}, sha256, sha1_mac, "alice"},
      {"both, MD5 chosen", true, md5, {sha256, md5}, md5, sha256_mac, "alice"},
      {"both, SHA-256 chosen, MD5 used", true, sha256, {sha256, md5}, md5, sha256_mac, "401 wrong"},
      {"both, MD5 chosen, SHA-256 used", true, md5, {sha256, md5}, sha256, sha256_mac, "401 wrong"},
      {"only the choice", true, sha256, {}, sha256, sha256_mac, "400 refused"},
      {"only the list", true, {}, {sha256, md5}, sha256, sha256_mac, "400 refused"},
      {"bid down: the list without SHA-256", true, md5, {md5}, md5, sha256_mac, "400 refused"},
      {"the list in another order", true, md5, {md5, sha256}, md5, sha256_mac, "400 refused"},
      {"the list with one too many", true, md5, {sha256, md5, md5}, md5, sha256_mac, "400 refused"},
      {"not offered: both are ignored", false, sha256, {sha256, md5}, md5, sha1_mac, "alice"},
      {"not offered: the SHA-256 key is not asked for",
       false,
       sha256,
       {sha256, md5},
       sha256,
       sha256_mac,
       "401 wrong"},
  };
  for (const AlgorithmCase& c : cases) {
    const Bytes bytes = message([&](MessageBuilder& b) {
      b.add(AttributeType::username, "alice");
      b.add(AttributeType::realm, "turnpike");
      b.add(AttributeType::nonce, nonce({c.offered, false}));
      if (!c.list.empty()) b.add_password_algorithms(c.list);
      if (c.one) b.add_password_algorithm(*c.one);
      const Md5Key short_key = md5_key();
      const Sha256Key long_key = sha256_key();
      const ByteView key = c.key == md5 ? ByteView(short_key) : ByteView(long_key);
      if (c.integrity == sha1_mac) {
        b.add_integrity_sha1(key);
      } else {
        b.add_integrity_sha256(key);
      }
    });
    const Verdict verdict = check(bytes);
    EXPECT_EQ(told(verdict), c.told) << c.what;
    if (const auto* who = std::get_if<Identity>(&verdict)) {
      EXPECT_EQ(who->algorithm, c.key) << c.what;
      EXPECT_EQ(who->integrity, c.integrity) << c.what;
    }
  }
}

TEST_F(LongTermTest, RefusesAnAlgorithmThatNobodyOffered) {
  const Bytes bytes = message([&](MessageBuilder& b) {
    add_names(b);
    b.add_password_algorithms(kOffered);
    b.add_u32(AttributeType::password_algorithm, 0x00030000);
    b.add_integrity_sha256(md5_key());
  });
  EXPECT_EQ(told(bytes), "400 refused");
}

TEST_F(LongTermTest, RefusesAListThatIsCut) {
  const Bytes bytes = message([&](MessageBuilder& b) {
    add_names(b);
    b.add(AttributeType::password_algorithms, std::string_view("\0\2\0\0\0\1", 6));
    b.add_password_algorithm(PasswordAlgorithm::md5);
    b.add_integrity_sha256(md5_key());
  });
  EXPECT_EQ(told(bytes), "400 refused");
}

TEST_F(LongTermTest, RefusesAListWithMoreThanWasSent) {
  for (const std::string_view list : {std::string_view("\0\2\0\4junk\0\1\0\0", 12),
                                      std::string_view("\0\2\0\0\0\1\0\0\0\3\0\0", 12)}) {
    const Bytes bytes = message([&](MessageBuilder& b) {
      add_names(b);
      b.add(AttributeType::password_algorithms, list);
      b.add_password_algorithm(PasswordAlgorithm::md5);
      b.add_integrity_sha256(md5_key());
    });
    EXPECT_EQ(told(bytes), "400 refused");
  }
}

TEST_F(LongTermTest, DoesNotTakeSha256OfAUserWhoHasOnlyTheMd5Key) {
  UserRecord record{"alice", UserKeys::from_password("alice", "turnpike", "secret")};
  record.keys.has_sha256 = false;
  record.keys.sha256 = {};
  cache_.put(KeyCache::key_of("turnpike", "alice"), record, now_.mono);
  for (const Sha256Key& key : {sha256_key(), Sha256Key{}}) {
    const Bytes bytes = message([&](MessageBuilder& b) {
      add_names(b);
      b.add_password_algorithms(kOffered);
      b.add_password_algorithm(PasswordAlgorithm::sha256);
      b.add_integrity_sha256(key);
    });
    EXPECT_EQ(told(bytes), "401 wrong");
  }
}

TEST_F(LongTermTest, VerifiesTheStrongerOfTwoIntegrityAttributes) {
  const auto both = [&](ByteView sha1, ByteView sha256) {
    return check(message([&](MessageBuilder& b) {
      add_names(b);
      b.add_integrity_sha1(sha1);
      b.add_integrity_sha256(sha256);
    }));
  };
  const Md5Key right = md5_key();
  const Md5Key wrong = md5_key("alice", "wrong");
  const Verdict verdict = both(right, right);
  ASSERT_EQ(told(verdict), "alice");
  EXPECT_EQ(std::get<Identity>(verdict).integrity, IntegrityKind::sha256);
  EXPECT_EQ(told(both(right, wrong)), "401 wrong");
}

TEST_F(LongTermTest, DoesNotAcceptAnIntegrityThatWasCut) {
  for (const size_t size : {0U, 4U, 12U, 15U, 17U, 31U}) {
    const Bytes bytes = message([&](MessageBuilder& b) {
      add_names(b);
      b.add(AttributeType::message_integrity_sha256, std::string(size, '\0'));
    });
    EXPECT_EQ(told(bytes), "401 wrong") << size;
  }
}

TEST_F(LongTermTest, FindsTheUserBehindAUserhash) {
  policy_.offered.username_anonymity = true;
  const auto as = [&](std::string_view name) {
    return told(message([&](MessageBuilder& b) {
      b.add(AttributeType::userhash, stun::userhash(name, "turnpike"));
      b.add(AttributeType::realm, "turnpike");
      b.add(AttributeType::nonce, nonce());
      b.add_password_algorithms(kOffered);
      b.add_password_algorithm(PasswordAlgorithm::sha256);
      b.add_integrity_sha256(sha256_key(name));
    }));
  };
  EXPECT_EQ(as("alice"), "alice");
  EXPECT_EQ(as("carol"), "needs ");
}

TEST_F(LongTermTest, RefusesAUserhashOfTheWrongSize) {
  const Bytes bytes = message([&](MessageBuilder& b) {
    b.add(AttributeType::userhash, std::string(31, 'x'));
    b.add(AttributeType::realm, "turnpike");
    b.add(AttributeType::nonce, nonce());
    b.add_integrity_sha1(md5_key());
  });
  EXPECT_EQ(told(bytes), "400 refused");
}

class SharedSecretTest : public LongTermTest {
 protected:
  SharedSecretTest() { policy_.shared_secrets = {"north", "south"}; }

  Bytes signed_with(std::string_view secret, const std::string& name) {
    return message([&](MessageBuilder& b) {
      add_names(b, name);
      b.add_integrity_sha1(md5_key(name, time_limited_password(secret, name)));
    });
  }
};

TEST_F(SharedSecretTest, AcceptsANameUnderAnyOfTheSecrets) {
  EXPECT_EQ(told(signed_with("north", "1700000100:dave")), "1700000100:dave");
  EXPECT_EQ(told(signed_with("south", "1700000100:dave")), "1700000100:dave");
}

TEST_F(SharedSecretTest, AcceptsTheTimestampOnEitherSide) {
  const Verdict verdict = check(signed_with("south", "dave:1700000100"));
  ASSERT_EQ(told(verdict), "dave:1700000100");
  EXPECT_EQ(std::get<Identity>(verdict).quota_name, "dave");
}

TEST_F(SharedSecretTest, DoesNotAcceptASecretThatWasTakenOut) {
  const Bytes bytes = signed_with("north", "1700000100:dave");
  policy_.shared_secrets = {"south"};
  policy_.has_stored_users = false;
  EXPECT_EQ(told(bytes), "401 wrong");
}

TEST_F(SharedSecretTest, TellsWhenTheNameHasExpired) {
  EXPECT_EQ(told(signed_with("north", "1700000000:dave")), "1700000000:dave");
  EXPECT_EQ(told(signed_with("north", "1699999999:dave")), "1699999999:dave expired");
}

TEST_F(SharedSecretTest, DoesNotLetAnExpiredNameInWithAWrongPassword) {
  policy_.has_stored_users = false;
  EXPECT_EQ(told(signed_with("west", "1699999999:dave")), "401 wrong");
}

TEST_F(SharedSecretTest, WorksTogetherWithStoredUsers) {
  EXPECT_EQ(told(message([&](MessageBuilder& b) {
              add_names(b);
              b.add_integrity_sha1(md5_key());
            })),
            "alice");
  know("1700000100:stored", "own");
  EXPECT_EQ(told(message([&](MessageBuilder& b) {
              add_names(b, "1700000100:stored");
              b.add_integrity_sha1(md5_key("1700000100:stored", "own"));
            })),
            "1700000100:stored");
}

TEST_F(SharedSecretTest, MakesSha256KeysToo) {
  const std::string name = "1700000100:dave";
  EXPECT_EQ(told(message([&](MessageBuilder& b) {
              add_names(b, name);
              b.add_password_algorithms(kOffered);
              b.add_password_algorithm(PasswordAlgorithm::sha256);
              b.add_integrity_sha256(sha256_key(name, time_limited_password("north", name)));
            })),
            name);
}

class StoreDownTest : public LongTermTest {
 protected:
  StoreDownTest() {
    for (const std::string_view name : {"alice", "carol"}) {
      cache_.put(KeyCache::key_of("turnpike", name), unexpected(LookupError::unavailable),
                 now_.mono);
    }
    cache_.put(KeyCache::key_of("turnpike", stun::userhash("alice", "turnpike")),
               unexpected(LookupError::unavailable), now_.mono);
  }
  Bytes request_of(std::string_view name, std::string_view password) {
    return message([&](MessageBuilder& b) {
      add_names(b, name);
      b.add_integrity_sha1(md5_key(name, password));
    });
  }
  const UserKeys keys_ = UserKeys::from_password("alice", "turnpike", "secret");
  const KnownOwner owner_{Proof::stored_key, "turnpike", "alice", keys_};
};

TEST_F(StoreDownTest, TellsAServerErrorToNewcomers) {
  EXPECT_EQ(told(request_of("alice", "secret")), "500 refused");
}

TEST_F(StoreDownTest, GoesOnForTheOwnerOfTheAllocation) {
  EXPECT_EQ(told(check(request_of("alice", "secret"), &owner_)), "alice");
}

TEST_F(StoreDownTest, GoesOnForTheOwnerWhoHidesBehindAHash) {
  const Bytes bytes = message([&](MessageBuilder& b) {
    b.add(AttributeType::userhash, stun::userhash("alice", "turnpike"));
    b.add(AttributeType::realm, "turnpike");
    b.add(AttributeType::nonce, nonce());
    b.add_integrity_sha1(md5_key());
  });
  EXPECT_EQ(told(check(bytes, &owner_)), "alice");
}

TEST_F(StoreDownTest, DoesNotGoOnForAnybodyElse) {
  EXPECT_EQ(told(check(request_of("carol", "secret"), &owner_)), "500 refused");
  EXPECT_EQ(told(check(request_of("alice", "wrong"), &owner_)), "500 refused");
}

// The owner's remembered keys are for a store that can't answer, not for one that says no.
TEST_F(StoreDownTest, DoesNotTrustTheOwnerAgainstTheStore) {
  cache_.put(KeyCache::key_of("turnpike", "alice"), unexpected(LookupError::not_found), now_.mono);
  EXPECT_EQ(told(check(request_of("alice", "secret"), &owner_)), "401 wrong");
}

}  // namespace
}  // namespace turnpike::auth
