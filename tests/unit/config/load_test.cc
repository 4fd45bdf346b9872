#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "world.h"

namespace turnpike::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Load, ReadsTheFileThatIsNamed) {
  World world;
  world.files["a.conf"] = "user=a:b\nrealm=example.org\n";
  world.files[std::string(kDefaultFile)] = "realm=default.org\n";
  const LoadResult result = world.load({"-c", "a.conf"});
  EXPECT_TRUE(result.ok()) << report_text(result);
  EXPECT_EQ(result.config.realm, "example.org");
  EXPECT_TRUE(result.config.realm_is_set);
  EXPECT_EQ(result.file, "a.conf");
}

TEST(Load, ReadsTheDefaultFileIfItExists) {
  World world;
  world.files[std::string(kDefaultFile)] = "user=a:b\nrealm=default.org\n";
  EXPECT_EQ(world.load({}).config.realm, "default.org");
}

TEST(Load, LooksForTheFilesThatDefaultConfigLists) {
  World world;
  world.variables["TURNPIKE_DEFAULT_CONFIG"] = "/a/missing:/b/there::/c/there";
  world.files["/b/there"] = "user=a:b\nrealm=b.org\n";
  world.files["/c/there"] = "user=a:b\nrealm=c.org\n";
  world.files[std::string(kDefaultFile)] = "user=a:b\nrealm=default.org\n";
  EXPECT_EQ(world.load({}).config.realm, "b.org");
  EXPECT_EQ(world.load({"-c", "/c/there"}).config.realm, "c.org");
  EXPECT_EQ(world.load({"-n", "-u", "a:b"}).config.realm, "turnpike");
  world.files.erase("/b/there");
  EXPECT_EQ(world.load({}).config.realm, "c.org");
}

TEST(Load, KeepsTheFirstUserInTheDatabaseOfOurOwn) {
  const LoadResult result = World().load({"--first-user=guest"});
  EXPECT_TRUE(result.ok()) << report_text(result);
  EXPECT_EQ(result.config.first_user, "guest");
  EXPECT_EQ(result.config.userdb_path, "/data/turndb");
  EXPECT_EQ(World().load({"--first-user=guest", "--userdb=/x"}).config.userdb_path, "/x");
  EXPECT_EQ(World().load({"--first-user=guest", "-u", "a:b"}).config.userdb_path, "");
}

TEST(Load, RefusesAFirstUserWithoutAPlaceToLive) {
  World world;
  world.own_database.clear();
  const LoadResult result = world.load({"--first-user=guest"});
  EXPECT_THAT(all_text(result.errors), HasSubstr("userdb=FILE"));
}

TEST(Load, NeverReadsTheFileOfCoturnUnasked) {
  World world;
  world.files["/etc/turnserver.conf"] = "realm=coturn.org\n";
  const LoadResult result = world.load({"-u", "a:b"});
  EXPECT_EQ(result.config.realm, "turnpike");
  EXPECT_FALSE(result.config.realm_is_set);
  EXPECT_EQ(result.file, "");
}

TEST(Load, ReadsNoFileWhenToldSo) {
  World world;
  world.files[std::string(kDefaultFile)] = "realm=default.org\n";
  EXPECT_EQ(world.load({"-n", "-u", "a:b"}).config.realm, "turnpike");
}

TEST(Load, RefusesAFileAndNoFileTogether) {
  EXPECT_THAT(report_text(load_arguments({"-n", "-c", "x"})), HasSubstr("contradict"));
}

TEST(Load, FailsWhenTheFileCannotBeRead) {
  const LoadResult result = load_arguments({"-c", "/missing.conf"});
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_THAT(result.errors[0].message, HasSubstr("'/missing.conf' cannot be read: No such file"));
}

TEST(Load, TakesTheFileFromTheEnvironment) {
  World world;
  world.files["a.conf"] = "user=a:b\nrealm=r\n";
  world.variables["TURNPIKE_CONFIG"] = "a.conf";
  EXPECT_EQ(world.load({}).config.realm, "r");
}

