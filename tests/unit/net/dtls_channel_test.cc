#include "net/dtls_channel.h"

#include <algorithm>
#include <functional>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "base/wire.h"
#include "support/tls_peers.h"

namespace turnpike::net {
namespace {

using testing::ClientFlights;
using testing::DtlsClient;
using testing::plaintext_room;
using testing::shared_context;

using Bytes = std::vector<uint8_t>;
using Datagrams = std::vector<Bytes>;

Datagrams take(DatagramList& list) {
  Datagrams taken;
  for (size_t i = 0; i < list.size(); ++i) taken.emplace_back(list[i].begin(), list[i].end());
  list.clear();
  return taken;
}

// One client and what a worker would do with its datagrams, in virtual time.
struct DtlsTest : ::testing::Test {
  const Endpoint client_address = Endpoint::parse("192.0.2.1:1000", 0).value();
  const Endpoint server_address = Endpoint::parse("198.51.100.1:5349", 0).value();
  Instant now{seconds(1000)};
  DtlsListener listener{shared_context()};
  std::optional<DtlsChannel> server;
  DtlsClient client;
  std::string received;  // By the server.

  Datagrams offer(ByteView datagram) { return offer(datagram, client_address); }

  // To the listener; a channel that comes of it becomes `server`.
  Datagrams offer(ByteView datagram, const Endpoint& from) {
    DatagramList out;
    auto accepted = listener.on_datagram(datagram, from, server_address, now, out);
    if (accepted) server = std::move(accepted);
    return take(out);
  }

  Datagrams feed(ByteView datagram) {
    DatagramList out;
    for (;;) {
      const ByteView plaintext = server->feed(datagram, plaintext_room(), now, out);
      if (plaintext.empty()) break;
      received += as_text(plaintext);
    }
    EXPECT_TRUE(datagram.empty());
    return take(out);
  }

  Datagrams to_server(const Bytes& datagram) { return server ? feed(datagram) : offer(datagram); }

  Datagrams step(DtlsClient& who, ByteView datagram) {
    DatagramList out;
    who.step(datagram, out);
    return take(out);
  }

  Datagrams on_deadline() {
    DatagramList out;
    server->on_deadline(now, out);
    return take(out);
  }

  // Carries datagrams between the two until both are silent; `lose` may drop any.
  void talk(DtlsClient& who, const std::function<bool(const Bytes&)>& lose = {}) {
    Datagrams from_client = step(who, {});
    while (!from_client.empty()) {
      Datagrams next;
      for (const Bytes& datagram : from_client) {
        if (lose && lose(datagram)) continue;
        for (const Bytes& answer : to_server(datagram)) {
          if (lose && lose(answer)) continue;
          for (Bytes& more : step(who, answer)) next.push_back(std::move(more));
        }
      }
      from_client = std::move(next);
    }
  }

  void open() {
    talk(client);
    ASSERT_TRUE(client.is_open());
    ASSERT_TRUE(server);
    ASSERT_EQ(server->state(), TlsState::open);
  }

