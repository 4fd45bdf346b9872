#include "unit/auth/store_support.h"

#include <array>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"

namespace turnpike::auth {
namespace {

constexpr unsigned int kNobody = 65534;
constexpr milliseconds kTimeout{5000};

SqliteConnection connect(const std::string& path) {
  auto connection = SqliteConnection::open(path, SqliteConnection::Access::create, kTimeout);
  if (!connection) ADD_FAILURE() << path << ": " << to_string(connection.error());
  return std::move(*connection);
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  // In memory where there is such a place: hundreds of commits to a disk take their time.
  const std::filesystem::path memory = "/dev/shm";
  const bool in_memory = access(memory.c_str(), W_OK | X_OK) == 0;
  const auto parent = in_memory ? memory : std::filesystem::temp_directory_path();
  std::string pattern = (parent / "turnpike-XXXXXX").string();
  const char* made = mkdtemp(pattern.data());
  EXPECT_NE(made, nullptr);
  path_ = pattern;
  EXPECT_EQ(chmod(path_.c_str(), 0777), 0);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::path(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

// The identity for files belongs to a thread; a new one other than 0 takes root's powers along.
WithoutRootPowers::WithoutRootPowers()
    : fsuid_(static_cast<unsigned int>(geteuid() == 0 ? setfsuid(kNobody) : setfsuid(geteuid()))) {}

WithoutRootPowers::~WithoutRootPowers() {
  setfsuid(fsuid_);
}

void make_empty_database(const std::string& path) {
  const auto made = UserDatabase::open(path, UserDatabase::Open::create_if_missing);
  ASSERT_TRUE(made.has_value()) << to_string(made.error());
}

void make_coturn_database(const std::string& path) {
  constexpr std::array kStatements = {
      "CREATE TABLE turnusers_lt ( realm varchar(127) default '', name varchar(512), hmackey "
      "char(128), PRIMARY KEY (realm,name))",
      "CREATE TABLE turn_secret (realm varchar(127) default '', value varchar(127), primary key "
      "(realm,value))",
      "CREATE TABLE allowed_peer_ip (realm varchar(127) default '', ip_range varchar(256), primary "
      "key (realm,ip_range))",
      "CREATE TABLE denied_peer_ip (realm varchar(127) default '', ip_range varchar(256), primary "
      "key (realm,ip_range))",
      "CREATE TABLE turn_origin_to_realm (origin varchar(127),realm varchar(127),primary key "
      "(origin))",
      "CREATE TABLE turn_realm_option (realm varchar(127) default '',\topt varchar(32),\tvalue "
      "varchar(128),\tprimary key (realm,opt))",
      "CREATE TABLE oauth_key (kid varchar(128),ikm_key varchar(256),timestamp bigint default "
      "0,lifetime integer default 0,as_rs_alg varchar(64) default '',realm varchar(127) default "
      "'',primary key (kid))",
      "CREATE TABLE admin_user (name varchar(32), realm varchar(127), password varchar(127), "
      "primary key (name))",
  };
  for (const char* statement : kStatements) run_sql(path, statement);
}

void run_sql(const std::string& path, const std::string& sql) {
  const auto done = connect(path).execute(sql);
  ASSERT_TRUE(done.has_value()) << sql << ": " << to_string(done.error());
}

std::string ask_sql(const std::string& path, std::string_view sql) {
  SqliteConnection connection = connect(path);
  auto statement = connection.prepare(sql);
  if (!statement) {
    ADD_FAILURE() << sql << ": " << to_string(statement.error());
    return {};
  }
  Rows rows = statement->run({});
  return rows.next() ? std::string(rows.text(0)) : std::string();
}

void put_user(const std::string& path, std::string_view realm, std::string_view name,
              std::string_view password) {
  auto database = UserDatabase::open(path, UserDatabase::Open::create_if_missing);
  ASSERT_TRUE(database.has_value()) << to_string(database.error());
  const auto put = database->put_user(realm, name, UserKeys::from_password(name, realm, password));
  ASSERT_TRUE(put.has_value()) << to_string(put.error());
}

void put_user_as_coturn(const std::string& path, std::string_view realm, std::string_view name,
                        std::string_view password) {
  const std::string key = to_hex(stun::long_term_key_md5(name, realm, password));
  const auto put = connect(path).execute(
      "insert or replace into turnusers_lt (realm, name, hmackey) values (?1, ?2, ?3)",
      {realm, name, key});
  ASSERT_TRUE(put.has_value()) << to_string(put.error());
}

}  // namespace turnpike::auth
