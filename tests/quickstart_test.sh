#!/usr/bin/env bash
# etc/quickstart.sh as a user runs it: without a terminal, with data in a folder of its own.
. "$(dirname "$0")/interop/lib.sh"
. "$ROOT/tests/netns/two_hosts.sh"

export XDG_DATA_HOME=$WORK/data
PORT=$(free_port) TLS_PORT=$(free_port)
# The probe's own address counts as the server's, so the test has to name it; without that the last check says why not.
OWN=$(hostname -I 2> /dev/null | cut -d ' ' -f 1)
OWN=${OWN:-127.0.0.1}

quickstart() {
  timeout 600 "$ROOT/etc/quickstart.sh" --no-install "$@" < /dev/null > "$WORK/out" 2> "$WORK/err"
  local status=$?
  cat "$WORK/err" "$WORK/out"
  return "$status"
}

stop_it() { [ ! -e "$XDG_DATA_HOME/turnpike/quickstart.pid" ] || "$ROOT/etc/quickstart.sh" --stop > /dev/null 2>&1; }
trap 'stop_it; cleanup' EXIT

first_run() {
  quickstart --background -- --listening-port="$PORT" --tls-listening-port="$TLS_PORT" --allowed-peer-ip="$OWN" || return 1
  cp "$WORK/out" "$WORK/first"
}

# Standard output is the JSON array and, in its last line, the command.
prints_json() {
  sed '$d' "$WORK/first" | /usr/bin/python3 -c '
import json, sys
servers = json.load(sys.stdin)
urls = [url for server in servers for url in ([server["urls"]] if isinstance(server["urls"], str) else server["urls"])]
assert any(url.startswith("stun:") for url in urls), urls
assert any(url.startswith("turn:") for url in urls), urls
turn = [server for server in servers if "credential" in server][0]
assert turn["username"] and len(turn["credential"]) >= 16, "a generated password"'
}

probe_works() {
  local command
  command=$(tail -n 1 "$WORK/first")
  echo "$command"
  case $command in *" probe --host "*) ;; *) return 1 ;; esac
  eval "timeout 30 $command"
}

second_run() {
  quickstart --background -- --listening-port="$PORT" --tls-listening-port="$TLS_PORT" || return 1
  diff "$WORK/first" "$WORK/out"
}

keeps_secrets() {
  local mode
  mode=$(stat -c %a "$XDG_DATA_HOME/turnpike" "$XDG_DATA_HOME/turnpike/quickstart.user" | tr '\n' ' ')
  echo "$mode"
  [ "$mode" = "700 600 " ]
}

silent() { ! "$ROOT/tests/interop/ping.py" 127.0.0.1 "$PORT"; }

stops() {
  "$ROOT/etc/quickstart.sh" --stop || return 1
  eventually silent
}

third_run() {
  quickstart --background -- --listening-port="$PORT" --tls-listening-port="$TLS_PORT" --allowed-peer-ip="$OWN" || return 1
  diff "$WORK/first" "$WORK/out" && probe_works
  local status=$?
  stop_it
  return "$status"
}

# Tells everybody that address, and the port from which he asked.
stun_server() {  # PORT ADDRESS
  exec /usr/bin/python3 - "$ROOT/tests/interop" "$@" << 'END'
import socket, sys
sys.path.insert(0, sys.argv[1])
import stunlib
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", int(sys.argv[2])))
while True:
    data, client = server.recvfrom(2000)
    seen = stunlib.xor_address(sys.argv[3], client[1], data[8:20])
    server.sendto(stunlib.build(stunlib.BINDING, stunlib.SUCCESS, [(stunlib.XOR_MAPPED_ADDRESS, seen)], data[8:20]), client)
END
}

# The relayed address decides, whoever has found it: here a STUN server that says what a NAT would.
address_to_be_found() {
  local stun
  stun=$(free_port)
  stun_server "$stun" 203.0.113.5 &
  SERVER_PIDS+=("$!")
  quickstart --background -- --listening-port="$PORT" --tls-listening-port="$TLS_PORT" --external-ip=auto \
    --external-ip-stun="127.0.0.1:$stun" --external-ip-metadata=off --external-ip-http=none || return 1
  stop_it
  grep -q '"turn:203.0.113.5:' "$WORK/out" && grep -q 'probe --host 203.0.113.5 ' "$WORK/out"
}

# Nobody answers there, and the word is no host.
address_not_found() {
  quickstart --background -- --listening-port="$PORT" --tls-listening-port="$TLS_PORT" --external-ip=auto \
    --external-ip-stun="127.0.0.1:$(free_port)" --external-ip-metadata=off --external-ip-http=none || return 1
  stop_it
  grep -q "\"turn:$OWN:" "$WORK/out" && grep -q "probe --host $OWN " "$WORK/out" || return 1
  quickstart --background -- --listening-port="$PORT" --tls-listening-port="$TLS_PORT" --external-ip none || return 1
  stop_it
  grep -q "\"turn:$OWN:" "$WORK/out"
}

foreground() {
  "$ROOT/etc/quickstart.sh" --no-install -- --listening-port="$PORT" --tls-listening-port="$TLS_PORT" < /dev/null > "$WORK/out" 2>&1 &
  local script=$! tries status
  for tries in $(seq 300); do
    grep -q 'Ctrl-C ends it' "$WORK/out" && break
    sleep 0.1
  done
  echo "ready after $tries tenths of a second"
  kill -TERM "$script"
  wait "$script"
  status=$?
  cat "$WORK/out"
  [ "$status" -eq 143 ] && eventually silent
}

another_machine() { lay_two_hosts && "$ROOT/tests/netns/first_probe.sh"; }

wrong_option() {
  ! quickstart --background -- --listening-prot="$PORT" && grep -q 'listening-port' "$WORK/err"
}

run_case "the first run builds, makes a user and starts the server" first_run
run_case "it prints the iceServers JSON" prints_json
run_case "the probe line that it prints proves a relay" probe_works
run_case "a second run beside it says the same" second_run
run_case "the password is readable by its owner only" keeps_secrets
run_case "--stop ends the server" stops
run_case "a later run uses the same database and user" third_run
run_case "with external-ip=auto the address that the server finds is printed" address_to_be_found
run_case "with external-ip=auto and nobody to ask it is the machine's own" address_not_found
run_case "in the foreground it ends with its script" foreground
run_case "without any option the line that it prints passes on another machine" another_machine
run_case "a wrong option is named and nothing starts" wrong_option
finish
