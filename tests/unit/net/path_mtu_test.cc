// DF, fragmentation and runs over a link with a small MTU, in a network namespace.
#include <initializer_list>

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "unit/net/network_namespace.h"
#include "unit/net/udp_fixture.h"

namespace turnpike::net {
namespace {

using testing::numbered;
using Packets = std::vector<std::vector<uint8_t>>;

constexpr uint16_t kPort = 9999;

class PathMtu : public testing::UdpFamilyTest {
 protected:
  void in_namespace(const std::function<void()>& body, int mtu = 1300) {
    const std::optional<std::string> trouble = testing::in_network_namespace(mtu, body);
    if (trouble) GTEST_SKIP() << *trouble;
  }
  UdpSocket open_near(const UdpOptions& options = {}) {
    return testing::open_socket(options, testing::near_address(GetParam()));
  }
  Endpoint far() const { return {.ip = testing::far_address(GetParam()), .port = kPort}; }
  bool is_v4() const { return GetParam() == IpFamily::v4; }
  bool has_df(const std::vector<uint8_t>& packet) const { return (packet[6] & 0x40) != 0; }
};
INSTANTIATE_TEST_SUITE_P(Families, PathMtu, ::testing::Values(IpFamily::v4, IpFamily::v6),
                         testing::family_name);

// IPv6 has no such bit: routers never fragment there.
class DfBit : public PathMtu {};
INSTANTIATE_TEST_SUITE_P(Families, DfBit, ::testing::Values(IpFamily::v4), testing::family_name);

TEST_P(PathMtu, LongDatagramIsFragmented) {
  in_namespace([this] {
    testing::Capture capture;
    UdpSocket out = open_near();
    add(out, far(), numbered(1, 1400));
    send();
    const Packets packets = capture.packets();
    ASSERT_EQ(packets.size(), 2U);
    EXPECT_FALSE(is_v4() && has_df(packets[0]));
    EXPECT_EQ(counters().tx_datagrams.get(), 1U);
  });
}

TEST_P(PathMtu, LongDatagramWithDfIsDroppedAndReported) {
  in_namespace([this] {
    testing::Capture capture;
    UdpSocket out = open_near({.icmp_errors = true});
    out.tag = 42;
    add(out, far(), numbered(1, 1400), {.dont_fragment = true});
    add(out, far(), "short");
    send();
    EXPECT_EQ(capture.packets().size(), 1U) << "only the short one left";
    EXPECT_EQ(counters().tx_drop_too_big.get(), 1U);
    const auto errors = io_.take_errors();
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].socket_tag, 42U);
    EXPECT_EQ(errors[0].destination, far());
    EXPECT_EQ(errors[0].data, 1300U);
    EXPECT_EQ(errors[0].type, is_v4() ? 3 : 2);
    EXPECT_EQ(errors[0].code, is_v4() ? 4 : 0);
  });
}

// What a router on the way says of a datagram of `socket` to `to` that was too big for its next
// link.
void refuse_as_router(const UdpSocket& socket, const Endpoint& to, uint16_t mtu) {
  const auto append = [](std::vector<uint8_t>& out, std::initializer_list<unsigned> bytes) {
    for (const unsigned byte : bytes) out.push_back(static_cast<uint8_t>(byte));
  };
  const auto append_ip = [](std::vector<uint8_t>& out, const Ip& ip) {
    out.insert(out.end(), ip.bytes().end() - 4, ip.bytes().end());
  };
  const uint16_t from_port = socket.local().port;
  std::vector<uint8_t> packet;
  append(packet, {3, 4, 0, 0, 0, 0, mtu / 256U, mtu % 256U});
  // The header of the datagram, and the first eight bytes of what it carried.
  append(packet, {0x45, 0, 5, 0x78, 0, 1, 0x40, 0, 64, IPPROTO_UDP, 0, 0});
  append_ip(packet, socket.local().ip);
  append_ip(packet, to.ip);
  append(packet,
         {from_port / 256U, from_port % 256U, to.port / 256U, to.port % 256U, 5, 0x64, 0, 0});
  uint32_t sum = 0;
  for (size_t i = 0; i < packet.size(); i += 2) sum += packet[i] * 256U + packet[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  packet[2] = static_cast<uint8_t>(~sum >> 8);
  packet[3] = static_cast<uint8_t>(~sum);
  const Fd raw(::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  SockAddr here;
  const socklen_t size = to_sockaddr({.ip = socket.local().ip, .port = 0}, here);
  ASSERT_EQ(::sendto(raw.get(), packet.data(), packet.size(), 0, &here.any, size),
            static_cast<ssize_t>(packet.size()));
}

TEST_P(DfBit, ARouterThatRefusesLaterIsHeard) {
  in_namespace([this] {
    UdpSocket out = open_near({.icmp_errors = true});
    out.tag = 42;
    add(out, far(), numbered(1, 1200), {.dont_fragment = true});
    send();
    refuse_as_router(out, far(), 900);
    EXPECT_TRUE(receive(out, 1, 100).empty());
    const auto errors = io_.take_errors();
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].socket_tag, 42U);
    EXPECT_EQ(errors[0].destination, far());
    EXPECT_EQ(errors[0].type, 3);
    EXPECT_EQ(errors[0].code, 4);
    EXPECT_EQ(errors[0].data, 900U);
    // Without DF it goes on as if nothing had been said.
    testing::Capture capture;
    add(out, far(), numbered(2, 1200));
    send();
    EXPECT_EQ(capture.packets().size(), 1U);
  });
}

