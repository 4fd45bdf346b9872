// HTTP/1.1 (RFC 9110, RFC 9112) as far as an admin API needs it: one request and one response a
// connection, both small. Bytes in, values out; no socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace turnpike::admin {

// What a request may be at most. An operator's needs are far below.
constexpr size_t kMaxHead = 8192;  // Request line and headers.
constexpr size_t kMaxHeaders = 64;
constexpr size_t kMaxBody = 64UL * 1024;

enum class Method : uint8_t { get, put, post, del, other };

struct Query {
  std::string name;
  std::string value;
};

struct HttpRequest {
  Method method = Method::other;
  std::string path;                   // Decoded segment by segment; see segments.
  std::vector<std::string> segments;  // "/v1/users/ann%2Fb" is {"v1", "users", "ann/b"}.
  std::vector<Query> query;
  std::string authorization;
  bool json = false;  // Content-Type: application/json.
  std::string body;

  // The first of that name.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow = {};  // For 405.
};

// The whole answer; the connection ends behind it.
std::string to_bytes(const HttpResponse& response);

class HttpParser {
 public:
  enum class State : uint8_t { wants_more, complete, failed };

  // Requires that nothing was complete or failed before.
  State push(ByteView bytes);

  // Once complete.
  [[nodiscard]] const HttpRequest& request() const { return request_; }
  // Once failed: 400, 413, 414, 431, 501, 505.
  [[nodiscard]] int error_status() const { return status_; }

 private:
  State fail(int status);
  State parse_head(std::string_view head);
  State parse_request_line(std::string_view line);
  State parse_header(std::string_view line);
  State check_body();

  std::string buffer_;
  HttpRequest request_;
  std::optional<size_t> length_;   // Content-Length.
  std::optional<size_t> body_at_;  // Once the head has been read.
  int status_ = 0;
};

}  // namespace turnpike::admin
