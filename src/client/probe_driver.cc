#include "client/probe_driver.h"

#include "net/clock.h"

namespace turnpike::client {

ProbeDriver::ProbeDriver(net::EventLoop& loop, ProbeSession& session, ProbePortMaker make_port,
                         std::function<void()> on_done)
    : loop_(loop),
      session_(session),
      make_port_(std::move(make_port)),
      on_done_(std::move(on_done)) {}

void ProbeDriver::start() {
  call([this](Instant now, ProbeOutput& out) { session_.start(now, out); });
}

void ProbeDriver::call(const std::function<void(Instant, ProbeOutput&)>& act) {
  if (told_) return;
  ProbeOutput out;
  act(net::monotonic_now(), out);
  carry_out(out);
  settle();
}

ProbePort* ProbeDriver::port_of(const ProbePacket& packet) {
  if (packet.slot >= ports_.size()) ports_.resize(size_t{packet.slot} + 1);
  Port& entry = ports_[packet.slot];
  if (entry.port || entry.refused) return entry.port.get();
  const Slot slot = packet.slot;
  ProbePortEvents events;
  events.on_packet = [this, slot](const Endpoint& from, ByteView bytes) {
    call([&](Instant now, ProbeOutput& out) { session_.on_packet(now, slot, from, bytes, out); });
  };
  events.on_failure = [this, slot](const Endpoint& to, SendFailure failure) {
    call([&](Instant now, ProbeOutput& out) { session_.on_failure(now, slot, to, failure, out); });
  };
  auto port = make_port_(slot, packet.to, std::move(events));
  if (!port) {
    entry.refused = true;
    if (slot == 0) problem_ = port.error();
    return nullptr;
  }
  entry.port = std::move(*port);
  session_.on_local(slot, entry.port->local_towards(packet.to));
  return entry.port.get();
}

void ProbeDriver::carry_out(ProbeOutput& out) {
  for (const ProbePacket& packet : out.packets) {
    ProbePort* port = port_of(packet);
    if (port == nullptr) continue;
    port->send(packet.to, packet.bytes);
    // TCP takes its port with the first connection.
    if (packet.slot == 0) session_.on_local(0, port->local_towards(packet.to));
  }
}

void ProbeDriver::settle() {
  if (session_.done() || problem_) {
    told_ = true;
    // Through the loop: whoever is told may destroy us, and we were called by a port of ours.
    timer_ = loop_.after(Duration::zero(), [this] {
      const auto on_done = std::move(on_done_);
      on_done();
    });
    return;
  }
  const Instant deadline = session_.deadline();
  timer_.reset();
  if (deadline == Instant::max()) return;
  timer_ = loop_.after(deadline - net::monotonic_now(), [this] {
    call([this](Instant now, ProbeOutput& out) { session_.on_time(now, out); });
  });
}

}  // namespace turnpike::client
