#!/usr/bin/python3
"""libnice (the ICE library of GStreamer and others) through the server over UDP and TCP, IPv4 and IPv6: two
agents that may only use their relays."""

import ctypes
import re
import sys
import time

from harness import Server, case, equal, main, true

try:
    import gi
    gi.require_version("Nice", "0.1")
    from gi.repository import GLib, Nice
    NATIVE = ctypes.CDLL("libnice.so.10")
except (ImportError, ValueError, OSError):
    print("skip libnice: all cases: libnice is not installed (packages gir1.2-nice-0.1 and python3-gi)")
    sys.exit(0)

OPEN = "--allow-loopback-peers"
# Its third type, TLS, is Google's imitation of a handshake in one mode and plain TCP in all the others.
RELAYS = {"udp": Nice.RelayType.UDP, "tcp": Nice.RelayType.TCP}
ON_DATA = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p,
                           ctypes.c_void_p)


class Agent:
    """One end: a NiceAgent on loopback whose only candidates are relayed ones."""

    def __init__(self, server, controlling, password="password", compatibility=Nice.Compatibility.RFC5245,
                 transport="udp", host="127.0.0.1"):
        self.agent = Nice.Agent.new(GLib.MainContext.default(), compatibility)
        for name, value in (("controlling-mode", controlling), ("force-relay", True), ("upnp", False),
                            ("ice-tcp", False)):
            self.agent.set_property(name, value)
        local = Nice.Address.new()
        local.set_from_string(host)
        self.agent.add_local_address(local)
        self.stream = self.agent.add_stream(1)
        self.agent.set_stream_name(self.stream, "application")
        true(self.agent.set_relay_info(self.stream, 1, host, server.port, "user", password,
                                       RELAYS[transport]), "set_relay_info")
        self.gathered, self.received = False, []
        self.agent.connect("candidate-gathering-done", self.on_gathered)
        # The introspection data leave this function out, and without it the agent reads nothing. PyGObject's hash of an
        # object is the object's address.
        self.on_data = ON_DATA(self.keep)
        NATIVE.nice_agent_attach_recv(ctypes.c_void_p(hash(self.agent)), self.stream, 1, None, self.on_data, None)
        true(self.agent.gather_candidates(self.stream), "gather_candidates")

    def keep(self, _agent, _stream, _component, size, data, _user):
        self.received.append(ctypes.string_at(data, size))

    def on_gathered(self, *_):
        self.gathered = True

    def relayed(self):
        return [one.type for one in self.agent.get_local_candidates(self.stream, 1)]

    def ready(self):
        return self.agent.get_component_state(self.stream, 1) == Nice.ComponentState.READY

    def send(self, text):
        equal(self.agent.send(self.stream, 1, len(text), text), len(text), "what was sent")


def spin(until, seconds, what):
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            raise AssertionError("no %s after %d s" % (what, seconds))
        while GLib.MainContext.default().iteration(False):
            pass
        time.sleep(0.002)


def connected(server, **options):
    """Two agents whose component is ready."""
    agents = Agent(server, True, **options), Agent(server, False, **options)
    spin(lambda: all(agent.gathered for agent in agents), 20, "end of gathering")
    for agent in agents:
        equal(agent.relayed(), [Nice.CandidateType.RELAYED], "candidates")
    for one, other in (agents, agents[::-1]):
        true(one.agent.parse_remote_sdp(other.agent.generate_local_sdp()) > 0, "the other's candidates")
    spin(lambda: all(agent.ready() for agent in agents), 20, "connection")
    return agents


def talk(agents):
    for one, other in (agents, agents[::-1]):
        for size in (1, 2, 3, 4, 172, 1200):
            one.send("x" * size)
            spin(lambda receiver=other: receiver.received, 5, "data")
            equal(other.received.pop(0), b"x" * size, "%d bytes" % size)
        for number in range(50):
            one.send("n%d" % number)
        spin(lambda receiver=other: len(receiver.received) == 50, 5, "50 datagrams")
        equal(other.received, [b"n%d" % number for number in range(50)], "order")
        other.received.clear()


def opened(server, transport, host):
    """How many allocations the server's log has that were opened over that transport."""
    address = re.escape("[%s]" % host if ":" in host else host)
    return len(re.findall(r"allocation_opened client=%s:\d+ transport=%s " % (address, transport), server.log_text()))


def over_each(name):
    """Declares a case for each transport and family of addresses."""
    def register(function):
        for transport in RELAYS:
            for family, host in (("IPv4", "127.0.0.1"), ("IPv6", "::1")):
                case("%s, over %s and %s" % (name, transport, family))(
                    lambda server, where=(transport, host): function(server, *where))
        return function
    return register


@over_each("two agents talk over two relays")
def pair(server, transport, host):
    before = opened(server, transport, host)
    talk(connected(server, transport=transport, host=host))
    equal(opened(server, transport, host) - before, 2, "allocations over %s" % transport)


@case("two agents talk in the mode for draft 19 of ICE")
def old_draft(server):
    talk(connected(server, compatibility=Nice.Compatibility.DRAFT19))


@over_each("a wrong password gives no relay candidate")
def wrong_password(server, transport, host):
    agent = Agent(server, True, password="wrong", transport=transport, host=host)
    spin(lambda: agent.gathered, 20, "end of gathering")
    equal(agent.relayed(), [], "candidates")


if __name__ == "__main__":
    main(Server(OPEN, hosts=("127.0.0.1", "::1")))
