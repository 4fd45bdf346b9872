// Bytes written as hexadecimal digits. The other way is to_hex() of base/hex.h.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace turnpike::testing {

// White space is ignored; what is not a whole number of bytes stops the test.
std::vector<uint8_t> bytes_from_hex(std::string_view text);

}  // namespace turnpike::testing
