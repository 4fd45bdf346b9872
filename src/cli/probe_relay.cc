// The part of a probe that sends data through the relay and looks at what arrives.
#include <algorithm>

#include "cli/probe_run.h"
#include "client/binding_question.h"
#include "net/clock.h"

namespace turnpike::cli {

using client::PeerDataView;
using client::RequestFailed;
using State = ProbeCheck::State;

namespace {

constexpr uint16_t kInsideChannel = 0x4000;
constexpr uint16_t kOutsideChannel = 0x4001;

// A little one, a voice packet, a piece of video.
constexpr std::array<size_t, 3> kSizes = {kMinPayloadSize, 172, 1100};

// What is not back by then is lost: a probe is for people who wait.
constexpr Duration kLost = seconds(1);

// Where nothing gets through, three are as telling as a thousand. That one kind of packet is
// dropped takes more: where others pass, so many in a row are hardly lost by chance.
constexpr uint32_t kHopeless = 3;
constexpr uint32_t kTelling = 10;

template <typename Answer>
bool note(ProbeCheck& check, const Result<Answer, RequestFailed>& answer) {
  ++check.samples.tried;
  if (!answer) {
    check.state = State::failed;
    check.problem = explain(answer.error());
    return false;
  }
  check.samples.times.push_back(answer->took);
  if (check.state == State::not_run) check.state = State::passed;
  return true;
}

std::string transport_words(Transport transport) {
  if (transport == Transport::udp) return "";
  return " --transport " + std::string(to_string(transport));
}

struct Silence {
  std::string way_there;
  std::string way_back;
};

void conclude(ProbeCheck& check, uint32_t there, bool altered, const Silence& silence) {
  check.state = State::failed;
  if (altered) {
    check.problem = ProbeProblem{ProbeExit::failure, "a datagram arrived altered",
                                 "Something on the way rewrites payloads."};
  } else if (!check.samples.times.empty()) {
    check.state = State::passed;
    check.detail = check.detail.empty() ? "both ways" : "both ways, " + check.detail;
  } else if (there > 0) {
    check.problem = ProbeProblem{ProbeExit::silent_relay,
                                 "the data arrived there, but nothing came back", silence.way_back};
  } else {
    check.problem = ProbeProblem{ProbeExit::silent_relay, "no data arrived", silence.way_there};
  }
}

}  // namespace

void ProbeRun::arrived_there(ByteView bytes, const Send& send_back) {
  if (std::ranges::equal(bytes, current_.payload)) {
    current_.there = true;
    send_back(current_.echo);
    return;
  }
  // Left-overs of earlier exchanges are none of this one's business.
  const auto number = payload_number(run_id_, bytes);
  if (!number || *number + 1 == next_number_) current_.altered = true;
}

void ProbeRun::arrived_back(ByteView bytes) {
  if (std::ranges::equal(bytes, current_.echo)) {
    current_.back = true;
    return;
  }
  const auto number = payload_number(run_id_, bytes);
  if (number && *number + 1 == next_number_) current_.altered = true;
}

ProbeRun::Tally ProbeRun::exchange(uint32_t count, uint32_t telling, const Send& send,
                                   Samples& samples) {
  Tally tally;
  while (tally.tried < (tally.back > 0 ? count : telling) && !tally.altered) {
    const uint32_t number = next_number_++;
    current_ = {};
    current_.payload = probe_payload(run_id_, number, kSizes[number % kSizes.size()]);
    current_.echo = *echo_of(current_.payload);
    ++samples.tried;
    ++tally.tried;
    const Instant start = net::monotonic_now();
    send(current_.payload);
    driver_.run_until([this] { return current_.back || current_.altered; },
                      start + std::min(kLost, options_.patience));
    if (current_.back) {
      samples.times.push_back(net::monotonic_now() - start);
      ++tally.back;
    }
    if (current_.there || current_.back) ++tally.there;
    tally.altered = current_.altered;
  }
  return tally;
}

void ProbeRun::check_inside() {
  const Endpoint first = first_->session().relayed();
  const Endpoint second = second_->session().relayed();
  if (!note(report_.permission, first_->permit(second)) ||
      !note(report_.permission, second_->permit(first))) {
    return;
  }
  std::optional<Endpoint> seen_as;
  second_->on_data = [&](const PeerDataView& data) {
    seen_as = data.peer;
    arrived_there(data.payload, [&](ByteView echo) { second_->send(first, echo); });
  };
  first_->on_data = [&](const PeerDataView& data) { arrived_back(data.payload); };
  const Send send = [&](ByteView payload) { first_->send(second, payload); };

  // The first half in indications, the second in channels.
  Tally indications;
  Tally channels;
  ProbeCheck& check = report_.inside;
  const uint32_t half = options_.count / 2;
  const uint32_t telling = std::min(kTelling, options_.count);
  if (half > 0) indications = exchange(half, telling, send, check.samples);
  const bool bound = note(report_.channel, first_->bind_channel(kInsideChannel, second)) &&
                     note(report_.channel, second_->bind_channel(kInsideChannel, first));
  if (bound) {
    channels = exchange(options_.count - half,
                        indications.back > 0 ? telling : std::min(kHopeless, options_.count), send,
                        check.samples);
  }
  first_->on_data = nullptr;
  second_->on_data = nullptr;

  if (seen_as && *seen_as != first) {
    check.detail = "but the sender " + first.to_string() + " appears as " + seen_as->to_string();
  }
  const std::string advice =
      "Two clients of this server can't reach each other through it: behind a NAT it needs "
      "external-ip, or a NAT that leads its own public address back to it.";
  conclude(check, indications.there + channels.there, indications.altered || channels.altered,
           {advice, advice});
  if (check.state != State::passed || !bound || half == 0) return;
  if (indications.back > 0 && channels.back > 0) return;
  const bool by_channel = channels.back > 0;
  const uint32_t silent = by_channel ? indications.tried : channels.tried;
  if (silent < kTelling) {
    check.detail += ", but none of " + std::to_string(silent) +
                    (by_channel ? " by indications" : " by channels") + ": too few to judge by";
    return;
  }
  check.state = State::failed;
  check.problem = ProbeProblem{
      ProbeExit::silent_relay,
      by_channel ? "data came by channels, and none by indications"
                 : "data came by indications, and none by channels",
      "Something on the way to the server takes one kind of packet for no STUN and drops it."};
}

void ProbeRun::check_outside() {
  if (options_.echo_peer) {
    relay_to_echo(*options_.echo_peer);
  } else {
    relay_to_own_socket();
  }
  first_->on_data = nullptr;
}

void ProbeRun::fail_outside(const RequestFailed& failure) {
  ProbeCheck& check = report_.outside;
  check.problem = explain(failure);
  check.state = State::failed;
  if (!failure.is(stun::ErrorCode::forbidden)) return;

  check.state = State::forbidden;
  check.problem->exit = ProbeExit::peer_forbidden;
  check.problem->advice =
      "The server's peer policy keeps it from this address; for an address of its own host or of a "
      "private network that is as it should be.";
  if (options_.echo_peer) return;
  // Elsewhere a loopback name would mean another machine.
  const std::string host =
      server_.ip.is_loopback() ? "ADDRESS-OF-THE-SERVER" : options_.target.host;
  report_.elsewhere = "turnpike probe --host " + host + " --port " + std::to_string(server_.port) +
                      transport_words(address_.transport) + " " + options_.target.credential_words +
                      (relay_family_ == IpFamily::v6 ? " --ipv6" : "");
}

bool ProbeRun::permit_outside(const Endpoint& peer) {
  const auto answer = first_->permit(peer);
  if (!answer) fail_outside(answer.error());
  return answer.has_value();
}

bool ProbeRun::bind_outside(const Endpoint& peer) {
  const auto answer = first_->bind_channel(kOutsideChannel, peer);
  if (!answer) fail_outside(answer.error());
  return answer.has_value();
}

std::optional<Endpoint> ProbeRun::own_address(Link link) {
  if (server_.ip.family() == relay_family_) {
    client::BindingQuestion question;
    ProbeCheck unused("");
    // A server of streams may be silent there.
    const Duration patience = address_.transport == Transport::udp
                                  ? options_.patience
                                  : std::min<Duration>(options_.patience, seconds(1));
    if (const auto mapped = ask_binding(link, question, unused, patience)) return mapped;
  }
  // Nobody tells how we are seen: right wherever there is no NAT.
  const auto ip = net::source_address_to(first_->session().relayed());
  if (!ip) return {};
  return Endpoint{*ip, driver_.local(link).port};
}

std::optional<Endpoint> ProbeRun::knock(Link link) {
  constexpr int kKnocks = 3;
  std::optional<Endpoint> seen_as;
  const Payload payload = probe_payload(run_id_, next_number_++, kMinPayloadSize);
  first_->on_data = [&](const PeerDataView& data) {
    if (std::ranges::equal(data.payload, payload)) seen_as = data.peer;
  };
  for (int i = 0; i < kKnocks && !seen_as; ++i) {
    static_cast<void>(driver_.send_to(link, first_->session().relayed(), payload));
    driver_.run_until([&] { return seen_as.has_value(); },
                      net::monotonic_now() + milliseconds(500));
  }
  return seen_as;
}

void ProbeRun::relay_to_own_socket() {
  ProbeCheck& check = report_.outside;
  const auto link =
      driver_.open({any_address(relay_family_), 0}, [&](const Endpoint& from, ByteView bytes) {
        arrived_there(bytes,
                      [&](ByteView echo) { static_cast<void>(driver_.send_to(own_, from, echo)); });
      });
  if (!link) {
    check.state = State::failed;
    check.problem = ProbeProblem{ProbeExit::failure, link.error().to_string(), ""};
    return;
  }
  own_ = *link;
  if (const auto own = own_address(own_); !own) {
    check.state = State::failed;
    check.problem =
        ProbeProblem{ProbeExit::failure, "this host has no address of the relay's family",
                     "Probe the other family (--ipv4, --ipv6)."};
  } else if (permit_outside(*own)) {
    // Behind some NATs the relay sees another port than the server's own does.
    const Endpoint peer = knock(own_).value_or(*own);
    if (bind_outside(peer)) {
      first_->on_data = [&](const PeerDataView& data) { arrived_back(data.payload); };
      const Tally tally = exchange(
          options_.count, std::min(kHopeless, options_.count),
          [&](ByteView payload) { first_->send(peer, payload); }, check.samples);
      check.detail = "peer " + peer.to_string();
      conclude(check, tally.there, tally.altered,
               {"What the server sends from its relay port does not reach this host: a firewall "
                "here, or one that lets the server send nothing.",
                "What this host sends to the relay port does not reach the server: let UDP to "
                "min-port to max-port through its firewall, and set external-ip behind a NAT."});
    }
  }
  driver_.close(own_);
}

void ProbeRun::relay_to_echo(const Endpoint& peer) {
  ProbeCheck& check = report_.outside;
  if (!permit_outside(peer) || !bind_outside(peer)) return;
  first_->on_data = [&](const PeerDataView& data) { arrived_back(data.payload); };
  const Tally tally = exchange(
      options_.count, std::min(kHopeless, options_.count),
      [&](ByteView payload) { first_->send(peer, payload); }, check.samples);
  check.detail = "peer " + peer.to_string();
  const std::string advice = "Does `turnpike probe --echo " + std::to_string(peer.port) +
                             "` run there, and do the firewalls on both sides let UDP through?";
  conclude(check, tally.there, tally.altered, {advice, advice});
}

}  // namespace turnpike::cli
