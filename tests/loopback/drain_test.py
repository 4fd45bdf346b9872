#!/usr/bin/python3
"""How the server ends: drained, late, or at once."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from adminlib import ManagedServer, until  # noqa: E402
from harness import case, equal, main, true  # noqa: E402


def is_draining(server):
    return server.admin.ask("GET", "/readyz").status == 503


def ticks_pass(server):
    """The server looks once a second whether to end."""
    def uptime():
        return server.admin.get("/v1/status")["uptime_s"]
    began = uptime()
    until(lambda: uptime() >= began + 2, "its clock stands still")


@case("SIGTERM with drain-timeout lets sessions end, refuses new ones, and then the server ends")
def terminate():
    with ManagedServer(["drain-timeout=60"]) as server, server.client() as client, server.client() as late:
        client.relayed()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: is_draining(server), "readiness flips")
        equal(server.admin.get("/healthz"), {"status": "ok"}, "it is healthy all the same")
        until(lambda: late.allocate().code == 508, "new allocations are refused", 3)
        status = server.admin.get("/v1/status")
        true(status["draining"] and 0 < status["drain_left_s"] <= 60, repr(status))
        equal(client.refresh(600).code, 0, "the session goes on")
        equal(client.refresh(0).code, 0)
        equal(server.has_ended(10), 0)
        true("drained allocations=0" in server.log_text(), server.log_text())


@case("when the time is over the server ends with sessions left")
def late_sessions():
    with ManagedServer(["drain-timeout=2"]) as server, server.client() as client:
        client.relayed()
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        equal(server.has_ended(30), 0)
        true(time.monotonic() - began >= 1.5, "it waited")
        true("reason=server-stops" in server.log_text(), "the session's end is logged")


@case("a second SIGTERM, or SIGINT, ends it at once")
def twice():
    for number in (signal.SIGTERM, signal.SIGINT):
        with ManagedServer(["drain-timeout=600"]) as server, server.client() as client:
            client.relayed()
            server.process.send_signal(signal.SIGTERM)
            until(lambda one=server: is_draining(one), "draining")
            server.process.send_signal(number)
            equal(server.has_ended(10), 0)


@case("without drain-timeout SIGTERM ends it at once")
def at_once():
    with ManagedServer() as server, server.client() as client:
        client.relayed()
        server.process.send_signal(signal.SIGTERM)
        equal(server.has_ended(10), 0)


@case("SIGUSR1 drains without a limit, and SIGTERM then stops at once")
def user_signal():
    with ManagedServer() as server, server.client() as client:
        client.relayed()
        server.process.send_signal(signal.SIGUSR1)
        until(lambda: is_draining(server), "draining")
        equal(server.admin.get("/v1/status")["drain_left_s"], None)
        ticks_pass(server)
        equal(client.refresh(600).code, 0)
        server.process.send_signal(signal.SIGTERM)
        equal(server.has_ended(10), 0)


@case("a deadline that comes after SIGUSR1 counts, and is told")
def later_deadline():
    with ManagedServer(["drain-timeout=3"]) as server, server.client() as client:
        client.relayed()
        server.process.send_signal(signal.SIGUSR1)
        until(lambda: is_draining(server), "draining")
        equal(server.admin.get("/v1/status")["drain_left_s"], None)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.admin.get("/v1/status")["drain_left_s"] in (1, 2, 3), "the deadline is not told")
        equal(server.has_ended(15), 0)


@case("`turnpike drain` drains, with a limit if it says so")
def command():
    with ManagedServer() as server, server.client() as client:
        client.relayed()
        code, text = server.tool("drain", "--timeout", "3")
        equal((code, text), (0, "draining: 1 sessions left\n"))
        true("draining, ends in" in server.tool("status")[1], "status")
        equal(server.has_ended(30), 0)


@case("drain-min-allocations is how many may be left")
def minimum():
    with ManagedServer(["drain-min-allocations=1"]) as server, server.client() as one, server.client() as two:
        one.relayed()
        two.relayed()
        server.process.send_signal(signal.SIGUSR1)
        until(lambda: is_draining(server), "draining")
        ticks_pass(server)
        true(server.alive(), "two are more than one")
        two.refresh(0)
        equal(server.has_ended(10), 0)


if __name__ == "__main__":
    main()
