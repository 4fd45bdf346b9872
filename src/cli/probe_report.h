// What a probe found, how it is shown, and what the exit code says.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/five_tuple.h"
#include "base/time.h"
#include "cli/commands.h"
#include "client/events.h"

namespace turnpike::cli {

inline constexpr const char* kProbeCommand = "turnpike probe";
extern const char* const kProbeAbout;  // For --help.

// Beside the codes that every subcommand shares.
enum class ProbeExit : int {
  ok = kExitOk,
  failure = kExitFailure,
  peer_forbidden = 3,  // All is well but that the server may not relay to this host.
  unreachable = 4,
  wrong_credentials = 5,
  allocation_mismatch = 6,  // 437
  quota_reached = 7,        // 486
  no_capacity = 8,          // 508
  no_such_family = 9,       // 440
  transport_refused = 10,   // 442
  forbidden = 11,           // 403 to anything else.
  redirected = 12,          // 300
  silent_relay = 13,        // Everything was granted, and the data did not arrive.
};

struct ProbeProblem {
  ProbeExit exit = ProbeExit::failure;
  std::string what;    // What happened.
  std::string advice;  // What to do about it; a sentence.
};

// A failed request in words.
ProbeProblem explain(const client::RequestFailed& failed);
// The link broke: nobody listens, the certificate is not to be trusted, and so on.
ProbeProblem link_failed(Transport transport, const Endpoint& server, const std::string& why);

struct Samples {
  std::vector<Duration> times;
  uint32_t tried = 0;  // The rest of them got lost.
};

struct ProbeCheck {
  enum class State : uint8_t { not_run, passed, failed, forbidden };
  explicit ProbeCheck(std::string title_) : title(std::move(title_)) {}

  std::string title;
  State state = State::not_run;
  Samples samples;
  std::string detail;  // What was learned.
  std::optional<ProbeProblem> problem;
};

struct ProbeReport {
  std::string host;
  Endpoint server;
  Transport transport = Transport::udp;
  bool relays = true;  // False: Binding is all that was asked for.
  ProbeCheck binding{"binding"};
  ProbeCheck allocate{"allocate"};
  ProbeCheck permission{"permission"};
  ProbeCheck channel{"channel"};
  ProbeCheck inside{"relay between two clients"};
  ProbeCheck outside{"relay to a peer"};
  std::string elsewhere;  // The command line to run on another host; with `peer_forbidden`.

  [[nodiscard]] std::vector<const ProbeCheck*> checks() const;
};

ProbeExit exit_of(const ProbeReport& report);
void print_text(const ProbeReport& report);
void print_json(const ProbeReport& report, ProbeExit exit);

}  // namespace turnpike::cli
