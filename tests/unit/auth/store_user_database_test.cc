#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/store/schema.h"
#include "auth/store/sqlite_user_store.h"
#include "auth/store/user_database.h"
#include "base/hex.h"
#include "support/source_tree.h"
#include "unit/auth/store_support.h"

namespace turnpike::auth {
namespace {

namespace fs = std::filesystem;

class UserDatabaseTest : public ::testing::Test {
 protected:
  UserDatabase open(UserDatabase::Open how = UserDatabase::Open::create_if_missing) {
    auto database = UserDatabase::open(path_, how);
    if (!database) ADD_FAILURE() << to_string(database.error());
    return std::move(*database);
  }
  DatabaseError open_error(UserDatabase::Open how) {
    auto database = UserDatabase::open(path_, how);
    EXPECT_FALSE(database.has_value());
    return database.error().error;
  }
  static UserKeys keys(std::string_view realm, std::string_view name) {
    return UserKeys::from_password(name, realm, "secret");
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("turndb");
};

constexpr const char* kWholeSchema =
    "select group_concat(type || ' ' || name || ' ' || coalesce(sql, ''), ';') from"
    " (select * from sqlite_schema order by type, name)";

// coturn's turnadmin knows nothing of the tenth table.
TEST_F(UserDatabaseTest, GivesANewUserNoLimitsOfANamesakeWhomAnotherToolRemoved) {
  UserDatabase database = open();
  ASSERT_TRUE(database.put_user("r", "ann", keys("r", "ann")));
  ASSERT_TRUE(database.put_user("s", "ann", keys("s", "ann")));
  ASSERT_TRUE(database.change_options("r", "ann", {{"user-quota", "7"}}));
  ASSERT_TRUE(database.change_options("s", "ann", {{"user-quota", "8"}}));
  ASSERT_TRUE(database.put_user("r", "ann", keys("r", "ann")));
  EXPECT_EQ(database.options("r", "ann")->size(), 1U) << "a new password is no new user";
  run_sql(path_, "delete from turnusers_lt where realm = 'r'");
  ASSERT_TRUE(database.put_user("r", "ann", keys("r", "ann")));
  EXPECT_TRUE(database.options("r", "ann")->empty());
  EXPECT_EQ(database.options("s", "ann")->size(), 1U);
}

TEST_F(UserDatabaseTest, CreatesExactlyWhatTheSchemaFileSays) {
  std::ostringstream schema;
  schema << std::ifstream(testing::source_tree() + "/etc/schema.sql").rdbuf();
  const std::string by_hand = directory_.path("by_hand");
  run_sql(by_hand, schema.str());
  open();
  EXPECT_EQ(ask_sql(path_, kWholeSchema), ask_sql(by_hand, kWholeSchema));
  EXPECT_EQ(ask_sql(path_, "select count(*) from sqlite_schema where type = 'table'"), "9");
}

TEST_F(UserDatabaseTest, StoresPeerRulesAndForgetsThem) {
  UserDatabase database = open();
  const StoredPeerRule rule = {StoredPeerRule::Action::deny, "10.0.0.0/8"};
  EXPECT_EQ(database.put_peer_rule("r", rule), PutResult::added);
  EXPECT_EQ(database.put_peer_rule("r", rule), PutResult::unchanged);
  EXPECT_EQ(database.put_peer_rule("", {StoredPeerRule::Action::allow, "::1"}), PutResult::added);
  const auto rules = *database.peer_rules();
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0].realm, "");
  EXPECT_EQ(rules[1].rule, rule);
  EXPECT_EQ(database.remove_peer_rule("other", rule), false);
  EXPECT_EQ(database.remove_peer_rule("r", rule), true);
  EXPECT_EQ(database.peer_rules()->size(), 1U);
}

TEST_F(UserDatabaseTest, StoresOptionsOfRealmsAndReplacesThem) {
  UserDatabase database = open();
  EXPECT_TRUE(database.change_options("r", {}, {{"user-quota", "1"}}).has_value());
  EXPECT_TRUE(database.change_options("r", {}, {{"user-quota", "2"}}).has_value());
  const auto options = *database.realm_options();
  ASSERT_EQ(options.size(), 1U);
  EXPECT_EQ(options[0].option.value, "2");
  EXPECT_TRUE(
      database
          .change_options(
              "r", {},
              {{"max-bps", "1000"}, {"total-quota", std::nullopt}, {"user-quota", std::nullopt}})
          .has_value());
  const auto changed = *database.realm_options();
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0].option.option, "max-bps");
}

