// What does the NAT let in over TCP? Nobody but a server that connects back can tell
// (stun/connect_back.h): this asks ours to, from its other address and from another port, while we
// listen where the request came from.
//
// The port has spoken to one address of the server alone, so nothing that arrives can have been let
// in for another reason.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "client/long_term_client.h"
#include "client/nat_class.h"
#include "client/server_link.h"

namespace turnpike::client {

struct TcpFiltering {
  NatBehavior filtering = NatBehavior::unknown;
  std::string note = {};  // Why it is unknown, or what else is worth knowing; may be empty.
};

struct TcpFilterPatience {
  Duration answer = seconds(3);  // For a connection, one answer, and the challenge between.
  Duration arrival = milliseconds(4800);  // The server's four seconds, and the way.
};

class TcpFilterProbe {
 public:
  // Asks the servers in turn, until one connects back. `local` may be of any address and port 0.
  // `loop`, `random` and `credentials` outlive it. `on_done` is called once, from the loop; it may
  // destroy the probe.
  TcpFilterProbe(net::EventLoop& loop, RandomSource& random, const Credentials& credentials,
                 const Endpoint& local, std::vector<Endpoint> servers,
                 std::function<void(const TcpFiltering&)> on_done,
                 const TcpFilterPatience& patience = {});
  TcpFilterProbe(const TcpFilterProbe&) = delete;
  TcpFilterProbe& operator=(const TcpFilterProbe&) = delete;
  ~TcpFilterProbe();

 private:
  enum class Stage : uint8_t { binding, first_request, waiting, over };

  void next_server();
  void on_packet(ByteView packet);
  void on_binding(ByteView packet);
  void on_answer(const stun::MessageView& answer);
  void on_accepted();
  void ask(bool other_address);
  void send_rest();
  void give_up(const std::string& why);
  void conclude();
  void finish(const TcpFiltering& told);
  void set_timer(Duration wait);

  net::EventLoop& loop_;
  RandomSource& random_;
  const Credentials& credentials_;
  Endpoint local_;
  std::vector<Endpoint> servers_;
  std::function<void(const TcpFiltering&)> on_done_;
  TcpFilterPatience patience_;

  Stage stage_ = Stage::binding;
  size_t next_ = 0;
  Endpoint server_;
  std::optional<Endpoint> other_;
  std::optional<LongTermClient> auth_;
  LongTermClient::Epoch asked_in_ = 0;
  stun::TransactionId id_{};  // Of the question that is open.
  bool port_reached_ = false;
  bool other_granted_ = false;  // The server has agreed to connect from its other address.
  std::vector<stun::TransactionId> other_ids_;
  std::string why_;

  net::Fd listener_;
  std::unique_ptr<ServerLink> link_;
  // After what they watch: they go first.
  net::Watch acceptable_;
  net::Watch timer_;
};

}  // namespace turnpike::client
