#include "relay/relay_sockets.h"

#include <cstdlib>
#include <set>

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/socket_datagram_io.h"
#include "net/tcp_connect.h"
#include "unit/net/network_namespace.h"

namespace turnpike::relay {
namespace {

using turn::OpenedPorts;
using turn::OpenError;
using turn::PortNeed;
using turn::RelayId;
using turn::RelayLease;
using Opened = Result<OpenedPorts, OpenError>;

// Loopback addresses that no other process uses, so that whole port ranges are ours.
const Ip kLoopback = Ip::v4(0x7f400000U | (static_cast<uint32_t>(::getpid()) & 0x3fffffU));
const Ip kLoopback2 = Ip::v4(0x7f800000U | (static_cast<uint32_t>(::getpid()) & 0x3fffffU));

std::shared_ptr<const net::HostAddresses> this_host() {
  Result<net::HostAddresses, net::SysError> host = net::HostAddresses::read();
  EXPECT_TRUE(host.has_value());
  return std::make_shared<const net::HostAddresses>(std::move(*host));
}

// A worker's worth of relay sockets.
struct Worker {
  explicit Worker(const RelaySettings& settings, Reservations& reservations)
      : sockets(settings, this_host(),
                {.loop = loop, .random = random, .reservations = reservations},
                [this](RelayId id) { readable.push_back(id); }) {}

  Opened open(PortNeed need = PortNeed::any, const Ip& ip = kLoopback) {
    return sockets.open(
        {.family = ip.family(), .need = need, .server_ip = ip, .client_ip = kLoopback});
  }

  net::EventLoop loop;
  RandomSource random{5};
  std::vector<RelayId> readable;
  RelaySockets sockets;
};

class RelaySocketsTest : public ::testing::Test {
 protected:
  static RelaySettings ports(uint16_t min, uint16_t max) {
    return {.min_port = min, .max_port = max, .relay_ips = {}, .external_ips = {}};
  }
  Reservations reservations_;
};

TEST_F(RelaySocketsTest, OpensAPortOfTheRange) {
  Worker worker(ports(21000, 21999), reservations_);
  const Opened opened = worker.open();
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->first.local().ip, kLoopback);
  EXPECT_GE(opened->first.local().port, 21000);
  EXPECT_LE(opened->first.local().port, 21999);
  EXPECT_EQ(opened->first.external(), opened->first.local());
  EXPECT_FALSE(opened->next);
  EXPECT_EQ(worker.sockets.find(opened->first.id())->local(), opened->first.local());
}

TEST_F(RelaySocketsTest, OtherSettingsCountForWhatIsOpenedNext) {
  Worker worker(ports(21000, 21999), reservations_);
  Opened before = worker.open();
  ASSERT_TRUE(before.has_value());
  RelaySettings settings = ports(23000, 23999);
  settings.external_ips = {{.external = *Ip::parse("192.0.2.1"), .internal = kLoopback}};
  worker.sockets.use(settings);
  const Opened after = worker.open();
  ASSERT_TRUE(after.has_value());
  EXPECT_GE(after->first.local().port, 23000);
  EXPECT_EQ(after->first.external().ip, *Ip::parse("192.0.2.1"));
  EXPECT_EQ(before->first.external().ip, kLoopback);
  // Its port is of the range of before.
  before->first.reset();
}

TEST_F(RelaySocketsTest, Ipv6Too) {
  Worker worker(ports(21000, 21999), reservations_);
  const Opened opened = worker.open(PortNeed::any, *Ip::parse("::1"));
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->first.local().ip, *Ip::parse("::1"));
}

TEST_F(RelaySocketsTest, ExternalAddressIsTold) {
  RelaySettings settings = ports(21000, 21999);
  const Ip external = *Ip::parse("203.0.113.1");
  settings.external_ips = {{.external = external, .internal = kLoopback}};
  Worker worker(settings, reservations_);
  const Opened opened = worker.open();
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->first.local().ip, kLoopback);
  EXPECT_EQ(opened->first.external(),
            (Endpoint{.ip = external, .port = opened->first.local().port}));
}

TEST_F(RelaySocketsTest, PairIsEvenAndTheNext) {
  Worker worker(ports(21000, 21999), reservations_);
  for (int i = 0; i < 50; ++i) {
    const Opened opened = worker.open(PortNeed::even_and_next);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->first.local().port % 2, 0);
    EXPECT_EQ(opened->next.local().port, opened->first.local().port + 1);
  }
}