TEST_F(UserDatabaseTest, ChangesAllOptionsOfARealmOrNone) {
  UserDatabase database = open();
  run_sql(path_,
          "create trigger no_quota before insert on turn_realm_option when new.opt = 'user-quota' "
          "begin select raise(abort, 'no'); end");
  EXPECT_FALSE(database.change_options("r", {}, {{"max-bps", "1000"}, {"user-quota", "1"}}));
  EXPECT_TRUE(database.realm_options()->empty());
  EXPECT_TRUE(database.change_options("r", {}, {{"max-bps", "1000"}}));
}

TEST_F(UserDatabaseTest, CountsTheRowsOfItsOwnTablesOnly) {
  UserDatabase database = open();
  run_sql(path_, "insert into turn_origin_to_realm values ('https://a.example', 'r')");
  EXPECT_EQ(*database.row_count("turn_origin_to_realm"), std::optional<uint64_t>(1));
  EXPECT_EQ(*database.row_count("sqlite_schema"), std::optional<uint64_t>());
  EXPECT_EQ(*database.row_count("turnusers_lt; drop table turnusers_lt"),
            std::optional<uint64_t>());
  run_sql(path_, "drop table oauth_key");
  EXPECT_EQ(*database.row_count("oauth_key"), std::optional<uint64_t>());
  EXPECT_EQ(database.origins()->front().realm, "r");
}

TEST_F(UserDatabaseTest, HasTheColumnsThatCoturnMakes) {
  const std::string coturn = directory_.path("coturn");
  make_coturn_database(coturn);
  open();
  for (size_t i = 0; i < 8; ++i) {
    const std::string name(kUserDatabaseTables.at(i).name);
    const std::string columns =
        "select group_concat(cid || name || type || \"notnull\" || coalesce(dflt_value, '-') || pk)"
        " from pragma_table_info('" +
        name + "')";
    EXPECT_EQ(ask_sql(path_, columns), ask_sql(coturn, columns)) << name;
    EXPECT_FALSE(ask_sql(path_, columns).empty()) << name;
  }
}

TEST_F(UserDatabaseTest, KeepsTheRollbackJournal) {
  put_user(path_, "realm", "alice", "secret");
  EXPECT_EQ(ask_sql(path_, "pragma journal_mode"), "delete");
  EXPECT_FALSE(fs::exists(path_ + "-wal"));
}

TEST_F(UserDatabaseTest, MakesAFileForItsOwnerAlone) {
  open();
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(UserDatabaseTest, RootMakesTheFileForTheOwnerOfTheDirectory) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_EQ(chown(directory_.path("").c_str(), 12345, 23456), 0);
  open();
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 12345U);
  EXPECT_EQ(status.st_gid, 23456U);
}

