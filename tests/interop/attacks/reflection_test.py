#!/usr/bin/python3
"""What a stranger can draw from the server: small answers, few of them, and no memory."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, case, equal, main, one_of, true  # noqa: E402
import stunlib  # noqa: E402
from stunlib import (ALLOCATE, BINDING, ERROR_CODE, NONCE, PADDING, PASSWORD_ALGORITHMS, REALM, REQUEST,
                     REQUESTED_TRANSPORT, RESPONSE_PORT, SOFTWARE, UDP_TRANSPORT, build)  # noqa: E402

TRANSPORT = (REQUESTED_TRANSPORT, UDP_TRANSPORT)


@case("a challenge is at most 96 bytes with PASSWORD-ALGORITHMS and the default realm")
def challenge(_):
    with Server(realm=None) as server, server.client() as client:
        answer = client.login()
        print(answer.kinds(), len(answer.raw))
        true(len(answer.raw) <= 96, "%d bytes" % len(answer.raw))
        for kind in (ERROR_CODE, REALM, NONCE, PASSWORD_ALGORITHMS):
            true(kind in answer.kinds(), "0x%04x is missing" % kind)
        equal(answer.get(REALM), b"turnpike", "the default realm")
        equal(answer.reason, b"", "reason text")
        # The cookie and the feature bits take 13 characters. What is left holds the time and at least 80 bits of HMAC.
        true((len(answer.get(NONCE)) - 13) * 6 >= 80, "the nonce is too short")
        equal(client.allocate().code, 0, "and it works")


@case("no SOFTWARE and no reason text, unless asked for")
def no_banner(server):
    with server.client() as client:
        answers = [client.plain(BINDING), client.plain(BINDING, [(0x7001, b"")]), client.login(), client.allocate(),
                   client.allocate(), client.permit(("10.0.0.1", 9))]
        equal([one.code for one in answers], [0, 420, 401, 0, 437, 403], "the codes")
        for answer in answers:
            true(SOFTWARE not in answer.kinds(), "SOFTWARE")
            equal(answer.reason, b"", "reason text of %d" % answer.code)


@case("software-attribute and include-reason-string bring them back")
def banner(_):
    with Server("--software-attribute", "--include-reason-string") as server, server.client() as client:
        true(client.plain(BINDING).get(SOFTWARE), "SOFTWARE")
        true(client.login().reason, "reason text")


@case("a Binding answer is not larger than the RFC asks")
def binding_size(server):
    with server.client() as client:
        equal(len(client.plain(BINDING).raw), 32, "IPv4, without FINGERPRINT")
        equal(len(client.plain(BINDING, fingerprint=True).raw), 40, "IPv4, with FINGERPRINT")


@case("PADDING, RESPONSE-PORT and CHANGE-REQUEST draw no large answer and move none")
def discovery_attributes(server):
    with server.client() as client, server.client(source="127.0.0.2") as victim:
        port = victim.local[1]
        for attributes in ([(PADDING, bytes(64))], [(RESPONSE_PORT, port.to_bytes(2, "big") + b"\0\0")],
                           [(stunlib.CHANGE_REQUEST, b"\0\0\0\6")]):
            data = build(BINDING, REQUEST, attributes)
            answer = client.ask(data, data[8:20])
            true(len(answer.raw) <= max(44, len(data)), "%d bytes drew %d" % (len(data), len(answer.raw)))
            one_of(answer.code, (0, 420), "code")
        true(victim.receive_raw(0.2) is None, "an answer went to another port")


def burst(client, data, count):
    """Sends `count` datagrams, evenly in small portions, and counts the answers; also returns how long it took."""
    began, answers = time.monotonic(), 0
    for number in range(count):
        client.send_raw(data)
        if number % 16 == 15:
            while client.receive_raw(0) is not None:
                answers += 1
    while client.receive_raw(0.3) is not None:
        answers += 1
    return answers, time.monotonic() - began


@case("unauthenticated error replies to one address are limited")
def error_limit(_):
    with Server() as server, server.client() as client:
        asked = 12000
        answers, seconds = burst(client, build(ALLOCATE, REQUEST, [TRANSPORT]), asked)
        print("%d answers to %d requests in %.2f s" % (answers, asked, seconds))
        most = 2000 + 200 * (seconds + 1) + asked / 16
        true(answers <= most, "%d answers, at most %d are allowed" % (answers, most))
        true(answers >= 1500, "%d answers: an honest burst of 2,000 is cut" % answers)


@case("a limited address still gets one answer in a while, and others all of theirs")
def limit_is_fair(_):
    with Server() as server, server.client() as client, server.client(source="127.0.0.2") as other:
        burst(client, build(ALLOCATE, REQUEST, [TRANSPORT]), 6000)
        other.login()
        equal(other.allocate().code, 0, "another address")
        data = build(ALLOCATE, REQUEST, [TRANSPORT])
        equal(client.ask(data, data[8:20], tries=40, timeout=0.05).code, 401, "the limited address, after repeating")


@case("unauthorized-ratelimit options change the limit")
def limit_options(_):
    with Server("--unauthorized-ratelimit-rps=10", "--unauthorized-ratelimit-burst=20") as server, \
            server.client() as client:
        answers, seconds = burst(client, build(ALLOCATE, REQUEST, [TRANSPORT]), 1000)
        true(answers <= 20 + 10 * (seconds + 1) + 1000 / 16, "%d answers" % answers)
    with Server("--unauthorized-ratelimit=off") as server, server.client() as client:
        answers, _ = burst(client, build(ALLOCATE, REQUEST, [TRANSPORT]), 4000)
        true(answers > 3800, "%d answers to 4,000 without a limit" % answers)


@case("Binding answers to one address are limited to thousands a second")
def binding_limit(_):
    with Server() as server, server.client() as client:
        asked = 40000
        answers, seconds = burst(client, build(BINDING, REQUEST, []), asked)
        print("%d answers to %d requests in %.2f s" % (answers, asked, seconds))
        most = 5000 * (seconds + 2) + asked / 16
        true(answers <= most, "%d answers, at most %d are allowed" % (answers, most))
        true(answers >= 4000, "%d answers: an honest burst is cut" % answers)


@case("requests with credentials are not limited")
def authenticated(_):
    with Server("--unauthorized-ratelimit-rps=1", "--unauthorized-ratelimit-burst=5") as server, \
            server.client() as client:
        client.login()
        client.relayed()
        for _ in range(300):
            equal(client.refresh(600).code, 0, "Refresh")


@case("unauthenticated requests from thousands of ports leave the memory where it was")
def memory(_):
    with Server(lean=True) as server:
        data = build(ALLOCATE, REQUEST, [TRANSPORT])

        def strangers(count):
            for _ in range(count):
                with server.client() as client:
                    client.send_raw(data)
                    client.send_raw(b"\x40\0\0\4abcd")
        strangers(2000)
        before, descriptors = server.rss_kib(), server.descriptors()
        strangers(8000)
        with server.client() as client:
            client.plain(BINDING)
        grown = server.rss_kib() - before
        print("%d KiB more after 8,000 strangers" % grown)
        true(grown < 1024, "%d KiB more" % grown)
        equal(server.descriptors(), descriptors, "descriptors")


@case("one request draws one answer")
def one_answer(server):
    with server.client() as client:
        data = build(ALLOCATE, REQUEST, [TRANSPORT])
        client.ask(data, data[8:20])
        equal(client.drain(), [], "further datagrams")


if __name__ == "__main__":
    main(Server())