TEST_F(RelaySocketsTest, EvenPortsAreEven) {
  Worker worker(ports(21000, 21999), reservations_);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(worker.open(PortNeed::even)->first.local().port % 2, 0);
}

TEST_F(RelaySocketsTest, PairPassesOverHalfTakenOnes) {
  Worker worker(ports(22000, 22005), reservations_);
  const auto odd = net::open_udp_socket({}, {.ip = kLoopback, .port = 22001});
  const auto even = net::open_udp_socket({}, {.ip = kLoopback, .port = 22002});
  ASSERT_TRUE(odd.has_value() && even.has_value());
  const Opened opened = worker.open(PortNeed::even_and_next);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->first.local().port, 22004);
}

TEST_F(RelaySocketsTest, EveryPortCanBeHadAndThenNoMore) {
  Worker worker(ports(22100, 22199), reservations_);
  std::vector<OpenedPorts> all;
  for (int i = 0; i < 100; ++i) {
    Opened opened = worker.open();
    ASSERT_TRUE(opened.has_value()) << i;
    all.push_back(std::move(*opened));
  }
  EXPECT_EQ(worker.sockets.size(), 100U);
  EXPECT_EQ(worker.open().error(), OpenError::ports_in_use);
  EXPECT_EQ(worker.open(PortNeed::even_and_next).error(), OpenError::ports_in_use);

  const Endpoint given_back = all[37].first.local();
  all[37] = {};
  const Opened again = worker.open();
  ASSERT_TRUE(again.has_value()) << "a port that came back can be had at once";
  EXPECT_EQ(again->first.local(), given_back);
}

TEST_F(RelaySocketsTest, WorkersShareTheRangeThroughTheKernel) {
  Worker one(ports(22200, 22209), reservations_);
  Worker two(ports(22200, 22209), reservations_);
  std::vector<OpenedPorts> all;
  std::set<uint16_t> seen;
  for (int i = 0; i < 10; ++i) {
    Opened opened = (i % 2 == 0 ? one : two).open();
    ASSERT_TRUE(opened.has_value()) << i;
    EXPECT_TRUE(seen.insert(opened->first.local().port).second);
    all.push_back(std::move(*opened));
  }
  EXPECT_EQ(one.open().error(), OpenError::ports_in_use);
  EXPECT_EQ(two.open().error(), OpenError::ports_in_use);
}

TEST_F(RelaySocketsTest, DestroyedLeaseClosesTheSocketAndItsIdGoesStale) {
  Worker worker(ports(22300, 22300), reservations_);
  RelayId id;
  {
    const Opened opened = worker.open();
    ASSERT_TRUE(opened.has_value());
    id = opened->first.id();
  }
  EXPECT_EQ(worker.sockets.find(id), nullptr);
  EXPECT_EQ(worker.sockets.size(), 0U);
  const Opened again = worker.open();
  ASSERT_TRUE(again.has_value());
  EXPECT_NE(again->first.id(), id);
  EXPECT_EQ(worker.sockets.find(id), nullptr);
}

TEST_F(RelaySocketsTest, NoAddressOfTheFamily) {
  RelaySettings settings = ports(21000, 21999);
  settings.relay_ips = {kLoopback};
  Worker worker(settings, reservations_);
  EXPECT_EQ(worker.open(PortNeed::any, *Ip::parse("::1")).error(), OpenError::no_address);
}

TEST_F(RelaySocketsTest, AddressThatIsNotOursCannotBeBound) {
  RelaySettings settings = ports(21000, 21999);
  settings.relay_ips = {*Ip::parse("203.0.113.77")};
  Worker worker(settings, reservations_);
  EXPECT_EQ(worker.open().error(), OpenError::bind_refused);
}

TEST_F(RelaySocketsTest, FullAddressGivesWayToTheNext) {
  RelaySettings settings = ports(22400, 22400);
  settings.relay_ips = {kLoopback, kLoopback2};
  Worker worker(settings, reservations_);
  const Opened first = worker.open();
  const Opened second = worker.open();
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_NE(first->first.local().ip, second->first.local().ip);
  EXPECT_EQ(worker.open().error(), OpenError::ports_in_use);
}

TEST_F(RelaySocketsTest, RunningOutOfDescriptorsIsAnErrorThatPasses) {
  Worker worker(ports(21000, 21999), reservations_);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Opened refused = worker.open();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), OpenError::no_descriptors);
  EXPECT_TRUE(worker.open().has_value());
}