TEST(Load, PutsTheEnvironmentAboveTheFileAndTheCommandLineAboveBoth) {
  World world;
  world.files["a.conf"] = "user=a:b\nrealm=file\nmin-port=50001\nmax-port=60001\n";
  world.variables = {{"TURNPIKE_REALM", "environment"}, {"TURNPIKE_MIN_PORT", "50002"}};
  const LoadResult result = world.load({"--realm=line", "-c", "a.conf"});
  EXPECT_EQ(result.config.realm, "line");
  EXPECT_EQ(result.config.min_port, 50002);
  EXPECT_EQ(result.config.max_port, 60001);
}

struct Sources {
  std::string file;
  std::string variable;  // NAME=VALUE
  std::string argument;
  std::string option;
  std::vector<std::string> expected;  // What counts of that option.
};

void PrintTo(const Sources& value, std::ostream* out) {
  *out << value.file << " | " << value.variable << " | " << value.argument;
}

class LoadSources : public ::testing::TestWithParam<Sources> {};

TEST_P(LoadSources, CountAsTheReferenceSays) {
  const Sources& given = GetParam();
  World world;
  world.files["a.conf"] = given.file;
  if (!given.variable.empty()) {
    const size_t equals = given.variable.find('=');
    world.variables[given.variable.substr(0, equals)] = given.variable.substr(equals + 1);
  }
  std::vector<std::string> arguments = {"-c", "a.conf"};
  if (!given.argument.empty()) arguments.push_back(given.argument);
  const LoadResult result = world.load(arguments);
  EXPECT_TRUE(result.ok()) << report_text(result);
  std::vector<std::string> found;
  if (const auto applied = result.applied.find(given.option); applied != result.applied.end()) {
    for (const AppliedValue& value : applied->second) found.push_back(value.text);
  }
  EXPECT_EQ(found, given.expected);
}

INSTANTIATE_TEST_SUITE_P(
    Lists, LoadSources,
    ::testing::Values(
        Sources{"external-ip=203.0.113.5",
                "TURNPIKE_EXTERNAL_IP=203.0.113.7",
                "",
                "external-ip",
                {"203.0.113.7"}},
        Sources{"external-ip=auto",
                "TURNPIKE_EXTERNAL_IP=203.0.113.7",
                "",
                "external-ip",
                {"203.0.113.7"}},
        Sources{
            "external-ip=203.0.113.5", "TURNPIKE_EXTERNAL_IP=auto", "", "external-ip", {"auto"}},
        Sources{"external-ip=auto", "", "--external-ip=none", "external-ip", {"none"}},
        Sources{"external-ip=auto", "TURNPIKE_EXTERNAL_IP=", "", "external-ip", {"auto"}},
        Sources{"external-ip=203.0.113.5/10.0.0.5\nexternal-ip=203.0.113.6/10.0.0.6",
                "TURNPIKE_EXTERNAL_IP=203.0.113.7/10.0.0.5\n203.0.113.8/10.0.0.6",
                "",
                "external-ip",
                {"203.0.113.7/10.0.0.5", "203.0.113.8/10.0.0.6"}},
        Sources{"listening-ip=192.0.2.1\nlistening-ip=192.0.2.2",
                "",
                "--listening-ip=192.0.2.2",
                "listening-ip",
                {"192.0.2.2"}},
        Sources{"relay-ip=192.0.2.1",
                "TURNPIKE_RELAY_IP=192.0.2.2",
                "--relay-ip=192.0.2.3",
                "relay-ip",
                {"192.0.2.3"}},
        Sources{"tcp-proxy-port=4000\nproxy-from=10.0.0.1",
                "TURNPIKE_PROXY_FROM=10.0.0.2",
                "",
                "proxy-from",
                {"10.0.0.2"}},
        Sources{"alternate-server=192.0.2.1",
                "TURNPIKE_ALTERNATE_SERVER=192.0.2.2",
                "",
                "alternate-server",
                {"192.0.2.2"}},
        Sources{"prometheus\nprometheus-address=127.0.0.1",
                "TURNPIKE_PROMETHEUS_ADDRESS=::1",
                "",
                "prometheus-address",
                {"::1"}},
        Sources{"static-auth-secret=0123456789abcdef",
                "TURNPIKE_STATIC_AUTH_SECRET=fedcba9876543210",
                "",
                "static-auth-secret",
                {"fedcba9876543210"}},
        Sources{"cert=a.pem\ncert=b.pem", "TURNPIKE_CERT=c.pem", "", "cert", {"c.pem"}},
        Sources{"cert=a.pem\npkey=a.key", "TURNPIKE_CERT=c.pem", "", "pkey", {}},
        Sources{"cert=a.pem\npkey=a.key", "TURNPIKE_PKEY=c.key", "", "cert", {"a.pem"}},
        Sources{"cert=a.pem\npkey=a.key", "TURNPIKE_PKEY=c.key", "", "pkey", {"c.key"}},
        Sources{"user=bob:old\nuser=eve:x",
                "TURNPIKE_USER=bob:new",
                "--user=ann:y",
                "user",
                {"bob:old", "eve:x", "bob:new", "ann:y"}},
        Sources{"denied-peer-ip=192.0.2.1",
                "TURNPIKE_DENIED_PEER_IP=192.0.2.2",
                "",
                "denied-peer-ip",
                {"192.0.2.1", "192.0.2.2"}},
        Sources{"allowed-peer-ip=192.0.2.1",
                "",
                "--allowed-peer-ip=192.0.2.2",
                "allowed-peer-ip",
                {"192.0.2.1", "192.0.2.2"}}));

