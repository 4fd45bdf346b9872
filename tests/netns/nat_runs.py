"""What the scripts that run `turnpike nat` behind a bed share: what it must say there, and the runs in which it does."""

import concurrent.futures
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bed  # noqa: E402
from far_side import nat, run_tool, servers, turnpike  # noqa: E402
from harness import FULL, equal, main, shortened, true  # noqa: E402

WORDS = {"ei": "endpoint-independent", "ad": "address-dependent", "apd": "address and port-dependent"}
CONES = {"ei": ("full cone", 1), "ad": ("restricted cone", 2), "apd": ("port restricted cone", 3)}
FIREWALLS = {"ei": ("open Internet", 0), "ad": ("firewall", None), "apd": ("symmetric UDP firewall", None)}
QUICK, WHOLE = 2, 20
RUNS = WHOLE if FULL else QUICK
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


def run_cases(script):
    why = bed.unusable()
    if why:
        print("skip %s: all cases: %s" % (script, why))
        sys.exit(0)
    turnpike()
    shortened("runs on each NAT bed", QUICK, WHOLE)
    main()
