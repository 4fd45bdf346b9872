// What becomes of the store when the file is not what it should be, and that it recovers.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/store/sqlite_user_store.h"
#include "net/clock.h"
#include "unit/auth/store_support.h"

namespace turnpike::auth {
namespace {

namespace fs = std::filesystem;

class SqliteStoreFailure : public testing::Test {
 protected:
  SqliteStoreFailure() { put_user(path_, "realm", "alice", "secret"); }

  Result<UserRecord, LookupError> find_alice() { return store_.find("realm", "alice"); }

  void expect_unavailable(DatabaseError error) {
    const auto user = find_alice();
    ASSERT_FALSE(user.has_value());
    EXPECT_EQ(user.error(), LookupError::unavailable);
    ASSERT_TRUE(store_.failure().has_value());
    EXPECT_EQ(to_string(store_.failure()->error), to_string(error)) << store_.failure()->detail;
    EXPECT_EQ(store_.state("realm").error(), LookupError::unavailable);
    EXPECT_FALSE(store_.changed());
  }

  void expect_healed() {
    EXPECT_TRUE(store_.changed());
    EXPECT_TRUE(find_alice().has_value());
    EXPECT_TRUE(store_.state("realm")->has_users);
    EXPECT_FALSE(store_.failure().has_value());
    EXPECT_FALSE(store_.changed());
  }

