#!/usr/bin/python3
"""Bytes that no honest client sends: the server answers rightly or not at all, leaks nothing and lives on."""

import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, case, equal, main, one_of, shortened, true  # noqa: E402
import stunlib  # noqa: E402
from stunlib import (ALLOCATE, BINDING, DATA, DATA_ATTRIBUTE, ERROR, INDICATION, MAGIC, REFRESH, REQUEST,
                     REQUESTED_TRANSPORT, SEND, SUCCESS, UDP_TRANSPORT, XOR_MAPPED_ADDRESS, XOR_PEER_ADDRESS, Message,
                     Peer, attribute, build, channel_data, data_of, header, peer, resolved)  # noqa: E402

OPEN = "--allow-loopback-peers"
TRANSPORT = (REQUESTED_TRANSPORT, UDP_TRANSPORT)


def silent(client, *datagrams):
    """None of these datagrams is answered. The Binding answer that drain() waits for comes after any other."""
    for start in range(0, len(datagrams), 50):  # In portions that every receive buffer holds.
        for data in datagrams[start:start + 50]:
            client.send_raw(data)
        equal([one.hex() for one in client.drain()], [], "answers")


@case("responses and indications are not answered")
def responses(server):
    with server.client() as client:
        client.login()
        messages = [build(method, cls, attributes)
                    for method in (BINDING, ALLOCATE, REFRESH, SEND, DATA, 8, 9, 10, 11, 12, 0x123)
                    for cls in (INDICATION, SUCCESS, ERROR)
                    for attributes in ([], [(XOR_MAPPED_ADDRESS, bytes(8))], client.credentials(), [(0x7001, b"x")])]
        silent(client, *messages)


@case("junk, HTTP, TLS and DTLS first bytes on the UDP port are not answered")
def junk(server):
    with server.client() as client:
        silent(client, b"", b"\0", b"\0\1", b"\0\1\0\0", b"\0\1\0\0" + bytes(16), b"\xff" * 20, b"\x16\x03\x01" + bytes(200),
               b"\x16\xfe\xff" + bytes(200), b"\x80" + bytes(40), b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
               b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", b"\x40", b"\x40\0", b"\x40\0\0",
               b"\x40\0\xff\xff", b"\x7f\xff\0\0", b"\x40\0\0\4abc", os.urandom(1400), b"PROXY TCP4 1.2.3.4\r\n")


@case("ChannelData of a stranger is not answered")
def channel_of_stranger(server):
    with server.client() as client:
        silent(client, *[channel_data(number, b"x" * 100) for number in (0x4000, 0x4001, 0x7FFF)])


@case("every wrong length field is dropped")
def wrong_lengths(server):
    with server.client() as client:
        good = build(BINDING, REQUEST, [(0x8022, b"client")])
        silent(client, *[good[:2] + struct.pack("!H", length) + good[4:]
                         for length in (0, 1, 2, 3, 4, 8, 13, 16, 100, 0x7FFF, 0xFFF8, 0xFFFC, 0xFFFF)
                         if length != len(good) - 20])


@case("every truncation of a request is dropped or refused")
def truncations(server):
    with server.client() as client:
        whole = client.signed(ALLOCATE, [TRANSPORT])
        silent(client, *[whole[:size] for size in range(len(whole))])
        # The same with a length field that fits.
        for size in range(20, len(whole) - 20, 4):
            data = whole[:2] + struct.pack("!H", size - 20) + whole[4:size]
            client.send_raw(data)
        for datagram in client.drain():
            true(Message(datagram).cls == ERROR, "a truncated request succeeded")
        equal(client.refresh(600).code, 437, "no allocation came of it")


@case("attribute lengths that end outside the message or wrap are dropped")
def attribute_lengths(server):
    with server.client() as client:
        bodies = [struct.pack("!HH", kind, size) + fill
                  for kind in (0x0006, 0x0014, 0x0019, 0x8022, 0x8028, 0x0008, 0x001C)
                  for size in (5, 9, 100, 0x7FFF, 0xFFFC, 0xFFFD, 0xFFFF)
                  # The second lets a sum that wraps go on with a whole attribute, the last with none.
                  for fill in (b"abcd", struct.pack("!HH", 0x8022, 0), b"")]
        bodies += [b"\x80", b"\x80\x22", b"\x80\x22\0"]
        silent(client, *[header(BINDING, REQUEST, len(body), os.urandom(12)) + body for body in bodies])


