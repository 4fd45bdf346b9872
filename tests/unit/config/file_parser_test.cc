#include "config/file_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace turnpike::config {
namespace {

using ::testing::HasSubstr;

struct Line {
  std::string text;
  std::string name;
  std::optional<std::string> value;
};

void PrintTo(const Line& value, std::ostream* out) {
  *out << value.text;
}

class FileParserLine : public ::testing::TestWithParam<Line> {};

TEST_P(FileParserLine, IsReadAsWritten) {
  std::vector<Problem> errors;
  const auto settings = parse_file(GetParam().text, "f", errors);
  ASSERT_TRUE(errors.empty()) << errors[0].message;
  ASSERT_EQ(settings.size(), 1U);
  EXPECT_EQ(settings[0].name, GetParam().name);
  EXPECT_EQ(settings[0].value, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, FileParserLine,
    ::testing::Values(Line{"realm=example.org", "realm", "example.org"},
                      Line{"realm example.org", "realm", "example.org"},
                      Line{"  realm\t=\texample.org \t", "realm", "example.org"},
                      Line{"verbose", "verbose", std::nullopt},
                      Line{"verbose   ", "verbose", std::nullopt},
                      Line{"verbose # loud", "verbose", std::nullopt},
                      Line{"verbose\r\n", "verbose", std::nullopt}, Line{"realm=", "realm", ""},
                      Line{"realm= # none", "realm", ""},
                      Line{"total-quota=5   # five", "total-quota", "5"},
                      Line{"total-quota=5\t# five", "total-quota", "5"},
                      Line{"static-auth-secret=a#b", "static-auth-secret", "a#b"},
                      Line{"static-auth-secret=#b", "static-auth-secret", "#b"},
                      Line{"static-auth-secret=a#b # c # d", "static-auth-secret", "a#b"},
                      Line{"static-auth-secret=a=b==", "static-auth-secret", "a=b=="},
                      Line{"static-auth-secret=\"a # b\"  # c", "static-auth-secret", "a # b"},
                      Line{"static-auth-secret=\" a \"", "static-auth-secret", " a "},
                      Line{"user=bob:say \"hi\"", "user", "bob:say \"hi\""},
                      Line{"user=b\xc3\xb6"
                           "b:p",
                           "user",
                           "b\xc3\xb6"
                           "b:p"},
                      Line{"\xef\xbb\xbfrealm=r", "realm", "r"}));

TEST(FileParser, CountsLinesAndSkipsBlankOnesAndComments) {
  std::vector<Problem> errors;
  const auto settings = parse_file("# a\n\r\n  # b\n \t\nrealm=r\nverbose", "f.conf", errors);
  ASSERT_EQ(settings.size(), 2U);
  EXPECT_EQ(settings[0].place, (Place{"f.conf", 5}));
  EXPECT_EQ(settings[1].place, (Place{"f.conf", 6}));
}

TEST(FileParser, ReadsALineOfTenThousandBytes) {
  std::vector<Problem> errors;
  const std::string secret(10'000, 's');
  const auto settings = parse_file("static-auth-secret=" + secret, "f", errors);
  ASSERT_EQ(settings.size(), 1U);
  EXPECT_EQ(settings[0].value, secret);
}

struct BadText {
  std::string text;
  std::string reason;
};

void PrintTo(const BadText& value, std::ostream* out) {
  *out << value.reason;
}

class FileParserBadText : public ::testing::TestWithParam<BadText> {};

TEST_P(FileParserBadText, IsRefusedWithItsLine) {
  std::vector<Problem> errors;
  const auto settings = parse_file("verbose\n" + GetParam().text + "\nrealm=r\n", "f", errors);
  EXPECT_EQ(settings.size(), 2U) << "the lines around it are read";
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].line, 2U);
  EXPECT_THAT(errors[0].message, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Forms, FileParserBadText,
    ::testing::Values(BadText{"=value", "no option name"}, BadText{"realm=\"r", "not closed"},
                      BadText{"realm=\"r\"x", "after the closing"},
                      BadText{std::string("realm=a\0b", 9), "NUL"},
                      BadText{std::string(kMaxLineSize + 1, 'x'), "longer than 16 KiB"}));

TEST(FileParser, RefusesAFileBeyondItsBound) {
  std::vector<Problem> errors;
  EXPECT_TRUE(parse_file(std::string(kMaxFileSize + 1, '\n'), "f", errors).empty());
  EXPECT_EQ(errors.size(), 1U);
}

TEST(FileParser, NeverRepeatsAValueInAnError) {
  std::vector<Problem> errors;
  parse_file("static-auth-secret=\"hunter2\nuser=\"bob:hunter2\"hunter2\n", "f", errors);
  ASSERT_EQ(errors.size(), 2U);
  for (const Problem& error : errors) {
    EXPECT_THAT(error.to_string(), ::testing::Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace turnpike::config
