#include "net/proxy_protocol.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/wire.h"

namespace turnpike::net {
namespace {

using Bytes = std::vector<uint8_t>;

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text, 0).value();
}

auto parse_text(std::string_view text) {
  return parse_proxy_header(as_bytes(text));
}

ProxyError error_of(std::string_view text) {
  const auto parsed = parse_text(text);
  return parsed ? ProxyError{255} : parsed.error();
}

// A version 2 header; the length field is that of `body`.
Bytes binary(uint8_t command, uint8_t family, const Bytes& body) {
  Bytes bytes = {0x0d,
                 0x0a,
                 0x0d,
                 0x0a,
                 0x00,
                 0x0d,
                 0x0a,
                 0x51,
                 0x55,
                 0x49,
                 0x54,
                 0x0a,
                 command,
                 family,
                 static_cast<uint8_t>(body.size() >> 8),
                 static_cast<uint8_t>(body.size())};
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

const Bytes kV4Body = {192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0x01, 0xbb};

TEST(ProxyProtocol, ReadsTextHeaderOfIpv4) {
  const std::string text = "PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n";
  const auto header = parse_text(text + "rest");
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->kind, ProxyKind::proxied);
  EXPECT_EQ((*header)->source, endpoint("192.0.2.1:12345"));
  EXPECT_EQ((*header)->destination, endpoint("198.51.100.2:443"));
  EXPECT_EQ((*header)->consumed, text.size());
}

TEST(ProxyProtocol, ReadsTextHeaderOfIpv6) {
  const auto header = parse_text("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n");
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->source, endpoint("[2001:db8::1]:1"));
  EXPECT_EQ((*header)->destination, endpoint("[2001:db8::2]:65535"));
}

TEST(ProxyProtocol, IgnoresWhatFollowsUnknown) {
  for (const std::string text : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ff:: and more  \r\n"}) {
    const auto header = parse_text(text);
    ASSERT_TRUE(header && *header) << text;
    EXPECT_EQ((*header)->kind, ProxyKind::unknown);
    EXPECT_EQ((*header)->consumed, text.size());
  }
}

TEST(ProxyProtocol, WaitsForEachMissingByteOfText) {
  const std::string text = "PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n";
  for (size_t size = 0; size < text.size(); ++size) {
    const auto header = parse_text(text.substr(0, size));
    ASSERT_TRUE(header) << size;
    EXPECT_FALSE(*header) << size;
  }
}

TEST(ProxyProtocol, RefusesMalformedText) {
  for (const std::string_view line :
       {"TCP4 192.0.2.1 198.51.100.2 12345", "TCP4 192.0.2.1 198.51.100.2 12345 443 1",
        "TCP4 192.0.2.1 198.51.100.2 12345 443 ", "TCP4 192.0.2.1 198.51.100.2 12345 65536",
        "TCP4 192.0.2.1 198.51.100.2 12345 -1", "TCP4 192.0.2.1 198.51.100.2 12345 0443",
        "TCP4 192.0.2.1 198.51.100.2 12345 0x1", "TCP4  192.0.2.1 198.51.100.2 12345 443",
        "TCP4 192.0.2.1:9 198.51.100.2 12345 443", "TCP4 ::1 ::1 1 1",
        "TCP6 192.0.2.1 192.0.2.2 1 1", "TCP5 ::1 ::1 1 1", "UDP4 192.0.2.1 192.0.2.2 1 1",
        "tcp4 192.0.2.1 192.0.2.2 1 1", ""}) {
    const std::string text = "PROXY " + std::string(line) + "\r\n";
    EXPECT_EQ(error_of(text), ProxyError::malformed) << text;
  }
}

TEST(ProxyProtocol, RefusesTextWithoutEndAfter107Bytes) {
  const std::string longest = "PROXY UNKNOWN " + std::string(107 - 14 - 2, 'x');
  EXPECT_TRUE(parse_text(longest + "\r\n").value());
  EXPECT_FALSE(parse_text(longest).value());
  EXPECT_EQ(error_of(longest + "x\r\n"), ProxyError::too_long);
}

TEST(ProxyProtocol, RefusesOtherBytesAtTheFirstThatDiffers) {
  EXPECT_EQ(error_of("G"), ProxyError::not_proxy);
  EXPECT_EQ(error_of("PRI"), ProxyError::not_proxy);
  EXPECT_EQ(error_of("PROXYTCP4"), ProxyError::not_proxy);
  EXPECT_EQ(error_of("\r\n\r\r"), ProxyError::not_proxy);
  EXPECT_EQ(error_of(std::string_view("\0\1\0\0", 4)), ProxyError::not_proxy);
}

