// Everything that may be mailed to a worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "auth/user_store.h"
#include "net/interfaces.h"
#include "net/tls_context.h"
#include "relay/relay_addresses.h"
#include "server/client_limits.h"
#include "server/control.h"
#include "server/stream_handover.h"
#include "turn/server.h"

namespace turnpike::server {

struct NewSettings {
  std::shared_ptr<const turn::Settings> settings;
};
struct NewStoreState {
  std::shared_ptr<const auth::StoreState> state;
};
struct KeyAnswer {
  turn::KeyTicket ticket;
  auth::KeyCache::Answer answer;
};
// Datagrams that allocations of another worker sent to relayed addresses of this one.
struct HandedOver {
  struct Item {
    turn::RelayId relay;
    Endpoint source;
    size_t size;
  };
  std::vector<Item> items;
  std::vector<uint8_t> bytes;  // The payloads, one after the other.
};
// RFC 6062: the connection that `request` wants to bind is this worker's.
struct AdoptStream {
  std::unique_ptr<StreamHandover> stream;
  std::vector<uint8_t> request;
};
// Packets for clients whose link this worker has, from workers that hold their allocations.
struct ToLinks {
  struct Item {
    turn::LinkId link;
    Endpoint client;
    Ip server_ip;
    turn::Precious precious;
    size_t size;
  };
  std::vector<Item> items;
  std::vector<uint8_t> bytes;  // The packets, one after the other.
};
// The other way: packets of clients whose allocation this worker holds. The link of the route is
// that of the worker that passes them on.
struct FromLinks {
  struct Item {
    turn::ClientRoute from;
    size_t size;
  };
  std::vector<Item> items;
  std::vector<uint8_t> bytes;
};
struct SetAdmission {
  turn::Admission admission;
};
// Relayed addresses are chosen from these from now on.
struct NewHostAddresses {
  std::shared_ptr<const net::HostAddresses> host;
};
// Relayed addresses are told as these from now on.
struct NewExternalIps {
  std::vector<relay::ExternalIp> external_ips;
};
// For connections to come.
struct NewTlsContext {
  std::shared_ptr<const net::TlsContext> tls;
};
// The alternate servers that answer.
struct NewAlternates {
  std::shared_ptr<const std::vector<AlternateServer>> alternates;
  std::vector<Endpoint> own;  // Those of them that lead here.
};
// For connections and relayed addresses to come.
struct NewLimits {
  StreamLimits streams;
  DtlsLimits dtls;
  relay::RelaySettings relay;
};
// What operators ask; the answer carries the question's number (see answer_desk.h).
struct ListSessions {
  uint64_t question;
  SessionQuery query;
};
struct KillSessions {
  uint64_t question;
  SessionFilter filter;
};
struct ListRefusals {
  uint64_t question;
  size_t limit;
};
struct Stop {};

using WorkerMessage =
    std::variant<NewSettings, NewStoreState, KeyAnswer, HandedOver, ToLinks, FromLinks,
                 turn::RouteHeld, turn::RouteReleased, turn::RouteLost, AdoptStream, SetAdmission,
                 NewHostAddresses, NewExternalIps, NewTlsContext, NewAlternates, NewLimits,
                 ListSessions, KillSessions, ListRefusals, Stop>;

}  // namespace turnpike::server
