#!/usr/bin/python3
"""RFC 5780 and RFC 3489 with a second address, on the wire: answers really leave from where they say."""

import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import harness  # noqa: E402
from harness import Server, case, equal, free_port, main, true  # noqa: E402
from square import (OTHER_ADDRESS, OTHER_IP, OTHER_PORT, RESPONSE_ORIGIN, V4, V6, Asker, Square, address_of,
                    change)  # noqa: E402
import stunlib  # noqa: E402
from stunlib import (BINDING, CHANGED_ADDRESS, MAPPED_ADDRESS, PADDING, REQUEST, RESPONSE_PORT, SOFTWARE,
                     SOURCE_ADDRESS, XOR_MAPPED_ADDRESS, Message, build)  # noqa: E402

harness.in_network_namespace()  # For addresses of IPv6; the cases that need none run without it too.


def every_corner(hosts):
    with Square("--rfc5780", hosts=hosts) as square, Asker(hosts[0]) as asker:
        for at in range(4):
            for flips in range(4):
                flags = (OTHER_IP if flips & 2 else 0) | (OTHER_PORT if flips & 1 else 0)
                raw, source = asker.ask(square.corner(at), [change(flags)])
                answer = Message(raw)
                equal(answer.code, 0, "the code at corner %d, flips %d" % (at, flips))
                equal(source, square.corner(at ^ flips), "where the answer came from")
                equal(address_of(answer, RESPONSE_ORIGIN), source, "RESPONSE-ORIGIN")
                equal(address_of(answer, OTHER_ADDRESS), square.corner(at ^ 3), "OTHER-ADDRESS")
                equal(address_of(answer, MAPPED_ADDRESS), asker.address, "MAPPED-ADDRESS")
                equal(answer.address(XOR_MAPPED_ADDRESS), asker.address, "XOR-MAPPED-ADDRESS")


@case("each of the four corners answers from each other over IPv4")
def corners_v4():
    every_corner(V4)


@case("each of the four corners answers from each other over IPv6")
def corners_v6():
    every_corner(V6)


@case("the pair of TLS ports is a square of its own, which plain UDP may use")
def tls_ports():
    tls, alternate = free_port(), free_port()
    with Square("--rfc5780", "--tls-listening-port=%d" % tls, "--alt-tls-listening-port=%d" % alternate), \
            Asker(V4[0]) as asker:
        raw, source = asker.ask((V4[0], tls), [change(OTHER_IP | OTHER_PORT)])
        equal(source, (V4[1], alternate), "where the answer came from")
        equal(address_of(Message(raw), OTHER_ADDRESS), (V4[1], alternate), "OTHER-ADDRESS")


@case("behind 1:1 NAT the attributes name the public addresses")
def behind_nat():
    public = {"127.0.0.1": "45.67.89.10", "127.0.0.2": "45.67.89.11"}
    with Square("--rfc5780", *["--external-ip=%s/%s" % (p, l) for l, p in public.items()]) as square, \
            Asker(V4[0]) as asker:
        raw, source = asker.ask(square.corner(0), [change(OTHER_IP)])
        equal(source, square.corner(2), "where the answer came from")
        equal(address_of(Message(raw), RESPONSE_ORIGIN), (public[V4[1]], square.ports[0]), "RESPONSE-ORIGIN")
        equal(address_of(Message(raw), OTHER_ADDRESS), (public[V4[1]], square.ports[1]), "OTHER-ADDRESS")


@case("with one address every CHANGE-REQUEST is refused and no other address is named")
def one_address():
    with Server("--rfc5780") as server, Asker(V4[0]) as asker:
        for flags in (0, 2, 4, 6):
            raw, _ = asker.ask(server.address, [change(flags)])
            equal(Message(raw).code, 420, "the code for flags %d" % flags)
        answer = Message(asker.ask(server.address)[0])
        equal(address_of(answer, RESPONSE_ORIGIN), server.address, "RESPONSE-ORIGIN")
        true(OTHER_ADDRESS not in answer.kinds(), "OTHER-ADDRESS")


