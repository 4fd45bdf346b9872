#include "nat/config_text.h"

#include <gtest/gtest.h>

namespace turnpike::nat {
namespace {

const PublishedAddress kFound{"203.0.113.1", 12345, "192.168.1.100", 5060};

std::string filled(Template form, std::string_view text, const PublishedAddress& address = kFound) {
  return fill_in(form, text, address).value_or("refused");
}

TEST(ConfigText, FillsJsonAsTheGuideNamesIt) {
  EXPECT_EQ(
      filled(Template::json,
             "{\n    \"SERVER_ADDR\": \"old\",\n    \"SERVER_PORT\": 5070,\n    \"x\": 1\n}\n"),
      "{\n    \"SERVER_ADDR\": \"203.0.113.1\",\n    \"SERVER_PORT\": 5070,\n    \"x\": 1,\n"
      "    \"SERVER_PUBLIC_PORT\": 12345\n}\n");
}

TEST(ConfigText, FillsEnvironmentFiles) {
  EXPECT_EQ(
      filled(
          Template::env,
          "# mine\nexport SERVER_IP=\"old\" # why\nOTHER=1\nSERVER_PUBLIC_PORT=\nSERVER_ADDR='x'"),
      "# mine\nexport SERVER_IP=\"203.0.113.1\" # why\nOTHER=1\nSERVER_PUBLIC_PORT=12345\n"
      "SERVER_ADDR='203.0.113.1'\nSERVER_PORT=5060\n");
  EXPECT_EQ(filled(Template::env, ""),
            "SERVER_IP=203.0.113.1\nSERVER_ADDR=203.0.113.1\nSERVER_PORT=5060\n"
            "SERVER_PUBLIC_PORT=12345\n");
}

TEST(ConfigText, DoesNotTakeALongerNameForAShorterOne) {
  const std::string text = filled(Template::env, "SERVER_IPV6=1\nMY_SERVER_IP=2\n");
  EXPECT_EQ(text.substr(0, 30), "SERVER_IPV6=1\nMY_SERVER_IP=2\nS");
}

TEST(ConfigText, FillsKamailio) {
  const char* before =
      "#!KAMAILIO\n"
      "#!define PUBLICIP \"14.103.165.199\"\n"
      "#!define PUBLICIP_NOTE \"same\"\n"
      "#!substdef \"!PUBLICIP!14.103.165.199!g\"\n"
      "#!define PUBLICPORT 1\n"
      "listen=udp:0.0.0.0:5060\n"
      "listen=udp:192.168.1.100:5060\n"
      "listen = udp:eth0:5060 advertise 1.2.3.4:5 name \"x\"\n"
      "listen=tcp:192.168.1.100:5060\n"
      "listen=udp:192.168.1.100:5070\n";
  const char* after =
      "#!KAMAILIO\n"
      "#!define PUBLICIP \"203.0.113.1\"\n"
      "#!define PUBLICIP_NOTE \"same\"\n"
      "#!substdef \"!PUBLICIP!203.0.113.1!g\"\n"
      "#!define PUBLICPORT 12345\n"
      "listen=udp:0.0.0.0:5060\n"
      "listen=udp:192.168.1.100:5060 advertise 203.0.113.1:12345\n"
      "listen = udp:eth0:5060 advertise 203.0.113.1:12345 name \"x\"\n"
      "listen=tcp:192.168.1.100:5060\n"
      "listen=udp:192.168.1.100:5070\n";
  EXPECT_EQ(filled(Template::kamailio, before), after);
}

TEST(ConfigText, SaysWhyKamailioCanNotAdvertise) {
  EXPECT_FALSE(fill_in(Template::kamailio, "listen=udp:0.0.0.0:5060\n", kFound));
}

TEST(ConfigText, FillsFreeSwitch) {
  EXPECT_EQ(
      filled(Template::freeswitch,
             "<X-PRE-PROCESS cmd=\"set\" data=\"external_rtp_ip=stun:stun.freeswitch.org\"/>\n"
             "<X-PRE-PROCESS cmd=\"set\" data=\"external_sip_ip=auto-nat\"/>\n"
             "<param name=\"ext-sip-ip\" value=\"auto-nat\"/>\n<param name=\"rtp-ip\" "
             "value=\"x\"/>\n"),
      "<X-PRE-PROCESS cmd=\"set\" data=\"external_rtp_ip=203.0.113.1\"/>\n"
      "<X-PRE-PROCESS cmd=\"set\" data=\"external_sip_ip=203.0.113.1\"/>\n"
      "<param name=\"ext-sip-ip\" value=\"203.0.113.1\"/>\n<param name=\"rtp-ip\" value=\"x\"/>\n");
  EXPECT_FALSE(fill_in(Template::freeswitch, "<include/>", kFound));
}

TEST(ConfigText, FillsPm2) {
  EXPECT_EQ(filled(Template::pm2,
                   "module.exports = { apps: [{\n  env: {\n    SERVER_IP: '1.1.1.1',\n"
                   "    \"SERVER_PUBLIC_PORT\": 5, A: 1\n  } }] }\n"),
            "module.exports = { apps: [{\n  env: {\n    SERVER_IP: '203.0.113.1',\n"
            "    \"SERVER_PUBLIC_PORT\": 12345, A: 1\n  } }] }\n");
  EXPECT_EQ(
      filled(Template::pm2, "x = { env: {\n    A: 1\n  } }\n"),
      "x = { env: {\n    SERVER_PUBLIC_PORT: 12345,\n    SERVER_IP: '203.0.113.1',\n    A: 1\n"
      "  } }\n");
  EXPECT_FALSE(fill_in(Template::pm2, "module.exports = {}", kFound));
}

TEST(ConfigText, ChangesNothingTheSecondTime) {
  const std::pair<Template, const char*> texts[] = {
      {Template::json, "{}"},
      {Template::env, "A=1"},
      {Template::kamailio, "listen=udp:10.0.0.1:5060\n#!define PUBLICIP \"1\"\n"},
      {Template::freeswitch, "data=\"external_sip_ip=\"\n"},
      {Template::pm2, "env: {}"},
  };
  for (const auto& [form, text] : texts) {
    const std::string once = filled(form, text);
    EXPECT_NE(once, "refused");
    EXPECT_EQ(filled(form, once), once);
  }
}

TEST(ConfigText, WritesNothingThatCouldMeanMoreThanAnAddress) {
  PublishedAddress evil = kFound;
  evil.ip = "1.2.3.4\"; system(\"x\")";
  for (const char* name : {"json", "env", "kamailio", "freeswitch", "pm2"}) {
    EXPECT_FALSE(fill_in(*parse_template(name), "env: {}", evil)) << name;
  }
}

}  // namespace
}  // namespace turnpike::nat
