#!/usr/bin/env python3
"""Bandwidth and quotas as a client and its peer measure them: max-bps, bps-capacity, and limits in the database."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import harness  # noqa: E402
import stunlib  # noqa: E402
from adminlib import ManagedServer  # noqa: E402
from harness import Server, case, equal, main, shortened, true, until  # noqa: E402
from streamlib import StreamClient, trusting  # noqa: E402

CHANNEL, PAYLOAD = 0x4000, 1000


def client_of(server, transport):
    if transport == "udp":
        return stunlib.Client(server.address)
    return StreamClient(server.address, tls=trusting() if transport == "tls" else None)


class Flow:
    """One session with a channel, and a peer that counts or sends."""

    def __init__(self, server, transport="udp"):
        self.transport = transport
        self.client, self.peer = client_of(server, transport), stunlib.Peer()
        self.peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.relayed = self.client.relayed()
        equal(self.client.bind_channel(CHANNEL, *self.peer.address).code, 0, "ChannelBind")
        self.peer.socket.setblocking(False)
        self.packet = stunlib.channel_data(CHANNEL, b"x" * PAYLOAD)
        self.counted = self.sent = 0

    def send_up(self):
        self.client.send_raw(self.packet)
        self.sent += 1

    def send_down(self):
        self.peer.send(self.packet[4:], self.relayed)
        self.sent += 1

    def count_up(self):
        try:
            while True:
                self.counted += len(self.peer.socket.recv(1 << 16))
        except BlockingIOError:
            pass

    def count_down(self):
        while True:
            frame = self.client.receive_raw(0)
            if frame is None:
                return
            self.counted += PAYLOAD

    def close(self):
        self.client.refresh(0)
        self.client.close()
        self.peer.socket.close()


def measure(flows, direction, offered_bps, seconds):
    """Offers so much on each flow, and returns what each gets a second once the first burst is over."""
    sends = [flow.send_up if direction == "up" else flow.send_down for flow in flows]
    counts = [flow.count_up if direction == "up" else flow.count_down for flow in flows]
    began = time.monotonic()
    marks = []
    for flow in flows:
        flow.sent = flow.counted = 0
    for phase_end in (1.0, 1.0 + seconds):
        while time.monotonic() - began < phase_end:
            due = int((time.monotonic() - began) * offered_bps / PAYLOAD)
            for flow, send in zip(flows, sends):
                # After a pause of this process the backlog is not made up for: a flood of it would only be dropped.
                flow.sent = max(flow.sent, due - 100)
                while flow.sent < due:
                    send()
            for count in counts:
                count()
            time.sleep(0.002)
        while True:
            # A pause of this process between looking at the clock and counting would move bytes across the mark.
            at = time.monotonic()
            for count in counts:
                count()
            if time.monotonic() - at < 0.02:
                break
        marks.append((at, [flow.counted for flow in flows]))
    (t0, c0), (t1, c1) = marks
    return [(after - before) / (t1 - t0) for before, after in zip(c0, c1)]


def holds(make_rates, wanted, what):
    """One of four measurements must be within 5 %: this machine may be too busy to offer enough, or to count in time. What
    is held exactly is shown by the unit tests, in virtual time."""
    got = []
    for _ in range(4):
        got.append(sum(make_rates()))
        true(got[-1] < wanted * 1.25, "%s: %.0f bytes/s of %d" % (what, got[-1], wanted))
        if wanted * 0.95 < got[-1] < wanted * 1.05:
            print("%s: %.1f %% of the limit" % (what, got[-1] / wanted * 100))
            return
    raise AssertionError("%s: only %s bytes/s of %d" % (what, ["%.0f" % one for one in got], wanted))


def seconds_of_measuring():
    return shortened("seconds of each bandwidth measurement", 2, 10)


@case("max-bps holds the rate of a session within 5 % over UDP, TCP and TLS, up and down")
def session_rate():
    rate, seconds = 400000, seconds_of_measuring()
    with Server("--allow-loopback-peers", "--max-bps=%d" % rate) as server:
        for transport in ("udp", "tcp", "tls"):
            for direction in ("up", "down"):
                flow = Flow(server, transport)
                holds(lambda: measure([flow], direction, 2 * rate, seconds), rate, "%s %s" % (transport, direction))
                flow.close()


@case("bps-capacity holds the rate of all sessions together, and eight greedy ones get the same")
def capacity():
    rate, seconds = 800000, max(3, seconds_of_measuring())
    with Server("--allow-loopback-peers", "--bps-capacity=%d" % rate, "--relay-threads=3") as server:
        flows = [Flow(server) for _ in range(8)]
        best = []

        def measured():
            best.append(measure(flows, "up", rate / 4, seconds))
            return best[-1]
        holds(measured, rate, "eight sessions")
        shares = [one / (sum(best[-1]) / 8) for one in best[-1]]
        print("shares: %s" % ["%.2f" % one for one in shares])
        true(max(shares) < 1.15 and min(shares) > 0.85, "shares: %s" % ["%.2f" % one for one in shares])
        for flow in flows:
            flow.close()


@case("rates may be written in bits or bytes, and are printed so that nobody mistakes them")
def units():
    for written, printed in (("1M", "8Mbit"), ("8Mbit", "8Mbit"), ("1000000", "8Mbit"), ("64k", "512kbit"), ("77", "77"),
                             ("0", "0")):
        done = subprocess.run(harness.server_command()[:1] + ["check", "-n", "--no-auth", "--print", "--max-bps=" + written],
                              capture_output=True, check=False)
        true("\nmax-bps=%s\n" % printed in done.stdout.decode(), "%s is not printed as %s" % (written, printed))
    for wrong in ("8Mbps", "1MB", "1.5M", "-1", "M"):
        done = subprocess.run(harness.server_command()[:1] + ["check", "-n", "--no-auth", "--max-bps=" + wrong],
                              capture_output=True, check=False)
        equal(done.returncode, 2, "exit code for %s" % wrong)


@case("limits of a user and of a realm in the database count within a second")
def stored_limits():
    with tempfile.TemporaryDirectory() as folder:
        database = ["--userdb", os.path.join(folder, "turndb"), "--realm", "r.example"]

        def tool(*words):
            subprocess.run(harness.server_command()[:1] + ["user", *words, *database], check=True, capture_output=True)
        for name in ("user", "other"):
            tool("add", name, "--password", "password")
        with Server("--allow-loopback-peers", "--user-quota=5", *database, users=()) as server:
            def granted(name):
                clients = [server.client(name, b"password") for _ in range(6)]
                count = sum(client.allocate().code == 0 for client in clients)
                for client in clients:
                    client.refresh(0)
                    client.close()
                return count

            def becomes(wanted, name, why):
                until(lambda: granted(name) == wanted,
                      lambda: "%s: %d sessions, not %d" % (why, granted(name), wanted), 5, 0.1)
            equal(granted(b"user"), 5, "as configured")
            tool("limit", "--user-quota=2")
            becomes(2, b"user", "the realm's quota")
            tool("limit", "user", "--user-quota=4")
            becomes(4, b"user", "the user's own quota")
            equal(granted(b"other"), 2, "the other user's")
            tool("limit", "user", "--user-quota=default")
            becomes(2, b"user", "the realm's quota again")
            rate = 200000
            tool("limit", "user", "--max-bps=%d" % rate)
            time.sleep(1.2)
            flow = Flow(server)
            holds(lambda: measure([flow], "up", 2 * rate, 1), rate, "the user's own rate")
            flow.close()


@case("the rates of a session that runs follow a reload, the database and the API")
def rates_of_running_sessions():
    rate = 200000
    with ManagedServer(["max-bps=%d" % rate]) as server:
        database = server.path("turndb")
        lines = ["userdb=" + database] + [line for line in server.lines if not line.startswith("user=")]

        def tool(*words):
            subprocess.run(harness.server_command()[:1] + ["user", *words, "--userdb", database, "--realm", "r.example"],
                           check=True, capture_output=True)
        tool("add", "user", "--password", "password")
        equal(server.reload(lines)["reloaded"], True)
        flow, stream = Flow(server), Flow(server, "tcp")

        def becomes(wanted, what, offered=None):
            for one in (flow, stream):
                holds(lambda one=one: measure([one], "up", offered or 2 * wanted, 1), wanted,
                      "%s, %s" % (what, one.transport))
        becomes(rate, "at first")
        equal(server.reload(lines[:-1] + ["max-bps=%d" % (3 * rate)])["changed"], ["max-bps"])
        becomes(3 * rate, "after a reload with a higher rate")
        equal(server.reload(lines[:-1] + ["max-bps=%d" % rate])["changed"], ["max-bps"])
        server.process.send_signal(signal.SIGHUP)  # And again from the same file, which changes nothing.
        becomes(rate, "after a reload with the old one")
        tool("limit", "user", "--max-bps=%d" % (2 * rate))
        until(lambda: measure([flow], "up", 4 * rate, 0.5)[0] > 1.5 * rate, "the user's own rate never counted")
        becomes(2 * rate, "the user's own")
        tool("limit", "user", "--max-bps=default")
        equal(server.admin.ask("PUT", "/v1/realms/r.example", {"max-bps": 3 * rate}).status, 200)
        becomes(3 * rate, "the realm's by the API")
        for one in (flow, stream):
            one.close()


def everything_is_sent(client):
    """The second answer comes in a later turn of the server's loop, when what the first one stood beside has gone."""
    client.drain()
    client.drain()


