#!/usr/bin/python3
"""`turnpike nat` behind every kind of NAT: the name that it gives is the one that the rules of the bed say."""

import concurrent.futures
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bed  # noqa: E402
from bed import Bed, Nat  # noqa: E402
from far_side import FarSide, nat  # noqa: E402
from harness import case, equal, true  # noqa: E402
from nat_runs import FIREWALLS, RUNS, WORDS, check, report_of, run_cases, runs_on, truth  # noqa: E402

# What the report for people begins with, and what its advice has, by mapping and filtering.
REPORTS = {("ei", "ei"): ("NAT1, full cone", "Go:"), ("ei", "apd"): ("NAT3, port restricted cone", "forward the port"),
           ("apd", "apd"): ("NAT4, symmetric", "TURN relay or a tunnel"), (None, "ei"): ("NAT0, open Internet", "nothing is needed"),
           (None, "apd"): ("symmetric UDP firewall", "Open the port")}


def check_report(the_nat, lines):
    first, advice = REPORTS[the_nat.mapping, the_nat.filtering]
    equal(lines[0].split(None, 1), ["UDP:", first])
    true(advice in lines[-1], lines[-1])
    told = dict(line.split(":", 1) for line in lines[1:-1])
    equal(told["mapping"].strip(), truth(the_nat)["mapping"])
    true(told["filtering"].strip().startswith(truth(the_nat)["filtering"]), told["filtering"])
    for key in ("local", "public", "fragments out", "loss", "ALG", "server"):
        true(key in told, key)


def declare(name, the_nat, seconds=10, report=False):
    @case(name + (", with a report for people and what to do about it" if report else ""))
    def _():
        with Bed(the_nat) as the_bed, concurrent.futures.ThreadPoolExecutor(1) as pool:
            FarSide(the_bed).coturn(*bed.PAIR)
            told = pool.submit(report_of, the_bed) if report else None
            runs_on(the_bed, truth(the_nat), RUNS, seconds, loss=the_nat.loss > 0)
            if told:
                check_report(the_nat, told.result())


for _mapping in WORDS:
    for _filtering in WORDS:
        declare("mapping %s, filtering %s" % (WORDS[_mapping], WORDS[_filtering]), Nat(_mapping, _filtering),
                report=(_mapping, _filtering) in REPORTS)
for _filtering, (_name, _) in FIREWALLS.items():
    declare("no NAT: " + _name, Nat(None, _filtering), report=(None, _filtering) in REPORTS)
declare("a home router that keeps port numbers", Nat("ei", "apd", preserve=True))
declare("mappings that last four seconds", Nat("ei", "apd", timeout=4))
declare("full cone, 30 % loss each way", Nat("ei", "ei", loss=30), 40)
declare("restricted cone, 30 % loss each way", Nat("ei", "ad", loss=30), 40)
declare("port restricted cone, 30 % loss each way", Nat("ei", "apd", loss=30), 40)
declare("symmetric, 30 % loss each way", Nat("apd", "apd", loss=30), 40)


@case("two NATs show as the stricter of each axis, and a forwarded port as open")
def _():
    home = Nat("ei", "apd", preserve=True, forward=(25565, "192.168.77.100"))
    with Bed(home, double=Nat("ei", "ei")) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        runs_on(the_bed, {"class": "port restricted cone", "level": 3}, RUNS, 10)
        for _ in range(RUNS):
            check(nat(the_bed, "--port", "25565").json(), {"class": "full cone", "level": 1})


@case("against a server of RFC 3489")
def _():
    for the_nat in (Nat("ei", "ei"), Nat("ei", "ad"), Nat("ei", "apd"), Nat("apd", "apd"), Nat(None, "ei")):
        with Bed(the_nat) as the_bed:
            FarSide(the_bed).stund()
            runs_on(the_bed, {key: truth(the_nat)[key] for key in ("class", "level")}, RUNS, 10)


@case("the mapping over TCP")
def _():
    for mapping, name in WORDS.items():
        with Bed(Nat(mapping, "apd")) as the_bed:
            FarSide(the_bed).coturn(*bed.PAIR)
            runs_on(the_bed, {"transport": "tcp", "mapping": name, "filtering": "unknown"}, RUNS, 10, "--tcp")
            if mapping == "ei":
                true("--user" in report_of(the_bed, "--tcp")[-1], "the report for people says what it takes to know")


@case("a firewall over IPv6")
def _():
    with Bed(Nat("ei", "ei")) as the_bed:
        FarSide(the_bed).coturn(*bed.V6_PAIR)
        runs_on(the_bed, {"class": "symmetric UDP firewall", "translated": False}, RUNS, 10, "--ipv6",
                hosts=("[%s]" % bed.V6_PAIR[0],))


if __name__ == "__main__":
    run_cases("nat")
