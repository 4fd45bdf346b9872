// What connections and strangers cost in heap memory: OpenSSL's, which is asked for through
// functions of ours, and that of operator new.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>
#include <openssl/crypto.h>

#include "net/dtls_channel.h"
#include "net/tls_channel.h"
#include "support/allocation_guard.h"
#include "support/sanitized.h"
#include "support/tls_peers.h"

namespace turnpike::net {
namespace {

using testing::DtlsClient;
using testing::plaintext_room;
using testing::shared_context;
using testing::TlsClient;

using Bytes = std::vector<uint8_t>;

constexpr size_t kChannels = 200;

ptrdiff_t openssl_bytes = 0;

void* counted(void* memory) {
  if (memory != nullptr) openssl_bytes += static_cast<ptrdiff_t>(malloc_usable_size(memory));
  return memory;
}
void discount(void* memory) {
  if (memory != nullptr) openssl_bytes -= static_cast<ptrdiff_t>(malloc_usable_size(memory));
}
void* take(size_t size, const char*, int) {
  return counted(std::malloc(size));
}
void* take_again(void* memory, size_t size, const char*, int) {
  discount(memory);
  return counted(std::realloc(memory, size));
}
void give_back(void* memory, const char*, int) {
  discount(memory);
  std::free(memory);
}

// Before the first of the tests makes OpenSSL allocate. Where malloc is counted by hooks, what
// OpenSSL takes is among it.
[[maybe_unused]] const int taken_over =
    TURNPIKE_CLANG_TSAN ? 1 : CRYPTO_set_mem_functions(take, take_again, give_back);

ptrdiff_t heap_bytes() {
  static const testing::AllocationGuard guard;
  return openssl_bytes + guard.bytes_held();
}

// A share of what the heap has grown by.
size_t each_since(ptrdiff_t before, size_t count) {
  const ptrdiff_t grown = heap_bytes() - before;
  EXPECT_GT(grown, 0) << "nothing is counted";
  return static_cast<size_t>(grown) / count;
}

Bytes bytes_of(ByteView view) {
  return {view.begin(), view.end()};
}

// Opens a channel and sends something both ways, as a client with an allocation has.
void use(TlsChannel& channel, int version) {
  TlsClient client([version](SSL_CTX* setup) { SSL_CTX_set_max_proto_version(setup, version); });
  client.talk(channel);
  client.write(std::string(100, 'x'));
  client.talk(channel);
  Bytes out;
  ASSERT_TRUE(channel.write(Bytes(100), out));
}

void measure_tls(int version, const char* name) {
  std::vector<std::unique_ptr<TlsChannel>> channels;
  channels.reserve(kChannels);
  {
    TlsChannel first(shared_context());  // What OpenSSL allocates once is not counted.
    use(first, version);
  }
  const ptrdiff_t before = heap_bytes();
  for (size_t i = 0; i < kChannels; ++i) {
    channels.push_back(std::make_unique<TlsChannel>(shared_context()));
    use(*channels.back(), version);
  }
  const size_t each = each_since(before, kChannels);
  std::printf("%s: %zu bytes per idle channel\n", name, each);
  EXPECT_LE(each, 20U * 1024);
}

TEST(TlsMemory, IdleTls13ChannelIsSmall) {
  measure_tls(TLS1_3_VERSION, "TLS 1.3");
}
TEST(TlsMemory, IdleTls12ChannelIsSmall) {
  measure_tls(TLS1_2_VERSION, "TLS 1.2");
}

// What a connection costs whose client has sent its ClientHello but for `missing` bytes.
size_t stalled_handshake_bytes(size_t missing) {
  std::vector<std::unique_ptr<TlsChannel>> channels;
  channels.reserve(kChannels);
  TlsClient client;
  SSL_do_handshake(client.ssl());
  const Bytes hello = client.take_output();
  Bytes out;
  out.reserve(kTlsPlaintextMax);
  const ptrdiff_t before = heap_bytes();
  for (size_t i = 0; i < kChannels; ++i) {
    channels.push_back(std::make_unique<TlsChannel>(shared_context()));
    out.clear();
    ByteView part = ByteView(hello).first(hello.size() - missing);
    channels.back()->feed(part, plaintext_room(), out);
  }
  return each_since(before, kChannels);
}

TEST(TlsMemory, ClientThatStopsInItsHelloCostsWhatItHasSent) {
  const size_t each = stalled_handshake_bytes(1);
  std::printf("TLS: %zu bytes per unfinished ClientHello\n", each);
  EXPECT_LE(each, 1024U);
}

TEST(TlsMemory, ClientThatStopsAfterItsHelloIsBounded) {
  const size_t each = stalled_handshake_bytes(0);
  std::printf("TLS: %zu bytes per handshake that stops after the ClientHello\n", each);
  EXPECT_LE(each, 64U * 1024);
}

struct DtlsWorker {
  const Endpoint server = Endpoint::parse("198.51.100.1:5349", 0).value();
  const Instant now{seconds(1000)};
  DtlsListener listener{shared_context()};

