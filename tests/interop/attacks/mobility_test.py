#!/usr/bin/python3
"""RFC 8016: an allocation follows its owner, across workers and transports, and nobody else."""

import contextlib
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, case, equal, main, true, until  # noqa: E402
from stunlib import (LIFETIME, MOBILITY_TICKET, REFRESH, XOR_RELAYED_ADDRESS, Peer, data_of)  # noqa: E402
from streamlib import connect  # noqa: E402

OPTIONS = ("--allow-loopback-peers", "--mobility")
WORKERS = 3
CHANNEL = 0x4001


def mobile(server, peer, transport="udp", **options):
    """A client with a ticket and a channel."""
    client = connect(transport, server.address, **options)
    answer = client.allocate((MOBILITY_TICKET, b""))
    equal(answer.code, 0, "Allocate")
    client.relay, client.ticket = answer.address(XOR_RELAYED_ADDRESS), answer.get(MOBILITY_TICKET)
    true(client.ticket, "no ticket")
    equal(client.bind_channel(CHANNEL, *peer.address).code, 0, "ChannelBind")
    return client


def move(client, ticket, lifetime=None):
    attributes = [(MOBILITY_TICKET, ticket)]
    if lifetime is not None:
        attributes.append((LIFETIME, struct.pack("!I", lifetime)))
    return client.request(REFRESH, attributes)


def moved(server, old, transport="udp", **options):
    """Another client that has taken the allocation along; the move is not confirmed yet."""
    client = connect(transport, server.address, **options)
    answer = move(client, old.ticket)
    equal(answer.code, 0, "Refresh with the ticket")
    client.relay, client.ticket = old.relay, answer.get(MOBILITY_TICKET)
    true(client.ticket and client.ticket != old.ticket, "no new ticket")
    return client


def send_up(client, peer, text):
    """Data from the client; whether it reached the peer from the relayed address."""
    client.send_raw(struct.pack("!HH", CHANNEL, len(text)) + text)
    data, source = peer.take(2.0)
    return data == text and source == client.relay


def arrives(client, peer, text, relay, timeout=2.0):
    peer.send(text, relay)
    frame = client.take(timeout)
    return frame is not None and data_of(frame) == (CHANNEL, text)


@case("without the option a ticket is forbidden, in Allocate and in Refresh")
def forbidden():
    with Server("--allow-loopback-peers") as server, server.client() as client:
        equal(client.allocate((MOBILITY_TICKET, b"")).code, 405, "Allocate")
        equal(client.allocate().code, 0, "Allocate without one")
        equal(move(client, b"x" * 32).code, 405, "Refresh")
        equal(client.refresh(600).code, 0, "Refresh without one")


@case("an allocation moves between every two transports, whatever worker they lead to")
def every_transport():
    with Server(*OPTIONS, "--relay-threads=%d" % WORKERS) as server, Peer() as peer, contextlib.ExitStack() as stack:
        client = stack.enter_context(mobile(server, peer))
        number = 0
        for first in ("udp", "tcp", "tls", "dtls"):
            for second in ("udp", "tcp", "tls", "dtls"):
                for transport in (first, second):
                    number += 1
                    old, client = client, stack.enter_context(moved(server, client, transport))
                    true(arrives(old, peer, b"old %d" % number, old.relay), "the old five-tuple before data from the new")
                    true(send_up(client, peer, b"up %d" % number), "data over %s" % transport)
                    true(arrives(client, peer, b"down %d" % number, client.relay), "data to %s" % transport)
                    equal(client.refresh(600).code, 0, "Refresh over %s" % transport)
                    equal(old.refresh(600).code, 437, "Refresh of the old five-tuple")
        equal(client.refresh(0).code, 0, "Refresh 0")


