// Options of coturn, of whichever version, that ask for what we do anyway or tune what we do not
// have. To make one work, give it an `apply` and move its row to the group it belongs to.
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

constexpr Option already(std::string_view name, std::string_view why, char letter = 0) {
  return {.name = name,
          .letter = letter,
          .argument = Argument::flag,
          .help = why,
          .support = Support::already_so};
}

constexpr Option harmless_flag(std::string_view name, std::string_view why) {
  return {.name = name, .argument = Argument::flag, .help = why, .support = Support::harmless};
}

constexpr Option harmless(std::string_view name, std::string_view placeholder,
                          std::string_view why) {
  return {.name = name, .placeholder = placeholder, .help = why, .support = Support::harmless};
}

constexpr std::string_view kOldTls = "TLS and DTLS below 1.2 do not exist here";
constexpr std::string_view kBatching = "batches are always used where the kernel has them";

constexpr Option kAccepted[] = {
    already("lt-cred-mech", "long-term credentials are always asked for, unless no-auth is set",
            'a'),
    already("stateless-nonce", "nonces never take memory"),
    already("no-multicast-peers", "multicast and broadcast peers are refused"),
    already("no-loopback-peers", "loopback peers are refused unless allow-loopback-peers is set"),
    already("dtls", "DTLS is served unless no-dtls is set"),
    already("no-sslv2", kOldTls),
    already("no-sslv3", kOldTls),
    already("no-tlsv1", kOldTls),
    already("no-tlsv1_1", kOldTls),
    already("response-origin-only-with-rfc5780", "RESPONSE-ORIGIN is not sent without RFC 5780"),
    already("no-cli", "there is no telnet console"),
    already("no-stdout-log", "with log-file the log goes to that file alone"),
    already("simple-log", "the name of the log file is used as it is"),
    already("new-log-timestamp", "every line begins with an ISO 8601 time with milliseconds"),
    already("drop-invalid-packets", "malformed packets are dropped at once"),
    already("check-origin-consistency",
            "an allocation keeps its realm, whatever ORIGIN says in later requests"),
    harmless_flag("syslog",
                  "the log goes to standard error, which systemd and container runtimes collect"),
    harmless_flag("no-auth-pings", "a changed database is noticed without questions to it"),
    harmless_flag("udp-recvmmsg", kBatching),
    harmless_flag("udp-gso", kBatching),
    harmless("ne", "N", "there is one network engine"),
};

}  // namespace

std::span<const Option> accepted_options() {
  return kAccepted;
}

}  // namespace turnpike::config
