#include "http/message.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/hex.h"

namespace turnpike::http {
namespace {

using State = Parser::State;

std::string_view phrase_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
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
    case 429:
      return "Too Many Requests";
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

bool is_token_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// RFC 9110 section 5.5: what a field's value may hold. Bytes above ASCII are opaque.
bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\t';
  });
}

// RFC 3986 section 3.2: a host with or without a port. It may be empty.
bool is_authority(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_token_character(c) || std::string_view(":[](),;=").find(c) != std::string_view::npos;
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
  if (text == "HEAD") return Method::get;
  if (text == "OPTIONS") return Method::options;
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

bool parse_path(std::string_view path, Request& request) {
  if (!path.starts_with('/')) return false;
  request.path = path;
  path.remove_prefix(1);
  while (!path.empty()) {
    std::string_view segment = path;
    path = cut_at(segment, '/');
    auto decoded = percent_decoded(segment);
    // There are no empty segments and no ways up in what we serve.
    if (!decoded || decoded->empty() || *decoded == "." || *decoded == "..") return false;
    request.segments.push_back(std::move(*decoded));
  }
  return !request.path.ends_with('/') || request.path == "/";
}

bool parse_query(std::string_view query, Request& request) {
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

std::optional<std::string> Request::parameter(std::string_view name) const {
  for (const Query& one : query) {
    if (one.name == name) return one.value;
  }
  return {};
}

const std::string& Request::header(std::string_view name) const {
  static const std::string none;
  for (const Header& one : headers) {
    if (one.name == name) return one.value;
  }
  return none;
}

std::string_view Request::bearer() const {
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view value = header("authorization");
  if (value.size() < kScheme.size() || !same_word(value.substr(0, kScheme.size()), kScheme)) {
    return {};
  }
  return trimmed(value.substr(kScheme.size()));
}

bool Request::is_json() const {
  const std::string_view type = header("content-type");
  return same_word(trimmed(type.substr(0, type.find(';'))), "application/json");
}

std::string to_bytes(const Response& response, Body body) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += phrase_of(response.status);
  // RFC 9110 section 8.6: 204 has no length.
  if (response.status != 204) {
    out += "\r\nContent-Type: " + response.content_type;
    out += "\r\nContent-Length: " + std::to_string(response.body.size());
  }
  for (const Header& header : response.headers) out += "\r\n" + header.name + ": " + header.value;
  if (response.status == 401) out += "\r\nWWW-Authenticate: Bearer";
  out +=
      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  if (body == Body::sent) out += response.body;
  return out;
}

State Parser::fail(int status) {
  status_ = status;
  buffer_.clear();
  return State::failed;
}

State Parser::push(ByteView bytes) {
  buffer_ += as_text(bytes);
  while (!body_at_) {
    const std::string_view head = std::string_view(buffer_).substr(0, kMaxHead);
    const size_t end = head.find('\n', line_at_);
    if (end == std::string_view::npos) {
      return buffer_.size() >= kMaxHead ? fail(431) : State::wants_more;
    }
    std::string_view line = head.substr(line_at_, end - line_at_);
    // RFC 9112 section 2.2 lets a receiver take LF alone. We do not: a proxy may see it otherwise.
    if (!line.ends_with('\r')) return fail(400);
    line.remove_suffix(1);
    line_at_ = end + 1;
    if (parse_line(line) == State::failed) return State::failed;
  }
  return check_body();
}

State Parser::parse_line(std::string_view line) {
  if (!has_request_line_) {
    has_request_line_ = true;
    return parse_request_line(line);
  }
  if (line.empty()) return end_head();
  if (request_.headers.size() == kMaxHeaders) return fail(431);
  return parse_header(line);
}

// RFC 9112 section 3: method, one space, target, one space, version.
State Parser::parse_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return fail(400);
  const std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || !is_visible(target) || !is_visible(version)) return fail(400);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return fail(version.starts_with("HTTP/") ? 505 : 400);
  }
  if (target.size() > kMaxTarget) return fail(414);
  is_1_1_ = version == "HTTP/1.1";
  request_.method = to_method(method);
  if (method == "HEAD") request_.answer_body = Body::left_out;
  const std::string_view query = cut_at(target, '?');
  if (!parse_path(target, request_) || !parse_query(query, request_)) return fail(400);
  return State::wants_more;
}

State Parser::parse_header(std::string_view line) {
  const size_t colon = line.find(':');
  // RFC 9112 section 5.1: no white space before the colon; section 5.2: no folded lines.
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return fail(400);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_field_value(value)) return fail(400);
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), lower);
  if (name == "transfer-encoding") return fail(501);
  if (name == "host") {
    ++hosts_;
    if (!is_authority(value)) return fail(400);
  }
  if (name == "content-length" && take_length(value) == State::failed) return State::failed;
  request_.headers.push_back({std::move(name), std::string(value)});
  return State::wants_more;
}

State Parser::take_length(std::string_view value) {
  size_t length = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (error != std::errc() || end != value.data() + value.size() || length_) return fail(400);
  if (length > kMaxBody) return fail(413);
  length_ = length;
  return State::wants_more;
}

State Parser::end_head() {
  // RFC 9112 section 3.2: one Host, and HTTP/1.1 without it is no request.
  if (hosts_ > 1 || (is_1_1_ && hosts_ == 0)) return fail(400);
  body_at_ = line_at_;
  return State::wants_more;
}

State Parser::check_body() {
  const size_t wanted = *body_at_ + length_.value_or(0);
  if (buffer_.size() < wanted) return State::wants_more;
  // One request a connection: what comes behind it is not looked at.
  request_.body = buffer_.substr(*body_at_, length_.value_or(0));
  buffer_.clear();
  return State::complete;
}

}  // namespace turnpike::http
