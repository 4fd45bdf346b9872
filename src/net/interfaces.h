// The addresses of this host, which of them may stand for it, and notice of changes.
#pragma once

#include <optional>
#include <vector>

#include "base/endpoint.h"
#include "base/ip_range.h"
#include "base/result.h"
#include "net/fd.h"
#include "net/sys_error.h"

namespace turnpike::net {

struct LocalAddress {
  Ip ip;
  uint8_t prefix_length = 0;
  uint32_t interface = 0;
  bool temporary = false;   // IPv6 privacy address: gone within a day.
  bool deprecated = false;  // Still works, is not to be used for anything new.
  bool tentative = false;   // Not proven unique yet, or proven not to be.

  // Fit to be a relayed address for hours: neither of the above, nor link-local or unspecified.
  [[nodiscard]] bool lasting() const;
};

// All addresses of all interfaces, loopback included. Asks the kernel: for set-up and for changes.
Result<std::vector<LocalAddress>, SysError> local_addresses();

// Whatever the kernel delivers to this host, without being the address of an interface: load
// balancers and anycast services are set up so. Asks the kernel, too.
Result<std::vector<IpRange>, SysError> local_ranges();

// The lasting address by which this host would speak to the Internet, if it has a default route of
// that family. Where the kernel would choose a fleeting one, a lasting one of the same interface.
std::optional<Ip> default_source(IpFamily family, const std::vector<LocalAddress>& addresses);

// What the choice of relayed addresses and the peer policy need to know; a snapshot.
struct HostAddresses {
  std::vector<LocalAddress> addresses;
  std::vector<IpRange> ranges;  // The addresses of the interfaces, and more: see local_ranges().
  std::optional<Ip> default_v4;
  std::optional<Ip> default_v6;

  static Result<HostAddresses, SysError> read();

  // nullptr: not an address of this host.
  [[nodiscard]] const LocalAddress* find(const Ip& ip) const;
};

// A descriptor that becomes readable when addresses or routes of this host change.
class AddressChanges {
 public:
  static Result<AddressChanges, SysError> open();

  [[nodiscard]] int fd() const { return fd_.get(); }
  // Reads all that waits; true when something had changed. Notices that were lost in a full queue
  // count as a change.
  bool take();

 private:
  explicit AddressChanges(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace turnpike::net
