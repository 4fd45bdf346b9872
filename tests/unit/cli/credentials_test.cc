#include <charconv>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/time_limited.h"
#include "net/clock.h"
#include "unit/cli/run_command.h"

namespace turnpike::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

CommandResult run(const std::vector<std::string>& arguments, const std::string& input = {}) {
  return run_command(credentials, arguments, input);
}

// The text between the quotes after `"name": `.
std::string json_field(const std::string& json, const std::string& name) {
  const std::string before = "\"" + name + "\": \"";
  const size_t start = json.find(before);
  if (start == std::string::npos) return {};
  const size_t from = start + before.size();
  return json.substr(from, json.find('"', from) - from);
}

TEST(CredentialsCommand, PrintsAnArrayForAPassword) {
  const auto result = run({"--host", "turn.example.org", "--user", "alice", "--password", "pw"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_EQ(result.output,
            "[\n"
            "  {\"urls\": [\"stun:turn.example.org:3478\"]},\n"
            "  {\"urls\": [\"turn:turn.example.org:3478?transport=udp\", "
            "\"turn:turn.example.org:3478?transport=tcp\"],\n"
            "   \"username\": \"alice\",\n"
            "   \"credential\": \"pw\"}\n"
            "]\n");
  EXPECT_EQ(result.errors, "");
}

TEST(CredentialsCommand, MakesATimeLimitedUserFromASecret) {
  const int64_t before = unix_seconds(net::wall_now());
  const auto result = run({"--host", "h", "--user", "alice", "--secret", "s", "--ttl", "600"});
  const int64_t after = unix_seconds(net::wall_now());
  const std::string username = json_field(result.output, "username");
  const auto name = auth::parse_time_limited(username, ':');
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->user, "alice");
  EXPECT_GE(name->expires_unix_s, before + 600);
  EXPECT_LE(name->expires_unix_s, after + 600);
  EXPECT_EQ(json_field(result.output, "credential"), auth::time_limited_password("s", username));
}

TEST(CredentialsCommand, TakesPasswordOrSecretFromStandardInput) {
  const auto with_password = run({"--host", "h", "--user", "a", "--password-stdin"}, "pw\n");
  EXPECT_EQ(json_field(with_password.output, "credential"), "pw");
  const auto with_secret = run({"--host", "h", "--user", "a", "--secret-stdin"}, "s\n");
  EXPECT_EQ(json_field(with_secret.output, "credential"),
            auth::time_limited_password("s", json_field(with_secret.output, "username")));
}

TEST(CredentialsCommand, NamesTheTransportsThatAreServed) {
  const auto result = run({"--host", "h", "--port", "443", "--tls-port", "5349", "--transports",
                           "udp,tcp,tls", "--user", "a", "--password", "p"});
  EXPECT_THAT(result.output,
              HasSubstr("[\"turn:h:443?transport=udp\", \"turn:h:443?transport=tcp\", "
                        "\"turns:h:5349?transport=tcp\"]"));
}

TEST(CredentialsCommand, NamesNoStunServerWithoutUdp) {
  const auto result = run({"--host", "h", "--transports", "tcp", "--user", "a", "--password", "p"});
  EXPECT_THAT(result.output, Not(HasSubstr("stun:")));
  EXPECT_THAT(result.output, HasSubstr("turn:h:3478?transport=tcp"));
}

TEST(CredentialsCommand, LeavesTurnsOutForAnAddressAndSaysWhy) {
  const auto result =
      run({"--host", "192.0.2.1", "--tls-port", "5349", "--user", "a", "--password", "p"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_THAT(result.output, Not(HasSubstr("turns:")));
  EXPECT_THAT(result.errors, HasSubstr("no turns: URL"));
}

TEST(CredentialsCommand, SaysThatTheNameInTurnsWasNotCheckedWithoutACertificate) {
  const auto result =
      run({"--host", "turn.example.org", "--tls-port", "5349", "--user", "a", "--password", "p"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_THAT(result.output, HasSubstr("turns:turn.example.org:5349"));
  EXPECT_THAT(result.errors, HasSubstr("'turn.example.org'"));
  EXPECT_THAT(result.errors, HasSubstr("--cert FILE"));
  EXPECT_EQ(run({"--host", "turn.example.org", "--user", "a", "--password", "p"}).errors, "");
}

TEST(CredentialsCommand, PutsIpv6InBrackets) {
  for (const char* host : {"2001:db8::1", "[2001:db8::1]"}) {
    const auto result = run({"--host", host, "--user", "a", "--password", "p"});
    EXPECT_THAT(result.output, HasSubstr("\"stun:[2001:db8::1]:3478\"")) << host;
  }
}

TEST(CredentialsCommand, EscapesWhatGoesIntoJson) {
  const auto result = run({"--host", "h", "--user", "a\"b", "--password", "p\\q"});
  EXPECT_THAT(result.output, HasSubstr("\"username\": \"a\\\"b\""));
  EXPECT_THAT(result.output, HasSubstr("\"credential\": \"p\\\\q\""));
}

TEST(CredentialsCommand, PrintsTheFormatThatIsAskedFor) {
  const std::vector<std::string> common = {"--host", "h", "--user", "a", "--password", "p"};
  const auto with_format = [&common](const std::string& format) {
    std::vector<std::string> arguments = common;
    arguments.insert(arguments.end(), {"--format", format});
    return run(arguments);
  };
  EXPECT_EQ(with_format("array").output, run(common).output);
  EXPECT_THAT(with_format("configuration").output, StartsWith("{\"iceServers\": [\n"));
  EXPECT_THAT(with_format("environment").output, StartsWith("export P2P_STUN_SERVERS="));
  EXPECT_EQ(with_format("yaml").exit_code, kExitUsage);
}

TEST(CredentialsCommand, RefusesWhatItCannotMakeSenseOf) {
  const std::vector<std::string> good = {"--host", "h", "--user", "a", "--password", "p"};
  const std::vector<std::vector<std::string>> extras = {
      {"--ttl", "5"},
      {"--secret", "s"},
      {"--port", "0"},
      {"--port", "65536"},
      {"--port", "x"},
      {"--transports", "sctp"},
      {"--transports", "tls"},
      {"--transports", ""},
      {"--transports", "udp,,tcp"},
      {"extra"},
      {"--tls-port", "0"},
      {"--cert", "server.pem"},
      {"--tls-port", "5349", "--cert", "/nonexistent/server.pem"},
      {"--frobnicate"},
      {"--hos", "other"},
  };
  for (const auto& extra : extras) {
    std::vector<std::string> arguments = good;
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    const auto result = run(arguments);
    EXPECT_EQ(result.exit_code, kExitUsage) << extra[0];
    EXPECT_EQ(result.output, "") << extra[0];
  }
  EXPECT_EQ(run({"--host", "h", "--user", "a"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"--host", "h", "--password", "p"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"--user", "a", "--password", "p"}).exit_code, kExitUsage);
  EXPECT_EQ(run({"--host", "h", "--user", "a", "--secret", "s", "--ttl", "0"}).exit_code,
            kExitUsage);
  EXPECT_EQ(run({"--host", "192.0.2.1", "--user", "a", "--password", "p", "--transports", "tls",
                 "--tls-port", "443"})
                .exit_code,
            kExitUsage);
}

}  // namespace
}  // namespace turnpike::cli
