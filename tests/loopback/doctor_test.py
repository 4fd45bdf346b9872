#!/usr/bin/python3
"""`turnpike doctor` and `turnpike import-coturn`."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from adminlib import ManagedServer, until  # noqa: E402
from streamlib import Authority  # noqa: E402
from harness import case, equal, main, server_command, true  # noqa: E402


def run(*arguments):
    done = subprocess.run([server_command()[0], *arguments], check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, text=True)
    print(done.stdout)
    return done.returncode, done.stdout


def findings(server, *arguments):
    code, text = run("doctor", "-c", server.file, "--socket", server.socket, "--json", *arguments)
    return code, json.loads(text)


class DoctoredServer(ManagedServer):
    """Everything in the file, since the doctor reads nothing else."""

    def __init__(self, *lines):
        super().__init__(lines)
        for option in [one for one in self.command if one.startswith(("--listening", "--relay-ip", "--tls-listening"))]:
            self.command.remove(option)
            self.lines.append(option[2:])
        self.write(self.lines)


@case("the doctor gets an allocation through every listener")
def healthy():
    with DoctoredServer() as server:
        _, found = findings(server)
        fine = [one["what"] for one in found if one["severity"] == "ok"]
        for transport in ("udp", "tcp", "tls", "dtls"):
            got = [what for what in fine if " %s: an Allocate got " % transport in what]
            equal(len(got), 2, "listeners with %s: %r" % (transport, found))
        true("the server runs and answers" in fine, repr(fine))
        equal(server.admin.get("/v1/status")["sessions_opened"], 8)


@case("a wrong password, and a firewall, are named as problems")
def wrong():
    with DoctoredServer() as server:
        code, found = findings(server, "--user", "user", "--password", "wrong")
        equal(code, 1)
        problems = [one for one in found if one["severity"] == "problem"]
        equal(len(problems), 8, repr(found))
        true(all(one["advice"] for one in problems), "each with advice")


@case("where clients must show certificates the doctor shows the one that it is given")
def client_certificates():
    with Authority() as ours:
        certificate, key = ours.make("client")
        with DoctoredServer("CA-file=" + ours.certificate) as server:
            _, found = findings(server)
            notes = [one for one in found if one["severity"] == "note" and "CA-file" in one["what"]]
            equal(len(notes), 4, repr(found))
            true(not [one for one in found if one["severity"] == "problem" and "Allocate" in one["what"]], repr(found))
            _, found = findings(server, "--client-cert", certificate, "--client-key", key)
            got = [one["what"] for one in found if "tls: an Allocate got " in one["what"]]
            equal(len(got), 4, repr(found))


@case("without a server the ports are looked at")
def no_server():
    server = DoctoredServer()
    code, text = run("doctor", "-c", server.file, "--socket", server.socket)
    true("no server listens on" in text and code == 0, text)
    other = DoctoredServer()
    with other:
        code, text = run("doctor", "-c", other.file, "--socket", server.socket)
        equal(code, 1)
        true("Another program has it" in text, text)
    other.directory.cleanup()


@case("certificates that are wrong or run out are named, and a bad configuration is")
def certificates():
    server = DoctoredServer()
    code, text = run("doctor", "-c", server.file, "--socket", server.socket)
    true("self-signed" in text, text)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3",
                    "-subj", "/CN=turn.example", "-out", server.path("c.pem"), "-keyout", server.path("k.pem")],
                   check=True, stderr=subprocess.DEVNULL)
    server.write(server.lines + ["cert=" + server.path("c.pem"), "pkey=" + server.path("k.pem")])
    code, text = run("doctor", "-c", server.file, "--socket", server.socket, "--domain", "localhost")
    # Three days less the moment since it was made, in whole days or nearly so.
    true("2 days left" in text or "3 days left" in text, text)
    true("is not for localhost" in text and "localhost is 127.0.0.1, which is ours" in text, text)
    server.write(server.lines + ["no-such-option"])
    code, text = run("doctor", "-c", server.file, "--socket", server.socket)
    equal(code, 1)
    true("no-such-option" in text, text)


@case("--stun compares what others see with what we would tell")
def outside():
    with DoctoredServer() as server:
        _, text = run("doctor", "-c", server.file, "--socket", server.socket, "--stun", "%s:%d" % server.address)
        true("from outside we are 127.0.0.1, as we say" in text, text)


@case("external-ip=auto is not called missing, and the servers that it asks are asked")
def automatic():
    with DoctoredServer() as outside:
        # By name, as those that are asked by default.
        server = DoctoredServer("external-ip=auto", "external-ip-stun=localhost:%d" % outside.port, "public-host=localhost")
        code, text = run("doctor", "-c", server.file, "--socket", server.socket)
        true("no external-ip is set" not in text, text)
        true("from outside we are 127.0.0.1, which external-ip=auto finds out" in text, text)
        true("localhost is 127.0.0.1, which is ours" in text and code == 0, text)


@case("where the configuration has no user, one of its database gets the allocations")
def stored_user():
    server = DoctoredServer("unauthorized-ratelimit=off")
    database = server.path("turndb")
    server.lines.remove("user=user:password")
    server.lines.append("userdb=" + database)
    server.write(server.lines)
    with server:
        _, found = findings(server)
        true([one for one in found if "no Allocate was tried" in one["what"]], repr(found))
        equal(run("user", "add", "ann", "--password", "pw", "--realm", "r.example", "--userdb", database)[0], 0)

        def got():
            _, found = findings(server)
            return len([one for one in found if ": an Allocate got " in one["what"]])
        until(lambda: got() == 8, "an allocation for ann at each listener")
        with sqlite3.connect(database) as tables:
            tables.execute("delete from turnpike_user")
        until(lambda: got() == 8, "as coturn's turnadmin stores her")
        with sqlite3.connect(database) as tables:
            tables.execute("delete from turnusers_lt")
            tables.execute("insert into turn_secret values ('r.example', 'north-north-north')")
        equal(server.reload(server.lines + ["use-auth-secret"])["reloaded"], True)
        until(lambda: got() == 8, "by the stored secret")
        true(":doctor" in server.log_text(), "a time-limited name")


@case("import-coturn tells what each setting means, and what would be missing")
def import_file():
    with tempfile.TemporaryDirectory(prefix="turnpike-test-") as directory:
        path = os.path.join(directory, "turnserver.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write("listening-port=3478\nlt-cred-mech\nuser=ann:swordfish\nrealm=r.example\ntlsv1\ncli-port=5766\n")
        code, text = run("import-coturn", path)
        equal(code, 1)
        true(":5: option 'tlsv1'" in text and "lt-cred-mech" in text, text)
        with open(path, "w", encoding="ascii") as file:
            file.write("listening-port=3479\nlt-cred-mech\nuser=ann:swordfish\nrealm=r.example\n")
        ours = os.path.join(directory, "turnpike.conf")
        code, text = run("import-coturn", path, "--output", ours)
        equal(code, 0)
        with open(ours, encoding="utf-8") as file:
            written = file.read()
        true("\nlistening-port=3479\n" in written and "swordfish" not in written, "the written file")


@case("import-coturn tells what each table of the database means")
def import_database():
    with tempfile.TemporaryDirectory(prefix="turnpike-test-") as directory:
        database = os.path.join(directory, "turndb")
        with sqlite3.connect(database) as tables:
            tables.executescript("""
                create table turnusers_lt (realm varchar(127) default '', name varchar(512), hmackey char(128),
                    primary key (realm, name));
                create table turn_secret (realm varchar(127), value varchar(127), primary key (realm, value));
                create table turn_origin_to_realm (origin varchar(127), realm varchar(127), primary key (origin));
                insert into turnusers_lt values ('r.example', 'ann', '0123456789abcdef0123456789abcdef');
                insert into turnusers_lt values ('elsewhere', 'bob', '0123456789abcdef0123456789abcdef');
                insert into turn_origin_to_realm values ('https://a.example', 'elsewhere');
            """)
        path = os.path.join(directory, "turnserver.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write("realm=r.example\nuserdb=%s\n" % database)
        code, text = run("import-coturn", path)
        equal(code, 0, text)
        true("2 of 2 users have an MD5 key only" in text, text)
        true("origin 'https://a.example' stands for realm 'elsewhere'" in text, text)
        with sqlite3.connect(database) as tables:
            tables.execute("delete from turn_origin_to_realm")
        code, text = run("import-coturn", path)
        equal(code, 1)
        true("users of realm 'elsewhere' cannot log in" in text, text)


if __name__ == "__main__":
    main()
