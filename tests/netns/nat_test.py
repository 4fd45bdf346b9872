#!/usr/bin/python3
"""`turnpike nat` behind every kind of NAT: the name that it gives is the one that the rules of the bed say."""

import concurrent.futures
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bed  # noqa: E402
from bed import Bed, Nat  # noqa: E402
from far_side import FarSide, discover, nat, run_tool, run_with_names, servers, turnpike  # noqa: E402
from harness import case, equal, main, shortened, true  # noqa: E402

WORDS = {"ei": "endpoint-independent", "ad": "address-dependent", "apd": "address and port-dependent"}
CONES = {"ei": ("full cone", 1), "ad": ("restricted cone", 2), "apd": ("port restricted cone", 3)}
FIREWALLS = {"ei": ("open Internet", 0), "ad": ("firewall", None), "apd": ("symmetric UDP firewall", None)}
# What the report for people begins with, and what its advice has, by mapping and filtering.
REPORTS = {("ei", "ei"): ("NAT1, full cone", "Go:"), ("ei", "apd"): ("NAT3, port restricted cone", "forward the port"),
           ("apd", "apd"): ("NAT4, symmetric", "TURN relay or a tunnel"), (None, "ei"): ("NAT0, open Internet", "nothing is needed"),
           (None, "apd"): ("symmetric UDP firewall", "Open the port")}
RUNS = 2
AT_A_TIME = 4
# What is left out where nobody asks for it.
QUICKLY = ("--no-hairpin", "--no-fragments")


def truth(the_nat):
    mapping, filtering = the_nat.mapping or "ei", the_nat.filtering
    if the_nat.mapping is None:
        name, level = FIREWALLS[filtering]
    elif mapping == "ei":
        name, level = CONES[filtering]
    else:
        name, level = "symmetric", 4
    return {"class": name, "level": level, "mapping": WORDS[mapping], "filtering": WORDS[filtering],
            "translated": the_nat.mapping is not None}


def check(found, wanted, unknown_allowed=False):
    """True when it was unknown, and that was allowed."""
    for key, value in wanted.items():
        if unknown_allowed and (found[key] in ("unknown", None, "cone of unknown kind", "no NAT", "endpoint-dependent")):
            return True
        equal(found[key], value, key)
    return False


def several(the_bed, runs, *arguments, **options):
    """So many tests, some at a time: most of one is waiting."""
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(lambda _: nat(the_bed, *arguments, **options), range(runs)))


def runs_on(the_bed, wanted, runs, seconds, *arguments, loss=False, **options):
    unknown = 0
    for outcome in several(the_bed, runs, *arguments, **options):
        unknown += check(outcome.json(), wanted, unknown_allowed=loss)
        true(outcome.took <= seconds, "took %.1f s" % outcome.took)
    true(unknown <= max(1, runs // 20), "%d of %d runs could not tell" % (unknown, runs))


def report_of(the_bed, *arguments):
    return run_tool(the_bed, "nat", *servers(bed.PAIR[0]), *arguments).output.splitlines()


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


@case("UDP blocked is told from servers that are not there")
def _():
    with Bed(Nat("ei", "ei", block_udp=True)) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        for outcome in several(the_bed, RUNS):
            equal((outcome.code, outcome.json()["class"]), (3, "UDP blocked"))
            true(outcome.took <= 10, "took %.1f s" % outcome.took)
        outcome = nat(the_bed, hosts=(bed.BLACK_HOLE,))
        equal((outcome.code, outcome.json()["class"]), (4, "unreachable"))


@case("two NATs show as the stricter of each axis, and a forwarded port as open")
def _():
    home = Nat("ei", "apd", preserve=True, forward=(25565, "192.168.77.100"))
    with Bed(home, double=Nat("ei", "ei")) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        runs_on(the_bed, {"class": "port restricted cone", "level": 3}, RUNS, 10)
        for _ in range(RUNS):
            check(nat(the_bed, "--port", "25565").json(), {"class": "full cone", "level": 1})


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


@case("the lifetime of a mapping")
def _():
    with Bed(Nat("ei", "ei", timeout=8)) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        found = nat(the_bed, "--lifetime", "20").json()["lifetime"]
        equal((found["alive_after_s"], found["gone_after_s"]), (5, 10))


if __name__ == "__main__":
    why = bed.unusable()
    if why:
        print("skip nat: all cases: %s" % why)
        sys.exit(0)
    turnpike()
    RUNS = shortened("runs on each NAT bed", 2, 20)
    main()
