// `turnpike check` says of every option of coturn what becomes of it.
#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/option.h"
#include "unit/auth/store_support.h"
#include "unit/cli/run_command.h"

namespace turnpike::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

enum class Verdict : uint8_t {
  taken,         // Without a word; it stands in the configuration in force.
  same,          // The same, but it is what is so anyway.
  already_so,    // Good, and nothing to store.
  no_effect,     // Good, and nothing to tune.
  refused,       // With the reason.
  command_line,  // Not for files.
};

struct Sample {
  std::string name;
  std::string value;  // Empty: the name stands alone.
  Verdict verdict;
  std::string printed = {};  // By --print, where it is not the line as it was.
  std::string beside = {};   // What it needs to make sense.

  [[nodiscard]] std::string line() const { return value.empty() ? name : name + "=" + value; }
};

// As somebody who comes from coturn would have them.
const Sample kSamples[] = {
    // clang-format off
    {"listening-ip", "127.0.0.1", Verdict::taken},
    {"listening-port", "3479", Verdict::taken},
    {"tls-listening-port", "5350", Verdict::taken},
    {"alt-listening-port", "3480", Verdict::taken, "", "rfc5780"},
    {"alt-tls-listening-port", "5351", Verdict::taken, "", "rfc5780"},
    {"listening-device", "eth0", Verdict::refused},
    {"aux-server", "127.0.0.1:3490", Verdict::refused},
    {"no-udp", "", Verdict::taken},
    {"no-tcp", "", Verdict::taken},
    {"no-tls", "", Verdict::taken},
    {"dtls", "", Verdict::already_so},
    {"no-dtls", "", Verdict::taken},
    {"tcp-proxy-port", "3491", Verdict::taken, "", "proxy-from=127.0.0.0/8"},
    {"sock-buf-size", "1048576", Verdict::taken},
    {"udp-recvmmsg", "", Verdict::no_effect},
    {"udp-recvmmsg-log", "", Verdict::refused},
    {"udp-sendmmsg-log", "", Verdict::refused},
    {"udp-gso", "", Verdict::no_effect},
    {"acme-redirect", "https://a.example/", Verdict::refused},
    {"respond-http-unsupported", "", Verdict::refused},
    {"drop-invalid-packets", "", Verdict::already_so},
    {"drop-invalid-packets-log", "", Verdict::refused},
    {"relay-ip", "127.0.0.1", Verdict::taken},
    {"relay-device", "eth0", Verdict::refused},
    {"external-ip", "198.51.100.7", Verdict::taken},
    {"min-port", "50000", Verdict::taken},
    {"max-port", "60000", Verdict::taken},
    {"allocation-default-address-family", "ipv6", Verdict::taken},
    {"keep-address-family", "", Verdict::taken, "allocation-default-address-family=keep"},
    {"relay-threads", "2", Verdict::taken},
    {"cpus", "2", Verdict::refused},
    {"multiplex-peer", "", Verdict::refused},
    {"multiplex-peer-port", "3480", Verdict::refused},
    {"multiplex-peer-max-peers", "256", Verdict::refused},
    {"no-udp-relay", "", Verdict::taken},
    {"no-tcp-relay", "", Verdict::taken},
    {"server-relay", "", Verdict::refused},
    {"lt-cred-mech", "", Verdict::already_so},
    {"st-cred-mech", "", Verdict::refused},
    {"no-auth", "", Verdict::taken},
    {"user", "bob:secret", Verdict::taken, "user=bob:********"},
    {"realm", "coturn.example", Verdict::taken},
    {"use-auth-secret", "", Verdict::taken, "", "static-auth-secret=north-north"},
    {"static-auth-secret", "north-north-north", Verdict::taken, "static-auth-secret=********"},
    {"rest-api-separator", "-", Verdict::taken},
    {"oauth", "", Verdict::taken, "", "userdb=/var/lib/turn/turndb"},
    {"server-name", "turn.example", Verdict::taken, "", "oauth\nuserdb=/var/lib/turn/turndb"},
    {"check-origin-consistency", "", Verdict::already_so},
    {"stale-nonce", "600", Verdict::taken},
    {"stateless-nonce", "", Verdict::already_so},
    {"stateless-nonce-secret", "0123456789abcdef0123456789abcdef", Verdict::taken, "stateless-nonce-secret=********"},
    {"secure-stun", "", Verdict::taken},
    {"sha256", "", Verdict::refused},
    {"sha384", "", Verdict::refused},
    {"sha512", "", Verdict::refused},
    {"user-quota", "5", Verdict::taken},
    {"total-quota", "500", Verdict::taken},
    {"max-bps", "3000000", Verdict::taken, "max-bps=24Mbit"},
    {"bps-capacity", "30000000", Verdict::taken, "bps-capacity=240Mbit"},
    {"max-allocate-lifetime", "1800", Verdict::taken},
    {"channel-lifetime", "300", Verdict::taken},
    {"permission-lifetime", "200", Verdict::taken},
    {"max-allocate-timeout", "30", Verdict::taken},
    {"cert", "/etc/c.pem", Verdict::taken},
    {"pkey", "/etc/k.pem", Verdict::taken, "", "cert=/etc/c.pem"},
    {"pkey-pwd", "word", Verdict::taken, "pkey-pwd=********"},
    {"CA-file", "/etc/ca.pem", Verdict::taken},
    {"cipher-list", "HIGH", Verdict::taken},
    {"ec-curve-name", "prime256v1", Verdict::taken},
    {"dh-file", "/etc/dh.pem", Verdict::refused},
    {"dh566", "", Verdict::refused},
    {"dh1066", "", Verdict::refused},
    {"dh2066", "", Verdict::refused},
    {"tlsv1", "", Verdict::refused},
    {"tlsv1_1", "", Verdict::refused},
    {"no-tlsv1", "", Verdict::already_so},
    {"no-tlsv1_1", "", Verdict::already_so},
    {"no-tlsv1_2", "", Verdict::taken},
    {"no-sslv2", "", Verdict::already_so},
    {"no-sslv3", "", Verdict::already_so},
    {"raw-public-keys", "", Verdict::refused},
    {"denied-peer-ip", "10.0.0.0-10.255.255.255", Verdict::taken},
    {"allowed-peer-ip", "10.1.2.3", Verdict::taken},
    {"allow-loopback-peers", "", Verdict::taken},
    {"no-loopback-peers", "", Verdict::already_so},
    {"no-multicast-peers", "", Verdict::already_so},
    {"unauthorized-ratelimit", "", Verdict::taken},
    {"unauthorized-ratelimit-rps", "10", Verdict::taken},
    {"include-reason-string", "", Verdict::taken},
    {"software-attribute", "", Verdict::taken},
    {"no-software-attribute", "", Verdict::same, "software-attribute=off"},
    {"prod", "", Verdict::same, "software-attribute=off"},
    {"fingerprint", "", Verdict::taken},
    {"rfc5780", "", Verdict::taken},
    {"no-rfc5780", "", Verdict::same, "rfc5780=off"},
    {"response-origin-only-with-rfc5780", "", Verdict::already_so},
    {"stun-backward-compatibility", "", Verdict::taken},
    {"no-stun-backward-compatibility", "", Verdict::same, "stun-backward-compatibility=off"},
    {"rfc3489-compatibility", "", Verdict::taken},
    {"rfc5766-channel-numbers", "", Verdict::taken},
    {"stun-only", "", Verdict::taken},
    {"no-stun", "", Verdict::taken},
    {"log-binding", "", Verdict::refused},
    {"mobility", "", Verdict::taken},
    {"alternate-server", "198.51.100.8", Verdict::taken},
    {"tls-alternate-server", "198.51.100.8", Verdict::taken},
    {"udp-alternate-server", "198.51.100.8", Verdict::taken},
    {"tcp-alternate-server", "198.51.100.8", Verdict::taken},
    {"udp-self-balance", "", Verdict::refused},
    {"drain-min-allocations", "3", Verdict::taken},
    {"cli", "", Verdict::refused},
    {"no-cli", "", Verdict::already_so},
    {"cli-ip", "127.0.0.1", Verdict::refused},
    {"cli-port", "5766", Verdict::refused},
    {"cli-password", "word", Verdict::refused},
    {"cli-max-output-sessions", "256", Verdict::refused},
    {"web-admin", "", Verdict::refused},
    {"web-admin-ip", "127.0.0.1", Verdict::refused},
    {"web-admin-port", "8080", Verdict::refused},
    {"web-admin-listen-on-workers", "", Verdict::refused},
    {"prometheus", "", Verdict::taken},
    {"prometheus-port", "9642", Verdict::taken, "", "prometheus"},
    {"prometheus-address", "127.0.0.1", Verdict::taken, "", "prometheus"},
    {"prometheus-path", "/numbers", Verdict::taken, "", "prometheus"},
    {"prometheus-username-labels", "", Verdict::taken, "", "prometheus"},
    {"prometheus-tls", "", Verdict::refused},
    {"prometheus-cert", "/etc/c.pem", Verdict::refused},
    {"prometheus-key", "/etc/k.pem", Verdict::refused},
    {"log-file", "stdout", Verdict::taken},
    {"no-stdout-log", "", Verdict::already_so},
    {"simple-log", "", Verdict::already_so},
    {"syslog", "", Verdict::no_effect},
    {"syslog-facility", "daemon", Verdict::refused},
    {"verbose", "", Verdict::taken, "log-level=debug"},
    {"Verbose", "", Verdict::taken, "log-level=debug"},
    {"log-min-level", "warning", Verdict::taken, "log-level=warning"},
    {"new-log-timestamp", "", Verdict::already_so},
    {"new-log-timestamp-format", "%F", Verdict::refused},
    {"db", "/var/lib/turn/turndb", Verdict::taken, "userdb=/var/lib/turn/turndb"},
    {"userdb", "/var/lib/turn/turndb", Verdict::taken},
    {"psql-userdb", "host=db", Verdict::refused},
    {"sql-userdb", "host=db", Verdict::refused},
    {"mysql-userdb", "host=db", Verdict::refused},
    {"secret-key-file", "/etc/key", Verdict::refused},
    {"mongo-userdb", "mongodb://db", Verdict::refused},
    {"redis-userdb", "ip=127.0.0.1", Verdict::refused},
    {"redis-statsdb", "ip=127.0.0.1", Verdict::refused},
    {"no-auth-pings", "", Verdict::no_effect},
    {"no-dynamic-ip-list", "", Verdict::taken},
    {"no-dynamic-realms", "", Verdict::taken},
    {"daemon", "", Verdict::refused},
    {"pidfile", "/run/turnserver.pid", Verdict::taken},
    {"proc-user", "turnserver", Verdict::taken},
    {"proc-group", "turnserver", Verdict::taken, "", "proc-user=turnserver"},
    {"ne", "1", Verdict::no_effect},
    {"version", "", Verdict::command_line},
    // clang-format on
};

