#include "cli/first_user.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "cli/announce.h"
#include "unit/auth/store_support.h"
#include "unit/cli/run_command.h"

namespace turnpike::cli {
namespace {

using testing::HasSubstr;

class FirstUserTest : public testing::Test {
 protected:
  FirstUserTest() {
    set_log_level(LogLevel::off);
    config_.first_user = "guest";
    config_.userdb_path = path_;
  }
  FirstUser made() {
    auto user = ensure_first_user(config_);
    EXPECT_TRUE(user && *user) << (user ? "nobody" : user.error());
    return user && *user ? **user : FirstUser{};
  }
  bool nobody() {
    const auto user = ensure_first_user(config_);
    return user && !*user;
  }
  std::string key_of(const std::string& name) {
    return auth::ask_sql(path_, "select hmackey from turnusers_lt where name = '" + name + "'");
  }
  std::string key_for(const FirstUser& user) {
    const auto key = run_command(
        cli::user, {"key", user.name, "-r", "turnpike", "--password-stdin"}, user.password + "\n");
    return key.output.substr(2, 32);
  }

  auth::TemporaryDirectory directory_;
  const std::string path_ = directory_.path("turndb");
  config::Config config_;
};

TEST_F(FirstUserTest, IsMadeWhereNobodyCouldLogIn) {
  const FirstUser user = made();
  EXPECT_EQ(user.name, "guest");
  EXPECT_EQ(user.password.size(), 24U);
  EXPECT_EQ(key_of("guest"), key_for(user));
}

TEST_F(FirstUserTest, IsTheSameAtTheNextStart) {
  const FirstUser first = made();
  const FirstUser second = made();
  EXPECT_EQ(second.name, first.name);
  EXPECT_EQ(second.password, first.password);
}

TEST_F(FirstUserTest, KeepsItsPasswordFromOthers) {
  using std::filesystem::perms;
  const auto permissions = std::filesystem::status(made().file).permissions();
  EXPECT_EQ(permissions, perms::owner_read | perms::owner_write);
}

TEST_F(FirstUserTest, IsNotMadeBesideOtherUsers) {
  ASSERT_EQ(run_command(user, {"add", "ann", "--password", "pw", "--userdb", path_}).exit_code, 0);
  EXPECT_TRUE(nobody());
  EXPECT_EQ(key_of("guest"), "");
}

TEST_F(FirstUserTest, IsNotMadeBesideASecretOfTheDatabase) {
  ASSERT_EQ(
      run_command(secret, {"add", "--secret", "a secret of the test", "--userdb", path_}).exit_code,
      0);
  EXPECT_TRUE(nobody());
}

TEST_F(FirstUserTest, IsNotMadeWhenTheConfigurationLetsSomebodyIn) {
  config::Config with_user = config_, with_secret = config_, for_all = config_, stun = config_;
  with_user.users.push_back({"ann", "pw", {}});
  with_secret.static_auth_secrets.emplace_back("a secret of the test");
  for_all.no_auth = true;
  stun.stun_only = true;
  for (const config::Config& config : {with_user, with_secret, for_all, stun, config::Config{}}) {
    const auto user = ensure_first_user(config);
    EXPECT_TRUE(user && !*user);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(FirstUserTest, IsForgottenWhenItsPasswordWasChanged) {
  made();
  ASSERT_EQ(run_command(user, {"add", "guest", "--password", "mine", "--userdb", path_}).exit_code,
            0);
  const std::string key = key_of("guest");
  EXPECT_TRUE(nobody());
  EXPECT_EQ(key_of("guest"), key);
}

TEST_F(FirstUserTest, IsFinishedAfterAStartThatWasCutShort) {
  std::ofstream(path_ + ".first-user") << "guest\nkept-password\n";
  EXPECT_EQ(made().password, "kept-password");
  EXPECT_EQ(key_of("guest"), key_for({"guest", "kept-password", {}}));
}

TEST_F(FirstUserTest, SaysWhichFileItCannotMake) {
  config_.userdb_path = directory_.path("missing/turndb");
  const auto user = ensure_first_user(config_);
  ASSERT_FALSE(user);
  EXPECT_THAT(user.error(), HasSubstr(config_.userdb_path));
}

class AnnouncementTest : public testing::Test {
 protected:
  webrtc::OwnServer announcement() { return announcement_of(config_, host_, {"guest", "pw", {}}); }

  config::Config config_;
  net::HostAddresses host_;
};

TEST_F(AnnouncementTest, NamesTheAddressThatClientsReach) {
  host_.default_v4 = Ip::parse("192.0.2.1");
  EXPECT_EQ(announcement().server.host.text, "192.0.2.1");
  config_.listening_ips = {*Ip::parse("192.0.2.2")};
  EXPECT_EQ(announcement().server.host.text, "192.0.2.2");
  config_.external_ips = {{*Ip::parse("2001:db8::1"), {}}};
  EXPECT_EQ(announcement().server.host.text, "[2001:db8::1]");
  config_.external_ips.push_back({*Ip::parse("198.51.100.1"), {}});
  EXPECT_EQ(announcement().server.host.text, "198.51.100.1");
  config_.public_host = "turn.example.org";
  EXPECT_EQ(announcement().server.host.text, "turn.example.org");
}

TEST_F(AnnouncementTest, NamesTheTransportsThatAreServed) {
  config_.no_udp = true;
  const auto server = announcement().server;
  EXPECT_FALSE(server.udp);
  EXPECT_TRUE(server.tcp);
}

TEST_F(AnnouncementTest, LeavesTurnsOutWithoutACertificateForTheName) {
  EXPECT_THAT(announcement().no_turns, HasSubstr("host name"));
  config_.public_host = "turn.example.org";
  EXPECT_THAT(announcement().no_turns, HasSubstr("no cert"));
  config_.cert_paths = {"/nonexistent/cert.pem"};
  const auto what = announcement();
  EXPECT_THAT(what.no_turns, HasSubstr("turn.example.org"));
  EXPECT_FALSE(what.server.tls_port.has_value());
}

}  // namespace
}  // namespace turnpike::cli
