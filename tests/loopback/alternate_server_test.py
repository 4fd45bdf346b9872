#!/usr/bin/python3
"""ALTERNATE-SERVER with health: clients are sent to servers that answer, and to no others."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import Server, case, equal, free_port, main, true, until  # noqa: E402
import stunlib  # noqa: E402
from stunlib import ALLOCATE, REQUESTED_TRANSPORT, UDP_TRANSPORT  # noqa: E402
from streamlib import StreamClient, trusting  # noqa: E402

ALTERNATE_SERVER = 0x8023
# A server that stopped is noticed within 6 s (at most 4 s to the next question, 2 s for its answer); slow machines have
# more.
PATIENCE = 30


def alternate_in(answer):
    value = answer.get(ALTERNATE_SERVER)
    if value is None:
        return None
    family = socket.AF_INET if value[1] == stunlib.IPV4 else socket.AF_INET6
    return socket.inet_ntop(family, value[4:]), int.from_bytes(value[2:4], "big")


def sent_to(server, host=None, **options):
    """Where a new client is sent; None when it is served."""
    with stunlib.Client((host or server.host, server.port), **options) as client:
        answer = client.allocate()
        if answer.code == 0:
            client.refresh(0)
            return None
        equal(answer.code, 300, "the code")
        true(answer.signed_with(client.key), "the redirection is not signed")
        return alternate_in(answer)


def eventually(ask, wanted, what):
    until(lambda: ask() == wanted, lambda: "%s: still %r, wanted %r" % (what, ask(), wanted), PATIENCE, 0.2)


class Mortal(Server):
    """One that may be killed by its test."""

    gone = False

    def kill(self):
        self.gone = True
        self.process.kill()
        self.process.wait()

    def __exit__(self, *what):
        if self.gone:
            self.directory.cleanup()
        else:
            super().__exit__(*what)


def stream_sent_to(server, tls):
    with StreamClient(server.address, tls=trusting() if tls else None) as client:
        answer = client.allocate()
        return alternate_in(answer) if answer.code else None


@case("a client goes where it is sent, and is served here again after that server died")
def one_dies():
    with Mortal() as other:
        with Server("--alternate-server=%s:%d" % other.address) as server:
            eventually(lambda: sent_to(server), other.address, "the alternate answers")
            equal(sent_to(other), None, "and serves whom it is sent")
            other.kill()
            eventually(lambda: sent_to(server), None, "the alternate is dead")
            true("alternate_up" in server.log_text() and "alternate_down" in server.log_text(), "the log")
            with Server(port=other.port):
                eventually(lambda: sent_to(server), other.address, "it is back")


@case("all that answer have their turn, and one that does not is left out")
def turns():
    dead = free_port()
    with Server() as first, Server() as second:
        with Server(*["--alternate-server=127.0.0.1:%d" % port for port in (first.port, dead, second.port)]) as server:
            eventually(lambda: {sent_to(server) for _ in range(6)}, {first.address, second.address}, "both answer")
            equal({sent_to(server) for _ in range(12)}, {first.address, second.address}, "the places")


@case("a black hole costs no client anything: it is served here")
def black_hole():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        with Server("--alternate-server=127.0.0.1:%d" % hole.getsockname()[1]) as server:
            hole.settimeout(10)
            for _ in range(3):
                data, _ = hole.recvfrom(2048)
                true(len(data) <= 20, "a question has %d bytes" % len(data))
                equal(sent_to(server), None, "where a client is sent")


@case("TCP clients are sent to who answers over TCP, UDP clients to who answers over UDP")
def by_transport():
    with Server("--no-tcp") as udp_only, Server() as both:
        listed = ["--alternate-server=127.0.0.1:%d" % one.port for one in (udp_only, both)]
        with Server(*listed) as server:
            eventually(lambda: {sent_to(server) for _ in range(6)}, {udp_only.address, both.address}, "over UDP")
            eventually(lambda: {stream_sent_to(server, False) for _ in range(4)}, {both.address}, "over TCP")
            equal(stream_sent_to(server, True), None, "a TLS client has no alternate")


@case("tls-alternate-server is for TLS, and is asked in TLS")
def tls():
    with Server() as other, Server("--no-tls", "--no-dtls") as plain:
        listed = ["--tls-alternate-server=127.0.0.1:%d" % one.port for one in (plain, other)]
        with Server(*listed) as server:
            eventually(lambda: stream_sent_to(server, True), other.address, "over TLS")
            equal({stream_sent_to(server, True) for _ in range(4)}, {other.address}, "over TLS again")
            equal(stream_sent_to(server, False), None, "over TCP")
            equal(sent_to(server), None, "over UDP")
            server.wait_for_log("transport=dtls", PATIENCE)
            line = [one for one in server.log_text().splitlines() if "transport=dtls" in one]
            print(line)
            true(any("alternate_up" in one and ":%d" % other.port in one for one in line), "DTLS is asked too")


@case("a client is sent to a server of its own family only")
def families():
    with Server(host="::1") as other:
        with Server("--alternate-server=[::1]:%d" % other.port, hosts=("127.0.0.1", "::1")) as server:
            eventually(lambda: sent_to(server, "::1"), other.address, "over IPv6")
            equal(sent_to(server), None, "over IPv4")


@case("a stranger learns nothing of the others, and Binding is answered here")
def strangers():
    with Server() as other, Server("--alternate-server=127.0.0.1:%d" % other.port) as server:
        eventually(lambda: sent_to(server), other.address, "the alternate answers")
        with server.client() as client:
            answer = client.plain(ALLOCATE, [(REQUESTED_TRANSPORT, UDP_TRANSPORT)])
            equal((answer.code, alternate_in(answer)), (401, None), "a stranger's Allocate")
            equal(client.plain(stunlib.BINDING).code, 0, "Binding")


@case("two servers that name each other: a client that keeps count of where it was stops by itself")
def circle():
    ports = free_port(), free_port()
    with Server("--alternate-server=127.0.0.1:%d" % ports[1], port=ports[0]) as first, \
            Server("--alternate-server=127.0.0.1:%d" % ports[0], port=ports[1]) as second:
        eventually(lambda: sent_to(first), second.address, "first to second")
        eventually(lambda: sent_to(second), first.address, "second to first")
        # RFC 8489 section 10: whoever has tried a server in the last five minutes does not go there again.
        tried, here = [], first
        while here.address not in tried:
            tried.append(here.address)
            here = {first.address: first, second.address: second}[sent_to(here)]
        equal(tried, [first.address, second.address], "the servers that were asked")


if __name__ == "__main__":
    main()
