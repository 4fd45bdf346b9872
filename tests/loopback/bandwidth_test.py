#!/usr/bin/env python3
"""Bandwidth and quotas as a client and its peer measure them: max-bps, bps-capacity, and limits in the database."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import harness  # noqa: E402
import stunlib  # noqa: E402
import tcpturn  # noqa: E402
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
    """Two measurements in a row must be within 5 %, of eight: this machine may be too busy to offer enough, or to count in
    time. What is held exactly is shown by the unit tests, in virtual time."""
    got, good = [], 0
    for _ in range(8):
        got.append(sum(make_rates()))
        true(got[-1] < wanted * 1.25, "%s: %.0f bytes/s of %d" % (what, got[-1], wanted))
        good = good + 1 if wanted * 0.95 < got[-1] < wanted * 1.05 else 0
        if good == 2:
            print("%s: %s %% of the limit" % (what, ["%.1f" % (one / wanted * 100) for one in got]))
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
    for written, printed in (("1M", "8Mbit"), ("8Mbit", "8Mbit"), ("1000000", "8Mbit"), ("64k", "512kbit"), ("77", "616bit"),
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


class Simultaneous:
    """Clients that send a request each at one moment, each from a thread of its own."""

    def __init__(self, clients):
        self.clients, self.requests, self.codes = clients, [], [None] * len(clients)
        self.ready, self.done = (threading.Barrier(len(clients) + 1, timeout=60) for _ in range(2))
        self.over = False
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(len(clients))]
        for thread in self.threads:
            thread.start()

    def run(self, i):
        client = self.clients[i]
        try:
            while True:
                self.ready.wait()
                if self.over:
                    return
                request = self.requests[i]
                client.send_raw(request)
                answer = client.answer_to(request[8:20], 2.0) or client.ask(request, request[8:20])
                self.codes[i] = answer.code
                self.done.wait()
        except BaseException:
            self.ready.abort()
            self.done.abort()
            raise

    def ask(self, method, attributes):
        """What each was answered."""
        self.requests = [client.signed(method, attributes) for client in self.clients]
        self.ready.wait()
        self.done.wait()
        return list(self.codes)

    def end(self):
        self.over = True
        self.ready.wait()
        for thread in self.threads:
            thread.join(10)


@case("a quota admits exactly as many as it says of eight clients that ask at one moment, round after round")
def quota_is_exact():
    rounds, place = shortened("rounds of eight clients at a quota", 100, 1000), struct.pack("!BBBB", 17, 0, 0, 0)
    with Server("--user-quota=3", "--total-quota=5", "--relay-threads=3") as server:
        clients = [client_of(server, "tcp" if i % 2 else "udp") for i in range(8)]
        for client in clients[4:]:
            client.user, client.password = b"other", b"word"
        for client in clients:
            client.login()
        at_once = Simultaneous(clients)
        winners = set()
        for number in range(rounds):
            codes = at_once.ask(stunlib.ALLOCATE, [(stunlib.REQUESTED_TRANSPORT, place)])
            what = "round %d: %r" % (number, codes)
            equal(codes.count(0), 5, what)
            equal(codes.count(486), 3, what)
            true(max(codes[:4].count(0), codes[4:].count(0)) <= 3, what)
            winners.add(tuple(codes))
            for client, code in zip(clients, codes):
                if code == 0:
                    equal(client.refresh(0).code, 0, "Refresh")
        at_once.end()
        print("%d rounds, %d different outcomes" % (rounds, len(winners)))
        for client in clients:
            client.close()


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


@case("a scan of ports by Connect is slowed down, too")
def port_scan_over_tcp():
    with Server("--allow-loopback-peers", "--max-new-peers-per-second=4") as server:
        with tcpturn.StreamClient(server.address) as client, contextlib.ExitStack() as stack:
            client.relayed_tcp()
            services = [stack.enter_context(tcpturn.Listener()) for _ in range(60)]
            codes = [client.connect(*service.address).code for service in services]
            # Twenty at once, and four a second.
            equal(set(codes), {0, 508}, "codes")
            true(20 <= codes.count(0) <= 45, "%d of 60 ports were reached" % codes.count(0))


@case("a share of the capacity that is less than one read still carries streams (RFC 6062)")
def capacity_of_streams():
    capacity, count = 40000, 8
    with Server("--allow-loopback-peers", "--bps-capacity=%d" % capacity, "--relay-threads=3") as server:
        with contextlib.ExitStack() as stack:
            ends = []
            for _ in range(count):
                service = stack.enter_context(tcpturn.Listener())
                client = stack.enter_context(tcpturn.StreamClient(server.address))
                client.relayed_tcp()
                data = stack.enter_context(client.bound(client.connection_id(*service.address)))
                far = stack.enter_context(service.accept())
                for one in (far, data.socket):
                    one.setblocking(False)
                ends.append((far, data.socket))
            got = [0] * count

            def pump(seconds):
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    for i, (far, near) in enumerate(ends):
                        with contextlib.suppress(BlockingIOError):
                            far.send(bytes(16384))
                        with contextlib.suppress(BlockingIOError):
                            got[i] += len(near.recv(1 << 16))
                    time.sleep(0.01)
            pump(2)
            before, began = list(got), time.monotonic()
            pump(max(6, seconds_of_measuring()))
            elapsed = time.monotonic() - began
            rates = [(now - then) / elapsed for now, then in zip(got, before)]
            print("bytes/s: %s" % ["%.0f" % rate for rate in rates])
            # One read more or less in so short a time is no small part of it.
            true(capacity * 0.85 < sum(rates) < capacity * 1.15, "%.0f bytes/s of %d" % (sum(rates), capacity))
            true(min(rates) > capacity / count * 0.6, "shares: %s" % ["%.0f" % rate for rate in rates])


@case("of a small capacity a client that asks seldom gets all it asks for beside greedy ones")
def modest_among_greedy():
    with Server("--allow-loopback-peers", "--bps-capacity=40000", "--relay-threads=1") as server:
        flows = [Flow(server) for _ in range(20)]
        sent = asked = 0
        began = time.monotonic()
        seconds = shortened("seconds of a modest client", 8, 30)
        while time.monotonic() < began + 2 + seconds:
            for flow in flows[1:]:
                flow.client.send_raw(stunlib.channel_data(CHANNEL, bytes(200)))
            if time.monotonic() >= began + asked:
                asked += 1
                # Not the first ones: the greedy have not made themselves known then.
                if time.monotonic() > began + 2:
                    flows[0].client.send_raw(stunlib.channel_data(CHANNEL, bytes(1400)))
                    sent += 1
            for flow in flows:
                flow.count_up()
            time.sleep(0.02)
        until(lambda: flows[0].count_up() or flows[0].counted >= 1400 * (sent - 1),
              lambda: "%d of %d bytes" % (flows[0].counted, 1400 * sent), 2)
        for flow in flows:
            flow.close()


@case("a datagram that is larger than what max-bps lets anybody save up passes, and is paid for")
def larger_than_the_burst():
    with Server("--allow-loopback-peers", "--max-bps=20000") as server:
        flow = Flow(server)
        packet = stunlib.channel_data(CHANNEL, bytes(5000))
        for number in range(6):
            flow.client.send_raw(packet)
            until(lambda wanted=5000 * (number + 1): flow.count_up() or flow.counted == wanted,
                  lambda: "%d bytes came" % flow.counted, 5)
            time.sleep(0.4)
        began, before = time.monotonic(), flow.counted
        while time.monotonic() < began + 5:
            flow.client.send_raw(packet)
            flow.count_up()
            time.sleep(0.01)
        elapsed = time.monotonic() - began
        rate = (flow.counted - before) / elapsed
        true(15000 < rate < 20000 * 1.05 + 9000 / elapsed, "%.0f bytes/s" % rate)
        flow.close()


if __name__ == "__main__":
    main()
