#include "net/plain_tcp.h"

#include <algorithm>

#include <poll.h>

#include "net/clock.h"
#include "net/tcp.h"
#include "net/tcp_connect.h"

namespace turnpike::net {
namespace {

bool wait_for(const Fd& fd, short events, Duration patience) {
  const Instant deadline = monotonic_now() + patience;
  for (;;) {
    const auto left = std::max(deadline - monotonic_now(), Duration::zero());
    pollfd one{fd.get(), events, 0};
    const auto whole = std::chrono::duration_cast<milliseconds>(left).count();
    if (::poll(&one, 1, static_cast<int>(std::min<int64_t>(whole + 1, 60'000))) > 0) return true;
    // A signal ends the waiting early.
    if (monotonic_now() >= deadline) return false;
  }
}

}  // namespace

Result<Fd, SysError> connect_and_wait(const Endpoint& to, Duration patience) {
  auto fd = begin_tcp_connection(to);
  if (!fd) return fd;
  const std::string what = "connect to " + to.to_string() + " (TCP)";
  if (!wait_for(*fd, POLLOUT, patience)) return unexpected(SysError{ETIMEDOUT, what});
  if (const int error = connect_error(*fd); error != 0) return unexpected(SysError{error, what});
  return fd;
}

bool wait_for_input(const Fd& fd, Duration patience) {
  return wait_for(fd, POLLIN, patience);
}

}  // namespace turnpike::net
