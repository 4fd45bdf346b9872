// Every option of coturn 4.5.2, 4.6.1 and 4.17.1 has an answer here, and real files of its users
// start as they are.
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/documents.h"
#include "config/option.h"
#include "support/source_tree.h"
#include "world.h"

namespace turnpike::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kCoturnOptions[] = {
    // Listeners.
    "listening-ip", "listening-port", "tls-listening-port", "alt-listening-port",
    "alt-tls-listening-port", "listening-device", "aux-server", "no-udp", "no-tcp", "no-tls",
    "dtls", "no-dtls", "tcp-proxy-port", "sock-buf-size", "udp-recvmmsg", "udp-recvmmsg-log",
    "udp-sendmmsg-log", "udp-gso", "acme-redirect", "respond-http-unsupported",
    "drop-invalid-packets", "drop-invalid-packets-log",
    // Relayed addresses and threads.
    "relay-ip", "relay-device", "external-ip", "min-port", "max-port",
    "allocation-default-address-family", "keep-address-family", "relay-threads", "cpus",
    "multiplex-peer", "multiplex-peer-port", "multiplex-peer-max-peers", "no-udp-relay",
    "no-tcp-relay", "server-relay",
    // Credentials.
    "lt-cred-mech", "st-cred-mech", "no-auth", "user", "realm", "use-auth-secret",
    "static-auth-secret", "rest-api-separator", "oauth", "server-name", "check-origin-consistency",
    "stale-nonce", "stateless-nonce", "stateless-nonce-secret", "secure-stun", "sha256", "sha384",
    "sha512",
    // Quotas and lifetimes.
    "user-quota", "total-quota", "max-bps", "bps-capacity", "max-allocate-lifetime",
    "channel-lifetime", "permission-lifetime", "max-allocate-timeout",
    // TLS.
    "cert", "pkey", "pkey-pwd", "CA-file", "cipher-list", "ec-curve-name", "dh-file", "dh566",
    "dh1066", "dh2066", "tlsv1", "tlsv1_1", "no-tlsv1", "no-tlsv1_1", "no-tlsv1_2", "no-sslv2",
    "no-sslv3", "raw-public-keys",
    // Security.
    "denied-peer-ip", "allowed-peer-ip", "allow-loopback-peers", "no-loopback-peers",
    "no-multicast-peers", "unauthorized-ratelimit", "unauthorized-ratelimit-rps",
    "include-reason-string", "software-attribute", "no-software-attribute", "prod", "fingerprint",
    "rfc5780", "no-rfc5780", "response-origin-only-with-rfc5780", "stun-backward-compatibility",
    "no-stun-backward-compatibility", "rfc3489-compatibility", "rfc5766-channel-numbers",
    "stun-only", "no-stun", "log-binding",
    // Mobility, balancing, drain.
    "mobility", "alternate-server", "tls-alternate-server", "udp-alternate-server",
    "tcp-alternate-server", "udp-self-balance", "drain-min-allocations",
    // Consoles.
    "cli", "no-cli", "cli-ip", "cli-port", "cli-password", "cli-max-output-sessions", "web-admin",
    "web-admin-ip", "web-admin-port", "web-admin-listen-on-workers",
    // Prometheus.
    "prometheus", "prometheus-port", "prometheus-address", "prometheus-path",
    "prometheus-username-labels", "prometheus-tls", "prometheus-cert", "prometheus-key",
    // Logs.
    "log-file", "no-stdout-log", "simple-log", "syslog", "syslog-facility", "verbose", "Verbose",
    "log-min-level", "new-log-timestamp", "new-log-timestamp-format",
    // Databases.
    "db", "userdb", "psql-userdb", "sql-userdb", "mysql-userdb", "secret-key-file", "mongo-userdb",
    "redis-userdb", "redis-statsdb", "no-auth-pings", "no-dynamic-ip-list", "no-dynamic-realms",
    // Process.
    "daemon", "pidfile", "proc-user", "proc-group", "ne", "version"};

std::string fixture(const std::string& name) {
  std::ifstream file(testing::source_tree() + "/tests/unit/config/fixtures/" + name);
  std::ostringstream content;
  content << file.rdbuf();
  EXPECT_FALSE(content.str().empty()) << name;
  return content.str();
}

LoadResult load_fixture(const std::string& name) {
  World world;
  world.files[name] = fixture(name);
  return world.load({"-c", name});
}

TEST(CoturnOptions, AreAllKnown) {
  for (const char* name : kCoturnOptions) {
    const Option* option = find_option(name);
    ASSERT_NE(option, nullptr) << name;
    EXPECT_EQ(option->origin, Origin::coturn) << name;
  }
}

TEST(CoturnOptions, AreTheOnlyOnesThatTheTableCallsSo) {
  for (const OptionGroup& group : option_groups()) {
    for (const Option& option : group.options) {
      if (option.origin != Origin::coturn) continue;
      EXPECT_THAT(kCoturnOptions, ::testing::Contains(option.name)) << option.name;
    }
  }
}

TEST(CoturnOptions, AreNeverPassedOverInSilence) {
  for (const char* name : kCoturnOptions) {
    const Option& option = *find_option(name);
    if (option.support == Support::supported || option.support == Support::command_line) continue;
    const std::string line =
        option.argument == Argument::flag ? std::string(name) : std::string(name) + "=1";
    const LoadResult result = load_text(line);
    const bool refused = option.support == Support::refused;
    EXPECT_EQ(result.errors.size(), refused ? 1U : 0U) << report_text(result);
    EXPECT_EQ(result.infos.size(), refused ? 0U : 1U) << report_text(result);
    EXPECT_THAT(report_text(result), Not(HasSubstr("unknown"))) << name;
    EXPECT_THAT(report_text(result), HasSubstr("'" + std::string(name) + "'"));
  }
}

TEST(CoturnOptions, HaveARowEachInTheReference) {
  const std::string text = reference_text();
  for (const char* name : kCoturnOptions) {
    EXPECT_THAT(text, HasSubstr("| `" + std::string(name) + "`")) << name;
  }
}

TEST(CoturnFiles, OfDebianStartsUnchanged) {
  const LoadResult result = load_fixture("debian_turnserver.conf");
  EXPECT_TRUE(result.ok()) << report_text(result);
  EXPECT_EQ(result.infos.size(), 4U) << report_text(result);
  EXPECT_FALSE(result.config.no_auth) << "it must not become an open relay";
}

TEST(CoturnFiles, OfTheGuideStartsUnchangedAndItsQuotasAreDoubted) {
  const LoadResult result = load_fixture("guide_turnserver.conf");
  EXPECT_TRUE(result.ok()) << report_text(result);
  EXPECT_EQ(result.config.total_quota, 104'857'600U);
  EXPECT_EQ(result.config.bps_capacity_bytes_per_s, 1'048'576U);
  EXPECT_EQ(result.config.max_bps_bytes_per_s, 3'000'000U);
  EXPECT_EQ(result.config.max_port, 49252);
  ASSERT_EQ(result.warnings.size(), 2U) << report_text(result);
  EXPECT_THAT(result.warnings[0].message, HasSubstr("total-quota"));
  EXPECT_EQ(result.warnings[0].line, 19U);
  EXPECT_THAT(result.warnings[1].message, HasSubstr("bps-capacity"));
}

}  // namespace
}  // namespace turnpike::config
