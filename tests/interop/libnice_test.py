#!/usr/bin/python3
"""libnice (the ICE library of GStreamer and others) through the server: two agents that may only use their relays."""

import sys
import time

from harness import Server, case, equal, main, true

try:
    import gi
    gi.require_version("Nice", "0.1")
    from gi.repository import GLib, Nice
except (ImportError, ValueError):
    print("skip libnice: all cases: libnice is not installed (packages gir1.2-nice-0.1 and python3-gi)")
    sys.exit(0)

OPEN = "--allow-loopback-peers"


class Agent:
    """One end: a NiceAgent on loopback whose only candidates are relayed ones."""

    def __init__(self, server, controlling, password="password", compatibility=Nice.Compatibility.RFC5245):
        self.context = GLib.MainContext.new()
        self.agent = Nice.Agent.new(self.context, compatibility)
        for name, value in (("controlling-mode", controlling), ("force-relay", True), ("upnp", False),
                            ("ice-tcp", False)):
            self.agent.set_property(name, value)
        local = Nice.Address.new()
        local.set_from_string("127.0.0.1")
        self.agent.add_local_address(local)
        self.stream = self.agent.add_stream(1)
        self.agent.set_stream_name(self.stream, "application")
        true(self.agent.set_relay_info(self.stream, 1, server.host, server.port, "user", password,
                                       Nice.RelayType.UDP), "set_relay_info")
        self.gathered = False
        self.agent.connect("candidate-gathering-done", self.on_gathered)

    def on_gathered(self, *_):
        self.gathered = True

    def gather(self):
        true(self.agent.gather_candidates(self.stream), "gather_candidates")

    def state(self):
        return self.agent.get_component_state(self.stream, 1)

    def send(self, data):
        equal(self.agent.send(self.stream, 1, len(data), data), len(data), "what was sent")

    def receive(self):
        """The next datagram, or None."""
        try:
            size, data = self.agent.recv_nonblocking(self.stream, 1, None)
        except GLib.Error:
            return None
        return bytes(data[:size])


def spin(agents, until, seconds, what):
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            raise AssertionError("no %s after %d s" % (what, seconds))
        for agent in agents:
            while agent.context.iteration(False):
                pass
        time.sleep(0.002)


def connected(server, **options):
    """Two agents whose component is ready."""
    agents = Agent(server, True, **options), Agent(server, False, **options)
    for agent in agents:
        agent.gather()
    spin(agents, lambda: all(agent.gathered for agent in agents), 20, "candidates")
    for agent in agents:
        kinds = [one.type for one in agent.agent.get_local_candidates(agent.stream, 1)]
        equal(kinds, [Nice.CandidateType.RELAYED], "candidates")
    for one, other in (agents, agents[::-1]):
        true(one.agent.parse_remote_sdp(other.agent.generate_local_sdp()) > 0, "the other's candidates")
    spin(agents, lambda: all(agent.state() == Nice.ComponentState.READY for agent in agents), 20, "connection")
    return agents


@case("two agents talk over two relays")
def pair(server):
    agents = connected(server)
    for one, other in (agents, agents[::-1]):
        for size in (1, 2, 3, 4, 172, 1200):
            one.send("x" * size)
            got = []
            spin(agents, lambda: got or got.append(other.receive()) or got.pop() is not None, 5, "data")


if __name__ == "__main__":
    main(Server(OPEN))
