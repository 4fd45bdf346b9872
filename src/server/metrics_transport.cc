// Metrics of what carries the protocol: sockets, connections, handshakes, queues, ports, users.
#include "server/metrics_source.h"

namespace turnpike::server {
namespace {

using metrics::Family;
using metrics::Labels;
using metrics::Page;
using net::IoCounters;

void add_client_traffic(const MetricsSetup& setup, Page& page) {
  Family& packets_in = page.counter("turnpike_client_received_packets_total",
                                    "Packets and frames from clients, by transport.");
  Family& bytes_in =
      page.counter("turnpike_client_received_bytes_total", "Bytes from clients, by transport.");
  Family& packets_out = page.counter("turnpike_client_sent_packets_total",
                                     "Packets and frames to clients, by transport.");
  Family& bytes_out =
      page.counter("turnpike_client_sent_bytes_total", "Bytes to clients, by transport.");
  for (const Transport transport : turn::kTransports) {
    const Labels labels = {{"transport", name_of(transport)}};
    packets_in.add(labels, sum_of(setup.workers, &turn::Breakdown::client_packets, transport));
    bytes_in.add(labels, sum_of(setup.workers, &turn::Breakdown::client_bytes, transport));
    packets_out.add(labels, sum_of(setup.workers, &ClientCounters::sent_packets, transport));
    bytes_out.add(labels, sum_of(setup.workers, &ClientCounters::sent_bytes, transport));
  }
}

metrics::HistogramValue sum_of_runs(const std::vector<WorkerView>& workers,
                                    net::RunHistogram IoCounters::*runs,
                                    Counter IoCounters::*datagrams) {
  metrics::HistogramValue sum;
  sum.bounds = {1, 3, 7, 15, 31};
  static_assert(net::RunHistogram::kBuckets == 6, "one bound fewer than buckets");
  for (size_t i = 0; i < net::RunHistogram::kBuckets; ++i) {
    sum.counts.push_back(sum_over(
        workers, [=](const WorkerView& w) { return (w.io->*runs).buckets().at(i).get(); }));
  }
  sum.sum = static_cast<double>(sum_of(workers, datagrams));
  return sum;
}

void add_udp(const MetricsSetup& setup, Page& page) {
  const auto& workers = setup.workers;
  page.counter("turnpike_udp_datagrams_total", "Datagrams through UDP sockets, by direction.")
      .add({{"direction", "received"}}, sum_of(workers, &IoCounters::rx_datagrams))
      .add({{"direction", "sent"}}, sum_of(workers, &IoCounters::tx_datagrams));
  page.counter("turnpike_udp_bytes_total", "Bytes through UDP sockets, by direction.")
      .add({{"direction", "received"}}, sum_of(workers, &IoCounters::rx_bytes))
      .add({{"direction", "sent"}}, sum_of(workers, &IoCounters::tx_bytes));
  page.counter("turnpike_udp_system_calls_total", "Calls that receive or send datagrams.")
      .add({{"direction", "received"}}, sum_of(workers, &IoCounters::rx_calls))
      .add({{"direction", "sent"}}, sum_of(workers, &IoCounters::tx_calls));
  page.histogram("turnpike_udp_run_datagrams",
                 "Datagrams that crossed the kernel together, by direction.")
      .add_histogram({{"direction", "received"}},
                     sum_of_runs(workers, &IoCounters::rx_runs, &IoCounters::rx_datagrams))
      .add_histogram({{"direction", "sent"}},
                     sum_of_runs(workers, &IoCounters::tx_runs, &IoCounters::tx_datagrams));
  page.counter("turnpike_udp_receive_drops_total", "Datagrams lost on receiving, by reason.")
      .add({{"reason", "queue_full"}}, sum_of(workers, &IoCounters::rx_drop_queue_full))
      .add({{"reason", "truncated"}}, sum_of(workers, &IoCounters::rx_drop_truncated));
  page.counter("turnpike_udp_send_drops_total", "Datagrams lost on sending, by reason.")
      .add({{"reason", "would_block"}}, sum_of(workers, &IoCounters::tx_drop_would_block))
      .add({{"reason", "no_buffers"}}, sum_of(workers, &IoCounters::tx_drop_no_buffers))
      .add({{"reason", "too_big"}}, sum_of(workers, &IoCounters::tx_drop_too_big))
      .add({{"reason", "unreachable"}}, sum_of(workers, &IoCounters::tx_drop_unreachable))
      .add({{"reason", "not_permitted"}}, sum_of(workers, &IoCounters::tx_drop_not_permitted))
      .add({{"reason", "other"}}, sum_of(workers, &IoCounters::tx_drop_other));
  page.counter("turnpike_udp_receive_errors_total", "Failed reads of UDP sockets.")
      .add({}, sum_of(workers, &IoCounters::rx_errors));
  page.counter("turnpike_udp_receive_pauses_total", "Times that reading waited for room.")
      .add({}, sum_of(workers, &IoCounters::rx_no_room));
  page.counter("turnpike_udp_segmentation_off_total",
               "Times that sending in runs was given up, for a socket or for a path.")
      .add({{"scope", "socket"}}, sum_of(workers, &IoCounters::tx_gso_disabled))
      .add({{"scope", "path"}}, sum_of(workers, &IoCounters::tx_gso_path_disabled));
  page.counter("turnpike_icmp_errors_total", "ICMP errors about datagrams that were sent.")
      .add({}, sum_of(workers, &IoCounters::icmp_errors) +
                   sum_of(workers, &WorkerStats::gathered_errors));
}

// What is open: never below zero, for the reason given at live_allocations().
uint64_t open_count(const std::vector<WorkerView>& workers, Counter ClientCounters::*opened,
                    Counter ClientCounters::*closed) {
  const uint64_t ended = sum_of(workers, closed);
  const uint64_t begun = sum_of(workers, opened);
  return begun > ended ? begun - ended : 0;
}

void add_connections(const MetricsSetup& setup, Page& page) {
  const auto& workers = setup.workers;
  page.gauge("turnpike_client_connections", "Connections of clients: TCP with TLS, and DTLS.")
      .add({{"kind", "stream"}},
           open_count(workers, &ClientCounters::streams_opened, &ClientCounters::streams_closed))
      .add({{"kind", "dtls"}},
           open_count(workers, &ClientCounters::dtls_opened, &ClientCounters::dtls_closed));
  page.counter("turnpike_client_connections_opened_total", "Connections of clients.")
      .add({{"kind", "stream"}}, sum_of(workers, &ClientCounters::streams_opened))
      .add({{"kind", "dtls"}}, sum_of(workers, &ClientCounters::dtls_opened));
  page.counter("turnpike_connections_refused_total", "Connections refused, by reason.")
      .add({{"reason", "source_limit"}}, sum_of(workers, &ClientCounters::refused_source_limit))
      .add({{"reason", "few_descriptors"}}, sum_of(workers, &ClientCounters::refused_scarce))
      .add({{"reason", "half_open"}}, sum_of(workers, &ClientCounters::refused_half_open))
      .add({{"reason", "no_descriptors"}}, sum_of(workers, &ClientCounters::accept_no_descriptors));
  page.counter("turnpike_connections_cut_total", "Connections that the server ended, by reason.")
      .add({{"reason", "not_turn"}}, sum_of(workers, &ClientCounters::closed_not_turn))
      .add({{"reason", "slow"}}, sum_of(workers, &ClientCounters::closed_slow))
      .add({{"reason", "idle"}}, sum_of(workers, &ClientCounters::closed_idle))
      .add({{"reason", "few_descriptors"}}, sum_of(workers, &ClientCounters::closed_scarce))
      .add({{"reason", "queue_full"}}, sum_of(workers, &ClientCounters::closed_queue_full))
      .add({{"reason", "unanswered"}}, sum_of(workers, &ClientCounters::closed_unanswered));
  page.counter("turnpike_connection_dropped_packets_total",
               "Packets dropped on the way from or to a connection, by reason.")
      .add({{"reason", "queue_full"}}, sum_of(workers, &ClientCounters::drop_queue_full))
      .add({{"reason", "no_room"}}, sum_of(workers, &ClientCounters::drop_no_room));
  page.counter("turnpike_connections_moved_total",
               "Connections that went to the worker of their allocation (RFC 6062).")
      .add({}, sum_of(workers, &ClientCounters::streams_moved));
  page.counter("turnpike_data_connections_total",
               "Connections of clients that were bound to one of a peer (RFC 6062).")
      .add({}, sum_of(workers, &ClientCounters::streams_bound));
  page.counter("turnpike_data_connection_pauses_total",
               "Times that one of these had to wait for bandwidth.")
      .add({}, sum_of(workers, &ClientCounters::pipes_slowed));
  page.counter("turnpike_stream_reads_total",
               "Reads of TCP connections, of clients and peers, that brought bytes.")
      .add({}, sum_of(workers, &ClientCounters::stream_reads));
  page.counter("turnpike_stream_reads_left_total",
               "Times that more was left to read from one of these.")
      .add({}, sum_of(workers, &ClientCounters::stream_reads_left));
  page.counter("turnpike_proxied_connections_total",
               "Connections from load balancers (PROXY protocol), by result.")
      .add({{"result", "accepted"}}, sum_of(workers, &ClientCounters::proxy_headers))
      .add({{"result", "wrong_source"}}, sum_of(workers, &ClientCounters::proxy_source_refused))
      .add({{"result", "too_many"}}, sum_of(workers, &ClientCounters::proxy_waiting_refused))
      .add({{"result", "bad_header"}}, sum_of(workers, &ClientCounters::proxy_header_refused))
      .add({{"result", "late"}}, sum_of(workers, &ClientCounters::proxy_header_late));

  Family& handshakes =
      page.counter("turnpike_handshakes_total", "TLS and DTLS handshakes, by result.");
  for (const Transport transport : {Transport::tls, Transport::dtls}) {
    const auto add = [&](const char* result, turn::TransportTally ClientCounters::*member) {
      handshakes.add({{"protocol", name_of(transport)}, {"result", result}},
                     sum_of(workers, member, transport));
    };
    add("done", &ClientCounters::handshakes_done);
    add("failed", &ClientCounters::handshakes_failed);
    add("late", &ClientCounters::handshakes_late);
  }
  page.counter("turnpike_connections_silent_total", "TCP connections whose client said nothing.")
      .add({}, sum_of(workers, &ClientCounters::handshakes_late, Transport::tcp));
}

void add_queues(const MetricsSetup& setup, Page& page) {
  const auto& workers = setup.workers;
  Family& letters =
      page.gauge("turnpike_mailbox_letters", "Messages of other threads that wait for a worker.");
  for (size_t i = 0; i < workers.size(); ++i) {
    letters.add({{"worker", std::to_string(i)}}, workers[i].letters_waiting());
  }
  page.gauge("turnpike_requests_waiting", "Requests that wait for the user store.")
      .add({}, sum_of(workers, &WorkerStats::requests_waiting));
  page.gauge("turnpike_stream_queue_bytes", "Bytes that TCP and TLS clients have not taken yet.")
      .add({}, sum_of(workers, &WorkerStats::stream_queue_bytes));
  page.counter("turnpike_mail_lost_total", "Messages between threads that found no room, by kind.")
      .add({{"kind", "handover"}}, sum_of(workers, &WorkerStats::handovers_lost))
      .add({{"kind", "forward"}}, sum_of(workers, &WorkerStats::forwards_lost))
      .add({{"kind", "user_lookup"}}, sum_of(workers, &WorkerStats::questions_lost));
}

void add_ports(const MetricsSetup& setup, Page& page) {
  page.gauge("turnpike_relay_sockets", "Relayed addresses that are open.")
      .add({}, sum_of(setup.workers, &WorkerStats::relay_sockets));
  page.counter(
          "turnpike_relays_not_gathered_total",
          "Relayed addresses that gather-peers did not reach: their sockets receive themselves.")
      .add({}, sum_of(setup.workers, &WorkerStats::relays_not_gathered));
  page.gauge("turnpike_relay_ports_limit", "Ports of each relay address.")
      .add({}, setup.limits.ports_per_address);
  if (setup.directory != nullptr) {
    Family& used =
        page.gauge("turnpike_relay_ports_used", "Ports that allocations hold, by relay address.");
    for (const turn::RelayDirectory::Use& use : setup.directory->use()) {
      const bool is_udp = use.transport == turn::RelayTransport::udp;
      used.add({{"address", use.external.to_string()}, {"transport", is_udp ? "udp" : "tcp"}},
               use.ports);
    }
  }
  if (setup.reservations != nullptr) {
    page.gauge("turnpike_relay_ports_reserved", "Ports held for a RESERVATION-TOKEN.")
        .add({}, setup.reservations->size());
  }
}

void add_user_store(const auth::AuthService::Counters& auth, Page& page) {
  page.gauge("turnpike_user_store_up", "1 if the user store could be read the last time.")
      .add({}, auth.is_available.get());
  page.gauge("turnpike_user_lookups_waiting", "Questions that wait for the user store.")
      .add({}, auth.waiting.get());
  page.counter("turnpike_user_lookups_total", "Questions to the user store, by answer.")
      .add({{"result", "found"}}, auth.found.get())
      .add({{"result", "not_found"}}, auth.not_found.get())
      .add({{"result", "unavailable"}}, auth.unavailable.get());
}

}  // namespace

void add_transport_metrics(const MetricsSetup& setup, Page& page) {
  add_client_traffic(setup, page);
  add_connections(setup, page);
  add_udp(setup, page);
  add_queues(setup, page);
  add_ports(setup, page);
  if (setup.auth != nullptr) add_user_store(*setup.auth, page);
}

}  // namespace turnpike::server
