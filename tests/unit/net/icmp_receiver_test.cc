#include "net/icmp_receiver.h"

#include "net/internet_checksum.h"
#include "unit/net/udp_fixture.h"

namespace turnpike::net {
namespace {

using Bytes = std::vector<uint8_t>;

// "Fragmentation needed" (MTU 1400) about a datagram from 192.0.2.1:3478 to 198.51.100.2:5060.
const Bytes kV4 = {0x45, 0,    0,    56,   0,   0,   0,    0,    64,  1,
                   0,    0,    198,  51,   100, 9,   192,  0,    2,   1,  // IP
                   3,    4,    0,    0,    0,   0,   0x05, 0x78,          // ICMP
                   0x45, 0,    0,    128,  0,   0,   0,    0,    63,  17,
                   0,    0,    192,  0,    2,   1,   198,  51,   100, 2,  // IP
                   0x0d, 0x96, 0x13, 0xc4, 0,   108, 0,    0};            // UDP
constexpr size_t kIcmpType = 20;
constexpr size_t kQuoted = 28;
constexpr size_t kQuotedProtocol = kQuoted + 9;
constexpr size_t kQuotedFragment = kQuoted + 6;

QuotedError expected_v4() {
  return {.source = {*Ip::parse("192.0.2.1"), 3478},
          .destination = {*Ip::parse("198.51.100.2"), 5060},
          .type = 3,
          .code = 4,
          .data = 1400};
}

// With the checksum of what begins at `icmp`, where there is room for one.
Bytes sealed(Bytes bytes, size_t icmp = kIcmpType) {
  if (bytes.size() < icmp + 4) return bytes;
  bytes[icmp + 2] = bytes[icmp + 3] = 0;
  const uint16_t sum = internet_checksum(ByteView(bytes).subspan(icmp));
  bytes[icmp + 2] = static_cast<uint8_t>(sum >> 8);
  bytes[icmp + 3] = static_cast<uint8_t>(sum);
  return bytes;
}

std::optional<QuotedError> parse_v4(const Bytes& bytes) {
  return parse_icmp_error(sealed(bytes), IpFamily::v4);
}

Bytes with(Bytes bytes, size_t at, uint8_t value) {
  bytes[at] = value;
  return bytes;
}

TEST(IcmpReceiver, TellsWhoseDatagramItWas) {
  EXPECT_EQ(parse_v4(kV4), expected_v4());
}

TEST(IcmpReceiver, TellsNoMtuOfOtherErrors) {
  QuotedError expected = expected_v4();
  expected.code = 3;
  expected.data = 0;
  EXPECT_EQ(parse_v4(with(kV4, kIcmpType + 1, 3)), expected);
}

TEST(IcmpReceiver, StepsOverOptionsOfBothHeaders) {
  Bytes bytes = kV4;
  bytes.insert(bytes.begin() + kQuoted + 20, 4, 1);
  bytes[kQuoted] = 0x46;
  bytes.insert(bytes.begin() + 20, 8, 1);
  bytes[0] = 0x47;
  EXPECT_EQ(parse_icmp_error(sealed(bytes, kIcmpType + 8), IpFamily::v4), expected_v4());
}

TEST(IcmpReceiver, TakesErrorsAboutUdpOnly) {
  for (const uint8_t type : Bytes{0, 5, 8, 12}) {
    EXPECT_FALSE(parse_v4(with(kV4, kIcmpType, type))) << int{type};
  }
  EXPECT_FALSE(parse_v4(with(kV4, kQuotedProtocol, 6))) << "TCP";
  EXPECT_FALSE(parse_v4(with(kV4, 9, 17))) << "not ICMP";
  EXPECT_FALSE(parse_v4(with(kV4, 0, 0x65))) << "not IPv4";
  EXPECT_FALSE(parse_v4(with(kV4, kQuoted, 0x44))) << "a header too short";
  EXPECT_FALSE(parse_v4(with(kV4, kQuotedFragment + 1, 1))) << "a later fragment has no ports";
}

TEST(IcmpReceiver, ReadsNothingThatIsNotThere) {
  // Of the quoted UDP header the ports are enough.
  const size_t enough = kV4.size() - 4;
  for (size_t size = 0; size <= kV4.size(); ++size) {
    const Bytes cut(kV4.begin(), kV4.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(parse_v4(cut).has_value(), size >= enough) << size;
  }
}

TEST(IcmpReceiver, TakesNothingThatTheKernelWouldNotTake) {
  EXPECT_FALSE(parse_icmp_error(with(sealed(kV4), kIcmpType + 2, 0), IpFamily::v4))
      << "a wrong checksum";
  EXPECT_FALSE(parse_v4(with(kV4, 19, 255))) << "to others than the datagram was from";
}

Bytes packet_too_big(bool fragmented) {
  Bytes bytes = {2, 0, 0, 0, 0, 0, 0x05, 0x00, 0x60, 0, 0, 0, 0, 100, 17, 63};
  for (const char* address : {"2001:db8::1", "2001:db8::2"}) {
    const Ip ip = *Ip::parse(address);
    bytes.insert(bytes.end(), ip.bytes().begin(), ip.bytes().end());
  }
  if (fragmented) {
    bytes[8 + 6] = 44;
    bytes.insert(bytes.end(), {17, 0, 0, 1, 0, 0, 0, 9});
  }
  bytes.insert(bytes.end(), {0x0d, 0x96, 0x13, 0xc4});
  return bytes;
}

TEST(IcmpReceiver, ReadsTheSixthVersionToo) {
  const QuotedError expected = {.source = {*Ip::parse("2001:db8::1"), 3478},
                                .destination = {*Ip::parse("2001:db8::2"), 5060},
                                .type = 2,
                                .code = 0,
                                .data = 1280};
  EXPECT_EQ(parse_icmp_error(packet_too_big(false), IpFamily::v6), expected);
  EXPECT_EQ(parse_icmp_error(packet_too_big(true), IpFamily::v6), expected);
  Bytes later = packet_too_big(true);
  later[8 + 40 + 3] = 9;
  EXPECT_FALSE(parse_icmp_error(later, IpFamily::v6));
  Bytes not_v6 = packet_too_big(false);
  not_v6[8] = 0x40;
  EXPECT_FALSE(parse_icmp_error(not_v6, IpFamily::v6));
  Bytes neighbour = packet_too_big(false);
  neighbour[0] = 135;
  EXPECT_FALSE(parse_icmp_error(neighbour, IpFamily::v6));
}

TEST(IcmpReceiver, OfTheSixthVersionSaysNothingAboutIpv4) {
  const Ip mapped = Ip::v4(0xc0000201);
  for (const std::ptrdiff_t address : {8 + 8, 8 + 24}) {
    Bytes bytes = packet_too_big(false);
    std::copy(mapped.bytes().begin(), mapped.bytes().end(), bytes.begin() + address);
    EXPECT_FALSE(parse_icmp_error(bytes, IpFamily::v6)) << address;
  }
}

class IcmpReceiverTest : public testing::UdpFamilyTest {};
INSTANTIATE_TEST_SUITE_P(Families, IcmpReceiverTest, ::testing::Values(IpFamily::v4, IpFamily::v6),
                         testing::family_name);

TEST_P(IcmpReceiverTest, HearsThatNobodyIsThere) {
  const Result<IcmpReceiver, SysError> receiver = IcmpReceiver::open(GetParam());
  if (!receiver) GTEST_SKIP() << "raw sockets are not allowed: " << receiver.error().to_string();
  UdpSocket out = testing::open_socket({}, ip());
  const Endpoint gone = testing::open_socket({}, ip()).local();
  add(out, gone, "anyone?");
  send();
  // Other programs of this host get errors as well.
  std::optional<QuotedError> mine;
  pollfd waiting{.fd = receiver->fd(), .events = POLLIN, .revents = 0};
  while (!mine && ::poll(&waiting, 1, 2000) > 0) {
    mine = receiver->receive();
    if (mine && mine->source != out.local()) mine.reset();
  }
  ASSERT_TRUE(mine);
  EXPECT_EQ(mine->destination, gone);
  EXPECT_EQ(mine->type, GetParam() == IpFamily::v4 ? 3 : 1);
  EXPECT_EQ(mine->code, GetParam() == IpFamily::v4 ? 3 : 4);
}

}  // namespace
}  // namespace turnpike::net
