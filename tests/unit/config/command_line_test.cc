#include "config/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "world.h"

namespace turnpike::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// "name=value" and "name" of every setting, in order.
std::vector<std::string> parsed(const std::vector<std::string>& arguments) {
  std::vector<Problem> errors;
  std::vector<std::string> result;
  for (const Setting& setting : parse_command_line(arguments, errors)) {
    result.push_back(setting.value ? setting.name + "=" + *setting.value : setting.name);
  }
  EXPECT_EQ(all_text(errors), "");
  return result;
}

std::string errors_of(const std::vector<std::string>& arguments) {
  std::vector<Problem> errors;
  parse_command_line(arguments, errors);
  return all_text(errors);
}

TEST(CommandLine, TakesLongAndShortForms) {
  EXPECT_THAT(parsed({"--realm=r", "--realm", "s", "-r", "t", "-ru"}),
              ElementsAre("realm=r", "realm=s", "realm=t", "realm=u"));
}

TEST(CommandLine, TakesFlagsBareAndWithAValue) {
  EXPECT_THAT(parsed({"--fingerprint", "--fingerprint=off", "-f"}),
              ElementsAre("fingerprint", "fingerprint=off", "fingerprint"));
}

TEST(CommandLine, TakesLettersWrittenTogether) {
  EXPECT_THAT(parsed({"-fvu", "a:b"}), ElementsAre("fingerprint", "verbose", "user=a:b"));
}

TEST(CommandLine, LeavesTheWordBehindAFlagAlone) {
  EXPECT_THAT(parsed({"--stale-nonce", "--stale-nonce=60"}),
              ElementsAre("stale-nonce", "stale-nonce=60"));
  EXPECT_THAT(errors_of({"--fingerprint", "off"}), HasSubstr("belongs to no option"));
}

TEST(CommandLine, TellsSmallAndCapitalLettersApart) {
  EXPECT_THAT(parsed({"-v", "-V", "-q", "1", "-Q", "2"}),
              ElementsAre("verbose", "Verbose", "user-quota=1", "total-quota=2"));
}

TEST(CommandLine, TakesNoAbbreviations) {
  EXPECT_THAT(errors_of({"--listening-po=1"}), HasSubstr("unknown option 'listening-po'"));
}

TEST(CommandLine, KeepsEqualsSignsOfTheValue) {
  EXPECT_THAT(parsed({"--static-auth-secret=a=b=="}), ElementsAre("static-auth-secret=a=b=="));
}

TEST(CommandLine, SuggestsTheNearestName) {
  std::vector<Problem> errors;
  const std::vector<std::string> arguments = {"--listning-port", "3478"};
  EXPECT_TRUE(parse_command_line(arguments, errors).empty());
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].suggestion, "listening-port");
}

TEST(CommandLine, NamesEveryMistakeAtOnce) {
  const std::string text =
      errors_of({"--relm=a", "--realm", "--user", "-m", "-L", "192.0.2.1", "-y", "--min-port="});
  EXPECT_THAT(text, HasSubstr("'relm'"));
  EXPECT_THAT(text, HasSubstr("'--realm'"));
  EXPECT_THAT(text, HasSubstr("'-m'"));
  EXPECT_THAT(text, HasSubstr("'-y'"));
  EXPECT_THAT(text, HasSubstr("'--min-port'"));
}

TEST(CommandLine, StillReadsWhatIsRightBesideAMistake) {
  std::vector<Problem> errors;
  const std::vector<std::string> arguments = {"--realm", "--min-port=50000"};
  const auto settings = parse_command_line(arguments, errors);
  ASSERT_EQ(settings.size(), 1U);
  EXPECT_EQ(settings[0].name, "min-port");
}

TEST(CommandLine, NeverRepeatsAStrayArgumentWhichMayBeAPassword) {
  EXPECT_THAT(errors_of({"--user=bob:", "hunter2", "--usr=bob:hunter2", "--usr", "bob:hunter2"}),
              Not(HasSubstr("hunter2")));
}

TEST(CommandLine, SurvivesOddArguments) {
  for (const char* odd : {"", "-", "--", "---", "--=", "-=", "--=x", "=", "-\xff"}) {
    std::vector<Problem> errors;
    const std::vector<std::string> arguments = {odd};
    EXPECT_TRUE(parse_command_line(arguments, errors).empty()) << odd;
  }
}

}  // namespace
}  // namespace turnpike::config
