// A protocol core in virtual time, and around it what a worker gives to its clients.
#pragma once

#include <functional>
#include <utility>

#include "net/rx_slab.h"
#include "server/client_counters.h"
#include "server/source_counts.h"
#include "server/worker_turn.h"
#include "support/core_driver.h"

namespace turnpike::server {

// Nobody needs credentials, so that tests are about connections.
inline testing::CoreDriver::Options open_to_all() {
  testing::CoreDriver::Options options;
  options.settings.auth = turn::AuthMode::none;
  return options;
}

struct ClientsFixture {
  explicit ClientsFixture(testing::CoreDriver::Options options = open_to_all())
      : core(std::move(options)) {}

  testing::CoreDriver core;
  net::RxSlab slab{9216, 8};
  ClientCounters counters;
  SourceCounts sources{{1, 2}};
  // Gives the clients their packets.
  std::function<void()> send_packets;

  WorkerTurn turn() {
    return {*core.server, core.out, slab, [this]() -> const Now& { return core.now; },
            [this] { flush(); }};
  }
  void flush() {
    send_packets();
    core.out.clear();
  }
  void finish_turn() {
    flush();
    slab.reset();
  }
};

}  // namespace turnpike::server
