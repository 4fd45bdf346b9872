#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/auth/store_support.h"
#include "unit/cli/run_command.h"

namespace turnpike::cli {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class UserCommand : public testing::Test {
 protected:
  // With --userdb at the end.
  CommandResult run(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.end(), {"--userdb", path_});
    return run_command(user, arguments, input);
  }
  std::string key_of(const std::string& name) {
    return auth::ask_sql(path_, "select hmackey from turnusers_lt where name = '" + name + "'");
  }

  auth::TemporaryDirectory directory_;
  const std::string path_ = directory_.path("turndb");
};

TEST_F(UserCommand, KeyPrintsWhatTurnadminPrintsAndTheSha256Key) {
  const auto result = run({"key", "gorst", "-r", "north.gov", "-p", "hero"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_THAT(result.output, MatchesRegex("0x7da2270ccfa49786e0115366d3a3d14d\n"
                                          "sha256 0x[0-9a-f]+\n"));
}

TEST_F(UserCommand, KeyMakesNoDatabase) {
  EXPECT_EQ(run({"key", "gorst", "-p", "hero"}).exit_code, kExitOk);
  EXPECT_EQ(run({"list"}).exit_code, kExitFailure);
}

TEST_F(UserCommand, AddStoresTheKeyAndSaysNothingOnStandardOutput) {
  const auto result = run({"add", "gorst", "--realm", "north.gov", "--password", "hero"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.errors, HasSubstr("added user 'gorst' in realm 'north.gov'"));
  EXPECT_EQ(key_of("gorst"), "7da2270ccfa49786e0115366d3a3d14d");
}

TEST_F(UserCommand, LimitSetsAndShowsWhatAUserMay) {
  run({"add", "gorst", "--realm", "north.gov", "--password", "hero"});
  EXPECT_EQ(run({"limit", "gorst"}).output, "no limits but those of the configuration\n");
  const auto set = run({"limit", "gorst", "--max-bps=24Mbit", "--user-quota=4"});
  EXPECT_EQ(set.exit_code, kExitOk);
  EXPECT_THAT(set.output, HasSubstr("max-bps: 24Mbit a second, 3000000 bytes a second\n"));
  EXPECT_THAT(set.output, HasSubstr("user-quota: 4 allocations\n"));
  EXPECT_EQ(run({"limit", "gorst", "--max-bps=default"}).output, "user-quota: 4 allocations\n");
  EXPECT_EQ(run({"limit", "gorst", "--user-quota=0"}).output, "user-quota: no limit\n");
}

TEST_F(UserCommand, LimitWithoutANameIsOfTheRealm) {
  run({"add", "gorst", "--realm", "north.gov", "--password", "hero"});
  EXPECT_EQ(run({"limit", "--total-quota=100", "--max-bps=1M"}).exit_code, kExitOk);
  EXPECT_EQ(auth::ask_sql(path_,
                          "select group_concat(realm || opt || value) from (select * from "
                          "turn_realm_option order by opt)"),
            "north.govmax-bps1000000,north.govtotal-quota100");
}

TEST_F(UserCommand, LimitRefusesWhatIsNoLimitAndChangesNothing) {
  run({"add", "gorst", "--realm", "north.gov", "--password", "hero"});
  for (const char* wrong :
       {"--max-bps=3Mbps", "--user-quota=-1", "--user-quota=1k", "--total-quota=5", "--max-bps="}) {
    EXPECT_EQ(run({"limit", "gorst", "--user-quota=9", wrong}).exit_code, kExitUsage) << wrong;
  }
  EXPECT_EQ(run({"limit", "nobody", "--user-quota=9"}).exit_code, kExitFailure);
  EXPECT_EQ(run({"limit", "gorst"}).output, "no limits but those of the configuration\n");
}

// A trigger refuses the second of two.
TEST_F(UserCommand, LimitSetsAllOfThemOrNone) {
  run({"add", "gorst", "--realm", "north.gov", "--password", "hero"});
  run({"limit", "gorst", "--max-bps=1000"});
  for (const char* table : {"turn_realm_option", "turnpike_user_option"}) {
    auth::run_sql(path_, std::string("create trigger no_quota_in_") + table + " before insert on " +
                             table +
                             " when new.opt = 'user-quota' begin select raise(abort, 'no'); end");
  }
  EXPECT_EQ(run({"limit", "gorst", "--max-bps=2000", "--user-quota=4"}).exit_code, kExitFailure);
  EXPECT_THAT(run({"limit", "gorst"}).output, HasSubstr("1000 bytes a second"));
  EXPECT_EQ(run({"limit", "--max-bps=2000", "--user-quota=4"}).exit_code, kExitFailure);
  EXPECT_EQ(run({"limit"}).output, "no limits but those of the configuration\n");
}

TEST_F(UserCommand, RemoveTakesTheLimitsAlong) {
  run({"add", "gorst", "--realm", "north.gov", "--password", "hero"});
  run({"limit", "gorst", "--user-quota=9"});
  run({"remove", "gorst", "--realm", "north.gov"});
  EXPECT_EQ(auth::ask_sql(path_, "select count(*) from turnpike_user_option"), "0");
}

TEST_F(UserCommand, AddTakesThePasswordFromStandardInput) {
  EXPECT_EQ(run({"add", "gorst", "-r", "north.gov", "--password-stdin"}, "hero\nrest").exit_code,
            kExitOk);
  EXPECT_EQ(key_of("gorst"), "7da2270ccfa49786e0115366d3a3d14d");
}

TEST_F(UserCommand, AddPrintsAGeneratedPasswordThatIsTheUsersPassword) {
  const auto added = run({"add", "alice", "--generate"});
  EXPECT_EQ(added.exit_code, kExitOk);
  ASSERT_THAT(added.output, MatchesRegex("[A-Za-z2-9]+\n"));
  EXPECT_EQ(added.output.size(), 25U);
  const auto key = run({"key", "alice", "--password-stdin"}, added.output);
  EXPECT_THAT(key.output, HasSubstr("0x" + key_of("alice") + "\n"));
}

TEST_F(UserCommand, AddChangesThePasswordOfAUserThatIsThere) {
  run({"add", "alice", "-p", "old"});
  const std::string old_key = key_of("alice");
  const auto result = run({"add", "alice", "-p", "new"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_THAT(result.errors, HasSubstr("changed the password of user 'alice'"));
  EXPECT_NE(key_of("alice"), old_key);
}

TEST_F(UserCommand, AddRefusesToGuessWhichPasswordIsMeant) {
  EXPECT_EQ(run({"add", "alice"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"add", "alice", "-p", "x", "--generate"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"add", "alice", "-p", "x", "--password-stdin"}, "y\n").exit_code, kExitUsage);
  EXPECT_EQ(run({"add", "alice", "--password-stdin"}, "").exit_code, kExitUsage);
  EXPECT_EQ(run({"list"}).exit_code, kExitFailure);  // No database was made.
}

TEST_F(UserCommand, RefusesNamesAndRealmsThatNoClientCanSend) {
  EXPECT_EQ(run({"add", "", "-p", "x"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"add", "a\nb", "-p", "x"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"add", std::string(509, 'a'), "-p", "x"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"add", "alice", "-p", "x", "-r", ""}).exit_code, kExitUsage);
  EXPECT_EQ(run({"add", "-p", "x"}).exit_code, kExitUsage);
}

TEST_F(UserCommand, UsesTheOnlyRealmThatHasUsers) {
  auth::make_coturn_database(path_);
  auth::put_user_as_coturn(path_, "north.gov", "gorst", "hero");
  run({"add", "alice", "-p", "x"});
  EXPECT_EQ(auth::ask_sql(path_, "select realm from turnusers_lt where name = 'alice'"),
            "north.gov");
}

TEST_F(UserCommand, UsesTheDefaultRealmWhenTheDatabaseHasSeveralOrNone) {
  run({"add", "alice", "-p", "x"});
  EXPECT_EQ(auth::ask_sql(path_, "select realm from turnusers_lt"), "turnpike");
  run({"add", "bob", "-p", "x", "-r", "other"});
  run({"add", "carol", "-p", "x"});
  EXPECT_EQ(auth::ask_sql(path_, "select realm from turnusers_lt where name = 'carol'"),
            "turnpike");
}

TEST_F(UserCommand, RemoveRemoves) {
  run({"add", "alice", "-p", "x"});
  const auto result = run({"remove", "alice"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_EQ(key_of("alice"), "");
}

TEST_F(UserCommand, RemovingNobodyIsAFailure) {
  run({"add", "alice", "-p", "x"});
  const auto result = run({"remove", "bob"});
  EXPECT_EQ(result.exit_code, kExitFailure);
  EXPECT_THAT(result.errors, HasSubstr("there is no user 'bob' in realm 'turnpike'"));
}

TEST_F(UserCommand, RemoveWithKillRemovesNothingWhenThereIsNoServer) {
  run({"add", "alice", "-p", "x"});
  const auto result = run({"remove", "alice", "--kill", "--socket", path_ + ".socket"});
  EXPECT_EQ(result.exit_code, kExitFailure);
  EXPECT_THAT(result.errors, HasSubstr("nothing was removed"));
  EXPECT_NE(key_of("alice"), "");
}

TEST_F(UserCommand, ListIsATable) {
  run({"add", "alice", "-p", "x"});
  auth::put_user_as_coturn(path_, "turnpike", "bo", "p");
  EXPECT_EQ(run({"list"}).output,
            "REALM     NAME   SHA-256\n"
            "turnpike  alice  yes\n"
            "turnpike  bo     no\n");
}

TEST_F(UserCommand, ListIsJsonOnDemand) {
  run({"add", "al\"ice\\", "-p", "x"});
  EXPECT_EQ(run({"list", "--json"}).output,
            "[\n  {\"realm\": \"turnpike\", \"name\": \"al\\\"ice\\\\\", \"sha256\": true}\n]\n");
  EXPECT_EQ(run({"list", "--json", "--realm", "other"}).output, "[]\n");
}

TEST_F(UserCommand, ListShowsNoControlCharacters) {
  auth::make_coturn_database(path_);
  auth::put_user_as_coturn(path_, "r", "\x1b[2Jx", "p");
  EXPECT_THAT(run({"list"}).output, HasSubstr("?[2Jx"));
  EXPECT_THAT(run({"list", "--json"}).output, HasSubstr("\\u001b[2Jx"));
}

TEST_F(UserCommand, NamesWhatIsWrongWithTheDatabase) {
  auth::run_sql(path_, "create table songs (title)");
  const auto result = run({"add", "alice", "-p", "x"});
  EXPECT_EQ(result.exit_code, kExitFailure);
  EXPECT_THAT(result.errors, HasSubstr(path_));
  EXPECT_THAT(result.errors, HasSubstr("tables of a user database"));
}

TEST_F(UserCommand, RefusesUnknownVerbsAndOptions) {
  EXPECT_EQ(run_command(user, {}).exit_code, kExitUsage);
  EXPECT_EQ(run_command(user, {"ad"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"add", "alice", "--pass", "x"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"add", "alice", "bob", "-p", "x"}).exit_code, kExitUsage);
}

TEST_F(UserCommand, HelpGoesToStandardOutput) {
  EXPECT_THAT(run_command(user, {"--help"}).output, HasSubstr("usage: turnpike user"));
  for (const char* verb : {"add", "remove", "list", "key"}) {
    const auto result = run_command(user, {verb, "--help"});
    EXPECT_EQ(result.exit_code, kExitOk);
    EXPECT_THAT(result.output, HasSubstr("--userdb"));
  }
}

}  // namespace
}  // namespace turnpike::cli
