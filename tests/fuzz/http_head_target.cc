// Any bytes as an HTTP request's head: what is understood lies within the bytes, and more bytes
// behind a verdict do not change it.
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"
#include "metrics/http_head.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using turnpike::metrics::HeadState;
  const std::string_view bytes = turnpike::as_text({data, size});
  const auto whole = turnpike::metrics::parse_http_head(bytes);
  bool decided = false;
  for (size_t i = 0; i <= size && !decided; ++i) {
    const auto part = turnpike::metrics::parse_http_head(bytes.substr(0, i));
    decided = part.state != HeadState::incomplete;
    if (!decided) continue;
    CHECK(part.state == whole.state);
    CHECK(part.method == whole.method);
    CHECK(part.path == whole.path);
  }
  CHECK(decided == (whole.state != HeadState::incomplete));
  if (whole.state != HeadState::complete) return 0;
  CHECK(!whole.method.empty() && whole.path.starts_with('/'));
  CHECK(whole.method.data() >= bytes.data());
  CHECK(whole.path.data() + whole.path.size() <= bytes.data() + bytes.size());
  return 0;
}