TEST(Load, NamesAMistakeInAListThatIsReplaced) {
  World world;
  world.files["a.conf"] = "user=a:b\nexternal-ip=host.example\n";
  const LoadResult result = world.load({"-c", "a.conf", "--external-ip=203.0.113.7"});
  EXPECT_THAT(all_text(result.errors), HasSubstr("a.conf:2: option 'external-ip' must be"));
}

TEST(Load, FindsTheAddressItselfOnlyAsLongAsNoLaterSourceNamesOne) {
  World world;
  world.files["a.conf"] = "user=a:b\nexternal-ip=auto\n";
  EXPECT_TRUE(world.load({"-c", "a.conf"}).config.external_ip_auto);
  const LoadResult named = world.load({"-c", "a.conf", "--external-ip=203.0.113.7"});
  EXPECT_FALSE(named.config.external_ip_auto);
  EXPECT_THAT(named.config.external_ips,
              ElementsAre(ExternalIp{*Ip::parse("203.0.113.7"), std::nullopt}));
  const LoadResult none = world.load({"-c", "a.conf", "--external-ip=none"});
  EXPECT_FALSE(none.config.external_ip_auto);
  EXPECT_TRUE(none.config.external_ips.empty());
}

TEST(Load, KnowsAFileOfCoturnByItsName) {
  EXPECT_TRUE(is_file_of_coturn("/etc/coturn/turnserver.conf"));
  EXPECT_TRUE(is_file_of_coturn("turnserver.conf"));
  EXPECT_FALSE(is_file_of_coturn("/etc/turnserver.conf/turnpike.conf"));
  EXPECT_FALSE(is_file_of_coturn("my-turnserver.conf"));
  EXPECT_FALSE(is_file_of_coturn("command line"));
}

TEST(Load, LetsTheLaterOfTwoUsersOfOneNameCount) {
  World world;
  world.files["a.conf"] = "user=bob:old\nuser=eve:x\n";
  const LoadResult result = world.load({"-c", "a.conf", "--user=bob:new"});
  ASSERT_EQ(result.config.users.size(), 2U);
  EXPECT_EQ(result.config.users[1], (User{"bob", "new", {}}));
}

TEST(Load, ReadsUsersWithKeys) {
  const LoadResult result = World().load({"-u", "gorst:0x7da2270ccfa49786E0115366d3a3d14d"});
  ASSERT_EQ(result.config.users.size(), 1U);
  const User& user = result.config.users[0];
  EXPECT_EQ(user.name, "gorst");
  EXPECT_EQ(user.password, "");
  ASSERT_TRUE(user.md5_key.has_value());
  EXPECT_EQ((*user.md5_key)[0], 0x7d);
  EXPECT_EQ((*user.md5_key)[15], 0x4d);
}

TEST(Load, KeepsColonsInPasswords) {
  EXPECT_EQ(World().load({"-u", "a:b:c"}).config.users[0].password, "b:c");
}

