// RFC 8489 section 14.7.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace turnpike::stun {

// CRC-32 as of ITU V.42 (the one of zlib).
uint32_t crc32(ByteView bytes);

// The value of a FINGERPRINT that follows `before`, a message whose length field already counts it.
uint32_t fingerprint_of(ByteView before);

}  // namespace turnpike::stun
