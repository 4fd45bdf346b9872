#include "cli/load_requests.h"

#include <algorithm>

#include "cli/load_relay.h"

namespace turnpike::cli {

using client::RequestFailed;
using client::TurnSession;

namespace {

constexpr uint16_t kChannel = 0x4000;
// More at once than that would be a burst of our making.
constexpr uint64_t kMaxAtOnce = 256;

std::optional<std::string> open_seats(LoadEngine& engine, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    const auto id = engine.open_seat();
    if (!id) return id.error().to_string();
  }
  return {};
}

}  // namespace

ChurnLoad::ChurnLoad(const LoadOptions& options, const Target& target, const LoadPart& part)
    : options_(options),
      part_(part),
      engine_(options, target, part.peer_ip),
      begun_at_(part.clients),
      busy_(part.clients, false) {
  engine_.on_broken = [this](SeatId id) { on_broken(id); };
  engine_.on_event = [this](SeatId id, const client::Event& event) { on_event(id, event); };
  engine_.on_peer = [](size_t, const net::RxDatagram&) {};
}

std::optional<std::string> ChurnLoad::set_up() {
  if (const auto error = engine_.open_peers(options_.peers)) return error->to_string();
  if (auto problem = open_seats(engine_, part_.clients)) return problem;
  for (SeatId id = part_.clients; id-- > 0;) free_.push_back(id);
  stats_.ready = part_.clients;
  return {};
}

void ChurnLoad::run(const LoadTimes& times) {
  times_ = times;
  // The last look at the clock was before the slowest thread was set up.
  engine_.turn(engine_.now());
  Pacer pacer(engine_.now(), Duration(seconds(options_.threads)) / options_.rate);
  while (engine_.now() < times.end) {
    engine_.turn(std::min(times.end, pacer.next()));
    const uint64_t due = pacer.due(engine_.now(), kMaxAtOnce);
    for (uint64_t i = 0; i < due; ++i) {
      if (free_.empty()) {
        ++stats_.skipped;
        continue;
      }
      const SeatId id = free_.back();
      free_.pop_back();
      begin_cycle(id);
    }
  }
  while (engine_.now() < times.end + kDrainTime) engine_.turn(times.end + kDrainTime);
  stats_.behind = pacer.missed();
}

void ChurnLoad::begin_cycle(SeatId id) {
  // From a port of its own: some servers hold on to a 5-tuple for a while after the release.
  if (engine_.reopen_seat(id)) {
    ++stats_.failures["socket"];
    free_.push_back(id);
    return;
  }
  ++stats_.begun;
  busy_[id] = true;
  begun_at_[id] = engine_.now();
  engine_.call(id, [&](TurnSession& session, Instant now, client::Output& out) {
    client::AllocateOptions wanted;
    if (!part_.peer_ip.is_v4()) wanted.family = stun::AddressFamily::ipv6;
    session.allocate(now, wanted, out);
  });
}

void ChurnLoad::on_broken(SeatId id) {
  // Between two cycles that is of no consequence: each has a connection of its own.
  if (!busy_[id]) return;
  ++stats_.failures["connection lost"];
  finish(id);
}

void ChurnLoad::finish(SeatId id) {
  busy_[id] = false;
  free_.push_back(id);
}

void ChurnLoad::on_event(SeatId id, const client::Event& event) {
  const Endpoint peer = engine_.peer_address(id % options_.peers);
  const auto next = [&](const auto& act) {
    engine_.call(id, [&](TurnSession& session, Instant now, client::Output& out) {
      act(session, now, out);
    });
  };
  if (std::holds_alternative<client::Allocated>(event)) {
    next([&](TurnSession& session, Instant now, client::Output& out) {
      session.create_permission(now, std::array{peer}, out);
    });
  } else if (std::holds_alternative<client::PermissionsCreated>(event)) {
    next([&](TurnSession& session, Instant now, client::Output& out) {
      session.bind_channel(now, kChannel, peer, out);
    });
  } else if (std::holds_alternative<client::ChannelBound>(event)) {
    next([&](TurnSession& session, Instant now, client::Output& out) {
      session.refresh(now, seconds(0), out);
    });
  } else if (std::holds_alternative<client::Released>(event)) {
    ++stats_.cycles;
    if (times_.measured(engine_.now())) {
      ++stats_.measured_cycles;
      stats_.latency.add(engine_.now() - begun_at_[id]);
    }
    finish(id);
  } else if (const auto* failure = std::get_if<RequestFailed>(&event)) {
    stats_.fail(*failure);
    finish(id);
  }
}

void ChurnLoad::tear_down() {
  for (SeatId id = 0; id < engine_.seats(); ++id) {
    if (!engine_.session(id).allocated()) continue;
    engine_.call(id, [](TurnSession& session, Instant now, client::Output& out) {
      session.refresh(now, seconds(0), out);
    });
  }
  const Instant end = engine_.now() + kDrainTime;
  while (engine_.now() < end) engine_.turn(end);
}

BindingLoad::BindingLoad(const LoadOptions& options, const Target& target, const LoadPart& part)
    : options_(options), part_(part), engine_(options, target, part.peer_ip) {
  engine_.on_peer = [](size_t, const net::RxDatagram&) {};
  engine_.on_broken = [this](SeatId) { ++stats_.failures["connection lost"]; };
  engine_.on_event = [this](SeatId, const client::Event& event) {
    if (const auto* answered = std::get_if<client::BindingAnswered>(&event)) {
      ++stats_.cycles;
      if (!times_.measured(engine_.now())) return;
      ++stats_.measured_cycles;
      stats_.latency.add(answered->took);
    } else if (const auto* failure = std::get_if<RequestFailed>(&event)) {
      stats_.fail(*failure);
    }
  };
}

std::optional<std::string> BindingLoad::set_up() {
  auto problem = open_seats(engine_, part_.clients);
  if (!problem) stats_.ready = part_.clients;
  return problem;
}

void BindingLoad::run(const LoadTimes& times) {
  times_ = times;
  // The last look at the clock was before the slowest thread was set up.
  engine_.turn(engine_.now());
  Pacer pacer(engine_.now(), Duration(seconds(options_.threads)) / options_.rate);
  SeatId next = 0;
  while (engine_.now() < times.end) {
    engine_.turn(std::min(times.end, pacer.next()));
    const uint64_t due = pacer.due(engine_.now(), kMaxAtOnce);
    for (uint64_t i = 0; i < due; ++i) {
      ++stats_.begun;
      engine_.call(next, [](TurnSession& session, Instant now, client::Output& out) {
        session.binding(now, out);
      });
      next = (next + 1) % part_.clients;
    }
  }
  while (engine_.now() < times.end + kDrainTime) engine_.turn(times.end + kDrainTime);
  stats_.behind = pacer.missed();
}

std::unique_ptr<LoadWork> make_load_work(const LoadOptions& options, const Target& target,
                                         const LoadPart& part) {
  switch (options.shape) {
    case LoadShape::voice:
    case LoadShape::video:
    case LoadShape::flood:
    case LoadShape::idle:
      return std::make_unique<RelayLoad>(options, target, part);
    case LoadShape::churn:
      return std::make_unique<ChurnLoad>(options, target, part);
    case LoadShape::binding:
      return std::make_unique<BindingLoad>(options, target, part);
  }
  return nullptr;
}

}  // namespace turnpike::cli
