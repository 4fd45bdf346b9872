// Which server, and as whom: the options that `turnpike probe` and `turnpike load` share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/endpoint.h"
#include "base/five_tuple.h"
#include "base/result.h"
#include "cli/option_parser.h"
#include "client/long_term_client.h"

namespace turnpike::cli {

struct TargetOptions {
  std::string host;
  uint16_t port = 3478;
  Transport transport = Transport::udp;
  bool relays = true;               // False for a stun: URI: Binding only.
  client::Credentials credentials;  // Without a username: none are used.
  std::string credential_words;     // Those options as written, without what is secret.
  std::optional<IpFamily> family;   // --ipv4, --ipv6
};

using Problem = std::optional<std::string>;

void add_target_options(boost::program_options::options_description& options);
// A sentence about what is wrong, if something is.
Problem take_target_options(const ParsedOptions& given, TargetOptions& options);

// An integer option, if it was given.
Problem take_number(const ParsedOptions& given, const std::string& name, int64_t lowest,
                    int64_t highest, int64_t& out);

struct Target {
  Endpoint server;
  IpFamily relay_family;
};
// Asks the resolver. The error says why there is no address.
Result<Target, std::string> resolve_target(const TargetOptions& options);

}  // namespace turnpike::cli
