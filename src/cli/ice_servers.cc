#include "cli/ice_servers.h"

#include <algorithm>
#include <vector>

#include "base/endpoint.h"
#include "base/json_text.h"

namespace turnpike::cli {
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

std::string json_array(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    append_json_string(out, text);
  }
  return out + "]";
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

std::string ice_servers_json(const IceServer& server) {
  const std::string authority = server.host.text + ":" + std::to_string(server.port);
  std::vector<std::string> relays;
  if (server.udp) relays.push_back("turn:" + authority + "?transport=udp");
  if (server.tcp) relays.push_back("turn:" + authority + "?transport=tcp");
  if (server.tls_port) {
    relays.push_back("turns:" + server.host.text + ":" + std::to_string(*server.tls_port) +
                     "?transport=tcp");
  }
  std::string out = "[\n";
  // A browser asks a stun: server over UDP.
  if (server.udp) out += "  {\"urls\": " + json_array({"stun:" + authority}) + "}";
  if (!relays.empty()) {
    if (server.udp) out += ",\n";
    out += "  {\"urls\": " + json_array(relays) + ",\n   \"username\": ";
    append_json_string(out, server.username);
    out += ",\n   \"credential\": ";
    append_json_string(out, server.credential);
    out += "}";
  }
  return out + "\n]\n";
}

}  // namespace turnpike::cli
