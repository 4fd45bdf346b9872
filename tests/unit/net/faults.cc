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
thread_local SendCalls calls;

int fault_for(const msghdr& message) {
  if (!current) return 0;
  ++tried;
  return current(message);
}

}  // namespace

ScopedSendFault::ScopedSendFault(SendFault fault) {
  current = std::move(fault);
  tried = 0;
}
ScopedSendFault::~ScopedSendFault() {
  current = nullptr;
}

SendCalls take_send_calls() {
  return std::exchange(calls, {});
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

}  // namespace turnpike::net::testing

using turnpike::net::testing::calls;
using turnpike::net::testing::fault_for;

extern "C" ssize_t sendto(int fd, const void* bytes, size_t size, int flags, const sockaddr* to,
                          socklen_t to_size) {
  ++calls.sendto;
  // The kernel's structures have no const, but they are only read.
  iovec part{.iov_base = const_cast<void*>(bytes), .iov_len = size};
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(to);
  message.msg_namelen = to_size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const int error = fault_for(message);
  if (error == 0) return ::syscall(SYS_sendto, fd, bytes, size, flags, to, to_size);
  errno = error;
  return -1;
}

extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  ++calls.sendmsg;
  const int error = fault_for(*message);
  if (error == 0) return ::syscall(SYS_sendmsg, fd, message, flags);
  errno = error;
  return -1;
}

extern "C" int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  ++calls.sendmmsg;
  unsigned healthy = 0;
  int error = 0;
  while (healthy < count && (error = fault_for(messages[healthy].msg_hdr)) == 0) ++healthy;
  if (healthy == 0 && error != 0) {
    errno = error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_sendmmsg, fd, messages, healthy, flags));
}
