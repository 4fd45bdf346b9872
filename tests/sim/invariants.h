// What must be true of a TURN server whatever happens, told from the outside.
//
// The Ledger is a second, much simpler book of who may talk to whom. It is kept from requests and
// the success responses to them alone, so that it shares no code with the core, and each datagram
// that the core lets out is checked against it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/five_tuple.h"
#include "base/time.h"
#include "stun/message.h"
#include "turn/settings.h"

namespace turnpike::sim {

using Bytes = std::vector<uint8_t>;

// The first thing that was wrong; empty: nothing.
using Verdict = std::string;

class Ledger {
 public:
  // `local` is an address of ours that the world knows as `external`.
  struct OwnAddress {
    Ip local;
    Ip external;
  };

  Ledger(const turn::Settings& settings, std::vector<OwnAddress> own)
      : permission_lifetime_(settings.permission_lifetime),
        channel_lifetime_(settings.channel_lifetime),
        own_(std::move(own)) {}

  // A packet of a client reaches the server.
  void note_packet(const FiveTuple& client, ByteView packet);
  // The server sends to a client: an answer, a Data indication or ChannelData. Payloads that it
  // carries are handed back by `payload`.
  struct Carried {
    Endpoint peer;
    Bytes payload;
  };
  Verdict check_to_client(const FiveTuple& client, ByteView packet, Instant now,
                          std::optional<Carried>& carried);
  // The server sends to a peer from `relayed` (external form).
  [[nodiscard]] Verdict check_to_peer(const Endpoint& relayed, const Endpoint& peer,
                                      Instant now) const;
  // An allocation was ended from outside.
  void note_ended(const FiveTuple& client) { open_.erase(client); }
  // Something happened that may change the answer to one and the same request.
  void note_change() { ++epoch_; }
  // As above, when a deadline has passed since the last call.
  void note_time(Instant now);

  // The live allocation that holds the relayed address.
  [[nodiscard]] std::optional<FiveTuple> owner_of(const Endpoint& relayed, Instant now) const;
  // Whether two allocations may exchange data (in process) at all.
  [[nodiscard]] bool permits(const FiveTuple& client, const Ip& peer, Instant now) const;

 private:
  struct Channel {
    Endpoint peer;
    Instant deadline;
  };
  struct Open {
    std::vector<Endpoint> relayed;
    Instant deadline;
    std::map<Ip, Instant> permissions;
    std::map<uint16_t, Channel> channels;
  };
  struct Asked {
    Bytes request;
    uint64_t epoch = 0;
    std::string answer;  // The kind of answer that was given.
  };

  [[nodiscard]] Endpoint external(Endpoint endpoint) const;
  [[nodiscard]] const Open* live(const FiveTuple& client, Instant now) const;
  Verdict check_answer(const FiveTuple& client, const stun::MessageView& answer, Instant now);
  void apply(const FiveTuple& client, const stun::MessageView& request,
             const stun::MessageView& success, Instant now);
  void apply_allocate(const FiveTuple& client, const stun::MessageView& success, Instant now);
  void apply_refresh(const FiveTuple& client, const stun::MessageView& success, Instant now);
  void apply_permissions(const FiveTuple& client, const stun::MessageView& request, Instant now);

  seconds permission_lifetime_;
  seconds channel_lifetime_;
  std::vector<OwnAddress> own_;
  std::map<FiveTuple, Open> open_;
  std::map<std::pair<FiveTuple, stun::TransactionId>, Asked> asked_;
  uint64_t epoch_ = 0;
  Instant looked_at_;
};

}  // namespace turnpike::sim