@case("caps on packets and on new peers of a session that runs follow a reload")
def caps_of_running_sessions():
    with ManagedServer() as server, server.client() as client:
        client.relayed()
        equal(client.permit(("127.0.0.1", 0)).code, 0, "CreatePermission")

        def reached(count):
            peers = [stunlib.Peer() for _ in range(count)]
            for peer in peers:
                client.send_to(*peer.address, b"x")
            everything_is_sent(client)
            got = sum(peer.take(0)[0] is not None for peer in peers)
            for peer in peers:
                peer.socket.close()
            return got
        equal(reached(50), 50, "as configured")
        server.reload(server.lines + ["max-new-peers-per-second=1"])
        true(reached(50) <= 10, "the new cap on new peers does not count")
        server.reload(server.lines + ["max-new-peers-per-second=0", "max-packets-per-second=10"])
        true(reached(50) <= 25, "the new cap on packets does not count")
        server.reload(server.lines + ["max-new-peers-per-second=0"])
        equal(reached(50), 50, "without caps")


@case("a scan of ports through the relay is slowed down, and a call is not")
def port_scan():
    with Server("--allow-loopback-peers", "--max-new-peers-per-second=10") as server:
        with server.client() as client:
            client.relayed()
            equal(client.permit(("127.0.0.1", 0)).code, 0, "CreatePermission")
            peers = [stunlib.Peer() for _ in range(200)]
            for peer in peers:
                client.send_to(*peer.address, b"x")
            everything_is_sent(client)
            reached = sum(peer.take(0)[0] is not None for peer in peers)
            true(40 <= reached <= 70, "%d of 200 ports were reached" % reached)
            for _ in range(100):
                client.send_to(*peers[30].address, b"y")
            everything_is_sent(client)
            known = 0
            while peers[30].take(0)[0] is not None:
                known += 1
            equal(known, 100, "datagrams to a peer that is known")
            for peer in peers:
                peer.socket.close()


if __name__ == "__main__":
    main()
