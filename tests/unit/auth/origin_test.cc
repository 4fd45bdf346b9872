#include "auth/origin.h"

#include <gtest/gtest.h>

namespace turnpike::auth {
namespace {

// As Debian's turnadmin stores them.
TEST(CanonicalOrigin, IsSchemeHostAndPortInLowerCase) {
  const std::pair<const char*, const char*> cases[] = {
      {"http://o.example", "http://o.example:80"},
      {"https://App.Example", "https://app.example:443"},
      {"HTTPS://app.example:8443", "https://app.example:8443"},
      {"https://app.example/path?query#part", "https://app.example:443"},
      {"app://phone", "app://phone"},
      {"app://phone:7", "app://phone:7"},
      {"https://[2001:DB8::1]", "https://[2001:db8::1]:443"},
      {"https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"},
  };
  for (const auto& [given, wanted] : cases) EXPECT_EQ(canonical_origin(given), wanted) << given;
}

TEST(CanonicalOrigin, LeavesWhatIsNoOriginAsItIs) {
  for (const char* text :
       {"null", "Anything", "://host", "http://", "http://user@host", "http://host:port",
        "http://host:0", "http://host:65536", "http://:80"}) {
    EXPECT_EQ(canonical_origin(text), text);
  }
}

TEST(CanonicalOrigin, IsNothingForWhatCannotBeOne) {
  EXPECT_EQ(canonical_origin(""), std::nullopt);
  EXPECT_EQ(canonical_origin(std::string(kMaxOriginSize + 1, 'a')), std::nullopt);
  EXPECT_EQ(canonical_origin(std::string("http://a\0b", 10)), std::nullopt);
  EXPECT_EQ(canonical_origin("http://a\nb"), std::nullopt);
}

}  // namespace
}  // namespace turnpike::auth
