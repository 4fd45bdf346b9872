#!/usr/bin/python3
"""The admin API and the commands that use it, on a real server."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from adminlib import Admin, ManagedServer, until  # noqa: E402
from harness import Server, case, equal, free_port, main, one_of, server_command, true  # noqa: E402
from stunlib import Peer, channel_data  # noqa: E402

TOKEN = "a-token-of-some-length"


def quote(text):
    return urllib.parse.quote(text, safe="")


class AdminServer(Server):
    """With an admin socket and a database in its own directory."""

    def __init__(self, *options, **arguments):
        super().__init__("--allow-loopback-peers", *options, **arguments)
        self.socket = os.path.join(self.directory.name, "admin.sock")
        self.database = os.path.join(self.directory.name, "turndb")
        self.command += ["--admin-socket=" + self.socket, "--userdb=" + self.database]

    @property
    def admin(self):
        return Admin(self.socket)

    def tool(self, *arguments, code=0):
        """Runs a command on this server; its standard output."""
        done = subprocess.run([server_command()[0], *arguments, "--socket", self.socket], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True)
        equal(done.returncode, code, "exit code of %s: %s%s" % (" ".join(arguments), done.stdout, done.stderr))
        return done.stdout


@case("the socket is for its owner alone")
def permissions(server):
    equal(stat.S_IMODE(os.stat(server.socket).st_mode), 0o600, "mode")


@case("health and readiness are told")
def probes(server):
    equal(server.admin.get("/healthz"), {"status": "ok"})
    equal(server.admin.get("/readyz"), {"status": "ready"})


@case("a session is listed with its channels, found by filters, and shown by its id")
def sessions(server):
    with server.client() as client, server.client(b"other", b"word") as other, Peer() as peer:
        relayed = client.relayed()
        other.relayed()
        equal(client.bind_channel(0x4001, *peer.address).code, 0)
        equal(client.bind_channel(0x4002, "127.0.0.1", 9).code, 0)
        client.send_raw(channel_data(0x4001, b"x" * 100))
        true(peer.take()[0], "the peer gets it")
        listed = server.admin.get("/v1/sessions")
        equal(listed["matching"], 2)
        (one,) = server.admin.get("/v1/sessions?user=user")["sessions"]
        equal(one["client"], "%s:%d" % client.local)
        equal(one["relayed"], ["%s:%d" % relayed])
        equal((one["realm"], one["transport"]), ("r.example", "udp"))
        equal((one["from_client"]["packets"], one["from_client"]["bytes"]), (1, 100))
        equal({c["number"]: c["used"] for c in one["channels"]}, {0x4001: True, 0x4002: False})
        equal(server.admin.get("/v1/sessions/" + one["id"])["id"], one["id"])
        equal(len(server.admin.get("/v1/sessions?address=127.0.0.0/8")["sessions"]), 2)
        equal(server.admin.get("/v1/sessions?address=192.0.2.1")["matching"], 0)
        equal(server.admin.get("/v1/sessions?realm=elsewhere")["matching"], 0)
        first = server.admin.get("/v1/sessions?limit=1")
        second = server.admin.get("/v1/sessions?limit=1&after=" + first["next"])
        equal({s["id"] for s in first["sessions"] + second["sessions"]}, {s["id"] for s in listed["sessions"]})
        equal(second["next"], None)
        client.refresh(0)
        other.refresh(0)


@case("rates are those since the last look")
def rates(server):
    with server.client() as client, Peer() as peer:
        client.relayed()
        equal(client.bind_channel(0x4001, *peer.address).code, 0)
        server.admin.get("/v1/sessions")
        until(lambda: server.admin.get("/v1/sessions")["sessions"][0]["rates_over_ms"] >= 1000, "a first measurement")
        began = time.monotonic()
        for _ in range(100):
            client.send_raw(channel_data(0x4001, b"x" * 500))
        until(lambda: server.admin.get("/v1/sessions")["sessions"][0]["from_client"]["packets"] == 100, "all relayed")
        (one,) = server.admin.get("/v1/sessions")["sessions"]
        took = time.monotonic() - began
        if one["rates_over_ms"] < 1000:  # Else a slow machine has begun another measurement.
            true(one["from_client"]["bytes_per_s"] >= 50000 / (took + 0.2), "a rate: %r in %.1f s" % (one, took))
        client.refresh(0)


@case("a session is killed by its id, by its user, and by its address")
def kill(server):
    for choose in (lambda one: ("DELETE", "/v1/sessions/" + one["id"], None),
                   lambda one: ("POST", "/v1/sessions/kill", {"user": "user"}),
                   lambda one: ("POST", "/v1/sessions/kill", {"address": "127.0.0.1"})):
        with server.client() as client:
            client.relayed()
            (one,) = server.admin.get("/v1/sessions")["sessions"]
            equal(server.admin.ask(*choose(one)).json, {"killed": 1})
            equal(client.refresh(600).code, 437, "the session is gone")
            equal(server.admin.get("/v1/sessions")["matching"], 0)
    equal(server.admin.ask("DELETE", "/v1/sessions/0-0-0").status, 404)
    equal(server.admin.ask("POST", "/v1/sessions/kill", {}).status, 400, "nobody is named")
    true("admin_order method=POST path=/v1/sessions/kill status=200" in server.log_text(), "the log says who asked")
    true("reason=killed" in server.log_text(), "the log says why the session ended")


@case("the last refused requests are told with their reasons")
def refusals(server):
    with server.client(b"user", b"wrong") as client:
        equal(client.allocate().code, 401)
    with server.client() as client:
        client.relayed()
        equal(client.permit(("10.1.2.3", 0)).code, 403)
        client.refresh(0)
    found = server.admin.get("/v1/refusals")["refusals"]
    one_of("credentials", [one["what"] for one in found])
    (peer,) = [one for one in found if one["what"] == "peer"]
    true("10.1.2.3" in peer["reason"] and "allow-private-peers" in peer["reason"], peer["reason"])
    equal((peer["code"], peer["user"]), (403, "user"))


@case("a user is added, logs in at once, gets a new password, and is removed with his sessions")
def users(server):
    equal(server.admin.ask("PUT", "/v1/users/late%2Fcomer", {"password": "first"}).status, 201)
    with server.client(b"late/comer", b"first") as client:
        client.relayed()
        equal(server.admin.ask("PUT", "/v1/users/late%2Fcomer", {"password": "second"}).status, 200)
        with server.client(b"late/comer", b"first") as old:
            equal(old.allocate().code, 401)
        names = [(user["name"], user["source"]) for user in server.admin.get("/v1/users")["users"]]
        equal(names, [("user", "configuration"), ("other", "configuration"), ("late/comer", "database")])
        removed = server.admin.ask("DELETE", "/v1/users/late%2Fcomer?kill=true").json
        equal(removed, {"removed": True, "killed": 1})
        with server.client(b"late/comer", b"second") as new:
            equal(new.allocate().code, 401)
    equal(server.admin.ask("DELETE", "/v1/users/late%2Fcomer").status, 404)


@case("page by page no user is lost, whatever realms and names are called")
def pages_of_users(server):
    wanted = sorted([("example", "zed"), ("example.org", "ann"), ("example-2", "ann"), ("example/x", "y"),
                     ("example", "x/y"), ("3/a", "2/b")])
    where = [(realm, "/v1/users/%s?realm=%s" % (quote(name), quote(realm))) for realm, name in wanted]
    for _, path in where:
        equal(server.admin.ask("PUT", path, {"password": "p"}).status, 201)
    for limit in (1, 2, 5, 6, 7):
        seen, after = [], ""
        while after is not None:
            page = server.admin.get("/v1/users?limit=%d&after=%s" % (limit, quote(after)))
            seen += [(user["realm"], user["name"]) for user in page["users"] if user["source"] == "database"]
            true(len(seen) <= len(wanted), "pages without end: %r" % seen)
            after = page["next"]
        equal(seen, wanted, "by %d" % limit)
    for wrong in ("example/zed", "7/example", "8/example/z", "-1/a/b", "99999999999999999999999/a/b", "x"):
        equal(server.admin.ask("GET", "/v1/users?after=" + quote(wrong)).status, 400, wrong)
    for _, path in where:
        equal(server.admin.ask("DELETE", path).status, 200)


@case("texts that would be SQL are names like others")
def injection(server):
    name = "x'); drop table turnusers_lt; --"
    path = "/v1/users/" + "".join("%%%02x" % byte for byte in name.encode())
    equal(server.admin.ask("PUT", path, {"password": "' or 1=1 --"}).status, 201)
    with server.client(name.encode(), b"' or 1=1 --") as client:
        equal(client.allocate().code, 0)
        client.refresh(0)
    equal(server.admin.ask("PUT", path + "?realm=%27%20or%201=1", {"password": "p"}).status, 201)
    equal(len(server.admin.get("/v1/users?realm=%27%20or%201=1")["users"]), 1)
    equal(server.admin.ask("DELETE", path + "?realm=%27%20or%201=1").json["removed"], True)
    equal(server.admin.ask("DELETE", path).json["removed"], True)
    with sqlite3.connect(server.database) as database:
        equal(database.execute("pragma integrity_check").fetchall(), [("ok",)])


@case("secrets are made, named without being told, and removed")
def secrets(server):
    made = server.admin.ask("POST", "/v1/secrets", {}).json
    equal(len(made["secret"]), 64)
    listed = server.admin.ask("GET", "/v1/secrets")
    equal(listed.json["secrets"], [{"id": made["id"], "realm": "r.example"}])
    true(made["secret"] not in listed.body.decode(), "the secret is not told again")
    equal(server.admin.ask("POST", "/v1/secrets", {"secret": "short"}).status, 400)
    equal(server.admin.ask("DELETE", "/v1/secrets/" + made["id"]).status, 200)
    equal(server.admin.get("/v1/secrets")["secrets"], [])


@case("peer rules in the database count at once")
def peer_rules(server):
    with server.client() as client:
        client.relayed()
        equal(client.permit(("10.9.9.9", 0)).code, 403)
        equal(server.admin.ask("POST", "/v1/peer-rules", {"action": "allow", "range": "10.9.9.0/24"}).status, 201)
        until(lambda: client.permit(("10.9.9.9", 0)).code == 0, "the rule counts", 2)
        equal(server.admin.ask("POST", "/v1/peer-rules", {"action": "deny", "range": "10.9.9.9"}).status, 201)
        until(lambda: client.permit(("10.9.9.9", 0)).code == 403, "the narrower rule counts", 2)
        equal(len(server.admin.get("/v1/peer-rules")["rules"]), 2)
        for action, text in (("allow", "10.9.9.0/24"), ("deny", "10.9.9.9")):
            path = "/v1/peer-rules?action=%s&range=%s" % (action, text.replace("/", "%2f"))
            equal(server.admin.ask("DELETE", path).status, 200)
        until(lambda: client.permit(("10.9.9.8", 0)).code == 403, "no rule is left", 2)
        client.refresh(0)
    equal(server.admin.ask("POST", "/v1/peer-rules", {"action": "allow", "range": "10.9.9.0/99"}).status, 400)


@case("options of the realm in the database count at once")
def realm_options(server):
    equal(server.admin.ask("PUT", "/v1/realms/r.example", {"user-quota": 1}).status, 200)
    with server.client() as one, server.client() as two:
        equal(one.allocate().code, 0)
        equal(two.allocate().code, 486)
        equal(server.admin.ask("PUT", "/v1/realms/r.example", {"user-quota": None}).status, 200)
        until(lambda: two.allocate().code == 0, "the quota is gone", 2)
        one.refresh(0)
        two.refresh(0)
    (realm,) = [one for one in server.admin.get("/v1/realms")["realms"] if one["realm"] == "r.example"]
    equal((realm["served"], realm["options"]), (True, {}))
    equal(server.admin.ask("PUT", "/v1/realms/r.example", {"user-quota": -1}).status, 400)


@case("the configuration in force is told without its secrets")
def configuration(server):
    answer = server.admin.ask("GET", "/v1/config")
    options = answer.json["options"]
    equal(options["user"]["value"], ["user:********", "other:********"])
    equal(options["realm"], {"value": "r.example", "set_by": "command line"})
    equal(options["min-port"], {"value": "49152", "set_by": "default"})
    true(b"password" not in answer.body.replace(b"pkey-pwd", b""), "no password")


@case("the log level is told and changed")
def log_level(server):
    equal(server.tool("log-level"), "info\n")
    equal(server.admin.get("/v1/config")["options"]["log-level"], {"value": "info", "set_by": "default"})
    equal(server.tool("log-level", "warning"), "warning\n")
    equal(server.admin.get("/v1/log-level"), {"level": "warning"})
    equal(server.admin.get("/v1/config")["options"]["log-level"], {"value": "warning", "set_by": "operator"})
    server.tool("log-level", "loud", code=1)
    equal(server.tool("log-level", "info"), "info\n")


@case("the commands print tables, JSON, and exit codes")
def commands(server):
    with server.client() as client, Peer() as peer:
        client.relayed()
        equal(client.bind_channel(0x4001, *peer.address).code, 0)
        true("serving" in server.tool("status"), "status")
        equal(json.loads(server.tool("status", "--json"))["sessions"], 1)
        table = server.tool("sessions")
        true("%s:%d" % client.local in table and "1 of 1 sessions" in table, table)
        (one,) = json.loads(server.tool("sessions", "--json"))["sessions"]
        true("0x4001" in server.tool("sessions", one["id"]), "one session")
        equal(server.tool("sessions", "--user", "nobody").splitlines()[-1], "0 of 0 sessions")
        server.tool("kill", code=2)
        equal(server.tool("kill", "--user", "user", "--realm", "elsewhere"), "0 sessions ended\n")
        server.tool("kill", one["id"], "--all", code=2)
        server.tool("kill", "9-9-9", code=1)
        equal(server.tool("kill", one["id"]), "1 sessions ended\n")
        equal(client.refresh(600).code, 437)


@case("a realm's sessions are killed, and those of its namesakes elsewhere are not")
def kill_realm(server):
    with server.client() as client:
        client.relayed()
        equal(server.tool("kill", "--realm", "elsewhere"), "0 sessions ended\n")
        equal(client.refresh(600).code, 0)
        equal(server.tool("kill", "--realm", "r.example"), "1 sessions ended\n")
        equal(client.refresh(600).code, 437)


@case("--watch shows the same again and again, until it is ended or the server is")
def watching(server):
    with server.client() as client:
        client.relayed()
        for command, wanted in ((["status"], "on each worker"), (["sessions"], "1 of 1 sessions"),
                                (["sessions", "--json"], '"matching": 1')):
            watch = subprocess.Popen([server_command()[0], *command, "--watch", "0.1", "--socket", server.socket],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                seen = []
                while sum(wanted in line for line in seen) < 3:
                    seen.append(watch.stdout.readline())
                    true(seen[-1], "%r ends with %r" % (command, seen))
                true(watch.poll() is None, "it goes on")
            finally:
                watch.terminate()
                watch.communicate(timeout=20)
        client.refresh(0)
    server.tool("status", "--watch", "0", code=2)
    with ManagedServer() as other:
        watch = subprocess.Popen([server_command()[0], "status", "--watch", "0.1", "--socket", other.socket],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        true(watch.stdout.readline(), "a first look")
        other.process.terminate()
        equal(other.has_ended(20), 0)
        watch.communicate(timeout=20)
        equal(watch.returncode, 1, "it ends with the server")


@case("user remove --kill ends the user's sessions at once")
def remove_and_kill(server):
    tool = [server_command()[0], "user"]
    where = ["--userdb", server.database, "--realm", "r.example"]
    subprocess.run(tool + ["add", "leaver", "--password", "secret"] + where, check=True)
    with server.client(b"leaver", b"secret") as client:
        until(lambda: client.allocate().code == 0, "the user logs in", 3)
        server_down = subprocess.run(tool + ["remove", "leaver", "--kill", "--socket", "/nonexistent"] + where,
                                     check=False, stderr=subprocess.PIPE, text=True)
        equal(server_down.returncode, 1)
        true("nothing was removed" in server_down.stderr, server_down.stderr)
        subprocess.run(tool + ["remove", "leaver", "--kill", "--socket", server.socket] + where, check=True)
        equal(server.admin.get("/v1/sessions?user=leaver")["matching"], 0)
    with server.client(b"leaver", b"secret") as again:
        equal(again.allocate().code, 401, "and he does not come back")


@case("over TCP there is a token to show")
def tcp(_):
    port = free_port()
    with Server("--admin-port=%d" % port, "--admin-token=" + TOKEN, "--admin-socket=off"):
        where = ("127.0.0.1", port)
        equal(Admin(where).ask("GET", "/v1/status").status, 401)
        equal(Admin(where, "wrong").ask("GET", "/v1/status").status, 401)
        equal(Admin(where, TOKEN[:-1]).ask("GET", "/v1/status").status, 401)
        equal(Admin(where).ask("GET", "/v1/no-such-path").status, 401, "nor which paths there are")
        equal(Admin(where, TOKEN).ask("GET", "/v1/status").status, 200)
        equal(Admin(where).ask("GET", "/readyz").status, 200, "probes need none")


@case("a second server leaves the first one's socket alone")
def two_servers(server):
    with Server("--admin-socket=off") as other:
        command = other.command + ["--admin-socket=" + server.socket]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        equal(done.returncode, 1)
        true(b"another server" in done.stdout, done.stdout)
    equal(server.admin.get("/healthz"), {"status": "ok"})


if __name__ == "__main__":
    main(AdminServer())
