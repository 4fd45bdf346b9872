// What `turnpike load` was asked to do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/target_options.h"
#include "net/tls_client.h"

namespace turnpike::cli {

inline constexpr const char* kLoadCommand = "turnpike load";

enum class LoadShape : uint8_t { voice, video, flood, churn, idle, binding };
std::string_view name(LoadShape shape);

enum class Direction : uint8_t {
  up,    // Clients send, peers only count.
  down,  // Peers send, clients only count.
  echo,  // Clients send and peers send back what they got.
};
std::string_view name(Direction direction);

// How data goes between client and server.
enum class Carry : uint8_t {
  channel,
  indication,
  bare,  // As it is: the server is the bare loop of bench/floor, which knows no TURN.
};
std::string_view name(Carry carry);

// Who gets the data that a client has relayed.
enum class Partner : uint8_t {
  socket,  // Of this process.
  client,  // Another client, at its relayed address: the server delivers to itself.
};

struct LoadOptions {
  TargetOptions target;
  LoadShape shape = LoadShape::voice;
  uint32_t clients = 10;
  uint32_t threads = 1;
  Duration duration = seconds(10);
  Duration warm_up = seconds(1);
  uint32_t setup_rate = 1000;  // Clients a second, over all threads.

  // The traffic of one client: every `period` a burst of `burst` datagrams.
  Direction direction = Direction::echo;
  Duration period = milliseconds(20);
  uint32_t burst = 1;
  uint32_t size = 172;
  Carry carry = Carry::channel;
  Partner partner = Partner::socket;
  // Churn and binding: cycles or requests a second, over all clients.
  uint32_t rate = 100;

  std::optional<Ip> peer_ip;  // Where the peers' sockets are; default: where we reach the server.
  uint32_t peers = 16;        // Their number in each thread.
  bool gso = false;
  std::optional<int> server_pid;
  std::shared_ptr<const net::TlsClientContext> tls;  // Set for TLS and DTLS.
  bool json = false;
};

// The options, or the code to leave with: what was wrong is told by then, or --help was answered.
Result<LoadOptions, int> parse_load_options(Arguments arguments);

}  // namespace turnpike::cli
