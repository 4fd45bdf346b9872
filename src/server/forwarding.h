// The letters of one worker about clients that moved (RFC 8016): the worker that has a client's
// link and the one that holds its allocation pass its packets to each other in batches.
#pragma once

#include <functional>
#include <vector>

#include "server/worker_message.h"
#include "turn/outbox.h"

namespace turnpike::server {

class Forwarding {
 public:
  using Post = std::function<bool(uint32_t worker, WorkerMessage&&)>;

  // `worker` is this one; `post` outlives it, and may refuse.
  Forwarding(uint32_t worker, Post post) : worker_(worker), post_(std::move(post)) {}

  // Copies packets for post_all().
  void add(const turn::ToClient& packet);
  void add(const turn::ToOwner& packet);
  // What does not fit into a mailbox is lost, as it would be in a full socket: answers how many
  // packets. Whoever misses a note asks again, and a note that stays too long expires.
  size_t post_all();

  // Posted at once, and so before the packets that this turn has collected: an answer must not
  // bring its client back sooner than the note about it.
  void post(const turn::RouteHeld& event);
  void post(const turn::RouteReleased& event);
  void post(const turn::RouteLost& event);

 private:
  struct Letters {
    ToLinks to_links;
    FromLinks from_links;
  };
  Letters& letters_for(uint32_t worker);

  uint32_t worker_;
  Post post_;
  std::vector<Letters> letters_;  // Index: worker.
};

// The packets of a letter, as they were before they were mailed.
void for_each_packet(const ToLinks& letter,
                     const std::function<void(const turn::ToClient&)>& visit);
void for_each_packet(const FromLinks& letter,
                     const std::function<void(const turn::ClientRoute&, ByteView)>& visit);

}  // namespace turnpike::server