TEST_P(DfBit, IsSetOnTheDatagramsThatAskAndOnNoOther) {
  in_namespace([this] {
    testing::Capture capture;
    UdpSocket out = open_near();
    std::vector<std::string> payloads;
    // The size tells them apart in the capture; the third kind is joined into runs.
    for (size_t i = 0; i < 30; ++i) payloads.push_back(numbered(i, i % 3 == 0 ? 100 : 200));
    for (size_t i = 0; i < 30; ++i) {
      add(out, far(), payloads[i], {.dont_fragment = i % 3 == 0});
    }
    send();
    const Packets packets = capture.packets();
    ASSERT_FALSE(packets.empty());
    size_t with = 0;
    for (const auto& packet : packets) {
      const bool asked = packet.size() == 128;
      EXPECT_EQ(has_df(packet), asked) << packet.size();
      with += asked ? 1 : 0;
    }
    EXPECT_EQ(with, 10U);
    add(out, far(), "after");
    send();
    const Packets later = capture.packets();
    ASSERT_EQ(later.size(), 1U);
    EXPECT_FALSE(has_df(later[0])) << "the socket is as it was";
  });
}

TEST_P(DfBit, RunIsARunAndEachSegmentHasIt) {
  in_namespace([this] {
    testing::Capture capture;
    UdpSocket out = open_near();
    std::vector<std::string> payloads;
    for (size_t i = 0; i < 8; ++i) payloads.push_back(numbered(i, 300));
    for (const std::string& payload : payloads) add(out, far(), payload, {.dont_fragment = true});
    send();
    EXPECT_EQ(counters().tx_runs.buckets()[3].get(), 1U);
    // veth may carry the run as one packet or cut it.
    for (const auto& packet : capture.packets()) EXPECT_TRUE(has_df(packet));
  });
}

TEST_P(PathMtu, RunWhoseSegmentsDoNotFitIsSentSingly) {
  in_namespace([this] {
    testing::Capture capture;
    UdpSocket out = open_near({.icmp_errors = true});
    std::vector<std::string> payloads;
    for (size_t i = 0; i < 4; ++i) payloads.push_back(numbered(i, 1400));
    for (const std::string& payload : payloads) add(out, far(), payload);
    send();
    EXPECT_EQ(counters().tx_datagrams.get(), 4U);
    EXPECT_EQ(counters().tx_gso_path_disabled.get(), 1U);
    EXPECT_EQ(capture.packets().size(), 8U) << "two fragments each";

    for (const std::string& payload : payloads) add(out, far(), payload);
    const uint64_t calls = counters().tx_calls.get();
    send();
    EXPECT_EQ(counters().tx_calls.get() - calls, 1U) << "one sendmmsg, no second try of a run";
    EXPECT_EQ(capture.packets().size(), 8U);
  });
}

TEST_P(PathMtu, UnreachableDestinationCostsThatDatagramOnly) {
  in_namespace([this] {
    testing::Capture capture;
    UdpSocket out = open_near({.icmp_errors = true});
    const Endpoint nowhere{.ip = *Ip::parse(is_v4() ? "198.51.100.1" : "2001:db8::1"),
                           .port = kPort};
    add(out, far(), "one");
    add(out, nowhere, "lost");
    add(out, far(), "two two");
    send();
    EXPECT_EQ(capture.packets().size(), 2U);
    EXPECT_EQ(counters().tx_drop_unreachable.get(), 1U);
  });
}

}  // namespace
}  // namespace turnpike::net
