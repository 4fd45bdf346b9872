#!/usr/bin/python3
"""Quotas and relay ports: nothing is lost, nothing is given twice."""

import contextlib
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import FULL, Server, Skip, case, equal, main, one_of, true, until  # noqa: E402
from stunlib import (ALLOCATE, EVEN_PORT, REQUESTED_TRANSPORT, RESERVATION_TOKEN, UDP_TRANSPORT,
                     XOR_RELAYED_ADDRESS, Peer)  # noqa: E402

TRANSPORT = (REQUESTED_TRANSPORT, UDP_TRANSPORT)
EVEN, RESERVE = (EVEN_PORT, b"\0"), (EVEN_PORT, b"\x80")


def clients(stack, server, count, **options):
    return [stack.enter_context(server.client(**options)) for _ in range(count)]


def free_range(ports):
    """The first of some free ports, even, outside the range from which the kernel gives ports to others."""
    while True:
        first = random.randrange(10000, 20000, 2)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + ports):
                stack.enter_context(Peer("127.0.0.1", port))
            return first


def small_range(first, ports, *options):
    return Server("--min-port=%d" % first, "--max-port=%d" % (first + ports - 1), *options, relay=("127.0.0.1",))


def soon(client, *attributes):
    """Allocates; a port that came free may count as taken for a second, where another worker has seen it taken."""
    answer = until(lambda: (one := client.allocate(*attributes)).code != 508 and one, "508 for two seconds", 2)
    equal(answer.code, 0, "Allocate")
    return answer.address(XOR_RELAYED_ADDRESS)[1]


@case("every port of the range is given once, then 508, and a freed one again")
def exhaustion():
    first = free_range(20)
    with small_range(first, 20) as server, contextlib.ExitStack() as stack:
        answers = [(one, one.allocate()) for one in clients(stack, server, 25)]
        ports = [answer.address(XOR_RELAYED_ADDRESS)[1] for _, answer in answers if answer.code == 0]
        equal(sorted(ports), list(range(first, first + 20)), "the ports")
        equal([answer.code for _, answer in answers if answer.code], [508] * 5, "the others")
        equal(answers[3][0].refresh(0).code, 0, "Refresh 0")
        equal(soon(answers[-1][0]), ports[3], "the freed port")


@case("ports that another program holds are passed over, and used when they are free")
def held_ports():
    first = free_range(4)
    with small_range(first, 4) as server, contextlib.ExitStack() as stack:
        three = clients(stack, server, 3)
        with Peer("127.0.0.1", first + 1), Peer("127.0.0.1", first + 2):
            equal(sorted(one.relayed()[1] for one in three[:2]), [first, first + 3], "the free ports")
            equal(three[2].allocate().code, 508, "no port is left")
        one_of(soon(three[2]), (first + 1, first + 2), "a port that came free")


@case("EVEN-PORT without the R bit leaves the odd neighbour to others")
def even_port():
    first = free_range(20)
    with small_range(first, 20) as server, contextlib.ExitStack() as stack:
        for _ in range(3):
            evens, others = clients(stack, server, 10), clients(stack, server, 10)
            equal(sorted(soon(one, EVEN) for one in evens), list(range(first, first + 20, 2)), "even ports")
            equal(sorted(soon(one) for one in others), list(range(first + 1, first + 20, 2)), "odd ports")
            for one in evens + others:
                equal(one.refresh(0).code, 0, "Refresh 0")


@case("EVEN-PORT with the R bit holds a pair, and both come back")
def pairs():
    start = free_range(4)
    with small_range(start, 4) as server, contextlib.ExitStack() as stack:
        first, second, third, fourth = clients(stack, server, 4)
        answers = first.allocate(RESERVE), second.allocate(RESERVE)
        equal([one.code for one in answers], [0, 0], "two pairs fill the range")
        equal(third.allocate(RESERVE).code, 508, "no pair is left")
        equal(third.allocate().code, 508, "a reserved port is not given to a stranger")
        equal(third.relayed((RESERVATION_TOKEN, answers[0].get(RESERVATION_TOKEN)))[1],
              answers[0].address(XOR_RELAYED_ADDRESS)[1] + 1, "the reserved port")
        first.refresh(0)
        third.refresh(0)
        soon(fourth, RESERVE)  # The pair is whole again.


