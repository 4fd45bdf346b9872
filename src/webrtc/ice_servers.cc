#include "webrtc/ice_servers.h"

#include "base/json_text.h"

namespace turnpike::webrtc {
namespace {

std::string json_array(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    append_json_string(out, text);
  }
  return out + "]";
}

std::vector<std::string> stun_urls(const IceServer& server) {
  // A browser asks a stun: server over UDP.
  if (!server.udp) return {};
  return {"stun:" + server.host.text + ":" + std::to_string(server.port)};
}

// In single quotes for a shell. JSON can spell the one character that would end them.
std::string shell_quoted(const std::string& json) {
  std::string out = "'";
  for (const char c : json) {
    if (c == '\'') {
      out += "\\u0027";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace

std::vector<std::string> turn_urls(const IceServer& server) {
  const std::string authority = server.host.text + ":" + std::to_string(server.port);
  std::vector<std::string> urls;
  if (server.udp) urls.push_back("turn:" + authority + "?transport=udp");
  if (server.tcp) urls.push_back("turn:" + authority + "?transport=tcp");
  if (server.tls_port) {
    urls.push_back("turns:" + server.host.text + ":" + std::to_string(*server.tls_port) +
                   "?transport=tcp");
  }
  return urls;
}

std::string ice_servers_json(const IceServer& server) {
  const auto stun = stun_urls(server);
  const auto turn = turn_urls(server);
  std::string out = "[\n";
  if (!stun.empty()) out += "  {\"urls\": " + json_array(stun) + "}";
  if (!turn.empty()) {
    if (!stun.empty()) out += ",\n";
    out += "  {\"urls\": " + json_array(turn) + ",\n   \"username\": ";
    append_json_string(out, server.username);
    out += ",\n   \"credential\": ";
    append_json_string(out, server.credential);
    out += "}";
  }
  return out + "\n]\n";
}

std::string rtc_configuration_json(const IceServer& server) {
  std::string servers = ice_servers_json(server);
  servers.pop_back();
  return "{\"iceServers\": " + servers + "}\n";
}

std::string environment_lines(const IceServer& server) {
  std::string turn;
  for (const std::string& url : turn_urls(server)) {
    turn += turn.empty() ? "{\"urls\":" : ",{\"urls\":";
    append_json_string(turn, url);
    turn += ",\"username\":";
    append_json_string(turn, server.username);
    turn += ",\"credential\":";
    append_json_string(turn, server.credential);
    turn += "}";
  }
  std::string out;
  const auto stun = stun_urls(server);
  if (!stun.empty()) out += "export P2P_STUN_SERVERS=" + shell_quoted(json_array(stun)) + "\n";
  out += "export P2P_TURN_ENABLED=" + std::string(turn.empty() ? "false" : "true") + "\n";
  if (!turn.empty()) out += "export P2P_TURN_SERVERS=" + shell_quoted("[" + turn + "]") + "\n";
  return out;
}

}  // namespace turnpike::webrtc
