#!/usr/bin/python3
"""Our own server as the one that is asked about NATs: RFC 5780 by `turnpike nat` and by Debian's turnutils, RFC 3489 by
Debian's stun. Each names the NAT of the bed."""

import concurrent.futures
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bed  # noqa: E402
from bed import Bed, Nat  # noqa: E402
from far_side import FarSide, nat  # noqa: E402
from harness import Skip, case, equal, main, server_command, true  # noqa: E402

# (mapping, filtering): what `turnpike nat`, turnutils_natdiscovery (mapping, filtering) and stun say.
KINDS = {
    (None, "ei"): ("open Internet", ("Endpoint Independent Mapping", "Endpoint Independent Filtering"), "Open"),
    ("ei", "ei"): ("full cone", ("Endpoint Independent Mapping", "Endpoint Independent Filtering"),
                   "Independent Mapping, Independent Filter"),
    ("ei", "ad"): ("restricted cone", ("Endpoint Independent Mapping", "Address Dependent Filtering"),
                   "Independent Mapping, Address Dependent Filter"),
    ("ei", "apd"): ("port restricted cone", ("Endpoint Independent Mapping", "Address and Port Dependent Filtering"),
                    "Independent Mapping, Port Dependent Filter"),
    ("apd", "apd"): ("symmetric", ("Address and Port Dependent Mapping", "Address and Port Dependent Filtering"),
                     "Dependent Mapping"),
}


def start(the_bed, *options):
    return FarSide(the_bed).start(
        "pair", [(address, bed.PORT) for address in bed.PAIR], *server_command(), "-n",
        *["--listening-ip=" + address for address in bed.PAIR], "--listening-port=%d" % bed.PORT,
        "--alt-listening-port=%d" % bed.OTHER_PORT, "--tls-listening-port=0", "--log-file=stdout", "--stun-only", *options)


def near(the_bed, *command):
    """What a client behind the NAT prints."""
    if shutil.which(command[0]) is None:
        raise Skip(command[0] + " is not installed")
    done = subprocess.run(["ip", "netns", "exec", the_bed.space("c0"), *command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
    print("$", *command, "-> %d\n%s" % (done.returncode, done.stdout))
    return done.stdout


def declare(kind, found, of_turnutils, of_stun):
    @case("turnpike nat, turnutils_natdiscovery and stun (RFC 3489) through our server: " + found)
    def _():
        with Bed(Nat(*kind)) as the_bed, concurrent.futures.ThreadPoolExecutor(3) as pool:
            # Either option alone answers such clients in tests/interop/behaviour_test.sh.
            start(the_bed, "--rfc5780", "--rfc3489-compatibility")

            def ours():
                equal(nat(the_bed).json()["class"], found, "the class")

            def turnutils():
                said = near(the_bed, "turnutils_natdiscovery", "-m", "-f", "-p", str(bed.PORT), bed.PAIR[0])
                for text in of_turnutils:
                    true("NAT with %s!" % text in said, "did not say: " + text)

            def stun():
                said = near(the_bed, "stun", "%s:%d" % (bed.PAIR[0], bed.PORT))
                line = next((one for one in said.splitlines() if one.startswith("Primary:")), said)
                true(line.startswith("Primary: " + of_stun), "said: " + line)
            # What fails goes before what can't be run here.
            asked = [pool.submit(client) for client in (ours, turnutils, stun)]
            for client in sorted(asked, key=lambda one: isinstance(one.exception(), Skip)):
                client.result()


for _kind, _names in KINDS.items():
    declare(_kind, *_names)


# Over TCP: the kinds, and what `turnpike nat --tcp` says of filtering.
FILTERS = {"ei": "endpoint-independent", "ad": "address-dependent", "apd": "address and port-dependent"}
USER = ("--user", "u", "--password", "p")


def connects_back(the_bed, *options):
    return start(the_bed, "--rfc5780", "--realm=bed.example", "--user=u:p", *options)


def declare_tcp(mapping, filtering):
    @case("filtering over TCP: mapping %s, filtering %s" % (mapping, filtering))
    def _():
        with Bed(Nat(mapping, filtering)) as the_bed:
            connects_back(the_bed, "--tcp-connect-back")
            outcome = nat(the_bed, "--tcp", *USER)
            found = outcome.json()
            equal((found["transport"], found["filtering"]), ("tcp", FILTERS[filtering]))
            equal(found["mapping"], FILTERS[mapping or "ei"])
            true(outcome.took <= 10, "took %.1f s" % outcome.took)


for _mapping in ("ei", "apd", None):
    for _filtering in FILTERS:
        declare_tcp(_mapping, _filtering)


@case("filtering over TCP stays unknown without a user, with a wrong one, and where the server does not connect back")
def _():
    with Bed(Nat("ei", "ei")) as the_bed:
        connects_back(the_bed, "--tcp-connect-back")
        equal(nat(the_bed, "--tcp").json()["filtering"], "unknown")
        found = nat(the_bed, "--tcp", "--user", "u", "--password", "wrong").json()
        equal(found["filtering"], "unknown")
        true(any("user and password" in note for note in found["notes"]), str(found["notes"]))
    with Bed(Nat("ei", "ei")) as the_bed:
        connects_back(the_bed)
        found = nat(the_bed, "--tcp", *USER).json()
        equal(found["filtering"], "unknown")
        true(any("does not connect back" in note for note in found["notes"]), str(found["notes"]))


if __name__ == "__main__":
    why = bed.unusable()
    if why:
        print("skip own_server: all cases: %s" % why)
        sys.exit(0)
    main()
