#!/usr/bin/python3
"""TCP relaying (RFC 6062) by a second implementation: over TCP and over TLS, with several workers, so that
ConnectionBind often reaches one that has to hand it over."""

import contextlib
import socket
import threading
import time

import stunlib
from harness import Server, case, equal, main, true
from tcpturn import Listener, StreamClient, is_closed, is_turned_away, read_exactly

OPTIONS = ("--allow-loopback-peers", "--relay-threads=3")
PATTERN = bytes(range(251)) * 4177  # About 1 MiB; 251 is prime, so that a lost or doubled block shows.


def control(server, tls):
    return StreamClient(server.address, tls=tls)


def both(function):
    """The case over TCP and over TLS."""
    def over_each(server):
        for tls in (False, True):
            print("TLS" if tls else "TCP")
            function(server, tls)
    return over_each


@contextlib.contextmanager
def joined(client):
    """The client's data connection and the peer's end of it."""
    with Listener() as service, client.bound(client.connection_id(*service.address)) as data, service.accept() as far:
        yield data, far


def peer_ends_first(client):
    with joined(client) as (data, far):
        far.sendall(b"greeting")
        far.shutdown(socket.SHUT_WR)
        equal(data.read_to_end(), b"greeting")
        data.send_raw(b"late")
        equal(read_exactly(far, 4), b"late")


@case("bytes go both ways, intact, on many data connections")
@both
def many(server, tls):
    with control(server, tls) as client:
        client.relayed_tcp()
        # A peer may have one connection with the relayed address, so each is a service of its own.
        services = [Listener() for _ in range(8)]
        for one in services:
            with one, client.bound(client.connection_id(*one.address)) as data, one.accept() as far:
                data.send_raw(b"question")
                equal(read_exactly(far, 8), b"question")
                far.sendall(b"answer")
                equal(data.read_exactly(6), b"answer")


