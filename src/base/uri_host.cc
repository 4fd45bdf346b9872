#include "base/uri_host.h"

#include <algorithm>

#include "base/endpoint.h"

namespace turnpike {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

// Labels of at most 63 letters, digits and hyphens (RFC 1123), an underscore being common enough.
bool is_host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  while (!text.empty()) {
    const std::string_view label = text.substr(0, text.find('.'));
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
      return false;
    }
    if (!std::all_of(label.begin(), label.end(), is_name_character)) return false;
    if (label.size() == text.size()) {
      // A last label of digits is an address that somebody mistyped.
      return label.find_first_not_of("0123456789") != std::string_view::npos;
    }
    text.remove_prefix(label.size() + 1);
    if (text.empty()) return false;
  }
  return false;
}

}  // namespace

std::optional<UriHost> UriHost::parse(std::string_view text) {
  const bool bracketed = text.starts_with('[') && text.ends_with(']');
  if (bracketed) text = text.substr(1, text.size() - 2);
  if (const auto ip = Ip::parse(text)) {
    if (ip->is_v4()) return UriHost{ip->to_string(), true};
    return UriHost{"[" + ip->to_string() + "]", true};
  }
  if (bracketed || !is_host_name(text)) return {};
  return UriHost{std::string(text), false};
}

}  // namespace turnpike
