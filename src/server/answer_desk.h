// Where the answers to a question that was mailed to several threads are gathered. Nothing on the
// packet path comes here: workers only put an answer down when an operator asked.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <variant>
#include <vector>

#include "base/time.h"
#include "server/control.h"

namespace turnpike::server {

struct Killed {
  uint64_t count = 0;
};
struct Refusals {
  std::vector<Refusal> list;
};
// What was asked has been done.
struct Done {};

struct Answer {
  uint64_t question = 0;
  std::variant<SessionPage, Killed, Refusals, ReloadReport, Done> content;
};

class AnswerDesk {
 public:
  AnswerDesk() = default;
  AnswerDesk(const AnswerDesk&) = delete;
  AnswerDesk& operator=(const AnswerDesk&) = delete;

  // The number of a new question; what still comes for the one before is thrown away.
  uint64_t open();
  // Any thread. Does not block.
  void put(Answer&& answer);
  // Waits until `expected` answers are there; fewer when `patience` ends first.
  std::vector<Answer> wait(size_t expected, Duration patience);
  // Nobody answers any more: whoever waits, or will, goes away with what there is.
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  bool closed_ = false;          // Guarded by mutex_.
  uint64_t question_ = 0;        // Guarded by mutex_.
  std::vector<Answer> answers_;  // Guarded by mutex_. To question_.
};

}  // namespace turnpike::server