TEST_F(RelaySocketsTest, ReadableSocketIsReportedByItsId) {
  Worker worker(ports(21000, 21999), reservations_);
  const Opened one = worker.open();
  const Opened two = worker.open();
  ASSERT_TRUE(one.has_value() && two.has_value());
  net::SocketDatagramIo io(HashKey{});
  net::TxBatch batch(HashKey{});
  batch.add({.socket = worker.sockets.find(one->first.id()),
             .destination = two->first.local(),
             .payload = as_bytes("over the wire")});
  io.send(batch, net::monotonic_now());
  worker.loop.run_turn(seconds(5));
  ASSERT_EQ(worker.readable, std::vector<RelayId>{two->first.id()});
  net::RxSlab slab;
  const auto received = io.receive(*worker.sockets.find(two->first.id()), slab);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(as_text(received[0].bytes), "over the wire");
  EXPECT_EQ(received[0].source, one->first.local());
}

TEST_F(RelaySocketsTest, IcmpErrorNamesTheRelayAndThePeer) {
  Worker worker(ports(21000, 21999), reservations_);
  const Opened opened = worker.open();
  ASSERT_TRUE(opened.has_value());
  const Endpoint nobody = worker.open()->first.local();
  net::SocketDatagramIo io(HashKey{});
  net::TxBatch batch(HashKey{});
  net::UdpSocket& socket = *worker.sockets.find(opened->first.id());
  batch.add({.socket = &socket, .destination = nobody, .payload = as_bytes("anyone?")});
  io.send(batch, net::monotonic_now());
  worker.loop.run_turn(seconds(5));
  ASSERT_EQ(worker.readable, std::vector<RelayId>{opened->first.id()});
  net::RxSlab slab;
  EXPECT_TRUE(io.receive(socket, slab).empty());
  const auto errors = io.take_errors();
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(relay_of(errors[0].socket_tag), opened->first.id());
  EXPECT_EQ(errors[0].destination, nobody);
}

TEST_F(RelaySocketsTest, ParkedAddressIsClaimedByAnotherWorker) {
  Worker one(ports(21000, 21999), reservations_);
  Worker two(ports(21000, 21999), reservations_);
  Opened pair = one.open(PortNeed::even_and_next);
  ASSERT_TRUE(pair.has_value());
  const Endpoint local = pair->next.local();
  const Instant now = net::monotonic_now();
  one.sockets.park(std::move(pair->next), 99, now + seconds(30));
  EXPECT_EQ(one.sockets.size(), 1U);
  EXPECT_EQ(reservations_.size(), 1U);

  std::optional<RelayLease> claimed = two.sockets.claim(99, now);
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->local(), local);
  EXPECT_EQ(claimed->external(), local);
  EXPECT_EQ(two.sockets.find(claimed->id())->local(), local);
  EXPECT_FALSE(one.sockets.claim(99, now));

  // Its new worker hears it, the old one does not.
  net::SocketDatagramIo io(HashKey{});
  net::TxBatch batch(HashKey{});
  net::UdpSocket from = net::open_udp_socket({}, {.ip = kLoopback, .port = 0}).value();
  batch.add({.socket = &from, .destination = local, .payload = as_bytes("x")});
  io.send(batch, now);
  two.loop.run_turn(seconds(5));
  one.loop.run_turn(Duration::zero());
  EXPECT_EQ(two.readable, std::vector<RelayId>{claimed->id()});
  EXPECT_TRUE(one.readable.empty());
}

TEST_F(RelaySocketsTest, ReservesNoMoreThanTheLimit) {
  Reservations few(2);
  Worker worker(ports(21000, 21999), few);
  const Instant deadline = net::monotonic_now() + seconds(30);
  for (turn::ReservationToken token = 1; token <= 2; ++token) {
    Opened pair = worker.open(PortNeed::even_and_next);
    ASSERT_TRUE(pair.has_value());
    worker.sockets.park(std::move(pair->next), token, deadline);
  }
  EXPECT_EQ(worker.open(PortNeed::even_and_next).error(), OpenError::ports_in_use);
  EXPECT_TRUE(worker.open(PortNeed::even).has_value());
  few.expire(deadline);
  EXPECT_TRUE(worker.open(PortNeed::even_and_next).has_value());
}

