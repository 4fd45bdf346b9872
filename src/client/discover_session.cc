#include "client/discover_session.h"

#include <algorithm>

namespace turnpike::client {
namespace {

using State = ServerReport::State;

// How often the mapping may change under our hands before we call it unstable, and how long a third
// server may take to settle a disagreement of two.
constexpr int kMaxRepeats = 3;
constexpr Duration kSettleTime = milliseconds(1500);
// So that a name with hundreds of addresses is no flood.
constexpr size_t kMaxServers = 16;

bool is_over(State state) {
  return state == State::refused || state == State::unreachable || state == State::rejected;
}

}  // namespace

DiscoverSession::DiscoverSession(const DiscoverSettings& settings, RandomSource& random)
    : settings_(settings), random_(&random) {}

void DiscoverSession::add_server(Instant now, const Endpoint& server, ProbeOutput& out) {
  auto& servers = result_.servers;
  const auto same = [&server](const ServerReport& known) { return known.server == server; };
  if (done_ || servers.size() >= kMaxServers) return;
  if (std::any_of(servers.begin(), servers.end(), same)) return;
  servers.push_back({.server = server});
  if (ends_at_ == Instant::max()) return;
  if (owed_) owed_ = !ask_next(now, out);
  top_up(now, out);
}

void DiscoverSession::no_more_servers(Instant now, ProbeOutput& out) {
  all_known_ = true;
  if (ends_at_ != Instant::max()) conclude(now, out);
}

void DiscoverSession::start(Instant now, ProbeOutput& out) {
  started_at_ = now;
  ends_at_ = now + settings_.patience;
  top_up(now, out);
  if (all_known_) conclude(now, out);
}

void DiscoverSession::on_local(Slot slot, const Endpoint& local) {
  if (slot == 0) result_.local = local;
}

void DiscoverSession::top_up(Instant now, ProbeOutput& out) {
  while (!done_ && asking() + answered().size() < 2 && ask_next(now, out)) {
  }
}

// Servers at addresses that were not asked yet come first: two answers from one address say nothing
// about other destinations.
bool DiscoverSession::ask_next(Instant now, ProbeOutput& out) {
  const auto& servers = result_.servers;
  size_t best = servers.size();
  for (size_t i = 0; i < servers.size() && best == servers.size(); ++i) {
    if (servers[i].state != State::not_asked) continue;
    const bool fresh = std::none_of(servers.begin(), servers.end(), [&](const ServerReport& other) {
      return other.state != State::not_asked && other.server.ip == servers[i].server.ip;
    });
    if (fresh) best = i;
  }
  for (size_t i = 0; i < servers.size() && best == servers.size(); ++i) {
    if (servers[i].state == State::not_asked) best = i;
  }
  if (best == servers.size()) return false;
  next_server_at_ = now + kNextServerAfter;
  ask(now, best, out);
  return true;
}

void DiscoverSession::ask(Instant now, size_t server, ProbeOutput& out) {
  Inquiry inquiry{server, {}, {settings_.retransmit, settings_.delivery, now}};
  random_->fill(inquiry.id);
  if (result_.servers[server].state == State::not_asked) {
    result_.servers[server].state = State::asked;
  }
  inquiries_.push_back(inquiry);
  send(inquiry, out);
}

void DiscoverSession::send(const Inquiry& inquiry, ProbeOutput& out) const {
  out.packets.push_back(
      {0, result_.servers[inquiry.server].server, make_binding_request(inquiry.id, {})});
}

void DiscoverSession::on_packet(Instant now, Slot slot, const Endpoint& from, ByteView packet,
                                ProbeOutput& out) {
  const auto id = answered_id(packet);
  if (done_ || slot != 0 || !id) return;
  const auto inquiry = std::find_if(inquiries_.begin(), inquiries_.end(),
                                    [&id](const Inquiry& open) { return open.id == *id; });
  if (inquiry == inquiries_.end()) return;
  ServerReport& server = result_.servers[inquiry->server];
  // The transaction id shows that somebody on the way to the server answers, but what the mapping
  // towards that other address is, nobody knows.
  if (from != server.server) {
    server.answered_from = from;
    return;
  }
  const auto answer = parse_binding_answer(packet);
  if (!answer) return;
  const size_t index = inquiry->server;
  server.took = now - inquiry->schedule.first_sent();
  inquiries_.erase(inquiry);
  on_answer(now, index, *answer, out);
}

void DiscoverSession::on_answer(Instant now, size_t index, const BindingAnswer& answer,
                                ProbeOutput& out) {
  ServerReport& server = result_.servers[index];
  if (answer.error != 0) {
    server.state = State::rejected;
    server.error = answer.error;
    top_up(now, out);
    return conclude(now, out);
  }
  const std::optional<Endpoint> before = server.mapped;
  if (answered().empty()) {
    // Something does come through: what is silent may be loss.
    ends_at_ = settings_.second_opinion ? std::min(ends_at_, now + *settings_.second_opinion)
                                        : started_at_ + 2 * settings_.patience;
  }
  server.state = State::answered;
  server.mapped = answer.public_address();
  server.rewritten = answer.rewritten();
  if (asked_again_ == index && before != server.mapped) {
    // The NAT forgot the mapping between two questions: what others said before is old news.
    asked_again_.reset();
    ++repeats_;
    ends_at_ = started_at_ + (settings_.second_opinion ? 1 : 2) * settings_.patience;
    for (size_t i = 0; i < result_.servers.size(); ++i) {
      ServerReport& other = result_.servers[i];
      if (i == index || other.state != State::answered) continue;
      other.state = State::asked;
      other.mapped.reset();
      ask(now, i, out);
    }
    if (repeats_ > kMaxRepeats) return finish(DiscoverOutcome::endpoint_dependent);
  }
  // A server with a second address can confirm itself, where nobody else is listed.
  if (answer.other_address && answer.other_address->ip != server.server.ip &&
      answer.other_address->ip.family() == server.server.ip.family()) {
    const bool others = std::any_of(
        result_.servers.begin(), result_.servers.end(), [&server](const ServerReport& other) {
          return other.server.ip != server.server.ip && !is_over(other.state);
        });
    if (!others) add_server(now, *answer.other_address, out);
  }
  conclude(now, out);
}

std::vector<size_t> DiscoverSession::answered() const {
  std::vector<size_t> list;
  for (size_t i = 0; i < result_.servers.size(); ++i) {
    if (result_.servers[i].state == State::answered) list.push_back(i);
  }
  return list;
}

void DiscoverSession::conclude(Instant now, ProbeOutput& out) {
  if (done_) return;
  const auto& servers = result_.servers;
  const std::vector<size_t> told = answered();
  if (settings_.enough == 1 && !told.empty()) return give_up();
  bool elsewhere = false;  // Two at different addresses have answered.
  for (const size_t a : told) {
    if (servers[a].mapped == result_.local) {
      result_.translated = false;
      result_.mapped = result_.local;
      return finish(DiscoverOutcome::found);
    }
    for (const size_t b : told) {
      if (servers[a].server.ip == servers[b].server.ip) continue;
      elsewhere = true;
      if (servers[a].mapped != servers[b].mapped) continue;
      result_.mapped = *servers[a].mapped;
      return finish(DiscoverOutcome::found);
    }
  }
  if (elsewhere) return on_disagreement(now, out);
  if (asking() == 0 && !ask_next(now, out) && all_known_) give_up();
}

void DiscoverSession::on_disagreement(Instant now, ProbeOutput& out) {
  const size_t first = answered().front();
  if (!asked_again_) {
    asked_again_ = first;
    ask(now, first, out);
    // A third opinion tells a server that lies from a mapping that depends on the destination.
    ask_next(now, out);
    ends_at_ = std::min(ends_at_, now + settings_.retransmit.rto * 4 + kSettleTime);
    next_server_at_ = Instant::max();
    return;
  }
  if (asking() == 0) finish(DiscoverOutcome::endpoint_dependent);
}

void DiscoverSession::on_failure(Instant now, Slot slot, const Endpoint& to, SendFailure failure,
                                 ProbeOutput& out) {
  if (done_ || slot != 0) return;
  const auto gone = std::remove_if(inquiries_.begin(), inquiries_.end(), [&](const Inquiry& open) {
    return result_.servers[open.server].server == to;
  });
  if (gone == inquiries_.end()) return;
  inquiries_.erase(gone, inquiries_.end());
  for (ServerReport& server : result_.servers) {
    if (server.server != to || server.state != State::asked) continue;
    server.state = failure == SendFailure::refused ? State::refused : State::unreachable;
  }
  top_up(now, out);
  conclude(now, out);
}

void DiscoverSession::on_time(Instant now, ProbeOutput& out) {
  if (done_) return;
  if (now >= ends_at_) return give_up();
  bool gave_up = false;
  for (size_t i = 0; i < inquiries_.size();) {
    const auto step = inquiries_[i].schedule.poll(now);
    if (step == stun::RetransmitSchedule::Step::give_up) {
      inquiries_.erase(inquiries_.begin() + static_cast<ptrdiff_t>(i));
      gave_up = true;
      continue;
    }
    if (step == stun::RetransmitSchedule::Step::resend) send(inquiries_[i], out);
    ++i;
  }
  if (now >= next_server_at_) {
    next_server_at_ = Instant::max();
    if (!ask_next(now, out)) owed_ = true;
  }
  if (gave_up) conclude(now, out);
}

Instant DiscoverSession::deadline() const {
  if (done_) return Instant::max();
  Instant first = std::min(ends_at_, next_server_at_);
  for (const Inquiry& inquiry : inquiries_) first = std::min(first, inquiry.schedule.deadline());
  return first;
}

void DiscoverSession::give_up() {
  const std::vector<size_t> told = answered();
  const auto& servers = result_.servers;
  const bool elsewhere = std::any_of(told.begin(), told.end(), [&](size_t i) {
    return servers[i].server.ip != servers[told.front()].server.ip;
  });
  if (elsewhere) return finish(DiscoverOutcome::endpoint_dependent);
  if (told.empty()) return finish(DiscoverOutcome::no_answer);
  result_.mapped = *servers[told.front()].mapped;
  finish(DiscoverOutcome::unconfirmed);
}

void DiscoverSession::finish(DiscoverOutcome outcome) {
  result_.outcome = outcome;
  done_ = true;
}

}  // namespace turnpike::client