TEST_F(UserDatabaseTest, OpensNothingThatIsMissingUnlessItMayCreate) {
  EXPECT_EQ(open_error(UserDatabase::Open::existing), DatabaseError::missing);
  EXPECT_EQ(open_error(UserDatabase::Open::read_only), DatabaseError::missing);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(UserDatabaseTest, FillsAnEmptyFile) {
  std::ofstream(path_).flush();
  EXPECT_TRUE(open().users({})->empty());
}

TEST_F(UserDatabaseTest, LeavesADatabaseOfSomethingElseAlone) {
  run_sql(path_, "create table songs (title)");
  EXPECT_EQ(open_error(UserDatabase::Open::create_if_missing), DatabaseError::not_a_user_database);
  EXPECT_EQ(ask_sql(path_, "select count(*) from sqlite_schema"), "1");
}

TEST_F(UserDatabaseTest, RefusesWhatIsNotADatabase) {
  std::ofstream(path_) << "users:\n  - alice\n  - bob, and a good deal more text than that\n";
  EXPECT_EQ(open_error(UserDatabase::Open::create_if_missing), DatabaseError::corrupt);
}

TEST_F(UserDatabaseTest, EnsureLeavesACoturnDatabaseUnchanged) {
  make_coturn_database(path_);
  const std::string before = ask_sql(path_, kWholeSchema);
  EXPECT_TRUE(ensure_user_database(path_, ParentDirectories::expect).has_value());
  EXPECT_EQ(ask_sql(path_, kWholeSchema), before);
}

TEST_F(UserDatabaseTest, EnsureAcceptsAFileThatMayOnlyBeRead) {
  make_coturn_database(path_);
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  const WithoutRootPowers ordinary;
  EXPECT_TRUE(ensure_user_database(path_, ParentDirectories::expect).has_value());
}

TEST_F(UserDatabaseTest, EnsureMakesDirectoriesOnlyWhereItIsToldTo) {
  const std::string deep = directory_.path("a/b/c/turndb");
  const auto refused = ensure_user_database(deep, ParentDirectories::expect);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().error, DatabaseError::missing);
  EXPECT_TRUE(ensure_user_database(deep, ParentDirectories::make).has_value());
  struct stat status {};
  ASSERT_EQ(stat(directory_.path("a/b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(UserDatabaseTest, WritesAUserToBothTables) {
  EXPECT_EQ(
      open().put_user("north.gov", "gorst", UserKeys::from_password("gorst", "north.gov", "hero")),
      PutResult::added);
  EXPECT_EQ(ask_sql(path_, "select realm || name || hmackey from turnusers_lt"),
            "north.govgorst7da2270ccfa49786e0115366d3a3d14d");
  EXPECT_EQ(ask_sql(path_,
                    "select realm || name || sha256key || userhash || hmackey"
                    " from turnpike_user"),
            "north.govgorst" + to_hex(stun::long_term_key_sha256("gorst", "north.gov", "hero")) +
                to_hex(stun::userhash("gorst", "north.gov")) + "7da2270ccfa49786e0115366d3a3d14d");
}

TEST_F(UserDatabaseTest, ReplacesThePasswordOfAUserThatIsThere) {
  UserDatabase database = open();
  EXPECT_EQ(database.put_user("r", "u", keys("r", "u")), PutResult::added);
  EXPECT_EQ(database.put_user("r", "u", UserKeys::from_password("u", "r", "new")),
            PutResult::replaced);
  EXPECT_EQ(ask_sql(path_, "select count(*) from turnusers_lt"), "1");
  EXPECT_EQ(ask_sql(path_, "select count(*) from turnpike_user"), "1");
  SqliteUserStore store({.path = path_});
  EXPECT_EQ(store.find("r", "u")->keys, UserKeys::from_password("u", "r", "new"));
}

TEST_F(UserDatabaseTest, AddsTheNinthTableToACoturnDatabaseWithTheFirstUser) {
  make_coturn_database(path_);
  UserDatabase database = open(UserDatabase::Open::existing);
  EXPECT_EQ(ask_sql(path_, "select count(*) from sqlite_schema where name = 'turnpike_user'"), "0");
  EXPECT_EQ(database.put_user("r", "u", keys("r", "u")), PutResult::added);
  EXPECT_EQ(ask_sql(path_, "select count(*) from turnpike_user"), "1");
}

TEST_F(UserDatabaseTest, WritesBothTablesOrNeither) {
  make_coturn_database(path_);
  run_sql(path_, "create table turnpike_user (something)");
  UserDatabase database = open(UserDatabase::Open::existing);
  EXPECT_FALSE(database.put_user("r", "u", keys("r", "u")).has_value());
  EXPECT_EQ(ask_sql(path_, "select count(*) from turnusers_lt"), "0");
}

TEST_F(UserDatabaseTest, RemovesAUserFromBothTables) {
  UserDatabase database = open();
  EXPECT_TRUE(database.put_user("r", "u", keys("r", "u")).has_value());
  EXPECT_TRUE(database.put_user("r", "v", keys("r", "v")).has_value());
  EXPECT_EQ(database.remove_user("r", "u"), true);
  EXPECT_EQ(ask_sql(path_, "select group_concat(name) from turnusers_lt"), "v");
  EXPECT_EQ(ask_sql(path_, "select group_concat(name) from turnpike_user"), "v");
}

TEST_F(UserDatabaseTest, TellsThatThereWasNobodyToRemove) {
  UserDatabase database = open();
  EXPECT_EQ(database.remove_user("r", "u"), false);
  EXPECT_TRUE(database.put_user("r", "u", keys("r", "u")).has_value());
  EXPECT_EQ(database.remove_user("other", "u"), false);
  EXPECT_EQ(database.remove_user("r", "' or 1=1 --"), false);
}

TEST_F(UserDatabaseTest, RemovesFromACoturnDatabaseWithoutMakingTheNinthTable) {
  make_coturn_database(path_);
  put_user_as_coturn(path_, "r", "u", "p");
  EXPECT_EQ(open(UserDatabase::Open::existing).remove_user("r", "u"), true);
  EXPECT_EQ(ask_sql(path_, "select count(*) from sqlite_schema where type = 'table'"), "8");
}

TEST_F(UserDatabaseTest, ListsUsersWithTheirSha256State) {
  put_user(path_, "b", "fresh", "p");
  put_user(path_, "b", "changed", "p");
  put_user_as_coturn(path_, "b", "changed", "other");
  put_user_as_coturn(path_, "a", "coturns", "p");
  UserDatabase database = open(UserDatabase::Open::read_only);
  const auto all = *database.users({});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].realm, "a");
  EXPECT_EQ(all[0].sha256, Sha256State::absent);
  EXPECT_EQ(all[1].name, "changed");
  EXPECT_EQ(all[1].sha256, Sha256State::stale);
  EXPECT_EQ(all[2].name, "fresh");
  EXPECT_EQ(all[2].sha256, Sha256State::valid);
  EXPECT_EQ(database.users("a")->size(), 1U);
  EXPECT_EQ(database.users("' or 1=1 --")->size(), 0U);
}

TEST_F(UserDatabaseTest, KeepsSecretsByRealm) {
  UserDatabase database = open();
  EXPECT_EQ(database.put_secret("r", "one"), PutResult::added);
  EXPECT_EQ(database.put_secret("r", "one"), PutResult::unchanged);
  EXPECT_EQ(database.put_secret("other", "one"), PutResult::added);
  EXPECT_EQ(database.secrets("r")->size(), 1U);
  EXPECT_EQ(database.secrets({})->size(), 2U);
  EXPECT_EQ(database.remove_secret("r", "two"), false);
  EXPECT_EQ(database.remove_secret("r", "one"), true);
  EXPECT_EQ(database.secrets({})->at(0).realm, "other");
}

TEST_F(UserDatabaseTest, SaysThatItMayNotWrite) {
  make_coturn_database(path_);
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  const WithoutRootPowers ordinary;
  UserDatabase database = open(UserDatabase::Open::existing);
  const auto put = database.put_user("r", "u", keys("r", "u"));
  ASSERT_FALSE(put.has_value());
  EXPECT_EQ(put.error().error, DatabaseError::read_only);
}

TEST_F(UserDatabaseTest, GivesUpOnALockAfterItsTime) {
  make_empty_database(path_);
  auto writer = SqliteConnection::open(path_, SqliteConnection::Access::write, milliseconds(0));
  ASSERT_TRUE(writer->execute("begin immediate").has_value());
  auto database = UserDatabase::open(path_, UserDatabase::Open::existing, milliseconds(1));
  ASSERT_TRUE(database.has_value());
  const auto put = database->put_user("r", "u", keys("r", "u"));
  ASSERT_FALSE(put.has_value());
  EXPECT_EQ(put.error().error, DatabaseError::locked);
}

// Adds `count` users and leaves; runs in a process of its own.
[[noreturn]] void add_users_and_exit(const std::string& path, const std::string& prefix,
                                     int count) {
  for (int i = 0; i < count; ++i) {
    const std::string name = prefix + std::to_string(i);
    auto database = UserDatabase::open(path, UserDatabase::Open::create_if_missing);
    if (!database || !database->put_user("r", name, UserKeys::from_password(name, "r", "p"))) {
      _exit(1);
    }
  }
  _exit(0);
}

TEST_F(UserDatabaseTest, TwoProcessesThatCreateAndWriteLoseNothing) {
  constexpr int kUsers = 25;
  std::vector<pid_t> children;
  for (const char* prefix : {"a", "b"}) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) add_users_and_exit(path_, prefix, kUsers);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(open().users({})->size(), 2U * kUsers);
  EXPECT_EQ(ask_sql(path_, "select count(*) from turnpike_user"), std::to_string(2 * kUsers));
  EXPECT_EQ(ask_sql(path_, "pragma integrity_check"), "ok");
}

}  // namespace
}  // namespace turnpike::auth