TEST_F(RelaySocketsTest, MemoryOfOneIsSmall) {
  Worker worker(ports(23000, 30999), reservations_);
  // The first ones pay for tables that all share.
  std::vector<RelayLease> leases;
  leases.reserve(3000);
  const auto open_some = [&](size_t count) {
    for (size_t i = 0; i < count; ++i) leases.push_back(std::move(worker.open()->first));
  };
  open_some(500);
  const size_t before = ::mallinfo2().uordblks;
  open_some(2000);
  const size_t each = (::mallinfo2().uordblks - before) / 2000;
  RecordProperty("bytes", static_cast<int>(each));
  EXPECT_LT(each, 512U);
}

TEST_F(RelaySocketsTest, AddressIsChosenAnewWhenInterfacesChange) {
  const auto trouble = net::testing::in_network_namespace(1500, [this] {
    Worker worker(ports(21000, 21999), reservations_);
    const turn::OpenRequest request{.family = IpFamily::v4,
                                    .server_ip = *Ip::parse("fd77::1"),
                                    .client_ip = *Ip::parse("fd77::2")};
    EXPECT_EQ(worker.sockets.open(request).error(), OpenError::no_address);
    ASSERT_EQ(std::system("ip route add default via 10.77.0.2 dev near"), 0);
    worker.sockets.use(this_host());
    const Opened opened = worker.sockets.open(request);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->first.local().ip, *Ip::parse("10.77.0.1"));
  });
  if (trouble) GTEST_SKIP() << *trouble;
}

// RFC 6062.
class TcpRelaySocketsTest : public RelaySocketsTest {
 protected:
  static Opened open_tcp(Worker& worker) {
    return worker.sockets.open({.family = IpFamily::v4,
                                .need = PortNeed::any,
                                .server_ip = kLoopback,
                                .client_ip = kLoopback,
                                .transport = turn::RelayTransport::tcp});
  }
  static net::Fd knock(const Endpoint& at) {
    auto fd = net::connect_from({kLoopback2, 0}, at);
    EXPECT_TRUE(fd.has_value());
    return fd ? std::move(*fd) : net::Fd();
  }
};

TEST_F(TcpRelaySocketsTest, ListensAndTellsOfConnections) {
  Worker worker(ports(21000, 21999), reservations_);
  const Opened opened = open_tcp(worker);
  ASSERT_TRUE(opened.has_value());
  const RelayId id = opened->first.id();
  EXPECT_EQ(worker.sockets.find(id), nullptr);
  const auto* listener = worker.sockets.find_listener(id);
  ASSERT_NE(listener, nullptr);
  EXPECT_EQ(listener->local, opened->first.local());
  const net::Fd peer = knock(listener->local);
  worker.loop.run_turn(seconds(10));
  ASSERT_EQ(worker.readable.size(), 1U);
  EXPECT_EQ(worker.readable[0], id);
}

TEST_F(TcpRelaySocketsTest, HasPortsApartFromThoseOfUdp) {
  Worker worker(ports(21000, 21000), reservations_);
  const Opened datagrams = worker.open();
  const Opened stream = open_tcp(worker);
  EXPECT_TRUE(datagrams && stream);
  EXPECT_EQ(open_tcp(worker).error(), OpenError::ports_in_use);
}

TEST_F(TcpRelaySocketsTest, GivesThePortBack) {
  Worker worker(ports(21000, 21000), reservations_);
  {
    const Opened first = open_tcp(worker);
    ASSERT_TRUE(first.has_value());
  }
  EXPECT_EQ(worker.sockets.size(), 0U);
  EXPECT_TRUE(open_tcp(worker).has_value());
}

TEST_F(TcpRelaySocketsTest, SharesPortsWithNoOtherWorker) {
  Worker one(ports(21000, 21000), reservations_);
  Worker two(ports(21000, 21000), reservations_);
  const Opened first = open_tcp(one);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(open_tcp(two).error(), OpenError::ports_in_use);
}

TEST_F(TcpRelaySocketsTest, MayRestUntilTheNextTick) {
  Worker worker(ports(21000, 21999), reservations_);
  const Opened opened = open_tcp(worker);
  ASSERT_TRUE(opened.has_value());
  worker.sockets.pause_listener(opened->first.id());
  const net::Fd peer = knock(opened->first.local());
  worker.loop.run_turn(Duration(0));
  EXPECT_TRUE(worker.readable.empty());
  worker.sockets.on_tick();
  worker.loop.run_turn(seconds(10));
  EXPECT_EQ(worker.readable.size(), 1U);
}

}  // namespace
}  // namespace turnpike::relay
