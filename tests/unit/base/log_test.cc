#include "base/log.h"

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace turnpike {
namespace {

// Each test logs into a file of its own; afterwards the log is as it was.
class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override {
    configure_log({});
    std::remove(path_.c_str());
    std::remove((path_ + ".1").c_str());
  }

  void configure(LogFormat format, LogLevel level = LogLevel::info) {
    ASSERT_TRUE(configure_log(
        {.level = level, .format = format, .target = LogTarget::file, .file = path_}));
  }

  [[nodiscard]] std::string written(const std::string& suffix = "") const {
    std::ifstream file(path_ + suffix);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  const std::string path_ = ::testing::TempDir() + "turnpike_log_test_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

std::string after_time(const std::string& line) {
  const size_t space = line.find(' ');
  return space == std::string::npos ? line : line.substr(space + 1);
}

TEST_F(LogTest, TextLineHasLevelEventAndFields) {
  configure(LogFormat::text);
  log_info("started", {{"port", 3478}, {"realm", "example.org"}, {"ok", true}});
  EXPECT_EQ(after_time(written()), "info    started port=3478 realm=example.org ok=true\n");
}

TEST_F(LogTest, TextQuotesWhatIsNoPlainWord) {
  configure(LogFormat::text);
  log_info("e", {{"a", ""}, {"b", "two words"}, {"c", "x=y"}, {"d", "q\"q"}, {"e", "ümlaut"}});
  EXPECT_EQ(after_time(written()),
            "info    e a=\"\" b=\"two words\" c=\"x=y\" d=\"q\\\"q\" e=\"ümlaut\"\n");
}

TEST_F(LogTest, JsonLineHasTypedFields) {
  configure(LogFormat::json);
  log_warning("closed", {{"bytes", uint64_t{1} << 60}, {"who", "al\\ice"}, {"ok", false}});
  const std::string line = written();
  EXPECT_EQ(line.find(R"({"time":"20)"), 0U) << line;
  EXPECT_NE(line.find(R"("level":"warning","event":"closed","bytes":1152921504606846976,)"
                      R"("who":"al\\ice","ok":false})"
                      "\n"),
            std::string::npos)
      << line;
}

TEST_F(LogTest, JournalLineBeginsWithItsPriority) {
  configure(LogFormat::journal, LogLevel::debug);
  log_debug("a");
  log_info("b", {{"x", 1}});
  log_warning("c");
  log_error("d");
  EXPECT_EQ(written(), "<7>a\n<6>b x=1\n<4>c\n<3>d\n");
}

TEST_F(LogTest, LevelsReadBackWhatTheyAreCalled) {
  for (const LogLevel level :
       {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error, LogLevel::off}) {
    EXPECT_EQ(parse_log_level(to_string(level)), level);
  }
  EXPECT_EQ(parse_log_level("loud"), std::nullopt);
}

TEST_F(LogTest, ValuesCannotForgeALineOrBreakJson) {
  for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
    configure(format);
    log_info("e", {{"name", "x\n2020-01-01 error forged\r\t\x1b[31m\x7f"}});
  }
  const std::string text = written();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find(R"("x\u000a2020-01-01 error forged\u000d\u0009\u001b[31m\u007f")"),
            std::string::npos)
      << text;
}

TEST_F(LogTest, BytesThatAreNotUtf8AreReplaced) {
  configure(LogFormat::text);
  log_info("e", {{"name", "\xff"}});
  configure(LogFormat::json);
  log_info("e", {{"name", "\xff"}});
  const std::string text = written();
  EXPECT_NE(text.find("name=\"\\ufffd\"\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\"name\":\"\\ufffd\"}\n"), std::string::npos) << text;
}

TEST_F(LogTest, FormatDirectivesInValuesAreData) {
  configure(LogFormat::text);
  log_info("e", {{"name", "{}%s%n%v"}});
  EXPECT_EQ(after_time(written()), "info    e name={}%s%n%v\n");
}

TEST_F(LogTest, LevelsBelowTheSettingAreSilent) {
  configure(LogFormat::text, LogLevel::warning);
  log_debug("d");
  log_info("i");
  log_warning("w");
  log_error("e");
  set_log_level(LogLevel::off);
  log_error("off");
  const std::string text = written();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
}

TEST_F(LogTest, RedactionRemovesTheHostPart) {
  ASSERT_TRUE(configure_log({.target = LogTarget::file, .file = path_, .redact_addresses = true}));
  log_info("e", {{"a", Ip::parse("192.0.2.77").value()},
                 {"b", Ip::parse("2001:db8:1:2::3").value()},
                 {"c", Endpoint::parse("192.0.2.77:999", 0).value()}});
  EXPECT_EQ(after_time(written()), "info    e a=192.0.2.0/24 b=2001:db8:1::/48 c=192.0.2.0/24\n");
}

TEST_F(LogTest, AddressesAreShownWithoutRedaction) {
  configure(LogFormat::text);
  log_info("e", {{"a", Ip::parse("::1").value()}, {"c", Endpoint::parse("[::1]:9", 0).value()}});
  EXPECT_EQ(after_time(written()), "info    e a=::1 c=[::1]:9\n");
}

TEST_F(LogTest, FileThatCannotBeOpenedLeavesTheLogAsItWas) {
  configure(LogFormat::text);
  EXPECT_FALSE(configure_log(
      {.format = LogFormat::json, .target = LogTarget::file, .file = path_ + "/no/such/folder"}));
  log_info("still");
  EXPECT_EQ(after_time(written()), "info    still\n");
}

TEST_F(LogTest, ReopenFollowsARotation) {
  configure(LogFormat::text, LogLevel::error);
  set_log_level(LogLevel::debug);
  log_debug("before");
  ASSERT_EQ(std::rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  reopen_log();
  log_debug("after");
  EXPECT_NE(written(".1").find("before"), std::string::npos);
  EXPECT_NE(written().find("after"), std::string::npos);
}

TEST(LogGate, LetsOneThroughAPeriodAndCountsTheRest) {
  constexpr Instant kStart = Instant{} + seconds(5);
  LogGate gate(seconds(60));
  EXPECT_EQ(gate.pass(kStart), 0);
  EXPECT_EQ(gate.pass(kStart), -1);
  EXPECT_EQ(gate.pass(kStart + seconds(59)), -1);
  EXPECT_EQ(gate.pass(kStart + seconds(60)), 2);
  EXPECT_EQ(gate.pass(kStart + seconds(500)), 0);
}

}  // namespace
}  // namespace turnpike
