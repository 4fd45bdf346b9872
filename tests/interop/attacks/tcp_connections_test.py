#!/usr/bin/python3
"""Attacks on TCP relaying (RFC 6062): whom it reaches, whose connections can be taken, what they can cost."""

import contextlib
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import harness  # noqa: E402
import stunlib  # noqa: E402
from harness import Server, Skip, case, equal, main, one_of, true, until  # noqa: E402
from tcpturn import CONNECTION_ID, Listener, StreamClient, is_closed, is_turned_away, knock, read_exactly  # noqa: E402

OPTIONS = ("--allow-loopback-peers", "--relay-threads=2", "--max-tcp-connections-per-allocation=8")


def control(server, **options):
    return StreamClient(server.address, **options)


def settles_at(server, wanted, what):
    until(lambda: server.descriptors() <= wanted,
          lambda: "%s: %d descriptors instead of %d" % (what, server.descriptors(), wanted), 20)


@case("Connect does not reach the host, its networks, or what only looks like something else")
def forbidden(_):
    with Server("--relay-threads=2") as server, control(server) as client, control(server) as six, \
            Listener() as service, Listener("::1") as service6:
        client.relayed_tcp()
        six.relayed_tcp((stunlib.REQUESTED_ADDRESS_FAMILY, b"\x02\0\0\0"))
        for host in ("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "169.254.169.254", "192.168.0.1", "224.0.0.1",
                     "255.255.255.255"):
            equal(client.connect(host, service.address[1]).code, 403, host)
        for host in ("::1", "::", "fe80::1", "fc00::1", "ff02::1", "64:ff9b::7f00:1", "2002:7f00:1::1"):
            equal(six.connect(host, service6.address[1]).code, 403, host)
        one_of(six.connect("::ffff:127.0.0.1", service.address[1]).code, (403, 443), "a v4-mapped address")
        equal(client.connect(*server.address).code, 403, "the server's own port")
        for one in (service, service6):
            one.socket.settimeout(0.3)
            try:
                one.socket.accept()
                raise AssertionError("a forbidden service was reached")
            except socket.timeout:
                pass


@case("another user cannot bind a connection, and does not use its id up")
def other_user(server):
    with control(server) as client, Listener() as service, control(server, user=b"other", password=b"word") as thief:
        client.relayed_tcp()
        connection_id = client.connection_id(*service.address)
        with service.accept() as far:
            equal(thief.bind(connection_id).code, 441)
            with control(server) as stranger:
                equal(stranger.plain(stunlib.CONNECTION_BIND, [(CONNECTION_ID, connection_id)]).code, 401)
            with client.sibling() as liar:
                liar.key = b"x" * 16
                equal(liar.bind(connection_id).code, 401)
            with client.bound(connection_id) as data:
                data.send_raw(b"mine")
                equal(read_exactly(far, 4), b"mine")
                with client.sibling() as late:
                    equal(late.bind(connection_id).code, 400, "a second ConnectionBind")


@case("guessed ids bind nothing")
def guesses(server):
    with control(server) as client, Listener() as service:
        client.relayed_tcp()
        real = int.from_bytes(client.connection_id(*service.address), "big")
        with client.sibling() as guesser:
            near = [(real + step) % (1 << 32) for step in range(-100, 101) if step]
            for guess in near + [0, 1, 2, (1 << 32) - 1]:
                equal(guesser.bind(guess.to_bytes(4, "big")).code, 400, hex(guess))
        with client.bound(real.to_bytes(4, "big")):
            pass


@case("strangers at a relayed address are turned away and leave nothing behind")
def strangers(server):
    with control(server) as client:
        relayed = client.relayed_tcp()
        before = server.descriptors()
        for _ in range(harness.shortened("connections of strangers", 200, 2000)):
            true(is_turned_away(relayed), "a stranger is closed at once")
        settles_at(server, before, "after the strangers")
        equal(client.take(0.1), None, "the client heard of them")
        equal(client.refresh(600).code, 0)


