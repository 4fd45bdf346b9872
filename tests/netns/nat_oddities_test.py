#!/usr/bin/python3
"""`turnpike nat` where a router, the path, a server or what was done before is odd: it says so, or is not misled."""

import concurrent.futures
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bed  # noqa: E402
from bed import Bed, Nat  # noqa: E402
from far_side import FarSide, discover, nat, run_with_names, servers  # noqa: E402
from harness import case, equal, true  # noqa: E402
from nat_runs import AT_A_TIME, QUICKLY, RUNS, WORDS, check, run_cases, runs_on, several, truth  # noqa: E402


@case("UDP blocked is told from servers that are not there")
def _():
    with Bed(Nat("ei", "ei", block_udp=True)) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        for outcome in several(the_bed, RUNS):
            equal((outcome.code, outcome.json()["class"]), (3, "UDP blocked"))
            true(outcome.took <= 10, "took %.1f s" % outcome.took)
        outcome = nat(the_bed, hosts=(bed.BLACK_HOLE,))
        equal((outcome.code, outcome.json()["class"]), (4, "unreachable"))


@case("hairpinning, port preservation and fragments are what the bed does")
def _():
    for filtering in ("apd", "ad"):
        with Bed(Nat("ei", filtering, hairpin=True)) as the_bed:
            FarSide(the_bed).coturn(*bed.PAIR)
            runs_on(the_bed, {"port_preserved": False, "fragments_out": True, "fragments_in": True, "hairpin": True},
                    RUNS, 10)
    for preserve in (True, False):
        with Bed(Nat("ei", "ei", preserve=preserve, hairpin=not preserve)) as the_bed:
            FarSide(the_bed).coturn(*bed.PAIR)
            runs_on(the_bed, {"port_preserved": preserve, "hairpin": not preserve}, RUNS, 10)


@case("a port that has spoken to the server lately is not taken for an open one")
def _():
    for the_nat in (Nat("ei", "apd"), Nat("ei", "ad"), Nat("ei", "ei"), Nat(None, "apd"), Nat(None, "ad")):
        wanted = truth(the_nat)
        with Bed(the_nat) as the_bed:
            FarSide(the_bed).coturn(*bed.PAIR)

            def spoken(port, hosts, *options):
                equal(discover(the_bed, "--port", port, hosts=hosts).code, 0)
                for _ in range(2):
                    one = nat(the_bed, "--port", port, *options).json()
                    if the_nat.filtering == "ad" and one["filtering"] == "unknown":
                        true(any("lately" in text for text in one["notes"]), "it says why")
                    else:
                        check(one, wanted)

            def never_used():
                check(nat(the_bed, "--port", "5064", *QUICKLY).json(), wanted)
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                for done in [pool.submit(spoken, "5062", (bed.PAIR[0],)), pool.submit(spoken, "5063", bed.PAIR, *QUICKLY),
                             pool.submit(never_used)]:
                    done.result()


@case("a path that drops fragments is told, and a server that knows no PADDING is not blamed on it")
def _():
    for device, expected in (("lan", (False, None)), ("wan", (True, False))):
        with Bed(Nat("ei", "ei")) as the_bed:
            FarSide(the_bed).coturn(*bed.PAIR)
            # Conntrack puts fragments together: before it.
            the_bed.nft("g0", """table ip fragments { chain pieces { type filter hook prerouting priority -450;
                iifname "%s" ip frag-off & 0x3fff != 0 drop
                } }""" % device)
            found = nat(the_bed).json()
            equal((found["fragments_out"], found["fragments_in"]), expected, device)
    with Bed(Nat("ei", "ei")) as the_bed:
        FarSide(the_bed).stund()
        found = nat(the_bed).json()
        equal((found["fragments_out"], found["fragments_in"]), (True, None))


@case("a name that nobody resolves does not hold up a test of other servers")
def _():
    with Bed(Nat("ei", "apd")) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        outcome = run_with_names(the_bed, bed.BLACK_HOLE, "nat", *servers(*bed.PAIR, "dead.lab"), "--json", *QUICKLY)
        check(outcome.json(), {"class": "port restricted cone"})
        true(any("dead.lab" in text for text in outcome.json()["notes"]), "the name is told")
        true(outcome.took < 8, "took %.1f s" % outcome.took)


@case("an application-level gateway that rewrites answers is told, and does not mislead")
def _():
    with Bed(Nat("ei", "ad", rewrite="192.168.77.100", sip_helper=True)) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        for port in ("5060", "5062"):
            found = nat(the_bed, "--port", port).json()
            check(found, {"class": "restricted cone", "alg": True})
            equal(found["public"]["ip"], "203.0.113.1")
        runs_on(the_bed, {"class": "restricted cone", "alg": True}, RUNS, 10)
    with Bed(Nat("ei", "ad")) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        equal(nat(the_bed).json()["alg"], False)


def during(the_bed, after, fault):
    """Runs some tests, and the fault so many seconds into them."""
    timer = threading.Timer(after, fault)
    timer.start()
    try:
        return [outcome.json() for outcome in several(the_bed, min(RUNS, AT_A_TIME))]
    finally:
        timer.join()


@case("a router that forgets everything during the test is noticed")
def _():
    with Bed(Nat("ei", "apd")) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        for run in range(0, RUNS, 2):
            for found in during(the_bed, 0.3 + 0.15 * (run % 8), the_bed.flush):
                check(found, {"class": "port restricted cone"})


@case("a new public address during the test is noticed")
def _():
    with Bed(Nat("ei", "ad")) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        for run in range(max(1, RUNS // AT_A_TIME)):
            ip = "203.0.113.%d" % (5 + run)
            for found in during(the_bed, 0.6, lambda: the_bed.new_ip(ip)):
                check(found, {"class": "restricted cone"})
                equal(found["public"]["ip"], ip)


@case("servers of one address leave filtering unknown")
def _():
    with Bed(Nat("ei", "ei")) as the_bed:
        side = FarSide(the_bed)
        side.coturn(bed.PAIR[0], name="one")
        side.ours()
        found = nat(the_bed, hosts=(bed.PAIR[0], bed.SINGLE)).json()
        check(found, {"class": "cone of unknown kind", "mapping": WORDS["ei"], "filtering": "unknown"})
    with Bed(Nat("apd", "apd")) as the_bed:
        side = FarSide(the_bed)
        side.coturn(bed.PAIR[0], name="one")
        side.ours()
        check(nat(the_bed, hosts=(bed.PAIR[0], bed.SINGLE)).json(), {"class": "symmetric", "filtering": "unknown"})


@case("the lifetime of a mapping")
def _():
    with Bed(Nat("ei", "ei", timeout=8)) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        found = nat(the_bed, "--lifetime", "20").json()["lifetime"]
        equal((found["alive_after_s"], found["gone_after_s"]), (5, 10))


if __name__ == "__main__":
    run_cases("nat_oddities")
