#!/usr/bin/python3
"""Bad manners towards each of the HTTP services, which are one server: metrics, the admin API by both its doors, and
the credentials for web pages. What each of them says to good questions is in tests/loopback."""

import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from adminlib import Admin  # noqa: E402
from harness import Server, case, equal, free_port, main, one_of, shortened, true, until  # noqa: E402

KEY = "a-key-of-some-length"
HOST = b"Host: localhost\r\n"
CONNECTIONS = 64  # Of each service at once.


class Service:
    def __init__(self, name, where, path):
        self.name, self.path, self.door = name, path, Admin(where)

    def raw(self, data):
        return self.door.raw(data)

    def connect(self):
        return self.door.connect()

    def status(self, method="GET", headers=b"", version=b"1.1"):
        answer = self.raw(b"%s %s HTTP/%s\r\n%s%s\r\n" % (method.encode(), self.path, version, HOST, headers))
        return answer.status if answer else None

    def is_well(self):
        equal(self.status(), 200, "%s serves" % self.name)


class Everything(Server):
    def __init__(self):
        super().__init__()
        self.socket = os.path.join(self.directory.name, "admin.sock")
        metrics, admin, rest = free_port(), free_port(), free_port()
        self.command += [
            "--admin-socket=" + self.socket, "--admin-port=%d" % admin, "--admin-token=a-token-of-some-length",
            "--prometheus", "--prometheus-address=127.0.0.1", "--prometheus-port=%d" % metrics,
            "--static-auth-secret=north-north-north", "--rest-listen=127.0.0.1:%d" % rest, "--rest-api-key=" + KEY,
            "--rest-limit=0", "--rest-limit-per-source=0"]
        self.services = [
            Service("metrics", ("127.0.0.1", metrics), b"/metrics"),
            Service("admin", self.socket, b"/healthz"),
            Service("admin over TCP", ("127.0.0.1", admin), b"/healthz"),
            Service("credentials", ("127.0.0.1", rest), b"/turn?service=turn&key=" + KEY.encode())]


def refused(service, data, *statuses):
    answer = service.raw(data)
    one_of(answer.status if answer else None, statuses, "%s: %r" % (service.name, data[:80]))


def of_each(name):
    """A case for each service."""
    def register(function):
        def run(server):
            for service in server.services:
                function(service)
                service.is_well()
            true(server.alive(), "alive")
        return case(name)(run)
    return register


