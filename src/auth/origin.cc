#include "auth/origin.h"

#include <algorithm>
#include <charconv>

namespace turnpike::auth {
namespace {

constexpr std::string_view kSchemeEnd = "://";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower(c); });
  return out;
}

std::string_view default_port(std::string_view scheme) {
  if (scheme == "http") return "80";
  return scheme == "https" ? "443" : "";
}

bool is_port(std::string_view text) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end && port != 0;
}

}  // namespace

std::optional<std::string> canonical_origin(std::string_view text) {
  const bool is_text =
      std::all_of(text.begin(), text.end(), [](char c) { return c < 0 || (c >= 32 && c != 127); });
  if (text.empty() || text.size() > kMaxOriginSize || !is_text) return {};
  const size_t colon = text.find(kSchemeEnd);
  if (colon == std::string_view::npos || colon == 0) return std::string(text);
  const std::string scheme = lower(text.substr(0, colon));
  std::string_view rest = text.substr(colon + kSchemeEnd.size());
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (rest.empty() || rest.find('@') != std::string_view::npos) return std::string(text);
  // An IPv6 address has colons of its own, and brackets around them.
  const size_t bracket = rest.rfind(']');
  const size_t port_colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string host = lower(rest.substr(0, port_colon));
  std::string_view port = default_port(scheme);
  if (port_colon != std::string_view::npos) port = rest.substr(port_colon + 1);
  if (host.empty() || (!port.empty() && !is_port(port))) return std::string(text);
  std::string origin = scheme + std::string(kSchemeEnd) + host;
  if (!port.empty()) origin.append(":").append(port);
  return origin;
}

}  // namespace turnpike::auth
