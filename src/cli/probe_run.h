// The tests of a probe, one after the other, over real sockets.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/random.h"
#include "cli/probe_options.h"
#include "cli/probe_payload.h"
#include "cli/probe_report.h"
#include "client/binding_question.h"
#include "client/blocking_turn_client.h"
#include "client/session_driver.h"

namespace turnpike::cli {

class ProbeRun {
 public:
  // `options` must outlive the run.
  ProbeRun(const ProbeOptions& options, const Target& target);

  ProbeReport run();

 private:
  using Client = client::BlockingTurnClient;
  using Link = client::SessionDriver::Link;
  using Send = std::function<void(ByteView payload)>;

  // One datagram on its way to the far end and back.
  struct Exchange {
    Payload payload;
    Payload echo;
    bool there = false;    // The far end got it whole.
    bool back = false;     // And we got the echo whole.
    bool altered = false;  // Something arrived that isn't what was sent.
  };
  // The sum of several.
  struct Tally {
    uint32_t tried = 0;
    uint32_t there = 0;
    uint32_t back = 0;
    bool altered = false;
  };

  // probe_run.cc: what needs no relaying.
  void check_binding();
  void check_relays();
  std::unique_ptr<Client> allocate();
  std::optional<Endpoint> ask_binding(Link link, client::BindingQuestion& question,
                                      ProbeCheck& check, Duration patience);

  // probe_relay.cc
  void check_inside();
  void check_outside();
  void relay_to_own_socket();
  void relay_to_echo(const Endpoint& peer);
  bool permit_outside(const Endpoint& peer);
  bool bind_outside(const Endpoint& peer);
  std::optional<Endpoint> own_address(Link link);
  // Lets the socket speak first, which opens the NATs on its side; answers whom the relay saw.
  std::optional<Endpoint> knock(Link link);
  // So many of them; as long as none comes back, `telling`.
  Tally exchange(uint32_t count, uint32_t telling, const Send& send, Samples& samples);
  void arrived_there(ByteView bytes, const Send& send_back);
  void arrived_back(ByteView bytes);
  void fail_outside(const client::RequestFailed& failure);

  const ProbeOptions& options_;
  Endpoint server_;
  client::ServerAddress address_;
  IpFamily relay_family_;
  client::SessionSettings settings_;
  RandomSource random_;
  uint64_t run_id_;
  uint32_t next_number_ = 0;
  client::SessionDriver driver_;
  ProbeReport report_;
  bool hopeless_ = false;  // There is nobody to talk to.
  std::unique_ptr<Client> first_;
  std::unique_ptr<Client> second_;
  Exchange current_;
  Link own_{};  // The socket that relay_to_own_socket() is peer with.
};

}  // namespace turnpike::cli
