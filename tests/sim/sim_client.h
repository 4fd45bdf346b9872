// A TURN client of the simulation: a sans-IO session and the moods of its user.
#pragma once

#include <string>
#include <vector>

#include "client/turn_session.h"
#include "turn/route.h"

namespace turnpike::sim {

// What a datagram carries, so that whoever gets it can tell whether it should have.
struct Tag {
  bool from_client = false;
  uint32_t sender = 0;  // The client's incarnation, or the peer's index.
  Endpoint relayed;     // Where a peer sent it to.
};
std::vector<uint8_t> make_payload(const Tag& tag, size_t size);
std::optional<Tag> read_payload(ByteView payload);

struct SimClient {
  SimClient(uint32_t incarnation_number, const turn::ClientRoute& home, size_t shard_index,
            client::Credentials credentials, uint64_t seed)
      : incarnation(incarnation_number),
        route(home),
        shard(shard_index),
        random(seed),
        settings{.credentials = std::move(credentials)},
        session(settings, random) {}

  const uint32_t incarnation;  // Unique in a world: a client that starts anew is another one.
  turn::ClientRoute route;     // Changes when it moves.
  size_t shard;
  RandomSource random;
  client::SessionSettings settings;
  client::TurnSession session;
  client::Output out;
  Instant wakes_at = Instant::max();
  bool retired = false;  // Its user has gone: nothing more is sent or read.
};

}  // namespace turnpike::sim
