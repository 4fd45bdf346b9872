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


class Dropping:
    """A way to a server on which one kind of packet is lost: ChannelData, or Send and Data indications."""

    def __init__(self, server, drops_channels):
        self.server, self.drops_channels = server, drops_channels
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

    def is_lost(self, packet):
        is_channel = packet[0] & 0xC0 == 0x40
        return is_channel if self.drops_channels else packet[:2] in (b"\x00\x16", b"\x00\x17")

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
    for drops_channels in (True, False):
        with Server("--allow-loopback-peers") as server, Dropping(server.address, drops_channels) as way:
            code, report = probe(way.port, "udp")
            equal(code, 13, "exit code")
            true("none by %s" % ("channels" if drops_channels else "indications") in json.dumps(report), "what is told")


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
