#!/usr/bin/python3
"""A flood of requests from forged addresses, through a pair of interfaces in namespaces of this script's own."""

import contextlib
import heapq
import os
import resource
import select
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import harness  # noqa: E402
from harness import FULL, Server, Skip, case, equal, main, shortened, true  # noqa: E402
from stunlib import (ALLOCATE, REQUEST, REQUESTED_TRANSPORT, UDP_TRANSPORT, Client, Message, build)  # noqa: E402

# The clients have an address of their own, since each of their sockets would take a port from the relays otherwise.
OURS, ATTACKER, CLIENTS = "10.77.0.1", "10.77.0.2", "10.77.0.3"
TRANSPORT = (REQUESTED_TRANSPORT, UDP_TRANSPORT)
FLOOD = 100000
ALLOWED = len(sys.argv) > 1 and sys.argv[1] == "attack" or harness.in_network_namespace()


def forged(host, port, source, source_port, payload):
    """One IPv4 datagram with a source that is not ours. The kernel fills in the checksum of the header, and a UDP
    checksum of zero means that there is none."""
    size = 28 + len(payload)
    return (struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, socket.IPPROTO_UDP, 0, source,
                        socket.inet_aton(host))
            + struct.pack("!HHHH", source_port, port, size - 20, 0) + payload)


def attack(host, port, count, per_second):
    """Runs in the attacker's namespace: paced, since a flood that only fills a receive queue tests the kernel."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    payload, began = build(ALLOCATE, REQUEST, [TRANSPORT]), time.monotonic()
    for number in range(count):
        source = struct.pack("!I", (45 << 24) + (number * 2654435761 & 0xFFFFFF))
        raw.sendto(forged(host, port, source, 1024 + number % 60000, payload), (host, 0))
        if number % 100 == 0:
            ahead = number / per_second - (time.monotonic() - began)
            if ahead > 0:
                time.sleep(ahead)


@contextlib.contextmanager
def attacker():
    """Gives a function that starts an attack from the other end of a veth pair."""
    if not ALLOWED:
        raise Skip("network namespaces are not allowed here")
    # This process holds the attacker's namespace until its input ends.
    holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo ready; read line"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        inside = ["nsenter", "-t", str(holder.pid), "-n"]
        for command in (["ip", "link", "add", "left", "type", "veth", "peer", "name", "right", "netns",
                         str(holder.pid)],
                        ["ip", "address", "add", OURS + "/24", "dev", "left"],
                        ["ip", "address", "add", CLIENTS + "/24", "dev", "left"], ["ip", "link", "set", "left", "up"],
                        inside + ["ip", "address", "add", ATTACKER + "/24", "dev", "right"],
                        inside + ["ip", "link", "set", "right", "up"],
                        ["ip", "route", "add", "default", "via", ATTACKER]):
            subprocess.run(command, check=True)

        def start(server, count, per_second):
            return subprocess.Popen(inside + [sys.executable, os.path.abspath(__file__), "attack", server.host,
                                              str(server.port), str(count), str(per_second)])
        yield start
    finally:
        holder.communicate(b"\n")
        subprocess.run(["ip", "link", "del", "left"], check=False, stderr=subprocess.DEVNULL)


def received_udp():
    """Datagrams that sockets of this namespace took so far."""
    with open("/proc/net/snmp", encoding="ascii") as counters:
        names, values = [line.split() for line in counters if line.startswith("Udp:")]
    return int(values[names.index("InDatagrams")])


@case("100,000 requests from forged addresses leave the memory where it was")
def memory():
    with attacker() as start, Server(host=OURS, relay=(OURS,), lean=True) as server:
        equal(start(server, 5000, 12500).wait(), 0, "the attacker's end")  # Warm-up: pages that are touched once.
        before, taken_before = server.rss_kib(), received_udp()
        for _ in range(5):  # On a busy machine some are lost in the receive queue, and more are sent.
            left = FLOOD - (received_udp() - taken_before)
            if left > 0:
                equal(start(server, left, 12500).wait(), 0, "the attacker's end")
                with server.client() as client:
                    client.plain(1)
        grown, taken = server.rss_kib() - before, received_udp() - taken_before
        print("%d requests taken, %d KiB more" % (taken, grown))
        true(taken >= FLOOD, "only %d requests reached the server" % taken)
        true(grown < 1024, "%d KiB more" % grown)


class Login:
    """One client that logs in, with the retransmissions of RFC 8489 section 6.2.1."""

    def __init__(self, server, start):
        self.client = Client((server.host, server.port), source=CLIENTS)
        self.client.socket.setblocking(False)
        self.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.code = None
        self.data = build(ALLOCATE, REQUEST, [TRANSPORT])
        self.due, self.timeout, self.tries = start, 0.5, 0

    def send(self, now):
        """Repeats the request; False when the client gives up."""
        if self.tries == 7:
            return False
        self.tries += 1
        self.due, self.timeout = now + self.timeout, self.timeout * 2
        try:
            self.client.send_raw(self.data)
        except OSError:
            pass  # As good as lost on the way.
        return True

    def receive(self, now):
        answer = Message(self.client.socket.recv(2048))
        if answer.txid != self.data[8:20]:
            return
        if answer.code == 401 and self.client.key is None:
            self.client.learn(answer)
            self.data = self.client.signed(ALLOCATE, [TRANSPORT])
            self.timeout, self.tries = 0.5, 0
            self.send(now)
        else:
            self.code = answer.code


def log_in(server, count, seconds):
    """Lets `count` clients begin within `seconds`; returns how many got their allocation."""
    began, poll = time.monotonic(), select.epoll()
    logins = [Login(server, began + number * seconds / count) for number in range(count)]
    by_fd = {one.client.socket.fileno(): one for one in logins}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    waiting = [(one.due, number) for number, one in enumerate(logins)]
    while waiting:
        due, number = waiting[0]
        now = time.monotonic()
        if logins[number].code is not None:
            heapq.heappop(waiting)
        elif due <= now:
            one = logins[number]
            if one.due > now:  # It got a challenge meanwhile.
                heapq.heapreplace(waiting, (one.due, number))
            elif one.send(now):
                heapq.heapreplace(waiting, (one.due, number))
            else:
                heapq.heappop(waiting)
        for fd, _ in poll.poll(max(0.0, min(0.05, due - now))):
            by_fd[fd].receive(time.monotonic())
    codes = [one.code for one in logins]
    for one in logins:
        one.client.close()
    print("%d clients in %.1f s: %s" % (count, time.monotonic() - began,
                                        {code: codes.count(code) for code in set(codes)}))
    return codes.count(0)


@case("clients behind one address log in while a spoofer floods")
def logins_under_flood():
    clients = shortened("clients that log in under a flood", 1000, 10000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with attacker() as start, Server(host=OURS, relay=(OURS,), lean=True) as server:
        seconds = 50 if FULL else 3
        flood = start(server, 2000 * seconds * 2, 2000)
        try:
            equal(log_in(server, clients, seconds), clients, "clients with an allocation")
            true(flood.poll() is None, "the flood ended before the logins")
        finally:
            flood.kill()
            flood.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["attack"]:
        attack(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
