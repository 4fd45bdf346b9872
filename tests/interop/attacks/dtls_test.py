#!/usr/bin/python3
"""DTLS clients: what they can do, and what strangers with forged or real addresses cannot."""

import os
import re
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, case, equal, main, shortened, true  # noqa: E402
from stunlib import BINDING, Peer, data_of  # noqa: E402
from streamlib import Authority, DtlsClient, dtls_cookie, dtls_hello, s_client  # noqa: E402

OPTIONS = ("--allow-loopback-peers",)
FLOOD = 100000
HALF_OPEN_PER_SOURCE = 100
IP_PKTINFO = 8  # Linux; Python has no name for it yet.


def pair(server, peer, **options):
    client = DtlsClient(server.address, **options)
    client.relay = client.relayed()
    equal(client.bind_channel(0x4001, *peer.address).code, 0, "ChannelBind")
    return client


def exchange(client, peer, text):
    peer.send(text, client.relay)
    equal(data_of(client.take()), (0x4001, text), "to the client")


@case("DTLS 1.2 carries an allocation, requests, channels and indications")
def carries():
    with Server(*OPTIONS) as server, Peer() as peer, pair(server, peer) as client:
        for size in (1, 2, 3, 4, 500, 1300):
            exchange(client, peer, b"x" * size)
        client.send_to(*peer.address, b"indication")
        equal(peer.take()[0], b"indication", "to the peer")
        equal(client.refresh(0).code, 0, "Refresh 0")


@case("s_client agrees on DTLS 1.2, SNI chooses the certificate, and ALPN the protocol")
def by_s_client():
    with Authority() as ca:
        options = list(OPTIONS)
        for host, kind in (("a.example", "rsa"), ("b.example", "ecdsa")):
            certificate, key = ca.make(host, kind)
            options += ["--cert=" + certificate, "--pkey=" + key]
        with Server(*options) as server:
            for host in ("a.example", "b.example"):
                text, _ = s_client(server.address, "-dtls1_2", "-servername", host, "-alpn", "stun.turn")
                true("Protocol  : DTLSv1.2" in text, "no DTLS 1.2: " + text[-300:])
                true(re.search(r"subject=.*CN ?= ?" + host, text), "not the certificate of " + host)
                true("ALPN protocol: stun.turn" in text, "no ALPN")
            text, _ = s_client(server.address, "-dtls1", "-cipher", "ALL:@SECLEVEL=0", seconds=5)
            true("Cipher is ECDHE" not in text, "DTLS 1.0 was agreed on")


@case("a session is resumed by its ticket")
def tickets():
    with Authority() as ca, Server(*OPTIONS) as server:
        session = ca.path("session.pem")
        first, _ = s_client(server.address, "-dtls1_2", "-sess_out", session)
        true("New, " in first, "no first session: " + first[-300:])
        again, _ = s_client(server.address, "-dtls1_2", "-sess_in", session)
        true("Reused, " in again, "not resumed: " + again[-300:])


