// RFC 8656 section 7.2.
#include "stun/attributes.h"
#include "turn/core.h"
#include "turn/mobility.h"
#include "turn/redirect.h"

namespace turnpike::turn {
namespace {

using stun::AddressFamily;
using stun::AttributeType;
using stun::ErrorCode;

constexpr uint8_t kProtocolUdp = 17;
constexpr uint8_t kProtocolTcp = 6;

// What the drafts of ADDITIONAL-ADDRESS-FAMILY used; clients in the field still send it.
constexpr auto kDraftAdditionalFamily = static_cast<AttributeType>(0x8032);

IpFamily to_family(AddressFamily family) {
  return family == AddressFamily::ipv6 ? IpFamily::v6 : IpFamily::v4;
}
AddressFamily to_wire(IpFamily family) {
  return family == IpFamily::v6 ? AddressFamily::ipv6 : AddressFamily::ipv4;
}

// What the client asks for, checked as far as the message alone allows.
struct Wish {
  RelayTransport transport = RelayTransport::udp;
  PortNeed need = PortNeed::any;
  std::optional<IpFamily> family;
  bool both_families = false;
  std::optional<ReservationToken> token;
  std::optional<uint32_t> lifetime_s;
};

// The value of an attribute that may be absent but must not be malformed.
template <typename Value>
Result<std::optional<Value>, Reject> optional_value(const stun::MessageView& message,
                                                    AttributeType type,
                                                    std::optional<Value> (*decode)(ByteView)) {
  const auto bytes = message.find(type);
  if (!bytes) return std::optional<Value>();
  const auto value = decode(*bytes);
  if (!value) return reject(ErrorCode::bad_request);
  return value;
}

Result<Wish, Reject> read_families(const stun::MessageView& message, Wish wish) {
  const auto requested = optional_value<uint8_t>(message, AttributeType::requested_address_family,
                                                 stun::decode_address_family);
  const auto additional_type = message.has(AttributeType::additional_address_family)
                                   ? AttributeType::additional_address_family
                                   : kDraftAdditionalFamily;
  const auto additional =
      optional_value<uint8_t>(message, additional_type, stun::decode_address_family);
  if (!requested || !additional) return reject(ErrorCode::bad_request);
  // Step 5, second half.
  if (wish.token && (*requested || *additional)) return reject(ErrorCode::bad_request);
  // Step 6.
  if (*requested && *additional) return reject(ErrorCode::bad_request);
  // Step 7: a family we have never heard of is one that we do not support.
  if (*requested) {
    const auto family = static_cast<AddressFamily>(**requested);
    if (family != AddressFamily::ipv4 && family != AddressFamily::ipv6) {
      return reject(ErrorCode::address_family_not_supported);
    }
    wish.family = to_family(family);
  }
  // Steps 8 and 9.
  if (*additional) {
    if (wish.need == PortNeed::even_and_next) return reject(ErrorCode::bad_request);
    if (static_cast<AddressFamily>(**additional) != AddressFamily::ipv6) {
      return reject(ErrorCode::bad_request);
    }
    wish.both_families = true;
  }
  return wish;
}

// RFC 6062 section 5.1, for an Allocate that asks for TCP.
Result<void, Reject> check_tcp(const AuthenticatedRequest& request, const Settings& settings) {
  if (!settings.serve_tcp_relay) return reject(ErrorCode::unsupported_transport);
  if (!is_stream(request.from.tuple.transport)) return reject(ErrorCode::bad_request);
  for (const AttributeType type :
       {AttributeType::even_port, AttributeType::reservation_token, AttributeType::dont_fragment}) {
    if (request.message.has(type)) return reject(ErrorCode::bad_request);
  }
  return {};
}

Result<Wish, Reject> read_wish(const AuthenticatedRequest& request, const Settings& settings) {
  const stun::MessageView& message = request.message;
  Wish wish;
  // Step 3.
  const auto transport = message.find(AttributeType::requested_transport);
  const auto protocol = transport ? stun::decode_requested_transport(*transport) : std::nullopt;
  if (!protocol) return reject(ErrorCode::bad_request);
  if (*protocol == kProtocolTcp) {
    wish.transport = RelayTransport::tcp;
    if (auto fits = check_tcp(request, settings); !fits) return unexpected(fits.error());
  } else if (*protocol != kProtocolUdp) {
    return reject(ErrorCode::unsupported_transport);
  } else if (!settings.serve_udp_relay) {
    // RFC 6062 section 5.1 step 1.
    return reject(ErrorCode::forbidden);
  }

  // Step 4: DONT-FRAGMENT is supported, so there is nothing to check. It has no value.

  const auto lifetime =
      optional_value<uint32_t>(message, AttributeType::lifetime, stun::decode_u32);
  const auto even_port =
      optional_value<bool>(message, AttributeType::even_port, stun::decode_even_port);
  const auto token =
      optional_value<uint64_t>(message, AttributeType::reservation_token, stun::decode_u64);
  if (!lifetime || !even_port || !token) return reject(ErrorCode::bad_request);
  wish.lifetime_s = *lifetime;
  wish.token = *token;
  if (*even_port) wish.need = **even_port ? PortNeed::even_and_next : PortNeed::even;
  // Step 5, first half.
  if (wish.token && *even_port) return reject(ErrorCode::bad_request);
  return read_families(message, wish);
}

struct Addresses {
  std::array<RelayLease, 2> relays;
  RelayLease reserved;
  std::optional<ErrorCode> address_error;
  IpFamily missing_family = IpFamily::v6;
};

ErrorCode to_error(OpenError error) {
  return error == OpenError::no_address ? ErrorCode::address_family_not_supported
                                        : ErrorCode::insufficient_capacity;
}

IpFamily default_family(const AuthenticatedRequest& request, const Settings& settings) {
  switch (settings.default_family) {
    case DefaultFamily::v4:
      return IpFamily::v4;
    case DefaultFamily::v6:
      return IpFamily::v6;
    case DefaultFamily::as_client:
      break;
  }
  return request.from.tuple.client.ip.family();
}

Result<OpenedPorts, OpenError> open(const AuthenticatedRequest& request, IpFamily family,
                                    const Wish& wish, Core& core) {
  const FiveTuple& tuple = request.from.tuple;
  return core.services.ports.open(
      {family, wish.need, tuple.server.ip, tuple.client.ip, wish.transport});
}

Result<Addresses, Reject> get_addresses(const AuthenticatedRequest& request, const Wish& wish,
                                        Core& core) {
  Addresses got;
  // Step 5.
  if (wish.token) {
    auto lease = core.services.ports.claim(*wish.token, request.now.mono);
    if (!lease) return reject(ErrorCode::insufficient_capacity);
    got.relays[0] = std::move(*lease);
    return got;
  }
  // Steps 7 and 8.
  const IpFamily first = wish.both_families
                             ? IpFamily::v4
                             : wish.family.value_or(default_family(request, *core.settings));
  auto opened = open(request, first, wish, core);
  if (!opened && !wish.both_families) return reject(to_error(opened.error()));
  if (opened) {
    got.relays[0] = std::move(opened->first);
    got.reserved = std::move(opened->next);
  }
  if (!wish.both_families) return got;

  // Step 9.
  auto second = open(request, IpFamily::v6, wish, core);
  if (!opened && !second) return reject(ErrorCode::insufficient_capacity);
  if (second) got.relays[1] = std::move(second->first);
  if (!opened || !second) {
    got.missing_family = opened ? IpFamily::v6 : IpFamily::v4;
    got.address_error = to_error(opened ? second.error() : opened.error());
  }
  return got;
}

// The same for a new allocation and for a retransmitted request.
void describe(const Allocation& allocation, Instant now, Core& core,
              stun::MessageBuilder& success) {
  for (const RelayLease& relay : allocation.relays) {
    if (relay) success.add_xor_address(AttributeType::xor_relayed_address, relay.external());
  }
  if (allocation.address_error) {
    success.add_address_error(to_wire(allocation.missing_family), *allocation.address_error);
  }
  const auto left = std::chrono::ceil<seconds>(allocation.deadline - now);
  success.add_u32(AttributeType::lifetime, static_cast<uint32_t>(left.count()));
  if (allocation.reservation != 0) {
    success.add_u64(AttributeType::reservation_token, allocation.reservation);
  }
  success.add_xor_address(AttributeType::xor_mapped_address, allocation.route.tuple.client);
  if (allocation.mobility) add_ticket(allocation, core, success);
}

void report_opened(const Allocation& allocation, const Request& request) {
  AllocationOpened opened{
      allocation.route.tuple, allocation.realm, allocation.user, {}, request.waited};
  for (const RelayLease& relay : allocation.relays) {
    if (relay) opened.relayed.push_back(relay.external());
  }
  request.out.effects.emplace_back(std::move(opened));
}

}  // namespace

Outcome handle_allocate(const AuthenticatedRequest& request, Core& core,
                        stun::MessageBuilder& success) {
  const Instant now = request.now.mono;
  // Step 1 is the gate's. Step 2, with the retransmission that the section's last note is about.
  if (Allocation* existing = core.allocations.find(request.from.tuple)) {
    if (now < existing->deadline) {
      const bool again = existing->made_by == request.message.transaction_id() &&
                         is_owner(request.identity(), *existing) &&
                         existing->has_link(request.from.link);
      if (!again) return reject(ErrorCode::allocation_mismatch);
      describe(*existing, now, core, success);
      return Done{};
    }
    close_allocation(*existing, CloseReason::expired, now, core, request.out);
  }
  // Steps 3 to 9, as far as the message says.
  auto wish = read_wish(request, *core.settings);
  if (!wish) return unexpected(wish.error());
  const auto is_mobile = wants_mobility(request, core);
  if (!is_mobile) return unexpected(is_mobile.error());
  // Section 7.2 allows a redirection at any point. What is reserved is reserved here.
  if (!wish->token) {
    if (const auto other = choose_alternate(request, core)) {
      return unexpected(Reject{ErrorCode::try_alternate, {}, other});
    }
  }
  if (core.admission == Admission::closed) return reject(ErrorCode::insufficient_capacity);

  // Step 10. The place is taken before the ports and given back by itself when they fail.
  auth::QuotaLease quota = core.services.quota.take(request.realm(), request.quota_user(),
                                                    quota_limits_of(request, core));
  if (!quota) return reject(ErrorCode::allocation_quota_reached);

  auto addresses = get_addresses(request, *wish, core);
  if (!addresses) return unexpected(addresses.error());

  const seconds lifetime = granted_lifetime(wish->lifetime_s, request, core);
  Allocation& allocation = core.allocations.create(request.from, now + lifetime);
  allocation.made_by = request.message.transaction_id();
  allocation.user = request.user();
  allocation.proof = request.proof();
  allocation.realm = request.identity() != nullptr ? request.realm() : core.settings->realm;
  if (const auth::Identity* who = request.identity()) {
    allocation.keys = who->keys;
    if (who->token) allocation.token = std::make_unique<const auth::AccessToken>(*who->token);
  }
  allocation.opened = now;
  allocation.mark.at = now;
  allocation.transport = wish->transport;
  allocation.relays = std::move(addresses->relays);
  allocation.quota = std::move(quota);
  set_session_rates(allocation.limits, session_rates_of(allocation, core),
                    core.credit_from_clients.is_limited(), now);
  // RFC 8016 is about relayed datagrams: a TCP allocation (RFC 6062) lives and dies with its
  // control connection, and is given no ticket.
  if (*is_mobile && wish->transport == RelayTransport::udp) {
    allocation.mobility = std::make_unique<Mobility>();
  }
  allocation.address_error = addresses->address_error;
  allocation.missing_family = addresses->missing_family;
  if (addresses->reserved) {
    // Zero stands for "none".
    allocation.reservation = core.services.random.next() | 1;
    core.services.ports.park(std::move(addresses->reserved), allocation.reservation,
                             now + kReservationLifetime);
  }
  core.allocations.publish_relays(allocation);
  allocation.counted_as = request.from.tuple.transport;
  core.counters.allocations_opened.add();
  core.counters.by.allocations_opened[allocation.counted_as].add();
  report_opened(allocation, request);
  describe(allocation, now, core, success);
  return Done{};
}

}  // namespace turnpike::turn
