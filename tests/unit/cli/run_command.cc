#include "unit/cli/run_command.h"

#include <array>
#include <cstdio>
#include <iostream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace turnpike::cli {
namespace {

// Puts a pipe with some text in it in the place of standard input.
class StandardInput {
 public:
  explicit StandardInput(const std::string& text) : saved_(dup(STDIN_FILENO)) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    close(ends[1]);
  }
  ~StandardInput() {
    dup2(saved_, STDIN_FILENO);
    close(saved_);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;

 private:
  int saved_;
};

}  // namespace

CommandResult run_command(int (*command)(Arguments), const std::vector<std::string>& arguments,
                          const std::string& input) {
  const StandardInput standard_input(input);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  CommandResult result;
  result.exit_code = command(arguments);
  std::cout.flush();
  std::fflush(stdout);
  result.output = testing::internal::GetCapturedStdout();
  result.errors = testing::internal::GetCapturedStderr();
  return result;
}

}  // namespace turnpike::cli
