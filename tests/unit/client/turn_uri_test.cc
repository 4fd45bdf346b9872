#include "client/turn_uri.h"

#include <gtest/gtest.h>

namespace turnpike::client {
namespace {

struct Good {
  std::string_view text;
  bool relays;
  bool secure;
  std::string_view host;
  uint16_t port;
  std::string_view transport;
};

TEST(ServerUri, ReadsTheFormsOfTheRfcs) {
  const std::array cases = {
      Good{"turn:example.org", true, false, "example.org", 3478, ""},
      Good{"turn:example.org:8000", true, false, "example.org", 8000, ""},
      Good{"turns:example.org", true, true, "example.org", 5349, ""},
      Good{"turn:192.0.2.1?transport=udp", true, false, "192.0.2.1", 3478, "udp"},
      Good{"turns:192.0.2.1:443?transport=tcp", true, true, "192.0.2.1", 443, "tcp"},
      Good{"turn:[2001:db8::1]:99", true, false, "2001:db8::1", 99, ""},
      Good{"stun:[2001:db8::1]", false, false, "2001:db8::1", 3478, ""},
      Good{"stuns:example.org", false, true, "example.org", 5349, ""},
  };
  for (const Good& good : cases) {
    const auto uri = ServerUri::parse(good.text);
    ASSERT_TRUE(uri) << good.text;
    EXPECT_EQ(uri->relays, good.relays) << good.text;
    EXPECT_EQ(uri->secure, good.secure) << good.text;
    EXPECT_EQ(uri->host, good.host) << good.text;
    EXPECT_EQ(uri->port, good.port) << good.text;
    EXPECT_EQ(uri->transport, good.transport) << good.text;
  }
}

TEST(ServerUri, RefusesEverythingElse) {
  for (const std::string_view text :
       {"", "turn:", "turn", "turnx:example.org", "http://example.org", "turn://example.org",
        "turn:user@example.org", "turn:example.org:", "turn:example.org:0", "turn:example.org:x",
        "turn:example.org:70000", "turn:example.org:80x", "turn:[2001:db8::1", "turn:[]",
        "turn:example.org?transport=sctp", "turn:example.org?x=y",
        "stun:example.org?transport=udp"}) {
    EXPECT_FALSE(ServerUri::parse(text)) << text;
  }
}

}  // namespace
}  // namespace turnpike::client
