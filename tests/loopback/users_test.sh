#!/usr/bin/env bash
# Users in the database, changed under a running server.
. "$(dirname "$0")/../interop/lib.sh"

DATABASE=$WORK/turndb
# shellcheck disable=SC2086
tool() { $TURNPIKE "$@" --userdb "$DATABASE" --realm r.example; }
add() { printf '%s\n' "$2" | tool user add "$1" --password-stdin; }

# login USER PASSWORD CODE [SECONDS]: an Allocate is answered with this code, within so many seconds.
login() {
  /usr/bin/python3 - "$ROOT/tests/interop" "$SERVER_PORT" "$@" << 'END'
import sys, time
sys.path.insert(0, sys.argv[1])
from stunlib import Client
port, user, password, wanted = int(sys.argv[2]), sys.argv[3].encode(), sys.argv[4].encode(), int(sys.argv[5])
deadline = time.monotonic() + float(sys.argv[6] if len(sys.argv) > 6 else 0)
while True:
    with Client(("127.0.0.1", port), user, password) as client:
        code = client.allocate().code
        if code == 0:
            client.refresh(0)
    if code == wanted or time.monotonic() > deadline:
        break
    time.sleep(0.1)
print(user, code)
sys.exit(code != wanted)
END
}

added_user() {
  login late secret 401 && add late secret && login late secret 0 1.5
}

changed_password() {
  add late changed && login late changed 0 1.5 && login late secret 401 1.5
}

removed_user() {
  tool user remove late && login late changed 401 1.5
}

# A session whose user goes away lives until its deadline, and is refused its Refresh.
refresh_of_a_removed_user() {
  add leaver secret && login leaver secret 0 1.5 || return 1
  /usr/bin/python3 - "$ROOT/tests/interop" "$SERVER_PORT" "$TURNPIKE" "$DATABASE" << 'END'
import subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from stunlib import Client, Peer
with Client(("127.0.0.1", int(sys.argv[2])), b"leaver", b"secret") as client, Peer() as peer:
    client.relayed()
    assert client.permit(peer.address).code == 0
    subprocess.run([sys.argv[3], "user", "remove", "leaver", "--userdb", sys.argv[4], "--realm", "r.example"], check=True)
    deadline = time.monotonic() + 1.5
    while client.refresh(600).code != 401:
        assert time.monotonic() < deadline, "a removed user may still refresh"
        time.sleep(0.1)
    client.send_to(*peer.address, b"still here")
    assert peer.take()[0] == b"still here", "the allocation lives until its deadline"
END
}

locked_database() {
  /usr/bin/python3 - "$ROOT/tests/interop" "$SERVER_PORT" "$DATABASE" << 'END'
import sqlite3, sys, time
sys.path.insert(0, sys.argv[1])
from stunlib import Client
with Client(("127.0.0.1", int(sys.argv[2])), b"steady", b"secret") as client:
    client.relayed()
    lock = sqlite3.connect(sys.argv[3])
    lock.execute("BEGIN EXCLUSIVE")
    for _ in range(5):
        assert client.refresh(600).code == 0, "a session ended because the database is locked"
        time.sleep(0.2)
    lock.rollback()
END
  local status=$?
  login steady secret 0 2 && return "$status"
}

vanished_database() {
  /usr/bin/python3 - "$ROOT/tests/interop" "$SERVER_PORT" "$DATABASE" << 'END' || return 1
import os, sys, time
sys.path.insert(0, sys.argv[1])
from stunlib import Client
with Client(("127.0.0.1", int(sys.argv[2])), b"steady", b"secret") as client:
    client.relayed()
    os.rename(sys.argv[3], sys.argv[3] + ".away")
    try:
        for _ in range(10):
            assert client.refresh(600).code == 0, "a session ended because the database is away"
            time.sleep(0.2)
    finally:
        os.rename(sys.argv[3] + ".away", sys.argv[3])
END
  login steady secret 0 3 && grep -q turndb "$SERVER_LOG"
}

secret_in_database() {
  printf 'north\n' | tool secret add --secret-stdin || return 1
  local name password
  name="$(($(date +%s) + 60)):ann"
  password=$(printf %s "$name" | openssl dgst -sha1 -hmac north -binary | openssl base64)
  stop_server && start_server "--userdb=$DATABASE" --realm=r.example --relay-ip=127.0.0.1 --use-auth-secret || return 1
  login "$name" "$password" 0 1.5 && login steady secret 0 1.5
}

run_case "a database is made on first use" add steady secret
run_case "the server starts with it" start_server "--userdb=$DATABASE" --realm=r.example --relay-ip=127.0.0.1 \
  --allow-loopback-peers
run_case "a stored user logs in" login steady secret 0
run_case "a wrong password is refused" login steady wrong 401
run_case "a user added beside the server logs in within a second" added_user
run_case "a changed password counts within a second" changed_password
run_case "a removed user is refused within a second" removed_user
run_case "a removed user's session is refused its Refresh and ends at its deadline" refresh_of_a_removed_user
run_case "a locked database ends no session and heals" locked_database
run_case "a vanished database ends no session, is logged, and heals" vanished_database
run_case "a secret in the database makes time-limited names, beside stored users" secret_in_database
run_case "the server is alive and stops cleanly" stop_server
finish
