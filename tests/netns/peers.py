#!/usr/bin/python3
"""Small programs that run inside a bed.

    peers.py echo PORT                        answers every datagram
    peers.py ask IP PORT --from IP            says `answered` when an echo comes back
    peers.py count PORT [--tcp] [--reuseport] [--ip IP]
                                              counts what comes until it is told to end, and says so as JSON
    peers.py send IP PORT COUNT               numbered datagrams, about 4000 a second
    peers.py connect IP PORT COUNT            as many connections, one after the other
    peers.py names IP NAME=ADDRESS,... ... [--v4-only]
                                              a name server of those IPv4 addresses; what has none has none. It may
                                              leave questions for other kinds of address unanswered
"""

import argparse
import json
import signal
import socket
import sys
import time


def udp(port=0, ip="0.0.0.0", reuseport=False):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    if reuseport:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((ip, port))
    return sock


def echo(options):
    sock = udp(options.port)
    print("ready", flush=True)
    while True:
        data, sender = sock.recvfrom(65536)
        sock.sendto(data, sender)


def ask(options):
    sock = udp(ip=options.source)
    sock.settimeout(0.5)
    for attempt in range(10):
        question = b"ask %d" % attempt
        sock.sendto(question, (options.ip, options.port))
        try:
            if sock.recvfrom(65536)[0].startswith(b"ask "):
                print("answered")
                return
        except TimeoutError:
            pass
    print("silence")


def count(options):
    """Counts until SIGTERM has come and nothing more does."""
    counted = {"numbered": 0, "others": 0, "connections": 0}
    if options.tcp:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((options.ip, options.port))
        sock.listen(512)
    else:
        sock = udp(options.port, ip=options.ip, reuseport=options.reuseport)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    print("ready", flush=True)
    sock.settimeout(0.3)
    while True:
        try:
            if options.tcp:
                sock.accept()[0].close()
                counted["connections"] += 1
            elif sock.recvfrom(65536)[0].startswith(b"number "):
                counted["numbered"] += 1
            else:
                counted["others"] += 1
        except TimeoutError:
            if stopped:
                break
    print(json.dumps(counted))


def send(options):
    sock = udp()
    for number in range(options.count):
        sock.sendto(b"number %d" % number, (options.ip, options.port))
        if number % 20 == 19:
            time.sleep(0.005)


def connect(options):
    for _ in range(options.count):
        socket.create_connection((options.ip, options.port), timeout=10).close()
        time.sleep(0.003)


def names(options):
    table = dict(entry.split("=") for entry in options.entries)
    sock = udp(53, ip=options.ip)
    print("ready", flush=True)
    while True:
        query, sender = sock.recvfrom(4096)
        end = query.index(b"\0", 12) + 5
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        known = table.get(".".join(labels).lower())
        wants_v4 = query[end - 4:end - 2] == b"\0\1"
        if options.v4_only and not wants_v4:
            continue
        addresses = [ip for ip in (known or "").split(",") if ip] if wants_v4 else []
        flags = b"\x81\x80" if known is not None else b"\x81\x83"
        answer = query[:2] + flags + b"\0\1" + len(addresses).to_bytes(2, "big") + b"\0\0\0\0" + query[12:end]
        for ip in addresses:
            answer += b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(ip)
        sock.sendto(answer, sender)


def main():
    parser = argparse.ArgumentParser()
    kinds = parser.add_subparsers(required=True)

    def add(function, *numbers, ip=False):
        kind = kinds.add_parser(function.__name__)
        kind.set_defaults(run=function)
        if ip:
            kind.add_argument("ip")
        for number in numbers:
            kind.add_argument(number, type=int)
        return kind

    add(echo, "port")
    add(ask, "port", ip=True).add_argument("--from", dest="source", default="0.0.0.0")
    counter = add(count, "port")
    counter.add_argument("--tcp", action="store_true")
    counter.add_argument("--reuseport", action="store_true")
    counter.add_argument("--ip", default="0.0.0.0")
    add(send, "port", "count", ip=True)
    add(connect, "port", "count", ip=True)
    server = add(names, ip=True)
    server.add_argument("entries", nargs="*")
    server.add_argument("--v4-only", action="store_true")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())
