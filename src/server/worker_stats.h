// What one worker tells about itself beside the counters of its parts: a single writer, any number
// of readers.
#pragma once

#include "base/counter.h"
#include "metrics/histogram.h"
#include "turn/breakdown.h"
#include "turn/effects.h"

namespace turnpike::server {

inline constexpr std::array<Duration, 13> kSessionLengths = {
    seconds(1),     seconds(5),     seconds(15),   seconds(30),   seconds(60),
    seconds(300),   seconds(900),   seconds(1800), seconds(3600), seconds(7200),
    seconds(14400), seconds(43200), seconds(86400)};

// From the request of a session, while it is answered and perhaps waits for the user store.
inline constexpr std::array<Duration, 14> kSetupTimes = {std::chrono::microseconds(100),
                                                         std::chrono::microseconds(250),
                                                         std::chrono::microseconds(500),
                                                         milliseconds(1),
                                                         std::chrono::microseconds(2500),
                                                         milliseconds(5),
                                                         milliseconds(10),
                                                         milliseconds(25),
                                                         milliseconds(50),
                                                         milliseconds(100),
                                                         milliseconds(250),
                                                         milliseconds(500),
                                                         milliseconds(1000),
                                                         milliseconds(2000)};

struct WorkerStats {
  metrics::DurationHistogram<kSessionLengths> session_length;
  metrics::DurationHistogram<kSetupTimes> setup_time;
  turn::Tally<turn::CloseReason, turn::kCloseReasons> closed;

  Counter handovers_lost;   // Datagrams for allocations of another worker, whose mailbox was full.
  Counter forwards_lost;    // Packets of clients that moved, whose other worker's mailbox was full.
  Counter gathered_errors;  // ICMP errors that did not come by the relay socket itself.
  Counter questions_lost;   // For the user store, which does not keep up.

  // As of the last second.
  Gauge requests_waiting;    // For the user store.
  Gauge stream_queue_bytes;  // Written to TCP and TLS clients, not taken by them yet.
  Gauge relay_sockets;
  Gauge relays_not_gathered;  // So far.
};

}  // namespace turnpike::server
