// A network namespace of its own for one test: a veth pair whose MTU the test chooses, and a view
// of the packets that leave.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "net/fd.h"

namespace turnpike::net::testing {

// Runs `body` on a thread in a fresh network namespace which has the interfaces lo and "near" (with
// 10.77.0.1/24 and fd77::1/64) of the given MTU. Whatever is sent to 10.77.0.2 or fd77::2 leaves
// through "near" and can be captured; nobody answers. The namespace goes with the thread. Answers
// why it could not be done, or nothing.
std::optional<std::string> in_network_namespace(int mtu, const std::function<void()>& body);

inline Ip far_address(IpFamily family) {
  return *Ip::parse(family == IpFamily::v4 ? "10.77.0.2" : "fd77::2");
}
inline Ip near_address(IpFamily family) {
  return *Ip::parse(family == IpFamily::v4 ? "10.77.0.1" : "fd77::1");
}

// Sees what arrives at the far end of the veth pair, from its construction on.
class Capture {
 public:
  Capture();
  // IP packets (no link layer header) that carry, or are a fragment of, UDP.
  std::vector<std::vector<uint8_t>> packets();

 private:
  Fd fd_;
};

}  // namespace turnpike::net::testing