  // What the client sends first (without a cookie), and second.
  Bytes first_hello(DtlsClient& who) { return step(who, {}).at(0); }
  Bytes second_hello(DtlsClient& who) {
    const Datagrams answers = offer(first_hello(who));
    return step(who, answers.at(0)).at(0);
  }
};

TEST_F(DtlsTest, OpensAfterTheCookie) {
  open();
  EXPECT_FALSE(server->cipher().empty());
  EXPECT_FALSE(server->deadline());
}

TEST_F(DtlsTest, AnswersAFirstHelloWithACookieAndKeepsNothing) {
  const Bytes hello = first_hello(client);
  const Datagrams answers = offer(hello);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_LT(answers[0].size(), hello.size());
  EXPECT_LE(answers[0].size(), 44U);
  EXPECT_FALSE(server);
}

TEST_F(DtlsTest, RefusesACookieFromAnotherAddress) {
  const Bytes hello = second_hello(client);
  for (const Endpoint& stranger : {Endpoint{client_address.ip, 1001}, Endpoint{Ip::v4(5), 1000}}) {
    const Datagrams answers = offer(hello, stranger);
    EXPECT_FALSE(server);
    EXPECT_EQ(answers.size(), 1U);  // A cookie for that address.
  }
  offer(hello);
  EXPECT_TRUE(server);
}

TEST_F(DtlsTest, RefusesACookieThatIsTooOld) {
  const Bytes hello = second_hello(client);
  now += 2 * DtlsCookies::kPeriod;
  offer(hello);
  EXPECT_FALSE(server);
}

TEST_F(DtlsTest, AcceptsACookieOfAnotherWorker) {
  const Bytes hello = second_hello(client);
  listener = DtlsListener(shared_context());
  offer(hello);
  EXPECT_TRUE(server);
}

TEST_F(DtlsTest, AcceptsACookieFromBeforeAReload) {
  const Bytes hello = second_hello(client);
  listener.use(TlsContext::make({}, shared_context().get()).value());
  offer(hello);
  EXPECT_TRUE(server);
}

TEST_F(DtlsTest, KeepsHandshakeDatagramsSmall) {
  talk(client, [](const Bytes& datagram) {
    EXPECT_LE(datagram.size(), size_t{kDtlsHandshakeMtu});
    return false;
  });
  ASSERT_TRUE(client.is_open());
}

TEST_F(DtlsTest, SplitsALongCertificateChain) {
  const testing::TempDir dir;
  const auto identity = testing::Identity::make("a.example", testing::KeyKind::rsa);
  std::string chain;
  for (int i = 0; i < 4; ++i) chain += identity.certificate_pem;
  auto files = identity.save(dir, "a");
  dir.write("a.crt", chain);
  listener.use(TlsContext::make({.certificates = {files}}, nullptr).value());
  size_t largest = 0;
  talk(client, [&largest](const Bytes& datagram) {
    largest = std::max(largest, datagram.size());
    return false;
  });
  EXPECT_TRUE(client.is_open());
  EXPECT_GT(largest, 1000U);
  EXPECT_LE(largest, size_t{kDtlsHandshakeMtu});
}

TEST_F(DtlsTest, CarriesOneDatagramInOneRecord) {
  open();
  for (const size_t size : {size_t{1}, size_t{1000}, size_t{1472}, kTlsPlaintextMax}) {
    const std::string text(size, 'x');
    DatagramList out;
    client.write(text, out);
    ASSERT_EQ(out.size(), 1U);
    received.clear();
    feed(out[0]);
    EXPECT_EQ(received, text);
    out.clear();
    ASSERT_TRUE(server->write(as_bytes(text), out));
    ASSERT_EQ(out.size(), 1U);
    DatagramList unused;
    EXPECT_EQ(client.step(out[0], unused), text);
  }
}

TEST_F(DtlsTest, RefusesToWriteMoreThanARecord) {
  open();
  DatagramList out;
  EXPECT_FALSE(server->write(Bytes(kTlsPlaintextMax + 1), out));
  EXPECT_EQ(server->state(), TlsState::open);
}

TEST_F(DtlsTest, ReadsEveryRecordOfADatagram) {
  open();
  DatagramList out;
  client.write("one", out);
  client.write("two", out);
  Bytes both(out[0].begin(), out[0].end());
  both.insert(both.end(), out[1].begin(), out[1].end());
  feed(both);
  EXPECT_EQ(received, "onetwo");
}

TEST_F(DtlsTest, TakesADoubledDatagramOnce) {
  open();
  DatagramList out;
  client.write("once", out);
  feed(out[0]);
  feed(out[0]);
  EXPECT_EQ(received, "once");
}

TEST_F(DtlsTest, ResumesASession) {
  open();
  const SslSessionPtr session = client.end_session();
  EXPECT_FALSE(server->resumed());
  server.reset();
  DtlsClient again;
  SSL_set_session(again.ssl(), session.get());
  talk(again);
  ASSERT_TRUE(server);
  EXPECT_EQ(server->state(), TlsState::open);
  EXPECT_TRUE(server->resumed());
}

TEST_F(DtlsTest, SaysGoodBye) {
  open();
  DatagramList out;
  server->close(out);
  EXPECT_EQ(server->state(), TlsState::closed);
  ASSERT_EQ(out.size(), 1U);
  step(client, out[0]);
  EXPECT_EQ(SSL_get_shutdown(client.ssl()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

TEST_F(DtlsTest, AnswersAGoodBye) {
  open();
  DatagramList out;
  {
    const DatagramCall call(client.ssl(), {}, out);
    SSL_shutdown(client.ssl());
  }
  EXPECT_EQ(feed(out[0]).size(), 1U);
  EXPECT_EQ(server->state(), TlsState::closed);
}

// --- Loss ---

TEST_F(DtlsTest, SendsItsFlightAgainWithGrowingIntervals) {
  offer(second_hello(client));
  ASSERT_TRUE(server);
  Duration interval = DtlsChannel::kFirstRetransmission;
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(server->deadline(), now + interval);
    EXPECT_TRUE(on_deadline().empty());  // Not yet.
    now += interval;
    EXPECT_FALSE(on_deadline().empty());
    interval = std::min<Duration>(2 * interval, DtlsChannel::kLastRetransmission);
  }
}

TEST_F(DtlsTest, OpensWhenItsFlightWasLost) {
  Datagrams lost = offer(second_hello(client));
  ASSERT_FALSE(lost.empty());
  now = server->deadline().value();
  for (const Bytes& datagram : on_deadline()) {
    for (const Bytes& answer : step(client, datagram)) {
      for (const Bytes& last : feed(answer)) step(client, last);
    }
  }
  EXPECT_TRUE(client.is_open());
  EXPECT_EQ(server->state(), TlsState::open);
  EXPECT_FALSE(server->deadline());
}

// OpenSSL's client sends its flight in one datagram at first, and the copies in one for each
// message.
TEST_F(DtlsTest, OpensWhenTheClientsFlightWasLost) {
  DtlsClient patient({}, ClientFlights::doubled);
  Datagrams sent;
  for (const Bytes& datagram : offer(second_hello(patient))) {
    for (Bytes& answer : step(patient, datagram)) sent.push_back(std::move(answer));
  }
  ASSERT_GT(sent.size(), 1U);
  // The first one is lost. Our copies tell the client nothing new.
  now = server->deadline().value();
  for (const Bytes& datagram : on_deadline()) EXPECT_TRUE(step(patient, datagram).empty());
  for (size_t i = 1; i < sent.size(); ++i) {
    for (const Bytes& answer : feed(sent[i])) step(patient, answer);
  }
  EXPECT_TRUE(patient.is_open());
  EXPECT_EQ(server->state(), TlsState::open);
}

TEST_F(DtlsTest, OpensWhenItsLastFlightWasLost) {
  DtlsClient patient({}, ClientFlights::doubled);
  Datagrams sent;
  for (const Bytes& datagram : offer(second_hello(patient))) {
    for (Bytes& answer : step(patient, datagram)) sent.push_back(std::move(answer));
  }
  ASSERT_GT(sent.size(), 1U);
  const Datagrams lost = feed(sent[0]);
  EXPECT_FALSE(lost.empty());
  ASSERT_EQ(server->state(), TlsState::open);
  for (size_t i = 1; i < sent.size(); ++i) {
    for (const Bytes& answer : feed(sent[i])) step(patient, answer);
  }
  EXPECT_TRUE(patient.is_open());
}

TEST_F(DtlsTest, OpensUnderLoss) {
  int opened = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const auto lose = [&random](const Bytes&) { return random() % 100 < 10; };
    server.reset();
    DtlsClient lossy({}, ClientFlights::doubled);
    talk(lossy, lose);
    for (int round = 0; round < 10 && server && server->deadline(); ++round) {
      now = server->deadline().value();
      for (const Bytes& datagram : on_deadline()) {
        if (lose(datagram)) continue;
        for (const Bytes& answer : step(lossy, datagram)) {
          if (lose(answer)) continue;
          for (const Bytes& last : feed(answer)) step(lossy, last);
        }
      }
    }
    opened += lossy.is_open() ? 1 : 0;
  }
  // A client that loses a flight and its only copy has to give up.
  EXPECT_GT(opened, 70);
}

// --- Strangers and junk ---

TEST_F(DtlsTest, AStrangersHelloDoesNotEndALiveSession) {
  open();
  DtlsClient stranger;
  const Bytes forged = first_hello(stranger);
  EXPECT_TRUE(server->begins_anew(forged));
  // Whether or not the owner asks begins_anew() first.
  EXPECT_TRUE(feed(forged).empty());
  DatagramList out;
  client.write("still here", out);
  feed(out[0]);
  EXPECT_EQ(received, "still here");
}

TEST_F(DtlsTest, AStrangersHelloDoesNotEndAHandshake) {
  const Bytes hello = second_hello(client);
  const Datagrams flight = offer(hello);
  DtlsClient stranger;
  EXPECT_TRUE(server->begins_anew(first_hello(stranger)));
  EXPECT_FALSE(server->begins_anew(hello));
  for (const Bytes& datagram : flight) {
    for (const Bytes& answer : step(client, datagram)) {
      for (const Bytes& last : feed(answer)) step(client, last);
    }
  }
  EXPECT_TRUE(client.is_open());
}

TEST_F(DtlsTest, AClientThatLostItsStateGetsANewChannelBesideTheOldOne) {
  open();
  DtlsChannel old = std::move(*server);
  server.reset();
  DtlsClient restarted;
  const Bytes hello = first_hello(restarted);
  ASSERT_TRUE(old.begins_anew(hello));
  for (const Bytes& answer : offer(hello)) {
    for (const Bytes& second : step(restarted, answer)) {
      ASSERT_TRUE(old.begins_anew(second));
      for (const Bytes& datagram : offer(second)) {
        for (const Bytes& more : step(restarted, datagram)) {
          for (const Bytes& last : feed(more)) step(restarted, last);
        }
      }
    }
  }
  ASSERT_TRUE(server);
  EXPECT_EQ(server->state(), TlsState::open);
  EXPECT_EQ(old.state(), TlsState::open);
}

// A record that nothing protects: type, epoch 0, a sequence number, the body.
Bytes plain_record(uint8_t type, const Bytes& body, uint16_t epoch = 0) {
  Bytes bytes(13 + body.size());
  WireWriter writer(bytes);
  writer.u8(type);
  writer.u16(0xfefd);
  writer.u16(epoch);
  writer.zeros(4);
  writer.u16(77);
  writer.u16(static_cast<uint16_t>(body.size()));
  writer.bytes(body);
  return bytes;
}

TEST_F(DtlsTest, AForgedAlertEndsNeitherHandshakeNorSession) {
  const Bytes fatal = plain_record(21, {2, 40});
  const Datagrams flight = offer(second_hello(client));
  feed(fatal);
  EXPECT_EQ(server->state(), TlsState::handshaking);
  for (const Bytes& datagram : flight) {
    for (const Bytes& answer : step(client, datagram)) {
      for (const Bytes& last : feed(answer)) step(client, last);
    }
  }
  ASSERT_EQ(server->state(), TlsState::open);
  feed(fatal);
  feed(plain_record(21, {2, 40}, 1));
  EXPECT_EQ(server->state(), TlsState::open);
}

TEST_F(DtlsTest, JunkChangesNothingInALiveSession) {
  open();
  std::mt19937 random(3);
  for (int i = 0; i < 3000; ++i) {
    Bytes junk(random() % 100);
    for (uint8_t& byte : junk) byte = static_cast<uint8_t>(random());
    if (i % 2 == 0) {
      junk = plain_record(static_cast<uint8_t>(20 + random() % 4), junk,
                          static_cast<uint16_t>(random() % 3));
    }
    EXPECT_TRUE(feed(junk).empty());
  }
  EXPECT_EQ(server->state(), TlsState::open);
  DatagramList out;
  client.write("fine", out);
  feed(out[0]);
  EXPECT_EQ(received, "fine");
}

TEST_F(DtlsTest, TheListenerIgnoresJunk) {
  std::mt19937 random(4);
  const Bytes hello = first_hello(client);
  for (int i = 0; i < 3000; ++i) {
    Bytes junk = hello;
    junk.resize(random() % (hello.size() + 1));
    for (int flips = 0; flips < 8 && !junk.empty(); ++flips) {
      junk[random() % junk.size()] = static_cast<uint8_t>(random());
    }
    offer(junk);
    ASSERT_FALSE(server);
  }
  talk(client);
  // The client's hello is gone already, so another client shows that the listener is well.
  DtlsClient other;
  talk(other);
  EXPECT_TRUE(other.is_open());
}

TEST_F(DtlsTest, EarlyRecordsOfTheNextEpochAreFewAndDoNotHarm) {
  const Datagrams flight = offer(second_hello(client));
  for (int i = 0; i < 200; ++i) feed(plain_record(22, Bytes(60, 1), 1));
  EXPECT_EQ(server->state(), TlsState::handshaking);
}

TEST_F(DtlsTest, AnEarlyRecordTooShortToBeProtectedDoesNotEndTheHandshake) {
  const Datagrams flight = offer(second_hello(client));
  feed(plain_record(22, {1, 2, 3}, 1));
  for (const Bytes& datagram : flight) {
    for (const Bytes& answer : step(client, datagram)) {
      for (const Bytes& last : feed(answer)) step(client, last);
    }
  }
  EXPECT_EQ(server->state(), TlsState::open);
  EXPECT_TRUE(client.is_open());
}

TEST_F(DtlsTest, WritesAndReadsAfterBuffersWereReleased) {
  open();
  for (int i = 0; i < 3; ++i) {
    server->release_buffers();
    server->release_buffers();
    DatagramList out;
    ASSERT_TRUE(server->write(as_bytes("down"), out));
    DatagramList unused;
    EXPECT_EQ(client.step(out[0], unused), "down");
    server->release_buffers();
    out.clear();
    client.write("up", out);
    feed(out[0]);
  }
  EXPECT_EQ(received, "upupup");
  server->release_buffers();
  DatagramList out;
  server->close(out);
  EXPECT_EQ(out.size(), 1U);
}

TEST_F(DtlsTest, FailsWithoutACommonCipher) {
  DtlsClient odd([](SSL_CTX* setup) { SSL_CTX_set_cipher_list(setup, "AES128-SHA"); });
  talk(odd);
  EXPECT_FALSE(server);
  EXPECT_FALSE(odd.is_open());
}

}  // namespace
}  // namespace turnpike::net
