// What one worker counts: a single writer, any number of readers.
#pragma once

#include <array>
#include <string_view>

#include "base/counter.h"
#include "turn/breakdown.h"

namespace turnpike::turn {

// X(member, help). The order is the order of presentation.
#define TURNPIKE_TURN_COUNTERS(X)                                                              \
  X(peer_packets, "Datagrams that came from peers")                                            \
  X(peer_bytes, "Bytes that came from peers")                                                  \
  X(relayed_to_peer_packets, "Datagrams relayed from clients to peers")                        \
  X(relayed_to_peer_bytes, "Payload bytes relayed from clients to peers")                      \
  X(relayed_to_client_packets, "Datagrams relayed from peers to clients")                      \
  X(relayed_to_client_bytes, "Payload bytes relayed from peers to clients")                    \
  X(in_process_packets, "Of those, datagrams passed between two of our own allocations")       \
  X(binding_requests, "Binding requests")                                                      \
  X(binding_successes, "Binding success responses")                                            \
  X(binding_errors, "Error responses to Binding requests")                                     \
  X(requests, "Requests other than Binding")                                                   \
  X(successes, "Success responses other than Binding")                                         \
  X(errors, "Error responses")                                                                 \
  X(challenges, "Error responses 401")                                                         \
  X(redirects, "Error responses 300")                                                          \
  X(stale_nonces, "Error responses 438")                                                       \
  X(wrong_credentials, "Requests whose credentials were wrong")                                \
  X(quota_refusals, "Error responses 486")                                                     \
  X(capacity_refusals, "Error responses 508")                                                  \
  X(peers_refused, "Peer addresses refused by policy")                                         \
  X(allocations_opened, "Allocations made")                                                    \
  X(allocations_closed, "Allocations that ended")                                              \
  X(moves, "Allocations that followed their clients to another address")                       \
  X(forwarded_to_owner, "Client packets passed to the worker that holds the allocation")       \
  X(forwarded_from_links, "Client packets that came through other workers")                    \
  X(drop_malformed, "Client packets dropped: neither STUN nor ChannelData, or malformed")      \
  X(drop_classic_stun, "Client packets dropped: STUN of RFC 3489")                             \
  X(drop_not_for_servers, "Client packets dropped: responses, and indications we do not take") \
  X(drop_unknown_method, "Client packets dropped: requests with an unknown method")            \
  X(drop_no_allocation, "Client packets dropped: data without an allocation")                  \
  X(drop_no_channel, "Client packets dropped: ChannelData on an unbound channel")              \
  X(drop_bad_indication, "Client packets dropped: malformed Send indications")                 \
  X(drop_client_no_permission, "Client packets dropped: no permission for the peer")           \
  X(drop_peer_no_permission, "Peer datagrams dropped: no permission")                          \
  X(drop_client_away, "Peer datagrams dropped: the client has lost its connection")            \
  X(drop_peer_unknown_relay, "Peer datagrams dropped: the allocation is gone")                 \
  X(drop_local_peer_gone, "Datagrams to one of our relayed addresses that no longer lives")    \
  X(drop_rate_limited, "Answers to strangers left out by the rate limit")                      \
  X(drop_challenge_limited, "Of those, challenges")                                            \
  X(drop_parked_full, "Requests dropped: too many wait for the user store")                    \
  X(drop_parked_late,                                                                          \
    "Requests dropped: no answer of the user store in time, or a client that left")            \
  X(drop_packet_rate, "Datagrams dropped: over a session's packets a second")                  \
  X(drop_new_peer, "Client packets dropped: too many new peers a second")                      \
  X(drop_session_rate, "Datagrams dropped: over a session's bandwidth")                        \
  X(drop_capacity, "Datagrams dropped: over the server's bandwidth")                           \
  X(drop_oversize, "Peer datagrams dropped: too large for what would carry them")              \
  X(drop_outbox_full, "Packets dropped: no room for the answer in this turn")                  \
  X(icmp_to_client, "ICMP errors passed to clients")                                           \
  X(drop_icmp, "ICMP errors not passed on")                                                    \
  X(permission_cap, "Requests refused: too many permissions")                                  \
  X(new_peer_refusals, "Requests refused: too many new peers a second")                        \
  X(channel_cap, "Requests refused: too many channels")                                        \
  X(connection_cap, "TCP connections refused: the allocation has too many")                    \
  X(connects_begun, "Connect requests that set out for a peer")                                \
  X(connects_unanswered, "Connect requests whose answer found no room")                        \
  X(connections_opened, "TCP connections with peers, in either direction")                     \
  X(connections_bound, "TCP connections with peers that a client bound")                       \
  X(connections_closed, "TCP connections with peers that ended")                               \
  X(connections_unbound, "Of those, because no client bound them in time")                     \
  X(connections_no_permission, "TCP connections of peers closed: no permission")               \
  X(links_moved, "ConnectionBind requests that went to another worker with their link")        \
  X(tcp_to_peer_bytes, "Bytes relayed from clients to peers over TCP")                         \
  X(tcp_to_client_bytes, "Bytes relayed from peers to clients over TCP")

struct Counters {
#define X(member, help) Counter member;
  TURNPIKE_TURN_COUNTERS(X)
#undef X
  Breakdown by;
};

struct CounterInfo {
  std::string_view name;
  std::string_view help;
  Counter Counters::*member;
};

inline constexpr auto kCounterInfo = std::to_array<CounterInfo>({
#define X(member, help) CounterInfo{#member, help, &Counters::member},
    TURNPIKE_TURN_COUNTERS(X)
#undef X
});

#undef TURNPIKE_TURN_COUNTERS

}  // namespace turnpike::turn
