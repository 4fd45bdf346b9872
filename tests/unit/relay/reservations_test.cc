#include "relay/reservations.h"

#include <gtest/gtest.h>

namespace turnpike::relay {
namespace {

constexpr Instant kStart{std::chrono::hours(2)};

RelaySocket make_socket() {
  Result<net::UdpSocket, net::SysError> socket =
      net::open_udp_socket({}, {.ip = *Ip::parse("127.0.0.1"), .port = 0});
  EXPECT_TRUE(socket.has_value());
  return {.socket = std::move(*socket), .external = {}};
}

TEST(Reservations, CanBeTakenOnce) {
  Reservations reservations;
  RelaySocket socket = make_socket();
  const Endpoint local = socket.socket.local();
  reservations.put(7, std::move(socket), kStart + seconds(30));
  const std::optional<RelaySocket> taken = reservations.take(7, kStart);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->socket.local(), local);
  EXPECT_FALSE(reservations.take(7, kStart));
}

TEST(Reservations, UnknownTokenHasNothing) {
  Reservations reservations;
  reservations.put(7, make_socket(), kStart + seconds(30));
  EXPECT_FALSE(reservations.take(8, kStart));
  EXPECT_EQ(reservations.size(), 1U);
}

TEST(Reservations, AreOverAtTheirDeadline) {
  Reservations reservations;
  reservations.put(7, make_socket(), kStart + seconds(30));
  EXPECT_FALSE(reservations.take(7, kStart + seconds(30)));
}

TEST(Reservations, ExpiryClosesTheSocket) {
  Reservations reservations;
  RelaySocket socket = make_socket();
  const Endpoint local = socket.socket.local();
  reservations.put(7, std::move(socket), kStart + seconds(30));
  EXPECT_EQ(reservations.expire(kStart + seconds(29)), 0U);
  EXPECT_FALSE(net::open_udp_socket({}, local).has_value());
  EXPECT_EQ(reservations.expire(kStart + seconds(30)), 1U);
  EXPECT_TRUE(net::open_udp_socket({}, local).has_value());
}

}  // namespace
}  // namespace turnpike::relay