@case("an allocation moves to another worker, and its channels, permissions and requests with it")
def workers():
    with Server(*OPTIONS, "--relay-threads=%d" % WORKERS) as server, Peer() as peer, Peer() as other:
        for _ in range(12):  # Each new port leads to any of the workers.
            with mobile(server, peer) as client, moved(server, client) as new:
                equal(new.permit(other.address).code, 0, "CreatePermission")
                true(send_up(new, peer, b"a"), "ChannelData")
                new.send_to(*other.address, b"b")
                equal(other.take()[0], b"b", "a Send indication")
                other.send(b"c", new.relay)
                equal(data_of(new.take()), (other.address, b"c"), "a Data indication")
                equal(new.bind_channel(0x4002, *other.address).code, 0, "ChannelBind")
                equal(new.allocate().code, 437, "a second Allocate")
                equal(new.refresh(0).code, 0, "Refresh 0")
                equal(new.refresh(600).code, 437, "Refresh of what has ended")
                equal(new.allocate().code, 0, "Allocate after the end")
                equal(new.refresh(0).code, 0, "Refresh 0")


@case("a client whose connection broke comes back with its ticket")
def broken():
    with Server(*OPTIONS, "--user-quota=1", "--relay-threads=%d" % WORKERS) as server, Peer() as peer:
        client, is_stream = mobile(server, peer, "tcp"), True
        for transport in ("tcp", "tls", "udp", "tcp", "dtls", "udp"):
            before = server.descriptors()
            client.close()
            if is_stream:
                until(lambda held=before: server.descriptors() < held, "the server has not seen the end")
            is_stream = transport in ("tcp", "tls")
            old, client = client, moved(server, client, transport)
            true(send_up(client, peer, b"back over " + transport.encode()), "data over %s" % transport)
            true(arrives(client, peer, b"and down", client.relay), "data to %s" % transport)
            with server.client() as second:
                equal(second.allocate().code, 486, "a second allocation of one user")
        equal(client.refresh(0).code, 0, "Refresh 0")
        with server.client() as second:
            equal(second.allocate().code, 0, "Allocate after the end")
        client.close()


@case("chained moves leave nothing behind: one allocation, one place in the quota, one port")
def chained():
    with Server(*OPTIONS, "--user-quota=1", "--relay-threads=%d" % WORKERS) as server, Peer() as peer, \
            contextlib.ExitStack() as stack:
        chain = [stack.enter_context(mobile(server, peer))]
        for _ in range(40):
            chain.append(stack.enter_context(moved(server, chain[-1])))
        for middle in chain[1:-1]:
            equal(middle.refresh(600).code, 437, "Refresh of a five-tuple in between")
        true(arrives(chain[0], peer, b"first", chain[0].relay), "data to the first before the last has sent")
        true(send_up(chain[-1], peer, b"last"), "data from the last")
        equal(chain[0].refresh(600).code, 437, "Refresh of the first")
        with server.client() as second:
            equal(second.allocate().code, 486, "a second allocation of one user")
        equal(chain[-1].refresh(0).code, 0, "Refresh 0")
        with server.client() as second:
            equal(second.allocate().code, 0, "Allocate after the end")


@case("another user's ticket, a stolen one and a forged one move nothing")
def not_the_owner():
    with Server(*OPTIONS, "--relay-threads=%d" % WORKERS) as server, Peer() as peer, mobile(server, peer) as victim:
        for _ in range(6):
            with server.client(b"other", b"word") as other:
                equal(move(other, victim.ticket).code, 441, "another user's ticket")
                equal(other.refresh(600).code, 437, "Refresh of the thief")
            with server.client(b"user", b"wrong") as thief:
                thief.login()
                equal(thief.ask(*pair_of(thief.signed(REFRESH, [(MOBILITY_TICKET, victim.ticket)]))).code, 401,
                      "a ticket with a wrong password")
                equal(thief.plain(REFRESH, [(MOBILITY_TICKET, victim.ticket)]).code, 401, "a ticket without credentials")
                thief.send_raw(struct.pack("!HH", CHANNEL, 4) + b"evil")
            with server.client() as forger:
                for forged in (b"A" * 32, victim.ticket[:-1], victim.ticket + b"A", os.urandom(32), b"",
                               bytes([victim.ticket[0] ^ 1]) + victim.ticket[1:]):
                    equal(move(forger, forged).code, 400, "a forged ticket")
        true(arrives(victim, peer, b"still here", victim.relay), "data to the owner")
        equal(peer.take(0.2)[0], None, "what a thief sent")
        with moved(server, victim) as owner:
            true(send_up(owner, peer, b"mine"), "the owner's move")


