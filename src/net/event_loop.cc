#include "net/event_loop.h"

#include <algorithm>
#include <array>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/eventfd.h>
#include <sys/time.h>

#include "base/check.h"
#include "base/log.h"

namespace turnpike::net {

struct EventLoop::State {
  event_base* base = nullptr;
  event turn_limit{};
  bool borrowed = false;
  bool dispatching = false;
  // Watches that were destroyed while callbacks ran: the callback that is running may be theirs.
  std::unique_ptr<Watch::Entry> retired;
};

struct Watch::Entry {
  event event_{};
  EventLoop::State* loop = nullptr;
  EventCallback callback;
  std::unique_ptr<Entry> next;  // In the list of retired ones.

  // noexcept is the contract of EventCallback: nothing may unwind through libevent's C frames.
  static void fire(evutil_socket_t, short, void* self) noexcept {
    static_cast<Entry*>(self)->callback();
  }
};

namespace {

timeval to_timeval(Duration duration) {
  const auto micros = std::chrono::ceil<std::chrono::microseconds>(duration).count();
  return {.tv_sec = micros / 1'000'000, .tv_usec = micros % 1'000'000};
}

void do_nothing(evutil_socket_t, short, void*) {}

// A refusal to watch something is told to the caller; only what ends the process is logged.
void on_libevent_log(int severity, const char* message) {
  if (severity == EVENT_LOG_ERR) log_error("event_loop_failed", {{"message", message}});
}

// A long chain of unique_ptrs would recurse in its destructor.
template <typename Entry>
void destroy_list(std::unique_ptr<Entry> head) {
  while (head) head = std::move(head->next);
}

}  // namespace

Watch::Watch() noexcept = default;
Watch::Watch(std::unique_ptr<Entry> entry) noexcept : entry_(std::move(entry)) {}
Watch::Watch(Watch&&) noexcept = default;
Watch& Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    reset();
    entry_ = std::move(other.entry_);
  }
  return *this;
}
Watch::~Watch() {
  reset();
}

void Watch::reset() {
  if (!entry_) return;
  event_del(&entry_->event_);
  EventLoop::State& loop = *entry_->loop;
  if (loop.dispatching) {
    entry_->next = std::move(loop.retired);
    loop.retired = std::move(entry_);
    if (loop.borrowed) event_active(&loop.turn_limit, 0, 0);
  }
  entry_.reset();
}

void Doorbell::ring() const noexcept {
  const uint64_t one = 1;
  // The one way to fail is a counter at its maximum, and then the bell is ringing already.
  [[maybe_unused]] const ssize_t ignored = ::write(fd_.get(), &one, sizeof(one));
}

void log_event_errors() {
  event_set_log_callback(on_libevent_log);
}

bool EventLoop::has_room() {
  // What it waits with, and the two ends of what tells it of signals.
  std::array<Fd, 3> reserved;
  for (Fd& fd : reserved) fd = Fd(::eventfd(0, EFD_CLOEXEC));
  return std::all_of(reserved.begin(), reserved.end(), [](const Fd& fd) { return bool{fd}; });
}

EventLoop::EventLoop(Waits waits) : state_(std::make_unique<State>()) {
  event_config* config = event_config_new();
  CHECK(config != nullptr);
  // One thread per loop, and Doorbell needs no help of libevent's: its locks would be waste.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  if (waits == Waits::precise) event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  state_->base = event_base_new_with_config(config);
  event_config_free(config);
  CHECK(state_->base != nullptr);
  evtimer_assign(&state_->turn_limit, state_->base, do_nothing, nullptr);
}

EventLoop::EventLoop(event_base& borrowed) : state_(std::make_unique<State>()) {
  state_->base = &borrowed;
  state_->borrowed = true;
  // Whether a callback is running can't be seen from here, so every watch is retired and goes in a
  // later turn.
  state_->dispatching = true;
  evtimer_assign(
      &state_->turn_limit, state_->base,
      [](evutil_socket_t, short, void* self) {
        destroy_list(std::move(static_cast<State*>(self)->retired));
      },
      state_.get());
}

EventLoop::~EventLoop() {
  event_del(&state_->turn_limit);
  if (!state_->borrowed) {
    // What libevent has put off until the next turn frees its memory there (net/resolver.cc). There
    // are no watches any more.
    event_base_loop(state_->base, EVLOOP_NONBLOCK);
    event_base_free(state_->base);
  }
  destroy_list(std::move(state_->retired));
}

namespace {

// The kinds of watch differ only in what is assigned to the event.
constexpr short kReadable = EV_READ | EV_PERSIST;
constexpr short kWritable = EV_WRITE | EV_PERSIST;
constexpr short kPeriodic = EV_PERSIST;
constexpr short kOnce = 0;
constexpr short kSignal = EV_SIGNAL | EV_PERSIST;

}  // namespace

Watch EventLoop::add(int fd, short events, const timeval* period, EventCallback callback) {
  auto entry = std::make_unique<Watch::Entry>();
  entry->loop = state_.get();
  entry->callback = std::move(callback);
  event_assign(&entry->event_, state_->base, fd, events, Watch::Entry::fire, entry.get());
  if (event_add(&entry->event_, period) != 0) return {};
  return Watch(std::move(entry));
}

Watch EventLoop::watch(int fd, EventCallback on_readable) {
  return add(fd, kReadable, nullptr, std::move(on_readable));
}

Watch EventLoop::watch_writable(int fd, EventCallback on_writable) {
  return add(fd, kWritable, nullptr, std::move(on_writable));
}

Watch EventLoop::every(Duration period, EventCallback callback) {
  const timeval interval = to_timeval(period);
  return add(-1, kPeriodic, &interval, std::move(callback));
}

Watch EventLoop::after(Duration wait, EventCallback callback) {
  const timeval interval = to_timeval(std::max(wait, Duration::zero()));
  return add(-1, kOnce, &interval, std::move(callback));
}

Watch EventLoop::on_signal(int signal, EventCallback callback) {
  return add(signal, kSignal, nullptr, std::move(callback));
}

std::optional<Doorbell> EventLoop::make_doorbell(EventCallback on_ring) {
  Fd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd) return {};
  const int raw = fd.get();
  Watch bell = watch(raw, [raw, callback = std::move(on_ring)] {
    // Emptied before the callback: a ring that comes during it must wake the next turn.
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t ignored = ::read(raw, &count, sizeof(count));
    callback();
  });
  if (!bell) return {};
  return Doorbell(std::move(fd), std::move(bell));
}

event_base& EventLoop::base() {
  return *state_->base;
}

void EventLoop::run_turn(Duration max_wait) {
  CHECK(!state_->borrowed);
  // EVLOOP_NONBLOCK alone would not return while a level-triggered descriptor stays readable.
  int flags = EVLOOP_ONCE;
  if (max_wait <= Duration::zero()) {
    flags |= EVLOOP_NONBLOCK;
  } else if (max_wait != kForever) {
    // An event of our own instead of event_base_loopexit(), which allocates on each call.
    const timeval limit = to_timeval(max_wait);
    event_add(&state_->turn_limit, &limit);
  }
  state_->dispatching = true;
  event_base_loop(state_->base, flags);
  state_->dispatching = false;
  event_del(&state_->turn_limit);
  destroy_list(std::move(state_->retired));
}

}  // namespace turnpike::net
