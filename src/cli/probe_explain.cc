// Failures in words: what happened, and what the reader can do about it.
#include "cli/probe_report.h"
#include "stun/types.h"

namespace turnpike::cli {

using client::FailureKind;
using client::RequestFailed;
using stun::ErrorCode;

namespace {

ProbeProblem explain_code(const RequestFailed& failed, const std::string& what) {
  switch (static_cast<ErrorCode>(failed.code)) {
    case ErrorCode::try_alternate:
      return {ProbeExit::redirected, what,
              failed.alternate ? "The server sends its clients to " +
                                     failed.alternate->to_string() + ": probe that one."
                               : "The server sends its clients elsewhere and does not say where."};
    case ErrorCode::forbidden:
      return {ProbeExit::forbidden, what,
              "The server's policy forbids it: look into its log for the rule, and into "
              "denied-peer-ip and allowed-peer-ip."};
    case ErrorCode::allocation_mismatch:
      return {ProbeExit::allocation_mismatch, what,
              "The server believes that this address and port has an allocation, which three "
              "ports in turn should not: a NAT before the server may be mixing clients up."};
    case ErrorCode::address_family_not_supported:
      return {ProbeExit::no_such_family, what,
              "The server has no relay address of that family: give it one (relay-ip), or probe "
              "the other family (--ipv4, --ipv6)."};
    case ErrorCode::unsupported_transport:
      return {ProbeExit::transport_refused, what,
              "The server does not relay UDP: look for no-udp-relay in its configuration."};
    case ErrorCode::allocation_quota_reached:
      return {ProbeExit::quota_reached, what,
              "The user has as many allocations as the server allows: wait until old ones end, or "
              "raise user-quota or total-quota."};
    case ErrorCode::insufficient_capacity:
      return {ProbeExit::no_capacity, what,
              "The server is out of relay ports or file descriptors: widen min-port to max-port, "
              "raise its limit of open files, or wait."};
    case ErrorCode::wrong_credentials:
      return {ProbeExit::wrong_credentials, what,
              "The allocation belongs to another user: this should not happen to a probe."};
    case ErrorCode::bad_request:
    case ErrorCode::unauthenticated:
    case ErrorCode::mobility_forbidden:
    case ErrorCode::unknown_attribute:
    case ErrorCode::stale_nonce:
    case ErrorCode::peer_address_family_mismatch:
    case ErrorCode::connection_already_exists:
    case ErrorCode::connection_timeout_or_failure:
    case ErrorCode::server_error:
      break;
  }
  return {ProbeExit::failure, what, "The server's log may say why."};
}

std::string said(const RequestFailed& failed) {
  std::string method(stun::name(failed.method));
  if (failed.code == 0) return method;
  const auto reason = stun::reason(static_cast<ErrorCode>(failed.code));
  return method + ": " + std::to_string(failed.code) + " " + std::string(reason);
}

std::string upper_case(Transport transport) {
  std::string word(to_string(transport));
  for (char& c : word) c = static_cast<char>(c - 'a' + 'A');
  return word;
}

}  // namespace

ProbeProblem explain(const RequestFailed& failed) {
  const std::string what = said(failed);
  switch (failed.kind) {
    case FailureKind::rejected:
      return explain_code(failed, what);
    case FailureKind::timed_out:
      return {ProbeExit::unreachable, what + ": no answer",
              "Does the server run, and do firewalls let its port and the answers through?"};
    case FailureKind::not_authenticated:
      return {ProbeExit::failure, what + ": the answers are not signed with this user's key",
              "The server, or somebody on the way, answers without knowing the password."};
    case FailureKind::wrong_credentials:
      return {ProbeExit::wrong_credentials, what,
              "The server does not accept this user and password: check both; for a shared "
              "secret also that it is the server's, and the clocks."};
    case FailureKind::no_credentials:
      return {ProbeExit::wrong_credentials, what,
              "The server asks for credentials: give --user and --password, or --secret."};
    case FailureKind::downgrade:
      return {ProbeExit::failure, what + ": the challenge was tampered with",
              "It lacks the password algorithms that its nonce promises: somebody on the way may "
              "be weakening the authentication."};
    case FailureKind::algorithm_not_offered:
      return {ProbeExit::failure, what + ": the server does not offer that password algorithm",
              "Probe with --auth auto; SHA-256 needs every stored user of the realm to have such "
              "a key."};
    case FailureKind::malformed:
      return {ProbeExit::failure, what + ": an answer that the protocol does not allow",
              "Is it a TURN server that listens there?"};
    case FailureKind::expired:
      return {ProbeExit::failure, what + ": the allocation ran out", "Probe again."};
  }
  return {};
}

ProbeProblem link_failed(Transport transport, const Endpoint& server, const std::string& why) {
  const std::string where = upper_case(transport) + " " + server.to_string();
  if (transport == Transport::udp) {
    return {ProbeExit::unreachable, "nobody listens on " + where,
            "The host answered that the port is closed: is the server running, and on that port?"};
  }
  return {ProbeExit::unreachable, where + ": " + why,
          "Is the server running, and does it serve this transport on that port? About a "
          "certificate: --ca-file names an authority of your own, --insecure takes any."};
}

}  // namespace turnpike::cli
