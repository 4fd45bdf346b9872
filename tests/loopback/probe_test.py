#!/usr/bin/python3
"""`turnpike probe` over each transport: the same tests, and what is told where the link itself is in the way."""

import json
import os
import socket
import subprocess
import sys

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
