#include "config/option_values.h"

#include <gtest/gtest.h>

namespace turnpike::config {
namespace {

TEST(ParseSwitch, TakesTheFormsOfCoturn) {
  for (const char* on : {"", "1", "on", "ON", "On", "yes", "Yes", "true", "TRUE", "y", "t"}) {
    EXPECT_EQ(parse_switch(on), true) << on;
  }
  for (const char* off : {"0", "off", "OFF", "no", "No", "false", "n", "F"}) {
    EXPECT_EQ(parse_switch(off), false) << off;
  }
}

TEST(ParseSwitch, RefusesEverythingElse) {
  for (const char* text : {"maybe", "2", "onn", " on", "-1", "enabled"}) {
    EXPECT_EQ(parse_switch(text), std::nullopt) << text;
  }
}

TEST(ParseNumber, TakesDigitsOnly) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x10", "1e3", "18446744073709551616"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(ParseRate, KnowsPowersOfAThousandAndBits) {
  EXPECT_EQ(parse_rate("3000000"), 3'000'000U);
  EXPECT_EQ(parse_rate("64k"), 64'000U);
  EXPECT_EQ(parse_rate("3M"), 3'000'000U);
  EXPECT_EQ(parse_rate("2g"), 2'000'000'000U);
  EXPECT_EQ(parse_rate("24Mbit"), 3'000'000U);
  EXPECT_EQ(parse_rate("8bit"), 1U);
  EXPECT_EQ(parse_rate("0"), 0U);
}

TEST(ParseRate, RefusesUnclearUnitsAndOverflow) {
  for (const char* text : {"", "k", "3 M", "3Mbps", "3MiB", "-1", "1.5M", "99999999999999999999",
                           "18446744073709551615k"}) {
    EXPECT_EQ(parse_rate(text), std::nullopt) << text;
  }
}

TEST(RateText, CannotBeTakenForAnotherUnitAndReadsBack) {
  EXPECT_EQ(rate_text(3'000'000), "24Mbit");
  EXPECT_EQ(rate_text(125), "1kbit");
  EXPECT_EQ(rate_text(2'000'000'000), "16Gbit");
  EXPECT_EQ(rate_text(1'000'001), "8000008bit");
  EXPECT_EQ(rate_text(77), "616bit");
  EXPECT_EQ(rate_text(0), "0");
  for (const uint64_t rate :
       {uint64_t{1}, uint64_t{125}, uint64_t{64'000}, uint64_t{1'000'001}, UINT64_MAX}) {
    EXPECT_EQ(parse_rate(rate_text(rate)), rate);
  }
}

TEST(ParseRate, NeverMakesNoLimitOutOfASmallOne) {
  EXPECT_EQ(parse_rate("7bit"), std::nullopt);
}

}  // namespace
}  // namespace turnpike::config
