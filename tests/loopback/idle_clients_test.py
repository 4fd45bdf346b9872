#!/usr/bin/python3
"""What idle clients cost the server, and whether others notice them. Prints the figures; the bars are in BARS."""

import os
import resource
import select
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import Server, case, equal, main, server_command, shortened, true  # noqa: E402
from stunlib import BINDING, REQUEST, Peer, build, channel_data  # noqa: E402
from streamlib import connect, extension, tls_hello  # noqa: E402

OPTIONS = ("--allow-loopback-peers",)
# KiB of user-space memory for an idle client with an allocation.
BARS = {"udp": 3, "tcp": 6, "tls": 20, "dtls": 40}
DELAY_MAX_MS = 2.0
# While a thousand handshakes begin at once. Four busy processes share what may be two processors then, so this bar is not that of a
# relay's delay: it stands between that and a worker that takes all of them in one go, which is half a second.
BURST_MAX_MS = 25.0


def raise_descriptors(pid, count):
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(hard, count), hard))


def memory_of(transport, count):
    """KiB for each of `count` idle clients with an allocation."""
    with Server(*OPTIONS, lean=True) as server:
        raise_descriptors(0, 20000)
        raise_descriptors(server.process.pid, 20000)

        def clients(number):
            made = []
            for _ in range(number):
                client = connect(transport, server.address)
                equal(client.allocate().code, 0, "Allocate")
                made.append(client)
            return made
        held = clients(20)  # What is touched once, whatever the number of clients.
        time.sleep(2.5)
        before = server.rss_kib()
        held += clients(count)
        time.sleep(2.5)
        each = (server.rss_kib() - before) / count
        equal(held[5].refresh(600).code, 0, "Refresh of an early client")
        for client in held:
            client.close()
        return each


def memory_case(transport):
    @case("an idle client over %s costs no more than %d KiB" % (transport, BARS[transport]))
    def memory():
        count = shortened("idle clients over " + transport, 500, 1000)
        each = memory_of(transport, count)
        print("%s: %.1f KiB for each of %d idle clients with an allocation" % (transport, each, count),
              file=sys.__stdout__, flush=True)
        true(each <= BARS[transport], "%.1f KiB, the bar is %d" % (each, BARS[transport]))


for one in BARS:
    memory_case(one)


@case("thousands of allocations with a channel cost no more than %d KiB each, and it goes back when they are gone" % BARS["udp"])
def returned():
    count = shortened("allocations of a peak", 4000, 10000)
    with Server(*OPTIONS, "--unauthorized-ratelimit=off", lean=True) as server:
        raise_descriptors(server.process.pid, 20000)
        before = server.rss_kib()
        subprocess.run([server_command(lean=True)[0], "load", "--host", server.host, "--port", str(server.port), "--user",
                        "user", "--password", "password", "--shape", "idle", "--clients", str(count), "--setup-rate", "2000",
                        "--duration", "1", "--warm-up", "0"], check=True, stdout=subprocess.DEVNULL, timeout=120)
        peak = server.rss_kib()
        least = peak
        deadline = time.monotonic() + 40  # The server waits for 10 s whether the peak comes back.
        while time.monotonic() < deadline and least > before + (peak - before) / 3:
            time.sleep(0.2)
            least = min(least, server.rss_kib())
        print("%d allocations took %d KiB, of which %d are left" % (count, peak - before, least - before),
              file=sys.__stdout__, flush=True)
        true((peak - before) / count <= BARS["udp"], "%.1f KiB for each" % ((peak - before) / count))
        true(least <= before + (peak - before) / 3, "%d of %d KiB are left" % (least - before, peak - before))


