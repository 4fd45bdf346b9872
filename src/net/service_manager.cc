#include "net/service_manager.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include <unistd.h>

#include "net/unix_socket.h"

namespace turnpike::net {
namespace {

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? std::string() : std::string(value);
  ::unsetenv(name);
  return text;
}

std::optional<int64_t> micros_in(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

// A line of a status must stay one.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  ServiceManager manager;
  manager.socket_ = take_variable("NOTIFY_SOCKET");
  const auto period = micros_in(take_variable("WATCHDOG_USEC"));
  const auto process = micros_in(take_variable("WATCHDOG_PID"));
  const bool for_us = !process || *process == ::getpid();
  if (period && *period > 0 && for_us) manager.watchdog_ = std::chrono::microseconds(*period);
  return manager;
}

void ServiceManager::ready(const std::string& text) const {
  send("READY=1\nSTATUS=" + one_line(text));
}

void ServiceManager::reloading(Instant now) const {
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros));
}

void ServiceManager::stopping() const {
  send("STOPPING=1");
}

void ServiceManager::status(const std::string& text) const {
  send("STATUS=" + one_line(text));
}

void ServiceManager::extend_timeout(seconds more) const {
  send("EXTEND_TIMEOUT_USEC=" +
       std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(more).count()));
}

void ServiceManager::alive() const {
  send("WATCHDOG=1");
}

void ServiceManager::send(const std::string& text) const {
  if (!socket_.empty()) send_unix_datagram(socket_, text);
}

}  // namespace turnpike::net
