// Clients with an allocation and a channel each, and data through it: voice, video, flood, and
// idle, which is the same without data.
#pragma once

#include <queue>

#include "cli/load_pacer.h"
#include "cli/load_payload.h"
#include "cli/load_shape.h"

namespace turnpike::cli {

class RelayLoad final : public LoadWork {
 public:
  RelayLoad(const LoadOptions& options, const Target& target, const LoadPart& part);

  std::optional<std::string> set_up() override;
  void run(const LoadTimes& times) override;
  void tear_down() override;
  [[nodiscard]] const LoadStats& stats() const override { return stats_; }
  [[nodiscard]] OwnDrops own_drops() const override { return engine_.own_drops(); }

 private:
  using SeatId = LoadEngine::SeatId;
  static constexpr uint16_t kChannel = 0x4000;

  enum class State : uint8_t { empty, asking, ready, failed };
  struct Client {
    State state = State::empty;
    uint8_t ports_tried = 1;
    uint32_t next_number = 0;
    Instant asked_at;
    Sequence at_peer;
    Sequence at_client;
  };
  struct Turn {
    Instant at;
    SeatId seat;
    bool operator>(const Turn& other) const { return at > other.at; }
  };

  [[nodiscard]] size_t peer_of(SeatId id) const { return id % options_.peers; }
  // Whose data the client gets: its own, echoed, or its partner's.
  [[nodiscard]] SeatId source_for(SeatId id) const {
    return options_.partner == Partner::client ? id ^ 1U : id;
  }
  // To whom it sends.
  Endpoint partner_of(SeatId id);
  void start(SeatId id);
  void give_up(SeatId id, const client::RequestFailed& failure);
  void greet_floor(SeatId id);
  void on_bare(SeatId id, ByteView bytes);
  void on_allocated(SeatId id);
  // The permission or the channel that the data will need.
  void open_way(SeatId id, const Endpoint& peer);
  void on_ready(SeatId id);
  void on_broken(SeatId id);
  void on_event(SeatId id, const client::Event& event);
  void on_peer(size_t peer, const net::RxDatagram& datagram);
  // `from_partner`: nobody else could have made the server bring it.
  void on_client_data(SeatId id, ByteView payload, bool from_partner);
  bool came_through_server(const Endpoint& source);
  void count_latency(const LoadHeader& header);

  void send_due();
  void send_burst(SeatId id);
  void send_one(SeatId id);
  void send_from_client(SeatId id, const LoadHeader& header);

  const LoadOptions& options_;
  LoadPart part_;
  LoadEngine engine_;
  std::vector<Client> clients_;
  std::vector<Pacer> pacers_;  // One for each client.
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;
  uint32_t decided_ = 0;  // Clients that are ready or failed.
  LoadTimes times_{Instant::max(), Instant::max()};
  LoadStats stats_;
};

}  // namespace turnpike::cli
