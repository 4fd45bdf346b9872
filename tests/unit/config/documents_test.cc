#include "config/documents.h"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/source_tree.h"
#include "world.h"

namespace turnpike::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string source_file(const std::string& path) {
  std::ifstream file(testing::source_tree() + "/" + path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

TEST(ConfigurationText, IsTheFileInEtc) {
  EXPECT_EQ(configuration_text({}), source_file("etc/turnpike.conf"))
      << "run: turnpike check --print > etc/turnpike.conf";
}

TEST(ReferenceText, IsTheFileInEtc) {
  EXPECT_EQ(reference_text(), source_file("etc/README.md"))
      << "run: turnpike check --print-reference > etc/README.md";
}

TEST(ConfigurationText, IsAFileThatChangesNothingAsItStands) {
  const LoadResult result = load_text(configuration_text({}));
  EXPECT_EQ(report_text(result), "");
}

TEST(ConfigurationText, ReadsBackAsTheSameConfiguration) {
  const std::string text =
      "realm=\"a # b\"\nlistening-ip=192.0.2.1\nlistening-ip=192.0.2.2\nfingerprint=yes\n"
      "keep-address-family\nverbose\nstale-nonce\ntotal-quota=7\ntotal-quota=8\n"
      "no-software-attribute=off\nuserdb=/x/turndb\nstatic-auth-secret=0123456789abcdef";
  const LoadResult first = load_text(text);
  ASSERT_TRUE(first.ok()) << report_text(first);
  // What is masked cannot come back, so it is put in again.
  std::string printed = configuration_text(first.applied);
  for (const auto& [masked, real] :
       {std::pair("user=somebody:********", "user=somebody:with a password"),
        std::pair("static-auth-secret=********", "static-auth-secret=0123456789abcdef")}) {
    const size_t at = printed.find(masked);
    ASSERT_NE(at, std::string::npos) << masked;
    printed.replace(at, std::string(masked).size(), real);
  }
  const LoadResult second = load_text(printed);
  ASSERT_TRUE(second.ok()) << report_text(second);
  EXPECT_TRUE(second.config == first.config) << printed;
}

TEST(ConfigurationText, PrintsRatesSoThatTheirUnitIsPlain) {
  const LoadResult result = load_text("max-bps=3M\nbps-capacity=8Mbit");
  const std::string text = configuration_text(result.applied);
  EXPECT_THAT(text, HasSubstr("max-bps=24Mbit\n"));
  EXPECT_THAT(text, HasSubstr("bps-capacity=8Mbit\n"));
}

TEST(ConfigurationText, MasksPasswordsAndSecrets) {
  const LoadResult result = load_text(
      "user=bob:hunter2\nstatic-auth-secret=hunter2hunter2hunter2\n"
      "stateless-nonce-secret=hunter2hunter2hunter2");
  ASSERT_TRUE(result.ok()) << report_text(result);
  const std::string text = configuration_text(result.applied);
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  EXPECT_THAT(text, HasSubstr("user=bob:********\n"));
  EXPECT_THAT(text, HasSubstr("static-auth-secret=********\n"));
}

TEST(HelpText, NamesEveryOptionWithItsLetterAndFitsATerminal) {
  const std::string text = help_text();
  for (const char* usage : {"  -L, --listening-ip ADDRESS\n", "  --stale-nonce[=SECONDS]\n",
                            "  -f, --fingerprint\n", "  -c, --config FILE\n", "  --db FILE\n"}) {
    EXPECT_THAT(text, HasSubstr(usage));
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

}  // namespace
}  // namespace turnpike::config
