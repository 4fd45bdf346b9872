// Runs a ProbeSession over real ports and the real clock, in an event loop.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "client/probe_port.h"
#include "net/event_loop.h"

namespace turnpike::client {

class ProbeDriver {
 public:
  // Loop and session outlive the driver. `on_done` is called once, from the loop, when the session
  // is done; it may destroy the driver.
  ProbeDriver(net::EventLoop& loop, ProbeSession& session, ProbePortMaker make_port,
              std::function<void()> on_done);
  ProbeDriver(const ProbeDriver&) = delete;
  ProbeDriver& operator=(const ProbeDriver&) = delete;

  void start();
  // For calls of the session that may send.
  void call(const std::function<void(Instant, ProbeOutput&)>& act);

  // Why slot 0 could not be opened, if that is so. Other slots that can't count as lost packets.
  [[nodiscard]] const std::optional<net::SysError>& problem() const { return problem_; }

 private:
  struct Port {
    std::unique_ptr<ProbePort> port;
    bool refused = false;  // It could not be opened.
  };

  ProbePort* port_of(const ProbePacket& packet);
  void carry_out(ProbeOutput& out);
  void settle();

  net::EventLoop& loop_;
  ProbeSession& session_;
  ProbePortMaker make_port_;
  std::function<void()> on_done_;
  std::vector<Port> ports_;
  std::optional<net::SysError> problem_;
  bool told_ = false;
  net::Watch timer_;
};

}  // namespace turnpike::client
