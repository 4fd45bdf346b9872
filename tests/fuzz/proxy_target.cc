// A PROXY header in front of any bytes: what is read must not depend on what follows, and no prefix
// of a header may be taken for a header or for junk.
#include "base/check.h"
#include "net/proxy_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace turnpike;
  const ByteView input(data, size);
  const auto parsed = net::parse_proxy_header(input);
  if (!parsed) {
    CHECK(!net::to_string(parsed.error()).empty());
    return 0;
  }
  if (!*parsed) {
    CHECK(size < net::kProxyHeaderMax);
    return 0;
  }
  const net::ProxyHeader& header = **parsed;
  CHECK(header.consumed > 0 && header.consumed <= size);
  CHECK(header.consumed <= net::kProxyHeaderMax);
  const auto alone = net::parse_proxy_header(input.first(header.consumed));
  CHECK(alone && *alone && (*alone)->source == header.source && (*alone)->kind == header.kind);
  const auto cut = net::parse_proxy_header(input.first(header.consumed - 1));
  CHECK(cut && !*cut);
  return 0;
}