TEST(ProxyProtocol, ReadsBinaryHeaderOfIpv4) {
  Bytes bytes = binary(0x21, 0x11, kV4Body);
  bytes.push_back(0);
  const auto header = parse_proxy_header(bytes);
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->kind, ProxyKind::proxied);
  EXPECT_EQ((*header)->source, endpoint("192.0.2.1:12345"));
  EXPECT_EQ((*header)->destination, endpoint("198.51.100.2:443"));
  EXPECT_EQ((*header)->consumed, 28U);
}

TEST(ProxyProtocol, ReadsBinaryHeaderOfIpv6) {
  Bytes body(36);
  WireWriter writer(body);
  writer.bytes(Ip::parse("2001:db8::1")->bytes());
  writer.bytes(Ip::parse("2001:db8::2")->bytes());
  writer.u16(1000);
  writer.u16(3478);
  const auto header = parse_proxy_header(binary(0x21, 0x21, body));
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->source, endpoint("[2001:db8::1]:1000"));
  EXPECT_EQ((*header)->destination, endpoint("[2001:db8::2]:3478"));
}

TEST(ProxyProtocol, SkipsExtensionsOfBinaryHeader) {
  Bytes body = kV4Body;
  body.insert(body.end(), 500, 0xee);
  const auto header = parse_proxy_header(binary(0x21, 0x11, body));
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->source, endpoint("192.0.2.1:12345"));
  EXPECT_EQ((*header)->consumed, 16 + body.size());
}

TEST(ProxyProtocol, LocalSaysNothingAboutAddresses) {
  for (const Bytes& body : {Bytes(), kV4Body}) {
    const auto header = parse_proxy_header(binary(0x20, 0x11, body));
    ASSERT_TRUE(header && *header);
    EXPECT_EQ((*header)->kind, ProxyKind::local);
    EXPECT_EQ((*header)->consumed, 16 + body.size());
  }
}

TEST(ProxyProtocol, UnspecifiedAndFileSystemSocketsAreUnknown) {
  for (const uint8_t family : Bytes{0x00, 0x10, 0x20, 0x31, 0x32, 0x01}) {
    const auto header = parse_proxy_header(binary(0x21, family, Bytes(216)));
    ASSERT_TRUE(header && *header) << int{family};
    EXPECT_EQ((*header)->kind, ProxyKind::unknown) << int{family};
  }
}

TEST(ProxyProtocol, WaitsForEachMissingByteOfBinary) {
  const Bytes bytes = binary(0x21, 0x11, kV4Body);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto header = parse_proxy_header(ByteView(bytes).first(size));
    ASSERT_TRUE(header) << size;
    EXPECT_FALSE(*header) << size;
  }
}

TEST(ProxyProtocol, RefusesMalformedBinary) {
  const auto refusal = [](const Bytes& bytes) { return parse_proxy_header(bytes).error(); };
  EXPECT_EQ(refusal(binary(0x21, 0x11, Bytes(11))), ProxyError::malformed);
  EXPECT_EQ(refusal(binary(0x21, 0x21, Bytes(35))), ProxyError::malformed);
  EXPECT_EQ(refusal(binary(0x21, 0x41, kV4Body)), ProxyError::malformed);
  EXPECT_EQ(refusal(binary(0x21, 0x13, kV4Body)), ProxyError::malformed);
  EXPECT_EQ(refusal(binary(0x11, 0x11, kV4Body)), ProxyError::bad_version);
  EXPECT_EQ(refusal(binary(0x22, 0x11, kV4Body)), ProxyError::bad_version);
}

TEST(ProxyProtocol, RefusesBinaryHeaderOverTheLimitBeforeItsBodyComes) {
  const Bytes longest = binary(0x21, 0x11, Bytes(kProxyHeaderMax - 16));
  EXPECT_TRUE(parse_proxy_header(longest).value());
  const Bytes over = binary(0x21, 0x11, Bytes(kProxyHeaderMax - 15));
  EXPECT_EQ(parse_proxy_header(ByteView(over).first(16)).error(), ProxyError::too_long);
}

}  // namespace
}  // namespace turnpike::net
