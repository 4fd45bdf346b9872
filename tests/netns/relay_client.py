#!/usr/bin/python3
"""A TURN client and a plain peer that run inside a bed, each behind a NAT of its own.

    relay_client.py relay SERVER PORT PEER-IP COUNT   allocates, permits the peer's public address, prints the relayed
                                                      address and answers what comes, until a line on its input says
                                                      that the peer has all; then `relayed N of COUNT`
    relay_client.py peer IP PORT COUNT                sends to the relayed address until each datagram is answered
    relay_client.py both SERVER PORT COUNT ROLE       as `relay` (ROLE answer) or `peer` (ROLE ask), but takes the other
                                                      one's relayed address from the first line of its input
    relay_client.py state SERVER PORT                 JSON: is Binding answered, and what does an Allocate get?
"""

import json
import os
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from stunlib import (BINDING, XOR_RELAYED_ADDRESS, Client, Timeout, build, data_of)  # noqa: E402

PATIENCE = 15


def answer_all(client):
    """Whoever asks again has not had its answer yet, so it is the input that says when that is over."""
    answered = set()
    deadline = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline:
        if not client.unread and sys.stdin in select.select([client.socket, sys.stdin], [], [], 1)[0]:
            break
        datagram = client.take(0)
        if datagram is None:
            continue
        sender, payload = data_of(datagram)
        if payload.startswith(b"question "):
            client.send_to(*sender, b"answer " + payload[9:])
            answered.add(payload)
    return len(answered)


def ask_all(send, take, count):
    missing = set(range(count))
    deadline = time.monotonic() + PATIENCE
    while missing and time.monotonic() < deadline:
        for number in sorted(missing):
            send(b"question %d" % number)
        end = time.monotonic() + 0.5
        while missing and time.monotonic() < end:
            payload = take(end - time.monotonic())
            if payload and payload.startswith(b"answer "):
                missing.discard(int(payload[7:]))
    return count - len(missing)


def relay(server, port, peer_ip, count):
    client = Client((server, int(port)), b"u", b"p")
    address = client.relayed()
    if client.permit((peer_ip, 0)).code:
        raise SystemExit("the permission was refused")
    print("%s %d" % address[:2], flush=True)
    print("relayed %d of %s" % (answer_all(client), count), flush=True)


def peer(ip, port, count):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    target = (ip, int(port))

    def take(wait):
        sock.settimeout(max(wait, 0.01))
        try:
            data, sender = sock.recvfrom(65536)
        except (TimeoutError, ConnectionRefusedError):
            return None
        return data if sender == target else None
    print("answered %d of %s" % (ask_all(lambda data: sock.sendto(data, target), take, int(count)), count), flush=True)


def both(server, port, count, role):
    client = Client((server, int(port)), b"u", b"p")
    address = client.relayed()
    print("%s %d" % address[:2], flush=True)
    ip, other_port = sys.stdin.readline().split()
    if client.permit((ip, 0)).code:
        raise SystemExit("the permission was refused")
    if role == "answer":
        print("relayed %d of %s" % (answer_all(client), count), flush=True)
        return

    def take(wait):
        datagram = client.take(wait)
        return data_of(datagram)[1] if datagram else None
    done = ask_all(lambda data: client.send_to(ip, int(other_port), data), take, int(count))
    print("answered %d of %s" % (done, count), flush=True)


def state(server, port):
    told = {"binding": False, "relayed": None, "error": 0}
    client = Client((server, int(port)), b"u", b"p")
    txid = os.urandom(12)
    try:
        client.ask(build(BINDING, 0, [], txid), txid, tries=2, timeout=0.3)
        told["binding"] = True
        answer = client.allocate()
        told["error"] = answer.code
        if answer.code == 0:
            told["relayed"] = answer.address(XOR_RELAYED_ADDRESS)[0]
            client.refresh(0)
    except (Timeout, OSError):
        pass
    print(json.dumps(told))


if __name__ == "__main__":
    {"relay": relay, "peer": peer, "both": both, "state": state}[sys.argv[1]](*sys.argv[2:])
