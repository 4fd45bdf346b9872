#include "server/dtls_clients.h"

#include <deque>

#include <gtest/gtest.h>

#include "support/tls_peers.h"
#include "unit/server/clients_fixture.h"

namespace turnpike::server {
namespace {

using stun::Method;
using testing::Bytes;
using testing::endpoint;

const Endpoint kServer = endpoint("192.0.2.1:3478");

class DtlsClientsTest : public ::testing::Test, protected ClientsFixture {
 protected:
  explicit DtlsClientsTest(const DtlsLimits& limits = {})
      : clients_(turn(), counters, limits, *net::TlsContext::make({}, nullptr), sources, {1, 2}),
        batch_({3, 4}) {
    listeners_.push_back(std::move(*net::open_udp_socket({}, {Ip::v4(0x7f000001), 0})));
    send_packets = [this] {
      for (const turn::ToClient& packet : core.out.to_client) clients_.queue(packet);
      clients_.add_sends(listeners_, batch_);
      for (const net::TxBatch::Queue& queue : batch_.queues()) copy(queue);
      batch_.clear();
      clients_.clear_sends();
    };
  }

  void copy(const net::TxBatch::Queue& queue) {
    for (uint32_t run = queue.first_run; run != net::TxBatch::kNone;
         run = batch_.run(run).next_run) {
      for (uint32_t i = batch_.run(run).first_item; i != net::TxBatch::kNone;
           i = batch_.next_item(i)) {
        const ByteView bytes = batch_.item(i).payload;
        sent_.emplace_back(batch_.item(i).destination, Bytes(bytes.begin(), bytes.end()));
      }
    }
  }

  // What the server answers to one datagram.
  std::deque<Bytes> give(const Endpoint& from, ByteView datagram) {
    sent_.clear();
    clients_.on_datagram(0, from, kServer, datagram);
    finish_turn();
    std::deque<Bytes> answers;
    for (auto& [to, bytes] : sent_) {
      if (to == from) answers.push_back(std::move(bytes));
    }
    return answers;
  }
  static std::deque<Bytes> step(testing::DtlsClient& client, ByteView datagram) {
    net::DatagramList out;
    client.step(datagram, out);
    std::deque<Bytes> sent;
    for (size_t i = 0; i < out.size(); ++i) sent.emplace_back(out[i].begin(), out[i].end());
    return sent;
  }
  // Answers of the server until both are silent, or `most` datagrams have gone to it.
  void shake_hands(testing::DtlsClient& client, const Endpoint& from, int most = 1000) {
    std::deque<Bytes> waiting = step(client, {});
    for (int i = 0; i < most && !waiting.empty(); ++i) {
      const Bytes datagram = std::move(waiting.front());
      waiting.pop_front();
      for (const Bytes& answer : give(from, datagram)) {
        for (Bytes& more : step(client, answer)) waiting.push_back(std::move(more));
      }
    }
  }
  // As far as the server's first flight.
  void begin(testing::DtlsClient& client, const Endpoint& from) { shake_hands(client, from, 2); }
  void tick_after(Duration time) {
    core.advance(time);
    core.server->on_tick(core.now, core.out);
    clients_.on_tick();
    finish_turn();
  }
  void allocate(testing::DtlsClient& client, const Endpoint& from) {
    const Bytes request = testing::make_request(
        Method::allocate,
        [](stun::MessageBuilder& builder) { builder.add_requested_transport(17); });
    net::DatagramList out;
    client.write(std::string(as_text(request)), out);
    give(from, out[0]);
    ASSERT_EQ(core.server->allocations(), 1U);
  }
  // The only client is still there after so long, and gone a second later.
  void ends_after(Duration time) {
    tick_after(time);
    EXPECT_EQ(clients_.size(), 1U);
    tick_after(seconds(1));
    EXPECT_EQ(clients_.size(), 0U);
  }
  static Endpoint source(uint32_t number) {
    return {Ip::v4(0x08000000 + number), static_cast<uint16_t>(1024 + number % 60000)};
  }

  std::vector<net::UdpSocket> listeners_;
  DtlsClients clients_;
  net::TxBatch batch_;
  std::vector<std::pair<Endpoint, Bytes>> sent_;
};

TEST_F(DtlsClientsTest, AnswersStrangersWithoutKeepingAnything) {
  testing::DtlsClient client;
  const Bytes hello = step(client, {}).front();
  for (uint32_t i = 0; i < 2000; ++i) ASSERT_EQ(give(source(i), hello).size(), 1U);
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.dtls_opened.get(), 0U);
}

TEST_F(DtlsClientsTest, OpensWithWhoReturnsTheCookie) {
  testing::DtlsClient client;
  shake_hands(client, source(1));
  EXPECT_TRUE(client.is_open());
  EXPECT_EQ(clients_.size(), 1U);
  EXPECT_EQ(counters.handshakes_done.total(), 1U);
}

TEST_F(DtlsClientsTest, ForgetsAHandshakeThatStops) {
  testing::DtlsClient client;
  begin(client, source(1));
  EXPECT_EQ(clients_.size(), 1U);
  ends_after(seconds(15));
  EXPECT_EQ(counters.handshakes_late.total(), 1U);
}

TEST_F(DtlsClientsTest, SendsItsFlightAgain) {
  testing::DtlsClient client;
  begin(client, source(1));
  sent_.clear();
  tick_after(seconds(1));
  EXPECT_FALSE(sent_.empty());
}

TEST_F(DtlsClientsTest, ForgetsAClientWithoutAnAllocation) {
  testing::DtlsClient client;
  shake_hands(client, source(1));
  ends_after(seconds(60));
  EXPECT_EQ(counters.closed_idle.get(), 1U);
}

TEST_F(DtlsClientsTest, KeepsASilentClientAsLongAsItsAllocation) {
  testing::DtlsClient client;
  shake_hands(client, source(1));
  allocate(client, source(1));
  for (int i = 0; i < 599; ++i) tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 1U);
  EXPECT_EQ(core.server->allocations(), 1U);
  for (int i = 0; i < 62; ++i) tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 0U);
}

