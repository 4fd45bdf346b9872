#!/usr/bin/python3
"""Credentials over HTTP (rest-listen): they really relay, and only those get them who may."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from adminlib import Admin, ManagedServer  # noqa: E402
from harness import Server, Skip, case, equal, free_port, main, true, until  # noqa: E402

KEY = "a-key-of-some-length"
SECRET = "static-auth-secret=north-north-north"
ORIGIN = "https://app.example"


class RestServer(ManagedServer):
    def __init__(self, *lines, **arguments):
        self.rest_port = free_port()
        super().__init__([SECRET, "rest-listen=127.0.0.1:%d" % self.rest_port, "rest-api-key=" + KEY, *lines],
                         **arguments)

    def ask(self, query="service=turn", method="GET", path="/turn", key=KEY, **headers):
        lines = "Authorization: Bearer %s\r\n" % key if key else ""
        lines += "".join("%s: %s\r\n" % (name.replace("_", "-"), value) for name, value in headers.items())
        return Admin(("127.0.0.1", self.rest_port)).raw(
            ("%s %s?%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (method, path, query, lines)).encode())

    def credentials(self, name="ann"):
        answer = self.ask("service=turn&username=" + urllib.parse.quote(name))
        equal(answer.status, 200, answer.body)
        return answer.json


def allocates(server, given):
    with server.client(given["username"].encode(), given["password"].encode()) as client:
        code = client.allocate().code
        if code == 0:
            client.refresh(0)
        return code == 0


@case("what it gives is good for a relay, under the URIs that clients use")
def relays():
    with RestServer("rest-ttl=600", "external-ip=198.51.100.7") as server:
        given = server.credentials("ann/b")
        expires, _, name = given["username"].partition(":")
        equal((name, given["ttl"]), ("ann/b", 600))
        true(abs(int(expires) - time.time() - 600) < 5, given)
        equal(given["uris"], ["turn:198.51.100.7:%d?transport=%s" % (server.port, one) for one in ("udp", "tcp")])
        true(allocates(server, given), "it allocates")
        true(allocates(server, server.credentials("")), "the timestamp alone does, too")
        true(allocates(server, server.credentials("9999999999:x")), "a name with a number and a colon does, too")
        wrong = dict(given, username=str(int(expires) + 600) + ":" + name)
        true(not allocates(server, wrong), "nobody makes it last longer")


@case("it ends when it says")
def ends():
    with RestServer("rest-ttl=1") as server:
        given = server.credentials()
        until(lambda: not allocates(server, given), "it goes on after its time")
        true(allocates(server, server.credentials()), "the next one is good")


@case("Debian's turnutils_uclient relays with it")
def turnutils():
    if not shutil.which("turnutils_uclient"):
        raise Skip("turnutils_uclient is not installed (package coturn)")
    with RestServer() as server:
        given = server.credentials()
        done = subprocess.run(
            ["turnutils_uclient", "-p", str(server.port), "-u", given["username"], "-w", given["password"], "-y", "-c",
             "-n", "10", "-l", "100", "127.0.0.1"], capture_output=True, text=True, timeout=60, check=False)
        print(done.stdout, done.stderr)
        equal(done.returncode, 0)
        true("Total lost packets 0 " in done.stdout + done.stderr, "packets were lost")


@case("the forms of browsers are those of `turnpike credentials`")
def forms():
    with RestServer() as server:
        array = server.ask("service=turn&format=array").json
        configuration = server.ask("service=turn&format=configuration").json
        equal(list(configuration), ["iceServers"])
        for servers in (array, configuration["iceServers"]):
            equal([sorted(one) for one in servers], [["urls"], ["credential", "urls", "username"]])
            true(allocates(server, {"username": servers[1]["username"], "password": servers[1]["credential"]}), servers)


@case("turns: is told under a name that the certificate has, and the certificate is read again")
def turns():
    if not shutil.which("openssl"):
        raise Skip("openssl is not installed")
    with RestServer("public-host=turn.example") as server:
        cert, key = server.path("cert.pem"), server.path("key.pem")

        def make(name):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key, "-out", cert, "-days", "9", "-subj", "/CN=x", "-addext",
                            "subjectAltName=DNS:" + name], check=True, capture_output=True)

        def has_turns():
            return any(uri.startswith("turns:turn.example:") for uri in server.credentials()["uris"])
        true(not has_turns(), "turns: without a certificate")
        make("turn.example")
        server.reload(server.lines + ["cert=" + cert, "pkey=" + key])
        until(has_turns, "turns: with one")
        make("other.example")
        server.process.send_signal(signal.SIGUSR2)
        until(lambda: not has_turns(), "turns: with that of another name")


@case("without a key, or with a wrong one, there is nothing")
def keys():
    with RestServer("rest-api-key=another-key-of-length") as server:
        equal(server.ask(key=None).status, 401)
        for wrong in (KEY[:-1], KEY + "x", KEY.upper(), "x"):
            answer = server.ask(key=wrong)
            equal(answer.status, 403, wrong)
            true(b"password" not in answer.body, answer.body)
        for answer in (server.ask(), server.ask(key="another-key-of-length"), server.ask(key=None, X_API_Key=KEY),
                       server.ask("service=turn&key=" + KEY, key=None)):
            equal(answer.status, 200)
            equal(answer.headers["cache-control"], "no-store")
        until(lambda: "rest_refused client=127.0.0.1" in server.log_text(), "the log names the client")
        true(KEY not in server.log_text() and "north" not in server.log_text(), "a secret is in the log")


@case("wrong questions are 400, 404, 405")
def questions():
    with RestServer() as server:
        for query, status in (("", 400), ("service=stun", 400), ("service=turn&username=a%0ab", 400),
                              ("service=turn&username=%ff", 400), ("service=turn&username=" + "n" * 488, 400),
                              ("service=turn&format=xml", 400)):
            equal(server.ask(query).status, status, query)
        equal(server.ask(path="/").status, 404)
        equal(server.ask(method="POST").status, 405)
        equal(server.ask(method="HEAD").body, b"")


@case("a browser's page may ask if its origin is listed, after a preflight")
def pages():
    with RestServer("rest-allow-origin=" + ORIGIN) as server:
        preflight = server.ask(method="OPTIONS", key=None, Origin=ORIGIN, Access_Control_Request_Method="GET",
                               Access_Control_Request_Headers="authorization")
        equal((preflight.status, preflight.body), (204, b""))
        equal(preflight.headers["access-control-allow-origin"], ORIGIN)
        true("authorization" in preflight.headers["access-control-allow-headers"], preflight.headers)
        answer = server.ask(Origin=ORIGIN)
        equal((answer.status, answer.headers["access-control-allow-origin"], answer.headers["vary"]),
              (200, ORIGIN, "origin"))
        for other in ("https://app.example.evil.example", "http://app.example", "null", ORIGIN + ":444"):
            refused = server.ask(Origin=other)
            equal(refused.status, 403, other)
            true("access-control-allow-origin" not in refused.headers and b"password" not in refused.body, other)
            equal(server.ask(method="OPTIONS", key=None, Origin=other).status, 403, other)


@case("too many are 429 and told when to come again, per address and altogether")
def limits():
    with RestServer("rest-limit-per-source=2", "rest-limit=0") as server:
        statuses = [server.ask(key="wrong").status for _ in range(20)]
        true(429 in statuses and 403 in statuses, statuses)
        until(lambda: server.ask().status == 200, "it is let in again", 5)
        late = [answer for answer in (server.ask() for _ in range(20)) if answer.status == 429]
        true(late and late[0].headers["retry-after"] == "1", late)
    with RestServer("rest-limit-per-source=0", "rest-limit=3") as server:
        for _ in range(20):
            equal(server.ask(key="wrong").status, 403, "strangers are not counted")
        statuses = [server.ask().status for _ in range(20)]
        true(statuses[:6] == [200] * 6 and 429 in statuses, statuses)
        until(lambda: server.ask().status == 200, "there is more a second later", 5)


@case("metrics tell what became of requests")
def metrics():
    port = free_port()
    with RestServer("prometheus", "prometheus-address=127.0.0.1", "prometheus-port=%d" % port) as server:
        server.credentials()
        server.ask(key=None)
        server.ask(key="wrong")
        server.ask("")
        page = Admin(("127.0.0.1", port)).raw(b"GET /metrics HTTP/1.0\r\n\r\n").body.decode()
        for result in ("issued", "no_key", "wrong_key", "malformed"):
            true('turnpike_rest_requests_total{result="%s"} 1\n' % result in page, result)
        true('turnpike_rest_requests_total{result="limited"} 0\n' in page, page)


@case("a reload changes keys, secret, time and origins at once")
def reload():
    with RestServer() as server:
        before = server.credentials()
        lines = [line for line in server.lines if not line.startswith(("rest-api-key", "static-auth-secret"))]
        report = server.reload(lines + ["rest-api-key=a-new-key-of-length", "static-auth-secret=south-south-south",
                                        SECRET, "rest-ttl=60", "rest-allow-origin=*"])
        true(report["reloaded"] and not report["needs_restart"], report)
        until(lambda: server.ask().status == 403, "the old key is no good")
        answer = server.ask(key="a-new-key-of-length", Origin=ORIGIN)
        equal((answer.status, answer.json["ttl"]), (200, 60))
        until(lambda: allocates(server, answer.json), "signed by the first secret")
        true(allocates(server, before), "and the old one is still believed")


@case("a draining server gives no more")
def draining():
    with RestServer("drain-timeout=60") as server, server.client() as client:
        client.relayed()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.ask().status == 503, "it goes on giving")
        equal(server.ask().headers["retry-after"], "5")
        client.refresh(0)
        equal(server.has_ended(20), 0)


@case("without a secret or without a key it does not start, and says what is missing")
def incomplete():
    for options, wanted in ((("--rest-api-key=" + KEY,), "static-auth-secret"), (("--" + SECRET,), "rest-api-key"),
                            (("--" + SECRET, "--rest-api-key=short"), "16"),
                            (("--" + SECRET, "--rest-api-key=" + KEY, "--rest-allow-origin=https://a.example/x"), "origin")):
        command = Server().command + ["--rest-listen=127.0.0.1:%d" % free_port(), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        equal(done.returncode, 2, done.stderr)
        true(wanted in done.stderr, done.stderr)


@case("a port that is taken is a start-up error that names it")
def taken():
    with RestServer() as server:
        command = Server().command + ["--rest-listen=127.0.0.1:%d" % server.rest_port, "--" + SECRET,
                                      "--rest-api-key=" + KEY, "--admin-socket=off"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        equal(done.returncode, 1)
        true("rest-listen" in done.stdout + done.stderr, done.stdout + done.stderr)


if __name__ == "__main__":
    main()
