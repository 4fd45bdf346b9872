// A TURN client without sockets and clocks (RFC 8656): packets and time in, packets and events out.
//
// It answers challenges, repeats what got lost, keeps what it obtained alive, and believes no
// answer that isn't authenticated as the request was. One object is one 5-tuple and one allocation;
// after Released, AllocationLost or a failed Allocate it may allocate again.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/long_term_client.h"
#include "client/session.h"
#include "stun/transaction.h"

namespace turnpike::client {

enum class KeepAlive : uint8_t {
  automatic,  // Allocation, permissions and channels are refreshed ahead of their ends.
  manual,     // They are not; only the end of the allocation is told.
};

// What many sessions have in common. (Members have initialisers so that a designated one may be
// left out.)
struct SessionSettings {
  Credentials credentials = {};
  KeepAlive keep_alive = KeepAlive::automatic;
  stun::Delivery delivery = stun::Delivery::unreliable;  // `reliable`: ChannelData is padded.
  stun::RetransmitPolicy retransmit = {};
  std::string software = {};  // SOFTWARE; empty: not sent.
};

enum class EvenPort : uint8_t { even, even_and_reserve_next };

// RFC 8656 section 7.1.
struct AllocateOptions {
  uint8_t protocol = 17;  // REQUESTED-TRANSPORT, an IANA protocol number: UDP.
  std::optional<seconds> lifetime = {};
  std::optional<stun::AddressFamily> family = {};
  std::optional<stun::AddressFamily> additional_family = {};
  std::optional<EvenPort> even_port = {};
  std::optional<uint64_t> reservation_token = {};
  bool dont_fragment = false;
  bool mobility = false;  // Asks for a ticket (RFC 8016).
};

enum class Fragmentation : uint8_t { allowed, forbidden };

class TurnSession final : public Session {
 public:
  // Both must outlive the session; neither is shared between threads.
  TurnSession(const SessionSettings& settings, RandomSource& random);
  TurnSession(SessionSettings&& settings, RandomSource& random) = delete;

  // Requests. Each is answered by one event with the id returned here.
  RequestId binding(Instant now, Output& out);
  RequestId allocate(Instant now, const AllocateOptions& options, Output& out);
  // Zero releases the allocation.
  RequestId refresh(Instant now, seconds lifetime, Output& out);
  // RFC 8656 section 9.1: only the addresses count; the ports go along for servers that look.
  // RFC 8016 section 3.2: packets leave from another address from now on, and the allocation is to
  // follow. Requires has_ticket(). The answer is that of a Refresh.
  RequestId move(Instant now, Output& out);
  RequestId create_permission(Instant now, std::span<const Endpoint> peers, Output& out);
  RequestId bind_channel(Instant now, uint16_t number, const Endpoint& peer, Output& out);

  // Data. send() takes the peer's channel if it is bound, else a Send indication.
  void send(const Endpoint& peer, ByteView payload, Output& out);
  void send_indication(const Endpoint& peer, ByteView payload, Fragmentation fragmentation,
                       Output& out);
  void send_channel_data(uint16_t number, ByteView payload, Output& out) const;

  bool on_packet(Instant now, ByteView packet, Output& out) override;
  void on_time(Instant now, Output& out) override;
  [[nodiscard]] Instant deadline() const override;

  [[nodiscard]] bool allocated() const { return allocation_.has_value(); }
  // Requires allocated().
  [[nodiscard]] const Endpoint& relayed() const { return allocation_->relayed; }
  // The server lets the allocation move.
  [[nodiscard]] bool has_ticket() const { return !ticket_.empty(); }
  [[nodiscard]] std::optional<uint16_t> channel_of(const Endpoint& peer) const;
  [[nodiscard]] bool permits(const Ip& peer) const;
  // Requests without an answer so far.
  [[nodiscard]] size_t open_requests() const { return pending_.size(); }
  // Packets from the server that were not believed or fitted nothing.
  [[nodiscard]] uint32_t ignored_packets() const { return ignored_; }

