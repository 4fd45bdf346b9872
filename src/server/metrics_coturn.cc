// The same numbers under the names and labels of coturn, so that its dashboards live on.
//
// They differ in that they are live: coturn adds a session's traffic when the session has ended.
// Its turn_ratelimit_hash_collisions is not there, because our table of sources does not know them.
#include "net/clock.h"
#include "server/metrics_source.h"

namespace turnpike::server {
namespace {

using metrics::Labels;
using metrics::Page;
using net::IoCounters;
using turn::Counters;

struct Traffic {
  turn::Traffic received;  // Of clients or of peers.
  turn::Traffic sent;
};

struct Sides {
  Traffic clients;
  Traffic peers;
};

Sides total_traffic(const std::vector<WorkerView>& workers) {
  Sides all;
  for (const WorkerView& w : workers) {
    all.clients.received.packets += w.turn->by.client_packets.total();
    all.clients.received.bytes += w.turn->by.client_bytes.total();
    all.clients.sent.packets += w.clients->sent_packets.total();
    all.clients.sent.bytes += w.clients->sent_bytes.total();
    // RFC 6062 moves bytes past all of these.
    const uint64_t tcp_up = w.turn->tcp_to_peer_bytes.get();
    const uint64_t tcp_down = w.turn->tcp_to_client_bytes.get();
    all.clients.received.bytes += tcp_up;
    all.clients.sent.bytes += tcp_down;
    all.peers.received.bytes += tcp_down;
    all.peers.sent.bytes += tcp_up;
    all.peers.received.packets += w.turn->peer_packets.get();
    all.peers.received.bytes += w.turn->peer_bytes.get();
    all.peers.sent.packets += w.turn->relayed_to_peer_packets.get();
    all.peers.sent.bytes += w.turn->relayed_to_peer_bytes.get();
  }
  return all;
}

struct Series {
  Labels labels;
  Sides traffic;
};

// `prefix` with coturn's eight endings, each with all series.
void add_traffic(const std::string& prefix, const std::vector<Series>& series, Page& page) {
  struct Ending {
    const char* name;
    const char* help;
    Traffic Sides::*side;
    turn::Traffic Traffic::*direction;
    uint64_t turn::Traffic::*unit;
  };
  constexpr auto kPackets = &turn::Traffic::packets;
  constexpr auto kBytes = &turn::Traffic::bytes;
  const std::array<Ending, 8> endings = {{
      {"rcvp", "Packets from clients.", &Sides::clients, &Traffic::received, kPackets},
      {"rcvb", "Bytes from clients.", &Sides::clients, &Traffic::received, kBytes},
      {"sentp", "Packets to clients.", &Sides::clients, &Traffic::sent, kPackets},
      {"sentb", "Bytes to clients.", &Sides::clients, &Traffic::sent, kBytes},
      {"peer_rcvp", "Packets from peers.", &Sides::peers, &Traffic::received, kPackets},
      {"peer_rcvb", "Bytes from peers.", &Sides::peers, &Traffic::received, kBytes},
      {"peer_sentp", "Packets to peers.", &Sides::peers, &Traffic::sent, kPackets},
      {"peer_sentb", "Bytes to peers.", &Sides::peers, &Traffic::sent, kBytes},
  }};
  for (const Ending& ending : endings) {
    metrics::Family& family = page.counter(prefix + ending.name, ending.help);
    for (const Series& each : series) {
      family.add(each.labels, each.traffic.*(ending.side).*(ending.direction).*(ending.unit));
    }
  }
}

// Of a session only the relayed payload is known, which is what both sides were sent.
void add_totals(Sides& sum, const UserTraffic::Totals& totals) {
  const auto add = [](turn::Traffic& to, const turn::Traffic& more) {
    to.packets += more.packets;
    to.bytes += more.bytes;
  };
  add(sum.clients.received, totals.from_client);
  add(sum.clients.sent, totals.to_client);
  add(sum.peers.received, totals.to_client);
  add(sum.peers.sent, totals.from_client);
}

std::vector<Series> traffic_by_realm(const MetricsSetup& setup) {
  std::vector<Series> series;
  // There from the beginning: a rate wants to see the zero.
  if (!setup.tells_users()) series.push_back({{{"realm", setup.realm}}, {}});
  if (setup.traffic == nullptr) return series;
  for (const UserTraffic::Named& named : setup.traffic->read().users) {
    // Nobody has a realm where nobody needs credentials.
    const std::string& realm = named.realm.empty() ? setup.realm : named.realm;
    if (setup.tells_users()) {
      series.push_back({{{"realm", realm}, {"user", named.user}}, {}});
    } else if (realm != setup.realm) {
      series.push_back({{{"realm", realm}}, {}});
    }
    const bool is_own = !setup.tells_users() && realm == setup.realm;
    add_totals((is_own ? series.front() : series.back()).traffic, named.totals);
  }
  return series;
}

void add_allocations(const MetricsSetup& setup, Page& page) {
  metrics::Family& family = page.gauge("turn_total_allocations", "Allocations alive, by type.");
  for (const auto& [transport, type] :
       {std::pair(Transport::udp, "UDP"), std::pair(Transport::tcp, "TCP"),
        std::pair(Transport::tls, "TLS/TCP"), std::pair(Transport::dtls, "DTLS")}) {
    family.add({{"type", type}}, sum_over(setup.workers, [t = transport](const WorkerView& w) {
                 return live_allocations(*w.turn, t);
               }));
  }
}

uint64_t dropped_packets(const std::vector<WorkerView>& workers) {
  uint64_t sum = 0;
  for (const turn::CounterInfo& info : turn::kCounterInfo) {
    // The second is part of another.
    if (!info.name.starts_with("drop_") || info.member == &Counters::drop_challenge_limited) {
      continue;
    }
    sum += sum_of(workers, info.member);
  }
  return sum;
}

}  // namespace

void add_coturn_metrics(const MetricsSetup& setup, Page& page) {
  const auto& workers = setup.workers;
  page.counter("stun_binding_request", "Binding requests.")
      .add({}, sum_of(workers, &Counters::binding_requests));
  page.counter("stun_binding_response", "Binding successes.")
      .add({}, sum_of(workers, &Counters::binding_successes));
  page.counter("stun_binding_error", "Binding errors.")
      .add({}, sum_of(workers, &Counters::binding_errors));

  const Sides total = total_traffic(workers);
  add_traffic("turn_traffic_", traffic_by_realm(setup), page);
  add_traffic("turn_total_traffic_", {{{}, total}}, page);
  add_allocations(setup, page);
  page.counter("turn_packet_processed", "Packets from clients and peers.")
      .add({}, total.clients.received.packets + total.peers.received.packets);
  page.counter("turn_packet_dropped", "Of these, packets that were dropped.")
      .add({}, dropped_packets(workers));

  const uint64_t challenges = sum_of(workers, &Counters::challenges);
  const uint64_t left_out = sum_of(workers, &Counters::drop_challenge_limited);
  page.counter("turn_unauthenticated_401_requests", "Requests to be answered with 401.")
      .add({}, challenges + left_out);
  page.counter("turn_unauthenticated_401_responses", "Responses 401.").add({}, challenges);
  page.counter("turn_unauthenticated_401_dropped_responses", "Responses 401 left out.")
      .add({}, left_out);
  if (setup.error_replies != nullptr) {
    page.gauge("turn_ratelimit_occupied_buckets", "Sources that have been sent errors lately.")
        .add({}, setup.error_replies->occupied(setup.limits.errors, net::monotonic_now()));
    page.gauge("turn_ratelimit_total_buckets", "Sources that can be told apart.")
        .add({}, turn::ReplyBuckets::kBuckets);
  }
  page.counter("turn_udp_recvmmsg_calls", "Calls of recvmmsg.")
      .add({}, sum_of(workers, &IoCounters::rx_calls));
  page.counter("turn_udp_recvmmsg_packets", "Datagrams received.")
      .add({}, sum_of(workers, &IoCounters::rx_datagrams));
  page.counter("turn_udp_sendmmsg_flushes", "Calls that send datagrams.")
      .add({}, sum_of(workers, &IoCounters::tx_calls));
  page.counter("turn_udp_sendmmsg_datagrams", "Datagrams sent.")
      .add({}, sum_of(workers, &IoCounters::tx_datagrams));
  // A run of one needs no segmentation.
  const uint64_t alone =
      sum_over(workers, [](const WorkerView& w) { return w.io->tx_runs.buckets().front().get(); });
  const uint64_t sent = sum_of(workers, &IoCounters::tx_datagrams);
  page.counter("turn_udp_sendmmsg_gso_datagrams", "Datagrams sent in runs.")
      .add({}, sent > alone ? sent - alone : 0);
}

}  // namespace turnpike::server
