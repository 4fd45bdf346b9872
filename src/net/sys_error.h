// A failed system call, as a value. For set-up only: it carries text, so no packet path makes one.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

namespace turnpike::net {

struct SysError {
  int code = 0;      // errno
  std::string what;  // What was tried, e.g. "bind 192.0.2.1:3478".

  [[nodiscard]] std::string to_string() const {
    return what + ": " + std::generic_category().message(code);
  }
};

// Takes errno as it stands.
inline SysError last_error(std::string_view what) {
  return {.code = errno, .what = std::string(what)};
}

}  // namespace turnpike::net
