#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/auth/store_support.h"
#include "unit/cli/run_command.h"

namespace turnpike::cli {
namespace {

using testing::HasSubstr;

class SecretCommand : public testing::Test {
 protected:
  CommandResult run(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.end(), {"--userdb", path_});
    return run_command(secret, arguments, input);
  }
  std::string secrets() {
    return auth::ask_sql(path_, "select group_concat(realm || '/' || value) from turn_secret");
  }

  auth::TemporaryDirectory directory_;
  const std::string path_ = directory_.path("turndb");
};

TEST_F(SecretCommand, AddTakesASecretInEachOfThreeWays) {
  EXPECT_EQ(run({"add", "one", "-r", "realm"}).exit_code, kExitOk);
  EXPECT_EQ(run({"add", "--secret-stdin"}, "two\n").exit_code, kExitOk);
  const auto generated = run({"add", "--generate"});
  EXPECT_EQ(generated.output.size(), 25U);
  EXPECT_THAT(secrets(), HasSubstr("realm/one"));
  EXPECT_THAT(secrets(), HasSubstr("turnpike/two"));
  EXPECT_THAT(secrets(), HasSubstr("turnpike/" + generated.output.substr(0, 24)));
}

TEST_F(SecretCommand, AddingTheSameTwiceIsNoError) {
  run({"add", "one"});
  const auto again = run({"add", "one"});
  EXPECT_EQ(again.exit_code, kExitOk);
  EXPECT_THAT(again.errors, HasSubstr("there already"));
  EXPECT_EQ(secrets(), "turnpike/one");
}

TEST_F(SecretCommand, RemoveRemovesOrFails) {
  run({"add", "one"});
  EXPECT_EQ(run({"remove", "two"}).exit_code, kExitFailure);
  EXPECT_EQ(run({"remove", "one", "-r", "other"}).exit_code, kExitFailure);
  EXPECT_EQ(run({"remove", "one"}).exit_code, kExitOk);
  EXPECT_EQ(secrets(), "");
}

TEST_F(SecretCommand, ListsAsTableAndAsJson) {
  run({"add", "one"});
  EXPECT_EQ(run({"list"}).output, "REALM     SECRET\nturnpike  one\n");
  EXPECT_EQ(run({"list", "--json"}).output,
            "[\n  {\"realm\": \"turnpike\", \"secret\": \"one\"}\n]\n");
}

TEST_F(SecretCommand, NeedsASecret) {
  EXPECT_EQ(run({"add"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"add", "one", "--generate"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"remove"}).exit_code, kExitUsage);
  EXPECT_EQ(run_command(secret, {}).exit_code, kExitUsage);
}

}  // namespace
}  // namespace turnpike::cli