  // A full handshake.
  DtlsChannel open(uint16_t port) {
    const Endpoint address{Ip::v4(0xc0000201), port};
    DtlsClient client;
    std::optional<DtlsChannel> channel;
    DatagramList to_server;
    DatagramList to_client;
    client.step({}, to_server);
    while (!to_server.empty()) {
      to_client.clear();
      for (size_t i = 0; i < to_server.size(); ++i) {
        ByteView datagram = to_server[i];
        if (!channel) {
          channel = listener.on_datagram(datagram, address, server, now, to_client);
        } else {
          channel->feed(datagram, plaintext_room(), now, to_client);
        }
      }
      to_server.clear();
      for (size_t i = 0; i < to_client.size(); ++i) client.step(to_client[i], to_server);
    }
    EXPECT_TRUE(client.is_open());
    return std::move(channel).value();
  }
};

TEST(TlsMemory, IdleDtlsChannelIsSmall) {
  DtlsWorker worker;
  std::vector<std::unique_ptr<DtlsChannel>> channels;
  channels.reserve(kChannels);
  worker.open(1);
  const ptrdiff_t before = heap_bytes();
  for (size_t i = 0; i < kChannels; ++i) {
    channels.push_back(std::make_unique<DtlsChannel>(worker.open(static_cast<uint16_t>(1000 + i))));
    channels.back()->release_buffers();
  }
  const size_t each = each_since(before, kChannels);
  std::printf("DTLS: %zu bytes per idle channel\n", each);
  EXPECT_LE(each, 40U * 1024);
}

TEST(TlsMemory, ForgedRecordsOfTheNextEpochFillNoQueue) {
  DtlsWorker worker;
  const Endpoint address{Ip::v4(0xc0000201), 1};
  DtlsClient client;
  DatagramList out;
  DatagramList answers;
  client.step({}, out);
  worker.listener.on_datagram(out[0], address, worker.server, worker.now, answers);
  out.clear();
  client.step(answers[0], out);
  auto channel = worker.listener.on_datagram(out[0], address, worker.server, worker.now, answers);
  ASSERT_TRUE(channel);
  // A handshake record of epoch 1 with 16000 bytes of junk.
  Bytes forged = {22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0x3e, 0x80};
  forged.resize(forged.size() + 16000);
  const ptrdiff_t before = heap_bytes();
  for (uint8_t i = 0; i < 100; ++i) {
    forged[10] = i;
    ByteView datagram(forged);
    channel->feed(datagram, plaintext_room(), worker.now, answers);
  }
  EXPECT_EQ(channel->state(), TlsState::handshaking);
  EXPECT_LE(heap_bytes() - before, 10 * 17 * 1024);
}

TEST(TlsMemory, HundredThousandHellosWithoutACookieLeaveNothing) {
  DtlsWorker worker;
  DtlsClient client;
  DatagramList out;
  client.step({}, out);
  const Bytes hello = bytes_of(out[0]);
  const auto flood = [&](uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      out.clear();
      const Endpoint from{Ip::v4(0x0a000000 + i), static_cast<uint16_t>(i)};
      ASSERT_FALSE(worker.listener.on_datagram(hello, from, worker.server, worker.now, out));
      ASSERT_EQ(out.size(), 1U);
    }
  };
  flood(100);
  const ptrdiff_t before = heap_bytes();
  flood(100'000);
  EXPECT_EQ(heap_bytes(), before);
}

}  // namespace
}  // namespace turnpike::net
