// The ancillary data of one outgoing message: source address, TTL, TOS, DF and segment size.
#pragma once

#include <array>
#include <cstdint>

#include "net/tx_batch.h"

namespace turnpike::net {

struct alignas(cmsghdr) TxControl {
  std::array<uint8_t, CMSG_SPACE(sizeof(in6_pktinfo)) + 3 * CMSG_SPACE(sizeof(int)) +
                          CMSG_SPACE(sizeof(uint16_t))>
      bytes;
};

// Writes what `item` asks for, and the segment size unless that is 0, into `control` and points
// `message` at it. DF on IPv4 is not among it: Linux has no ancillary data for that.
void write_control(const TxItem& item, uint16_t segment_size, TxControl& control, msghdr& message);

}  // namespace turnpike::net