@case("a reservation that nobody takes comes back after its time")
def reservation_ends():
    if not FULL:
        raise Skip("it takes 31 s; --full runs it")
    start = free_range(2)
    with small_range(start, 2) as server, server.client() as first, server.client() as second:
        equal(first.allocate(RESERVE).code, 0, "EVEN-PORT with R")
        equal(second.allocate().code, 508, "both ports are held")
        began = time.monotonic()
        answer = until(lambda: (one := second.allocate()).code == 0 and one, "the reservation does not end", 40, 0.2)
        true(time.monotonic() - began > 29, "RFC 8656 section 7.2: at least 30 s")
        equal(answer.address(XOR_RELAYED_ADDRESS)[1], start + 1, "the reserved port")


@case("user-quota: parallel Allocates do not pass it, and a freed place is free")
def quota():
    with Server("--user-quota=4") as server, contextlib.ExitStack() as stack:
        many = clients(stack, server, 32)
        for one in many:
            one.login()
        requests = [one.signed(ALLOCATE, [TRANSPORT]) for one in many]
        for one, data in zip(many, requests):
            one.send_raw(data)
        codes = []
        for one, data in zip(many, requests):
            answer = one.answer_to(data[8:20], 1.0) or one.ask(data, data[8:20])
            codes.append(answer.code)
        equal((codes.count(0), codes.count(486)), (4, 28), "successes and 486")
        with server.client(b"other", b"word") as other:
            equal(other.allocate().code, 0, "another user")
        many[codes.index(0)].refresh(0)
        equal(many[codes.index(486)].allocate().code, 0, "the freed place")


@case("total-quota counts all users")
def total_quota():
    with Server("--total-quota=3") as server, contextlib.ExitStack() as stack:
        codes = [one.allocate().code for one in clients(stack, server, 2) +
                 clients(stack, server, 2, user=b"other", password=b"word")]
        equal(codes, [0, 0, 0, 486], "codes")


@case("a failed Allocate holds no place in a quota")
def failed_allocates():
    with Server("--user-quota=1") as server, server.client() as client:
        for attributes in ([(REQUESTED_TRANSPORT, bytes([99, 0, 0, 0]))], [], [TRANSPORT, (RESERVATION_TOKEN, bytes(8))],
                           [TRANSPORT, (0x7001, b"")]):
            for _ in range(5):
                true(client.request(ALLOCATE, attributes).code != 0, "must fail")
        equal(client.allocate().code, 0, "the one place")


@case("permissions and channels of one allocation are capped")
def caps():
    with Server() as server, server.client() as client:
        client.relayed()
        codes = []
        for number in range(3000):
            codes.append(client.permit(("46.1.%d.%d" % (number >> 8, number & 255), 9)).code)
            if codes[-1]:
                break
        equal(codes[-1], 508, "the code beyond the cap")
        print("%d permissions" % codes.count(0))
        true(client.permit(("46.1.0.0", 9)).code == 0, "an existing one is refreshed")
    with Server() as server, server.client() as client:
        client.relayed()
        codes = []
        for number in range(5000):
            codes.append(client.bind_channel(0x4000 + number % 0x1000, "46.1.0.1", 1 + number).code)
            if codes[-1]:
                break
        print("%d channels" % codes.count(0))
        equal(codes[-1], 508, "the code beyond the cap")


@case("EVEN-PORT is 508 when only odd ports are left")
def odd_ports_left():
    first = free_range(2)
    with small_range(first, 2) as server, server.client() as one, server.client() as two, server.client() as three:
        equal(one.relayed(EVEN)[1], first, "the even port")
        equal(two.allocate(EVEN).code, 508, "another even one")
        equal(soon(three), first + 1, "the odd port")


if __name__ == "__main__":
    main()
