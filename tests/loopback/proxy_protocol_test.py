#!/usr/bin/python3
"""Connections through a load balancer: PROXY headers of both versions, in front of TCP and TLS, whole and in pieces."""

import ipaddress
import os
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import Server, case, equal, free_port, main, true, until_read  # noqa: E402
from stunlib import BINDING, REQUEST, XOR_MAPPED_ADDRESS, build  # noqa: E402
from streamlib import StreamClient  # noqa: E402
from tcpturn import is_closed  # noqa: E402

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
FAR_V4 = ("192.0.2.77", 51234), ("198.51.100.1", 443)
FAR_V6 = ("2001:db8::77", 51234), ("2001:db8::1", 443)


def v1(source, destination):
    family = "TCP6" if ":" in source[0] else "TCP4"
    return ("PROXY %s %s %s %d %d\r\n" % (family, source[0], destination[0], source[1], destination[1])).encode()


def v2(source, destination, command=PROXY, tlvs=b""):
    addresses = [ipaddress.ip_address(one[0]) for one in (source, destination)]
    body = b"".join(one.packed for one in addresses) + struct.pack("!HH", source[1], destination[1]) + tlvs
    return SIGNATURE + struct.pack("!BBH", command, 0x21 if addresses[0].version == 6 else 0x11, len(body)) + body


class ProxyServer:
    def __init__(self, *options, sources=("127.0.0.1", "::1"), hosts=("127.0.0.1", "::1")):
        self.port = free_port()
        self.server = Server("--tcp-proxy-port=%d" % self.port, *["--proxy-from=%s" % one for one in sources], *options,
                             hosts=hosts)

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *what):
        self.server.__exit__(*what)

    def connect(self, host="127.0.0.1", source=None):
        return socket.create_connection((host, self.port), timeout=5, source_address=(source, 0) if source else None)


SHARED = ProxyServer()


def mapped_over(connection):
    with StreamClient(connection=connection) as client:
        return client.plain(BINDING).address(XOR_MAPPED_ADDRESS)


HEADERS = [("version 1, IPv4", v1(*FAR_V4), FAR_V4[0]), ("version 1, IPv6", v1(*FAR_V6), FAR_V6[0]),
           ("version 2, IPv4", v2(*FAR_V4), FAR_V4[0]), ("version 2, IPv6", v2(*FAR_V6), FAR_V6[0]),
           ("version 2 with extensions", v2(*FAR_V4, tlvs=b"\x02\x00\x0bturn.sample" * 20), FAR_V4[0])]


@case("the client is who the header says: both versions, both families")
def both_versions(proxy):
    for name, header, client in HEADERS:
        connection = proxy.connect()
        connection.sendall(header)
        equal(mapped_over(connection), client, name)


@case("a header and the first request may come in one segment")
def together(proxy):
    for name, header, client in HEADERS:
        with proxy.connect() as connection:
            data = build(BINDING, REQUEST, [])
            connection.sendall(header + data)
            answer = StreamClient(connection=connection).answer_to(data[8:20], 5)
            equal(answer and answer.address(XOR_MAPPED_ADDRESS), client, name)


@case("a header may be split at each of its bytes")
def split(proxy):
    data = build(BINDING, REQUEST, [])
    for name, header, client in (HEADERS[0], HEADERS[3]):
        waiting = []
        for at in range(1, len(header) + 8):
            connection = proxy.connect()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall((header + data)[:at])
            waiting.append((at, connection))
        for _, connection in waiting:
            until_read(connection)
        for at, connection in waiting:
            connection.sendall((header + data)[at:])
        for at, connection in waiting:
            answer = StreamClient(connection=connection).answer_to(data[8:20], 10)
            equal(answer and answer.address(XOR_MAPPED_ADDRESS), client, "%s, split at %d" % (name, at))
            connection.close()


@case("a header that comes byte by byte is understood")
def byte_by_byte(proxy):
    for name, header, client in (HEADERS[1], HEADERS[2]):
        connection = proxy.connect()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in header:
            connection.sendall(bytes([byte]))
            until_read(connection)
        equal(mapped_over(connection), client, name)


@case("TLS follows the header")
def tls(proxy):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for name, header, client in HEADERS:
        connection = proxy.connect()
        connection.sendall(header)
        secured = context.wrap_socket(connection)
        equal(mapped_over(secured), client, name)


@case("LOCAL and UNKNOWN keep the address of the connection")
def local(proxy):
    for name, header in (("LOCAL", v2(*FAR_V4, command=LOCAL)), ("LOCAL without addresses", SIGNATURE + b"\x20\0\0\0"),
                         ("UNKNOWN", b"PROXY UNKNOWN\r\n"), ("UNKNOWN with words", b"PROXY UNKNOWN a b c\r\n"),
                         ("an unspecified family", SIGNATURE + b"\x21\0\0\0")):
        connection = proxy.connect()
        own = connection.getsockname()[:2]
        connection.sendall(header)
        equal(mapped_over(connection), own, name)


