#include "client/nat_class.h"

namespace turnpike::client {
namespace {

NatClass classify_open(NatBehavior filtering) {
  switch (filtering) {
    case NatBehavior::endpoint_independent:
      return NatClass::open_internet;
    case NatBehavior::address_dependent:
      return NatClass::firewall;
    case NatBehavior::address_and_port_dependent:
      return NatClass::symmetric_firewall;
    case NatBehavior::endpoint_dependent:
      return NatClass::firewall;
    case NatBehavior::unknown:
      break;
  }
  return NatClass::untranslated;
}

NatClass classify_cone(NatBehavior filtering) {
  switch (filtering) {
    case NatBehavior::endpoint_independent:
      return NatClass::full_cone;
    case NatBehavior::address_dependent:
      return NatClass::restricted_cone;
    case NatBehavior::address_and_port_dependent:
      return NatClass::port_restricted_cone;
    case NatBehavior::endpoint_dependent:
    case NatBehavior::unknown:
      break;
  }
  return NatClass::cone;
}

}  // namespace

NatClass classify_nat(NatPresence presence, NatBehavior mapping, NatBehavior filtering) {
  switch (presence) {
    case NatPresence::unknown:
      return NatClass::unknown;
    case NatPresence::blocked:
      return NatClass::blocked;
    case NatPresence::none:
      return classify_open(filtering);
    case NatPresence::translated:
      break;
  }
  switch (mapping) {
    case NatBehavior::unknown:
      return NatClass::unknown;
    case NatBehavior::endpoint_independent:
      return classify_cone(filtering);
    // RFC 3489 section 5 knows one name for every mapping that depends on the destination.
    case NatBehavior::address_dependent:
    case NatBehavior::address_and_port_dependent:
    case NatBehavior::endpoint_dependent:
      break;
  }
  return NatClass::symmetric;
}

std::string_view name(NatClass nat) {
  switch (nat) {
    case NatClass::unknown:
      return "unknown";
    case NatClass::blocked:
      return "UDP blocked";
    case NatClass::open_internet:
      return "open Internet";
    case NatClass::firewall:
      return "firewall";
    case NatClass::symmetric_firewall:
      return "symmetric UDP firewall";
    case NatClass::full_cone:
      return "full cone";
    case NatClass::restricted_cone:
      return "restricted cone";
    case NatClass::port_restricted_cone:
      return "port restricted cone";
    case NatClass::symmetric:
      return "symmetric";
    case NatClass::cone:
      return "cone of unknown kind";
    case NatClass::untranslated:
      return "no NAT";
  }
  return "unknown";
}

std::string_view name(NatBehavior behavior) {
  switch (behavior) {
    case NatBehavior::unknown:
      return "unknown";
    case NatBehavior::endpoint_independent:
      return "endpoint-independent";
    case NatBehavior::address_dependent:
      return "address-dependent";
    case NatBehavior::address_and_port_dependent:
      return "address and port-dependent";
    case NatBehavior::endpoint_dependent:
      return "endpoint-dependent";
  }
  return "unknown";
}

std::optional<int> nat_level(NatClass nat) {
  switch (nat) {
    case NatClass::open_internet:
      return 0;
    case NatClass::full_cone:
      return 1;
    case NatClass::restricted_cone:
      return 2;
    case NatClass::port_restricted_cone:
      return 3;
    case NatClass::symmetric:
      return 4;
    case NatClass::unknown:
    case NatClass::blocked:
    case NatClass::firewall:
    case NatClass::symmetric_firewall:
    case NatClass::cone:
    case NatClass::untranslated:
      break;
  }
  return {};
}

std::string_view advice(NatClass nat) {
  switch (nat) {
    case NatClass::unknown:
      return "Not enough could be measured. Try again, or name another server with --server.";
    case NatClass::blocked:
      return "No answer to UDP comes in. Let it through the firewall, or use TCP (turnpike nat "
             "--tcp) or a TURN relay over TCP or TLS.";
    case NatClass::open_internet:
      return "Anybody can reach this port at its own address: nothing is needed.";
    case NatClass::firewall:
    case NatClass::symmetric_firewall:
      return "The address is public, and a firewall keeps out what was not asked for. Open the "
             "port in the firewall of this host and of the router.";
    case NatClass::full_cone:
      return "Go: anybody can reach the port at its public address for as long as the mapping is "
             "kept alive.";
    case NatClass::restricted_cone:
    case NatClass::port_restricted_cone:
      return "It may be your own modem or router that filters, not the provider. On each router "
             "on the way forward the port, with the same number inside and outside, or make this "
             "host its DMZ; then test the forwarded port with --port. If that changes nothing, "
             "peers must send first to be answered (hole punching), or use a TURN relay.";
    case NatClass::symmetric:
      return "The public port differs with each destination, so there is none that could be told "
             "to others, and hole punching fails: use a TURN relay or a tunnel, or ask the "
             "provider for a public address.";
    case NatClass::cone:
    case NatClass::untranslated:
      return "Filtering takes a server with two addresses (RFC 5780): name one with --server.";
  }
  return {};
}

}  // namespace turnpike::client
