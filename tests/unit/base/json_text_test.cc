#include "base/json_text.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

TEST(JsonText, QuotesAndEscapes) {
  struct Case {
    std::string_view value;
    std::string_view json;
  };
  for (const Case& c : {
           Case{"", R"("")"},
           Case{"plain", R"("plain")"},
           Case{R"(a"b\c/)", R"("a\"b\\c/")"},
           Case{std::string_view("\0\n\x1f\x7f", 4), R"("\u0000\u000a\u001f\u007f")"},
           Case{"\xe3\x83\x9e \xf0\x9f\x98\x80", "\"\xe3\x83\x9e \xf0\x9f\x98\x80\""},
           Case{"\xc2\x9b\xc2\xa0", "\"\\u009b\xc2\xa0\""},
           // Not UTF-8: cut, stray, too long a form, a surrogate, beyond the last code point.
           Case{"\xff", R"("\ufffd")"},
           Case{"a\xc3", R"("a\ufffd")"},
           Case{"\xc3(", R"("\ufffd(")"},
           Case{"\xc0\x80", R"("\ufffd\ufffd")"},
           Case{"\xe0\x80\x80", R"("\ufffd\ufffd\ufffd")"},
           Case{"\xed\xa0\x80", R"("\ufffd\ufffd\ufffd")"},
           Case{"\xf0\x80\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")"},
           Case{"\xf4\x90\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")"},
       }) {
    EXPECT_EQ(json_string(c.value), c.json);
  }
}

TEST(JsonText, AppendsToWhatIsThere) {
  std::string out = "x:";
  append_json_string(out, "y");
  EXPECT_EQ(out, "x:\"y\"");
}

}  // namespace
}  // namespace turnpike