def open_and_hold(host, port, idle, half_open):
    """Runs in a process of its own: opens what may disturb, step by step, says so, and holds it until its input ends."""
    raise_descriptors(0, idle + half_open + 100)
    address, held = (host, port), []
    binding = build(BINDING, REQUEST, [])
    for number in range(idle):
        connection = socket.create_connection(address, 20)
        connection.sendall(binding)  # Idle, not silent: one that never spoke is closed before long.
        held.append(connection)
        if number % 20 == 0:
            time.sleep(0.005)
    for connection in held:
        equal(connection.recv(100)[8:20], binding[8:20], "Binding")
    print("idle", flush=True)
    sys.stdin.readline()
    hello = tls_hello(extra=extension(43, b"\4\3\4\3\3") + extension(
        51, struct.pack("!HHH", 36, 0x1D, 32) + os.urandom(32)), suites=(0x1301, 0xC02F, 0xC02B))
    shaking = [socket.create_connection(address, 20) for _ in range(half_open)]
    print("connected", flush=True)
    sys.stdin.readline()
    for connection in shaking:
        connection.sendall(hello)
    for connection in shaking:
        true(connection.recv(5), "no ServerHello")
    print("held", flush=True)
    sys.stdin.read()


PERIOD = 0.001


def delays(client, peer, least, until=None):
    """Milliseconds that datagrams took from client to peer, for at least so many seconds and until something is readable.
    One goes out each millisecond, whatever became of those before: a stall is in the figures of all that came in it."""
    taken, sent, began = {}, 0, time.perf_counter()
    poll = select.poll()
    poll.register(peer.socket, select.POLLIN)
    while True:
        due = began + sent * PERIOD
        now = time.perf_counter()
        if now >= due:
            if now - began > least and (not until or select.select([until], [], [], 0)[0]) or now - began > 60:
                break
            client.send_raw(channel_data(0x4001, struct.pack("!Id", sent, now)))
            sent += 1
            continue
        if poll.poll(max(0, (due - now) * 1000)):
            note(taken, peer.socket.recv(100))
    while len(taken) < sent and poll.poll(1000):
        note(taken, peer.socket.recv(100))
    return list(taken.values()) + [1000.0] * (sent - len(taken))  # Lost.


def note(taken, payload):
    number, sent_at = struct.unpack("!Id", payload)
    taken[number] = (time.perf_counter() - sent_at) * 1000


def p99(values):
    return sorted(values)[int(len(values) * 0.99)] if len(values) > 100 else float("inf")


@case("idle connections and half-open handshakes do not delay a relay")
def undisturbed():
    idle = shortened("idle TCP connections beside a relay", 1000, 5000)
    half_open = 1000
    missed = []
    for _ in range(6):  # What else the machine does is in every figure, so one good round counts.
        with Server(*OPTIONS, lean=True) as server, server.client() as client, Peer() as peer:
            raise_descriptors(server.process.pid, 20000)
            client.relayed()
            equal(client.bind_channel(0x4001, *peer.address).code, 0, "ChannelBind")
            delays(client, peer, 1)
            before = p99(delays(client, peer, 4))
            holder = subprocess.Popen([sys.executable, os.path.abspath(__file__), "hold", server.host,
                                       str(server.port), str(idle), str(half_open)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)

            def meanwhile(report, least=0.0):
                """The p99 until the holder reports that it has done what comes next."""
                found = p99(delays(client, peer, least, holder.stdout))
                equal(holder.stdout.readline(), report, "the holder's report")
                return found

            def go_on():
                holder.stdin.write(b"\n")
                holder.stdin.flush()
            try:
                opening = meanwhile(b"idle\n")
                go_on()
                equal(holder.stdout.readline(), b"connected\n", "the holder's report")
                go_on()
                # A burst that is over sooner is one hundredth of this, or it has held up nobody.
                shaking = meanwhile(b"held\n", 1)
                held = p99(delays(client, peer, 4))
            finally:
                holder.communicate(b"")
            print("p99 of a relayed datagram in ms: %.2f alone, %.2f while %d connections open, %.2f while %d handshakes "
                  "begin at once, %.2f with all of them" % (before, opening, idle, shaking, half_open, held),
                  file=sys.__stdout__, flush=True)
            if held - before <= DELAY_MAX_MS and shaking - before <= BURST_MAX_MS:
                return
            missed.append((held - before, shaking - before))
    true(False, "ms more with all of them and while they begin: %s; the bars are %.1f and %.1f"
         % (missed, DELAY_MAX_MS, BURST_MAX_MS))


if __name__ == "__main__":
    if sys.argv[1:2] == ["hold"]:
        open_and_hold(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