@case("off by default: nothing of it is served")
def off():
    with Server(hosts=V4) as server, Asker(V4[0]) as asker:
        for attributes in ([change(0)], [change(6)], [(PADDING, bytes(64))], [(RESPONSE_PORT, b"\x13\x88\0\0")]):
            equal(Message(asker.ask(server.address, attributes)[0]).code, 420, "the code for %r" % attributes)
        equal(Message(asker.ask(server.address)[0]).kinds(), [XOR_MAPPED_ADDRESS], "a plain answer")


@case("RESPONSE-PORT: the answer comes to the other port of the same address")
def response_port():
    with Square("--rfc5780") as square, Asker(V4[0]) as asker, Asker(V4[0]) as listener:
        port = struct.pack("!HH", listener.address[1], 0)
        for _ in range(4):
            asker.socket.sendto(build(BINDING, REQUEST, [(RESPONSE_PORT, port), (SOFTWARE, b"x" * 60)]), square.corner(0))
            raw, source = listener.receive(2.0)
            if raw:
                break
        equal(source, square.corner(0), "where the answer came from")
        equal(Message(raw).address(XOR_MAPPED_ADDRESS), asker.address, "the address that it tells")
        true(asker.receive(0.2)[0] is None, "an answer came to the old port too")


@case("over TCP the other address is named, and CHANGE-REQUEST and RESPONSE-PORT are refused")
def over_tcp():
    with Square("--rfc5780") as square:
        for at in range(4):
            with socket.create_connection(square.corner(at), timeout=5) as stream:
                codes = []
                for attributes in ([], [change(OTHER_IP)], [(RESPONSE_PORT, b"\x13\x88\0\0")], [change(0)]):
                    stream.sendall(build(BINDING, REQUEST, attributes))
                    head = stream.recv(20, socket.MSG_WAITALL)
                    answer = Message(head + stream.recv(int.from_bytes(head[2:4], "big"), socket.MSG_WAITALL))
                    codes.append(answer.code)
                    if not attributes:
                        equal(address_of(answer, OTHER_ADDRESS), square.corner(at ^ 3), "OTHER-ADDRESS")
                        equal(address_of(answer, RESPONSE_ORIGIN), square.corner(at), "RESPONSE-ORIGIN")
                equal(codes, [0, 420, 420, 0], "the codes")


def classic(flags=None):
    body = stunlib.attribute(*change(flags)) if flags is not None else b""
    return struct.pack("!HH", 1, len(body)) + os.urandom(16) + body


def classic_addresses(raw):
    """{type: address} of an answer without a cookie."""
    found, at = {}, 20
    while at < len(raw):
        kind, size = struct.unpack("!HH", raw[at:at + 4])
        value = raw[at + 4:at + 4 + size]
        found[kind] = (socket.inet_ntoa(value[4:]), int.from_bytes(value[2:4], "big"))
        at += 4 + size
    return found


@case("RFC 3489: CHANGED-ADDRESS is named and CHANGE-REQUEST obeyed at each corner")
def classic_corners():
    with Square("--rfc3489-compatibility") as square, Asker(V4[0]) as asker:
        for at in range(4):
            for flips in range(4):
                raw, source = asker.ask(square.corner(at), data=classic(flips << 1))
                equal(source, square.corner(at ^ flips), "where the answer came from")
                equal(classic_addresses(raw), {MAPPED_ADDRESS: asker.address, SOURCE_ADDRESS: source,
                                               CHANGED_ADDRESS: square.corner(at ^ 3)}, "the attributes")


@case("RFC 3489: with one address there is no CHANGED-ADDRESS, and a change is refused")
def classic_alone():
    with Server("--rfc3489-compatibility") as server, Asker(V4[0]) as asker:
        raw, _ = asker.ask(server.address, data=classic())
        equal(sorted(classic_addresses(raw)), [MAPPED_ADDRESS, SOURCE_ADDRESS], "the attributes")
        raw, _ = asker.ask(server.address, data=classic(OTHER_PORT))
        equal(raw[:2], b"\x01\x11", "the type of the answer")


if __name__ == "__main__":
    main()
