#!/usr/bin/python3
"""What a bed leaves behind."""

import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))
sys.path.insert(0, HERE)
import bed  # noqa: E402
from harness import case, equal, main, true  # noqa: E402

PROGRAM = """
import signal
from bed import Bed, Nat
from far_side import FarSide
with Bed(Nat("ei", "ei")) as the_bed:
    side = FarSide(the_bed)
    side.ours()
    print(the_bed.name, side.folder.name, flush=True)
    signal.pause()
"""


def spaces():
    return subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, text=True, check=True).stdout


@case("a test that is ended by a signal leaves no namespace and no file")
def _():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=HERE, stdout=subprocess.PIPE, text=True) as program:
            name, folder = program.stdout.readline().split()
            true(name in spaces() and os.listdir(folder), "there is something to remove")
            program.send_signal(number)
            equal(program.wait(60), 128 + number)
        true(name not in spaces(), "its namespaces are gone")
        true(not os.path.exists(folder), "its folder is gone")


if __name__ == "__main__":
    why = bed.unusable()
    if why:
        print("skip bed: all cases: %s" % why)
        sys.exit(0)
    main()
