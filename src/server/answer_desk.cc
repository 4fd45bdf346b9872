#include "server/answer_desk.h"

#include <utility>

namespace turnpike::server {

uint64_t AnswerDesk::open() {
  const std::lock_guard lock(mutex_);
  answers_.clear();
  return ++question_;
}

void AnswerDesk::put(Answer&& answer) {
  {
    const std::lock_guard lock(mutex_);
    if (answer.question != question_) return;
    answers_.push_back(std::move(answer));
  }
  arrived_.notify_one();
}

void AnswerDesk::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_all();
}

std::vector<Answer> AnswerDesk::wait(size_t expected, Duration patience) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, patience, [&] { return closed_ || answers_.size() >= expected; });
  ++question_;  // Nobody waits any more.
  return std::exchange(answers_, {});
}

}  // namespace turnpike::server