def in_background(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


@case("megabytes go both ways, intact")
@both
def bulk(server, tls):
    everything = PATTERN * 4
    with control(server, tls) as client, Listener() as service:
        client.relayed_tcp()
        with client.bound(client.connection_id(*service.address)) as data, service.accept() as far:
            received = []
            reader = in_background(lambda: received.append(read_exactly(far, len(everything))))
            sender = None if tls else in_background(data.send_raw, everything)
            if tls:  # Python's TLS sockets do not send and receive at the same time.
                data.send_raw(everything)
            back = in_background(far.sendall, everything)
            equal(data.read_exactly(len(everything), 60) == everything, True, "the client got what was sent")
            for thread in (reader, sender, back):
                if thread:
                    thread.join(60)
            equal(received[0] == everything, True, "the peer got what was sent")


@case("a permitted peer that connects is announced, and what it sent early is delivered")
@both
def incoming(server, tls):
    with control(server, tls) as client:
        relayed = client.relayed_tcp()
        equal(client.permit(("127.0.0.1", 0)).code, 0)
        with socket.create_connection(relayed, timeout=10) as far:
            far.sendall(b"early ")
            connection_id, peer = client.attempt()
            equal(peer, far.getsockname()[:2], "the announced peer")
            with client.bound(connection_id) as data:
                far.sendall(b"bird")
                equal(data.read_exactly(10), b"early bird")
                data.send_raw(b"worm")
                equal(read_exactly(far, 4), b"worm")


@case("bytes behind the ConnectionBind in its own segment are delivered")
@both
def pipelined(server, tls):
    with control(server, tls) as client:
        client.relayed_tcp()
        for _ in range(6):  # Some of them are handed over to another worker.
            with Listener() as service:
                connection_id = client.connection_id(*service.address)
                with client.sibling() as data, service.accept() as far:
                    bind = data.signed(stunlib.CONNECTION_BIND, [(0x002A, connection_id)])
                    data.send_raw(bind + b"first " + PATTERN[:9000])
                    data.send_raw(b"last")
                    equal(data.answer_to(bind[8:20], 10).code, 0)
                    equal(read_exactly(far, 9010) == b"first " + PATTERN[:9000] + b"last", True, "the bytes in order")


@case("each direction ends by itself")
def half_close(server):
    with control(server, False) as client:
        client.relayed_tcp()
        with joined(client) as (data, far):
            data.send_raw(b"request")
            data.socket.shutdown(socket.SHUT_WR)
            equal(read_exactly(far, 7), b"request")
            equal(far.recv(1), b"", "the client's end reaches the peer")
            far.sendall(PATTERN)
            far.close()
            equal(data.read_to_end() == PATTERN, True, "the answer that came after it")
        peer_ends_first(client)


@case("over TLS the peer's end is a close_notify, and the client may go on")
def half_close_tls(server):
    with control(server, True) as client:
        client.relayed_tcp()
        peer_ends_first(client)


@case("a connection that ends on one side ends on the other")
@both
def closing(server, tls):
    with control(server, tls) as client:
        client.relayed_tcp()
        with joined(client) as (data, far):
            far.close()
            equal(data.read_to_end(), b"")
        with joined(client) as (data, far):
            data.close()
            true(is_closed(far), "the peer hears of the client's end")


def listens(address):
    try:
        socket.create_connection(address, timeout=5).close()
        return True
    except (ConnectionRefusedError, ConnectionResetError):
        return False


@case("data connections end with their allocation")
@both
def allocation_ends(server, tls):
    for end in ("refresh", "control connection"):
        with control(server, tls) as client, Listener() as service:
            relayed = client.relayed_tcp()
            with client.bound(client.connection_id(*service.address)) as data, service.accept() as far:
                if end == "refresh":
                    equal(client.refresh(0).code, 0)
                else:
                    client.close()
                equal(data.read_to_end(), b"", "the data connection after " + end)
                true(is_closed(far), "the peer's connection after " + end)
            # It may take the worker another turn.
            deadline = time.monotonic() + 10
            while listens(relayed):
                true(time.monotonic() < deadline, "the relayed address still listens")


@case("two allocations of one server reach each other without leave for its other services")
def own_relays(_):
    with Server("--relay-threads=3") as server, control(server, False) as one, control(server, True) as two:
        first, second = one.relayed_tcp(), two.relayed_tcp()
        with Listener() as service:
            equal(one.connect(*service.address).code, 403, "a service of the host")
        equal(two.permit(first).code, 0)
        with one.bound(one.connection_id(*second)) as near:
            connection_id, peer = two.attempt()
            equal(peer, first, "the peer is the other relayed address")
            with two.bound(connection_id) as far:
                near.send_raw(PATTERN)
                equal(far.read_exactly(len(PATTERN)) == PATTERN, True, "bytes through two relays")
                far.send_raw(b"thanks")
                equal(near.read_exactly(6), b"thanks")
        # The host itself is not let in by a permission that leads to relayed addresses.
        true(is_turned_away(second), "a local program is closed")


@case("IPv6 peers are reached from an IPv6 relayed address")
def ipv6(server):
    with control(server, False) as client, Listener("::1") as service:
        client.relayed_tcp((stunlib.REQUESTED_ADDRESS_FAMILY, b"\x02\0\0\0"))
        with client.bound(client.connection_id(*service.address)) as data, service.accept() as far:
            data.send_raw(b"six")
            equal(read_exactly(far, 3), b"six")
        equal(client.connect("127.0.0.1", 9).code, 443)


@case("a peer that refuses is a 447, and a second connection to one peer a 446")
def errors(server):
    with control(server, False) as client, Listener() as service:
        equal(client.connect(*service.address).code, 437, "without an allocation")
        client.relayed_tcp()
        with Listener() as gone:
            port = gone.address[1]
        equal(client.connect("127.0.0.1", port).code, 447)
        client.connection_id(*service.address)
        equal(client.connect(*service.address).code, 446)


@case("TCP is not relayed for datagram clients, nor when it is switched off")
def refused(server):
    with server.client() as client:
        answer = client.request(stunlib.ALLOCATE, [(stunlib.REQUESTED_TRANSPORT, b"\x06\0\0\0")])
        equal(answer.code, 400, "over UDP")
    with Server("--no-tcp-relay") as lean, control(lean, False) as client:
        equal(client.allocate_tcp().code, 442)
        equal(client.allocate().code, 0)
    with Server("--no-udp-relay") as lean, control(lean, False) as client:
        equal(client.allocate().code, 403)
        equal(client.allocate_tcp().code, 0)


@case("max-bps slows a connection down and loses nothing")
@both
def slowed(_, tls):
    with Server(*OPTIONS, "--max-bps=200000") as server, control(server, tls) as client:
        client.relayed_tcp()
        times = []
        # A busy machine makes it longer, and nothing makes it shorter.
        while len(times) < 5 and not (times and min(times) < 1.05 * 1.8):
            with joined(client) as (data, far):
                time.sleep(0.25)  # So that as much is saved up as may be.
                began = time.monotonic()
                sender = threading.Thread(target=far.sendall, args=(PATTERN[:400000],))
                sender.start()
                equal(data.read_exactly(400000, 60) == PATTERN[:400000], True, "the bytes")
                times.append(time.monotonic() - began)
                sender.join(10)
        print("400 kB at 200 kB/s, less what was saved up: %s s" % ["%.2f" % one for one in times])
        true(0.95 * 1.8 < min(times) < 1.05 * 1.8, "it took %s s" % times)


@case("a ConnectionBind that is refused leaves a connection that can try again")
@both
def second_try(server, tls):
    with control(server, tls) as client, Listener() as service:
        client.relayed_tcp()
        connection_id = client.connection_id(*service.address)
        with client.sibling() as data, service.accept() as far:
            wrong = data.signed(stunlib.CONNECTION_BIND, [(0x002A, b"\0\0\0\1")])
            right = data.signed(stunlib.CONNECTION_BIND, [(0x002A, connection_id)])
            data.send_raw(wrong + right + b"after both")
            equal(data.answer_to(wrong[8:20], 10).code, 400)
            equal(data.answer_to(right[8:20], 10).code, 0)
            equal(read_exactly(far, 10), b"after both")


if __name__ == "__main__":
    main(Server(*OPTIONS))