TEST(Load, KeepsPeerRulesInOrder) {
  const LoadResult result = load_text(
      "denied-peer-ip=10.0.0.0-10.255.255.255\nallowed-peer-ip=10.1.0.0/16\n"
      "denied-peer-ip=2001:db8::1");
  ASSERT_TRUE(result.ok()) << report_text(result);
  EXPECT_THAT(result.config.peer_rules,
              ElementsAre(PeerRule{*IpRange::parse("10.0.0.0/8"), PeerAction::deny},
                          PeerRule{*IpRange::parse("10.1.0.0/16"), PeerAction::allow},
                          PeerRule{*IpRange::parse("2001:db8::1"), PeerAction::deny}));
}

TEST(Load, ReadsEveryOtherValue) {
  const LoadResult result = load_text(
      "listening-ip=192.0.2.1\nlistening-ip=::1\nlistening-port=3479\ntls-listening-port=0\n"
      "sock-buf-size=65536\nrelay-threads=3\nexternal-ip=203.0.113.1/192.0.2.1\n"
      "allocation-default-address-family=keep\ndb=/x/turndb\nstatic-auth-secret=0123456789abcdef\n"
      "rest-api-separator=|\nstrict-expiry\nstale-nonce=60\n"
      "stateless-nonce-secret=0123456789abcdef\nsecure-stun\nallow-private-peers\n"
      "allow-loopback-peers\nuser-quota=5\ntotal-quota=50\nmax-bps=3M\nbps-capacity=80Mbit\n"
      "max-allocate-lifetime=1800\nchannel-lifetime=601\npermission-lifetime=301\n"
      "max-permissions-per-allocation=65\nmax-channels-per-allocation=66\n"
      "max-tcp-connections-per-allocation=67\nno-udp-relay\n"
      "unauthorized-ratelimit=off\nunauthorized-ratelimit-rps=10\n"
      "unauthorized-ratelimit-burst=20\nbinding-ratelimit=0\nfingerprint\nsoftware-attribute\n"
      "include-reason-string\nstun-backward-compatibility\nrfc3489-compatibility\n"
      "rfc5766-channel-numbers=no\nno-stun\nlog-file=/x/log\nlog-format=json\nlog-level=error\n"
      "redact\npidfile=/x/pid");
  ASSERT_TRUE(result.ok()) << report_text(result);
  Config expected;
  expected.listening_ips = {*Ip::parse("192.0.2.1"), *Ip::parse("::1")};
  expected.listening_port = 3479;
  expected.tls_listening_port = 0;
  expected.sock_buf_size_bytes = 65536;
  expected.relay_threads = 3;
  expected.external_ips = {{*Ip::parse("203.0.113.1"), Ip::parse("192.0.2.1")}};
  expected.allocation_default_address_family = DefaultFamily::keep;
  expected.users = {{"somebody", "with a password", {}}};
  expected.userdb_path = "/x/turndb";
  expected.use_auth_secret = true;
  expected.static_auth_secrets = {"0123456789abcdef"};
  expected.rest_api_separator = '|';
  expected.strict_expiry = true;
  expected.stale_nonce_s = 60;
  expected.stateless_nonce_secret = "0123456789abcdef";
  expected.secure_stun = true;
  expected.allow_private_peers = true;
  expected.allow_loopback_peers = true;
  expected.user_quota = 5;
  expected.total_quota = 50;
  expected.max_bps_bytes_per_s = 3'000'000;
  expected.bps_capacity_bytes_per_s = 10'000'000;
  expected.max_allocate_lifetime_s = 1800;
  expected.channel_lifetime_s = 601;
  expected.permission_lifetime_s = 301;
  expected.max_permissions_per_allocation = 65;
  expected.max_channels_per_allocation = 66;
  expected.max_tcp_connections_per_allocation = 67;
  expected.no_udp_relay = true;
  expected.unauthorized_ratelimit = false;
  expected.unauthorized_ratelimit_rps = 10;
  expected.unauthorized_ratelimit_burst = 20;
  expected.binding_ratelimit_rps = 0;
  expected.fingerprint = true;
  expected.software_attribute = true;
  expected.include_reason_string = true;
  expected.stun_backward_compatibility = true;
  expected.rfc3489_compatibility = true;
  expected.rfc5766_channel_numbers = false;
  expected.no_stun = true;
  expected.log_target = LogTarget::file;
  expected.log_file_path = "/x/log";
  expected.log_format = LogFormat::json;
  expected.log_level = LogLevel::error;
  expected.redact_addresses = true;
  expected.pidfile_path = "/x/pid";
  EXPECT_TRUE(result.config == expected);
}

