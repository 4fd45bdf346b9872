#!/usr/bin/env bash
# `turnpike load` over every transport: what it sends arrives, and what breaks is told.
. "$(dirname "$0")/../interop/lib.sh"

load() { timeout 60 "$TURNPIKE" load --host 127.0.0.1 --port "$SERVER_PORT" --user user --password password "$@"; }

echoed() {  # TRANSPORT
  load --transport "$1" --shape flood --direction echo --rate 200 --size 1000 --clients 5 --duration 1 --json > "$WORK/$1.json" ||
    return 1
  cat "$WORK/$1.json"
  /usr/bin/python3 - "$WORK/$1.json" << 'END'
import json, sys
with open(sys.argv[1], encoding="ascii") as file:
    found = json.load(file)
for way in (found["to_peers"], found["to_clients"]):
    assert way["damaged"] == 0 and way["sent"] > 100 and way["received"] == way["sent"], way
END
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
run_case "a server that nobody vouches for is not used with --verify" distrusted
run_case "connections that break are counted" lost_connections
for transport in udp tcp tls; do
  run_case "packets of $transport are gathered" moderated "$transport"
done
finish
