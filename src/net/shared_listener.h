// A listening TCP socket of another process, made to share its port.
//
// The kernel lets two sockets share a port when both ask for it and belong to one user. The
// listener's consent is set from outside, on a copy of its descriptor (pidfd_getfd): this needs
// root, or the same user where the system allows to trace. It costs the application nothing:
// connections that come in go to sockets that listen, and ours does not.
#pragma once

#include <cstdint>

#include "base/endpoint.h"
#include "base/result.h"
#include "net/fd.h"
#include "net/sys_error.h"

namespace turnpike::net {

class SharedListener {
 public:
  static Result<SharedListener, SysError> open(const Endpoint& local);
  SharedListener(SharedListener&&) noexcept = default;
  SharedListener& operator=(SharedListener&&) noexcept = default;
  // Takes the consent back, if it was not there before.
  ~SharedListener();

  // As connect_shared(), as the user whom the listener belongs to.
  [[nodiscard]] Result<Fd, SysError> connect(const Endpoint& local, const Endpoint& remote) const;

 private:
  SharedListener(Fd fd, uint32_t user, bool was_shared)
      : fd_(std::move(fd)), user_(user), was_shared_(was_shared) {}
  Fd fd_;
  uint32_t user_ = 0;
  bool was_shared_ = false;
};

}  // namespace turnpike::net
