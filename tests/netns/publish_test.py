#!/usr/bin/python3
"""`turnpike discover --write --exec --watch`: a change is published once, whatever changed it."""

import json
import os
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bed  # noqa: E402
from bed import Bed, Nat  # noqa: E402
from far_side import FarSide, discover, servers, turnpike  # noqa: E402
from harness import case, equal, main, true, until  # noqa: E402


class Watch:
    def __init__(self, the_bed, folder, *arguments, port=("--port", "5060")):
        self.hooks = os.path.join(folder, "hooks")
        self.config = os.path.join(folder, "config.json")
        self.errors = os.path.join(folder, "errors")
        with open(self.errors, "w", encoding="utf-8") as errors:
            self.program = the_bed.popen(
                "c0", turnpike(), "discover", *servers(bed.PAIR[0], bed.SINGLE), *port, "--watch",
                "--interval", "1", "--write", self.config, "--template", "json", "--exec",
                'echo "$PUBLIC_ADDRESS" >> ' + self.hooks, *arguments, stdout=subprocess.PIPE, stderr=errors, text=True)

    def line(self):
        # A line is written at once, so that none is left in the buffer of this end.
        true(select.select([self.program.stdout], [], [], 60)[0], "nothing was said for a minute: " + self.told())
        return self.program.stdout.readline().strip()

    def published(self):
        with open(self.config, encoding="utf-8") as file:
            config = json.load(file)
        return "%s:%d" % (config["SERVER_ADDR"], config["SERVER_PUBLIC_PORT"])

    def hook_lines(self):
        deadline = time.monotonic() + 10
        while not os.path.exists(self.hooks) and time.monotonic() < deadline:
            time.sleep(0.05)
        with open(self.hooks, encoding="utf-8") as file:
            return file.read().split()

    def told(self):
        with open(self.errors, encoding="utf-8") as file:
            return file.read()

    def stop(self):
        self.program.send_signal(signal.SIGTERM)
        equal(self.program.wait(20), 0, "exit code after SIGTERM")


def settled(watch, lines):
    """The hooks when as many lines have been said and some time has passed."""
    deadline = time.monotonic() + 10
    while len(watch.hook_lines()) < len(lines) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2.5)
    return watch.hook_lines()


@case("a restarted router and a new public address are published, each once")
def _():
    with Bed(Nat("ei", "ei")) as the_bed:
        side = FarSide(the_bed)
        side.coturn(*bed.PAIR)
        side.ours()
        watch = Watch(the_bed, side.folder.name)
        lines = [watch.line()]
        equal(settled(watch, lines), lines)
        the_bed.flush()
        lines.append(watch.line())
        true(lines[0] != lines[1], "another port")
        equal(settled(watch, lines), lines)
        the_bed.new_ip()
        lines.append(watch.line())
        true(lines[2].startswith("203.0.113.5:"), lines[2])
        equal(settled(watch, lines), lines)
        equal(watch.published(), lines[2])
        watch.stop()


@case("an outage is no change, and is told once")
def _():
    with Bed(Nat("ei", "ei", preserve=True)) as the_bed:
        side = FarSide(the_bed)
        server = side.coturn(*bed.PAIR)
        ours = side.ours()
        watch = Watch(the_bed, side.folder.name, "--timeout", "1")
        first = watch.line()
        for program in (server, ours):
            program.send_signal(signal.SIGSTOP)
        until(lambda: "turnpike discover:" in watch.told(), "the outage is not told", 30)
        for program in (server, ours):
            program.send_signal(signal.SIGCONT)
        equal(settled(watch, [first]), [first])
        watch.stop()
        told = watch.told()
        true(told.count("no server answered") + told.count("UDP is blocked") <= 2, told)


@case("without --port the first port is kept")
def _():
    with Bed(Nat("ei", "ei", preserve=True)) as the_bed:
        side = FarSide(the_bed)
        side.coturn(*bed.PAIR)
        side.ours()
        watch = Watch(the_bed, side.folder.name, port=())
        first = watch.line()
        equal(settled(watch, [first]), [first])
        watch.stop()
        equal(watch.program.stdout.read(), "")


@case("a restart with the same address runs no hook")
def _():
    with Bed(Nat("ei", "ei", preserve=True)) as the_bed:
        side = FarSide(the_bed)
        side.coturn(*bed.PAIR)
        side.ours()
        lines = []
        for _ in range(2):
            watch = Watch(the_bed, side.folder.name)
            lines.append(watch.line())
            settled(watch, lines[:1])
            watch.stop()
        equal(watch.hook_lines(), lines[:1])


@case("files of other programs are updated in place")
def _():
    with Bed(Nat("ei", "ei", preserve=True)) as the_bed:
        side = FarSide(the_bed)
        side.coturn(*bed.PAIR)
        side.ours()
        path = os.path.join(side.folder.name, "kamailio.cfg")
        text = '#!define PUBLICIP "14.103.165.199"\nlisten=udp:192.168.77.100:5060\nlisten=udp:0.0.0.0:5070\n'
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        wanted = '#!define PUBLICIP "203.0.113.1"\nlisten=udp:192.168.77.100:5060 advertise 203.0.113.1:5060\n' \
                 "listen=udp:0.0.0.0:5070\n"
        for _ in range(2):
            equal(discover(the_bed, "--port", "5060", "--write", path, "--template", "kamailio").code, 0)
            with open(path, encoding="utf-8") as file:
                equal(file.read(), wanted)
        with open(path + ".bak", encoding="utf-8") as file:
            equal(file.read(), text)
        with open(path, "w", encoding="utf-8") as file:
            file.write("nothing of the kind\n")
        outcome = discover(the_bed, "--port", "5060", "--write", path, "--template", "kamailio")
        equal((outcome.code, outcome.output), (1, "203.0.113.1:5060\n"))
        with open(path, encoding="utf-8") as file:
            equal(file.read(), "nothing of the kind\n")


if __name__ == "__main__":
    why = bed.unusable()
    if why:
        print("skip publish: all cases: %s" % why)
        sys.exit(0)
    main()
