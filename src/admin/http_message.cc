#include "admin/http_message.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/hex.h"

namespace turnpike::admin {
namespace {

using State = HttpParser::State;

std::string_view phrase_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Bytes that may stand in a request line or a header: what is printable, and the tabulator.
bool is_clean(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\t';
  });
}

// RFC 3986 section 2.1. Nothing for a broken escape or a NUL.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    std::array<uint8_t, 1> byte{};
    if (i + 2 >= text.size() || !from_hex(text.substr(i + 1, 2), byte) || byte[0] == 0) return {};
    out += static_cast<char>(byte[0]);
    i += 2;
  }
  return out;
}

Method to_method(std::string_view text) {
  if (text == "GET") return Method::get;
  if (text == "PUT") return Method::put;
  if (text == "POST") return Method::post;
  if (text == "DELETE") return Method::del;
  return Method::other;
}

// Cuts `text` at the first `mark`; what is behind it, or nothing.
std::string_view cut_at(std::string_view& text, char mark) {
  const size_t at = text.find(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

bool parse_path(std::string_view path, HttpRequest& request) {
  if (!path.starts_with('/')) return false;
  request.path = path;
  path.remove_prefix(1);
  while (!path.empty()) {
    std::string_view segment = path;
    path = cut_at(segment, '/');
    auto decoded = percent_decoded(segment);
    // There are no empty segments and no ways up in this API.
    if (!decoded || decoded->empty() || *decoded == "." || *decoded == "..") return false;
    request.segments.push_back(std::move(*decoded));
  }
  return !request.path.ends_with('/') || request.path == "/";
}

bool parse_query(std::string_view query, HttpRequest& request) {
  constexpr size_t kMaxParameters = 32;
  while (!query.empty()) {
    std::string_view pair = query;
    query = cut_at(pair, '&');
    const std::string_view value = cut_at(pair, '=');
    auto name = percent_decoded(pair);
    auto decoded = percent_decoded(value);
    if (!name || !decoded || request.query.size() == kMaxParameters) return false;
    request.query.push_back({std::move(*name), std::move(*decoded)});
  }
  return true;
}

}  // namespace

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
  for (const Query& one : query) {
    if (one.name == name) return one.value;
  }
  return {};
}

std::string to_bytes(const HttpResponse& response) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += phrase_of(response.status);
  out += "\r\nContent-Type: " + response.content_type;
  out += "\r\nContent-Length: " + std::to_string(response.body.size());
  if (!response.allow.empty()) out += "\r\nAllow: " + response.allow;
  if (response.status == 401) out += "\r\nWWW-Authenticate: Bearer";
  out +=
      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  out += response.body;
  return out;
}

State HttpParser::fail(int status) {
  status_ = status;
  buffer_.clear();
  return State::failed;
}

State HttpParser::push(ByteView bytes) {
  // What would not fit in any case is not kept.
  if (buffer_.size() + bytes.size() > kMaxHead + kMaxBody) return fail(413);
  buffer_ += as_text(bytes);
  if (!body_at_) {
    const size_t end = buffer_.find("\r\n\r\n");
    if (end == std::string::npos ? buffer_.size() > kMaxHead : end > kMaxHead) return fail(431);
    if (end == std::string::npos) return State::wants_more;
    body_at_ = end + 4;
    if (parse_head(std::string_view(buffer_).substr(0, end)) == State::failed) return State::failed;
  }
  return check_body();
}

State HttpParser::parse_head(std::string_view head) {
  size_t count = 0;
  while (true) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    if (!is_clean(line)) return fail(400);
    if (count > kMaxHeaders) return fail(431);
    const State state = count == 0 ? parse_request_line(line) : parse_header(line);
    if (state == State::failed) return state;
    ++count;
    if (end == std::string_view::npos) return State::wants_more;
    head.remove_prefix(end + 2);
  }
}

State HttpParser::parse_request_line(std::string_view line) {
  // RFC 9112 section 3: method, target and version, with one space between.
  constexpr size_t kMaxTarget = 4096;
  const std::string_view method = line.substr(0, line.find(' '));
  if (method.size() == line.size() || method.empty()) return fail(400);
  line.remove_prefix(method.size() + 1);
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return fail(400);
  std::string_view target = line.substr(0, space);
  const std::string_view version = line.substr(space + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return fail(version.starts_with("HTTP/") ? 505 : 400);
  }
  if (target.size() > kMaxTarget) return fail(414);
  request_.method = to_method(method);
  const std::string_view query = cut_at(target, '?');
  if (!parse_path(target, request_) || !parse_query(query, request_)) return fail(400);
  return State::wants_more;
}

State HttpParser::parse_header(std::string_view line) {
  const size_t colon = line.find(':');
  // RFC 9112 section 5.1: no white space before the colon; section 5.2: no folded lines.
  if (colon == std::string_view::npos || colon == 0 || line.front() == ' ' ||
      line.front() == '\t' || line[colon - 1] == ' ' || line[colon - 1] == '\t') {
    return fail(400);
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (same_word(name, "Transfer-Encoding")) return fail(501);
  if (same_word(name, "Authorization")) request_.authorization = value;
  if (same_word(name, "Content-Type")) {
    request_.json = same_word(trimmed(value.substr(0, value.find(';'))), "application/json");
  }
  if (!same_word(name, "Content-Length")) return State::wants_more;
  size_t length = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (error != std::errc() || end != value.data() + value.size() || length_) return fail(400);
  if (length > kMaxBody) return fail(413);
  length_ = length;
  return State::wants_more;
}

State HttpParser::check_body() {
  const size_t wanted = *body_at_ + length_.value_or(0);
  if (buffer_.size() < wanted) return State::wants_more;
  // One request a connection: what comes behind it is not looked at.
  request_.body = buffer_.substr(*body_at_, length_.value_or(0));
  buffer_.clear();
  return State::complete;
}

}  // namespace turnpike::admin
