// One thread's event loop: readiness of descriptors, periods, signals, and a bell that other
// threads may ring. The only user of libevent's event_base, its own or one that it was lent.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/time.h"
#include "net/fd.h"

struct event_base;
struct timeval;

namespace turnpike::net {

class EventLoop;

// Called on the loop's thread. Must not throw (the process ends if one does). It may destroy any
// Watch, its own included, and may make new ones.
using EventCallback = std::function<void()>;

// The right to be called; destroying it ends the calls. Move-only, lives on the loop's thread, and
// must be gone before both the loop and the descriptor that it watches.
class Watch {
 public:
  Watch() noexcept;
  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;
  ~Watch();

  [[nodiscard]] explicit operator bool() const { return entry_ != nullptr; }
  void reset();

 private:
  friend class EventLoop;
  struct Entry;
  explicit Watch(std::unique_ptr<Entry> entry) noexcept;
  std::unique_ptr<Entry> entry_;
};

// Wakes the loop that made it: ring() from any thread makes the loop's callback run once or more
// often, soon. Rings before the callback runs melt into one. Move-only.
class Doorbell {
 public:
  Doorbell() = default;

  // Any thread, as long as the object lives. Does not block.
  void ring() const noexcept;

 private:
  friend class EventLoop;
  Doorbell(Fd fd, Watch watch) : fd_(std::move(fd)), watch_(std::move(watch)) {}
  Fd fd_;  // An eventfd; declared first so that the watch goes before it.
  Watch watch_;
};

// From now on libevent tells its errors in our log. For a program that has libevent to itself:
// there is one such setting in a process.
void log_event_errors();

class EventLoop {
 public:
  static constexpr Duration kForever = Duration::max();

  // Whether there are descriptors for one. Without them libevent would end the process.
  [[nodiscard]] static bool has_room();
  // What a wait is rounded up to: some milliseconds, or microseconds, which cost a system call more
  // and one descriptor.
  enum class Waits : uint8_t { coarse, precise };
  // Aborts when the system has no descriptors left for it: there is no server without a loop.
  explicit EventLoop(Waits waits = Waits::coarse);
  // On a base that outlives the loop and that its owner runs: run_turn() is not for this one. What
  // was said about threads holds for the thread that runs the base.
  explicit EventLoop(event_base& borrowed);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // Calls back in each turn in which `fd` is readable or has an error (level-triggered). An empty
  // Watch means that the kernel refused to watch the descriptor (memory, or its limit on watches).
  [[nodiscard]] Watch watch(int fd, EventCallback on_readable);
  // The same for "can be written".
  [[nodiscard]] Watch watch_writable(int fd, EventCallback on_writable);
  // Calls back each `period`, first after one period. Missed periods are not made up for.
  [[nodiscard]] Watch every(Duration period, EventCallback callback);
  // Calls back once.
  [[nodiscard]] Watch after(Duration wait, EventCallback callback);
  // Calls back on the loop's thread after the signal came. One loop per process may do this.
  [[nodiscard]] Watch on_signal(int signal, EventCallback callback);
  // nullopt: out of descriptors.
  [[nodiscard]] std::optional<Doorbell> make_doorbell(EventCallback on_ring);

  // Waits until something happens or `max_wait` is over (zero: does not wait), calls back for all
  // that happened, once, and returns.
  void run_turn(Duration max_wait);

 private:
  friend class Watch;
  friend class Resolver;
  struct State;
  event_base& base();
  Watch add(int fd, short events, const timeval* period, EventCallback callback);
  std::unique_ptr<State> state_;
};

}  // namespace turnpike::net