TEST(Load, KnowsTheSpecialLogFilesOfCoturn) {
  EXPECT_EQ(load_text("log-file=stdout").config.log_target, LogTarget::standard_output);
  EXPECT_EQ(load_text("log-file=-").config.log_target, LogTarget::standard_output);
  EXPECT_EQ(load_text("log-file=syslog").config.log_target, LogTarget::standard_error);
}

TEST(Load, LetsTheValueOfASwitchCount) {
  EXPECT_FALSE(load_text("fingerprint=false").config.fingerprint);
  EXPECT_TRUE(load_text("no-software-attribute=off").config.software_attribute);
  EXPECT_EQ(load_text("verbose=no").config.log_level, LogLevel::info);
  EXPECT_EQ(load_text("verbose").config.log_level, LogLevel::debug);
}

struct BadValue {
  std::string line;
  std::string reason;
};

void PrintTo(const BadValue& value, std::ostream* out) {
  *out << value.line;
}

class LoadBadValue : public ::testing::TestWithParam<BadValue> {};

TEST_P(LoadBadValue, IsAnErrorAtItsLine) {
  const LoadResult result = load_text("# first\n" + GetParam().line);
  ASSERT_EQ(result.errors.size(), 1U) << report_text(result);
  EXPECT_EQ(result.errors[0].source, "test.conf");
  EXPECT_EQ(result.errors[0].line, 2U);
  EXPECT_THAT(result.errors[0].message, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Values, LoadBadValue,
    ::testing::Values(
        BadValue{"listening-port=0", "from 1 to 65535"},
        BadValue{"listening-port=65536", "from 1 to 65535"},
        BadValue{"listening-port=3478x", "whole number"},
        BadValue{"listening-port", "needs a value"}, BadValue{"realm=", "needs a value"},
        BadValue{"fingerprint=maybe", "on or off"}, BadValue{"no-auth=", "empty value"},
        BadValue{"stale-nonce=", "empty value"},
        BadValue{"listening-ip=host.example", "IPv4 or IPv6 address"},
        BadValue{"external-ip=host.example", "not names"},
        BadValue{"external-ip=203.0.113.1/", "PUBLIC/PRIVATE"},
        BadValue{"user=nobody", "NAME:PASSWORD"}, BadValue{"user=:x", "NAME:PASSWORD"},
        BadValue{"user=x:", "NAME:PASSWORD"}, BadValue{"user=x:0x12", "32 hexadecimal digits"},
        BadValue{"user=" + std::string(509, 'n') + ":p", "longer than 508"},
        BadValue{"realm=" + std::string(764, 'r'), "longer than 763"},
        BadValue{"denied-peer-ip=10.0.0.0/33", "FIRST-LAST"},
        BadValue{"denied-peer-ip=10.0.0.9-10.0.0.1", "FIRST-LAST"},
        BadValue{"allowed-peer-ip=10.0.0.1-::1", "FIRST-LAST"},
        BadValue{"max-bps=3Mbps", "bytes per second"},
        BadValue{"rest-api-separator=::", "one character"},
        BadValue{"rest-api-separator=0", "digit"}, BadValue{"log-level=loud", "debug, info"},
        BadValue{"log-format=xml", "text or json"}, BadValue{"config=other.conf", "command line"},
        BadValue{"allocation-default-address-family=ipv5", "ipv4, ipv6 or keep"},
        BadValue{"static-auth-secret=********", "mask of a printed configuration"},
        BadValue{"dh-file=/etc/dh.pem", "refused: finite-field"},
        BadValue{"no-cli=off", "cannot be off"}, BadValue{"bogus=1", "unknown option 'bogus'"}));

TEST(Load, NamesAllProblemsAtOnceWithTheirLines) {
  World world;
  world.files["a.conf"] = "user=a:b\nlistening-prot=3478\nmin-port=70000\n\ndh-file=x\nrealm=\"\n";
  world.variables["TURNPIKE_MAX_PORT"] = "x";
  const LoadResult result = world.load({"-c", "a.conf", "--fingerprnt"});
  const std::string text = report_text(result);
  EXPECT_EQ(result.errors.size(), 6U) << text;
  EXPECT_THAT(text, HasSubstr("a.conf:2: unknown option 'listening-prot' (did you mean "
                              "'listening-port'?)"));
  EXPECT_THAT(text, HasSubstr("a.conf:3: option 'min-port' must be"));
  EXPECT_THAT(text, HasSubstr("a.conf:5: option 'dh-file' is refused"));
  EXPECT_THAT(text, HasSubstr("a.conf:6: the quotation mark"));
  EXPECT_THAT(text, HasSubstr("TURNPIKE_MAX_PORT: option 'max-port' must be"));
  EXPECT_THAT(text, HasSubstr("command line: unknown option 'fingerprnt'"));
}

TEST(Load, GivesUpOnAFileOfJunk) {
  World world;
  for (int i = 0; i < 100'000; ++i) world.files["junk"] += "lisening-prt=1\n";
  const LoadResult result = world.load({"-c", "junk"});
  EXPECT_LE(result.errors.size(), 1001U);
  EXPECT_THAT(result.errors.back().message, HasSubstr("too many errors"));
}

TEST(Load, AcceptsWhatIsSoAnywayWithOneLineOfInformation) {
  for (const char* line : {"no-cli", "no-tlsv1", "lt-cred-mech", "syslog", "no-multicast-peers",
                           "no-stun-backward-compatibility", "web-admin=off", "prometheus-tls=0"}) {
    const LoadResult result = load_text(line);
    EXPECT_TRUE(result.ok()) << report_text(result);
    EXPECT_EQ(result.infos.size(), 1U) << line;
  }
}

TEST(Load, UsesTheDatabaseOfTheUserCommandWhenNobodyIsNamed) {
  World world;
  world.files["/data/turndb"] = "";
  const LoadResult result = world.load({});
  EXPECT_TRUE(result.ok()) << report_text(result);
  EXPECT_EQ(result.config.userdb_path, "/data/turndb");
  EXPECT_EQ(result.infos.size(), 1U);
}

TEST(Load, UsesTheDatabaseOfCoturnOnlyWithAFileOfItsOwn) {
  World world;
  world.files["/var/lib/turn/turndb"] = "";
  world.files["turnserver.conf"] = "lt-cred-mech\n";
  EXPECT_EQ(world.load({"-c", "turnserver.conf"}).config.userdb_path, "/var/lib/turn/turndb");
  EXPECT_EQ(world.load({}).config.userdb_path, "");
}

TEST(Load, LeavesDatabasesAloneWhenSomebodyIsNamed) {
  World world;
  world.files["/data/turndb"] = "";
  for (const char* option : {"--user=a:b", "--static-auth-secret=0123456789abcdef", "--no-auth",
                             "--stun-only", "--userdb=/other"}) {
    EXPECT_NE(world.load({option}).config.userdb_path, "/data/turndb") << option;
  }
}

TEST(Load, StopsAtARequestForHelpOrVersion) {
  EXPECT_EQ(World().load({"--help"}).request, Request::help);
  EXPECT_EQ(World().load({"-h"}).request, Request::help);
  EXPECT_EQ(World().load({"--version", "-c", "/missing"}).request, Request::version);
}

TEST(Load, NeverTellsASecret) {
  World world;
  world.files["a.conf"] =
      "user=bob:hunter2\nuser=:hunter2\nuser=eve:0xhunter2\nstatic-auth-secret=hunter2\n"
      "static-auth-secret=\"hunter2\nusr=hunter2\npkey-pwd=hunter2\ncli-password=hunter2\n"
      "stateless-nonce-secret=hunter2\npsql-userdb=password=hunter2\nno-auth\n";
  world.variables["TURNPIKE_USR"] = "x:hunter2";
  const LoadResult result = world.load({"-c", "a.conf", "--usr=hunter2", "hunter2"});
  EXPECT_GE(result.errors.size(), 10U);
  EXPECT_THAT(report_text(result), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace turnpike::config
