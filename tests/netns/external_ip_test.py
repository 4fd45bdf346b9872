#!/usr/bin/python3
"""external-ip=auto: a server behind 1:1 NAT finds its public address, by every way, and follows it."""

import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bed  # noqa: E402
from bed import Bed, Nat  # noqa: E402
from far_side import FarSide  # noqa: E402
from adminlib import Admin  # noqa: E402
from harness import case, equal, main, server_command, true, until  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "relay_client.py")
LOCAL = "192.168.77.100"
STUN = "--external-ip-stun=%s,%s:%d" % (bed.PAIR[0], bed.SINGLE, bed.PORT)
NO_STUN, NO_METADATA, NO_HTTP = "--external-ip-stun=none", "--external-ip-metadata=off", "--external-ip-http=none"


def home():
    return Nat("ei", "ei", preserve=True)


class Server:
    """Ours, on the near side of the bed."""

    def __init__(self, the_bed, folder, *options):
        self.bed = the_bed
        self.path = os.path.join(folder, "server.log")
        self.admin = Admin(os.path.join(folder, "admin.sock"))
        with open(self.path, "w", encoding="utf-8") as log:
            self.program = the_bed.popen("c0", *server_command(), "-n", "--external-ip=auto", "--listening-ip=" + LOCAL,
                                         "--log-file=stdout", "--realm=bed.example", "--user=u:p",
                                         "--external-ip-interval=1", "--admin-socket=" + self.admin.where, *options, stdout=log, stderr=subprocess.STDOUT)
        self.started = time.monotonic()

    def log(self):
        with open(self.path, encoding="utf-8") as log:
            return log.read()

    def state(self):
        """What a client is told now: whether Binding is answered, and the relayed address or the error."""
        return json.loads(self.bed.exec("c0", sys.executable, SCRIPT, "state", LOCAL, "3478"))

    def wait_until_it_listens(self):
        deadline = time.monotonic() + 20
        while True:
            state = self.state()
            if state["binding"]:
                return state
            true(self.program.poll() is None and time.monotonic() < deadline, "no answer\n" + self.log())
            time.sleep(0.05)

    def wait_for(self, address, seconds):
        deadline = time.monotonic() + seconds
        while True:
            state = self.state()
            true(state["binding"], "Binding is answered")
            if state["relayed"] == address:
                return
            true(time.monotonic() < deadline, "%s is not %s\n%s" % (state, address, self.log()))
            time.sleep(0.1)


def serve_text(the_bed, role, ip, port, pages, folder):
    """A web server with those pages; 404 for the rest."""
    path = os.path.join(folder, "pages.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(pages, file)
    program = the_bed.popen(role, sys.executable, os.path.join(HERE, "pages.py"), ip, str(port), path,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    equal(program.stdout.readline(), "ready\n")


@case("by STUN, and a change is followed")
def _():
    with Bed(home()) as the_bed:
        side = FarSide(the_bed)
        side.coturn(*bed.PAIR)
        side.ours()
        server = Server(the_bed, side.folder.name, STUN, NO_METADATA, NO_HTTP)
        server.wait_until_it_listens()
        server.wait_for("203.0.113.1", 10)
        the_bed.new_ip()
        server.wait_for("203.0.113.5", 20)


@case("one server's word is enough where another is silent")
def _():
    with Bed(home()) as the_bed:
        side = FarSide(the_bed)
        side.ours()
        stun = "--external-ip-stun=%s,%s:%d" % (bed.BLACK_HOLE, bed.SINGLE, bed.PORT)
        server = Server(the_bed, side.folder.name, stun, NO_METADATA, NO_HTTP)
        server.wait_until_it_listens()
        server.wait_for("203.0.113.1", 10)
        true("external_ip_unknown" not in server.log(), "in time")


@case("Binding is answered at once, Allocate gets 508 until the patience is over, then the local address")
def _():
    with Bed(home()) as the_bed:
        side = FarSide(the_bed)
        for _ in range(5):
            server = Server(the_bed, side.folder.name, "--external-ip-stun=" + bed.BLACK_HOLE, NO_METADATA, NO_HTTP)
            state = server.wait_until_it_listens()
            before = server.admin.ask("GET", "/readyz")
            health = server.admin.get("/healthz")
            if time.monotonic() - server.started < 3.5:
                break
            # On a busy machine the patience may be over before anybody has asked.
            server.program.kill()
            server.program.wait()
        else:
            raise AssertionError("this machine is too slow")
        equal(state["error"], 508)
        equal((before.status, before.json["status"]), (503, "locating"))
        equal(health, {"status": "ok"})
        server.wait_for(LOCAL, 15)
        until(lambda: server.admin.get("/readyz") == {"status": "ready"}, "readiness follows", 2)
        true("external_ip_unknown" in server.log(), "the log warns")


@case("servers that answer late are heard")
def _():
    with Bed(home()) as the_bed:
        side = FarSide(the_bed)
        server = Server(the_bed, side.folder.name, STUN, NO_METADATA, NO_HTTP)
        server.wait_until_it_listens()
        server.wait_for(LOCAL, 15)
        side.coturn(*bed.PAIR)
        side.ours()
        server.wait_for("203.0.113.1", 30)


@case("by the metadata service, with and without a token")
def _():
    for pages in ({"/latest/meta-data/public-ipv4": {"text": "203.0.113.1", "needs": ["X-aws-ec2-metadata-token", "t0"]},
                   "/latest/api/token": {"text": "t0", "method": "PUT"}},
                  {"/hetzner/v1/metadata/public-ipv4": {"text": "203.0.113.1\n"}},
                  {"/latest/meta-data/public-ipv4": {"text": "203.0.113.1"}}):
        with Bed(home()) as the_bed:
            side = FarSide(the_bed)
            the_bed.ip("g0", "addr add 169.254.169.254/32 dev lan")
            serve_text(the_bed, "g0", "169.254.169.254", 80, pages, side.folder.name)
            server = Server(the_bed, side.folder.name, "--external-ip-stun=" + bed.BLACK_HOLE, NO_HTTP)
            server.wait_until_it_listens()
            server.wait_for("203.0.113.1", 10)
            true("external_ip_unknown" not in server.log(), "in time")


@case("by a web page, last")
def _():
    with Bed(home()) as the_bed:
        side = FarSide(the_bed)
        serve_text(the_bed, "i", bed.PEERS[0], 8080, {"/": {"text": "203.0.113.1\n"}, "/private": {"text": "10.1.2.3"}},
                   side.folder.name)
        url = "http://%s:8080" % bed.PEERS[0]
        server = Server(the_bed, side.folder.name, NO_STUN, NO_METADATA, "--external-ip-http=%s/private,%s/" % (url, url))
        server.wait_until_it_listens()
        server.wait_for("203.0.113.1", 10)


if __name__ == "__main__":
    why = bed.unusable()
    if why:
        print("skip external_ip: all cases: %s" % why)
        sys.exit(0)
    main()