// What the verdict says on standard error; empty: nothing about the option.
std::string words_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::taken:
      return {};
    case Verdict::same:
      return " asks for what is so anyway\n";
    case Verdict::already_so:
      return " asks for what is so anyway: ";
    case Verdict::no_effect:
      return " has no effect: ";
    case Verdict::refused:
      return " is refused: ";
    case Verdict::command_line:
      return " belongs on the command line\n";
  }
  return "?";
}

class CheckFiles : public ::testing::Test {
 protected:
  CommandResult check(const std::string& text) {
    std::ofstream(path_) << text;
    return run_command(cli::check, {"-c", path_, "--print"});
  }

  const auth::TemporaryDirectory directory_;
  const std::string path_ = directory_.path("turnserver.conf");
};

struct CheckTest : CheckFiles, ::testing::WithParamInterface<Sample> {};

TEST_P(CheckTest, SaysWhatBecomesOfAnOptionOfCoturn) {
  const Sample& sample = GetParam();
  const std::string user = sample.name == "no-auth" ? "" : "user=ann:pw\n";
  const CommandResult said = check(sample.line() + "\n" + user + sample.beside + "\n");
  const bool bad = sample.verdict == Verdict::refused || sample.verdict == Verdict::command_line;
  EXPECT_EQ(said.exit_code, bad ? 2 : 0) << said.errors;
  EXPECT_THAT(said.errors, Not(HasSubstr("unknown option")));
  const std::string about = "turnserver.conf:1: option '" + sample.name + "'";
  if (sample.verdict == Verdict::taken) {
    EXPECT_THAT(said.errors, Not(HasSubstr(about)));
  } else {
    EXPECT_THAT(said.errors, HasSubstr(about + words_of(sample.verdict)));
  }
  const bool stored = sample.verdict == Verdict::taken || sample.verdict == Verdict::same;
  const std::string usual = sample.name + "=" + (sample.value.empty() ? "on" : sample.value);
  const std::string line = "\n" + (sample.printed.empty() ? usual : sample.printed) + "\n";
  EXPECT_EQ(said.output.find(line) != std::string::npos, stored) << line;
}

