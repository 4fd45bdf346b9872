// What must be true of a TURN server whatever happens, told from the outside.
//
// The Ledger is a second, much simpler book of who may talk to whom. It is kept from requests and
// the success responses to them alone, so that it shares no code with the core, and each datagram
// that the core lets out is checked against it.
#pragma once

#include <map>
#include <memory>
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
  void note_ended(const FiveTuple& client) { forget(at(client)); }
  // RFC 8016: the allocation at `from` says that it is at `to` now.
  Verdict note_moved(const FiveTuple& from, const FiveTuple& to);
  // The connection at this five-tuple has ended, and its allocation has not.
  void note_lost(const FiveTuple& client);
  // Something happened that may change the answer to one and the same request.
  void note_change() { ++epoch_; }
  // As above, when a deadline has passed since the last call.
  void note_time(Instant now);

  // Whether the live allocation of a client holds the relayed address.
  [[nodiscard]] bool holds(const FiveTuple& client, const Endpoint& relayed, Instant now) const;
  // The live allocation that holds the relayed address, by one of its five-tuples.
  [[nodiscard]] std::optional<FiveTuple> owner_of(const Endpoint& relayed, Instant now) const;
  // Whether two allocations may exchange data (in process) at all.
  [[nodiscard]] bool permits(const FiveTuple& client, const Ip& peer, Instant now) const;

 private:
  struct Channel {
    Endpoint peer;
    Instant deadline;
  };
  struct Open {
    std::optional<FiveTuple> main;     // Where its data goes.
    std::optional<FiveTuple> pending;  // Where the client has shown a ticket.
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

  using OpenPtr = std::shared_ptr<Open>;

  [[nodiscard]] OpenPtr at(const FiveTuple& client) const;
  // Under each of its five-tuples.
  void forget(const OpenPtr& open);
  void keep_ticket(const OpenPtr& open, const stun::MessageView& success);
  Verdict apply_move(const FiveTuple& client, const OpenPtr& open);
  [[nodiscard]] Endpoint external(Endpoint endpoint) const;
  [[nodiscard]] const Open* live(const FiveTuple& client, Instant now) const;
  Verdict check_answer(const FiveTuple& client, const stun::MessageView& answer, Instant now);
  Verdict apply(const FiveTuple& client, const stun::MessageView& request,
                const stun::MessageView& success, Instant now);
  void apply_allocate(const FiveTuple& client, const stun::MessageView& success, Instant now);
  Verdict apply_refresh(const FiveTuple& client, const stun::MessageView& request,
                        const stun::MessageView& success, Instant now);
  void apply_permissions(const FiveTuple& client, const stun::MessageView& request, Instant now);

  seconds permission_lifetime_;
  seconds channel_lifetime_;
  std::vector<OwnAddress> own_;
  std::map<FiveTuple, OpenPtr> open_;
  std::map<Bytes, OpenPtr> tickets_;  // Also of those that have no five-tuple just now.
  std::map<std::pair<FiveTuple, stun::TransactionId>, Asked> asked_;
  uint64_t epoch_ = 0;
  Instant looked_at_;
};

}  // namespace turnpike::sim