def ask(sock, datagram, seconds=3):
    """What answers a datagram; None when nothing does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sock.send(datagram)
        sock.settimeout(0.5)
        try:
            return sock.recv(65536)
        except (socket.timeout, ConnectionRefusedError):
            continue
    return None


def stranger(server, source=None):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if source:
        sock.bind((source, 0))
    sock.connect(server.address)
    return sock


@case("a stranger's ClientHello is answered by a cookie, in no more bytes than it had")
def cookie_first():
    with Server(*OPTIONS) as server, stranger(server) as sock:
        hello = dtls_hello()
        answer = ask(sock, hello)
        true(answer is not None and dtls_cookie(answer), "no cookie")
        true(len(answer) <= len(hello), "%d bytes for %d" % (len(answer), len(hello)))
        sock.settimeout(2)
        try:
            true(False, "a second answer: %s" % sock.recv(65536)[:20].hex())
        except socket.timeout:
            pass


@case("a cookie is worth nothing at another address")
def cookie_elsewhere():
    with Server(*OPTIONS) as server, stranger(server) as one, stranger(server) as two:
        random = os.urandom(32)
        cookie = dtls_cookie(ask(one, dtls_hello(random)))
        answer = ask(two, dtls_hello(random, cookie, 1))
        true(dtls_cookie(answer), "the other address was let in")
        answer = ask(one, dtls_hello(random, cookie, 1))
        equal(dtls_cookie(answer), None, "the right address got another cookie instead of a ServerHello")
        equal(answer[13], 2, "message")


class Forger:
    """Sends from any address of 127.0.0.0/8 by one socket."""

    def __init__(self, server):
        self.server = server.address
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]

    def send(self, number, datagram):
        source = struct.pack("!I", (127 << 24) + (1 << 16) + (number * 2654435761 & 0xFFFFFF) % 0xF00000)
        control = [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, source, bytes(4)))]
        self.sockets[number % 16].sendmsg([datagram], control, 0, self.server)

    def flood(self, count, per_second, datagram):
        """Paced, since a flood that only fills a receive queue tests the kernel."""
        began = time.monotonic()
        for number in range(count):
            self.send(number, datagram if isinstance(datagram, bytes) else datagram(number))
            if number % 100 == 0:
                ahead = number / per_second - (time.monotonic() - began)
                if ahead > 0:
                    time.sleep(ahead)

    def close(self):
        for one in self.sockets:
            one.close()


def dropped(server):
    """Datagrams that the server's queues were too full for."""
    with open("/proc/net/udp", encoding="ascii") as table:
        return sum(int(line.split()[-1]) for line in table if line.split()[1].endswith(":%04X" % server.port))


@case("100,000 ClientHellos from forged addresses leave the memory and the descriptors where they were")
def flood():
    with Server(*OPTIONS, lean=True) as server, Peer() as peer, pair(server, peer) as client:
        forger = Forger(server)
        forger.flood(5000, 10000, dtls_hello())  # Warm-up: pages that are touched once.
        client.plain(BINDING)
        descriptors = server.descriptors()
        before, lost_before = server.rss_kib(), dropped(server)
        left = FLOOD
        while left > 0:  # On a busy machine some are lost in the receive queue, and as many more are sent.
            forger.flood(left, 10000, dtls_hello())
            client.plain(BINDING)
            left, lost_before = dropped(server) - lost_before, dropped(server)
        forger.close()
        grown = server.rss_kib() - before
        print("%d KiB more" % grown)
        true(grown < 1024, "%d KiB more" % grown)
        equal(server.descriptors(), descriptors, "descriptors")
        exchange(client, peer, b"after the flood")
        with DtlsClient(server.address) as other:
            equal(other.allocate().code, 0, "a new client's Allocate")


@case("ClientHellos with invented cookies leave nothing either")
def invented_cookies():
    count = shortened("ClientHellos with invented cookies", 20000, 100000)
    with Server(*OPTIONS, lean=True) as server:
        forger, cookie = Forger(server), os.urandom(32)
        forger.flood(3000, 10000, dtls_hello(cookie=cookie, sequence=1))
        with server.client() as client:
            client.plain(BINDING)
            before = server.rss_kib()
            forger.flood(count, 10000, dtls_hello(cookie=cookie, sequence=1))
            client.plain(BINDING)
        forger.close()
        grown = server.rss_kib() - before
        true(grown < 1024, "%d KiB more" % grown)
        with DtlsClient(server.address) as other:
            equal(other.allocate().code, 0, "a real client's Allocate")


def begin_handshake(server, source):
    """A handshake with a valid cookie that goes no further; whether the server began its part."""
    sock = stranger(server, source)
    random = os.urandom(32)
    answer = ask(sock, dtls_hello(random), 1)
    if answer is not None and dtls_cookie(answer):
        answer = ask(sock, dtls_hello(random, dtls_cookie(answer), 1), 1)
    began = answer is not None and len(answer) > 13 and answer[13] == 2
    return sock, began


