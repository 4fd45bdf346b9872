// The real Control: questions go by mail to the workers and to the main thread, the answers are
// gathered at a desk, and what changes rarely is kept here as snapshots.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "server/answer_desk.h"
#include "server/control.h"
#include "server/worker.h"

namespace turnpike::server {

// What an operator may ask the main thread.
struct ReloadQuestion {
  uint64_t question;
};
struct DrainQuestion {
  uint64_t question;
  std::optional<seconds> within;
};
// Answered when all that was mailed to the main thread before has been dealt with.
struct SyncQuestion {
  uint64_t question;
};
using MainQuestion = std::variant<ReloadQuestion, DrainQuestion, SyncQuestion>;

class ControlDesk final : public Control {
 public:
  struct Links {
    // False: the main thread's mailbox is full.
    std::function<bool(MainQuestion&&)> ask_main;
    // Makes the auth thread look for changes; returns when it has, or after a while.
    std::function<void()> look_at_users;
  };

  // The workers must not change any more, and outlive this.
  ControlDesk(const std::vector<std::unique_ptr<Worker>>& workers, Links links, Instant started);

  Result<SessionPage, ControlError> sessions(const SessionQuery& query) override;
  Result<uint64_t, ControlError> kill(const SessionFilter& filter) override;
  Result<std::vector<Refusal>, ControlError> refusals(size_t limit) override;
  Result<ReloadReport, ControlError> reload() override;
  Result<void, ControlError> drain(std::optional<seconds> within) override;
  void users_changed() override;
  ServerStatus status() override;
  std::shared_ptr<const Configuration> configuration() override;

  // Any thread.
  void put(Answer&& answer) { desk_.put(std::move(answer)); }

  // The server stops: questions are answered no more.
  void close() { desk_.close(); }

  // The main thread's.
  void set_configuration(Configuration configuration, std::vector<Endpoint> listening);
  void note_reload(std::vector<std::string> needs_restart, WallTime at);
  void note_draining(std::optional<Instant> deadline);
  void note_locating(bool locating) { locating_.store(locating, std::memory_order_relaxed); }

 private:
  struct Rare {
    std::shared_ptr<const Configuration> configuration;
    std::vector<Endpoint> listening;
    std::vector<std::string> needs_restart;
    std::optional<WallTime> reloaded_at;
    std::optional<Instant> drain_deadline;
  };

  // The letter that `make(question)` writes to each worker, and all their answers.
  template <typename Make>
  Result<std::vector<Answer>, ControlError> ask_workers(const Make& make);
  Result<Answer, ControlError> ask_main(const std::function<MainQuestion(uint64_t)>& make,
                                        Duration patience);

  const std::vector<std::unique_ptr<Worker>>& workers_;
  const Links links_;
  const Instant started_;
  AnswerDesk desk_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> locating_{false};
  mutable std::mutex mutex_;
  Rare rare_;  // Guarded by mutex_.
};

}  // namespace turnpike::server
