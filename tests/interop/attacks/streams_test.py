#!/usr/bin/python3
"""TCP clients: framing, and what slow, silent, greedy and foreign ones may cost."""

import contextlib
import os
import resource
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, case, equal, main, shortened, true, until, until_read  # noqa: E402
from stunlib import (ALLOCATE, BINDING, LIFETIME, MAGIC, REFRESH, REQUEST, Peer, Timeout, build, channel_data,  # noqa: E402
                     data_of)
from streamlib import StreamClient, connect  # noqa: E402

LOOPBACK = "127.0.0.1"
OPTIONS = ("--allow-loopback-peers",)


def on_a_server(function):
    """The case gets a server of its own."""
    def run():
        with Server(*OPTIONS) as server:
            function(server)
    return run


def connected(server, **options):
    return StreamClient(server.address, **options)


def pair(server, peer, number=0x4001, **options):
    """A TCP client with an allocation and a channel to `peer`."""
    client = connected(server, **options)
    client.relay = client.relayed()
    equal(client.bind_channel(number, *peer.address).code, 0, "ChannelBind")
    return client


@case("a request that is cut at any byte is answered")
@on_a_server
def cut_anywhere(server):
    with connected(server) as client:
        for at in range(1, 20):
            request = build(BINDING, REQUEST, [])
            client.socket.sendall(request[:at])
            until_read(client.socket)
            client.socket.sendall(request[at:])
            answer = client.answer_to(request[8:20], 5)
            true(answer is not None and answer.code == 0, "no answer when cut at %d" % at)


@case("ChannelData that arrives byte by byte is relayed once and whole")
@on_a_server
def byte_by_byte(server):
    with Peer() as peer, pair(server, peer) as client:
        for byte in channel_data(0x4001, b"seven b", padded=True):
            client.socket.sendall(bytes([byte]))
            until_read(client.socket)
        equal(peer.take()[0], b"seven b", "at the peer")
        equal(peer.take(0.1)[0], None, "a second one")


@case("many frames in one segment are all taken, each with its own padding")
@on_a_server
def many_in_one(server):
    with Peer() as peer, pair(server, peer) as client:
        payloads = [bytes([65 + n % 26]) * n for n in range(0, 60)]
        client.socket.sendall(b"".join(channel_data(0x4001, one, padded=True) for one in payloads))
        equal([peer.take()[0] for _ in payloads], payloads, "at the peer")


@case("ChannelData to a client over TCP is padded with zeros, whatever its length")
@on_a_server
def padded(server):
    with Peer() as peer, pair(server, peer) as client:
        for size in range(1, 30):
            peer.send(b"\xff" * size, client.relay)
            equal(data_of(client.take()), (0x4001, b"\xff" * size), "of %d bytes" % size)


@case("many requests in one segment are all answered")
@on_a_server
def many_requests(server):
    with connected(server) as client:
        requests = [build(BINDING, REQUEST, []) for _ in range(300)]
        client.send_raw(b"".join(requests))
        for request in requests:
            true(client.answer_to(request[8:20], 5) is not None, "an answer is missing")


def closed_without_a_word(server, data):
    with connected(server) as client:
        client.socket.sendall(data)
        true(client.is_closed_within(5), "still open after %r" % data[:20])
        equal(client.unread, [], "answers to %r" % data[:20])


@case("what begins no frame ends the connection at once, without a word")
@on_a_server
def not_a_frame(server):
    for data in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"HELO a\r\n",
                 b"SSH-2.0-x\r\n", b"\x80\0\0\0", b"\xff" * 64, b"\x17\x03\x03\0\x05hello",
                 struct.pack("!HHI", 1, 0, MAGIC ^ 1) + bytes(12), struct.pack("!HHI", 1, 3, MAGIC) + bytes(15)):
        closed_without_a_word(server, data)


@case("a stranger may not announce a long frame")
@on_a_server
def long_frame(server):
    for data in (struct.pack("!HHI", 1, 65532, MAGIC) + bytes(12), struct.pack("!HH", 0x4000, 65535)):
        closed_without_a_word(server, data)


@case("a client with an allocation may send the longest ChannelData")
@on_a_server
def longest(server):
    with Peer() as peer, pair(server, peer) as client:
        # The largest UDP datagram over IPv4.
        client.send_raw(channel_data(0x4001, b"x" * 65507))
        equal(len(peer.take()[0] or b""), 65507, "at the peer")


