#include "config/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/source_tree.h"
#include "world.h"

namespace turnpike::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> read(const World& world) {
  std::vector<std::string> result;
  const EnvironmentSettings read = read_environment(world.environment());
  for (const Setting& setting : read.settings) {
    result.push_back(setting.name + "=" + setting.value.value_or("-"));
  }
  EXPECT_EQ(all_text(read.errors), "");
  return result;
}

TEST(EnvironmentVariables, AreOptionsInCapitals) {
  World world;
  world.variables = {{"TURNPIKE_LISTENING_PORT", "1"}, {"TURNPIKE_REALM", "r"}};
  EXPECT_THAT(read(world), ElementsAre("listening-port=1", "realm=r"));
}

TEST(EnvironmentVariables, CountAsUnsetWhenEmpty) {
  World world;
  world.variables = {{"TURNPIKE_NO_AUTH", ""}, {"TURNPIKE_REALM_FILE", ""}};
  EXPECT_THAT(read(world), ElementsAre());
}

TEST(EnvironmentVariables, TakeSecretsFromFilesWithoutTheLastNewline) {
  World world;
  world.variables = {{"TURNPIKE_STATIC_AUTH_SECRET_FILE", "/run/secret"}};
  world.files["/run/secret"] = "s3cret # with a hash\r\n";
  EXPECT_THAT(read(world), ElementsAre("static-auth-secret=s3cret # with a hash"));
}

TEST(EnvironmentVariables, HoldOneValueALineWhereOptionsRepeat) {
  World world;
  world.variables = {{"TURNPIKE_USER", "a:1\nb:2\n\n"}};
  EXPECT_THAT(read(world), ElementsAre("user=a:1", "user=b:2"));
}

TEST(EnvironmentVariables, PreferAnOptionThatItselfEndsInFile) {
  World world;
  world.variables = {{"TURNPIKE_LOG_FILE", "/var/log/x"}};
  EXPECT_THAT(read(world), ElementsAre("log-file=/var/log/x"));
}

TEST(EnvironmentVariables, FailWhenTheFileCannotBeReadOrHoldsMore) {
  World world;
  world.variables = {{"TURNPIKE_REALM_FILE", "/missing"},
                     {"TURNPIKE_PIDFILE_FILE", "/two"},
                     {"TURNPIKE_USERDB_FILE", "/empty"}};
  world.files["/two"] = "one\ntwo\n";
  world.files["/empty"] = "\n";
  const EnvironmentSettings read = read_environment(world.environment());
  EXPECT_TRUE(read.settings.empty());
  ASSERT_EQ(read.errors.size(), 3U);
  EXPECT_THAT(all_text(read.errors), HasSubstr("TURNPIKE_REALM_FILE: '/missing' cannot be read"));
}

TEST(EnvironmentVariables, ThatNameNoOptionAreAWarningWithASuggestion) {
  World world;
  world.variables = {{"TURNPIKE_LISTENING_PROT", "1"}};
  const EnvironmentSettings read = read_environment(world.environment());
  ASSERT_EQ(read.warnings.size(), 1U);
  EXPECT_EQ(read.warnings[0].suggestion, "TURNPIKE_LISTENING_PORT");
}

TEST(EnvironmentVariables, OfAKubernetesServiceAreNotOurs) {
  World world;
  world.variables = {{"TURNPIKE_PORT", "udp://10.0.0.1:3478"},
                     {"TURNPIKE_PORT_3478_UDP_ADDR", "10.0.0.1"},
                     {"TURNPIKE_SERVICE_HOST", "10.0.0.1"}};
  const EnvironmentSettings read = read_environment(world.environment());
  EXPECT_EQ(all_text(read.warnings), "");
  EXPECT_TRUE(read.settings.empty());
}

TEST(SystemEnvironment, ReadsFilesAndSaysWhyItCannot) {
  const Environment environment = system_environment();
  EXPECT_TRUE(environment.file_exists(testing::source_tree() + "/CMakeLists.txt"));
  EXPECT_THAT(environment.read_file(testing::source_tree() + "/CMakeLists.txt").value(),
              HasSubstr("project(turnpike"));
  EXPECT_THAT(environment.read_file(testing::source_tree() + "/none").error(),
              HasSubstr("No such file"));
  EXPECT_EQ(environment.read_file(testing::source_tree()).error(), "it is a directory");
  EXPECT_EQ(environment.read_file("/dev/zero").error(), "it is larger than 4 MiB");
}

}  // namespace
}  // namespace turnpike::config
