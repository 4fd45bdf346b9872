#!/usr/bin/python3
"""Clients behind NATs of every kind reach peers behind NATs of every kind through the server."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bed  # noqa: E402
from bed import Bed, Nat  # noqa: E402
from far_side import FarSide  # noqa: E402
from harness import case, equal, main, shortened, true  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "relay_client.py")
KINDS = {
    "full cone": lambda: Nat("ei", "ei"),
    "address-restricted": lambda: Nat("ei", "ad"),
    "port-restricted": lambda: Nat("ei", "apd"),
    "symmetric": lambda: Nat("apd", "apd"),
}
COUNT = 20
# Addresses for documentation are no peers by default.
PEERS = "--allowed-peer-ip=203.0.113.0-203.0.113.255"


def start(the_bed, role, *arguments):
    return the_bed.popen(role, sys.executable, SCRIPT, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                         stderr=subprocess.STDOUT)


def tell(program, line):
    program.stdin.write(line)
    program.stdin.flush()


def line_of(program, what):
    line = program.stdout.readline()
    true(line, "%s ended with %s" % (what, program.wait() if program.poll() is not None else "nothing said"))
    print(what, "says", line.strip())
    return line


def plain_peer(the_bed):
    """The peer is no TURN client: it sends to the relayed address from behind its NAT."""
    client = start(the_bed, "c0", "relay", bed.SINGLE, str(bed.PORT), the_bed.wan_ips[1], str(COUNT))
    ip, port = line_of(client, "the client").split()
    peer = start(the_bed, "c1", "peer", ip, port, str(COUNT))
    equal(line_of(peer, "the peer"), "answered %d of %d\n" % (COUNT, COUNT))
    tell(client, "done\n")
    equal(line_of(client, "the client"), "relayed %d of %d\n" % (COUNT, COUNT))


def relay_to_relay(the_bed):
    programs = [start(the_bed, role, "both", bed.SINGLE, str(bed.PORT), str(COUNT), part)
                for role, part in (("c0", "answer"), ("c1", "ask"))]
    addresses = [line_of(program, "a client") for program in programs]
    for program, address in zip(programs, reversed(addresses)):
        tell(program, address)
    equal(line_of(programs[1], "the one who asks"), "answered %d of %d\n" % (COUNT, COUNT))
    tell(programs[0], "done\n")
    equal(line_of(programs[0], "the one who answers"), "relayed %d of %d\n" % (COUNT, COUNT))


def declare(client_kind, peer_kind):
    @case("client behind %s, peer behind %s" % (client_kind, peer_kind))
    def _():
        with Bed(KINDS[client_kind](), KINDS[peer_kind]()) as the_bed:
            FarSide(the_bed).ours(bed.SINGLE, PEERS)
            for _ in range(RUNS):
                plain_peer(the_bed)
            relay_to_relay(the_bed)


for _client in KINDS:
    for _peer in KINDS:
        declare(_client, _peer)


@case("client and peer behind two NATs each")
def _():
    with Bed(Nat("ei", "apd", preserve=True), Nat("apd", "apd"), double=Nat("apd", "apd")) as the_bed:
        FarSide(the_bed).ours(bed.SINGLE, PEERS)
        plain_peer(the_bed)
        relay_to_relay(the_bed)


RUNS = 1

if __name__ == "__main__":
    why = bed.unusable()
    if why:
        print("skip relay: all cases: %s" % why)
        sys.exit(0)
    RUNS = shortened("runs on each pair of NATs", 1, 5)
    main()
