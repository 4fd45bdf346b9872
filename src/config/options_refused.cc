// Options of coturn, of whichever version, whose effect would be missing here: each is refused by
// name, with the reason. To make one work, give it an `apply` and move its row to its group.
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

constexpr Option refused_flag(std::string_view name, std::string_view why, char letter = 0) {
  return {.name = name,
          .letter = letter,
          .argument = Argument::flag,
          .help = why,
          .support = Support::refused};
}

constexpr Option refused(std::string_view name, std::string_view placeholder, std::string_view why,
                         char letter = 0) {
  return {.name = name,
          .letter = letter,
          .placeholder = placeholder,
          .help = why,
          .support = Support::refused};
}

constexpr std::string_view kUnsafeTls =
    "TLS and DTLS below 1.2 are unsafe and do not exist here; remove the line";
constexpr std::string_view kDh = "finite-field Diffie-Hellman is not offered; remove the line";
constexpr std::string_view kPrometheusTls =
    "metrics are served over plain HTTP; bind them to loopback with prometheus-address and put a "
    "TLS proxy before them";
constexpr std::string_view kConsole =
    "there is no telnet console; `turnpike status`, `sessions`, `kill` and `drain` talk to the "
    "running server (admin-socket)";
constexpr std::string_view kWebAdmin =
    "there is no web interface; there is a JSON API (admin-socket, admin-port), and `turnpike "
    "user`, `status` and `sessions`";
constexpr std::string_view kDatabase =
    "SQLite (userdb) is the only database; or share a secret (static-auth-secret), which needs "
    "none";
constexpr std::string_view kRedisStats =
    "allocations are not reported to Redis; use the log, which has a line with the totals of each "
    "session (log-format=json), or `turnpike sessions --json` for those that run";
constexpr std::string_view kMultiplex =
    "every allocation has a port of its own; remove the line, and open min-port to max-port in "
    "the firewall";
constexpr std::string_view kNoHttp =
    "HTTP is not answered on TURN ports; remove the line, and let load balancers ask /healthz and "
    "/readyz (admin-port)";
constexpr std::string_view kBatchLog =
    "batches are counted, not logged; see the turnpike_udp_* metrics (prometheus)";

constexpr Option kRefused[] = {
    // Transports.
    refused_flag("raw-public-keys",
                 "clients verify certificates; remove the line, and set cert and pkey"),
    refused_flag("tlsv1", kUnsafeTls),
    refused_flag("tlsv1_1", kUnsafeTls),
    refused("dh-file", "FILE", kDh),
    refused_flag("dh566", kDh),
    refused_flag("dh1066", kDh),
    refused_flag("dh2066", kDh),
    refused(
        "acme-redirect", "URL",
        "HTTP is not answered on TURN ports; use the DNS-01 challenge, or a web server on port 80"),
    refused_flag("respond-http-unsupported", kNoHttp),
    // Listeners and relays.
    refused("listening-device", "DEVICE", "name the address of the device with listening-ip", 'd'),
    refused("relay-device", "DEVICE", "name the address of the device with relay-ip", 'i'),
    refused("aux-server", "ADDRESS:PORT",
            "use listening-port and tls-listening-port, which are open on every listening-ip"),
    refused_flag("udp-self-balance",
                 "the kernel spreads clients over the workers; remove the line"),
    refused_flag(
        "server-relay",
        "it would let strangers send to clients without a permission; remove the line: peers that "
        "a client has named get through"),
    refused_flag("multiplex-peer", kMultiplex),
    refused("multiplex-peer-port", "PORT", kMultiplex),
    refused("multiplex-peer-max-peers", "N", kMultiplex),
    refused("cpus", "N", "say how many workers there shall be with relay-threads"),
    // Protocol.
    refused_flag("st-cred-mech", "short-term credentials are not part of TURN; use user or userdb"),
    refused_flag("sha256",
                 "clients are offered SHA-256 by RFC 8489 without an option; remove the line"),
    refused_flag("sha384", "no RFC knows SHA-384 in STUN; remove the line"),
    refused_flag("sha512", "no RFC knows SHA-512 in STUN; remove the line"),
    // Databases.
    refused("psql-userdb", "STRING", kDatabase, 'e'),
    refused("sql-userdb", "STRING", kDatabase),
    refused("mysql-userdb", "STRING", kDatabase, 'M'),
    refused("mongo-userdb", "STRING", kDatabase, 'J'),
    refused("redis-userdb", "STRING", kDatabase, 'N'),
    refused("redis-statsdb", "STRING", kRedisStats, 'O'),
    refused("secret-key-file", "FILE", kDatabase),
    // Operation.
    refused_flag("prometheus-tls", kPrometheusTls),
    refused("prometheus-cert", "FILE", kPrometheusTls),
    refused("prometheus-key", "FILE", kPrometheusTls),
    refused_flag("cli", kConsole),
    refused("cli-ip", "ADDRESS", kConsole),
    refused("cli-port", "PORT", kConsole),
    {.name = "cli-password",
     .secrecy = Secrecy::secret,
     .placeholder = "PASSWORD",
     .help = kConsole,
     .support = Support::refused},
    refused("cli-max-output-sessions", "N", kConsole),
    refused_flag("web-admin", kWebAdmin),
    refused("web-admin-ip", "ADDRESS", kWebAdmin),
    refused("web-admin-port", "PORT", kWebAdmin),
    refused_flag("web-admin-listen-on-workers", kWebAdmin),
    refused_flag("daemon", "run it under systemd or a container runtime, or with & in a shell",
                 'o'),
    refused("syslog-facility", "NAME", "set SyslogFacility= in the systemd unit"),
    refused("new-log-timestamp-format", "FORMAT",
            "times are in ISO 8601 with milliseconds; remove the line"),
    refused_flag(
        "log-binding",
        "Binding requests are counted, not logged; see turnpike_requests_total (prometheus)"),
    refused_flag(
        "drop-invalid-packets-log",
        "dropped packets are counted, not logged; see turnpike_dropped_packets_total (prometheus)"),
    refused_flag("udp-recvmmsg-log", kBatchLog),
    refused_flag("udp-sendmmsg-log", kBatchLog),
};

}  // namespace

std::span<const Option> refused_options() {
  return kRefused;
}

}  // namespace turnpike::config
