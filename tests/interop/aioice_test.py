#!/usr/bin/python3
"""aioice (the ICE library of aiortc) through the server over UDP, TCP and TLS, IPv4 and IPv6: candidates, and pairs over
two relays."""

import asyncio
import re
import sys
import time

from harness import Server, case, equal, main
from streamlib import trusting
import stunlib

try:
    import aioice
except ImportError:
    print("skip aioice: all cases: the Python module aioice is not installed (package python3-aioice)")
    sys.exit(0)

OPEN = "--allow-loopback-peers"
TRANSPORTS = ("udp", "tcp", "tls")


def connection(server, controlling, user="user", password="password", transport="udp", host=None):
    # The library hands turn_ssl to asyncio, which takes settings, too.
    return aioice.Connection(ice_controlling=controlling, turn_server=(host or server.host, server.port),
                             turn_username=user, turn_password=password, use_ipv6=host is not None,
                             turn_transport="udp" if transport == "udp" else "tcp",
                             turn_ssl=trusting() if transport == "tls" else False,
                             transport_policy=aioice.TransportPolicy.RELAY)


def opened(server, transport, host="127.0.0.1"):
    """How many allocations the server's log has that were opened over that transport."""
    address = re.escape("[%s]" % host if ":" in host else host)
    return len(re.findall(r"allocation_opened client=%s:\d+ transport=%s " % (address, transport), server.log_text()))


async def exchange(server, transport="udp", other=None, **options):
    """Two agents that may use nothing but their relays connect and talk, small and large, both ways."""
    left = connection(server, True, transport=transport, **options)
    right = connection(server, False, transport=other or transport, **options)
    try:
        await asyncio.gather(left.gather_candidates(), right.gather_candidates())
        for agent in (left, right):
            equal([one.type for one in agent.local_candidates], ["relay"], "candidates")
        for one, other in ((left, right), (right, left)):
            for candidate in one.local_candidates:
                await other.add_remote_candidate(candidate)
            await other.add_remote_candidate(None)
            other.remote_username, other.remote_password = one.local_username, one.local_password
        await asyncio.gather(left.connect(), right.connect())
        for size in (1, 2, 3, 4, 172, 1100, 1200):
            for one, other in ((left, right), (right, left)):
                data = bytes([1]) * size  # A first byte that is neither STUN nor ChannelData.
                await one.send(data)
                equal(await other.recv(), data, "%d bytes" % size)
        for number in range(50):
            await left.send(b"\x01%d" % number)
        equal([await right.recv() for _ in range(50)], [b"\x01%d" % number for number in range(50)], "order")
    finally:
        await asyncio.gather(left.close(), right.close())


def run(coroutine, seconds=30):
    return asyncio.run(asyncio.wait_for(coroutine, seconds))


def over_each(name):
    """Declares a case for each transport."""
    def register(function):
        for transport in TRANSPORTS:
            case("%s, over %s" % (name, transport))(lambda server, transport=transport: function(server, transport))
        return function
    return register


@over_each("two agents talk over two relays")
def pair(server, transport):
    before = opened(server, transport)
    run(exchange(server, transport=transport))
    equal(opened(server, transport) - before, 2, "allocations over %s" % transport)


@over_each("two agents that reach the server over IPv6 talk over two relays")
def pair_over_ipv6(server, transport):
    before = opened(server, transport, "::1")
    run(exchange(server, transport=transport, host="::1"))
    equal(opened(server, transport, "::1") - before, 2, "allocations over %s and IPv6" % transport)


@case("an agent over each transport talks to one over each other")
def mixed(server):
    for one in TRANSPORTS:
        for other in TRANSPORTS:
            if one < other:
                run(exchange(server, one, other))


@over_each("ten pairs at once talk over their relays")
def many_pairs(server, transport):
    async def all_of_them():
        await asyncio.gather(*[exchange(server, transport=transport) for _ in range(10)])
    run(all_of_them(), 60)


@case("a time-limited name works")
def time_limited(_):
    with Server(OPEN, "--use-auth-secret", "--static-auth-secret=north", users=()) as server:
        user, password = stunlib.time_limited(b"north", b"ann", int(time.time()) + 60)
        run(exchange(server, user=user.decode(), password=password.decode()))


@over_each("a wrong password gives no relay candidate")
def wrong_password(server, transport):
    async def gather():
        agent = connection(server, True, password="wrong", transport=transport)
        try:
            await agent.gather_candidates()
        except Exception as error:  # Versions of the library differ: an exception, or no candidate.
            print("gathering ended with", repr(error))
        found = [one.type for one in agent.local_candidates]
        await agent.close()
        return found
    equal(run(gather()), [], "candidates")


if __name__ == "__main__":
    main(Server(OPEN, hosts=("127.0.0.1", "::1")))
