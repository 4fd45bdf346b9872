#include "nat/json_edit.h"

#include <gtest/gtest.h>

namespace turnpike::nat {
namespace {

const JsonChange kPort[] = {{"PORT", "7"}};

std::string edited(std::string_view text, std::span<const JsonChange> changes) {
  return edit_json(text, changes).value_or("refused");
}

TEST(JsonEdit, ReplacesTheValueAndNothingElse) {
  EXPECT_EQ(edited("{ \"a\":1 ,\n\t\"PORT\" :  5060, \"b\": [1, {\"PORT\": 1}] }\n", kPort),
            "{ \"a\":1 ,\n\t\"PORT\" :  7, \"b\": [1, {\"PORT\": 1}] }\n");
}

TEST(JsonEdit, AddsWhatIsMissingInTheSameLayout) {
  EXPECT_EQ(edited("{\n    \"a\": \"}\\\"\"\n}\n", kPort),
            "{\n    \"a\": \"}\\\"\",\n    \"PORT\": 7\n}\n");
  EXPECT_EQ(edited("{}", kPort), "{\n  \"PORT\": 7}");
}

TEST(JsonEdit, MakesAnObjectOfNothing) {
  EXPECT_EQ(edited("", kPort), "{\n  \"PORT\": 7\n}\n");
  EXPECT_EQ(edited(" \n", kPort), "{\n  \"PORT\": 7\n}\n");
}

TEST(JsonEdit, ChangesNothingTheSecondTime) {
  for (const char* text : {"", "{}", "{\"PORT\": \"x\"}", "{\"a\": 1}"}) {
    const std::string once = edited(text, kPort);
    EXPECT_EQ(edited(once, kPort), once);
  }
}

TEST(JsonEdit, KeepsAnOldValueWhereTold) {
  const JsonChange changes[] = {{"PORT", "7", true}};
  EXPECT_EQ(edited("{\"PORT\": 1}", changes), "{\"PORT\": 1}");
  EXPECT_EQ(edited("{\"a\": 1}", changes), "{\"a\": 1,\"PORT\": 7}");
}

TEST(JsonEdit, ChangesAKeyThatStandsTwiceInBothPlaces) {
  EXPECT_EQ(edited("{\"PORT\":1,\"PORT\":2}", kPort), "{\"PORT\":7,\"PORT\":7}");
}

TEST(JsonEdit, RefusesWhatIsNoObject) {
  for (const char* text :
       {"[1]", "7", "{\"a\": }", "{\"a\": 1", "{\"a\": 1} x", "{\"a\": 1,}", "{a: 1}", "{\"a\": \"",
        "{\"a\": 1 // comment\n}", "{\"a\": \"\n\"}", "{\"a\": nope}", "{\"a\":\"\\"}) {
    EXPECT_FALSE(edit_json(text, kPort)) << text;
  }
  EXPECT_FALSE(edit_json(std::string(100000, '['), kPort));
  EXPECT_FALSE(edit_json("{\"a\":" + std::string(100000, '['), kPort));
}

}  // namespace
}  // namespace turnpike::nat
