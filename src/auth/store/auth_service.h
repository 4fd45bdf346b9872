// The auth thread: answers the workers' questions about users, so that no worker ever waits for a
// disk, and tells when the users have changed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "auth/user_store.h"
#include "base/counter.h"
#include "base/time.h"

namespace turnpike::auth {

struct LookupRequest {
  uint32_t worker = 0;  // Who asks; comes back in the answer.
  uint64_t ticket = 0;  // What for; comes back in the answer.
  std::string name{};   // Empty when by_userhash.
  bool by_userhash = false;
  stun::Sha256Mac userhash{};
  std::string realm{};  // Empty: that of the settings.
};

struct LookupAnswer {
  uint32_t worker;
  uint64_t ticket;
  uint64_t generation;  // Of the state in force when the store was asked.
  Result<UserRecord, LookupError> user;
};

class AuthService {
 public:
  using Deliver = std::function<void(const LookupAnswer&)>;
  using StateChanged = std::function<void(std::shared_ptr<const StoreState>)>;

  struct Settings {
    std::string realm{};
    milliseconds poll_period{500};  // A change takes effect within this at the latest.
    size_t queue_capacity = 4096;   // As many as four workers may park.
  };

  // Both callbacks are called on the auth thread, and not once the destructor has returned. The
  // state is told once at the start and with every change, always before an answer that was found
  // under it. While the store cannot be read the last state stays in force; before it was ever
  // read, a state that promises nothing: there may be users, and they may lack SHA-256 keys.
  AuthService(std::unique_ptr<UserStore> store, Settings settings, Deliver deliver,
              StateChanged state_changed);
  // Questions that wait are dropped, the one being answered is finished.
  ~AuthService();
  AuthService(const AuthService&) = delete;
  AuthService& operator=(const AuthService&) = delete;

  // From any thread. False when the queue is full.
  [[nodiscard]] bool submit(LookupRequest request);
  // From any thread but its own: uses another store from now on, whose state is told like a change.
  void replace(std::unique_ptr<UserStore> store);
  // From any thread but its own: looks for changes now. True when that has been done, and what was
  // found has been told; false when it took longer than `patience`.
  bool look_now(Duration patience);

  // For whoever watches; any thread, without a lock.
  struct Counters {
    Counter found;
    Counter not_found;
    Counter unavailable;
    Gauge waiting;       // As of the last question or answer.
    Gauge is_available;  // 1: the store could be read the last time.
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  void run();
  enum class Work : uint8_t { questions, look, stop };
  // Waits for questions, or for the time to look for changes.
  Work wait_for_work(std::vector<LookupRequest>& questions);
  void report_look();
  void look_for_change();
  void publish(StoreState state);
  void answer(const LookupRequest& question);
  void count(const Result<UserRecord, LookupError>& user);
  bool is_stopping();

  const Settings settings_;
  const Deliver deliver_;
  const StateChanged state_changed_;

  // The auth thread's own.
  std::unique_ptr<UserStore> store_;
  Counters counters_;  // But for `waiting`, which is written under mutex_.
  uint64_t generation_ = 0;
  bool state_is_stale_ = true;  // The store has changed since the state was read.
  uint64_t looks_begun_ = 0;    // Of looks_wanted_, as of the present round.

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<LookupRequest> waiting_;     // Guarded by mutex_.
  std::unique_ptr<UserStore> next_store_;  // Guarded by mutex_; nullptr: none.
  uint64_t looks_wanted_ = 0;              // Guarded by mutex_.
  uint64_t looks_done_ = 0;                // Guarded by mutex_.
  std::condition_variable looked_;
  bool stopping_ = false;  // Guarded by mutex_.

  std::thread thread_;  // Last: it runs as soon as it is made.
};

}  // namespace turnpike::auth
