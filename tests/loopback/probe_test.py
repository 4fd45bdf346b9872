#!/usr/bin/python3
"""`turnpike probe` over each transport: the same tests, and what is told where the link itself is in the way."""

import json
import os
import select
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import Server, case, equal, free_port, main, server_command, true  # noqa: E402
from streamlib import Authority  # noqa: E402

USER = ("--user", "user", "--password", "password")
TRANSPORTS = ("udp", "tcp", "tls", "dtls")


def probe(port, transport, *arguments, host="127.0.0.1", timeout=5):
    done = subprocess.run([server_command()[0], "probe", "--host", host, "--port", str(port), "--transport", transport,
                           "--json", "--timeout", str(timeout), *USER, *arguments], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, text=True)
    print(done.returncode, done.stdout, done.stderr)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def insecure(transport):
    return ("--insecure",) if transport in ("tls", "dtls") else ()


SEND, DATA = b"\x00\x16", b"\x00\x17"


def is_channel(packet):
    return packet[0] & 0xC0 == 0x40


def is_indication(packet):
    return packet[:2] in (SEND, DATA)


class Dropping:
    """A way to a server on which some packets are lost: those of which `is_lost` says so."""

    def __init__(self, server, is_lost):
        self.server, self.is_lost = server, is_lost
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.ways = {}
        self.ends, self.end = socket.socketpair()
        self.thread = threading.Thread(target=self.carry)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.close()
        self.thread.join()
        for one in (self.front, self.ends, *self.ways.values()):
            one.close()

    def carry(self):
        while True:
            ready = select.select([self.front, self.ends, *self.ways.values()], [], [])[0]
            if self.ends in ready:
                return
            for one in ready:
                packet, source = one.recvfrom(1 << 16)
                if self.is_lost(packet):
                    continue
                if one is not self.front:
                    client = next(client for client, way in self.ways.items() if way is one)
                    self.front.sendto(packet, client)
                    continue
                if source not in self.ways:
                    self.ways[source] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    self.ways[source].connect(self.server)
                self.ways[source].send(packet)


@case("everything passes over every transport")
def all_transports():
    with Server("--allow-loopback-peers") as server:
        for transport in TRANSPORTS:
            code, report = probe(server.port, transport, *insecure(transport))
            equal((code, report["transport"]), (0, transport), transport)
            equal([one["result"] for one in report["tests"]], ["ok"] * 6, transport)


@case("the server's certificate counts, unless it is told not to")
def certificates():
    with Authority() as ours, Authority() as other:
        certificate, key = ours.make("localhost")
        options = ("--allow-loopback-peers", "--cert=" + certificate, "--pkey=" + key)
        with Server(*options) as server:
            for transport in ("tls", "dtls"):
                equal(probe(server.port, transport, "--ca-file", ours.certificate, "--ipv4", host="localhost")[0], 0)
                # Another name, another authority, and none.
                for host, how in (("127.0.0.1", ("--ca-file", ours.certificate)),
                                  ("localhost", ("--ca-file", other.certificate)), ("localhost", ())):
                    code, report = probe(server.port, transport, "--ipv4", *how, host=host)
                    equal(code, 4, "%s %s" % (host, how))
                    true(transport.upper() in str(report), str(report))


@case("a server that asks for a client's certificate is shown one")
def client_certificate():
    with Authority() as ours:
        certificate, key = ours.make("client")
        with Server("--allow-loopback-peers", "--CA-file=" + ours.certificate) as server:
            for transport in ("tls", "dtls"):
                how = ("--client-cert", certificate, "--client-key", key)
                equal(probe(server.port, transport, "--insecure", *how)[0], 0)
                equal(probe(server.port, transport, "--insecure", timeout=2)[0], 4)


@case("a way that drops one kind of packet is told, though the other kind passes")
def half_a_way():
    for is_lost, kind in ((is_channel, "channels"), (is_indication, "indications")):
        with Server("--allow-loopback-peers") as server, Dropping(server.address, is_lost) as way:
            code, report = probe(way.port, "udp")
            equal(code, 13, "exit code")
            true("none by %s" % kind in json.dumps(report), "what is told")
            # Few tries are no verdict, but a remark.
            code, report = probe(way.port, "udp", "--count", "2")
            inside = report["tests"][4]
            equal((inside["result"], inside["tried"]), ("ok", 3), "%r" % inside)
            true("none of 2 by %s" % kind in inside["detail"], inside["detail"])


@case("some packets of one kind that are lost are no verdict on the kind")
def some_lost():
    for is_one in (lambda packet: packet[:2] == SEND, is_channel):
        left = [3]

        def is_lost(packet, is_one=is_one, left=left):
            left[0] -= is_one(packet)
            return is_one(packet) and left[0] >= 0
        with Server("--allow-loopback-peers") as server, Dropping(server.address, is_lost) as way:
            code, report = probe(way.port, "udp")
            equal(code, 0, "exit code")
            equal(report["tests"][4]["tried"] - report["tests"][4]["answered"], 3, "lost")


@case("a port where nobody listens, and one where something else does, are told at once")
def nobody():
    port = free_port()
    for transport in TRANSPORTS:
        code, report = probe(port, transport, *insecure(transport))
        equal(code, 4, transport)
        true("no answer" not in str(report), str(report))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code, _ = probe(listener.getsockname()[1], "tls", "--insecure", timeout=1)
        equal(code, 4)


@case("options that do not go together are refused")
def options():
    for arguments in (("--transport", "sctp"), ("--insecure",), ("--ca-file", "x"),
                      ("--transport", "tls", "--ca-file", "/nowhere")):
        done = subprocess.run([server_command()[0], "probe", "--host", "127.0.0.1", *USER, *arguments], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True)
        equal(done.returncode, 2, str(arguments) + done.stderr)


if __name__ == "__main__":
    main()
