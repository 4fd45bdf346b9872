#include "admin/json.h"

#include <gtest/gtest.h>

namespace turnpike::admin {
namespace {

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "{]", "nul", "{\"a\": }", "{\"a\": 1} x", "\xff"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(Json, RefusesADepthThatNobodyNeeds) {
  EXPECT_TRUE(parse_json(std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']')));
  EXPECT_FALSE(
      parse_json(std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']')));
  EXPECT_FALSE(parse_json(std::string(60'000, '[')));
}

TEST(Json, BracketsInStringsAreNoDepth) {
  EXPECT_TRUE(parse_json("{\"a\": \"[[[[[[[[[[[[[[\\\"[[[[[[\"}"));
}

TEST(Json, IsValidWhateverATextHolds) {
  const std::string text = to_text({{"name", "a\xff\x01\"b"}});
  const auto back = parse_json(text);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ((*back)["name"], "a\xef\xbf\xbd\x01\"b");
}

}  // namespace
}  // namespace turnpike::admin
