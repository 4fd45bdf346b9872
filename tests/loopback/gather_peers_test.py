#!/usr/bin/python3
"""gather-peers: datagrams from peers through one socket of each worker, and everything else as without it."""

import contextlib
import os
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import Server, Skip, case, equal, free_port, main, server_command, true  # noqa: E402
from stunlib import (DATA_ATTRIBUTE, EVEN_PORT, ICMP, REQUESTED_ADDRESS_FAMILY, RESERVATION_TOKEN,  # noqa: E402
                     XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, Message, Peer, data_of)

OPTIONS = ("--gather-peers", "--allow-loopback-peers")
IPV6 = (REQUESTED_ADDRESS_FAMILY, b"\x02\0\0\0")


def waiting_at(port):
    """Bytes in the receive queues of the IPv4 sockets that have that port."""
    with open("/proc/net/udp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[1].endswith(":%04X" % port))


@contextlib.contextmanager
def started(*options):
    """A Server, where this user may load BPF programs."""
    server = Server(*OPTIONS, *options)
    # Another user must get there when rights are dropped.
    os.chmod(server.directory.name, 0o755)
    with contextlib.ExitStack() as running:
        try:
            running.enter_context(server)
        except RuntimeError as error:
            if "gather-peers" not in str(error) or "Operation not permitted" not in str(error):
                raise
            raise Skip("BPF programs and raw sockets are not allowed here") from None
        yield server


def expect_echo(server, family):
    host = "127.0.0.1" if family is None else "::1"
    with server.client() as client, Peer(host) as peer:
        relayed = client.relayed(*([family] if family else []))
        client.permit(peer.address)
        client.send_to(*peer.address, b"there")
        payload, source = peer.take()
        equal((payload, source[:2]), (b"there", relayed), "what the peer got, from the relayed port itself")
        for text in (b"back", b"", b"again"):
            peer.send(text, relayed)
            equal(data_of(client.take()), (peer.address, text), "what came back")
        equal(client.bind_channel(0x4000, *peer.address).code, 0, "ChannelBind")
        peer.send(b"by channel", relayed)
        equal(data_of(client.take()), (0x4000, b"by channel"), "by channel")


@case("peers are heard, IPv4 and IPv6, with several workers")
def heard():
    with started("--relay-threads=3") as server:
        for _ in range(8):
            expect_echo(server, None)
            expect_echo(server, IPV6)


def expect_gathered(server):
    with server.client() as client, Peer() as peer:
        host, port = client.relayed()
        client.permit(peer.address)
        server.process.send_signal(signal.SIGSTOP)
        try:
            peer.send(b"x", (host, port))
            equal(waiting_at(port), 0, "bytes in the queue of the relay socket")
        finally:
            server.process.send_signal(signal.SIGCONT)
        equal(data_of(client.take()), (peer.address, b"x"), "what came")


@case("what a peer sends waits at the worker's socket, not at the allocation's")
def gathered():
    with started() as server:
        expect_gathered(server)


@case("other programs keep their datagrams, whatever their port, and get a port that was given back")
def other_programs():
    with started("--min-port=41000", "--max-port=41003") as server, Peer() as peer:
        with server.client() as client:
            host, port = client.relayed()
            beside = next(number for number in range(41000, 41004) if number != port)
            with Peer("127.0.0.1", beside) as other:
                peer.send(b"not for the relay", other.address)
                equal(other.take()[0], b"not for the relay", "in the middle of the port range")
            client.refresh(0)
        with Peer(host, port) as successor:
            peer.send(b"hello", successor.address)
            equal(successor.take()[0], b"hello", "at the port of an allocation that ended")


@case("strangers are not heard")
def strangers():
    with started() as server, server.client() as client, Peer() as peer:
        relayed = client.relayed()
        peer.send(b"x", relayed)
        equal(client.drain(), [], "without a permission")


@case("a reserved port receives once it is claimed")
def reserved():
    with started() as server, Peer() as peer:
        with server.client() as first, server.client() as second:
            answer = first.allocate((EVEN_PORT, b"\x80"))
            equal(answer.code, 0, "Allocate with EVEN-PORT")
            host, port = answer.address(XOR_RELAYED_ADDRESS)
            equal(second.relayed((RESERVATION_TOKEN, answer.get(RESERVATION_TOKEN))), (host, port + 1), "the next port")
            second.permit(peer.address)
            peer.send(b"x", (host, port + 1))
            equal(data_of(second.take()), (peer.address, b"x"), "what came")


@case("an ICMP error of a peer reaches the client")
def icmp():
    with started("--relay-threads=2") as server:
        for family, host, wanted in ((None, "127.0.0.1", 3 << 9 | 3), (IPV6, "::1", 1 << 9 | 4)):
            with server.client() as client:
                client.relayed(*([family] if family else []))
                with Peer(host) as gone:
                    closed = gone.address
                client.permit(closed)
                client.send_to(*closed, b"x")
                message = Message(client.take())
                equal(message.address(XOR_PEER_ADDRESS), closed, "the peer")
                true(DATA_ATTRIBUTE not in message.kinds(), "ICMP instead of DATA")
                equal(struct.unpack("!H", message.get(ICMP)[2:4])[0], wanted, "type and code")
                equal(client.drain(), [], "it is told once")


@case("it goes on when root's rights are dropped")
def rights():
    if os.getuid() != 0:
        raise Skip("only root can drop rights")
    with started("--proc-user=nobody") as server:
        with open("/proc/%d/status" % server.process.pid, encoding="ascii") as status:
            true("CapEff:\t0000000000000000" in status.read(), "it has rights still")
        expect_gathered(server)


@case("without the privilege the server does not start, and says what is missing")
def unprivileged():
    if os.getuid() != 0:
        raise Skip("only root can give the privilege up")
    done = subprocess.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", *server_command(), "-n", "--user=u:p",
                           "--admin-socket=off", "--listening-ip=127.0.0.1", "--listening-port=%d" % free_port(),
                           "--tls-listening-port=0", "--gather-peers"],
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
    equal(done.returncode, 1, "the exit code: " + done.stdout)
    for word in ("gather-peers", "Operation not permitted", "CAP_BPF"):
        true(word in done.stdout, word + " is not in " + done.stdout)


if __name__ == "__main__":
    main()
