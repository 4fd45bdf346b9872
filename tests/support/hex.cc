#include "support/hex.h"

#include <string>

#include "base/check.h"
#include "base/hex.h"

namespace turnpike::testing {

std::vector<uint8_t> bytes_from_hex(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\t' && c != '\r') digits += c;
  }
  std::vector<uint8_t> bytes(digits.size() / 2);
  CHECK(from_hex(digits, bytes));
  return bytes;
}

}  // namespace turnpike::testing
