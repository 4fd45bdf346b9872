// Makes the system calls that send fail on demand. The program's own sendmmsg() and sendmsg() take
// the place of the C library's.
#pragma once

#include <cstddef>
#include <functional>

#include <sys/socket.h>

namespace turnpike::net::testing {

// Asked before each message is sent: 0 lets it through, else it fails with that errno.
using SendFault = std::function<int(const msghdr& message)>;

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

int fault_for(const msghdr& message);
bool has_segment_size(const msghdr& message);

}  // namespace turnpike::net::testing
