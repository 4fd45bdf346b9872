#include "nat/mapping_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json_text.h"

namespace turnpike::nat {

std::optional<AnswerFormat> parse_answer_format(std::string_view text) {
  if (text == "port") return AnswerFormat::port;
  if (text == "ip") return AnswerFormat::ip;
  if (text == "both") return AnswerFormat::both;
  if (text == "json") return AnswerFormat::json;
  if (text == "env") return AnswerFormat::env;
  return {};
}

std::string format_answer(const PublishedAddress& address, AnswerFormat format) {
  const bool v6 = address.ip.find(':') != std::string::npos;
  switch (format) {
    case AnswerFormat::port:
      return std::to_string(address.port);
    case AnswerFormat::ip:
      return address.ip;
    case AnswerFormat::both:
      return fmt::format("{}:{}", v6 ? "[" + address.ip + "]" : address.ip, address.port);
    case AnswerFormat::json:
      return fmt::format(
          R"({{"ip": {}, "port": {}, "local_ip": {}, "local_port": {}, "transport": "{}", )"
          R"("translated": {}}})",
          json_string(address.ip), address.port, json_string(address.local_ip), address.local_port,
          address.tcp ? "tcp" : "udp", address.translated);
    case AnswerFormat::env:
      return fmt::format("SERVER_IP={}\nSERVER_ADDR={}\nSERVER_PORT={}\nSERVER_PUBLIC_PORT={}",
                         address.ip, address.ip, address.local_port, address.port);
  }
  return {};
}

bool is_plain_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  });
}

}  // namespace turnpike::nat
