// What `turnpike probe` was asked to do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/target_options.h"
#include "net/tls_client.h"

namespace turnpike::cli {

struct ProbeOptions {
  TargetOptions target;
  std::shared_ptr<const net::TlsClientContext> tls;  // For TLS and DTLS.
  std::optional<Endpoint> echo_peer;                 // --peer
  std::optional<uint16_t> echo_port;  // --echo: be the peer of somebody else's probe.
  uint32_t count = 10;
  Duration patience = seconds(5);
  bool json = false;
};

// The options, or the code to leave with: what was wrong is told by then, or --help was answered.
Result<ProbeOptions, int> parse_probe_options(Arguments arguments);

}  // namespace turnpike::cli
