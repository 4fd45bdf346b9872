// `turnpike probe --echo PORT`: the peer of somebody else's probe.
#pragma once

#include <cstdint>

namespace turnpike::cli {

// Answers probes until the process is stopped. The exit code, when the port can't be had.
int run_echo(uint16_t port);

}  // namespace turnpike::cli
