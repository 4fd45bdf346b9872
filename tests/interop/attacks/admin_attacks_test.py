#!/usr/bin/python3
"""Hostile input to the admin API: paths, names, JSON. What is wrong as HTTP already is in http_test.py."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from adminlib import Admin  # noqa: E402
from harness import Server, case, equal, main, one_of, shortened, true  # noqa: E402


class AdminServer(Server):
    def __init__(self):
        super().__init__()
        self.socket = os.path.join(self.directory.name, "admin.sock")
        self.command += ["--admin-socket=" + self.socket, "--userdb=" + os.path.join(self.directory.name, "turndb")]

    @property
    def admin(self):
        return Admin(self.socket)


def still_well(server):
    equal(server.admin.get("/healthz"), {"status": "ok"})


def refused(server, data, *statuses):
    answer = server.admin.raw(data)
    one_of(answer.status if answer else None, statuses, repr(data[:80]))


@case("methods that a path does not take are refused")
def methods(server):
    for method in ("PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "G" * 3000):
        one_of(server.admin.ask(method, "/v1/status").status, (405,), method)
    equal(server.admin.ask("DELETE", "/v1/status").headers["allow"], "get")
    still_well(server)


@case("names, realms and passwords that are too long are refused")
def too_long(server):
    equal(server.admin.ask("PUT", "/v1/users/" + "a" * 600, {"password": "p"}).status, 400)
    equal(server.admin.ask("PUT", "/v1/users/a?realm=" + "r" * 800, {"password": "p"}).status, 400)
    equal(server.admin.ask("PUT", "/v1/users/a", {"password": "p" * 2000}).status, 400)
    still_well(server)


@case("paths lead nowhere else")
def paths(server):
    for path in ("//healthz", "/v1/../healthz", "/v1/%2e%2e/healthz", "/./healthz", "/healthz/", "/v1//status",
                 "/v1/users/%00", "/v1/users/%zz", "/v1/users/%4", "/v1/users/a%00b"):
        equal(server.admin.ask("GET", path).status, 400, path)
    for path in ("/", "/v1", "/v1/sessions/1-2-3/x", "/etc/passwd", "/healthz%2f", "/v1%2fstatus"):
        equal(server.admin.ask("GET", path).status, 404, path)
    equal(server.admin.ask("GET", "/v1/sessions?" + "a=b&" * 40).status, 400)
    for session in ("x", "1-2", "1-2-3-4", "-1-2-3", "4294967296-0-0", "1-2-3%20"):
        equal(server.admin.ask("GET", "/v1/sessions/" + session).status, 404, session)
    for query in ("limit=0", "limit=1001", "limit=-1", "limit=1e3", "after=x", "address=localhost", "address=1.2.3.4:5"):
        equal(server.admin.ask("GET", "/v1/sessions?" + query).status, 400, query)


@case("bodies that are not the JSON they should be are refused")
def bodies(server):
    for body in (b"{", b"[]", b"null", b"\"x\"", b"{\"user\": \"a\"} x", b"\xff\xfe", b"{\"user\": \"\xff\"}",
                 b"[" * 60000, b"{\"a\":" * 10000, b"{\"user\": " + b"[" * 20 + b"]" * 20 + b"}"):
        equal(server.admin.ask("POST", "/v1/sessions/kill", body).status, 400, repr(body[:40]))
    for body in ({"user": 1}, {"user": ""}, {"user": None}, {"user": ["a"]}, {"all": 1}, {"all": "true"}, {},
                 {"user": "a", "all": True}, {"address": "x"}, {"usr": "a"}):
        equal(server.admin.ask("POST", "/v1/sessions/kill", body).status, 400, repr(body))
    for body in ({"timeout_s": -1}, {"timeout_s": 1.5}, {"timeout_s": "1"}, {"timeout_s": 10 ** 30}, {"x": 1}):
        equal(server.admin.ask("POST", "/v1/drain", body).status, 400, repr(body))
    for body in ({}, {"password": ""}, {"password": 1}, {"password": "a\x00b"}, {"password": "a", "x": 1}):
        equal(server.admin.ask("PUT", "/v1/users/a", body).status, 400, repr(body))
    data = b"{\"user\": \"a\"}"
    refused(server, b"POST /v1/sessions/kill HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data), 415)
    equal(server.admin.get("/readyz"), {"status": "ready"}, "nothing of this drained the server")


@case("random bytes do no harm")
def random_bytes(server):
    seeded = random.Random(5)
    request = b"PUT /v1/log-level?x=%41 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n" \
              b"{\"level\": \"info\"}"
    for _ in range(shortened("mutated requests", 300, 20000)):
        changed = bytearray(request)
        for _ in range(seeded.randrange(1, 6)):
            changed[seeded.randrange(len(changed))] = seeded.randrange(256)
        with server.admin.connect() as connection:
            connection.sendall(bytes(changed))
    still_well(server)


@case("clients are served while operators ask")
def busy(server):
    with server.client() as client:
        client.relayed()
        for _ in range(50):
            server.admin.get("/v1/sessions")
            equal(client.refresh(600).code, 0)
        client.refresh(0)
    true(server.alive(), "alive")


if __name__ == "__main__":
    main(AdminServer())
