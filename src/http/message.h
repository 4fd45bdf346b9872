// HTTP/1.1 (RFC 9110, RFC 9112) as far as a server needs it that gives one small answer to one
// small request and closes: metrics, the admin API, credentials. Bytes in, values out; no socket.
//
// It is strict: what two programs might read differently is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace turnpike::http {

// What a request may be at most. What our clients need is far below.
constexpr size_t kMaxHead = 8192;  // Request line and headers.
constexpr size_t kMaxTarget = 4096;
constexpr size_t kMaxHeaders = 64;
constexpr size_t kMaxBody = 64UL * 1024;

enum class Method : uint8_t { get, put, post, del, options, other };

// HEAD is GET without the body of the answer, which the server leaves out.
enum class Body : uint8_t { sent, left_out };

struct Header {
  std::string name;  // Of a request: in small letters.
  std::string value;
};

struct Query {
  std::string name;
  std::string value;
};

struct Request {
  Method method = Method::other;
  Body answer_body = Body::sent;
  std::string path;                   // As it came, without the query; decoded in segments.
  std::vector<std::string> segments;  // "/v1/users/ann%2Fb" is {"v1", "users", "ann/b"}.
  std::vector<Query> query;
  std::vector<Header> headers;
  std::string body;

  // The first of that name.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
  // The first of that name, which is in small letters; empty when there is none.
  [[nodiscard]] const std::string& header(std::string_view name) const;
  // What stands behind "Authorization: Bearer"; empty when nothing does.
  [[nodiscard]] std::string_view bearer() const;
  // Content-Type: application/json.
  [[nodiscard]] bool is_json() const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<Header> headers = {};  // Besides those that every answer has.
};

// The whole answer; the connection ends behind it.
std::string to_bytes(const Response& response, Body body);

class Parser {
 public:
  enum class State : uint8_t { wants_more, complete, failed };

  // Requires that nothing was complete or failed before. A request is refused at its first line
  // that is wrong.
  State push(ByteView bytes);

  // Once complete.
  [[nodiscard]] const Request& request() const { return request_; }
  // Once failed: 400, 413, 414, 431, 501, 505.
  [[nodiscard]] int error_status() const { return status_; }

 private:
  State fail(int status);
  State parse_line(std::string_view line);
  State parse_request_line(std::string_view line);
  State parse_header(std::string_view line);
  State take_length(std::string_view value);
  State end_head();
  State check_body();

  std::string buffer_;
  size_t line_at_ = 0;  // Where the first line begins that has not been read.
  bool has_request_line_ = false;
  bool is_1_1_ = false;
  size_t hosts_ = 0;
  Request request_;
  std::optional<size_t> length_;   // Content-Length.
  std::optional<size_t> body_at_;  // Once the head has been read.
  int status_ = 0;
};

}  // namespace turnpike::http
