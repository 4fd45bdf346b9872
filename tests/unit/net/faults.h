// Makes the system calls that send fail on demand, and tells which were made. The program's own
// sendmmsg(), sendmsg() and sendto() take the place of the C library's.
#pragma once

#include <cstddef>
#include <functional>

#include <sys/socket.h>

namespace turnpike::net::testing {

// Asked before each message is sent: 0 lets it through, else it fails with that errno.
using SendFault = std::function<int(const msghdr& message)>;

struct SendCalls {
  size_t sendmmsg = 0;
  size_t sendmsg = 0;
  size_t sendto = 0;

  friend bool operator==(const SendCalls&, const SendCalls&) = default;
};

// Of this thread, since it was asked last.
SendCalls take_send_calls();

// Installs a fault for as long as it lives; one at a time.
class ScopedSendFault {
 public:
  explicit ScopedSendFault(SendFault fault);
  ~ScopedSendFault();
  ScopedSendFault(const ScopedSendFault&) = delete;
  ScopedSendFault& operator=(const ScopedSendFault&) = delete;

  // Messages that were tried.
  [[nodiscard]] size_t tries() const;
};

bool has_segment_size(const msghdr& message);

}  // namespace turnpike::net::testing
