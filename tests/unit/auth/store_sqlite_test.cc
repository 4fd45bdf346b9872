#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/store/sqlite_user_store.h"
#include "auth/store/user_database.h"
#include "base/hex.h"
#include "unit/auth/store_support.h"

namespace turnpike::auth {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SqliteStore : public testing::Test {
 protected:
  SqliteUserStore open() { return SqliteUserStore({.path = path_}); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("turndb");
};

TEST_F(SqliteStore, FindsAUserThatOurToolAddedWithBothKeys) {
  put_user(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  const auto user = store.find("realm", "alice");
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->name, "alice");
  EXPECT_EQ(user->keys, UserKeys::from_password("alice", "realm", "secret"));
}

TEST_F(SqliteStore, FindsAUserOfADatabaseThatCoturnMade) {
  make_coturn_database(path_);
  put_user_as_coturn(path_, "north.gov", "gorst", "hero");
  SqliteUserStore store = open();
  const auto user = store.find("north.gov", "gorst");
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(to_hex(user->keys.md5), "7da2270ccfa49786e0115366d3a3d14d");
  EXPECT_FALSE(user->keys.has_sha256);
}

TEST_F(SqliteStore, NeverAddsTheNinthTableToADatabaseThatItOnlyReads) {
  make_coturn_database(path_);
  put_user_as_coturn(path_, "r", "u", "p");
  SqliteUserStore store = open();
  EXPECT_TRUE(store.find("r", "u").has_value());
  EXPECT_TRUE(store.state("r").has_value());
  EXPECT_FALSE(store.find_by_userhash("r", stun::Sha256Mac{}).has_value());
  EXPECT_EQ(ask_sql(path_, "select count(*) from sqlite_schema where type = 'table'"), "8");
}

TEST_F(SqliteStore, TakesKeysInUpperCaseToo) {
  make_coturn_database(path_);
  run_sql(path_,
          "insert into turnusers_lt values "
          "('north.gov', 'gorst', '7DA2270CCFA49786E0115366D3A3D14D')");
  SqliteUserStore store = open();
  EXPECT_EQ(to_hex(store.find("north.gov", "gorst")->keys.md5), "7da2270ccfa49786e0115366d3a3d14d");
}

TEST_F(SqliteStore, ARowWhoseKeyIsNoKeyIsNoUser) {
  make_coturn_database(path_);
  run_sql(path_,
          "insert into turnusers_lt values ('r', 'short', 'abc'), ('r', 'null', null),"
          " ('r', 'letters', 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz')");
  SqliteUserStore store = open();
  EXPECT_EQ(store.find("r", "short").error(), LookupError::not_found);
  EXPECT_EQ(store.find("r", "null").error(), LookupError::not_found);
  EXPECT_EQ(store.find("r", "letters").error(), LookupError::not_found);
  EXPECT_FALSE(store.state("r")->has_users);
}

TEST_F(SqliteStore, KnowsNobodyUnderAnotherNameRealmOrCase) {
  put_user(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  for (const auto& [realm, name] : {std::pair{"realm", "bob"},
                                    {"other", "alice"},
                                    {"realm", "Alice"},
                                    {"Realm", "alice"},
                                    {"", "alice"}}) {
    EXPECT_EQ(store.find(realm, name).error(), LookupError::not_found) << realm << ' ' << name;
  }
}

TEST_F(SqliteStore, TreatsSqlInNamesAndRealmsAsText) {
  put_user(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  for (const std::string_view text :
       {"' or '1'='1", "alice' --", "\"; drop table turnusers_lt; --", "%", "_lice", "*", "?1",
        "alice'; attach database 'x' as y; --", "\\", "alice/*"}) {
    EXPECT_EQ(store.find("realm", text).error(), LookupError::not_found) << text;
    EXPECT_EQ(store.find(text, "alice").error(), LookupError::not_found) << text;
    EXPECT_FALSE(store.state(text)->has_users) << text;
  }
  EXPECT_TRUE(store.find("realm", "alice").has_value());
}

TEST_F(SqliteStore, StoresANameMadeOfSqlLikeAnyOther) {
  const std::string_view name = "x'); delete from turnusers_lt; --";
  put_user(path_, "re'alm", name, "pass'word");
  SqliteUserStore store = open();
  EXPECT_EQ(store.find("re'alm", name)->keys, UserKeys::from_password(name, "re'alm", "pass'word"));
}

TEST_F(SqliteStore, ANameWithANulIsNobodys) {
  put_user(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  using namespace std::string_view_literals;
  EXPECT_EQ(store.find("realm", "alice\0"sv).error(), LookupError::not_found);
  EXPECT_EQ(store.find("realm", "alice\0x"sv).error(), LookupError::not_found);
  EXPECT_EQ(store.find("realm\0"sv, "alice").error(), LookupError::not_found);
}

TEST_F(SqliteStore, ANameLongerThanTheProtocolAllowsIsNobodys) {
  put_user(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  EXPECT_EQ(store.find("realm", std::string(100'000, 'a')).error(), LookupError::not_found);
}

TEST_F(SqliteStore, FindsNamesInAnyScript) {
  put_user(path_, "領域", "Аня ☎", "пароль");
  SqliteUserStore store = open();
  EXPECT_TRUE(store.find("領域", "Аня ☎").has_value());
}

TEST_F(SqliteStore, AnEmptyNameIsNotAnError) {
  make_empty_database(path_);
  SqliteUserStore store = open();
  EXPECT_EQ(store.find({}, {}).error(), LookupError::not_found);
}

TEST_F(SqliteStore, DoesNotUseASha256KeyWhosePasswordTurnadminHasChanged) {
  put_user(path_, "realm", "alice", "old");
  put_user_as_coturn(path_, "realm", "alice", "new");
  SqliteUserStore store = open();
  const auto user = store.find("realm", "alice");
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->keys.md5, stun::long_term_key_md5("alice", "realm", "new"));
  EXPECT_FALSE(user->keys.has_sha256);
  EXPECT_FALSE(store.state("realm")->all_users_have_sha256);
}

TEST_F(SqliteStore, UsesTheSha256KeyAgainOnceOurToolHasSetThePassword) {
  put_user(path_, "realm", "alice", "old");
  put_user_as_coturn(path_, "realm", "alice", "new");
  put_user(path_, "realm", "alice", "new");
  SqliteUserStore store = open();
  EXPECT_EQ(store.find("realm", "alice")->keys, UserKeys::from_password("alice", "realm", "new"));
  EXPECT_TRUE(store.state("realm")->all_users_have_sha256);
}

TEST_F(SqliteStore, ANinthRowWithoutItsUserCountsForNothing) {
  put_user(path_, "realm", "alice", "secret");
  run_sql(path_, "delete from turnusers_lt");
  SqliteUserStore store = open();
  EXPECT_EQ(store.find("realm", "alice").error(), LookupError::not_found);
  EXPECT_EQ(store.find_by_userhash("realm", stun::userhash("alice", "realm")).error(),
            LookupError::not_found);
  EXPECT_FALSE(store.state("realm")->has_users);
}

TEST_F(SqliteStore, ASha256KeyThatIsNoKeyIsNotOffered) {
  put_user(path_, "realm", "alice", "secret");
  run_sql(path_, "update turnpike_user set sha256key = 'abc'");
  SqliteUserStore store = open();
  EXPECT_FALSE(store.find("realm", "alice")->keys.has_sha256);
  EXPECT_FALSE(store.state("realm")->all_users_have_sha256);
}

TEST_F(SqliteStore, UsesMd5WhenTheNinthTableHasOtherColumns) {
  make_coturn_database(path_);
  run_sql(path_, "create table turnpike_user (something)");
  put_user_as_coturn(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  EXPECT_TRUE(store.find("realm", "alice").has_value());
  EXPECT_FALSE(store.state("realm")->all_users_have_sha256);
}

TEST_F(SqliteStore, FindsByUserhashAUserThatOurToolAdded) {
  put_user(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  const auto user = store.find_by_userhash("realm", stun::userhash("alice", "realm"));
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->name, "alice");
  EXPECT_EQ(user->keys, UserKeys::from_password("alice", "realm", "secret"));
}

TEST_F(SqliteStore, FindsByUserhashAUserThatTurnadminAdded) {
  put_user(path_, "realm", "alice", "secret");
  put_user_as_coturn(path_, "realm", "bob", "secret");
  put_user_as_coturn(path_, "other", "carol", "secret");
  SqliteUserStore store = open();
  const auto user = store.find_by_userhash("realm", stun::userhash("bob", "realm"));
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->name, "bob");
  EXPECT_TRUE(store.find_by_userhash("other", stun::userhash("carol", "other")).has_value());
  EXPECT_FALSE(store.find_by_userhash("realm", stun::userhash("carol", "realm")).has_value());
  EXPECT_FALSE(store.find_by_userhash("realm", stun::userhash("dave", "realm")).has_value());
}

TEST_F(SqliteStore, DoesNotBelieveAUserhashThatIsNotTheNames) {
  put_user(path_, "realm", "alice", "secret");
  const std::string forged = to_hex(stun::userhash("mallory", "realm"));
  run_sql(path_, "update turnpike_user set userhash = '" + forged + "'");
  SqliteUserStore store = open();
  EXPECT_FALSE(store.find_by_userhash("realm", stun::userhash("mallory", "realm")).has_value());
}

TEST_F(SqliteStore, StateTellsOfUsersInTheRealmAskedForOnly) {
  put_user(path_, "realm", "alice", "secret");
  put_user_as_coturn(path_, "other", "bob", "secret");
  SqliteUserStore store = open();
  EXPECT_TRUE(store.state("realm")->has_users);
  EXPECT_TRUE(store.state("realm")->all_users_have_sha256);
  EXPECT_TRUE(store.state("other")->has_users);
  EXPECT_FALSE(store.state("other")->all_users_have_sha256);
  EXPECT_FALSE(store.state("third")->has_users);
  EXPECT_TRUE(store.state("third")->all_users_have_sha256);
}

TEST_F(SqliteStore, StateHasTheSharedSecretsOfTheRealm) {
  make_coturn_database(path_);
  run_sql(path_,
          "insert into turn_secret values ('realm', 'two'), ('realm', 'one'),"
          " ('realm', ''), ('other', 'three')");
  SqliteUserStore store = open();
  EXPECT_THAT(store.state("realm")->shared_secrets, ElementsAre("one", "two"));
  EXPECT_THAT(store.state("third")->shared_secrets, IsEmpty());
}

TEST_F(SqliteStore, ListsTheRealmsThatHaveUsers) {
  make_coturn_database(path_);
  put_user_as_coturn(path_, "b", "u", "p");
  put_user_as_coturn(path_, "a", "u", "p");
  put_user_as_coturn(path_, "a", "v", "p");
  run_sql(path_, "insert into turn_secret values ('c', 's')");
  SqliteUserStore store = open();
  EXPECT_THAT(*store.realms_with_users(), ElementsAre("a", "b"));
}

TEST_F(SqliteStore, ReadsPeerRangesAndRealmOptions) {
  make_coturn_database(path_);
  run_sql(path_, "insert into allowed_peer_ip values ('', '10.0.0.1')");
  run_sql(path_, "insert into denied_peer_ip values ('r', '10.0.0.0-10.255.255.255')");
  run_sql(path_,
          "insert into turn_realm_option values ('r', 'max-bps', '1000'),"
          " ('other', 'user-quota', '7')");
  SqliteUserStore store = open();
  const auto allowed = *store.peer_ranges(PeerList::allowed);
  ASSERT_EQ(allowed.size(), 1U);
  EXPECT_EQ(allowed[0].realm, "");
  EXPECT_EQ(allowed[0].range, "10.0.0.1");
  const auto denied = *store.peer_ranges(PeerList::denied);
  ASSERT_EQ(denied.size(), 1U);
  EXPECT_EQ(denied[0].realm, "r");
  EXPECT_EQ(denied[0].range, "10.0.0.0-10.255.255.255");
  const auto options = *store.realm_options("r");
  ASSERT_EQ(options.size(), 1U);
  EXPECT_EQ(options[0].name, "max-bps");
  EXPECT_EQ(options[0].value, "1000");
}

TEST_F(SqliteStore, TheStateHoldsTheRulesOfTheRealmAndOfEveryRealm) {
  make_coturn_database(path_);
  run_sql(path_,
          "insert into allowed_peer_ip values ('', '10.0.0.1'), ('r', '10.0.0.2'),"
          " ('other', '10.0.0.3')");
  run_sql(path_, "insert into denied_peer_ip values ('r', '10.0.0.4')");
  SqliteUserStore store = open();
  const auto state = store.state("r");
  ASSERT_TRUE(state.has_value());
  ASSERT_EQ(state->peer_rules.size(), 3U);
  EXPECT_EQ(state->peer_rules[0].range, "10.0.0.1");
  EXPECT_EQ(state->peer_rules[1].range, "10.0.0.2");
  EXPECT_EQ(state->peer_rules[2].action, StoredPeerRule::Action::deny);
}

TEST_F(SqliteStore, ADatabaseWithoutTablesOfRulesHasNone) {
  make_coturn_database(path_);
  for (const char* table : {"allowed_peer_ip", "denied_peer_ip", "turn_realm_option"}) {
    run_sql(path_, std::string("drop table ") + table);
  }
  SqliteUserStore store = open();
  const auto state = store.state("r");
  ASSERT_TRUE(state.has_value());
  EXPECT_TRUE(state->peer_rules.empty());
}

TEST_F(SqliteStore, TellsTheLimitsOfARealmThatTurnadminSet) {
  make_coturn_database(path_);
  run_sql(path_,
          "insert into turn_realm_option values ('r', 'max-bps', '1000'), ('r', 'user-quota', '7'),"
          " ('r', 'total-quota', '0'), ('other', 'max-bps', '5')");
  SqliteUserStore store = open();
  const StoredLimits limits = store.state("r")->limits;
  EXPECT_EQ(limits.max_bps, 1000U);
  EXPECT_EQ(limits.user_quota, 7U);
  EXPECT_EQ(limits.total_quota, 0U);
  EXPECT_EQ(store.state("nobody's")->limits, StoredLimits());
}

TEST_F(SqliteStore, TellsTheLimitsOfAUserAsSoonAsThereAreSome) {
  put_user(path_, "r", "alice", "secret");
  put_user(path_, "r", "bob", "secret");
  SqliteUserStore store = open();
  EXPECT_TRUE(store.state("r")->user_limits.empty());
  auto database = UserDatabase::open(path_, UserDatabase::Open::existing);
  ASSERT_TRUE(database.has_value());
  ASSERT_TRUE(database->change_options("r", "alice", {{"max-bps", "2000"}, {"user-quota", "3"}})
                  .has_value());
  ASSERT_TRUE(database->change_options("other", "alice", {{"max-bps", "5"}}).has_value());
  auto limits = store.state("r")->user_limits;
  EXPECT_EQ(limits.size(), 1U);
  EXPECT_EQ(limits["alice"].max_bps, 2000U);
  EXPECT_EQ(limits["alice"].user_quota, 3U);
  ASSERT_TRUE(database->change_options("r", "alice", {{"max-bps", {}}}).has_value());
  limits = store.state("r")->user_limits;
  EXPECT_EQ(limits["alice"].max_bps, std::nullopt);
  EXPECT_EQ(limits["alice"].user_quota, 3U);
}

TEST_F(SqliteStore, TellsRealmsByOriginWithAllThatBelongsToThem) {
  make_coturn_database(path_);
  run_sql(path_,
          "insert into turn_origin_to_realm values ('http://O.example', 'north'),"
          " ('https://p.example:443', 'north'), ('https://own.example', 'r'), ('https://x', ''),"
          " ('', 'north');"
          "insert into turn_secret values ('north', 'ice');"
          "insert into turn_realm_option values ('north', 'max-bps', '5');"
          "insert into denied_peer_ip values ('north', '10.0.0.1'), ('', '10.0.0.2')");
  put_user(path_, "north", "nora", "snow");
  SqliteUserStore store = open();
  const auto state = store.state("r");
  ASSERT_TRUE(state.has_value());
  const std::map<std::string, std::string, std::less<>> origins = {
      {"http://o.example:80", "north"},
      {"https://p.example:443", "north"},
      {"https://own.example:443", "r"}};
  EXPECT_EQ(state->realm_of_origin, origins);
  ASSERT_EQ(state->other_realms.size(), 1U);
  const RealmState& north = state->other_realms.at("north");
  EXPECT_TRUE(north.has_users);
  EXPECT_EQ(north.shared_secrets, std::vector<std::string>{"ice"});
  EXPECT_EQ(north.limits.max_bps, 5U);
  ASSERT_EQ(north.peer_rules.size(), 2U);
  EXPECT_TRUE(state->shared_secrets.empty());
  EXPECT_EQ(state->peer_rules.size(), 1U);
}

TEST_F(SqliteStore, TellsKeysOfThirdPartyAuthorization) {
  make_coturn_database(path_);
  run_sql(path_,
          "insert into oauth_key (kid, ikm_key, as_rs_alg) values"
          " ('union', 'MTIzNDU2Nzg5MDEyMzQ1Ngo=', 'A128GCM'), ('bad', '!', 'A128GCM'),"
          " ('', 'MTIzNDU2Nzg5MDEyMzQ1Ngo=', 'A128GCM'),"
          " ('short', 'MTIzNDU2Nzg5MDEyMzQ1Ngo=', 'A256GCM');"
          "insert into oauth_key values"
          " ('late', 'MTIzNDU2Nzg5MDEyMzQ1Ngo=', 1000, 60, 'A128GCM', 'r')");
  const auto keys = open().state("r")->token_keys;
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(as_text(keys.at("union").bytes()), "1234567890123456");
  EXPECT_TRUE(keys.at("union").is_for("any"));
  EXPECT_TRUE(keys.at("late").is_good_at(WallTime(seconds(1059))));
  EXPECT_FALSE(keys.at("late").is_good_at(WallTime(seconds(1060))));
  EXPECT_FALSE(keys.at("late").is_for("any"));
}

TEST_F(SqliteStore, ADatabaseWithoutATableOfOriginsHasNone) {
  make_coturn_database(path_);
  run_sql(path_, "drop table turn_origin_to_realm");
  const auto state = open().state("r");
  ASSERT_TRUE(state.has_value());
  EXPECT_TRUE(state->realm_of_origin.empty());
}

// A table that cannot be read is not one that has no rows: its rules might deny.
TEST_F(SqliteStore, IsUnavailableWhileATableOfRulesHasOtherColumns) {
  make_coturn_database(path_);
  run_sql(path_, "drop table denied_peer_ip; create table denied_peer_ip (realm, wrong)");
  SqliteUserStore store = open();
  EXPECT_EQ(store.state("r").error(), LookupError::unavailable);
  run_sql(path_, "drop table denied_peer_ip");
  EXPECT_TRUE(store.state("r").has_value());
}

TEST_F(SqliteStore, LeavesLimitsOutThatAreNoNumbers) {
  make_coturn_database(path_);
  run_sql(path_,
          "insert into turn_realm_option values ('r', 'max-bps', '1M'), ('r', 'user-quota', '-1'),"
          " ('r', 'total-quota', ''), ('r', 'performance', '5')");
  EXPECT_EQ(open().state("r")->limits, StoredLimits());
}

TEST_F(SqliteStore, NoticesAUserAddedAfterALookupThatFoundNobody) {
  make_empty_database(path_);
  SqliteUserStore store = open();
  EXPECT_TRUE(store.changed());  // The first time everything is new.
  EXPECT_EQ(store.find("realm", "alice").error(), LookupError::not_found);
  EXPECT_FALSE(store.changed());
  put_user(path_, "realm", "alice", "secret");
  EXPECT_TRUE(store.changed());
  EXPECT_TRUE(store.find("realm", "alice").has_value());
  EXPECT_FALSE(store.changed());
}

TEST_F(SqliteStore, NoticesEveryKindOfChange) {
  put_user(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  EXPECT_TRUE(store.changed());
  for (const std::string sql :
       {"insert into turn_secret values ('realm', 's')", "delete from turn_secret",
        "update turnusers_lt set hmackey = '00000000000000000000000000000000'",
        "delete from turnusers_lt", "insert into denied_peer_ip values ('', '10.0.0.1')"}) {
    run_sql(path_, sql);
    EXPECT_TRUE(store.changed()) << sql;
    EXPECT_FALSE(store.changed()) << sql;
  }
}

TEST_F(SqliteStore, SeesTheNinthTableOnceItIsMade) {
  make_coturn_database(path_);
  put_user_as_coturn(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  EXPECT_FALSE(store.find("realm", "alice")->keys.has_sha256);
  put_user(path_, "realm", "alice", "secret");
  EXPECT_TRUE(store.changed());
  EXPECT_TRUE(store.find("realm", "alice")->keys.has_sha256);
}

TEST_F(SqliteStore, GoesOnWithoutTheNinthTableWhenItIsDropped) {
  put_user(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  EXPECT_TRUE(store.find("realm", "alice")->keys.has_sha256);
  run_sql(path_, "drop table turnpike_user");
  EXPECT_TRUE(store.changed());
  const auto user = store.find("realm", "alice");
  ASSERT_TRUE(user.has_value());
  EXPECT_FALSE(user->keys.has_sha256);
}

TEST_F(SqliteStore, ForgetsWhoHadNoUserhashWhenTheUsersChange) {
  make_coturn_database(path_);
  put_user_as_coturn(path_, "realm", "alice", "secret");
  SqliteUserStore store = open();
  EXPECT_FALSE(store.find_by_userhash("realm", stun::userhash("bob", "realm")).has_value());
  put_user_as_coturn(path_, "realm", "bob", "secret");
  EXPECT_TRUE(store.changed());
  EXPECT_TRUE(store.find_by_userhash("realm", stun::userhash("bob", "realm")).has_value());
}

TEST_F(SqliteStore, TakesNoPathForAnythingButAFile) {
  EXPECT_EQ(SqliteUserStore({.path = ":memory:"}).state("r").error(), LookupError::unavailable);
  EXPECT_EQ(SqliteUserStore({.path = "file:x?mode=memory"}).state("r").error(),
            LookupError::unavailable);
  EXPECT_EQ(SqliteUserStore({.path = ""}).state("r").error(), LookupError::unavailable);
}

}  // namespace
}  // namespace turnpike::auth
