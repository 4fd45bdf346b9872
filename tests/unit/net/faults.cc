#include "unit/net/faults.h"

#include <cerrno>
#include <utility>

#include <netinet/udp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace turnpike::net::testing {
namespace {

thread_local SendFault current;
thread_local size_t tried = 0;

}  // namespace

ScopedSendFault::ScopedSendFault(SendFault fault) {
  current = std::move(fault);
  tried = 0;
}
ScopedSendFault::~ScopedSendFault() {
  current = nullptr;
}

size_t ScopedSendFault::tries() const {
  return tried;
}

bool has_segment_size(const msghdr& message) {
  const auto* header = static_cast<const cmsghdr*>(message.msg_control);
  for (size_t at = 0; at + sizeof(cmsghdr) <= message.msg_controllen;) {
    const auto* c = reinterpret_cast<const cmsghdr*>(reinterpret_cast<const uint8_t*>(header) + at);
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_SEGMENT) return true;
    at += CMSG_ALIGN(c->cmsg_len);
  }
  return false;
}

int fault_for(const msghdr& message) {
  if (!current) return 0;
  ++tried;
  return current(message);
}

}  // namespace turnpike::net::testing

using turnpike::net::testing::fault_for;

extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  const int error = fault_for(*message);
  if (error == 0) return ::syscall(SYS_sendmsg, fd, message, flags);
  errno = error;
  return -1;
}

extern "C" int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  unsigned healthy = 0;
  int error = 0;
  while (healthy < count && (error = fault_for(messages[healthy].msg_hdr)) == 0) ++healthy;
  if (healthy == 0 && error != 0) {
    errno = error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_sendmmsg, fd, messages, healthy, flags));
}
