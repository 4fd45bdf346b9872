// What systemd is told about this process (sd_notify's protocol, without its library). Does nothing
// where there is no service manager.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"

namespace turnpike::net {

class ServiceManager {
 public:
  // Of NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are removed from the environment.
  static ServiceManager from_environment();
  ServiceManager() = default;

  void ready(const std::string& status) const;
  void reloading(Instant now) const;
  void stopping() const;
  void status(const std::string& text) const;
  // Stopping takes this much longer: the manager is not to kill us for it.
  void extend_timeout(seconds more) const;
  void alive() const;

  // How often alive() has to be called at least; absent: nobody watches.
  [[nodiscard]] std::optional<Duration> watchdog() const { return watchdog_; }

 private:
  void send(const std::string& text) const;

  std::string socket_;  // Empty: there is nobody to tell.
  std::optional<Duration> watchdog_;
};

}  // namespace turnpike::net