TEST_F(DtlsClientsTest, AClientThatBeganAnewTakesThePlaceOfItsOldSession) {
  testing::DtlsClient old;
  shake_hands(old, source(1));
  allocate(old, source(1));
  testing::DtlsClient anew;
  begin(anew, source(1));
  EXPECT_EQ(core.server->allocations(), 1U);
  testing::DtlsClient anew_again;
  shake_hands(anew_again, source(1));
  EXPECT_TRUE(anew_again.is_open());
  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_EQ(clients_.size(), 1U);
}

TEST_F(DtlsClientsTest, AHandshakeThatIsNotFinishedDoesNotSilenceTheLiveSession) {
  testing::DtlsClient live;
  shake_hands(live, source(1));
  // Somebody who once saw a cookie for that address: it can begin, but never hear what is answered.
  testing::DtlsClient stranger;
  begin(stranger, source(1));
  EXPECT_EQ(clients_.size(), 2U);
  allocate(live, source(1));
  tick_after(seconds(16));
  EXPECT_EQ(clients_.size(), 1U);
  EXPECT_EQ(core.server->allocations(), 1U);
}

TEST_F(DtlsClientsTest, AHelloWithoutACookieLeavesTheLiveSessionAlone) {
  testing::DtlsClient live;
  shake_hands(live, source(1));
  for (int i = 0; i < 50; ++i) {
    testing::DtlsClient stranger;
    give(source(1), step(stranger, {}).front());
  }
  EXPECT_EQ(clients_.size(), 1U);
  allocate(live, source(1));
}

TEST_F(DtlsClientsTest, CountsARecordThatFindsNoRoom) {
  testing::DtlsClient client;
  shake_hands(client, source(1));
  net::DatagramList out;
  client.write("x", out);
  while (slab.slots_left(net::kTlsPlaintextMax) > 0) {
    slab.keep(net::kTlsPlaintextMax, 1, net::kTlsPlaintextMax);
  }
  give(source(1), out[0]);
  EXPECT_EQ(counters.drop_no_room.get(), 1U);
  EXPECT_EQ(counters.drop_queue_full.get(), 0U);
  EXPECT_EQ(core.server->counters().by.client_packets.total(), 0U);
}

struct FewHalfOpen : DtlsClientsTest {
  FewHalfOpen() : DtlsClientsTest({.half_open = 5, .half_open_per_source = 2, .per_source = 3}) {}

  static Endpoint port(uint32_t ip, uint16_t number) { return {Ip::v4(ip), number}; }
};

TEST_F(FewHalfOpen, CapsThoseOfOneSourceAndLetsOthersIn) {
  std::deque<testing::DtlsClient> held(3);
  for (uint16_t i = 0; i < 3; ++i) begin(held[i], port(0x08080808, 1000 + i));
  EXPECT_EQ(clients_.size(), 2U);
  EXPECT_GE(counters.refused_half_open.get(), 1U);
  testing::DtlsClient other;
  shake_hands(other, port(0x08080809, 1000));
  EXPECT_TRUE(other.is_open());
}

TEST_F(FewHalfOpen, CapsAllOfThem) {
  std::deque<testing::DtlsClient> held(6);
  for (uint32_t i = 0; i < 6; ++i) begin(held[i], source(i));
  EXPECT_EQ(clients_.size(), 5U);
}

TEST_F(FewHalfOpen, SendsNothingToWhoIsRefused) {
  std::deque<testing::DtlsClient> held(2);
  for (uint16_t i = 0; i < 2; ++i) begin(held[i], port(0x08080808, 1000 + i));
  testing::DtlsClient refused;
  EXPECT_TRUE(give(port(0x08080808, 2000), step(refused, {}).front()).empty());
}

TEST_F(FewHalfOpen, FinishedHandshakesMakeRoomForOthersUpToTheLimitOfTheSource) {
  std::deque<testing::DtlsClient> clients(4);
  for (uint16_t i = 0; i < 4; ++i) shake_hands(clients[i], port(0x08080808, 1000 + i));
  EXPECT_TRUE(clients[2].is_open());
  EXPECT_FALSE(clients[3].is_open());
  EXPECT_GE(counters.refused_source_limit.get(), 1U);
  EXPECT_EQ(clients_.size(), 3U);
}

TEST_F(FewHalfOpen, AClientThatBeginsAnewNeedsNoOtherPlace) {
  std::deque<testing::DtlsClient> clients(3);
  for (uint16_t i = 0; i < 3; ++i) shake_hands(clients[i], port(0x08080808, 1000 + i));
  testing::DtlsClient anew;
  shake_hands(anew, port(0x08080808, 1000));
  EXPECT_TRUE(anew.is_open());
  EXPECT_EQ(clients_.size(), 3U);
  testing::DtlsClient fourth;
  shake_hands(fourth, port(0x08080808, 1003));
  EXPECT_FALSE(fourth.is_open());
}

TEST_F(FewHalfOpen, ThoseThatWereGivenUpMakeRoom) {
  std::deque<testing::DtlsClient> held(2);
  for (uint16_t i = 0; i < 2; ++i) begin(held[i], port(0x08080808, 1000 + i));
  tick_after(seconds(16));
  testing::DtlsClient late;
  shake_hands(late, port(0x08080808, 3000));
  EXPECT_TRUE(late.is_open());
}

}  // namespace
}  // namespace turnpike::server
