#!/usr/bin/python3
"""The server killed at any moment while operators write to its database: what they were told is done is done, what they
were not told is done whole or not at all, and the database is sound."""

import os
import random
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from adminlib import ManagedServer  # noqa: E402
from harness import case, equal, main, shortened, true, until  # noqa: E402

REALM = "r.example"


class Writer(threading.Thread):
    """Changes one kind of thing by the API, again and again, until the server has gone. `told` is what the latest answer
    leaves to be found for each name; `asked` is what may be found besides, since its answer never came."""

    def __init__(self, admin, kind, start):
        super().__init__(daemon=True)
        self.admin, self.kind, self.number = admin, kind, start
        self.told, self.asked = {}, {}
        self.failure = None

    def run(self):
        while self.change(*self.next()):
            self.asked.clear()

    def next(self):
        """Name, value, request. Each third change undoes the one before the last."""
        self.number += 1
        n = self.number
        pattern = "https://%s%d.example:443" if self.kind == "origin" else "%s%d"
        made, gone = (pattern % (self.kind, one) for one in (n, n - 2))
        undo = n % 3 == 0 and self.told.get(gone)
        if self.kind == "user":
            if undo:
                return gone, None, ("DELETE", "/v1/users/" + gone)
            return made, True, ("PUT", "/v1/users/" + made, {"password": "secret%d" % n})
        if self.kind == "secret":
            value = made + "-which-is-long-enough"
            return value, True, ("POST", "/v1/secrets", {"secret": value})
        if self.kind == "origin":
            if undo:
                return gone, None, ("DELETE", "/v1/origins?origin=" + urllib.parse.quote(gone, ""))
            return made, True, ("POST", "/v1/origins", {"origin": made, "realm": "other.example"})
        return "limits", (n, n + 1), ("PUT", "/v1/realms/" + REALM, {"max-bps": 1000000 + n, "user-quota": n + 1})

    def change(self, name, value, request):
        self.asked[name] = value
        try:
            answer = self.admin.ask(*request)
        except OSError:
            return False
        if answer is None or answer.status == 0:
            return False
        if answer.status not in (200, 201):
            self.failure = "%r: %d %r" % (request, answer.status, answer.body)
            return False
        self.told[name] = value
        return True


def stored(path):
    """By kind, as the writers name it."""
    database = sqlite3.connect(path, timeout=10)  # It may have to undo what was begun.
    try:
        equal(database.execute("pragma integrity_check").fetchall(), [("ok",)])

        def rows(words):
            return database.execute("select " + words).fetchall()
        users, ours = ({name for (name,) in rows("name from " + table)} for table in ("turnusers_lt", "turnpike_user"))
        equal(users, ours, "users in both tables")
        limits = dict(rows("opt, value from turn_realm_option where realm = '%s'" % REALM))
        found = {"user": dict.fromkeys(users, True),
                 "secret": dict.fromkeys((value for (value,) in rows("value from turn_secret")), True),
                 "origin": dict.fromkeys((origin for (origin,) in rows("origin from turn_origin_to_realm")), True),
                 "limits": {}}
        if limits:
            found["limits"]["limits"] = (int(limits["max-bps"]) - 1000000, int(limits["user-quota"]))
        return found
    finally:
        database.close()


def one_life(path, start, wait_s, known):
    """Starts a server, kills it while it writes, and looks at what it left. How many changes were answered."""
    with ManagedServer(["userdb=" + path]) as server:
        writers = [Writer(server.admin, kind, start) for kind in known]
        for writer in writers:
            writer.start()
        until(lambda: all(writer.told for writer in writers), lambda: repr([writer.failure for writer in writers]))
        time.sleep(wait_s)
        server.process.kill()
        server.has_ended(10)
        for writer in writers:
            writer.join(30)
            true(not writer.is_alive() and writer.failure is None, repr(writer.failure))
    found = stored(path)
    for writer in writers:
        known[writer.kind].update(writer.told)
        for name, value in known[writer.kind].items():
            have = found[writer.kind].get(name)
            may_be = (value, writer.asked.get(name, value))
            true(have in may_be, "%s %s: %r, not one of %r" % (writer.kind, name, have, may_be))
        strange = set(found[writer.kind]) - set(known[writer.kind]) - set(writer.asked)
        true(not strange, "nobody asked for %r" % strange)
        known[writer.kind] = {name: found[writer.kind].get(name) for name in {**known[writer.kind], **writer.asked}}
    return sum(len(writer.told) for writer in writers)


@case("the server killed while operators write leaves a sound database with all that it had said is done")
def killed():
    rounds, done = shortened("kills of a writing server", 12, 150), 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "turndb")
        known = {kind: {} for kind in ("user", "secret", "origin", "limits")}
        for number in range(rounds):
            done += one_life(path, 10000 * (number + 1), random.uniform(0, 0.2), known)
            print("round %d: %d changes so far" % (number, done))
        with ManagedServer(["userdb=" + path]) as server:
            name = sorted(name for name, value in known["user"].items() if value)[-1]
            with server.client(name.encode(), b"secret" + name[4:].encode()) as client:
                until(lambda: client.allocate().code == 0, "the user %s logs in" % name)
                client.refresh(0)


if __name__ == "__main__":
    main()
