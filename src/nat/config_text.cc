#include "nat/config_text.h"

#include <algorithm>
#include <vector>

#include "base/json_text.h"
#include "nat/json_edit.h"

namespace turnpike::nat {
namespace {

using Text = Result<std::string, std::string>;

constexpr std::string_view kSpace = " \t";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

std::string join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string bracketed(const std::string& ip) {
  return ip.find(':') == std::string::npos ? ip : "[" + ip + "]";
}

// ---- env ----

// "KEY=..." or "export KEY=...", whatever follows: the position behind the "=", or nothing.
size_t after_assignment(std::string_view line, std::string_view key) {
  size_t at = line.find_first_not_of(kSpace);
  if (at == line.npos) return line.npos;
  if (line.substr(at).starts_with("export ")) {
    at = line.find_first_not_of(kSpace, at + 7);
    if (at == line.npos) return line.npos;
  }
  if (!line.substr(at).starts_with(key)) return line.npos;
  at += key.size();
  return at < line.size() && line[at] == '=' ? at + 1 : line.npos;
}

void set_variable(std::vector<std::string>& lines, std::string_view key, const std::string& value,
                  bool keep_old) {
  bool found = false;
  for (std::string& line : lines) {
    const size_t at = after_assignment(line, key);
    if (at == line.npos) continue;
    found = true;
    const size_t end = std::min(line.find('\n'), line.size());
    // A comment behind the value stays; what looks like one inside of quotes would not be a value.
    const size_t comment = line.find(" #", at);
    const size_t stop = comment == line.npos ? end : comment;
    const char quote = at < line.size() ? line[at] : '\0';
    const bool quoted = quote == '"' || quote == '\'';
    if (!keep_old) {
      line.replace(at, stop - at, quoted ? quote + value + quote : value);
    }
  }
  if (found) return;
  if (!lines.empty() && !lines.back().ends_with('\n')) lines.back() += '\n';
  lines.push_back(std::string(key) + "=" + value + "\n");
}

Text fill_env(std::string_view text, const PublishedAddress& address) {
  std::vector<std::string> lines = lines_of(text);
  set_variable(lines, "SERVER_IP", address.ip, false);
  set_variable(lines, "SERVER_ADDR", address.ip, false);
  set_variable(lines, "SERVER_PORT", std::to_string(address.local_port), true);
  set_variable(lines, "SERVER_PUBLIC_PORT", std::to_string(address.port), false);
  return join(lines);
}

// ---- json ----

Text fill_json(std::string_view text, const PublishedAddress& address) {
  const JsonChange changes[] = {
      {"SERVER_ADDR", json_string(address.ip)},
      {"SERVER_PORT", std::to_string(address.local_port), true},
      {"SERVER_PUBLIC_PORT", std::to_string(address.port)},
  };
  return edit_json(text, changes);
}

// ---- kamailio ----

// Replaces what stands between `begin` and the next `end` on the line, at its first occurrence.
bool replace_between(std::string& line, std::string_view begin, std::string_view end,
                     const std::string& value) {
  const size_t at = line.find(begin);
  if (at == line.npos) return false;
  const size_t from = at + begin.size();
  const size_t to = line.find(end, from);
  if (to == line.npos) return false;
  line.replace(from, to - from, value);
  return true;
}

// "#!define NAME value": the value, quoted or not.
bool set_define(std::string& line, std::string_view name, const std::string& value) {
  if (!line.starts_with("#!define ")) return false;
  size_t at = line.find_first_not_of(kSpace, 9);
  if (at == line.npos || !std::string_view(line).substr(at).starts_with(name)) return false;
  at += name.size();
  if (at >= line.size() || kSpace.find(line[at]) == kSpace.npos) return false;
  at = line.find_first_not_of(kSpace, at);
  if (at == line.npos || line[at] == '\n') return false;
  const bool quoted = line[at] == '"';
  const size_t end = quoted ? line.find('"', at + 1) : line.find_first_of(" \t\r\n", at);
  const size_t stop = end == line.npos ? line.size() : end + (quoted ? 1 : 0);
  line.replace(at, stop - at, quoted ? '"' + value + '"' : value);
  return true;
}

// "listen=udp:IP:PORT [advertise HOST:PORT]" of our transport and port. A wildcard can't advertise.
bool set_listen(std::string& line, const PublishedAddress& address) {
  size_t at = line.find_first_not_of(kSpace);
  if (at == line.npos || !std::string_view(line).substr(at).starts_with("listen")) return false;
  at = line.find_first_not_of(kSpace, at + 6);
  if (at == line.npos || line[at] != '=') return false;
  at = line.find_first_not_of(kSpace, at + 1);
  if (at == line.npos) return false;
  const std::string_view scheme = address.tcp ? "tcp:" : "udp:";
  if (!std::string_view(line).substr(at).starts_with(scheme)) return false;
  const size_t end = std::min(line.find_first_of(" \t\r\n", at), line.size());
  const std::string where = line.substr(at + scheme.size(), end - at - scheme.size());
  const std::string port = ":" + std::to_string(address.local_port);
  if (!where.ends_with(port)) return false;
  const std::string host = where.substr(0, where.size() - port.size());
  if (host == "0.0.0.0" || host == "[::]" || host == "*") return false;
  const std::string wanted = bracketed(address.ip) + ":" + std::to_string(address.port);
  const size_t clause = line.find("advertise", end);
  if (clause == line.npos) {
    line.insert(end, " advertise " + wanted);
    return true;
  }
  const size_t value = line.find_first_not_of(kSpace, clause + 9);
  if (value == line.npos) return false;
  const size_t stop = std::min(line.find_first_of(" \t\r\n", value), line.size());
  line.replace(value, stop - value, wanted);
  return true;
}

Text fill_kamailio(std::string_view text, const PublishedAddress& address) {
  std::vector<std::string> lines = lines_of(text);
  bool any = false;
  for (std::string& line : lines) {
    any |= set_define(line, "PUBLICIP", address.ip);
    any |= set_define(line, "PUBLICPORT", std::to_string(address.port));
    if (line.starts_with("#!substdef")) {
      any |= replace_between(line, "!PUBLICIP!", "!", address.ip);
      any |= replace_between(line, "!PUBLICPORT!", "!", std::to_string(address.port));
    }
    any |= set_listen(line, address);
  }
  if (any) return join(lines);
  return unexpected(
      "it has neither #!define PUBLICIP nor a listen line of port " +
      std::to_string(address.local_port) +
      " with an address of its own (listen=udp:0.0.0.0 can't advertise; name the address)");
}

// ---- freeswitch ----

Text fill_freeswitch(std::string_view text, const PublishedAddress& address) {
  std::vector<std::string> lines = lines_of(text);
  bool any = false;
  for (std::string& line : lines) {
    for (const std::string_view name : {"external_sip_ip=", "external_rtp_ip="}) {
      any |= replace_between(line, "data=\"" + std::string(name), "\"", address.ip);
    }
    for (const std::string_view name : {"\"ext-sip-ip\"", "\"ext-rtp-ip\""}) {
      if (line.find(name) != line.npos) any |= replace_between(line, "value=\"", "\"", address.ip);
    }
  }
  if (any) return join(lines);
  return unexpected(std::string(
      "it sets neither external_sip_ip and external_rtp_ip nor ext-sip-ip and ext-rtp-ip"));
}

// ---- pm2 ----

// Where "KEY:" ends, with the key quoted or not, as a whole word; from `from` on.
size_t after_key(std::string_view text, std::string_view key, size_t from) {
  for (size_t at = text.find(key, from); at != text.npos; at = text.find(key, at + 1)) {
    if (at > 0 && is_word(text[at - 1])) continue;
    size_t end = at + key.size();
    if (end < text.size() && (text[end] == '"' || text[end] == '\'')) ++end;
    end = text.find_first_not_of(" \t\r\n", end);
    if (end != text.npos && text[end] == ':') return end + 1;
  }
  return text.npos;
}

bool set_key(std::string& text, std::string_view key, const std::string& value, bool number) {
  bool any = false;
  for (size_t at = after_key(text, key, 0); at != text.npos; at = after_key(text, key, at)) {
    at = text.find_first_not_of(" \t\r\n", at);
    if (at == text.npos) return any;
    const char quote = text[at];
    const bool quoted = quote == '"' || quote == '\'' || quote == '`';
    const size_t end = quoted ? text.find(quote, at + 1) : text.find_first_of(",}\r\n", at);
    if (end == text.npos) return any;
    const std::string wanted = quoted ? quote + value + quote : number ? value : "'" + value + "'";
    text.replace(at, end - at + (quoted ? 1 : 0), wanted);
    at += wanted.size();
    any = true;
  }
  return any;
}

// At the beginning of every "env: {".
bool add_key(std::string& text, std::string_view key, const std::string& value) {
  bool any = false;
  for (size_t at = after_key(text, "env", 0); at != text.npos; at = after_key(text, "env", at)) {
    at = text.find_first_not_of(" \t\r\n", at);
    if (at == text.npos || text[at] != '{') continue;
    const size_t next = text.find_first_not_of(" \t\r\n", at + 1);
    const std::string space = next == text.npos ? "\n" : text.substr(at + 1, next - at - 1);
    text.insert(at + 1, space + std::string(key) + ": " + value + ",");
    any = true;
  }
  return any;
}

Text fill_pm2(std::string_view from, const PublishedAddress& address) {
  std::string text(from);
  const std::string port = std::to_string(address.port);
  bool any = set_key(text, "SERVER_IP", address.ip, false) ||
             add_key(text, "SERVER_IP", "'" + address.ip + "'");
  any |= set_key(text, "SERVER_ADDR", address.ip, false);
  any |=
      set_key(text, "SERVER_PUBLIC_PORT", port, true) || add_key(text, "SERVER_PUBLIC_PORT", port);
  if (any) return text;
  return unexpected(std::string("it has no `env: {` block"));
}

}  // namespace

std::optional<Template> parse_template(std::string_view text) {
  if (text == "json") return Template::json;
  if (text == "env") return Template::env;
  if (text == "kamailio") return Template::kamailio;
  if (text == "freeswitch") return Template::freeswitch;
  if (text == "pm2") return Template::pm2;
  return {};
}

bool can_create(Template form) {
  return form == Template::json || form == Template::env;
}

Text fill_in(Template form, std::string_view text, const PublishedAddress& address) {
  // A name from the environment would otherwise be able to write more than itself.
  if (!is_plain_host(address.ip)) {
    return unexpected("'" + address.ip + "' is neither an IP address nor a host name");
  }
  switch (form) {
    case Template::json:
      return fill_json(text, address);
    case Template::env:
      return fill_env(text, address);
    case Template::kamailio:
      return fill_kamailio(text, address);
    case Template::freeswitch:
      return fill_freeswitch(text, address);
    case Template::pm2:
      return fill_pm2(text, address);
  }
  return std::string(text);
}

}  // namespace turnpike::nat