@case("the end of a connection frees its allocation at once")
def freed():
    with Server(*OPTIONS, "--user-quota=1") as server:
        for reset in (False, True, False, True):
            client = connected(server)
            equal(client.allocate().code, 0, "Allocate")
            if reset:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            with connected(server) as probe:
                until(lambda one=probe: one.allocate().code == 0, "the place is still taken", 5)
                equal(probe.refresh(0).code, 0, "Refresh 0")


@case("media for a client that does not read is dropped past the cap, and the client goes on")
def greedy_media():
    with Server(*OPTIONS, lean=True) as server, Peer() as peer, pair(server, peer, receive_buffer=4096) as client:
        size, count = 1000, 30000
        before = server.rss_kib()
        for number in range(count):
            peer.send(struct.pack("!I", number) + bytes(size - 4), client.relay)
            if number % 50 == 0:
                time.sleep(0.001)
        with server.client() as other:
            other.plain(BINDING)
        grown = server.rss_kib() - before
        received = []
        while True:
            frame = client.take(0.5)
            if frame is None:
                break
            received.append(struct.unpack("!I", data_of(frame)[1][:4])[0])
        print("%d of %d received, %d KiB more" % (len(received), count, grown))
        true(len(received) < count, "nothing was dropped: the case is too small")
        equal(received, sorted(set(received)), "in order and once")
        true(grown < 2048, "%d KiB for one client that does not read" % grown)
        equal(client.refresh(600).code, 0, "Refresh afterwards")
        peer.send(b"after", client.relay)
        equal(data_of(client.take()), (0x4001, b"after"), "afterwards")


@case("a client that asks and does not read the answers is disconnected")
def greedy_answers():
    with Server(*OPTIONS) as server, connected(server, receive_buffer=4096) as client:
        equal(client.allocate().code, 0, "Allocate")
        request = client.signed(REFRESH, [(LIFETIME, struct.pack("!I", 600))])
        client.socket.setblocking(False)
        block, deadline, ended = request * 200, time.monotonic() + 60, False
        left = b""
        while not ended and time.monotonic() < deadline:
            left = left or block
            try:
                left = left[client.socket.send(left):]
            except BlockingIOError:
                select.select([], [client.socket], [], 1)
            except (ConnectionResetError, BrokenPipeError):
                ended = True
        true(ended, "the server still takes requests")
        with server.client() as other:
            equal(other.plain(BINDING).code, 0, "another client's Binding")


@case("connections of one source are limited, and one that ends makes room")
def per_source():
    with Server(*OPTIONS, "--max-connections-per-source=3", "--relay-threads=4") as server:
        held = [connected(server) for _ in range(3)]
        for client in held:
            equal(client.plain(BINDING).code, 0, "Binding within the limit")
        with connected(server) as fourth:
            true(fourth.is_closed_within(5), "one above the limit is served")
        with connected(server, source="127.0.0.2") as elsewhere:
            equal(elsewhere.plain(BINDING).code, 0, "Binding from another source")
        held.pop().close()
        deadline = time.monotonic() + 5
        while True:
            with connected(server) as again:
                try:
                    equal(again.plain(BINDING).code, 0, "Binding")
                    break
                except (Timeout, OSError):
                    true(time.monotonic() < deadline, "no room after one has ended")
        for client in held:
            client.close()


@case("the limit of a source holds over all workers, and none below it is refused")
def per_source_over_workers():
    with Server(*OPTIONS, "--max-connections-per-source=4", "--relay-threads=4") as server:
        used = server.descriptors()
        for number in range(10):
            held = [connected(server) for _ in range(4)]
            for client in held:
                equal(client.plain(BINDING).code, 0, "Binding within the limit, round %d" % number)
            with connected(server) as fifth:
                true(fifth.is_closed_within(5), "one above the limit is served")
            for client in held:
                client.close()
            until(lambda: server.descriptors() == used, "connections that ended are still open")


@case("a client without an allocation is disconnected in time, and one with an allocation is not")
def idle():
    with Server(*OPTIONS, "--max-allocate-timeout=2") as server, connected(server) as holder:
        equal(holder.allocate().code, 0, "Allocate")
        with connected(server) as silent, connected(server) as busy:
            equal(silent.plain(BINDING).code, 0, "Binding")
            began = time.monotonic()
            while not busy.ended and time.monotonic() < began + 10:
                try:
                    busy.plain(BINDING)
                    time.sleep(0.2)
                except (Timeout, OSError):
                    break
            true(1.5 < time.monotonic() - began < 8, "disconnected after %.1f s" % (time.monotonic() - began))
            true(silent.is_closed_within(5), "the silent one is still there")
        equal(holder.refresh(600).code, 0, "Refresh of the one with an allocation")