 private:
  // What was asked, so that it can be asked again with another nonce.
  struct Question {
    RequestId request = RequestId::automatic;
    stun::Method method = stun::Method::binding;
    uint16_t channel = 0;                  // ChannelBind.
    std::vector<Endpoint> peers = {};      // CreatePermission, ChannelBind.
    std::optional<seconds> lifetime = {};  // Refresh.
    bool moves = false;                    // Refresh, with the ticket.
    std::optional<AllocateOptions> allocate = {};
  };

  struct Pending {
    Question question;
    stun::TransactionId id;
    stun::RetransmitSchedule schedule;
    LongTermClient::Epoch asked;      // 0: not signed.
    uint8_t attempts;                 // Transactions spent on this question.
    bool disbelieved = false;         // An answer came that our key does not vouch for,
    uint16_t disbelieved_code = 0;    // with this ERROR-CODE.
    std::vector<uint8_t> bytes = {};  // For sending it again.
  };

  struct Channel {
    uint16_t number;
    Endpoint peer;
    Instant refresh_at;
  };

  struct Allocation {
    Endpoint relayed;
    Duration lifetime;
    Instant ends_at;
    Instant refresh_at;
  };

  // turn_requests.cc: from a question to bytes.
  RequestId ask(Instant now, Question question, Output& out);
  void transmit(Instant now, Question question, uint8_t attempts, Output& out);
  [[nodiscard]] ByteView write(const Question& question, const stun::TransactionId& id,
                               LongTermClient::Epoch epoch, Output& out) const;
  [[nodiscard]] size_t size_bound(const Question& question) const;
  void repeat_or_give_up(Instant now, Output& out);

  // turn_answers.cc: from an answer to events.
  bool on_stun(Instant now, ByteView packet, Output& out);
  bool on_answer(Instant now, const stun::MessageView& message, Output& out);
  void on_challenge(Instant now, size_t index, const stun::MessageView& message, Output& out);
  void disbelieve(Instant now, size_t index, const stun::MessageView& message, Output& out);
  void on_success(Instant now, Pending done, const stun::MessageView& message, Output& out);
  // These three: false when something that must be in the answer isn't.
  bool on_binding(Instant now, const Pending& done, const stun::MessageView& message, Output& out);
  bool on_allocated(Instant now, const Pending& done, const stun::MessageView& message,
                    Output& out);
  bool on_refreshed(Instant now, const Pending& done, const stun::MessageView& message,
                    Output& out);
  void keep_ticket(const stun::MessageView& message);
  void on_permitted(Instant now, const Pending& done, Output& out);
  void on_channel_bound(Instant now, const Pending& done, Output& out);

  // turn_failures.cc
  struct Failure {
    FailureKind kind;
    uint16_t code = 0;
    std::optional<Endpoint> alternate = {};
  };
  void fail(Instant now, Pending done, const Failure& failure, Output& out);
  void fail_automatic(Instant now, Question question, const Failure& failure, Output& out);
  void fail_permissions(Instant now, Question question, const Failure& failure, Output& out);
  void lose_allocation(const Failure& failure, Output& out);
  void forget_allocation();
  Pending take(size_t index);

  // turn_data.cc
  bool on_channel_data(ByteView packet, Output& out);
  bool on_indication(const stun::MessageView& message, Output& out);

  // keep_alive.cc
  void set_lifetime(Instant from, Duration lifetime);
  void keep_alive(Instant now, Output& out);
  void refresh_permissions(Instant now, Output& out);
  void add_permission(Instant from, const Endpoint& peer);

  const SessionSettings* settings_;
  RandomSource* random_;
  LongTermClient long_term_;
  uint32_t next_request_ = 1;
  uint32_t ignored_ = 0;
  std::vector<Pending> pending_;
  std::optional<Allocation> allocation_;
  std::vector<uint8_t> ticket_;        // The newest; empty: there is none.
  std::vector<Endpoint> permissions_;  // One for each address.
  Instant permissions_refresh_at_ = Instant::max();
  std::vector<Channel> channels_;
};

static_assert(sizeof(TurnSession) < 512, "a load generator holds many thousands of these");

}  // namespace turnpike::client
