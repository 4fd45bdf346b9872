#!/usr/bin/env python3
"""Configuration files that were written for coturn are served as they are."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import harness  # noqa: E402
from harness import ROOT, case, equal, main  # noqa: E402

FIXTURES = os.path.join(ROOT, "tests", "unit", "config", "fixtures")


class ServerOfFile(harness.Server):
    """On a port of its own, but for that as the file says."""

    def __init__(self, name, *options, **more):
        super().__init__(*options, **dict({"users": (), "realm": None}, **more))
        self.command.remove("-n")
        self.command += ["-c", os.path.join(FIXTURES, name),
                         "--admin-socket=" + os.path.join(self.directory.name, "admin.sock")]


@case("the file of the coturn service guide, with its user in its realm")
def guide():
    with ServerOfFile("guide_turnserver.conf") as server, \
            server.client(user=b"example", password=b"correct-horse-battery") as client:
        equal(client.allocate().code, 0, "Allocate")
        equal(client.realm, b"p2p.example.org", "realm")
    with ServerOfFile("guide_turnserver.conf") as server, server.client(user=b"example", password=b"wrong") as client:
        equal(client.allocate().code, 401, "Allocate with a wrong password")


@case("the file that Debian ships, which has every option in a comment")
def debian():
    with ServerOfFile("debian_turnserver.conf", users=("user:password",)) as server, server.client() as client:
        equal(client.allocate().code, 0, "Allocate")


if __name__ == "__main__":
    main()
