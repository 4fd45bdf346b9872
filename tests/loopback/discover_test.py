#!/usr/bin/python3
"""`turnpike discover --watch` beside other programs of this host."""

import json
import os
import select
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import Server, case, equal, main, server_command, true, until  # noqa: E402


def answer(program):
    # Each line is written at once, so that none is left in the buffer of this end.
    true(select.select([program.stdout], [], [], 60)[0], "no answer for a minute")
    return json.loads(program.stdout.readline())


@case("a port of the watcher's own choice that another program takes is left to it")
def taken_port():
    with Server() as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
        watch = subprocess.Popen([server_command()[0], "discover", "--server", "%s:%d" % server.address, "--accept-single",
                                  "--watch", "--interval", "1", "--format", "json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            first = answer(watch)

            def taken():
                try:
                    taker.bind(("0.0.0.0", first["local_port"]))
                    return True
                except OSError:  # A look is under way.
                    return False
            until(taken, "the watcher keeps its port")
            second = answer(watch)
            true(second["local_port"] not in (0, first["local_port"]), "%r after %r" % (second, first))
        finally:
            watch.terminate()
            rest, errors = watch.communicate(timeout=20)
            print(rest, errors)
        equal((watch.returncode, rest), (0, ""))
        true("UDP port %d was taken by another program" % first["local_port"] in errors, errors)


if __name__ == "__main__":
    main()
