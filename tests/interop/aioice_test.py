#!/usr/bin/python3
"""aioice (the ICE library of aiortc) through the server: candidates, and a pair over two relays."""

import asyncio
import sys
import time

from harness import Server, case, equal, main
import stunlib

try:
    import aioice
except ImportError:
    print("skip aioice: all cases: the Python module aioice is not installed (package python3-aioice)")
    sys.exit(0)

OPEN = "--allow-loopback-peers"


def connection(server, controlling, user="user", password="password"):
    return aioice.Connection(ice_controlling=controlling, turn_server=server.address, turn_username=user,
                             turn_password=password, use_ipv6=False, transport_policy=aioice.TransportPolicy.RELAY)


async def exchange(server, user="user", password="password"):
    """Two agents that may use nothing but their relays connect and talk, small and large, both ways."""
    left = connection(server, True, user, password)
    right = connection(server, False, user, password)
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


@case("two agents talk over two relays")
def pair(server):
    run(exchange(server))


@case("ten pairs at once talk over their relays")
def many_pairs(server):
    async def all_of_them():
        await asyncio.gather(*[exchange(server) for _ in range(10)])
    run(all_of_them(), 60)


@case("a time-limited name works")
def time_limited(_):
    with Server(OPEN, "--use-auth-secret", "--static-auth-secret=north", users=()) as server:
        user, password = stunlib.time_limited(b"north", b"ann", int(time.time()) + 60)
        run(exchange(server, user.decode(), password.decode()))


@case("a wrong password gives no relay candidate")
def wrong_password(server):
    async def gather():
        agent = connection(server, True, password="wrong")
        try:
            await agent.gather_candidates()
        except Exception as error:  # Versions of the library differ: an exception, or no candidate.
            print("gathering ended with", repr(error))
        found = [one.type for one in agent.local_candidates]
        await agent.close()
        return found
    equal(run(gather()), [], "candidates")


if __name__ == "__main__":
    main(Server(OPEN))
