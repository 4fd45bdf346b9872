#!/usr/bin/env bash
# `turnpike load` over every transport: what it sends arrives, and what breaks is told.
. "$(dirname "$0")/../interop/lib.sh"

load() { timeout 60 "$TURNPIKE" load --host 127.0.0.1 --port "$SERVER_PORT" --user user --password password "$@"; }

echoed() {  # TRANSPORT
  load --transport "$1" --shape flood --direction echo --rate 200 --size 1000 --clients 5 --duration 1 --json > "$WORK/$1.json"
  local status=$?
  cat "$WORK/$1.json"
  [ $status -eq 0 ] || return 1
  /usr/bin/python3 - "$WORK/$1.json" << 'END'
import json, sys
with open(sys.argv[1], encoding="ascii") as file:
    found = json.load(file)
for way in (found["to_peers"], found["to_clients"]):
    assert way["damaged"] == 0 and way["sent"] > 100 and way["received"] == way["sent"], way
END
}

# To every UDP port of the load and of the server, as what other programs still send to a port that was theirs.
pestered() {
  local load_pid
  load --shape flood --direction echo --rate 200 --size 300 --clients 5 --duration 2 --json > "$WORK/pestered.json" &
  load_pid=$!
  /usr/bin/python3 - "$load_pid" "$SERVER_PID" << 'END'
import os, socket, sys, time
def ports(pid):
    inodes = set()
    for fd in os.listdir("/proc/%s/fd" % pid):
        target = os.readlink("/proc/%s/fd/%s" % (pid, fd))
        inodes.add(target[8:-1] if target.startswith("socket:[") else None)
    with open("/proc/net/udp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[9] in inodes}
def family(pid):
    with open("/proc/%s/task/%s/children" % (pid, pid), encoding="ascii") as file:
        return [pid] + [one for child in file.read().split() for one in family(child)]
pestered, junk = set(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
deadline = time.monotonic() + 2
while time.monotonic() < deadline:
    for pid in [sys.argv[2]] + family(sys.argv[1]):
        for port in ports(pid):
            junk.sendto(b"not of this run", ("127.0.0.1", port))
            pestered.add(port)
    time.sleep(0.1)
assert len(pestered) > 6, pestered
END
  local sent=$?
  wait "$load_pid"
  local status=$?
  cat "$WORK/pestered.json"
  [ $sent -eq 0 ] && [ $status -eq 0 ] && grep -q '"damaged": *0' "$WORK/pestered.json"
}

churned() {  # TRANSPORT
  load --transport "$1" --shape churn --rate 10 --clients 5 --duration 1 | tee "$WORK/churn" && ! grep -q '^failed' "$WORK/churn"
}

lost_connections() {
  local load_pid status
  load --transport tcp --shape idle --clients 3 --duration 2 > "$WORK/lost" 2>&1 &
  load_pid=$!
  sleep 1.5  # In the measured time, which is the 2 s after a second of warming up.
  kill -9 "$SERVER_PID"
  wait "$load_pid"
  status=$?
  cat "$WORK/lost"
  [ "$status" -eq 1 ] && grep -q 'connection lost: 3 times' "$WORK/lost"
}

distrusted() {
  load --transport tls --verify --shape idle --clients 1 --duration 1 > "$WORK/distrusted"
  [ $? -eq 1 ] && grep -q 'connection lost' "$WORK/distrusted"
}

# With 1000 us a packet waits that long at most on each of its two ways through the server, where it would be through in a few dozen.
moderated() {  # TRANSPORT
  start_server --user=user:password --realm=r.example --relay-ip=127.0.0.1 --allow-loopback-peers --relay-threads=1 \
    --wake-up-moderation=1000 || return 1
  load --transport "$1" --shape flood --direction echo --rate 2000 --size 200 --clients 20 --duration 1 --json > "$WORK/moderated.json" ||
    return 1
  stop_server || return 1
  cat "$WORK/moderated.json"
  /usr/bin/python3 - "$WORK/moderated.json" << 'END'
import json, sys
with open(sys.argv[1], encoding="ascii") as file:
    assert json.load(file)["latency"]["p50_us"] > 600
END
}

run_case "the server starts" start_server --user=user:password --realm=r.example --relay-ip=127.0.0.1 --allow-loopback-peers
for transport in udp tcp tls dtls; do
  run_case "load echoes over $transport" echoed "$transport"
  run_case "load churns over $transport" churned "$transport"
done
run_case "what is not of this run is no damage" pestered
run_case "a server that nobody vouches for is not used with --verify" distrusted
run_case "connections that break are counted" lost_connections
for transport in udp tcp tls; do
  run_case "packets of $transport are gathered" moderated "$transport"
done
finish