  void overwrite(const std::string& content) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("turndb");
  const std::string copy_ = directory_.path("copy");
  SqliteUserStore store_{{.path = path_, .busy_timeout = milliseconds(1)}};
};

TEST_F(SqliteStoreFailure, MissingFromTheStart) {
  fs::rename(path_, copy_);
  expect_unavailable(DatabaseError::missing);
  EXPECT_FALSE(fs::exists(path_));  // Never made by the reader.
  fs::rename(copy_, path_);
  expect_healed();
}

TEST_F(SqliteStoreFailure, VanishedAndBack) {
  EXPECT_TRUE(find_alice().has_value());
  fs::rename(path_, copy_);
  EXPECT_FALSE(store_.changed());
  expect_unavailable(DatabaseError::missing);
  fs::rename(copy_, path_);
  expect_healed();
}

TEST_F(SqliteStoreFailure, BackBeforeAnybodyLookedCountsAsAChangeAllTheSame) {
  EXPECT_TRUE(store_.changed());
  fs::rename(path_, copy_);
  EXPECT_FALSE(store_.changed());
  fs::rename(copy_, path_);
  EXPECT_TRUE(find_alice().has_value());  // This lookup opened the file, not changed().
  EXPECT_TRUE(store_.changed());
}

TEST_F(SqliteStoreFailure, ReplacedByAnotherFile) {
  EXPECT_TRUE(store_.changed());
  put_user(copy_, "realm", "bob", "secret");
  fs::rename(copy_, path_);
  EXPECT_TRUE(store_.changed());
  EXPECT_EQ(find_alice().error(), LookupError::not_found);
  EXPECT_TRUE(store_.find("realm", "bob").has_value());
}

TEST_F(SqliteStoreFailure, RemovedAndMadeAgainAtOnce) {
  EXPECT_TRUE(store_.changed());
  fs::remove(path_);
  put_user(path_, "realm", "bob", "secret");
  EXPECT_TRUE(store_.changed());
  EXPECT_TRUE(store_.find("realm", "bob").has_value());
}

TEST_F(SqliteStoreFailure, OverwrittenInPlaceByACopy) {
  put_user(copy_, "realm", "carl", "secret");  // The same size and the same count of changes.
  EXPECT_TRUE(store_.changed());
  EXPECT_TRUE(find_alice().has_value());
  std::ifstream source(copy_, std::ios::binary);
  std::ofstream(path_, std::ios::binary | std::ios::in) << source.rdbuf();
  // A coarse clock may give the file the same time again; an operator's copy never comes so soon.
  fs::last_write_time(path_, fs::last_write_time(path_) + std::chrono::seconds(1));
  EXPECT_TRUE(store_.changed());
  EXPECT_TRUE(store_.find("realm", "carl").has_value());
  EXPECT_EQ(find_alice().error(), LookupError::not_found);
}

TEST_F(SqliteStoreFailure, ReachedByALinkThatPointsElsewhereNow) {
  put_user(copy_, "realm", "bob", "secret");
  const std::string link = directory_.path("link");
  fs::create_symlink(path_, link);
  SqliteUserStore store({.path = link});
  EXPECT_TRUE(store.changed());
  EXPECT_TRUE(store.find("realm", "alice").has_value());
  fs::create_symlink(copy_, directory_.path("new"));
  fs::rename(directory_.path("new"), link);
  EXPECT_TRUE(store.changed());
  EXPECT_TRUE(store.find("realm", "bob").has_value());
}

TEST_F(SqliteStoreFailure, LockedByAnotherConnection) {
  EXPECT_TRUE(find_alice().has_value());
  {
    auto writer = SqliteConnection::open(path_, SqliteConnection::Access::write, milliseconds(0));
    ASSERT_TRUE(writer.has_value());
    ASSERT_TRUE(writer->execute("begin exclusive").has_value());
    expect_unavailable(DatabaseError::locked);
    ASSERT_TRUE(writer->execute("insert into turn_secret values ('realm', 's')").has_value());
    ASSERT_TRUE(writer->execute("commit").has_value());
  }
  expect_healed();
}

TEST_F(SqliteStoreFailure, LockedFromTheStart) {
  auto writer = SqliteConnection::open(path_, SqliteConnection::Access::write, milliseconds(0));
  ASSERT_TRUE(writer.has_value());
  ASSERT_TRUE(writer->execute("begin exclusive").has_value());
  expect_unavailable(DatabaseError::locked);
  ASSERT_TRUE(writer->execute("rollback").has_value());
  expect_healed();
}

TEST_F(SqliteStoreFailure, WhileLockedOnlyTheFirstLookupWaits) {
  SqliteUserStore store({.path = path_, .busy_timeout = milliseconds(20)});
  auto writer = SqliteConnection::open(path_, SqliteConnection::Access::write, milliseconds(0));
  ASSERT_TRUE(writer->execute("begin exclusive").has_value());
  const Instant start = net::monotonic_now();
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(store.find("realm", "alice").has_value());
  EXPECT_LT(net::monotonic_now() - start, seconds(1));
}

TEST_F(SqliteStoreFailure, AWriterThatHasNotCommittedYetIsNoHindrance) {
  EXPECT_TRUE(store_.changed());
  auto writer = SqliteConnection::open(path_, SqliteConnection::Access::write, milliseconds(0));
  ASSERT_TRUE(writer->execute("begin immediate; delete from turnusers_lt").has_value());
  EXPECT_TRUE(find_alice().has_value());
  EXPECT_FALSE(store_.changed());
  ASSERT_TRUE(writer->execute("commit").has_value());
  EXPECT_TRUE(store_.changed());
  EXPECT_EQ(find_alice().error(), LookupError::not_found);
}

TEST_F(SqliteStoreFailure, CorruptHeader) {
  fs::copy_file(path_, copy_);
  EXPECT_TRUE(find_alice().has_value());
  overwrite(std::string(8192, 'x'));
  EXPECT_FALSE(store_.changed());
  expect_unavailable(DatabaseError::corrupt);
  fs::rename(copy_, path_);
  expect_healed();
}

TEST_F(SqliteStoreFailure, CorruptFromTheStart) {
  fs::copy_file(path_, copy_);
  overwrite("this is a text file, not a database\n");
  expect_unavailable(DatabaseError::corrupt);
  fs::rename(copy_, path_);
  expect_healed();
}

TEST_F(SqliteStoreFailure, Truncated) {
  fs::copy_file(path_, copy_);
  EXPECT_TRUE(find_alice().has_value());
  fs::resize_file(path_, 5000);
  EXPECT_FALSE(store_.changed());
  expect_unavailable(DatabaseError::corrupt);
  fs::rename(copy_, path_);
  expect_healed();
}

TEST_F(SqliteStoreFailure, TruncatedToNothing) {
  fs::copy_file(path_, copy_);
  EXPECT_TRUE(find_alice().has_value());
  fs::resize_file(path_, 0);
  EXPECT_FALSE(store_.changed());
  expect_unavailable(DatabaseError::not_a_user_database);
  EXPECT_EQ(fs::file_size(path_), 0U);
  fs::rename(copy_, path_);
  expect_healed();
}

TEST_F(SqliteStoreFailure, ADatabaseOfSomethingElse) {
  fs::rename(path_, copy_);
  run_sql(path_, "create table songs (title)");
  expect_unavailable(DatabaseError::not_a_user_database);
  fs::rename(copy_, path_);
  expect_healed();
}

TEST_F(SqliteStoreFailure, ADirectory) {
  fs::rename(path_, copy_);
  fs::create_directory(path_);
  expect_unavailable(DatabaseError::not_a_file);
  fs::remove(path_);
  fs::rename(copy_, path_);
  expect_healed();
}

TEST_F(SqliteStoreFailure, APipeIsNotWaitedFor) {
  fs::rename(path_, copy_);
  ASSERT_EQ(mkfifo(path_.c_str(), 0666), 0);
  expect_unavailable(DatabaseError::not_a_file);
}

TEST_F(SqliteStoreFailure, AFileThatMayNotBeRead) {
  ASSERT_EQ(chmod(path_.c_str(), geteuid() == 0 ? 0600 : 0), 0);
  {
    const WithoutRootPowers ordinary;
    expect_unavailable(DatabaseError::not_permitted);
  }
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  expect_healed();
}

TEST_F(SqliteStoreFailure, AFileThatMayOnlyBeReadIsEnough) {
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  const WithoutRootPowers ordinary;
  EXPECT_TRUE(store_.changed());
  EXPECT_TRUE(find_alice().has_value());
  EXPECT_TRUE(store_.state("realm").has_value());
}

// Leaves at `to` what a process leaves behind that is killed in the middle of writing its change to
// the file: some pages written, the journal with the old ones beside it.
void leave_half_written(const std::string& from, const std::string& to) {
  auto writer = SqliteConnection::open(from, SqliteConnection::Access::write, milliseconds(0));
  ASSERT_TRUE(writer.has_value());
  // With room for hardly a page in memory the change goes to the file before the commit.
  ASSERT_TRUE(writer
                  ->execute("pragma cache_size = 1; pragma cache_spill = 1; begin immediate;"
                            "delete from turnusers_lt")
                  .has_value());
  for (int i = 0; i < 300; ++i) {
    const std::string name = "user" + std::to_string(i);
    ASSERT_TRUE(writer
                    ->execute("insert into turnusers_lt values ('realm', ?1, ?2)",
                              {name, std::string(400, 'a')})
                    .has_value());
  }
  fs::copy_file(from, to);
  fs::copy_file(from + "-journal", to + "-journal");
  ASSERT_GT(fs::file_size(to + "-journal"), 512U);
}

TEST_F(SqliteStoreFailure, AKilledWritersHalfChangeIsTakenBack) {
  leave_half_written(path_, copy_);
  SqliteUserStore store({.path = copy_});
  EXPECT_TRUE(store.find("realm", "alice").has_value());
  EXPECT_FALSE(store.find("realm", "user1").has_value());
  EXPECT_FALSE(fs::exists(copy_ + "-journal"));
}

TEST_F(SqliteStoreFailure, AHalfChangeThatMayNotBeTakenBackIsNotRead) {
  leave_half_written(path_, copy_);
  ASSERT_EQ(chmod(copy_.c_str(), 0444), 0);
  ASSERT_EQ(chmod((copy_ + "-journal").c_str(), 0444), 0);
  SqliteUserStore store({.path = copy_});
  {
    const WithoutRootPowers ordinary;
    EXPECT_EQ(store.find("realm", "alice").error(), LookupError::unavailable);
    EXPECT_EQ(store.failure()->error, DatabaseError::interrupted_write);
  }
  ASSERT_EQ(chmod(copy_.c_str(), 0644), 0);
  ASSERT_EQ(chmod((copy_ + "-journal").c_str(), 0644), 0);
  EXPECT_TRUE(store.find("realm", "alice").has_value());
}

}  // namespace
}  // namespace turnpike::auth
