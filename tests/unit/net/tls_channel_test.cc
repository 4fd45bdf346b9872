#include "net/tls_channel.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "support/tls_peers.h"

namespace turnpike::net {
namespace {

using testing::plaintext_room;
using testing::shared_context;
using testing::TlsClient;

using Bytes = std::vector<uint8_t>;

// Feeds bytes that must not make plaintext; returns what the server sends.
Bytes feed(TlsChannel& server, ByteView ciphertext) {
  Bytes out;
  EXPECT_TRUE(server.feed(ciphertext, plaintext_room(), out).empty());
  EXPECT_TRUE(ciphertext.empty());
  return out;
}

class TlsChannelTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { EXPECT_EQ(server.state(), TlsState::handshaking); }
  void open() {
    client.talk(server);
    ASSERT_EQ(server.state(), TlsState::open);
    ASSERT_TRUE(client.is_open());
  }

  TlsChannel server{shared_context()};
  TlsClient client{[](SSL_CTX* setup) { SSL_CTX_set_max_proto_version(setup, GetParam()); }};
};

TEST_P(TlsChannelTest, OpensWithAClientOfThatVersion) {
  open();
  EXPECT_EQ(server.version(), GetParam() == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
  EXPECT_FALSE(server.resumed());
}

TEST_P(TlsChannelTest, CarriesDataBothWays) {
  open();
  client.write("to the server");
  EXPECT_EQ(client.talk(server), "to the server");
  Bytes out;
  EXPECT_TRUE(server.write(as_bytes("to the client"), out));
  client.give(out);
  EXPECT_EQ(client.read(), "to the client");
}

TEST_P(TlsChannelTest, WorksByteByByte) {
  client.talk(server, 1);
  ASSERT_EQ(server.state(), TlsState::open);
  client.write("in single bytes");
  EXPECT_EQ(client.talk(server, 1), "in single bytes");
}

TEST_P(TlsChannelTest, ReturnsManyRecordsOfOneFeed) {
  open();
  for (int i = 0; i < 100; ++i) client.write("x");
  EXPECT_EQ(client.talk(server), std::string(100, 'x'));
}

TEST_P(TlsChannelTest, CarriesMoreThanARecord) {
  open();
  const std::string text(100'000, 'y');
  Bytes out;
  ASSERT_TRUE(server.write(as_bytes(text), out));
  EXPECT_LE(out.size(), TlsChannel::write_size(text.size()));
  client.give(out);
  EXPECT_EQ(client.read(), text);
  client.write(text);
  EXPECT_EQ(client.talk(server), text);
}

TEST_P(TlsChannelTest, TakesDataThatComesWithTheEndOfTheHandshake) {
  // The client's last flight and its first data in one feed.
  Bytes answer;
  while (!client.is_open()) {
    SSL_do_handshake(client.ssl());
    if (client.is_open()) break;
    const Bytes flight = client.take_output();
    answer = feed(server, flight);
    client.give(answer);
  }
  client.write("early");
  EXPECT_EQ(client.talk(server), "early");
}

TEST_P(TlsChannelTest, CannotWriteBeforeItIsOpenOrAfterItIsClosed) {
  Bytes out;
  EXPECT_FALSE(server.write(as_bytes("x"), out));
  open();
  server.close(out);
  out.clear();
  EXPECT_FALSE(server.write(as_bytes("x"), out));
  EXPECT_TRUE(out.empty());
}

TEST_P(TlsChannelTest, ClosesWithANotice) {
  open();
  Bytes out;
  server.close(out);
  EXPECT_EQ(server.state(), TlsState::closed);
  client.give(out);
  client.read();
  EXPECT_EQ(SSL_get_shutdown(client.ssl()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

TEST_P(TlsChannelTest, AnswersTheClientsNoticeAndIgnoresWhatFollows) {
  open();
  client.write("last words");
  SSL_shutdown(client.ssl());
  EXPECT_EQ(client.talk(server), "last words");
  EXPECT_EQ(server.state(), TlsState::closed);
  EXPECT_EQ(SSL_shutdown(client.ssl()), 1);
  EXPECT_TRUE(feed(server, as_bytes("more")).empty());
}

TEST_P(TlsChannelTest, MayEndEachDirectionByItself) {
  open();
  server.end_directions_apart();
  client.write("question");
  SSL_shutdown(client.ssl());
  EXPECT_EQ(client.talk(server), "question");
  EXPECT_TRUE(server.received_end());
  ASSERT_EQ(server.state(), TlsState::open);
  Bytes out;
  EXPECT_TRUE(server.write(as_bytes("answer"), out));
  server.end_writing(out);
  client.give(out);
  EXPECT_EQ(client.read(), "answer");
  EXPECT_EQ(client.read(), "");
  EXPECT_EQ(SSL_get_shutdown(client.ssl()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

TEST_P(TlsChannelTest, ReadsOnAfterItsOwnEnd) {
  open();
  server.end_directions_apart();
  Bytes out;
  server.end_writing(out);
  client.give(out);
  client.write("still here");
  EXPECT_EQ(client.talk(server), "still here");
  EXPECT_FALSE(server.received_end());
}

TEST_P(TlsChannelTest, MovesWithItsConnection) {
  open();
  client.write("half a record");
  const Bytes record = client.take_output();
  feed(server, ByteView(record).first(7));
  TlsChannel moved(std::move(server));
  Bytes out;
  ByteView rest = ByteView(record).subspan(7);
  EXPECT_EQ(as_text(moved.feed(rest, plaintext_room(), out)), "half a record");
}

TEST_P(TlsChannelTest, FailsOnATamperedRecord) {
  open();
  client.write("signed");
  Bytes record = client.take_output();
  record.back() ^= 1;
  EXPECT_FALSE(feed(server, record).empty());  // The alert.
  EXPECT_EQ(server.state(), TlsState::failed);
  EXPECT_FALSE(server.failure().empty());
}

TEST_P(TlsChannelTest, FailsOnGarbageAtEveryStage) {
  std::mt19937 random(7);
  for (int stage = 0; stage < 4; ++stage) {
    TlsChannel victim(shared_context());
    TlsClient peer([](SSL_CTX* setup) { SSL_CTX_set_max_proto_version(setup, GetParam()); });
    for (int i = 0; i < stage; ++i) {
      SSL_do_handshake(peer.ssl());
      peer.give(feed(victim, peer.take_output()));
    }
    Bytes garbage(2000);
    for (uint8_t& byte : garbage) byte = static_cast<uint8_t>(random());
    feed(victim, garbage);
    EXPECT_EQ(victim.state(), TlsState::failed) << stage;
    EXPECT_FALSE(victim.failure().empty()) << stage;
  }
}

TEST_P(TlsChannelTest, StaysAliveInAHandshakeThatStops) {
  SSL_do_handshake(client.ssl());
  const Bytes hello = client.take_output();
  EXPECT_TRUE(feed(server, ByteView(hello).first(hello.size() - 1)).empty());
  EXPECT_EQ(server.state(), TlsState::handshaking);
}

TEST_P(TlsChannelTest, RefusesAClientHelloThatAnnouncesTooMuch) {
  // A record header, then a ClientHello of 16385 bytes.
  const Bytes bytes = {0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x00, 0x40, 0x01};
  for (size_t i = 0; i + 1 < bytes.size(); ++i) feed(server, ByteView(bytes).subspan(i, 1));
  EXPECT_EQ(server.state(), TlsState::handshaking);
  feed(server, ByteView(bytes).last(1));
  EXPECT_EQ(server.state(), TlsState::failed);
  EXPECT_EQ(server.failure(), "ClientHello too long");
}

TEST_P(TlsChannelTest, RefusesWhatCannotBeAClientHello) {
  const auto failure = [](const Bytes& bytes) {
    TlsChannel channel(shared_context());
    EXPECT_TRUE(feed(channel, bytes).empty());
    EXPECT_EQ(channel.state(), TlsState::failed);
    return std::string(channel.failure());
  };
  EXPECT_EQ(failure({'G'}), "not TLS");
  EXPECT_EQ(failure({0x16, 0x03, 0x01, 0x00, 0x03}), "first record too short");
  EXPECT_EQ(failure({0x16, 0x03, 0x01, 0x40, 0x01}), "first record too long");
}

TEST_P(TlsChannelTest, OutlivesTheSnapshotItWasMadeFrom) {
  auto context = TlsContext::make({}, nullptr).value();
  TlsChannel survivor(context);
  context.reset();
  client.talk(survivor);
  client.write("alive");
  EXPECT_EQ(client.talk(survivor), "alive");
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsChannelTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST(TlsChannelVersion12, RefusesRenegotiationAndGoesOn) {
  TlsChannel server(shared_context());
  TlsClient client([](SSL_CTX* setup) { SSL_CTX_set_max_proto_version(setup, TLS1_2_VERSION); });
  client.talk(server);
  SSL_renegotiate(client.ssl());
  SSL_do_handshake(client.ssl());
  const Bytes hello = client.take_output();
  ASSERT_FALSE(hello.empty());
  EXPECT_LT(feed(server, hello).size(), 64U);  // A warning, no handshake.
  EXPECT_EQ(server.state(), TlsState::open);
}

TEST(TlsChannelVersion13, AnswersKeyUpdatesWithNoMoreThanWasSent) {
  TlsChannel server(shared_context());
  TlsClient client;
  client.talk(server);
  for (int i = 0; i < 30; ++i) {
    SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(client.ssl());
    const Bytes request = client.take_output();
    EXPECT_LE(feed(server, request).size(), request.size());
  }
  EXPECT_EQ(server.state(), TlsState::open);
}

}  // namespace
}  // namespace turnpike::net
