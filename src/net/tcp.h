// TCP sockets: listening, accepting, and the system calls of a stream.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "net/fd.h"
#include "net/sys_error.h"

namespace turnpike::net {

enum class ReusePort : uint8_t { no, yes };

// Non-blocking, close-on-exec, bound and listening.
Result<Fd, SysError> listen_tcp(const Endpoint& local, ReusePort reuse_port);

struct AcceptedStream {
  Fd fd;  // Non-blocking, close-on-exec, without Nagle's delay.
  Endpoint peer;
  Endpoint local;
};

// Non-blocking, close-on-exec, without Nagle's delay, and on its way to `remote`: it can be written
// as soon as it is connected, or has failed.
Result<Fd, SysError> begin_tcp_connection(const Endpoint& remote);

// Whether it is among the last eighth of the descriptors that this process may have.
bool is_scarce(const Fd& fd);
// Gives it the lowest number that is free, so that numbers go on telling how many there are.
void renumber(Fd& fd);

enum class AcceptError : uint8_t {
  none_waiting,
  try_next,        // That one is gone already.
  no_descriptors,  // It waits until there are some.
};
Result<AcceptedStream, AcceptError> accept_tcp(const Fd& listener);

enum class StreamResult : uint8_t { some, would_block, closed };

struct StreamRead {
  StreamResult result = StreamResult::closed;
  ByteView bytes;      // In the room that was given.
  bool reset = false;  // Closed by force, or by a failure, and not at its end.
};
StreamRead read_stream(const Fd& fd, ByteSpan room);
// The same, but the bytes stay where they are, to be read again.
StreamRead peek_stream(const Fd& fd, ByteSpan room);

// Nothing is left to be read, and nothing will come.
bool has_ended(const Fd& fd);

struct StreamWrite {
  StreamResult result = StreamResult::closed;
  size_t written = 0;
};
// All that the kernel takes now.
StreamWrite write_stream(const Fd& fd, ByteView bytes);

}  // namespace turnpike::net
