// The answer of a web server or metadata service, and a URL of the configuration.
#include "base/check.h"
#include "client/http_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace turnpike;
  const std::string_view text = as_text({data, size});
  if (const auto body = client::http_body(text)) {
    CHECK(body->size() < text.size());
    const auto ip = client::public_v4(*body);
    if (ip) CHECK(ip->is_v4() && ip->to_string() == std::string(*body));
  }
  if (const auto url = client::HttpUrl::parse(text)) {
    // Nothing in it may end the line of a request.
    const std::string request = client::http_request("GET", *url, "");
    CHECK(request.find("\r\n\r\n") == request.size() - 4);
    CHECK(url->port != 0 && !url->host.empty());
  }
  return 0;
}
