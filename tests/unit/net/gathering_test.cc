#include "net/gathering.h"

#include <gmock/gmock.h>

#include "unit/net/udp_fixture.h"

namespace turnpike::net {
namespace {

// Two sockets that stand for relayed addresses, and the one through which theirs are received.
class GatheringTest : public testing::UdpFamilyTest {
 protected:
  static constexpr uint32_t kSlot = 7;

  void SetUp() override {
    Result<Gathering, SysError> started = Gathering::start();
    if (!started) GTEST_SKIP() << "BPF is not allowed here: " << started.error().to_string();
    gathering_ = std::move(*started);
    ASSERT_EQ(gathering_->put_socket(kSlot, all_.fd()), 0);
  }

  // As "TEXT at PORT".
  std::vector<std::string> receive_all(size_t count) {
    std::vector<std::string> out;
    while (out.size() < count && testing::wait_readable(all_)) {
      for (const RxDatagram& datagram : io_.receive(all_, slab_)) {
        EXPECT_EQ(datagram.local.ip, ip());
        out.push_back(seen(testing::text(datagram.bytes), datagram.local));
      }
      slab_.reset();
    }
    return out;
  }
  static std::string seen(const std::string& payload, const Endpoint& local) {
    return payload + " at " + std::to_string(local.port);
  }

  UdpSocket peer_ = testing::open_socket({}, ip());
  UdpSocket one_ = testing::open_socket({}, ip());
  UdpSocket other_ = testing::open_socket({}, ip());
  UdpSocket all_ = testing::open_socket({.destination = true}, ip());
  std::optional<Gathering> gathering_;
};
INSTANTIATE_TEST_SUITE_P(Families, GatheringTest, ::testing::Values(IpFamily::v4, IpFamily::v6),
                         testing::family_name);

TEST_P(GatheringTest, DatagramsToManySocketsComeThroughOneAndTellWhereTheyWent) {
  ASSERT_EQ(gathering_->add(one_.local(), kSlot), 0);
  ASSERT_EQ(gathering_->add(other_.local(), kSlot), 0);
  add(peer_, one_.local(), "a");
  add(peer_, other_.local(), "b");
  add(peer_, one_.local(), "c");
  send();
  EXPECT_THAT(receive_all(3),
              ::testing::UnorderedElementsAre(seen("a", one_.local()), seen("b", other_.local()),
                                              seen("c", one_.local())));
  EXPECT_FALSE(testing::wait_readable(one_, 0));
  EXPECT_FALSE(testing::wait_readable(other_, 0));
}

TEST_P(GatheringTest, WhatIsNotInTheMapIsLeftAlone) {
  ASSERT_EQ(gathering_->add(one_.local(), kSlot), 0);
  add(peer_, other_.local(), "another program's");
  send();
  EXPECT_EQ(receive(other_, 1), std::vector<std::string>{"another program's"});
  EXPECT_FALSE(testing::wait_readable(all_, 0));
}

TEST_P(GatheringTest, TheSamePortOfAnotherAddressIsLeftAlone) {
  ASSERT_EQ(gathering_->add({*Ip::parse("192.0.2.1"), other_.local().port}, kSlot), 0);
  ASSERT_EQ(gathering_->add({*Ip::parse("2001:db8::1"), other_.local().port}, kSlot), 0);
  add(peer_, other_.local(), "x");
  send();
  EXPECT_EQ(receive(other_, 1), std::vector<std::string>{"x"});
}

TEST_P(GatheringTest, AnAddressThatWasTakenOutReceivesForItselfAgain) {
  ASSERT_EQ(gathering_->add(one_.local(), kSlot), 0);
  gathering_->remove(one_.local());
  add(peer_, one_.local(), "x");
  send();
  EXPECT_EQ(receive(one_, 1), std::vector<std::string>{"x"});
}

TEST_P(GatheringTest, AllIsAsItWasWhenItEnds) {
  ASSERT_EQ(gathering_->add(one_.local(), kSlot), 0);
  gathering_.reset();
  add(peer_, one_.local(), "x");
  send();
  EXPECT_EQ(receive(one_, 1), std::vector<std::string>{"x"});
}

TEST_P(GatheringTest, WithoutASocketInItsSlotAnAddressReceivesForItself) {
  ASSERT_EQ(gathering_->add(one_.local(), kSlot + 1), 0);
  add(peer_, one_.local(), "x");
  send();
  EXPECT_EQ(receive(one_, 1), std::vector<std::string>{"x"});
}

TEST_P(GatheringTest, SendingStaysWithTheSocketItself) {
  ASSERT_EQ(gathering_->add(one_.local(), kSlot), 0);
  add(one_, peer_.local(), "x");
  send();
  ASSERT_TRUE(testing::wait_readable(peer_));
  const auto received = io_.receive(peer_, slab_);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].source, one_.local());
}

TEST(Gathering, ThereIsNoSlotBeyondTheLast) {
  const Result<Gathering, SysError> gathering = Gathering::start();
  if (!gathering) GTEST_SKIP() << "BPF is not allowed here: " << gathering.error().to_string();
  const UdpSocket socket = testing::open_socket({}, testing::loopback(IpFamily::v4));
  EXPECT_EQ(gathering->put_socket(Gathering::kMaxSockets - 1, socket.fd()), 0);
  EXPECT_NE(gathering->put_socket(Gathering::kMaxSockets, socket.fd()), 0);
}

}  // namespace
}  // namespace turnpike::net
