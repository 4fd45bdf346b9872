#!/usr/bin/python3
"""`turnpike nat` behind every kind of NAT: the name that it gives is the one that the rules of the bed say."""

import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bed  # noqa: E402
from bed import Bed, Nat  # noqa: E402
from far_side import FarSide, nat, turnpike  # noqa: E402
from harness import case, equal, main, shortened, true  # noqa: E402

WORDS = {"ei": "endpoint-independent", "ad": "address-dependent", "apd": "address and port-dependent"}
CONES = {"ei": ("full cone", 1), "ad": ("restricted cone", 2), "apd": ("port restricted cone", 3)}
FIREWALLS = {"ei": ("open Internet", 0), "ad": ("firewall", None), "apd": ("symmetric UDP firewall", None)}
RUNS = 2


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


def runs_on(the_bed, wanted, runs, seconds, loss=False, **options):
    unknown = 0
    for _ in range(runs):
        outcome = nat(the_bed, **options)
        unknown += check(outcome.json(), wanted, unknown_allowed=loss)
        true(outcome.took <= seconds, "took %.1f s" % outcome.took)
    true(unknown <= max(1, runs // 20), "%d of %d runs could not tell" % (unknown, runs))


def declare(name, the_nat, seconds=10):
    @case(name)
    def _():
        with Bed(the_nat) as the_bed:
            FarSide(the_bed).coturn(*bed.PAIR)
            runs_on(the_bed, truth(the_nat), RUNS, seconds, loss=the_nat.loss > 0)


for _mapping in WORDS:
    for _filtering in WORDS:
        declare("mapping %s, filtering %s" % (WORDS[_mapping], WORDS[_filtering]), Nat(_mapping, _filtering))
for _filtering, (_name, _) in FIREWALLS.items():
    declare("no NAT: " + _name, Nat(None, _filtering))
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
        outcome = nat(the_bed)
        equal((outcome.code, outcome.json()["class"]), (3, "UDP blocked"))
        true(outcome.took <= 10, "took %.1f s" % outcome.took)
        outcome = nat(the_bed, hosts=(bed.BLACK_HOLE,))
        equal((outcome.code, outcome.json()["class"]), (4, "unreachable"))


@case("two NATs show as the stricter of each axis, and a forwarded port as open")
def _():
    home = Nat("ei", "apd", preserve=True, forward=(25565, "192.168.77.100"))
    with Bed(home, double=Nat("ei", "ei")) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        for _ in range(RUNS):
            check(nat(the_bed).json(), {"class": "port restricted cone", "level": 3})
        check(nat(the_bed, "--port", "25565").json(), {"class": "full cone", "level": 1})


@case("hairpinning, port preservation and fragments are what the bed does")
def _():
    with Bed(Nat("ei", "apd", hairpin=True)) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        check(nat(the_bed).json(), {"port_preserved": False, "fragments_out": True, "fragments_in": True})
    for preserve in (True, False):
        with Bed(Nat("ei", "ei", preserve=preserve, hairpin=not preserve)) as the_bed:
            FarSide(the_bed).coturn(*bed.PAIR)
            check(nat(the_bed).json(), {"port_preserved": preserve, "hairpin": not preserve})


@case("an application-level gateway that rewrites answers is told, and does not mislead")
def _():
    with Bed(Nat("ei", "ad", rewrite="192.168.77.100", sip_helper=True)) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        for port in ("5060", "5062"):
            found = nat(the_bed, "--port", port).json()
            check(found, {"class": "restricted cone", "alg": True})
            equal(found["public"]["ip"], "203.0.113.1")
    with Bed(Nat("ei", "ad")) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        equal(nat(the_bed).json()["alg"], False)


def during(the_bed, after, fault):
    """Runs the test, and the fault so many seconds into it."""
    timer = threading.Timer(after, fault)
    timer.start()
    try:
        return nat(the_bed).json()
    finally:
        timer.join()


@case("a router that forgets everything during the test is noticed")
def _():
    with Bed(Nat("ei", "apd")) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        for after in (0.3, 0.9):
            check(during(the_bed, after, the_bed.flush), {"class": "port restricted cone"})


@case("a new public address during the test is noticed")
def _():
    with Bed(Nat("ei", "ad")) as the_bed:
        FarSide(the_bed).coturn(*bed.PAIR)
        found = during(the_bed, 0.6, the_bed.new_ip)
        check(found, {"class": "restricted cone"})
        equal(found["public"]["ip"], "203.0.113.5")


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
            check(nat(the_bed).json(), {key: truth(the_nat)[key] for key in ("class", "level")})


@case("the mapping over TCP")
def _():
    for mapping, name in WORDS.items():
        with Bed(Nat(mapping, "apd")) as the_bed:
            FarSide(the_bed).coturn(*bed.PAIR)
            check(nat(the_bed, "--tcp").json(), {"transport": "tcp", "mapping": name, "filtering": "unknown"})


@case("a firewall over IPv6")
def _():
    with Bed(Nat("ei", "ei")) as the_bed:
        FarSide(the_bed).coturn(*bed.V6_PAIR)
        check(nat(the_bed, "--ipv6", hosts=("[%s]" % bed.V6_PAIR[0],)).json(),
              {"class": "symmetric UDP firewall", "translated": False})


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
