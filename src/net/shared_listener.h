// The listening TCP sockets of other processes on a port, made to share it.
//
// The kernel lets two sockets share a port when both ask for it and belong to one user. The
// listeners' consent is set from outside, on copies of their descriptors (pidfd_getfd): this needs
// root, or the same user where the system allows to trace. It costs the application nothing:
// connections that come in go to sockets that listen, and ours does not.
#pragma once

#include <cstdint>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "net/fd.h"
#include "net/sys_error.h"

namespace turnpike::net {

class SharedListener {
 public:
  // All that are in the way of a connection from `local`; an error where one of them is in the way
  // still.
  static Result<SharedListener, SysError> open(const Endpoint& local);
  SharedListener(SharedListener&&) noexcept = default;
  SharedListener& operator=(SharedListener&&) noexcept = default;

  // As connect_shared(), as the user whom the listeners belong to.
  [[nodiscard]] Result<Fd, SysError> connect(const Endpoint& local, const Endpoint& remote) const;

 private:
  // A copy of a listener's descriptor. Its end takes the consent back, if it was not there before.
  class Consent {
   public:
    // False: it can't be had.
    bool take(Fd copy);
    Consent() = default;
    Consent(Consent&&) noexcept = default;
    Consent& operator=(Consent&&) noexcept = default;
    ~Consent();

   private:
    Fd fd_;
    bool was_shared_ = false;
  };

  SharedListener() = default;
  std::vector<Consent> consents_;
  uint32_t user_ = 0;
};

}  // namespace turnpike::net