@of_each("HTTP/1.1 without a Host, or with two, is 400; HTTP/1.0 needs none")
def hosts(service):
    for lines in (b"", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nHOST: b\r\n", b"Host: a b\r\n", b"Host: a/b\r\n"):
        refused(service, b"GET %s HTTP/1.1\r\n%s\r\n" % (service.path, lines), 400)
    refused(service, b"GET %s HTTP/1.0\r\n\r\n" % service.path, 200)
    refused(service, b"GET %s HTTP/1.1\r\nHost:\r\n\r\n" % service.path, 200)


@of_each("requests that are none are 400")
def no_requests(service):
    for line in (b"", b"GET", b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b"GET x HTTP/1.1", b"GET * HTTP/1.1",
                 b"GET http://localhost/ HTTP/1.1", b"GET /\0 HTTP/1.1", b"GET /\x7f HTTP/1.1", b"G(T / HTTP/1.1",
                 b"GET / http/1.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
        refused(service, line + b"\r\n" + HOST + b"\r\n", 400)
    for header in (b"no colon", b": no name", b"Space : x", b" folded", b"\tfolded", b"A(: x", b"A: \x01", b"A: b\rc",
                   b"Content-Length: x", b"Content-Length: -1", b"Content-Length: +3", b"Content-Length: 1 2",
                   b"Content-Length: 1\r\nContent-Length: 1"):
        refused(service, b"GET / HTTP/1.1\r\n" + HOST + header + b"\r\n\r\n", 400)
    refused(service, b"GET %s HTTP/1.0\n\n" % service.path, 400)


@of_each("other versions and transfer codings are refused")
def other_protocols(service):
    for version in (b"0.9", b"2.0", b"9.9", b"1.2"):
        equal(service.status(version=version), 505, "%s: HTTP/%s" % (service.name, version))
    refused(service, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501)
    refused(service, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)


@of_each("methods that are not served are 405 and say which are")
def methods(service):
    for method in ("PUT", "POST", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "G" * 3000):
        answer = service.raw(b"%s %s HTTP/1.1\r\n%s\r\n" % (method.encode(), service.path, HOST))
        # Who has no token for the admin API does not learn which methods there are.
        one_of(answer.status, (401,) if service.name == "admin over TCP" else (405,), method[:20])
        true(answer.status == 401 or "get" in answer.headers["allow"], answer.headers)


@of_each("HEAD has the head of GET and no body")
def head(service):
    answer = service.raw(b"HEAD %s HTTP/1.1\r\n%s\r\n" % (service.path, HOST))
    equal((answer.status, answer.body), (200, b""), service.name)
    true(int(answer.headers["content-length"]) > 0, answer.headers)


@of_each("every answer ends its connection, forbids caches, and names its type")
def headers(service):
    for path in (service.path, b"/no-such-path"):
        answer = service.raw(b"GET %s HTTP/1.1\r\n%s\r\n" % (path, HOST))
        equal((answer.headers["connection"], answer.headers["cache-control"], answer.headers["x-content-type-options"]),
              ("close", "no-store", "nosniff"), service.name)


@of_each("what is too long is refused before it is kept")
def too_long(service):
    refused(service, b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414)
    refused(service, b"GET /" + b"a" * 100000, 431, None)
    refused(service, b"GET / HTTP/1.1\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431, None)
    refused(service, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 65 + b"\r\n", 431)
    refused(service, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 65537\r\n\r\n", 413)
    refused(service, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n", 400, 413)


@of_each("paths lead nowhere else")
def paths(service):
    for path in (b"//", b"//etc/passwd", b"/../etc/passwd", b"/%2e%2e/etc/passwd", b"/./x", b"/x/", b"/%00", b"/%zz", b"/%4"):
        refused(service, b"GET %s HTTP/1.1\r\n%s\r\n" % (path, HOST), 400)
    refused(service, b"GET %s%%2f HTTP/1.1\r\n%s\r\n" % (service.path.split(b"?")[0], HOST), 401, 404)
    refused(service, b"GET /?" + b"a=b&" * 40 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 400)


@of_each("two requests in one packet get one answer, and half a request gets none")
def counts(service):
    one = b"GET %s HTTP/1.1\r\n%s\r\n" % (service.path, HOST)
    with service.connect() as link:
        link.sendall(one + one)
        received = b""
        try:
            while piece := link.recv(1 << 16):
                received += piece
        except ConnectionResetError:
            pass  # What was not read; the answer was sent all the same.
        equal(received.count(b"HTTP/1.1 "), 1, "%s: answers" % service.name)
    with service.connect() as link:
        link.sendall(one[:-2])
        link.shutdown(1)
        equal(link.recv(100), b"", "%s: answer to half a request" % service.name)


@of_each("random bytes do no harm")
def junk(service):
    seeded = random.Random(7)
    request = b"GET %s HTTP/1.1\r\n%sAuthorization: Bearer x\r\nContent-Length: 3\r\n\r\nabc" % (service.path, HOST)
    for number in range(shortened("hostile requests to each HTTP service", 200, 20000)):
        changed = bytearray(request if number % 2 else seeded.randbytes(seeded.randrange(1, 3000)))
        for _ in range(seeded.randrange(1, 6)):
            changed[seeded.randrange(len(changed))] = seeded.randrange(256)
        with service.connect() as link:
            try:
                link.sendall(bytes(changed))
            except OSError:
                pass  # It has seen enough.


def is_open(link):
    link.setblocking(False)
    try:
        return link.recv(1000) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


@case("those who trickle their requests are cut off, and others are served meanwhile")
def slow(server):
    links = [(service, service.connect()) for service in server.services for _ in range(20)]
    for service, link in links:
        link.sendall(b"GET %s HTTP/1.1\r\n" % service.path)
    began = time.monotonic()

    def all_cut_off():
        for _, link in links:
            try:
                link.sendall(b"x")
            except OSError:
                pass
        for service in server.services:
            service.is_well()
        return not any(is_open(link) for _, link in links)
    until(all_cut_off, "not all are cut off although they went on sending", 20)
    true(time.monotonic() - began > 3, "they had some time")
    for _, link in links:
        link.close()


@case("those who do not read their answers keep nobody waiting")
def silent_readers(server):
    links = []
    for service in server.services:
        for _ in range(10):
            link = service.connect()
            link.sendall(b"GET %s HTTP/1.1\r\n%s\r\n" % (service.path, HOST))
            links.append(link)
        service.is_well()
    for link in links:
        link.close()


@of_each("hundreds of idle connections keep nobody out, and no more than are allowed are kept")
def crowd(service):
    links = [service.connect() for _ in range(300)]
    try:
        service.is_well()
        # The oldest made room; what came last is there.
        until(lambda: sum(is_open(link) for link in links) <= CONNECTIONS, "%s: more than %d are kept"
              % (service.name, CONNECTIONS), 4)
        true(is_open(links[-1]), "%s: the youngest is there" % service.name)
        service.is_well()
    finally:
        for link in links:
            link.close()


@case("clients of the relay are served while all of them are asked")
def busy(server):
    with server.client() as client:
        client.relayed()
        for _ in range(20):
            for service in server.services:
                service.is_well()
            equal(client.refresh(600).code, 0)
        client.refresh(0)


if __name__ == "__main__":
    main(Everything())
