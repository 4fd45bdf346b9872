#include "cli/password_input.h"

#include <array>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

namespace turnpike::cli {
namespace {

Result<std::string, std::string> line_from(const std::string& input) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  EXPECT_EQ(write(ends[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  close(ends[1]);
  auto line = read_password_line(ends[0]);
  close(ends[0]);
  return line;
}

TEST(ReadPasswordLine, TakesTheFirstLineWithoutItsEnd) {
  EXPECT_EQ(line_from("secret\n"), "secret");
  EXPECT_EQ(line_from("secret"), "secret");
  EXPECT_EQ(line_from("secret\r\n"), "secret");
  EXPECT_EQ(line_from("one\ntwo\n"), "one");
  EXPECT_EQ(line_from(" with spaces \n"), " with spaces ");
}

TEST(ReadPasswordLine, TakesALineThatComesInPieces) {
  EXPECT_EQ(line_from(std::string(3000, 'x') + "\n"), std::string(3000, 'x'));
}

TEST(ReadPasswordLine, RefusesNothingAndTooMuch) {
  EXPECT_FALSE(line_from("").has_value());
  EXPECT_FALSE(line_from("\n").has_value());
  EXPECT_FALSE(line_from(std::string(10'000, 'x')).has_value());
}

TEST(ReadPasswordLine, SaysWhyItCannotRead) {
  EXPECT_FALSE(read_password_line(-1).has_value());
}

TEST(GeneratePassword, IsLongAndNeverTheSame) {
  RandomSource random;
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string password = generate_password(random);
    EXPECT_EQ(password.size(), 24U);
    EXPECT_FALSE(problem_with(password, "password", 24).has_value());
    EXPECT_TRUE(seen.insert(password).second);
  }
}

TEST(ProblemWith, NamesWhatIsWrong) {
  EXPECT_EQ(problem_with("alice", "name", 5), std::nullopt);
  EXPECT_EQ(problem_with("Аня", "name", 6), std::nullopt);
  EXPECT_EQ(problem_with("", "name", 5), "the name is empty");
  EXPECT_EQ(problem_with("alicia", "name", 5), "the name has more than 5 bytes");
  EXPECT_EQ(problem_with("a\tb", "name", 5), "the name has a control character in it");
  EXPECT_EQ(problem_with(std::string_view("a\0b", 3), "name", 5),
            "the name has a control character in it");
}

}  // namespace
}  // namespace turnpike::cli
