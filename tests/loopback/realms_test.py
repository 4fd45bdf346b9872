#!/usr/bin/env python3
"""Several realms on one server, told apart by ORIGIN, and third-party authorization with keys of the database."""

import base64
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import harness  # noqa: E402
import stunlib  # noqa: E402
from adminlib import ManagedServer  # noqa: E402
from harness import Skip, case, equal, main, true, until  # noqa: E402

ORIGIN, ACCESS_TOKEN, THIRD_PARTY_AUTHORIZATION = 0x802F, 0x001B, 0x802E
WISH = [(stunlib.REQUESTED_TRANSPORT, stunlib.UDP_TRANSPORT)]
# The test keys of Debian's turnutils_uclient.
KEYS = {"north": ("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEK", "A256GCM"),
        "union": ("MTIzNDU2Nzg5MDEyMzQ1Ngo=", "A128GCM"),
        "oldempire": ("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIK", "A256GCM")}
MAC_KEY = b"ZksjpweoixXmvn67534m"


class RealmServer(ManagedServer):
    """With a database of its own."""

    def __init__(self, *lines, **arguments):
        super().__init__(**arguments)
        self.database = self.path("turndb")
        self.lines = ["realm=home", "userdb=" + self.database, "allow-loopback-peers", *lines]
        self.write(self.lines)

    def store(self, *words, code=0):
        done = subprocess.run([harness.server_command()[0], *words, "--userdb", self.database], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
        equal(done.returncode, code, done.stdout)
        return done.stdout

    def add_user(self, realm, name, password):
        self.store("user", "add", name, "--password", password, "--realm", realm)

    def add_token_keys(self):
        with sqlite3.connect(self.database) as tables:
            for kid, (key, algorithm) in KEYS.items():
                tables.execute("insert into oauth_key (kid, ikm_key, as_rs_alg) values (?, ?, ?)", (kid, key, algorithm))


class OriginClient(stunlib.Client):
    """Sends an ORIGIN with every request, if it has one."""

    def __init__(self, server, origin, user=b"nora", password=b"snow"):
        super().__init__(server.address, user, password)
        self.origin = [(ORIGIN, origin)] if origin else []

    def plain(self, method, attributes=(), **options):
        return super().plain(method, self.origin + list(attributes), **options)

    def signed(self, method, attributes=(), txid=None, **options):
        return super().signed(method, self.origin + list(attributes), txid, **options)


def challenged_in(server, origin):
    with OriginClient(server, origin) as client:
        return client.login().get(stunlib.REALM)


@case("without a realm in the configuration, that of the database's users is everybody's")
def realm_of_the_database():
    server = RealmServer()
    server.add_user("example.org", "nora", "snow")
    server.write([line for line in server.lines if not line.startswith("realm=")] + ["user=alice:sand"])
    with server:
        equal(challenged_in(server, None), b"example.org", "realm")
        for name, password in ((b"nora", b"snow"), (b"alice", b"sand")):
            with OriginClient(server, None, name, password) as client:
                equal(client.allocate().code, 0, "Allocate of %s" % name)


@case("ORIGIN leads to a realm, with its own users and limits, within a second of being told by the tools")
def origins():
    with RealmServer() as server:
        server.add_user("home", "user", "password")
        server.add_user("north", "nora", "snow")
        equal(challenged_in(server, b"https://north.example"), b"home")
        server.store("realm", "add-origin", "https://North.example", "--realm", "north")
        until(lambda: challenged_in(server, b"https://north.example") == b"north", "the origin never counted", 3)
        equal(challenged_in(server, b""), b"home")
        equal(challenged_in(server, b"https://south.example"), b"home")
        server.store("realm", "set", "--realm", "north", "--user-quota=1")
        with OriginClient(server, b"https://north.example") as nora, server.client() as user:
            equal(nora.allocate().code, 0)
            equal(user.allocate().code, 0)
            sessions = {one["user"]: one["realm"] for one in server.admin.get("/v1/sessions")["sessions"]}
            equal(sessions, {"nora": "north", "user": "home"})
            equal([one["user"] for one in server.admin.get("/v1/sessions?realm=north")["sessions"]], ["nora"])

            def second():
                with OriginClient(server, b"https://north.example") as again:
                    return again.allocate().code
            until(lambda: second() == 486, "the quota of the realm never counted", 3)
            with OriginClient(server, b"", b"nora", b"snow") as astray:
                equal(astray.allocate().code, 401, "a user of another realm")
            nora.origin = []
            equal(nora.refresh(600).code, 0, "a Refresh without ORIGIN")
            equal(nora.refresh(0).code, 0)
            equal(user.refresh(0).code, 0)
        listed = json.loads(server.store("realm", "list", "--json"))
        equal([(one["realm"], one["origins"], one["options"]) for one in listed],
              [("home", [], {}), ("north", ["https://north.example:443"], {"user-quota": "1"})])
        true("https://north.example:443" in server.store("realm", "list"), "the table")
        server.store("realm", "reset", "--realm", "north")
        server.store("realm", "remove-origin", "https://north.example")
        server.store("realm", "remove-origin", "https://north.example", code=1)
        server.store("realm", "add-origin", "https://north.example", code=2)
        until(lambda: challenged_in(server, b"https://north.example") == b"home", "the origin still counts", 3)


@case("the API writes origins, and no-dynamic-realms switches them off")
def origins_by_api():
    with RealmServer() as server:
        server.add_user("north", "nora", "snow")
        ask = server.admin.ask
        body = {"origin": "https://north.example", "realm": "north"}
        equal(ask("POST", "/v1/origins", body).status, 201)
        equal(ask("POST", "/v1/origins", body).status, 200)
        for wrong in ({}, {"origin": "", "realm": "north"}, {"origin": "https://x", "realm": ""}, dict(body, more=1),
                      {"origin": 7, "realm": "north"}, {"origin": "x" * 300, "realm": "north"}):
            equal(ask("POST", "/v1/origins", wrong).status, 400, repr(wrong))
        until(lambda: challenged_in(server, b"https://north.example") == b"north", "the origin never counted", 3)
        (north,) = [one for one in server.admin.get("/v1/realms")["realms"] if one["realm"] == "north"]
        equal((north["served"], north["origins"]), (True, ["https://north.example:443"]))
        equal(server.reload(server.lines + ["no-dynamic-realms"])["changed"], ["no-dynamic-realms"])
        until(lambda: challenged_in(server, b"https://north.example") == b"home", "the origin still counts", 3)
        equal(server.reload(server.lines)["changed"], ["no-dynamic-realms"])
        until(lambda: challenged_in(server, b"https://north.example") == b"north", "the origin counts again", 3)
        equal(ask("DELETE", "/v1/origins?origin=https://north.example").status, 200)
        equal(ask("DELETE", "/v1/origins?origin=https://north.example").status, 404)
        equal(ask("DELETE", "/v1/origins").status, 400)


@case("origins that Debian's turnadmin wrote are ours, and ours are turnadmin's")
def turnadmin_origins():
    if not shutil.which("turnadmin"):
        raise Skip("turnadmin is not installed")
    with RealmServer() as server:
        def turnadmin(*words):
            return subprocess.run(["turnadmin", "-b", server.database, *words], check=False, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=60, text=True, cwd=server.directory.name).stdout
        turnadmin("-O", "-o", "https://Debian.example", "-r", "north")
        turnadmin("-O", "-o", "http://plain.example:8080/page", "-r", "north")
        until(lambda: challenged_in(server, b"https://debian.example") == b"north", "the origin never counted", 3)
        equal(challenged_in(server, b"http://plain.example:8080"), b"north")
        server.store("realm", "add-origin", "http://ours.example", "--realm", "north")
        text = turnadmin("-I")
        true("http://ours.example:80" in text and "https://debian.example:443" in text, text)


def sealed(server_name, kid="north", mac_key=MAC_KEY, lifetime=3600, issued=None):
    """A token of turnutils_oauth, and its MAC key."""
    if not shutil.which("turnutils_oauth"):
        raise Skip("turnutils_oauth is not installed")
    key, algorithm = KEYS[kid]
    issued = int(time.time()) if issued is None else issued
    text = subprocess.run(["turnutils_oauth", "-e", "-i", server_name, "-j", kid, "-k", key, "-l", str(issued), "-m",
                           "100000", "-n", algorithm, "-o", base64.b64encode(os.urandom(12)).decode(), "-p",
                           base64.b64encode(mac_key).decode(), "-q", str(issued << 16), "-r", str(lifetime)],
                          check=True, capture_output=True, timeout=60, text=True).stdout
    return base64.b64decode(re.search(r'"access_token":"([^"]*)"', text).group(1))


class TokenClient(stunlib.Client):
    def __init__(self, server, kid="north", mac_key=MAC_KEY):
        super().__init__(server.address, kid.encode())
        self.mac_key = mac_key

    def learn(self, challenge):
        super().learn(challenge)
        self.key = self.mac_key

    def with_token(self, method, token, attributes=()):
        return self.request(method, [(ACCESS_TOKEN, token), *attributes])


@case("tokens of turnutils_oauth are taken in their lifetime, for this server, with the keys of the database")
def tokens():
    with RealmServer("oauth", "server-name=turn.example") as server:
        server.add_user("home", "user", "password")
        server.add_token_keys()
        with TokenClient(server) as first:
            equal(first.login().get(THIRD_PARTY_AUTHORIZATION), b"turn.example")
        good = {kid: sealed("turn.example", kid) for kid in ("north", "union")}

        def accepted(kid):
            with TokenClient(server, kid) as client:
                answer = client.with_token(stunlib.ALLOCATE, good[kid], WISH)
                if answer.code == 0:
                    equal(client.permit(("127.0.0.1", 0)).code, 0, "without showing the token again")
                    equal(client.refresh(0).code, 0)
                return answer.code == 0
        for kid in good:
            until(lambda kid=kid: accepted(kid), "the key never counted", 3)
        past = int(time.time()) - 100
        for what, kid, token in (("another server's", "north", sealed("other.example")),
                                 ("one that is over", "north", sealed("turn.example", lifetime=60, issued=past)),
                                 ("one of tomorrow", "north", sealed("turn.example", issued=past + 86400)),
                                 ("another key's", "union", good["north"]), ("a cut one", "north", good["north"][:-1])):
            with TokenClient(server, kid) as client:
                equal(client.with_token(stunlib.ALLOCATE, token, WISH).code, 401, what)
        with server.client() as user:
            equal(user.allocate().code, 0, "a stored user beside tokens")
            equal(user.refresh(0).code, 0)
        with sqlite3.connect(server.database) as tables:
            tables.execute("delete from oauth_key where kid = 'north'")
        until(lambda: not accepted("north"), "a key that was removed still counts", 3)
        equal(server.reload([line for line in server.lines if line != "oauth"])["changed"], ["oauth"])
        until(lambda: not accepted("union"), "oauth cannot be switched off", 3)


@case("turnutils_uclient relays with tokens (-J), over UDP and TCP")
def uclient():
    if not shutil.which("turnutils_uclient"):
        raise Skip("turnutils_uclient is not installed")
    with RealmServer("oauth", "server-name=blackdow.carleon.gov") as server:
        server.add_token_keys()
        good = sealed("blackdow.carleon.gov", "oldempire")

        def accepted():
            with TokenClient(server, "oldempire") as client:
                return client.with_token(stunlib.ALLOCATE, good, WISH).code == 0
        until(accepted, "the key never counted", 3)
        for transport in ((), ("-t",)):
            # -y: two clients relay to each other, so no peer is needed.
            done = subprocess.run(["turnutils_uclient", "-J", *transport, "-X", "-y", "-c", "-n", "5", "-m", "2", "-l", "100",
                                   "-u", "x", "-w", "y", "-p", str(server.port), "127.0.0.1"], check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
            # Printed once a second; the last time counts. Two clients, two channels, five packets of 100 bytes.
            told = re.findall(r"tot_send_bytes ~ (\d+), tot_recv_bytes ~ (\d+)", done.stdout)
            equal(told[-1:], [("1000", "1000")], done.stdout[-2000:])


if __name__ == "__main__":
    main()
