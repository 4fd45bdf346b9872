// What the parts of a worker that talk to clients need of it.
#pragma once

#include <functional>

#include "base/time.h"
#include "net/rx_slab.h"
#include "turn/outbox.h"
#include "turn/server.h"

namespace turnpike::server {

struct WorkerTurn {
  turn::Server& server;
  turn::Outbox& outbox;
  net::RxSlab& slab;
  std::function<const Now&()> now;
  // Sends what the outbox holds; afterwards nothing views received bytes any more.
  std::function<void()> flush;
};

}  // namespace turnpike::server
