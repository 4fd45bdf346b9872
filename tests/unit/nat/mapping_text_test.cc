#include "nat/mapping_text.h"

#include <gtest/gtest.h>

namespace turnpike::nat {
namespace {

const PublishedAddress kV4{"203.0.113.1", 12345, "192.168.1.100", 5060};
const PublishedAddress kV6{"2001:db8::1", 12345, "2001:db8::1", 5060, true, false};

TEST(MappingText, SaysWhatWasAskedFor) {
  EXPECT_EQ(format_answer(kV4, AnswerFormat::port), "12345");
  EXPECT_EQ(format_answer(kV4, AnswerFormat::ip), "203.0.113.1");
  EXPECT_EQ(format_answer(kV4, AnswerFormat::both), "203.0.113.1:12345");
  EXPECT_EQ(format_answer(kV6, AnswerFormat::both), "[2001:db8::1]:12345");
  EXPECT_EQ(format_answer(kV4, AnswerFormat::env),
            "SERVER_IP=203.0.113.1\nSERVER_ADDR=203.0.113.1\nSERVER_PORT=5060\n"
            "SERVER_PUBLIC_PORT=12345");
  EXPECT_EQ(format_answer(kV6, AnswerFormat::json),
            R"({"ip": "2001:db8::1", "port": 12345, "local_ip": "2001:db8::1", )"
            R"("local_port": 5060, "transport": "tcp", "translated": false})");
}

TEST(MappingText, KnowsItsFormats) {
  for (const char* name : {"port", "ip", "both", "json", "env"}) {
    EXPECT_TRUE(parse_answer_format(name));
  }
  EXPECT_FALSE(parse_answer_format("xml"));
}

TEST(MappingText, TakesHostsThatMeanNothingToAShell) {
  for (const char* host : {"203.0.113.1", "2001:db8::1", "sip.example.org", "a_b-c"}) {
    EXPECT_TRUE(is_plain_host(host)) << host;
  }
  for (const char* host : {"", "a b", "a;b", "$(x)", "a\"b", "a'b", "a\nb", "a!b", "a/b"}) {
    EXPECT_FALSE(is_plain_host(host)) << host;
  }
}

}  // namespace
}  // namespace turnpike::nat
