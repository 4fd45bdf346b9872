#include "net/tls_client.h"

#include <array>

#include <gtest/gtest.h>

#include "support/tls_peers.h"

namespace turnpike::net {
namespace {

using testing::plaintext_room;
using ::testing::Test;

using Bytes = std::vector<uint8_t>;

std::shared_ptr<const TlsContext> server_context() {
  static const auto context = TlsContext::make({}, nullptr).value();
  return context;
}

std::shared_ptr<const TlsClientContext> client_context(TlsVerify verify) {
  return TlsClientContext::make(verify).value();
}

// What one side reads from what the other has written; `answer` gets what it says to that.
template <typename Channel>
std::string exchange(Channel& channel, Bytes& ciphertext, Bytes& answer) {
  std::string text;
  ByteView view = ciphertext;
  for (;;) {
    const ByteView plaintext = channel.feed(view, plaintext_room(), answer);
    if (plaintext.empty()) break;
    text += as_text(plaintext);
  }
  ciphertext.clear();
  return text;
}

struct TlsClientTest : Test {
  Bytes to_server;
  Bytes to_client;
  TlsChannel server{server_context()};
  std::string server_heard;
  std::string client_heard;

  void talk(TlsClientChannel& client) {
    while (!to_server.empty() || !to_client.empty()) {
      server_heard += exchange(server, to_server, to_client);
      client_heard += exchange(client, to_client, to_server);
    }
  }
};

TEST_F(TlsClientTest, OpensAndCarriesDataBothWays) {
  TlsClientChannel client(client_context(TlsVerify::none), "turn.example.org", to_server);
  EXPECT_FALSE(client.write(as_bytes("early"), to_server)) << "before the handshake is done";
  talk(client);
  ASSERT_EQ(client.state(), TlsState::open);
  ASSERT_EQ(server.state(), TlsState::open);
  EXPECT_TRUE(client.write(as_bytes("question"), to_server));
  EXPECT_TRUE(server.write(as_bytes("answer"), to_client));
  talk(client);
  EXPECT_EQ(server_heard, "question");
  EXPECT_EQ(client_heard, "answer");
}

TEST_F(TlsClientTest, RefusesACertificateThatNobodyVouchesFor) {
  TlsClientChannel client(client_context(TlsVerify::by_system), "turn.example.org", to_server);
  talk(client);
  EXPECT_EQ(client.state(), TlsState::failed);
  EXPECT_NE(client.failure().find("self-signed"), std::string::npos) << client.failure();
}

TEST_F(TlsClientTest, SeesTheServerSayGoodBye) {
  TlsClientChannel client(client_context(TlsVerify::none), "192.0.2.1", to_server);
  talk(client);
  server.close(to_client);
  talk(client);
  EXPECT_EQ(client.state(), TlsState::closed);
}

TEST_F(TlsClientTest, FailsOnWhatIsNotTls) {
  TlsClientChannel client(client_context(TlsVerify::none), "192.0.2.1", to_server);
  to_server.clear();
  const std::string_view junk = "HTTP/1.1 400 Bad Request\r\n\r\n";
  to_client.assign(junk.begin(), junk.end());
  talk(client);
  EXPECT_EQ(client.state(), TlsState::failed);
  EXPECT_FALSE(client.failure().empty());
}

struct DtlsClientChannelTest : Test {
  const Endpoint client_address = Endpoint::parse("192.0.2.1:1000", 0).value();
  const Endpoint server_address = Endpoint::parse("198.51.100.1:5349", 0).value();
  const Instant now{seconds(1000)};
  DtlsListener listener{server_context()};
  std::optional<DtlsChannel> server;
  std::string server_heard;
  std::string client_heard;

  void to_server(const DatagramList& sent, DatagramList& answer) {
    for (size_t i = 0; i < sent.size(); ++i) {
      if (!server) {
        server = listener.on_datagram(sent[i], client_address, server_address, now, answer);
        continue;
      }
      ByteView datagram = sent[i];
      for (;;) {
        const ByteView plaintext = server->feed(datagram, plaintext_room(), now, answer);
        if (plaintext.empty()) break;
        server_heard += as_text(plaintext);
      }
    }
  }

  void to_client(DtlsClientChannel& client, const DatagramList& sent, DatagramList& answer) {
    for (size_t i = 0; i < sent.size(); ++i) {
      ByteView datagram = sent[i];
      for (;;) {
        const ByteView plaintext = client.feed(datagram, plaintext_room(), answer);
        if (plaintext.empty()) break;
        client_heard += as_text(plaintext);
      }
    }
  }

  void talk(DtlsClientChannel& client, DatagramList& first) {
    DatagramList from_client = first;
    first.clear();
    while (!from_client.empty()) {
      DatagramList from_server;
      to_server(from_client, from_server);
      from_client.clear();
      to_client(client, from_server, from_client);
    }
  }
};

TEST_F(DtlsClientChannelTest, ReturnsTheCookieAndCarriesDataBothWays) {
  DatagramList out;
  DtlsClientChannel client(client_context(TlsVerify::none), "turn.example.org", out);
  talk(client, out);
  ASSERT_EQ(client.state(), TlsState::open) << client.failure();
  EXPECT_TRUE(client.write(as_bytes("question"), out));
  talk(client, out);
  EXPECT_EQ(server_heard, "question");
  DatagramList answer;
  DatagramList nothing;
  EXPECT_TRUE(server->write(as_bytes("answer"), answer));
  to_client(client, answer, nothing);
  EXPECT_EQ(client_heard, "answer");
}

TEST_F(DtlsClientChannelTest, RefusesACertificateThatNobodyVouchesFor) {
  DatagramList out;
  DtlsClientChannel client(client_context(TlsVerify::by_system), "turn.example.org", out);
  talk(client, out);
  EXPECT_EQ(client.state(), TlsState::failed);
}

}  // namespace
}  // namespace turnpike::net
