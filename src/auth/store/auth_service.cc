#include "auth/store/auth_service.h"

#include <utility>

namespace turnpike::auth {
namespace {

StoreState unknown_state() {
  StoreState state;
  state.has_users = true;
  state.all_users_have_sha256 = false;
  return state;
}

}  // namespace

AuthService::AuthService(std::unique_ptr<UserStore> store, Settings settings, Deliver deliver,
                         StateChanged state_changed)
    : settings_(std::move(settings)),
      deliver_(std::move(deliver)),
      state_changed_(std::move(state_changed)),
      store_(std::move(store)),
      thread_([this] { run(); }) {}

AuthService::~AuthService() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool AuthService::submit(LookupRequest request) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= settings_.queue_capacity) return false;
    waiting_.push_back(std::move(request));
    counters_.waiting.set(waiting_.size());
  }
  wake_.notify_one();
  return true;
}

void AuthService::replace(std::unique_ptr<UserStore> store) {
  {
    const std::lock_guard lock(mutex_);
    next_store_ = std::move(store);
  }
  wake_.notify_one();
}

bool AuthService::look_now(Duration patience) {
  std::unique_lock lock(mutex_);
  const uint64_t wanted = ++looks_wanted_;
  wake_.notify_one();
  return looked_.wait_for(lock, patience, [&] { return looks_done_ >= wanted; });
}

void AuthService::run() {
  look_for_change();
  if (generation_ == 0) publish(unknown_state());
  std::vector<LookupRequest> questions;
  while (true) {
    const Work work = wait_for_work(questions);
    if (work == Work::stop) return;
    // Before the answers as well as in between: however many questions there are, none is answered
    // from a state that is older than the store. It costs a few microseconds a batch.
    look_for_change();
    if (work == Work::look) report_look();
    for (const LookupRequest& question : questions) {
      if (is_stopping()) return;
      answer(question);
    }
    questions.clear();
  }
}

AuthService::Work AuthService::wait_for_work(std::vector<LookupRequest>& questions) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, settings_.poll_period, [this] {
    return stopping_ || !waiting_.empty() || next_store_ || looks_wanted_ != looks_begun_;
  });
  questions.swap(waiting_);
  counters_.waiting.set(0);
  if (next_store_) {
    store_ = std::move(next_store_);
    state_is_stale_ = true;
  }
  if (stopping_) return Work::stop;
  const bool asked = looks_wanted_ != looks_begun_;
  looks_begun_ = looks_wanted_;
  return asked ? Work::look : Work::questions;
}

void AuthService::report_look() {
  {
    const std::lock_guard lock(mutex_);
    looks_done_ = looks_begun_;
  }
  looked_.notify_all();
}

void AuthService::look_for_change() {
  if (store_->changed()) state_is_stale_ = true;
  if (!state_is_stale_) return;
  auto state = store_->state(settings_.realm);
  counters_.is_available.set(state ? 1 : 0);
  // Without an answer everything stays as it is: what workers remember goes on being good.
  if (!state) return;
  state_is_stale_ = false;
  publish(std::move(*state));
}

void AuthService::publish(StoreState state) {
  state.generation = ++generation_;
  state_changed_(std::make_shared<const StoreState>(std::move(state)));
}

void AuthService::answer(const LookupRequest& question) {
  const std::string& realm = question.realm.empty() ? settings_.realm : question.realm;
  auto user = question.by_userhash ? store_->find_by_userhash(realm, question.userhash)
                                   : store_->find(realm, question.name);
  count(user);
  deliver_({question.worker, question.ticket, generation_, std::move(user)});
}

void AuthService::count(const Result<UserRecord, LookupError>& user) {
  const bool is_down = !user && user.error() == LookupError::unavailable;
  (user ? counters_.found : is_down ? counters_.unavailable : counters_.not_found).add();
  counters_.is_available.set(is_down ? 0 : 1);
}

bool AuthService::is_stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace turnpike::auth
