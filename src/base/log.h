// Structured logs: one event a line, a stable event name, key=value fields; text or JSON.
//
// Never called per packet, and not at all from stun/, auth/ (core) and turn/.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "base/time.h"

namespace turnpike {

enum class LogLevel : uint8_t { debug, info, warning, error, off };
enum class LogFormat : uint8_t {
  text,
  json,
  // Text for systemd's journal, which knows the time: the level stands in front as <N>.
  journal,
};
enum class LogTarget : uint8_t { standard_error, standard_output, file };

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  LogTarget target = LogTarget::standard_error;
  std::string file;               // For LogTarget::file.
  bool redact_addresses = false;  // Client and peer addresses lose their host part.

  friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

// Any time, any thread; a file that cannot be opened leaves the log as it was and returns false.
bool configure_log(const LogSettings& settings);
void set_log_level(LogLevel level);
LogLevel log_level();
std::string_view to_string(LogLevel level);
std::optional<LogLevel> parse_log_level(std::string_view text);
// Opens the log file anew (after rotation).
void reopen_log();

class LogField {
 public:
  LogField(std::string_view k, std::string_view v) : key(k), value(v), is_text(true) {}
  LogField(std::string_view k, const char* v) : LogField(k, std::string_view(v)) {}
  LogField(std::string_view k, const std::string& v) : LogField(k, std::string_view(v)) {}
  LogField(std::string_view k, const Ip& ip);
  LogField(std::string_view k, const Endpoint& endpoint);
  LogField(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  template <std::integral Number>
  LogField(std::string_view k, Number v) : key(k), value(std::to_string(v)) {}

  std::string_view key;
  std::string value;
  bool is_text = false;
};

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

inline void log_debug(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::debug, event, fields);
}
inline void log_info(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::info, event, fields);
}
inline void log_warning(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::warning, event, fields);
}
inline void log_error(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::error, event, fields);
}

// One per call site: lets one event through per period and says how many it held back.
class LogGate {
 public:
  explicit LogGate(Duration period) : period_(period) {}

  // The number of events suppressed since the last one that passed, or -1 for "not now".
  int64_t pass(Instant now) {
    const int64_t at = now.time_since_epoch().count();
    int64_t next = next_.load(std::memory_order_relaxed);
    if (at < next ||
        !next_.compare_exchange_strong(next, at + period_.count(), std::memory_order_relaxed)) {
      suppressed_.fetch_add(1, std::memory_order_relaxed);
      return -1;
    }
    return suppressed_.exchange(0, std::memory_order_relaxed);
  }

 private:
  const Duration period_;
  std::atomic<int64_t> next_{INT64_MIN};
  std::atomic<int64_t> suppressed_{0};
};

}  // namespace turnpike
