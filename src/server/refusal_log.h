// The last refusals of one worker, for operators: fixed in number, and each bounded in size, since
// strangers cause them.
#pragma once

#include <vector>

#include "server/control.h"
#include "turn/effects.h"

namespace turnpike::server {

class RefusalLog {
 public:
  static constexpr size_t kKept = 128;
  static constexpr size_t kLongestName = 128;  // Of what a stranger calls himself.

  void add(const turn::CredentialsRefused& event, WallTime now);
  void add(const turn::RequestRefused& event, WallTime now);
  void add(const turn::PeerRefused& event, WallTime now);

  // The newest first.
  [[nodiscard]] std::vector<Refusal> newest(size_t limit) const;

 private:
  void keep(Refusal&& refusal);

  std::vector<Refusal> ring_;
  size_t next_ = 0;  // The oldest, once the ring is full.
};

// Of several workers.
std::vector<Refusal> merge_refusals(std::vector<std::vector<Refusal>> lists, size_t limit);

}  // namespace turnpike::server