@case("half-open handshakes of one source are capped, and other sources still get in")
def half_open():
    with Server(*OPTIONS, "--relay-threads=1", lean=True) as server:
        held, begun = [], 0
        for _ in range(HALF_OPEN_PER_SOURCE + 5):
            sock, began = begin_handshake(server, "127.0.0.2")
            held.append(sock)
            begun += began
        equal(begun, HALF_OPEN_PER_SOURCE, "handshakes that began")
        with DtlsClient(server.address, source="127.0.0.3") as other:
            equal(other.allocate().code, 0, "Allocate from another source")
        for sock in held:
            sock.close()
        deadline = time.monotonic() + 40
        while True:
            sock, began = begin_handshake(server, "127.0.0.2")
            sock.close()
            if began:
                break
            true(time.monotonic() < deadline, "half-open handshakes are never given up")


@case("DTLS clients of one source are limited, and one that ends makes room")
def per_source():
    with Server(*OPTIONS, "--relay-threads=4", "--max-connections-per-source=3") as server:
        held = [DtlsClient(server.address) for _ in range(3)]
        sock, began = begin_handshake(server, "127.0.0.1")
        sock.close()
        equal(began, False, "one above the limit began")
        with DtlsClient(server.address, source="127.0.0.2") as other:
            equal(other.allocate().code, 0, "Allocate from another source")
        held.pop().good_bye()
        with DtlsClient(server.address) as again:
            equal(again.allocate().code, 0, "Allocate after one has ended")
        for client in held:
            client.close()


@case("what a stranger sends in a client's name does not end its session")
def forged_in_a_session():
    with Server(*OPTIONS) as server, Peer() as peer, pair(server, peer) as client:
        hello = dtls_hello()
        for data in (hello, dtls_hello(cookie=os.urandom(32), sequence=1), b"\x15\xfe\xfd\0\0\0\0\0\0\0\x09\0\2\2\x28",
                     b"\x15\xfe\xfd\0\1\0\0\0\0\0\x09\0\x1a" + os.urandom(26), b"\x16" + os.urandom(100),
                     b"\x14\xfe\xfd\0\0\0\0\0\0\0\1\0\1\1", b"\x17\xfe\xfd\0\1\0\0\0\0\0\x20\xff\xff" + os.urandom(200),
                     b"\x17\xfe\xfd\0\1\0\0\0\0\0\x21\0\x40" + os.urandom(64), b"\x16\xfe\xfd"):
            client.socket.send(data)
            exchange(client, peer, b"after " + data[:8].hex().encode())
        equal(client.refresh(600).code, 0, "Refresh")


@case("junk that looks like DTLS is ignored, and oversized records too")
def junk():
    with Server(*OPTIONS) as server, stranger(server) as sock:
        for kind in (20, 21, 22, 23, 24, 63):
            for size in (0, 1, 12, 13, 14, 100, 1400, 20000):
                sock.send((bytes([kind]) + os.urandom(max(size - 1, 0)))[:size])
                sock.send((bytes([kind]) + b"\xfe\xfd" + bytes(8) + b"\xff\xff" + os.urandom(size))[:size + 13])
        hello = dtls_hello()
        for cut in range(1, len(hello)):
            sock.send(hello[:cut])
        for at in range(13, len(hello)):
            sock.send(hello[:at] + bytes([hello[at] ^ 0xFF]) + hello[at + 1:])
        with DtlsClient(server.address) as client:
            equal(client.allocate().code, 0, "Allocate afterwards")


@case("a client that lost its state begins anew from the same address")
def begins_anew():
    with Server(*OPTIONS) as server, Peer() as peer:
        first = pair(server, peer)
        port = first.local[1]
        first.close()
        with pair(server, peer, source_port=port) as second:
            exchange(second, peer, b"hello again")


@case("a client without an allocation is forgotten in time, and one with an allocation is not")
def idle():
    with Server(*OPTIONS, "--max-allocate-timeout=2") as server, Peer() as peer, pair(server, peer) as holder:
        with DtlsClient(server.address) as silent:
            equal(silent.plain(BINDING).code, 0, "Binding")
            began = time.monotonic()
            while not silent.ended and time.monotonic() < began + 10:
                silent.receive_raw(0.5)
            true(silent.ended, "no good-bye after %.1f s" % (time.monotonic() - began))
        exchange(holder, peer, b"still here")


if __name__ == "__main__":
    main()
