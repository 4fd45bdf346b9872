// A public address as it is published, and the one-line forms of it that scripts read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace turnpike::nat {

// `ip` may be a name that the user has set by hand.
struct PublishedAddress {
  std::string ip;
  uint16_t port = 0;
  std::string local_ip;
  uint16_t local_port = 0;
  bool tcp = false;
  bool translated = true;

  friend bool operator==(const PublishedAddress&, const PublishedAddress&) = default;
};

enum class AnswerFormat : uint8_t { port, ip, both, json, env };
std::optional<AnswerFormat> parse_answer_format(std::string_view text);

// Without a final line feed.
std::string format_answer(const PublishedAddress& address, AnswerFormat format);

// Whether it can stand in a file that a shell or a SIP server reads: an IP address, or a host name.
bool is_plain_host(std::string_view host);

}  // namespace turnpike::nat
