// Metrics of the protocol core: requests, sessions, relayed traffic, and why packets were dropped.
#include <algorithm>
#include <array>

#include "server/metrics_source.h"

namespace turnpike::server {
namespace {

using metrics::Family;
using metrics::Page;
using turn::Counters;

// Where a counter of the core is told, if not under its own name.
struct Row {
  Counter Counters::*member;
  std::string_view family;
  std::string_view label;  // Two values, as of the family.
  std::string_view value;
};

constexpr std::string_view kDropped = "turnpike_dropped_packets_total";

// What a packet was that is counted nowhere else.
constexpr std::array kDrops = {
    Row{&Counters::drop_malformed, kDropped, "client", "malformed"},
    Row{&Counters::drop_classic_stun, kDropped, "client", "classic_stun"},
    Row{&Counters::drop_not_for_servers, kDropped, "client", "not_for_servers"},
    Row{&Counters::drop_unknown_method, kDropped, "client", "unknown_method"},
    Row{&Counters::drop_no_allocation, kDropped, "client", "no_allocation"},
    Row{&Counters::drop_no_channel, kDropped, "client", "no_channel"},
    Row{&Counters::drop_bad_indication, kDropped, "client", "bad_indication"},
    Row{&Counters::drop_client_no_permission, kDropped, "client", "no_permission"},
    Row{&Counters::drop_local_peer_gone, kDropped, "client", "local_peer_gone"},
    Row{&Counters::drop_rate_limited, kDropped, "client", "rate_limited"},
    Row{&Counters::drop_parked_full, kDropped, "client", "user_store_busy"},
    Row{&Counters::drop_parked_late, kDropped, "client", "user_store_late"},
    Row{&Counters::drop_peer_no_permission, kDropped, "peer", "no_permission"},
    Row{&Counters::drop_peer_unknown_relay, kDropped, "peer", "allocation_gone"},
    Row{&Counters::drop_client_away, kDropped, "peer", "client_away"},
    Row{&Counters::drop_oversize, kDropped, "peer", "oversize"},
    Row{&Counters::drop_icmp, kDropped, "peer", "icmp"},
    Row{&Counters::drop_new_peer, kDropped, "client", "new_peer"},
    Row{&Counters::drop_packet_rate, kDropped, "any", "packet_rate"},
    Row{&Counters::drop_session_rate, kDropped, "any", "session_rate"},
    Row{&Counters::drop_capacity, kDropped, "any", "server_capacity"},
    Row{&Counters::drop_outbox_full, kDropped, "any", "outbox_full"},
};

// Told below with labels, or as the sum of what is.
constexpr std::array kToldOtherwise = {
    &Counters::relayed_to_peer_packets,
    &Counters::relayed_to_peer_bytes,
    &Counters::relayed_to_client_packets,
    &Counters::relayed_to_client_bytes,
    &Counters::peer_packets,
    &Counters::peer_bytes,
    &Counters::in_process_packets,
    &Counters::binding_requests,
    &Counters::binding_successes,
    &Counters::requests,
    &Counters::successes,
    &Counters::errors,
    &Counters::challenges,
    &Counters::stale_nonces,
    &Counters::wrong_credentials,
    &Counters::allocations_opened,
    &Counters::allocations_closed,
    &Counters::peers_refused,
};

bool has_own_family(Counter Counters::*member) {
  return std::find(kToldOtherwise.begin(), kToldOtherwise.end(), member) == kToldOtherwise.end() &&
         std::none_of(kDrops.begin(), kDrops.end(),
                      [member](const Row& row) { return row.member == member; });
}

void add_drops(const MetricsSetup& setup, Page& page) {
  Family& drops = page.counter(kDropped, "Packets dropped, by who sent them and why.");
  for (const Row& row : kDrops) {
    drops.add({{"origin", std::string(row.label)}, {"reason", std::string(row.value)}},
              sum_of(setup.workers, row.member));
  }
}

// Whatever counter has no better place: none is left out.
void add_plain_counters(const MetricsSetup& setup, Page& page) {
  for (const turn::CounterInfo& info : turn::kCounterInfo) {
    if (!has_own_family(info.member)) continue;
    page.counter("turnpike_" + std::string(info.name) + "_total", std::string(info.help) + ".")
        .add({}, sum_of(setup.workers, info.member));
  }
}

void add_requests(const MetricsSetup& setup, Page& page) {
  const auto by_method = [&](std::string_view name, std::string_view help, auto member) {
    Family& family = page.counter(name, help);
    for (size_t i = 0; i < turn::kMethods.size(); ++i) {
      family.add({{"method", std::string(stun::name(turn::kMethods.at(i)))}},
                 sum_over(setup.workers,
                          [=](const WorkerView& w) { return (w.turn->by.*member).get(i); }));
    }
  };
  by_method("turnpike_requests_total", "Requests, by method.", &turn::Breakdown::requests);
  by_method("turnpike_successes_total", "Requests that were granted, by method.",
            &turn::Breakdown::successes);

  Family& errors = page.counter("turnpike_errors_total", "Error responses, by code.");
  for (size_t i = 0; i <= turn::kErrorCodes.size(); ++i) {
    const bool is_known = i < turn::kErrorCodes.size();
    errors.add(
        {{"code", is_known ? std::to_string(static_cast<int>(turn::kErrorCodes.at(i)))
                           : std::string("other")}},
        sum_over(setup.workers, [i](const WorkerView& w) { return w.turn->by.errors.get(i); }));
  }

  Family& auth = page.counter("turnpike_auth_total",
                              "Requests that need credentials, by what became of these.");
  for (size_t i = 0; i < turn::kAuthOutcomes; ++i) {
    const auto outcome = static_cast<turn::AuthOutcome>(i);
    auth.add({{"outcome", std::string(to_string(outcome))}},
             sum_over(setup.workers,
                      [outcome](const WorkerView& w) { return w.turn->by.auth[outcome].get(); }));
  }

  Family& peers =
      page.counter("turnpike_peers_refused_total", "Peer addresses refused by policy, by reason.");
  for (size_t i = 0; i < turn::kPeerReasons; ++i) {
    const auto reason = static_cast<turn::PeerReason>(i);
    if (reason == turn::PeerReason::allowed) continue;
    peers.add({{"reason", std::string(turn::to_string(reason))}},
              sum_over(setup.workers, [reason](const WorkerView& w) {
                return w.turn->by.peers_refused[reason].get();
              }));
  }
}

template <const auto& Bounds>
metrics::HistogramValue sum_of_histograms(const std::vector<WorkerView>& workers,
                                          metrics::DurationHistogram<Bounds> WorkerStats::*member) {
  using Seconds = std::chrono::duration<double>;
  metrics::HistogramValue sum;
  for (const Duration bound : Bounds) sum.bounds.push_back(Seconds(bound).count());
  for (size_t i = 0; i <= Bounds.size(); ++i) {
    sum.counts.push_back(
        sum_over(workers, [=](const WorkerView& w) { return (w.stats->*member).count(i); }));
  }
  const uint64_t ns =
      sum_over(workers, [=](const WorkerView& w) { return (w.stats->*member).sum_ns(); });
  sum.sum = static_cast<double>(ns) / 1e9;
  return sum;
}

void add_sessions(const MetricsSetup& setup, Page& page) {
  Family& live =
      page.gauge("turnpike_allocations", "Allocations alive, by the client's transport.");
  Family& opened = page.counter("turnpike_allocations_opened_total",
                                "Allocations made, by the client's transport.");
  for (const Transport transport : turn::kTransports) {
    live.add({{"transport", name_of(transport)}},
             sum_over(setup.workers, [transport](const WorkerView& w) {
               return live_allocations(*w.turn, transport);
             }));
    opened.add({{"transport", name_of(transport)}},
               sum_of(setup.workers, &turn::Breakdown::allocations_opened, transport));
  }
  Family& closed =
      page.counter("turnpike_allocations_closed_total", "Allocations that ended, by reason.");
  for (size_t i = 0; i < turn::kCloseReasons; ++i) {
    const auto reason = static_cast<turn::CloseReason>(i);
    closed.add({{"reason", std::string(turn::to_string(reason))}},
               sum_over(setup.workers,
                        [reason](const WorkerView& w) { return w.stats->closed[reason].get(); }));
  }
  Family& shares = page.gauge("turnpike_worker_allocations", "Allocations alive, by worker.");
  for (size_t i = 0; i < setup.workers.size(); ++i) {
    uint64_t sum = 0;
    for (const Transport transport : turn::kTransports) {
      sum += live_allocations(*setup.workers[i].turn, transport);
    }
    shares.add({{"worker", std::to_string(i)}}, sum);
  }
  if (setup.limits.total_quota != 0) {
    page.gauge("turnpike_allocations_limit", "How many allocations total-quota allows each realm.")
        .add({}, setup.limits.total_quota);
  }
  page.histogram("turnpike_session_duration_seconds", "How long allocations lived that ended.")
      .add_histogram({}, sum_of_histograms(setup.workers, &WorkerStats::session_length));
  page.histogram("turnpike_allocation_setup_seconds",
                 "From an Allocate request to its success, the wait for the user store included.")
      .add_histogram({}, sum_of_histograms(setup.workers, &WorkerStats::setup_time));
}

void add_relayed(const MetricsSetup& setup, Page& page) {
  page.counter("turnpike_relayed_packets_total", "Datagrams relayed, by direction.")
      .add({{"direction", "to_peer"}}, sum_of(setup.workers, &Counters::relayed_to_peer_packets))
      .add({{"direction", "to_client"}},
           sum_of(setup.workers, &Counters::relayed_to_client_packets));
  page.counter("turnpike_relayed_bytes_total", "Payload relayed, by direction.")
      .add({{"direction", "to_peer"}}, sum_of(setup.workers, &Counters::relayed_to_peer_bytes))
      .add({{"direction", "to_client"}}, sum_of(setup.workers, &Counters::relayed_to_client_bytes));
  page.counter("turnpike_relayed_in_process_packets_total",
               "Of these, datagrams passed between two allocations of this server.")
      .add({}, sum_of(setup.workers, &Counters::in_process_packets));
  page.counter("turnpike_peer_received_packets_total", "Datagrams that came from peers.")
      .add({}, sum_of(setup.workers, &Counters::peer_packets));
  page.counter("turnpike_peer_received_bytes_total", "Payload that came from peers.")
      .add({}, sum_of(setup.workers, &Counters::peer_bytes));
}

void add_rest(const webrtc::RestCounters& counters, Page& page) {
  Family& requests = page.counter("turnpike_rest_requests_total",
                                  "Requests for credentials over HTTP, by what became of them.");
  for (size_t i = 0; i < webrtc::kRestResults; ++i) {
    const auto result = static_cast<webrtc::RestResult>(i);
    requests.add({{"result", std::string(to_string(result))}}, counters.get(result));
  }
}

}  // namespace

void add_protocol_metrics(const MetricsSetup& setup, Page& page) {
  add_sessions(setup, page);
  add_requests(setup, page);
  add_relayed(setup, page);
  add_drops(setup, page);
  add_plain_counters(setup, page);
  if (setup.rest != nullptr) add_rest(*setup.rest, page);
}

void add_user_metrics(const MetricsSetup& setup, Page& page) {
  const UserTraffic::Report report = setup.traffic->read();
  Family& packets = page.counter("turnpike_user_relayed_packets_total",
                                 "Datagrams relayed, by realm, user and direction.");
  Family& bytes = page.counter("turnpike_user_relayed_bytes_total",
                               "Payload relayed, by realm, user and direction.");
  const auto add = [&](const UserTraffic::Named& named, const char* direction,
                       const turn::Traffic& traffic) {
    const metrics::Labels labels = {
        {"realm", named.realm}, {"user", named.user}, {"direction", direction}};
    packets.add(labels, traffic.packets);
    bytes.add(labels, traffic.bytes);
  };
  for (const UserTraffic::Named& named : report.users) {
    add(named, "to_peer", named.totals.from_client);
    add(named, "to_client", named.totals.to_client);
  }
  page.gauge("turnpike_user_labels_limit", "Users that have a label of their own, at most.")
      .add({}, UserTraffic::kPlaces);
  page.counter("turnpike_other_users_relayed_packets_total",
               "Datagrams relayed for users without a label, by direction.")
      .add({{"direction", "to_peer"}}, report.others.from_client.packets)
      .add({{"direction", "to_client"}}, report.others.to_client.packets);
  page.counter("turnpike_other_users_relayed_bytes_total",
               "Payload relayed for users without a label, by direction.")
      .add({{"direction", "to_peer"}}, report.others.from_client.bytes)
      .add({{"direction", "to_client"}}, report.others.to_client.bytes);
}

}  // namespace turnpike::server
