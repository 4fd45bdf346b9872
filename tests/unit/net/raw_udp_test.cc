#include "net/raw_udp.h"

#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "net/plain_udp.h"

namespace turnpike::net {
namespace {

using Bytes = std::vector<uint8_t>;

const Ip kLoopback = Ip::v4(0x7f000001);
const Bytes kHello = {'h', 'e', 'l', 'l', 'o'};

Bytes segment(uint16_t length, size_t payload) {
  Bytes bytes = {
      0x0d, 0x96, 0x13, 0xc4, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length),
      0,    0};
  bytes.resize(8 + payload, 'x');
  return bytes;
}

TEST(RawUdp, ReadsPortsAndPayload) {
  const auto found = parse_udp_segment(segment(8 + 3, 3), IpFamily::v6);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->source_port, 3478);
  EXPECT_EQ(found->destination_port, 5060);
  EXPECT_EQ(found->payload.size(), 3u);
}

TEST(RawUdp, StepsOverAnIpv4HeaderWithOptions) {
  Bytes bytes(24);
  bytes[0] = 0x46;
  const Bytes udp = segment(8 + 2, 2);
  bytes.insert(bytes.end(), udp.begin(), udp.end());
  EXPECT_EQ(parse_udp_segment(bytes, IpFamily::v4)->payload.size(), 2u);
  bytes[0] = 0x4f;
  EXPECT_FALSE(parse_udp_segment(bytes, IpFamily::v4));
  bytes[0] = 0x44;
  EXPECT_FALSE(parse_udp_segment(bytes, IpFamily::v4));
}

TEST(RawUdp, TakesNoLengthThatIsNotThere) {
  EXPECT_FALSE(parse_udp_segment(segment(8 + 4, 3), IpFamily::v6));
  EXPECT_FALSE(parse_udp_segment(segment(7, 3), IpFamily::v6));
  EXPECT_FALSE(parse_udp_segment(Bytes(7), IpFamily::v6));
  EXPECT_FALSE(parse_udp_segment({}, IpFamily::v4));
}

TEST(RawUdp, SpeaksFromAPortThatAnotherSocketHas) {
  const auto application = open_udp_socket({}, {kLoopback, 0});
  const auto server = open_udp_socket({}, {kLoopback, 0});
  ASSERT_TRUE(application && server);
  const Endpoint port = bound_endpoint(*application);
  const auto raw = RawUdp::open(port);
  if (!raw) GTEST_SKIP() << "raw sockets are not allowed here: " << raw.error().to_string();

  ASSERT_EQ(raw->send_to(bound_endpoint(*server), kHello), 0);
  Bytes buffer(2000);
  const Received asked = receive_one(*server, buffer);
  ASSERT_EQ(asked.error, 0);
  EXPECT_EQ(asked.from, port);
  EXPECT_EQ(Bytes(asked.bytes.begin(), asked.bytes.end()), kHello);

  // The answer comes to both, and what is for others to neither.
  ASSERT_EQ(send_to(*server, port, kHello), 0);
  pollfd entry{.fd = raw->fd(), .events = POLLIN, .revents = 0};
  RawUdp::Received answer;
  // What came to other ports of this host before the socket had its filter comes first.
  while (!answer.for_us) {
    ASSERT_EQ(::poll(&entry, 1, 5000), 1);
    answer = raw->receive(buffer);
  }
  EXPECT_EQ(answer.from, bound_endpoint(*server));
  EXPECT_EQ(Bytes(answer.payload.begin(), answer.payload.end()), kHello);
  EXPECT_EQ(receive_one(*application, buffer).bytes.size(), kHello.size());
}

}  // namespace
}  // namespace turnpike::net
