#!/usr/bin/python3
"""What NAT discovery (RFC 5780, RFC 3489) could be abused for: answers larger than questions, and answers to others."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, equal, main, true  # noqa: E402
from square import OTHER_IP, OTHER_PORT, V4, Asker, Square, change  # noqa: E402
from stunlib import BINDING, PADDING, REQUEST, RESPONSE_PORT, Message, build  # noqa: E402


@case("PADDING makes the answer larger than a frame, and never larger than the question")
def padding():
    with Square("--rfc5780") as square, Asker(V4[0]) as asker:
        for size in (0, 1, 7, 48, 52, 200, 1000, 1500, 1600, 4000):
            data = build(BINDING, REQUEST, [(PADDING, bytes(size))])
            raw, _ = asker.ask(square.corner(0), data=data)
            true(len(raw) <= max(len(data), 32), "%d bytes drew %d" % (len(data), len(raw)))
            if size >= 1600:
                equal(len(Message(raw).get(PADDING)), 1500, "PADDING")


@case("PADDING together with RESPONSE-PORT is an error, told to the port that asked")
def both():
    with Square("--rfc5780") as square, Asker(V4[0]) as asker, Asker(V4[0]) as victim:
        port = struct.pack("!HH", victim.address[1], 0)
        raw, _ = asker.ask(square.corner(0), [(PADDING, bytes(400)), (RESPONSE_PORT, port)])
        equal(Message(raw).code, 400, "the code")
        true(victim.receive(0.2)[0] is None, "the other port got something")


@case("RESPONSE-PORT cannot be used to flood another port, nor to multiply bytes")
def reflection():
    with Square("--rfc5780", "--binding-ratelimit=0") as square, Asker(V4[0]) as asker, Asker(V4[0]) as victim:
        elsewhere = (RESPONSE_PORT, struct.pack("!HH", victim.address[1], 0))
        equal(Message(asker.ask(square.corner(0), [elsewhere])[0]).code, 400, "what is asked without room for an answer")
        data = build(BINDING, REQUEST, [elsewhere, (0x8022, b"room")])
        for number in range(500):
            asker.socket.sendto(data, square.corner(number % 4))
        got = []
        while True:
            raw, _ = victim.receive(0.5)
            if raw is None:
                break
            got.append(len(raw))
        print(len(got), "answers of", set(got))
        true(1 <= len(got) <= 100, "%d answers reached the other port" % len(got))
        true(max(got) <= len(data), "the largest has %d bytes, the request %d" % (max(got), len(data)))
        equal(Message(asker.ask(square.corner(0))[0]).code, 0, "and the server still answers")


@case("RESPONSE-ADDRESS of RFC 3489, which names anybody, is refused")
def response_address():
    with Square("--rfc3489-compatibility") as square, Asker(V4[0]) as asker, Asker(V4[1]) as victim:
        for kind in (0x0002, 0x0004, 0x0005):
            value = struct.pack("!BBH", 0, 1, victim.address[1]) + bytes([127, 0, 0, 2])
            data = struct.pack("!HH", 1, 12) + os.urandom(16) + struct.pack("!HH", kind, 8) + value
            raw, _ = asker.ask(square.corner(0), data=data)
            equal(raw[:2], b"\x01\x11", "the type of the answer")
            true(victim.receive(0.2)[0] is None, "the victim got something")


@case("answers from the other address count against the same limit, whichever corner is asked")
def one_limit():
    for option, make in (("--rfc5780", lambda: build(BINDING, REQUEST, [change(OTHER_IP | OTHER_PORT)])),
                         ("--rfc3489-compatibility",
                          lambda: struct.pack("!HH", 1, 8) + os.urandom(16) + struct.pack("!HHI", 3, 4, 6))):
        # The probes of the start have used some of the limit up.
        with Square(option, "--binding-ratelimit=20") as square, Asker(V4[0]) as asker:
            for number in range(400):
                asker.socket.sendto(make(), square.corner(number % 4))
            answers = 0
            while asker.receive(0.3)[0]:
                answers += 1
            # Twenty at once, what a slow machine is given meanwhile, and one in sixteen beyond.
            print(option, answers)
            true(answers <= 150, "%d of 400 were answered" % answers)


if __name__ == "__main__":
    main()
