#include "client/turn_uri.h"

#include <algorithm>
#include <charconv>

namespace turnpike::client {
namespace {

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool parse_scheme(std::string_view& text, ServerUri& uri) {
  uri.relays = text.starts_with("turn");
  if (!take_prefix(text, "turn") && !take_prefix(text, "stun")) return false;
  uri.secure = take_prefix(text, "s");
  return take_prefix(text, ":");
}

// RFC 7065 section 3.1: a query is there for turn: only, and says "transport".
bool parse_query(std::string_view& text, ServerUri& uri) {
  const size_t mark = text.find('?');
  if (mark == std::string_view::npos) return true;
  std::string_view query = text.substr(mark + 1);
  text = text.substr(0, mark);
  if (!uri.relays || !take_prefix(query, "transport=")) return false;
  uri.transport = query;
  return query == "udp" || query == "tcp";
}

bool parse_host(std::string_view& text, ServerUri& uri) {
  if (take_prefix(text, "[")) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    uri.host = text.substr(0, end);
    text.remove_prefix(end + 1);
  } else {
    const size_t end = std::min(text.find(':'), text.size());
    uri.host = text.substr(0, end);
    text.remove_prefix(end);
  }
  return !uri.host.empty() && uri.host.find_first_of("/@ \t") == std::string::npos;
}

bool parse_port(std::string_view text, ServerUri& uri) {
  uri.port = uri.secure ? 5349 : 3478;
  if (text.empty()) return true;
  if (!take_prefix(text, ":")) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uri.port);
  return error == std::errc() && end == text.data() + text.size() && uri.port != 0;
}

}  // namespace

std::optional<ServerUri> ServerUri::parse(std::string_view text) {
  ServerUri uri;
  if (!parse_scheme(text, uri) || !parse_query(text, uri) || !parse_host(text, uri) ||
      !parse_port(text, uri)) {
    return {};
  }
  return uri;
}

}  // namespace turnpike::client
