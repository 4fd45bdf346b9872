// One worker's allocations as an operator sees them.
#pragma once

#include "server/control.h"
#include "turn/server.h"

namespace turnpike::server {

// Of worker `worker`'s allocations those that `query` asks for, at most `query.limit`. Looking
// begins a new measurement of each listed session's rates, if the last is a second old.
SessionPage list_sessions(turn::Server& server, uint32_t worker, const SessionQuery& query,
                          Instant now);

// Ends those that fit.
uint64_t kill_sessions(turn::Server& server, uint32_t worker, const SessionFilter& filter,
                       const Now& now, turn::Outbox& out);

// Several workers' pages into one.
SessionPage merge_pages(std::vector<SessionPage> pages, size_t limit);

}  // namespace turnpike::server
