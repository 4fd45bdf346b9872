#include "base/log.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/json_text.h"

namespace turnpike {
namespace {

struct LogState {
  std::mutex mutex;  // Guards settings and logger while they change; logging takes a copy.
  LogSettings settings;
  std::shared_ptr<spdlog::logger> logger;
};

std::atomic<LogLevel> current_level{LogLevel::info};
std::atomic<LogFormat> current_format{LogFormat::text};
std::atomic<bool> redact{false};

LogState& state() {
  static LogState instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

const char* pattern_of(LogFormat format) {
  switch (format) {
    case LogFormat::text:
      return "%Y-%m-%dT%H:%M:%S.%e%z %-7l %v";
    case LogFormat::json:
      return R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})";
    case LogFormat::journal:
      return "%v";
  }
  return "%v";
}

// The priorities of syslog(3), which the journal takes from the beginning of a line.
std::string_view priority_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "<7>";
    case LogLevel::info:
      return "<6>";
    case LogLevel::warning:
      return "<4>";
    case LogLevel::error:
    case LogLevel::off:
      break;
  }
  return "<3>";
}

// spdlog throws when a file cannot be opened; nothing may leave this file by throwing.
std::shared_ptr<spdlog::logger> make_logger(const LogSettings& settings) {
  try {
    spdlog::sink_ptr sink;
    switch (settings.target) {
      case LogTarget::standard_error:
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
        break;
      case LogTarget::standard_output:
        sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
        break;
      case LogTarget::file:
        sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file);
        break;
    }
    auto logger = std::make_shared<spdlog::logger>("turnpike", std::move(sink));
    logger->set_pattern(pattern_of(settings.format));
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
    return logger;
  } catch (const spdlog::spdlog_ex&) {
    return nullptr;
  }
}

// What needs no quotes in a text line. All else goes through append_json_string, so that whatever a
// stranger's name holds, the line stays one line.
bool is_plain_word(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

std::string redacted(const Ip& ip) {
  if (ip.is_v4()) return Ip::v4(ip.v4_bits() & 0xffffff00U).to_string() + "/24";
  std::array<uint8_t, 16> bytes = ip.bytes();
  std::fill(bytes.begin() + 6, bytes.end(), uint8_t{0});
  return Ip::from_v6(bytes).to_string() + "/48";
}

}  // namespace

bool configure_log(const LogSettings& settings) {
  auto logger = make_logger(settings);
  if (!logger) return false;
  LogState& s = state();
  const std::lock_guard lock(s.mutex);
  s.settings = settings;
  s.logger = std::move(logger);
  current_level.store(settings.level);
  current_format.store(settings.format);
  redact.store(settings.redact_addresses);
  return true;
}

void set_log_level(LogLevel level) {
  current_level.store(level);
}

LogLevel log_level() {
  return current_level.load();
}

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
    case LogLevel::off:
      return "off";
  }
  return "?";
}

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (const LogLevel level :
       {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error, LogLevel::off}) {
    if (text == to_string(level)) return level;
  }
  return {};
}

void reopen_log() {
  LogSettings settings;
  {
    LogState& s = state();
    const std::lock_guard lock(s.mutex);
    settings = s.settings;
    settings.level = current_level.load();
  }
  if (settings.target == LogTarget::file) configure_log(settings);
}

LogField::LogField(std::string_view k, const Ip& ip)
    : key(k),
      value(redact.load(std::memory_order_relaxed) ? redacted(ip) : ip.to_string()),
      is_text(true) {}

LogField::LogField(std::string_view k, const Endpoint& endpoint)
    : key(k),
      value(redact.load(std::memory_order_relaxed) ? redacted(endpoint.ip) : endpoint.to_string()),
      is_text(true) {}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level < current_level.load(std::memory_order_relaxed)) return;
  std::string line;
  const LogFormat format = current_format.load(std::memory_order_relaxed);
  const bool json = format == LogFormat::json;
  if (format == LogFormat::journal) line += priority_of(level);
  if (json) {
    line += "\"event\":";
    append_json_string(line, event);
  } else {
    line += event;
  }
  for (const LogField& field : fields) {
    if (json) {
      line += ',';
      append_json_string(line, field.key);
      line += ':';
      if (field.is_text) {
        append_json_string(line, field.value);
      } else {
        line += field.value;
      }
    } else {
      line += ' ';
      line += field.key;
      line += '=';
      if (!field.is_text || is_plain_word(field.value)) {
        line += field.value;
      } else {
        append_json_string(line, field.value);
      }
    }
  }
  std::shared_ptr<spdlog::logger> logger;
  {
    LogState& s = state();
    const std::lock_guard lock(s.mutex);
    if (!s.logger) s.logger = make_logger(s.settings);
    logger = s.logger;
  }
  // The line is data, never a format string.
  if (logger) logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace turnpike
