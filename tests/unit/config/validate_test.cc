#include "config/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "world.h"

namespace turnpike::config {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string text;
  std::string expected;
};

void PrintTo(const Case& value, std::ostream* out) {
  *out << value.text;
}

class ValidateError : public ::testing::TestWithParam<Case> {};
class ValidateWarning : public ::testing::TestWithParam<Case> {};
class ValidateFine : public ::testing::TestWithParam<std::string> {};

TEST_P(ValidateError, IsReportedAtALineOfItsOwn) {
  const LoadResult result = load_text(GetParam().text);
  ASSERT_EQ(result.errors.size(), 1U) << report_text(result);
  EXPECT_THAT(result.errors[0].message, HasSubstr(GetParam().expected));
  EXPECT_GT(result.errors[0].line, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Combinations, ValidateError,
    ::testing::Values(
        Case{"min-port=60000\nmax-port=50000", "is above"}, Case{"max-port=40000", "is above"},
        Case{"min-port=50000\nmax-port=50000", "at least two"},
        Case{"listening-ip=192.0.2.1\nlistening-ip=192.0.2.1", "twice"},
        Case{"listening-ip=224.0.0.1", "multicast"}, Case{"relay-ip=0.0.0.0", "one address"},
        Case{"relay-ip=ff02::1", "one address"}, Case{"relay-ip=fe80::1", "link-local"},
        Case{"relay-ip=192.0.2.1\nrelay-ip=::ffff:192.0.2.1", "twice"},
        Case{"external-ip=0.0.0.0", "could send to"}, Case{"external-ip=ff02::1", "could send to"},
        Case{"external-ip=203.0.113.1/2001:db8::1", "maps IPv6 to IPv4"},
        Case{"external-ip=203.0.113.1\nexternal-ip=203.0.113.2", "twice for IPv4"},
        Case{"external-ip=203.0.113.1\nexternal-ip=203.0.113.2/10.0.0.1", "with and without"},
        Case{"external-ip=203.0.113.1/10.0.0.1\nexternal-ip=203.0.113.2/10.0.0.1",
             "twice for 10.0.0.1"},
        Case{"external-ip=203.0.113.1/10.0.0.1\nexternal-ip=203.0.113.1/10.0.0.2",
             "two private addresses"},
        Case{"external-ip=auto\nexternal-ip=203.0.113.1", "auto excludes addresses"},
        Case{"external-ip=203.0.113.1\nexternal-ip=none", "none excludes addresses"},
        Case{"no-auth", "beside users"}, Case{"use-auth-secret", "has no secret"},
        Case{"stun-only\nno-stun", "nothing to serve"},
        Case{"rest-listen=127.0.0.1:8080\nrest-api-key=a-key-of-some-length",
             "needs static-auth-secret"},
        Case{"rest-listen=127.0.0.1:8080\nstatic-auth-secret=north-north-north",
             "needs rest-api-key"},
        Case{"tcp-proxy-port=4000", "needs proxy-from"},
        Case{"tcp-proxy-port=4000\nproxy-from=10.0.0.1\nno-tcp", "contradict"},
        Case{"tcp-proxy-port=4000\ntcp-proxy-port=4000\nproxy-from=10.0.0.1", "twice"},
        Case{"tcp-proxy-port=3478\nproxy-from=10.0.0.1", "a listening port too"},
        Case{"rfc5780\nlistening-ip=192.0.2.1\nlistening-ip=192.0.2.2\nalt-listening-port=5349",
             "a port of its own"},
        Case{"no-udp-relay\nno-tcp-relay", "nothing to relay"},
        Case{"no-udp-relay\nno-tcp", "nothing to relay"},
        Case{"unauthorized-ratelimit-burst=5", "must not be below"},
        Case{"stateless-nonce-secret=short", "16 bytes"}));

TEST_P(ValidateWarning, IsReportedAndNothingElse) {
  const LoadResult result = load_text(GetParam().text);
  EXPECT_TRUE(result.ok()) << report_text(result);
  ASSERT_EQ(result.warnings.size(), 1U) << report_text(result);
  EXPECT_THAT(result.warnings[0].message, HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Combinations, ValidateWarning,
    ::testing::Values(
        Case{"min-port=50000\nmax-port=50010", "has 11 ports"},
        Case{"min-port=1000\nmax-port=1100", "below 1024"},
        Case{"min-port=3000\ntls-listening-port=0", "listening-port 3478 lies in"},
        Case{"relay-threads=0", "relay-threads=1"},
        Case{"external-ip=10.1.2.3", "not a public address"},
        Case{"relay-ip=10.0.0.1\nexternal-ip=203.0.113.1/10.0.0.2", "not among the relay-ip"},
        Case{"relay-ip=10.0.0.1\nrelay-ip=10.0.0.2\nexternal-ip=203.0.113.1", "any of them"},
        Case{"total-quota=104857600", "number of allocations"},
        Case{"user-quota=3000000", "number of allocations"}, Case{"max-bps=64", "64k"},
        Case{"max-bps=3000000\nbps-capacity=1048576", "all sessions together"},
        Case{"max-allocate-lifetime=300", "600 seconds"}, Case{"channel-lifetime=4", "600 seconds"},
        Case{"permission-lifetime=4", "300 seconds"}, Case{"stale-nonce=0", "for ever"},
        Case{"static-auth-secret=logen", "shorter than 16"}, Case{"rfc5780", "two listening-ip"},
        Case{"proxy-from=10.0.0.0/8", "no effect"},
        Case{"stun-only\nalternate-server=192.0.2.9", "no effect with stun-only"},
        Case{"alt-listening-port=4000", "is not opened"},
        Case{"rfc5780\nlistening-ip=10.0.0.1\nlistening-ip=10.0.0.2\nexternal-ip=203.0.113.1",
             "two listening-ip"},
        Case{"rest-limit=5", "no effect without rest-listen"},
        Case{"rest-listen=192.0.2.1:8080\n"
             "rest-api-key=a-key-of-some-length\nstatic-auth-secret=north-north-north",
             "plain HTTP"},
        Case{"allow-loopback-peers", "tests only"}));

TEST_P(ValidateFine, HasNothingToSay) {
  const LoadResult result = load_text(GetParam());
  EXPECT_EQ(report_text(result), "");
}

INSTANTIATE_TEST_SUITE_P(
    Combinations, ValidateFine,
    ::testing::Values("external-ip=203.0.113.1\nexternal-ip=2001:db8::1",
                      "external-ip=203.0.113.1/10.0.0.1\nexternal-ip=203.0.113.2/10.0.0.2",
                      "listening-ip=0.0.0.0\nlistening-ip=::", "min-port=49152\nmax-port=49252",
                      "max-bps=3000000\nbps-capacity=100M", "userdb=/x/turndb",
                      "static-auth-secret=0123456789abcdef", "unauthorized-ratelimit-rps=5000",
                      "tcp-proxy-port=4000\ntcp-proxy-port=4001\nproxy-from=10.0.0.0/8",
                      "rfc5780\nlistening-ip=192.0.2.1\nlistening-ip=192.0.2.2",
                      "rest-listen=[::1]:8080\n"
                      "rest-api-key=a-key-of-some-length\nstatic-auth-secret=north-north-north"));

TEST(Validate, OpensOnePortWhenBothAreTheSame) {
  const LoadResult result = load_text("listening-port=443\ntls-listening-port=443");
  EXPECT_EQ(result.config.listening_port, 443);
  EXPECT_EQ(result.config.tls_listening_port, 0);
}

TEST(Validate, RaisesTheBurstToTheRateUnlessBothAreSet) {
  EXPECT_EQ(load_text("unauthorized-ratelimit-rps=5000").config.unauthorized_ratelimit_burst,
            5000U);
}

TEST(Validate, SaysWhatToDoWhenNobodyCouldRelay) {
  const LoadResult result = World().load({});
  ASSERT_EQ(result.errors.size(), 1U);
  for (const char* option : {"user=", "static-auth-secret=", "userdb=", "no-auth", "stun-only"}) {
    EXPECT_THAT(result.errors[0].message, HasSubstr(option));
  }
}

TEST(Validate, LetsAFileWithoutUsersStartSinceItIsClosedToEverybody) {
  World world;
  world.files["turnserver.conf"] = "fingerprint\n";
  const LoadResult result = world.load({"-c", "turnserver.conf"});
  EXPECT_TRUE(result.ok());
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_THAT(result.warnings[0].message, HasSubstr("every Allocate request is refused"));
  EXPECT_FALSE(result.config.no_auth);
}

TEST(Validate, NeedsNobodyForStunOnlyAndForNoAuth) {
  EXPECT_TRUE(World().load({"--stun-only"}).ok());
  const LoadResult open = World().load({"--no-auth"});
  EXPECT_TRUE(open.ok());
  EXPECT_EQ(open.warnings.size(), 1U) << "it is said that the relay is open";
}

TEST(Validate, KeepsNoAuthApartFromEveryKindOfCredentials) {
  const LoadResult result = World().load({"--no-auth", "--user=a:b", "--userdb=/x", "--secure-stun",
                                          "--static-auth-secret=0123456789abcdef"});
  EXPECT_EQ(result.errors.size(), 4U) << report_text(result);
}

TEST(Validate, AcceptsASecretFromTheDatabase) {
  EXPECT_TRUE(World().load({"--use-auth-secret", "--userdb=/x"}).ok());
}

}  // namespace
}  // namespace turnpike::config
