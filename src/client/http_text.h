// As much of HTTP as it takes to ask for one line of text: a request, and the body of its answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.h"

namespace turnpike::client {

struct HttpUrl {
  std::string host;
  uint16_t port = 80;
  std::string path;  // With the query; at least "/".

  // http:// only.
  static std::optional<HttpUrl> parse(std::string_view text);
};

// HTTP/1.0, so that the body comes in one piece and ends with the connection. `headers`: whole
// lines, each with its line end.
std::string http_request(std::string_view method, const HttpUrl& url, std::string_view headers);

// The body of a whole answer, without the white space around it. Nothing unless the answer is a
// success and as long as it says.
std::optional<std::string_view> http_body(std::string_view answer);

// An IPv4 address that others on the Internet can use. What a page or a metadata service says is
// worth no more than that.
std::optional<Ip> public_v4(std::string_view text);

}  // namespace turnpike::client
