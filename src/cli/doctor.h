// What `turnpike doctor` finds, and the examinations, one part a file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/five_tuple.h"
#include "client/long_term_client.h"
#include "config/load.h"

namespace turnpike::cli {

enum class Severity : uint8_t {
  fine,
  note,     // Worth knowing; nothing has to be done.
  warning,  // It works, perhaps not as well as it could, or not for long.
  problem,  // It does not work.
};

struct Finding {
  Severity severity = Severity::fine;
  std::string what;
  std::string advice = {};  // What to do about it; empty where there is nothing to do.
};

using Diagnosis = std::vector<Finding>;

struct Examination {
  const config::LoadResult& loaded;
  std::string socket;                      // Of the server's admin interface.
  client::Credentials credentials;         // Without a name: none are known.
  std::vector<std::string> domains;        // Names by which clients know this server.
  std::optional<std::string> stun_server;  // Elsewhere, to tell our public address.
  // For a server that asks its clients for one (CA-file): PEM files; empty: none is known.
  std::string client_certificate = {};
  std::string client_key = {};
};

// doctor_host.cc: limits of the system, ports, clock.
void examine_limits(const Examination& given, Diagnosis& findings);
void examine_clock(Diagnosis& findings);
// doctor_host.cc: certificates and their dates.
void examine_certificates(const Examination& given, Diagnosis& findings);
// doctor_network.cc: addresses and names.
void examine_addresses(const Examination& given, Diagnosis& findings);
// doctor_network.cc: a real Allocate at each listener, if a server runs, else whether the ports are
// free for one.
void examine_listeners(const Examination& given, Diagnosis& findings);

// A user that the configuration or its database knows, for a test of our own.
client::Credentials known_credentials(const config::Config& config);

// From a real Allocate: the relayed address, or why there is none.
Result<Endpoint, std::string> allocate_over(Transport transport, const Endpoint& server,
                                            const Examination& given);

}  // namespace turnpike::cli
