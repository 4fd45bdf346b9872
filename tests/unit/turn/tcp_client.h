// A client over TCP that relays TCP (RFC 6062), for tests of the core.
#pragma once

#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {

using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;
using testing::Received;
using PeerConnect = Server::PeerConnect;

constexpr std::string_view kControl = "8.8.8.8:40000";
constexpr std::string_view kData = "8.8.8.8:40001";

inline Received allocate_tcp(CoreClient& client, const testing::AddAttributes& add = {}) {
  return client.request(stun::Method::allocate, [&](stun::MessageBuilder& builder) {
    builder.add_requested_transport(6);
    if (add) add(builder);
  });
}

// One with an allocation, or a fresh link.
class TcpClient : public CoreClient {
 public:
  explicit TcpClient(CoreDriver& core, std::string_view address = kControl,
                     std::string user = "alice", std::string password = "secret")
      : CoreClient(core, address, std::move(user), std::move(password), Transport::tcp) {
    route.link = {static_cast<uint32_t>(route.tuple.client.port), 7};
  }

  Endpoint open() {
    const Received answer = allocate_tcp(*this);
    EXPECT_TRUE(answer.is(stun::Class::success)) << answer.error();
    return answer.relayed().at(0);
  }

  // What came back at once; a Connect on its way has no answer yet.
  std::optional<Received> connect(std::string_view peer) {
    return exchange(sealed(stun::Method::connect, [&](stun::MessageBuilder& builder) {
      builder.add_xor_address(stun::AttributeType::xor_peer_address, endpoint(peer));
    }));
  }
  // Connects at once; the CONNECTION-ID.
  uint32_t connect_well(std::string_view peer) {
    EXPECT_FALSE(connect(peer).has_value());
    const auto wanted = driver.effects<ConnectPeer>();
    driver.peer_connected(wanted.at(0).connection, PeerConnect::connected);
    return driver.to_client.at(0).u32(stun::AttributeType::connection_id).value();
  }

  Received bind(uint32_t id) {
    return request(stun::Method::connection_bind, [&](stun::MessageBuilder& builder) {
      builder.add_u32(stun::AttributeType::connection_id, id);
    });
  }
};

}  // namespace turnpike::turn