@case("permitted peers that call get half of an allocation's connections, and leave the others to the client")
def capped(server):
    with control(server) as client, contextlib.ExitStack() as stack:
        relayed = client.relayed_tcp()
        client.permit(("127.0.0.1", 0))
        peers = [one for one in (knock(relayed) for _ in range(20)) if one]
        attempts = [client.attempt() for _ in range(4)]
        equal(client.take(0.3), None, "a fifth announcement")
        announced = {peer for _, peer in attempts}
        for one in peers:
            if one.getsockname()[:2] not in announced:
                true(is_closed(one), "a connection above the cap is closed")
        for number in range(4):
            service = stack.enter_context(Listener())
            equal(client.connect(*service.address).code, 0, "Connect %d beside the callers" % number)
        equal(client.connect("127.0.0.1", 9).code, 508)
        for one in peers:
            one.close()


@case("permitted peers that call and leave leave no place taken")
def callers_that_leave(server):
    with control(server) as client:
        relayed = client.relayed_tcp()
        client.permit(("127.0.0.1", 0))
        before = server.descriptors()
        # Four places are for callers; those who have left give way when there is no other.
        for _ in range(40):
            socket.create_connection(relayed, timeout=10).close()
            true(client.attempt() is not None, "a caller is not announced")
        true(server.descriptors() <= before + 5, "%d descriptors, %d before" % (server.descriptors(), before))
        with knock(relayed):
            connection_id, _ = client.attempt()
            with client.bound(connection_id):
                pass


@case("connections that nobody binds end after half a minute")
def never_bound(server):
    if not harness.FULL:
        raise Skip("takes 31 s; tests/run.sh --full runs it, and a unit test in virtual time")
    with control(server) as client, Listener() as service:
        relayed = client.relayed_tcp()
        client.permit(("127.0.0.1", 0))
        before = server.descriptors()
        client.connection_id(*service.address)
        with service.accept() as far, socket.create_connection(relayed, timeout=10) as caller:
            connection_id, _ = client.attempt()
            true(not is_closed(caller, 25), "it waits for the ConnectionBind")
            true(is_closed(caller, 10) and is_closed(far, 5), "both are closed")
            with client.sibling() as late:
                equal(late.bind(connection_id).code, 400)
        settles_at(server, before, "after the deadline")


def fill(connection, most):
    """Sends until nothing is taken for a second; how much went."""
    connection.settimeout(1)
    sent = 0
    try:
        while sent < most:
            sent += connection.send(b"x" * 65536)
    except (socket.timeout, TimeoutError):
        pass
    return sent


@case("who does not read slows his sender down and costs a bounded buffer")
def slow_readers(_):
    for tls in (False, True):
        with Server(*OPTIONS, lean=True) as server, control(server, tls=tls) as client:
            client.relayed_tcp()
            whole = 256 << 20
            with Listener() as service, client.bound(client.connection_id(*service.address)) as data, \
                    service.accept() as far:
                before = server.rss_kib()
                to_client, to_peer = fill(far, whole), fill(data.socket, whole)
                print("TLS" if tls else "TCP", "taken without a reader:", to_client, to_peer)
                true(to_client < whole and to_peer < whole, "the sender is not slowed down")
                true(server.rss_kib() - before < 2048, "%d KiB more" % (server.rss_kib() - before))
                # Nothing of it is lost.
                far.settimeout(30)
                got = 0
                while got < to_peer:
                    got += len(far.recv(1 << 16))
                equal(got, to_peer, "what the peer gets")


@case("clients that leave in the middle leave nothing behind")
def deserters(server):
    settled = server.descriptors()
    for round_number in range(harness.shortened("deserters", 20, 200)):
        with Listener() as service:
            client = control(server, tls=round_number % 2 == 1)
            client.relayed_tcp()
            connection_id = client.connection_id(*service.address)
            data = client.sibling()
            bind = data.signed(stunlib.CONNECTION_BIND, [(CONNECTION_ID, connection_id)])
            data.send_raw(bind)
            far = service.accept()
            # Any of the three may go first.
            for one in ((data, client, far), (client, far, data), (far, data, client))[round_number % 3]:
                one.close()
    settles_at(server, settled + 2, "after the deserters")


@case("ConnectionBind after ConnectionBind in one segment, and junk behind it, hurt nobody")
def pipelined_junk(server):
    for tail in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100, os.urandom(1000)):
        with control(server) as client:
            client.relayed_tcp()
            with client.sibling() as data:
                bind = data.signed(stunlib.CONNECTION_BIND, [(CONNECTION_ID, b"\0\1\2\3")])
                data.send_raw(bind * 40 + tail)
                equal(data.answer_to(bind[8:20], 10).code, 400)
    true(server.alive(), "the server lives")


if __name__ == "__main__":
    main(Server(*OPTIONS))