@case("half a frame, half a handshake or nothing at all is not waited for long")
def slow():
    with Server(*OPTIONS) as server:
        beginnings = {"nothing": b"", "half a request": build(BINDING, REQUEST, [])[:10],
                      "half a TLS record": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"}
        clients = {}
        for name, data in beginnings.items():
            clients[name] = connected(server)
            clients[name].socket.sendall(data)
        dripping = connected(server)
        frame, began = build(ALLOCATE, REQUEST, [(0x8022, b"x" * 100)]), time.monotonic()
        sent = 0
        while not dripping.ended and time.monotonic() < began + 20 and sent < len(frame) - 1:
            try:
                dripping.socket.sendall(frame[sent:sent + 1])
            except OSError:
                break
            sent += 1
            dripping.receive_raw(0.25)
        print("the dripping one lasted %.1f s" % (time.monotonic() - began))
        true(dripping.ended, "a client that drips is still there after %.1f s" % (time.monotonic() - began))
        for name, client in clients.items():
            true(client.is_closed_within(5), "still open with %s" % name)
            client.close()
        dripping.close()


@case("clients that stop in a frame cost a bounded buffer")
def loris_memory():
    count = shortened("clients that stop in a frame", 500, 4000)
    with Server(*OPTIONS, lean=True) as server:
        raise_descriptors(server, count)
        before, clients = server.rss_kib(), []
        for _ in range(count):
            client = connected(server)
            client.socket.sendall(struct.pack("!HHI", 3, 1400, MAGIC) + bytes(1200))
            clients.append(client)
        with server.client() as other:
            equal(other.plain(BINDING).code, 0, "another client's Binding")
        grown = server.rss_kib() - before
        print("%.1f KiB for each of %d" % (grown / count, count))
        true(grown / count < 8, "%.1f KiB for each" % (grown / count))
        for client in clients:
            client.close()


def raise_descriptors(server, count):
    """Lets us and the server have this many connections."""
    for pid in (0, server.process.pid):
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(hard, count + 4096), hard))


@case("strangers who only hold connections take no descriptor that a relay needs")
def idle_strangers():
    with Server(*OPTIONS) as server, connected(server) as early:
        equal(early.allocate().code, 0, "Allocate before the crowd")
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (400, 4096))
        crowd = []
        for _ in range(420):
            crowd.append(connected(server))
            with contextlib.suppress(OSError):
                crowd[-1].socket.sendall(build(BINDING, REQUEST, []))
        print("%d descriptors with the crowd" % server.descriptors())
        until(lambda: server.descriptors() > 300, "there is no crowd")
        with contextlib.ExitStack() as stack:
            for number in range(10):
                for transport in ("udp", "tcp"):
                    client = stack.enter_context(connect(transport, server.address))
                    equal(client.allocate().code, 0, "Allocate %d over %s beside the crowd" % (number, transport))
            equal(early.refresh(600).code, 0, "Refresh of the early client")
        for one in crowd:
            one.close()


@case("a server without descriptors neither spins nor forgets its other clients")
def no_descriptors():
    with Server(*OPTIONS, "--relay-threads=1") as server, connected(server) as early, contextlib.ExitStack() as stack:
        equal(early.allocate().code, 0, "Allocate")
        used = server.descriptors()
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 4, used + 4096))
        for _ in range(4):  # Each has a relay, and a relay has a descriptor.
            equal(stack.enter_context(server.client()).allocate().code, 0, "Allocate")
        with server.client() as one_more:
            equal(one_more.allocate().code, 508, "Allocate without descriptors")
        crowd = []
        for _ in range(20):
            crowd.append(socket.create_connection(server.address, 5))
        before = server.cpu_s()
        time.sleep(1.5)  # Nothing is waited for: this is what is measured.
        spent = server.cpu_s() - before
        print("%.2f s of processor time in 1.5 s" % spent)
        true(spent < 0.1, "%.2f s of processor time in 1.5 s" % spent)
        equal(early.refresh(600).code, 0, "Refresh of the early client")
        with server.client() as other:
            equal(other.plain(BINDING).code, 0, "Binding over UDP")
        for one in crowd:
            one.close()
        stack.close()
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 4096, used + 4096))
        deadline = time.monotonic() + 5
        while True:
            with connected(server) as late:
                try:
                    equal(late.plain(BINDING).code, 0, "Binding")
                    break
                except (Timeout, OSError):
                    true(time.monotonic() < deadline, "not served although there are descriptors again")


if __name__ == "__main__":
    main()
