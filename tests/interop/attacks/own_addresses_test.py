#!/usr/bin/python3
"""The server's own addresses as peers. Runs in a network namespace in which the host has public-looking addresses."""

import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import harness  # noqa: E402
from harness import Server, Skip, case, equal, main, one_of, true, until  # noqa: E402
from stunlib import Peer, data_of  # noqa: E402
from tcpturn import StreamClient  # noqa: E402

OURS, BESIDE = "45.67.89.10", "45.67.89.11"
ALLOWED = harness.in_network_namespace()


def start(*options):
    if not ALLOWED:
        raise Skip("network namespaces are not allowed here")
    for address in (OURS, BESIDE):
        subprocess.run(["ip", "address", "replace", address + "/32", "dev", "lo"], check=True)
    return Server(*options, host=OURS, relay=(OURS,))


def nothing_arrives(client, service):
    """Neither a permission nor a channel leads to this service."""
    client.permit(service.address)
    client.send_to(*service.address, b"probe")
    if client.bind_channel(0x4000, *service.address).code == 0:
        client.send_raw(b"\x40\x00\x00\x05probe\0\0\0")
    client.drain()
    true(service.take(0.3)[0] is None, "a service on the server's host was reached")


@case("another service on the server's address is not reached")
def beside():
    with start() as server, server.client() as client, Peer(OURS) as service:
        client.relayed()
        nothing_arrives(client, service)


@case("another address of the server's host is not reached")
def other_address():
    with start() as server, server.client() as client, Peer(BESIDE) as service:
        client.relayed()
        equal(client.permit(service.address).code, 403, "CreatePermission")
        nothing_arrives(client, service)


@case("an address that the host gets later is refused as well")
def later_address():
    with start() as server, server.client() as client:
        client.relayed()
        equal(client.permit(("45.67.89.99", 9)).code, 0, "not ours yet")
        subprocess.run(["ip", "address", "add", "45.67.89.99/32", "dev", "lo"], check=True)
        try:
            until(lambda: client.permit(("45.67.89.99", 9)).code == 403, "still allowed after 3 s", 3)
        finally:
            subprocess.run(["ip", "address", "del", "45.67.89.99/32", "dev", "lo"], check=True)


@case("the server's own listener is not reached: no loop through itself")
def own_listener():
    with start() as server, server.client() as client:
        client.relayed()
        one_of(client.bind_channel(0x4000, OURS, server.port).code, (403,), "ChannelBind to the listener")
        client.permit((OURS, server.port))
        client.send_to(OURS, server.port, b"\0\1\0\0\x21\x12\xa4\x42abcdefghijkl")
        equal(client.drain(), [], "what the client got")
        true(client.take(0.2) is None, "an answer of the listener came back through the relay")


@case("neither Connect nor a channel leads to the server's own metrics page, database or operators' API")
def own_services():
    metrics = harness.free_port(OURS)
    with start("--prometheus", "--prometheus-address=" + OURS, "--prometheus-port=%d" % metrics) as server, \
            server.client() as client, StreamClient(server.address) as stream, \
            socket.create_server((OURS, 0)) as database:
        socket.create_connection((OURS, metrics), 5).close()  # It is there.
        client.relayed()
        stream.relayed_tcp()
        for port in (metrics, server.port, database.getsockname()[1]):
            equal(stream.connect(OURS, port).code, 403, "Connect to port %d" % port)
            equal(client.bind_channel(0x4000, OURS, port).code, 403, "ChannelBind to port %d" % port)
        database.settimeout(0.3)
        try:
            database.accept()
            raise AssertionError("the database was reached")
        except TimeoutError:
            pass


@case("the broadcast address of the server's own network reaches nobody")
def directed_broadcast():
    if not ALLOWED:
        raise Skip("network namespaces are not allowed here")
    subprocess.run(["ip", "link", "add", "wide", "type", "veth", "peer", "name", "far"], check=True)
    try:
        subprocess.run(["ip", "address", "add", "45.67.91.10/24", "broadcast", "+", "dev", "wide"], check=True)
        for end in ("wide", "far"):
            subprocess.run(["ip", "link", "set", end, "up"], check=True)
        with Server(host="45.67.91.10", relay=("45.67.91.10",)) as server, server.client() as client, \
                Peer("0.0.0.0") as everybody:
            client.relayed()
            client.permit(("45.67.91.255", 0))
            client.send_to("45.67.91.255", everybody.address[1], b"to all")
            client.drain()
            true(everybody.take(0.3)[0] is None, "a broadcast was sent")
            equal(client.refresh(600).code, 0, "the allocation lives")
    finally:
        subprocess.run(["ip", "link", "del", "wide"], check=True)


@case("allowed-peer-ip opens the address that it names")
def allowed():
    with start("--allowed-peer-ip=" + BESIDE) as server, server.client() as client, Peer(BESIDE) as service:
        client.relayed()
        equal(client.permit(service.address).code, 0, "CreatePermission")
        client.send_to(*service.address, b"hello")
        equal(service.take()[0], b"hello", "payload")


def relay_between(check, options=()):
    with start(*options) as server, server.client() as a, server.client() as b:
        to_a, to_b = a.relayed(), b.relayed()
        codes = a.permit(to_b).code, b.permit(to_a).code
        check(a, b, to_a, to_b, codes)


@case("the relayed address of a live allocation is reached, both ways")
def live_allocation():
    def check(a, b, to_a, to_b, codes):
        equal(codes, (0, 0), "CreatePermission for each other")
        a.send_to(*to_b, b"one")
        equal(data_of(b.take()), (to_a, b"one"), "what the second gets")
        equal(b.bind_channel(0x4000, *to_a).code, 0, "ChannelBind")
        b.send_raw(b"\x40\x00\x00\x03two\0")
        equal(data_of(a.take()), (to_b, b"two"), "what the first gets")
    relay_between(check)


@case("a live allocation without a permission for us gets nothing")
def needs_both_permissions():
    with start() as server, server.client() as a, server.client() as b:
        a.relayed()
        to_b = b.relayed()
        a.permit(to_b)
        a.send_to(*to_b, b"one")
        a.drain()
        true(b.take(0.3) is None, "delivered without the receiver's permission")


@case("the relayed address of an ended allocation is a closed door")
def ended_allocation():
    def check(a, b, to_a, to_b, codes):
        equal(codes, (0, 0), "CreatePermission for each other")
        equal(b.refresh(0).code, 0, "Refresh 0")
        with Peer(OURS, to_b[1]) as service:  # Something else of this host takes the port.
            a.send_to(*to_b, b"one")
            a.drain()
            true(service.take(0.3)[0] is None, "a service on the old port was reached")
    relay_between(check)


@case("denied-peer-ip beats the exception for live allocations")
def denied():
    def check(a, b, to_a, to_b, codes):
        equal(codes, (403, 403), "CreatePermission for each other")
        a.send_to(*to_b, b"one")
        a.drain()
        true(b.take(0.3) is None, "delivered")
    relay_between(check, ["--denied-peer-ip=" + OURS])


@case("an allocation that names itself as its peer does not loop")
def itself():
    with start() as server, server.client() as client:
        relay = client.relayed()
        if client.permit(relay).code == 0:
            client.bind_channel(0x4000, *relay)
            client.send_raw(b"\x40\x00\x00\x04loop")
        got = client.drain()
        true(len(got) <= 1, "one datagram came back %d times" % len(got))
        true(server.alive(), "the server died")


if __name__ == "__main__":
    main()
