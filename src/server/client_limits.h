// What clients over streams and DTLS may cost.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace turnpike::server {

struct StreamLimits {
  bool serve_tls = true;
  size_t queue_max = size_t{256} * 1024;  // Bytes that wait for one client.
  uint32_t per_source = 0;         // Connections from one source, to all workers; 0: no limit.
  seconds handshake_max{10};       // For TLS, and for the first bytes of any protocol.
  seconds frame_max{10};           // A frame that has begun must be complete by then.
  seconds without_allocation{60};  // max-allocate-timeout.
};

struct DtlsLimits {
  bool serve = true;
  uint32_t half_open = 1000;            // Handshakes in progress on this worker.
  uint32_t half_open_per_source = 100;  // Of those, from one source: nobody fills all places alone.
  uint32_t per_source = 0;              // Clients from one source, on all workers; 0: no limit.
  seconds handshake_max{15};
  seconds without_allocation{60};  // max-allocate-timeout.
};

}  // namespace turnpike::server
