#!/usr/bin/python3
"""Quotas and relay ports: nothing is lost, nothing is given twice."""

import contextlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, case, equal, main, one_of, true  # noqa: E402
from stunlib import (ALLOCATE, EVEN_PORT, REQUESTED_TRANSPORT, RESERVATION_TOKEN, UDP_TRANSPORT,
                     XOR_RELAYED_ADDRESS, Peer)  # noqa: E402

TRANSPORT = (REQUESTED_TRANSPORT, UDP_TRANSPORT)
EVEN, RESERVE = (EVEN_PORT, b"\0"), (EVEN_PORT, b"\x80")


def clients(stack, server, count, **options):
    return [stack.enter_context(server.client(**options)) for _ in range(count)]


def small_range(ports, *options):
    return Server("--min-port=40000", "--max-port=%d" % (40000 + ports - 1), *options, relay=("127.0.0.1",))


@case("every port of the range is given once, then 508, and a freed one again")
def exhaustion():
    with small_range(20) as server, contextlib.ExitStack() as stack:
        answers = [(one, one.allocate()) for one in clients(stack, server, 25)]
        ports = [answer.address(XOR_RELAYED_ADDRESS)[1] for _, answer in answers if answer.code == 0]
        equal(sorted(ports), list(range(40000, 40020)), "the ports")
        equal([answer.code for _, answer in answers if answer.code], [508] * 5, "the others")
        equal(answers[3][0].refresh(0).code, 0, "Refresh 0")
        equal(answers[-1][0].allocate().code, 0, "the freed port")


@case("ports that another program holds are passed over, and used when they are free")
def held_ports():
    with small_range(4) as server, contextlib.ExitStack() as stack:
        three = clients(stack, server, 3)
        with Peer("127.0.0.1", 40001), Peer("127.0.0.1", 40002):
            equal(sorted(one.relayed()[1] for one in three[:2]), [40000, 40003], "the free ports")
            equal(three[2].allocate().code, 508, "no port is left")
        one_of(three[2].relayed()[1], (40001, 40002), "a port that came free")


@case("EVEN-PORT without the R bit leaves the odd neighbour to others")
def even_port():
    with small_range(20) as server, contextlib.ExitStack() as stack:
        for _ in range(3):
            evens, others = clients(stack, server, 10), clients(stack, server, 10)
            ports = [one.relayed(EVEN)[1] for one in evens]
            equal(sorted(ports), list(range(40000, 40020, 2)), "even ports")
            equal(len({one.relayed()[1] for one in others}), 10, "odd ports")
            for one in evens + others:
                equal(one.refresh(0).code, 0, "Refresh 0")


@case("EVEN-PORT with the R bit holds a pair, and both come back")
def pairs():
    with small_range(4) as server, contextlib.ExitStack() as stack:
        first, second, third, fourth = clients(stack, server, 4)
        answers = first.allocate(RESERVE), second.allocate(RESERVE)
        equal([one.code for one in answers], [0, 0], "two pairs fill the range")
        equal(third.allocate(RESERVE).code, 508, "no pair is left")
        equal(third.allocate().code, 508, "a reserved port is not given to a stranger")
        equal(third.relayed((RESERVATION_TOKEN, answers[0].get(RESERVATION_TOKEN)))[1],
              answers[0].address(XOR_RELAYED_ADDRESS)[1] + 1, "the reserved port")
        first.refresh(0)
        third.refresh(0)
        equal(fourth.allocate(RESERVE).code, 0, "the pair is whole again")


@case("a reservation token is for its user")
def token_of_another():
    with Server() as server, server.client() as owner, server.client(b"other", b"word") as thief:
        token = owner.allocate(RESERVE).get(RESERVATION_TOKEN)
        equal(thief.allocate((RESERVATION_TOKEN, token)).code, 508, "another user")


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


@case("a range of one port works, and EVEN-PORT in it says 508")
def one_port():
    with Server("--min-port=40001", "--max-port=40001", relay=("127.0.0.1",)) as server, server.client() as client:
        equal(client.allocate(EVEN).code, 508, "there is no even port")
        equal(client.relayed()[1], 40001, "the port")


if __name__ == "__main__":
    main()
