// What happens on the way to clients over streams and DTLS: one writer, any number of readers.
#pragma once

#include <cstddef>

#include "base/counter.h"
#include "turn/breakdown.h"

namespace turnpike::server {

struct ClientCounters {
  Counter streams_opened;
  Counter streams_closed;
  Counter dtls_opened;
  Counter dtls_closed;
  turn::TransportTally handshakes_done;
  turn::TransportTally handshakes_failed;
  turn::TransportTally handshakes_late;  // Took longer than they may; of TCP: first bytes.
  turn::TransportTally sent_packets;     // To clients, and their bytes.
  turn::TransportTally sent_bytes;
  Counter refused_source_limit;  // Connections above the limit per source address.
  Counter refused_scarce;        // Connections for which too few descriptors were left.
  Counter refused_half_open;  // DTLS handshakes above a limit: all of them, or those of a source.
  Counter closed_not_turn;    // First bytes of another protocol, or a broken frame.
  Counter closed_slow;        // A part of a frame that stayed one.
  Counter closed_idle;        // No allocation for too long.
  Counter closed_scarce;      // Had no allocation, and somebody else needed the descriptor.
  Counter closed_queue_full;  // An answer did not fit into the write queue.
  Counter drop_queue_full;    // Media that did not fit into the write queue.
  Counter drop_no_room;       // Records of DTLS clients that found no room to be decrypted to.
  Counter accept_no_descriptors;
  Counter closed_unanswered;      // A ConnectionBind that the user store did not answer in time.
  Counter streams_moved;          // To another worker (RFC 6062); each is opened anew there.
  Counter streams_bound;          // To a connection with a peer (RFC 6062).
  Counter pipes_slowed;           // How often one of those had to wait for bandwidth.
  Counter proxy_headers;          // PROXY headers that were read.
  Counter proxy_source_refused;   // Connections to a PROXY port from a source that is not listed.
  Counter proxy_waiting_refused;  // Too many without a header at once.
  Counter proxy_header_refused;   // No PROXY header, or a broken one.
  Counter proxy_header_late;      // Not complete in time.
  Counter stream_reads;           // Of clients and of peers (RFC 6062), that brought bytes.
  // How often more was left to read: a read filled its room, or a handshake waits for its turn.
  Counter stream_reads_left;

  void add_stream_read(size_t size, size_t room) {
    stream_reads.add();
    if (size == room) stream_reads_left.add();
  }
};

}  // namespace turnpike::server