def pair_of(data):
    return data, data[8:20]


@case("a ticket is used once; its Refresh may be repeated from the same place")
def used_once():
    with Server(*OPTIONS, "--relay-threads=%d" % WORKERS) as server, Peer() as peer, mobile(server, peer) as client, \
            moved(server, client) as new:
        equal(move(new, client.ticket).code, 0, "the same ticket from the same place")
        equal(move(new, new.ticket).code, 400, "the new ticket without a move")
        for _ in range(6):
            with server.client() as again:
                equal(move(again, client.ticket).code, 400, "the used ticket from elsewhere")
        true(send_up(new, peer, b"data"), "data from the new five-tuple")
        for _ in range(6):
            with server.client() as again:
                equal(move(again, client.ticket).code, 400, "the used ticket from elsewhere, later")
        equal(move(client, client.ticket).code, 400, "the used ticket from the old five-tuple")


@case("a replayed Refresh with a ticket moves nothing from another address")
def replayed():
    with Server(*OPTIONS) as server, Peer() as peer, mobile(server, peer) as client, server.client() as mover:
        mover.login()
        request = mover.signed(REFRESH, [(MOBILITY_TICKET, client.ticket)])
        for _ in range(6):
            with server.client() as attacker:
                answer = attacker.ask(*pair_of(request))
                true(answer.code in (401, 438), "a replay was answered with %d" % answer.code)
        true(arrives(client, peer, b"still here", client.relay), "data to the owner")


@case("a five-tuple that has an allocation takes no other, and an ended one moves nothing")
def mismatch():
    with Server(*OPTIONS, "--relay-threads=%d" % WORKERS) as server, Peer() as peer, mobile(server, peer) as client:
        for _ in range(6):
            with server.client() as busy:
                equal(busy.allocate().code, 0, "Allocate")
                equal(move(busy, client.ticket).code, 437, "a ticket where there is an allocation")
                equal(busy.refresh(0).code, 0, "Refresh 0")
        equal(move(client, client.ticket).code, 400, "a ticket without a move")
        equal(client.refresh(0).code, 0, "Refresh 0")
        for _ in range(6):
            with server.client() as late:
                equal(move(late, client.ticket).code, 437, "the ticket of what has ended")


@case("Lifetime 0 with a ticket ends the allocation from anywhere")
def ended_from_elsewhere():
    with Server(*OPTIONS, "--user-quota=1", "--relay-threads=%d" % WORKERS) as server, Peer() as peer:
        for _ in range(6):
            with mobile(server, peer) as client, server.client() as elsewhere:
                answer = move(elsewhere, client.ticket, 0)
                equal((answer.code, answer.number(LIFETIME)), (0, 0), "Refresh 0 with the ticket")
                equal(client.refresh(600).code, 437, "Refresh of what has ended")


@case("a flood of moves with one user's password stays within one allocation")
def flood():
    with Server(*OPTIONS, "--user-quota=1", "--relay-threads=%d" % WORKERS, lean=True) as server, Peer() as peer:
        client = mobile(server, peer)
        ticket, before = client.ticket, None
        for number in range(600):
            with server.client() as next_one:
                answer = move(next_one, ticket)
                equal(answer.code, 0, "move %d" % number)
                ticket = answer.get(MOBILITY_TICKET)
            if number == 100:
                before = server.rss_kib()
        grown = server.rss_kib() - before
        true(grown < 512, "%d KiB more after 500 moves" % grown)
        client.close()


if __name__ == "__main__":
    main()