@case("attributes at odd sizes in front do not disturb those behind them")
def odd_sizes(server):
    with server.client() as client:
        client.login()
        for size in range(0, 9):
            equal(client.allocate((0x9001, b"x" * size), (0x9002, b"y" * (size + 1))).code, 0, "sizes from %d" % size)
            client.refresh(0)


@case("padding of a request may be anything")
def request_padding(server):
    with server.client() as client:
        client.login()
        data = client.signed(ALLOCATE, [TRANSPORT, (0x9001, b"x")], fill=b"\xff")
        equal(client.ask(data, data[8:20]).code, 0, "junk in the padding")


@case("no padding of an answer or indication carries foreign bytes")
def padding_is_zero(_):
    """Every Message here is parsed by stunlib, which fails on padding that is not zero."""
    with Server(OPEN, users=("user:password", "u:password"), realm="r.exampl") as server, server.client() as client, \
            Peer() as echo:
        relay = client.relayed()
        client.permit(echo.address)
        for size in (1200, 1, 1199, 2, 1198, 3, 5, 6, 7):
            echo.send(os.urandom(size), relay)
            equal(len(data_of(client.take())[1]), size, "Data")
        client.bind_channel(0x4000, *echo.address)
        for size in (1200, 1, 1199, 2, 1198, 3):
            echo.send(b"\xff" * size, relay)
            equal(data_of(client.take()), (0x4000, b"\xff" * size), "ChannelData over UDP has no padding")
        for count in range(1, 5):
            answer = client.plain(BINDING, [(0x7001 + n, b"\xff") for n in range(count)])
            equal(answer.code, 420, "UNKNOWN-ATTRIBUTES of %d" % count)


@case("a DATA attribute that is longer than its message sends nothing")
def long_data(_):
    with Server(OPEN) as server, server.client() as client, Peer() as echo:
        client.relayed()
        client.permit(echo.address)
        txid = os.urandom(12)
        body = b"".join(attribute(*one) for one in resolved([peer(*echo.address)], txid))
        for size in (9, 100, 1000, 0x7FFF, 0xFFFF):
            data = body + struct.pack("!HH", DATA_ATTRIBUTE, size) + b"12345678"
            client.send_raw(header(SEND, INDICATION, len(data), txid) + data)
        for size in (5, 100, 0xFFFF):
            client.send_raw(struct.pack("!HH", 0x4000, size) + b"1234")
        client.drain()
        true(echo.take(0.3)[0] is None, "the peer got something")


@case("an empty datagram ends nothing, from the client or from a peer")
def empty(_):
    with Server(OPEN) as server, server.client() as client, Peer() as echo:
        relay = client.relayed()
        client.permit(echo.address)
        client.send_raw(b"")
        echo.send(b"", relay)
        echo.send(b"after it", relay)
        got = [data_of(one)[1] for one in (client.take(), client.take(0.3)) if one]
        one_of(got, ([b"", b"after it"], [b"after it"]), "what arrives")


@case("a large datagram is relayed whole or dropped, never cut")
def oversize(_):
    with Server(OPEN) as server, server.client() as client, Peer() as echo:
        relay = client.relayed()
        client.bind_channel(0x4000, *echo.address)
        for size in (2000, 9000, 16380, 16381, 30000, 60000, 65000, 65503):
            payload = os.urandom(size)
            client.send_raw(channel_data(0x4000, payload))
            one_of(echo.take(0.5)[0], (payload, None), "to the peer, %d" % size)
            echo.send(payload, relay)
            datagram = client.take(0.5)
            if datagram is not None:
                equal(data_of(datagram)[1], payload, "to the client, %d" % size)
        echo.send(os.urandom(65507), relay)  # No room for the header: it can only be dropped.
        true(client.take(0.3) is None, "a cut datagram arrived")
        client.send_raw(channel_data(0x4000, b"still here"))
        equal(echo.take()[0], b"still here", "afterwards")


