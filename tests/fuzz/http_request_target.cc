// Any bytes as an HTTP request: the verdict is the same however the bytes arrive, and what is
// understood is within the limits.
#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "http/message.h"

namespace {

using turnpike::ByteView;
using turnpike::http::Parser;

// Pieces of `step` bytes until there is a verdict.
Parser parse(ByteView bytes, size_t step, Parser::State& state) {
  Parser parser;
  state = Parser::State::wants_more;
  while (!bytes.empty() && state == Parser::State::wants_more) {
    const size_t size = std::min(step, bytes.size());
    state = parser.push(bytes.first(size));
    bytes = bytes.subspan(size);
  }
  return parser;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace http = turnpike::http;
  Parser::State state{};
  Parser::State other_state{};
  const Parser whole = parse({data, size}, std::max<size_t>(size, 1), state);
  for (const size_t step : {size_t{1}, size_t{7}}) {
    const Parser pieces = parse({data, size}, step, other_state);
    CHECK(state == other_state);
    CHECK(whole.error_status() == pieces.error_status());
    if (state != Parser::State::complete) continue;
    CHECK(whole.request().path == pieces.request().path);
    CHECK(whole.request().body == pieces.request().body);
    CHECK(whole.request().headers.size() == pieces.request().headers.size());
  }
  if (state == Parser::State::failed) {
    constexpr int kStatuses[] = {400, 413, 414, 431, 501, 505};
    CHECK(std::ranges::find(kStatuses, whole.error_status()) != std::end(kStatuses));
  }
  if (state != Parser::State::complete) return 0;
  const http::Request& request = whole.request();
  CHECK(request.path.starts_with('/') && request.path.size() <= http::kMaxTarget);
  CHECK(request.headers.size() <= http::kMaxHeaders && request.body.size() <= http::kMaxBody);
  for (const std::string& segment : request.segments) {
    CHECK(!segment.empty() && segment != "." && segment != "..");
    CHECK(segment.find('\0') == std::string::npos);
  }
  // A head that we write of what was understood is no way to write a second one.
  const std::string text =
      http::to_bytes({.body = request.path, .headers = request.headers}, http::Body::left_out);
  CHECK(text.find("\r\n\r\n") == text.size() - 4);
  return 0;
}
