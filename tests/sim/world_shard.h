// One worker of the simulated server, and how its clients reach it.
#pragma once

#include "sim/world.h"

namespace turnpike::sim {

const Endpoint kServer4{Ip::v4(0x0a000005), 3478};

// Each transport has one link.
inline turn::LinkId link_of(Transport transport) {
  return {static_cast<uint32_t>(transport), 0};
}
inline Transport transport_of(turn::LinkId link) {
  return static_cast<Transport>(link.index);
}

struct World::Shard {
  Shard(World& world, uint32_t index)
      : number(index),
        ports(world.space_),
        random(world.random_.next()),
        server(std::make_shared<turn::Settings>(world.options_.settings),
               {.ports = ports,
                .directory = world.directory_,
                .quota = world.quota_,
                .random = random,
                .worker = index,
                .capacity_from_clients = &world.capacity_from_clients_,
                .capacity_to_clients = &world.capacity_to_clients_},
               nonce_key, world.now_.mono) {}

  uint32_t number;
  auth::NonceKey nonce_key{};
  testing::FakeRelayPorts ports;
  RandomSource random;
  turn::Outbox out;
  turn::Server server;
  uint64_t handed_in = 0;
  uint64_t handed_out = 0;
};

}  // namespace turnpike::sim
