#include "metrics/http_head.h"

#include <algorithm>

namespace turnpike::metrics {
namespace {

bool is_token_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_visible(char c) {
  return c > ' ' && c < 0x7f;
}

// RFC 9110 section 5.5: what a field's value may hold. Bytes above ASCII are opaque.
bool is_field_character(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

// RFC 9112 section 3: method, one space, target, one space, version.
bool parse_request_line(std::string_view line, HttpHead& head) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || (version != "HTTP/1.1" && version != "HTTP/1.0")) return false;
  if (!target.starts_with('/') || !std::all_of(target.begin(), target.end(), is_visible)) {
    return false;
  }
  head.method = method;
  head.path = target.substr(0, target.find('?'));
  return true;
}

bool is_field_line(std::string_view line) {
  const size_t colon = line.find(':');
  return colon != std::string_view::npos && is_token(line.substr(0, colon)) &&
         std::all_of(line.begin() + static_cast<std::ptrdiff_t>(colon), line.end(),
                     is_field_character);
}

}  // namespace

HttpHead parse_http_head(std::string_view bytes) {
  HttpHead head;
  const bool is_full = bytes.size() > kHeadMax;
  bytes = bytes.substr(0, kHeadMax);
  bool is_first = true;
  while (true) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      head.state = is_full ? HeadState::too_long : HeadState::incomplete;
      return head;
    }
    std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    // RFC 9112 section 2.2: a line ends in CR LF, and a receiver may take LF alone.
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() && !is_first) {
      head.state = HeadState::complete;
      return head;
    }
    if (is_first ? !parse_request_line(line, head) : !is_field_line(line)) {
      return {.state = HeadState::malformed};
    }
    is_first = false;
  }
}

}  // namespace turnpike::metrics
