#!/usr/bin/python3
"""Hostile input to the admin API: sizes, methods, paths, JSON, slow senders, many connections."""

import contextlib
import os
import random
import select
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from adminlib import Admin  # noqa: E402
from harness import Server, case, equal, main, one_of, shortened, true, until  # noqa: E402


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


@case("requests that are none are 400")
def no_requests(server):
    for line in (b"", b"GET", b"GET /", b"GET  /healthz HTTP/1.1", b"GET healthz HTTP/1.1",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET /healthz\x00 HTTP/1.1", b"GET /\x7f HTTP/1.1",
                 b"GET http://localhost/healthz HTTP/1.1", b"GET * HTTP/1.1"):
        refused(server, line + b"\r\n\r\n", 400)
    for header in (b"no colon", b": empty name", b"Space : x", b" folded", b"Content-Length: x", b"Content-Length: -1",
                   b"Content-Length: 1\r\nContent-Length: 1", b"Content-Length: +3", b"A: \x01"):
        refused(server, b"GET /healthz HTTP/1.1\r\n" + header + b"\r\n\r\n", 400)
    still_well(server)


@case("other versions, methods and transfer codings are refused")
def other_protocols(server):
    refused(server, b"GET /healthz HTTP/2.0\r\n\r\n", 505)
    refused(server, b"GET /healthz HTTP/0.9\r\n\r\n", 505)
    refused(server, b"POST /v1/drain HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501)
    for method in ("PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "G" * 3000):
        one_of(server.admin.ask(method, "/v1/status").status, (405,), method)
    equal(server.admin.ask("DELETE", "/v1/status").headers["allow"], "get")
    still_well(server)


@case("what is too long is refused before it is kept")
def too_long(server):
    refused(server, b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", 414)
    refused(server, b"GET /" + b"a" * 100000, 431, 413, None)
    refused(server, b"GET / HTTP/1.1\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431, None)
    refused(server, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 65 + b"\r\n", 431)
    refused(server, b"POST /v1/reload HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413)
    refused(server, b"POST /v1/reload HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, 413)
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
    refused(server, b"POST /v1/sessions/kill HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data), 415)
    equal(server.admin.get("/readyz"), {"status": "ready"}, "nothing of this drained the server")


@case("random bytes do no harm")
def random_bytes(server):
    seeded = random.Random(5)
    request = b"PUT /v1/log-level?x=%41 HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n" \
              b"{\"level\": \"info\"}"
    for _ in range(shortened("mutated requests", 300, 20000)):
        changed = bytearray(request)
        for _ in range(seeded.randrange(1, 6)):
            changed[seeded.randrange(len(changed))] = seeded.randrange(256)
        with server.admin.connect() as connection:
            connection.sendall(bytes(changed))
    still_well(server)


def has_ended(connection):
    try:
        return connection.recv(1000) == b""
    except ConnectionResetError:
        return True


@case("slow senders are cut off, and meanwhile others are served")
def slow(server):
    began = time.monotonic()
    connections = [server.admin.connect() for _ in range(40)]
    try:
        dripping, sent = list(connections), 0
        while dripping and time.monotonic() < began + 30:
            for connection in dripping:
                with contextlib.suppress(OSError):
                    connection.sendall(b"GET /healthz HTTP/1.1\r\n"[sent:sent + 1] or b"A")
            sent += 1
            still_well(server)
            ended, _, _ = select.select(dripping, [], [], 0.5)
            dripping = [one for one in dripping if one not in ended or not has_ended(one)]
        equal(len(dripping), 0, "connections that are served although they drip")
        true(time.monotonic() - began > 2, "cut off before anybody could call them slow")
    finally:
        for connection in connections:
            connection.close()


@case("there are no more connections than are allowed")
def many(server):
    connections = [server.admin.connect() for _ in range(100)]
    try:
        left = list(connections)
        while (ended := select.select(left, [], [], 5 if len(left) > 64 else 0.1)[0]):
            left = [one for one in left if one not in ended]
        equal(len(left), 64, "connections that were not closed")
    finally:
        for connection in connections:
            connection.close()
    until(lambda: (answer := server.admin.raw(b"GET /healthz HTTP/1.1\r\n\r\n")) and answer.status == 200,
          "nobody is served although the connections have gone")


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