@case("an allocation belongs to the address in the header, in the log too")
def allocation(proxy):
    connection = proxy.connect()
    # From loopback, since only such a client is given a relayed address there.
    connection.sendall(v1(("127.0.0.77", 51234), FAR_V4[1]))
    with StreamClient(connection=connection) as client:
        true(client.relayed()[1] > 0, "the relayed port")
        proxy.server.wait_for_log("client=127.0.0.77:51234", 5)
        line = next((one for one in proxy.server.log_text().splitlines()
                     if "allocation_opened" in one and "127.0.0.77:51234" in one), "")
        print(line)
        true("transport=tcp" in line, "the log names the client")


@case("the limit of connections per source counts clients, not balancers")
def per_source(_):
    with ProxyServer("--max-connections-per-source=3", "--relay-threads=4") as proxy:
        def opened(host):
            connection = proxy.connect()
            connection.sendall(v1((host, 1000 + opened.number), FAR_V4[1]) + build(BINDING, REQUEST, []))
            opened.number += 1
            kept.append(connection)
            connection.settimeout(5)
            try:
                return connection.recv(20) != b""
            except ConnectionResetError:
                return False
        opened.number, kept = 0, []
        equal([opened("192.0.2.1") for _ in range(6)], [True] * 3 + [False] * 3, "one client")
        equal([opened("192.0.2.%d" % number) for number in range(10, 20)], [True] * 10, "many clients")
        for connection in kept:
            connection.close()


@case("bytes that are no header close the connection at once")
def junk(proxy):
    request = build(BINDING, REQUEST, [])
    for name, data in (("a STUN request", request), ("junk", b"\xff" * 40), ("HTTP", b"GET / HTTP/1.1\r\n\r\n"),
                       ("a ClientHello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"),
                       ("a version 1 line with a wrong address", b"PROXY TCP4 192.0.2.300 192.0.2.1 1 2\r\n"),
                       ("a version 1 line with a v6 address for TCP4", b"PROXY TCP4 ::1 192.0.2.1 1 2\r\n"),
                       ("a version 1 line without an end", b"PROXY " + b"x" * 200),
                       ("version 3", SIGNATURE + b"\x31\x11\0\x0c" + bytes(12)),
                       ("a version 2 header that is too short for its family", SIGNATURE + b"\x21\x11\0\x04" + bytes(4)),
                       ("a version 2 header of 64 KiB", SIGNATURE + b"\x21\x11\xff\xff" + bytes(100))):
        with proxy.connect() as connection:
            connection.sendall(data)
            true(is_closed(connection), name + " was not refused")


@case("two headers are one too many")
def twice(proxy):
    with proxy.connect() as connection:
        connection.sendall(v1(*FAR_V4) + v1(*FAR_V6) + build(BINDING, REQUEST, []))
        true(is_closed(connection), "the second header was taken for something")


@case("a source that is not listed is closed without being read, and the log says so")
def not_listed(_):
    with ProxyServer(sources=("127.0.0.64/26", "10.0.0.0/8")) as proxy:
        with proxy.connect() as connection:
            connection.sendall(v1(*FAR_V4) + build(BINDING, REQUEST, []))
            true(is_closed(connection), "a stranger was heard")
        connection = proxy.connect(source="127.0.0.65")
        connection.sendall(v1(*FAR_V4))
        equal(mapped_over(connection), FAR_V4[0], "one that is listed")
        true("proxy_source_refused" in proxy.server.log_text(), "the log")


@case("a header that does not come is given up after ten seconds, and costs nothing else")
def late(proxy):
    slow = [proxy.connect() for _ in range(50)]
    for number, connection in enumerate(slow):
        connection.sendall(v2(*FAR_V4)[:number % 28])
    connection = proxy.connect()
    connection.sendall(v1(*FAR_V4))
    equal(mapped_over(connection), FAR_V4[0], "somebody else meanwhile")
    true(not is_closed(slow[7], 8), "closed before its time")
    deadline = time.monotonic() + 12
    for connection in slow:
        true(is_closed(connection, deadline - time.monotonic()), "a connection without a header stays")
        connection.close()


@case("the ordinary ports take no header")
def ordinary(proxy):
    with socket.create_connection((proxy.server.host, proxy.server.port), timeout=5) as connection:
        connection.sendall(v1(*FAR_V4) + build(BINDING, REQUEST, []))
        true(is_closed(connection), "a header was obeyed on an ordinary port")


if __name__ == "__main__":
    main(SHARED)
