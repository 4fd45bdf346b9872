// The head of an HTTP/1 request, as far as a page that is only ever read needs it: pure, and
// strict about everything that it does look at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace turnpike::metrics {

enum class HeadState : uint8_t {
  incomplete,
  complete,
  malformed,  // 400.
  too_long,   // 431.
};

// No scraper sends a tenth of it.
constexpr size_t kHeadMax = 8192;

struct HttpHead {
  HeadState state = HeadState::incomplete;
  std::string_view method{};  // Views into the bytes given; set when complete.
  std::string_view path{};    // Without the query.
};

// `bytes` is what came so far, from the first byte on.
HttpHead parse_http_head(std::string_view bytes);

}  // namespace turnpike::metrics