TEST_F(CheckFiles, WarnsOfACertificateThatIsNotThere) {
  const CommandResult said = check("user=ann:pw\ncert=/nowhere/c.pem\npkey=/nowhere/k.pem\n");
  EXPECT_EQ(said.exit_code, 0) << said.errors;
  EXPECT_THAT(said.errors,
              HasSubstr("warning: " + path_ + ":2: no server would start on this host: "));
  EXPECT_THAT(said.errors, HasSubstr("/nowhere/c.pem"));
}

TEST_F(CheckFiles, WithoutTlsNeedNoCertificate) {
  const CommandResult said =
      check("user=ann:pw\ncert=/nowhere/c.pem\npkey=/nowhere/k.pem\nno-tls\nno-dtls\n");
  EXPECT_EQ(said.exit_code, 0) << said.errors;
  EXPECT_THAT(said.errors, Not(HasSubstr("no server would start")));
}

INSTANTIATE_TEST_SUITE_P(Coturn, CheckTest, ::testing::ValuesIn(kSamples), [](const auto& info) {
  std::string name = info.param.name;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
});

TEST(CheckSamples, AreThereForEveryOptionOfCoturn) {
  std::set<std::string_view> sampled;
  for (const Sample& sample : kSamples) sampled.insert(sample.name);
  for (const config::OptionGroup& group : config::option_groups()) {
    for (const config::Option& option : group.options) {
      if (option.origin != config::Origin::coturn) continue;
      EXPECT_TRUE(sampled.contains(option.name)) << option.name;
    }
  }
}

// Who comes from coturn must not be left alone with a no.
TEST(CheckSamples, ARefusalSaysWhatToDoInstead) {
  constexpr auto kToDo =
      std::to_array<std::string_view>({" remove the line", " use ", " see ", " set ", " say ",
                                       " bind ", " name ", " run ", " share ", " `turnpike "});
  for (const config::OptionGroup& group : config::option_groups()) {
    for (const config::Option& option : group.options) {
      if (option.support != config::Support::refused) continue;
      const std::string why = " " + std::string(option.help);
      EXPECT_TRUE(
          std::any_of(kToDo.begin(), kToDo.end(),
                      [&](std::string_view word) { return why.find(word) != std::string::npos; }))
          << option.name << ":" << why;
    }
  }
}

}  // namespace
}  // namespace turnpike::cli
