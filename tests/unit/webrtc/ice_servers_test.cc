#include "webrtc/ice_servers.h"

#include <gtest/gtest.h>

namespace turnpike::webrtc {
namespace {

IceServer example() {
  return {.host = {"turn.example.org", false},
          .port = 3478,
          .udp = true,
          .tcp = false,
          .tls_port = {},
          .username = "ann",
          .credential = "pw"};
}

TEST(IceServers, AreAnArrayOfStunAndTurn) {
  EXPECT_EQ(ice_servers_json(example()),
            "[\n"
            "  {\"urls\": [\"stun:turn.example.org:3478\"]},\n"
            "  {\"urls\": [\"turn:turn.example.org:3478?transport=udp\"],\n"
            "   \"username\": \"ann\",\n"
            "   \"credential\": \"pw\"}\n"
            "]\n");
}

TEST(IceServers, StandInTheWholeConfigurationToo) {
  const std::string servers = ice_servers_json(example());
  EXPECT_EQ(rtc_configuration_json(example()),
            "{\"iceServers\": " + servers.substr(0, servers.size() - 1) + "}\n");
}

TEST(IceServers, AreLinesForAShellWithOneEntryAUrl) {
  IceServer server = example();
  server.tls_port = 5349;
  EXPECT_EQ(environment_lines(server),
            "export P2P_STUN_SERVERS='[\"stun:turn.example.org:3478\"]'\n"
            "export P2P_TURN_ENABLED=true\n"
            "export P2P_TURN_SERVERS='[{\"urls\":\"turn:turn.example.org:3478?transport=udp\","
            "\"username\":\"ann\",\"credential\":\"pw\"},"
            "{\"urls\":\"turns:turn.example.org:5349?transport=tcp\","
            "\"username\":\"ann\",\"credential\":\"pw\"}]'\n");
}

TEST(IceServers, KeepAQuoteFromEndingTheShellsWord) {
  IceServer server = example();
  server.credential = "it's";
  const std::string lines = environment_lines(server);
  EXPECT_NE(lines.find("\"credential\":\"it\\u0027s\""), std::string::npos) << lines;
}

}  // namespace
}  // namespace turnpike::webrtc