@case("a message without the magic cookie is dropped")
def no_cookie(server):
    with server.client() as client:
        old = build(BINDING, REQUEST, [])
        silent(client, old[:4] + os.urandom(4) + old[8:], old[:4] + struct.pack("!I", MAGIC ^ 1) + old[8:])


@case("a wrong FINGERPRINT, or one that is not last, is dropped")
def fingerprint(server):
    with server.client() as client:
        good = build(BINDING, REQUEST, [(0x8022, b"abcd")], fingerprint=True)
        first = build(BINDING, REQUEST, [(0x8028, b"1234"), (0x8022, b"abcd")])
        silent(client, good[:-1] + bytes([good[-1] ^ 1]), first)


@case("repeated attributes: the first one counts")
def repeated(server):
    with server.client() as client:
        answer = client.allocate((stunlib.LIFETIME, struct.pack("!I", 1111)), (stunlib.LIFETIME, struct.pack("!I", 2222)))
        equal(answer.number(stunlib.LIFETIME), 1111, "LIFETIME")


@case("attributes of wrong sizes are 400 or a challenge, never a success")
def wrong_sizes(server):
    with server.client() as client:
        for kind, sizes in ((stunlib.LIFETIME, (0, 3, 5, 8)), (stunlib.REQUESTED_ADDRESS_FAMILY, (0, 1, 3, 5)),
                            (stunlib.EVEN_PORT, (0, 2, 4)), (stunlib.RESERVATION_TOKEN, (0, 7, 9)),
                            (REQUESTED_TRANSPORT, (0, 1, 3, 5))):
            for size in sizes:
                attributes = [(kind, b"\x01" * size)]
                if kind != REQUESTED_TRANSPORT:
                    attributes.append(TRANSPORT)
                equal(client.request(ALLOCATE, attributes).code, 400, "0x%04x of %d bytes" % (kind, size))
        client.relayed()
        for value in (b"", b"\0\1", b"\0\1\0\0\1\2\3", b"\0\1\0\0" + bytes(16), b"\0\2\0\0" + bytes(4),
                      b"\0\3\0\0" + bytes(4)):
            one_of(client.request(8, [(XOR_PEER_ADDRESS, value)]).code, (400, 443), value.hex())


@case("thousands of mutated requests and indications change nothing for the others")
def mutations(_):
    seed = int.from_bytes(os.urandom(4), "big")
    print("seed", seed)
    dice = random.Random(seed)
    with Server(OPEN, "--allow-private-peers") as server, server.client() as client, server.client() as witness, \
            Peer() as echo:
        client.relayed()
        relay = witness.relayed()
        witness.bind_channel(0x4000, *echo.address)
        txid = os.urandom(12)
        seeds = [client.signed(method, [TRANSPORT, peer(*echo.address), (stunlib.LIFETIME, b"\0\0\2\x58"),
                                        (stunlib.CHANNEL_NUMBER, b"\x40\0\0\0"), (stunlib.EVEN_PORT, b"\x80")])
                 for method in (ALLOCATE, REFRESH, 8, 9)]
        seeds += [build(SEND, INDICATION, resolved([peer(*echo.address), (DATA_ATTRIBUTE, b"hello")], txid), txid),
                  channel_data(0x4000, b"hello"), build(BINDING, REQUEST, [(3, bytes(4))], fingerprint=True)]
        for number in range(shortened("mutated datagrams", 5000, 100000)):
            data = bytearray(dice.choice(seeds))
            for _ in range(dice.randrange(1, 6)):
                at = dice.randrange(len(data))
                data[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, data[at] ^ 1 << dice.randrange(8)))
            client.send_raw(bytes(data[:dice.randrange(len(data))] if dice.random() < 0.1 else data))
            if number % 50 == 0:
                client.plain(BINDING)
                client.unread.clear()
        while echo.take(0.1)[0] is not None:
            pass
        witness.send_raw(channel_data(0x4000, b"still here"))
        equal(echo.take(), (b"still here", relay), "the other client's channel")


if __name__ == "__main__":
    main(Server())
