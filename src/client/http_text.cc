#include "client/http_text.h"

#include <algorithm>
#include <charconv>

namespace turnpike::client {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// The Content-Length, or nothing when there is none that is a number.
std::optional<size_t> content_length(std::string_view head) {
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    const size_t colon = line.find(':');
    if (colon == line.npos || !equal_ignoring_case(line.substr(0, colon), "content-length")) {
      continue;
    }
    const std::string_view value = trimmed(line.substr(colon + 1));
    size_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (error == std::errc() && end == value.data() + value.size()) return length;
  }
  return {};
}

bool is_in(uint32_t ip, uint32_t network, int length) {
  return ip >> (32 - length) == network >> (32 - length);
}

}  // namespace

std::optional<HttpUrl> HttpUrl::parse(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) return {};
  text.remove_prefix(kScheme.size());
  HttpUrl url;
  const size_t slash = std::min(text.find('/'), text.size());
  std::string_view host = text.substr(0, slash);
  url.path = slash < text.size() ? std::string(text.substr(slash)) : "/";
  const size_t colon = host.find(':');
  if (colon != host.npos) {
    const std::string_view port = host.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || end != port.data() + port.size() || url.port == 0) return {};
    host = host.substr(0, colon);
  }
  url.host = host;
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  if (host.empty() || host.find_first_of("@[]") != host.npos) return {};
  if (std::any_of(text.begin(), text.end(), is_control)) return {};
  return url;
}

std::string http_request(std::string_view method, const HttpUrl& url, std::string_view headers) {
  return std::string(method) + " " + url.path + " HTTP/1.0\r\nHost: " + url.host +
         "\r\nUser-Agent: turnpike\r\nAccept: text/plain\r\nConnection: close\r\n" +
         std::string(headers) + "\r\n";
}

std::optional<std::string_view> http_body(std::string_view answer) {
  if (!answer.starts_with("HTTP/1.0 200") && !answer.starts_with("HTTP/1.1 200")) return {};
  const size_t end = answer.find("\r\n\r\n");
  if (end == answer.npos) return {};
  const std::string_view body = answer.substr(end + 4);
  const auto length = content_length(answer.substr(0, end));
  if (length && body.size() < *length) return {};
  return trimmed(length ? body.substr(0, *length) : body);
}

std::optional<Ip> public_v4(std::string_view text) {
  const auto ip = Ip::parse(text);
  if (!ip || !ip->is_v4()) return {};
  const uint32_t bits = ip->v4_bits();
  // RFC 6890: this network, private, shared, loopback, link-local, multicast and reserved.
  const bool special = is_in(bits, 0, 8) || is_in(bits, 0x0a000000, 8) ||
                       is_in(bits, 0x64400000, 10) || is_in(bits, 0x7f000000, 8) ||
                       is_in(bits, 0xa9fe0000, 16) || is_in(bits, 0xac100000, 12) ||
                       is_in(bits, 0xc0a80000, 16) || is_in(bits, 0xe0000000, 3);
  if (special) return {};
  return ip;
}

}  // namespace turnpike::client
