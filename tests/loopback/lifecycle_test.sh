#!/usr/bin/env bash
# The life of the server's process: start, signals, stop, and what it says when it cannot start.
. "$(dirname "$0")/../interop/lib.sh"

OPTIONS=(--user=user:password --realm=r.example --relay-ip=127.0.0.1)

started() { start_server "${OPTIONS[@]}" "$@"; }

cycles() {
  local number
  for number in $(seq "$1"); do
    started || return 1
    stop_server || return 1
  done
  echo "$number cycles"
}

# Milliseconds from the fork to the first answer, the median of five. Sanitizers would be measured, not the server.
start_time() {
  TEST_SERVER=${TEST_SERVER_LEAN:-$TEST_SERVER}
  /usr/bin/python3 - "$ROOT/tests/interop" "$TEST_SERVER" << 'END'
import os, socket, statistics, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
import harness, stunlib
times = []
for _ in range(5):
    server = harness.Server(lean=True)
    client = stunlib.Client(server.address)
    began = time.monotonic()
    process = subprocess.Popen(server.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               cwd=server.directory.name)
    data = stunlib.build(stunlib.BINDING, stunlib.REQUEST, [])
    while time.monotonic() < began + 10:
        try:
            client.send_raw(data)
            if client.answer_to(data[8:20], 0.002):
                break
        except OSError:
            time.sleep(0.001)
    times.append((time.monotonic() - began) * 1000)
    process.terminate()
    process.wait()
print("milliseconds to the first answer:", ["%.1f" % one for one in times])
sys.exit(0 if statistics.median(times) < 100 else 1)
END
}

# Scripts written for coturn send these: reopen the log, drain, reload certificates. None may end the server at once.
survives() {  # SIGNAL
  started || return 1
  kill "-$1" "$SERVER_PID"
  # Until no signal is pending. What then ends it late is seen by stop_server.
  eventually grep -q '^ShdPnd:[[:space:]]*0*$' "/proc/$SERVER_PID/status" || return 1
  "$ROOT/tests/interop/ping.py" 127.0.0.1 "$SERVER_PORT" || return 1
  stop_server
}

stops_on() {  # SIGNAL
  started || return 1
  kill "-$1" "$SERVER_PID"
  local tries
  for tries in $(seq 100); do
    kill -0 "$SERVER_PID" 2> /dev/null || break
    sleep 0.05
  done
  wait "$SERVER_PID"
  local status=$?
  echo "stopped with $status after $tries tries"
  tail -n 50 "$SERVER_LOG"
  [ "$status" -eq 0 ]
}

# serve_fails STATUS PATTERN OPTION...: ends by itself with that code and says something that matches.
serve_fails() {
  local wanted=$1 pattern=$2 status
  shift 2
  # shellcheck disable=SC2086
  timeout 10 $TEST_SERVER -n "$@" > "$WORK/out" 2>&1 < /dev/null
  status=$?
  cat "$WORK/out"
  [ "$status" -eq "$wanted" ] && grep -qiE -- "$pattern" "$WORK/out"
}

port_in_use() {
  started || return 1
  serve_fails 1 "$SERVER_PORT" --listening-ip=127.0.0.1 --listening-port="$SERVER_PORT" "${OPTIONS[@]}" || return 1
  stop_server
}

all_problems_at_once() {
  serve_fails 2 'listening-prot' --listening-prot=1 --min-port=x --user=nopassword &&
    grep -q 'listening-port' "$WORK/out" && grep -q 'min-port' "$WORK/out" && grep -q 'user' "$WORK/out"
}

file_with_lines() {
  printf '# comment\nlistening-port=3478\nno-such-thing=1 # and why\nmin-port oops\n' > "$WORK/bad.conf"
  # shellcheck disable=SC2086
  timeout 10 $TEST_SERVER -c "$WORK/bad.conf" > "$WORK/out" 2>&1 < /dev/null
  local status=$?
  cat "$WORK/out"
  [ "$status" -eq 2 ] && grep -q '3.*no-such-thing' "$WORK/out" && grep -q '4.*min-port' "$WORK/out"
}

# Where not even root can make a file.
LOST_LOG=/dev/null/turnserver.log

lost_log_of_ours() {
  serve_fails 1 'cannot write the log file' --log-file=$LOST_LOG "${OPTIONS[@]}" || return 1
  printf 'log-file=%s\nuser=a:b\n' $LOST_LOG > "$WORK/turnpike.conf"
  # shellcheck disable=SC2086
  timeout 10 $TEST_SERVER -c "$WORK/turnpike.conf" > "$WORK/out" 2>&1 < /dev/null
  local status=$?
  cat "$WORK/out"
  [ "$status" -eq 1 ] && grep -q "$LOST_LOG" "$WORK/out"
}

lost_log_of_coturn() {
  SERVER_PORT=$(free_port) SERVER_LOG=$WORK/lost-log
  printf 'log-file=%s\nlistening-ip=127.0.0.1\nlistening-port=%s\ntls-listening-port=%s\nuser=a:b\n' $LOST_LOG "$SERVER_PORT" \
    "$(free_port)" > "$WORK/turnserver.conf"
  # shellcheck disable=SC2086
  $TEST_SERVER -c "$WORK/turnserver.conf" > /dev/null 2> "$SERVER_LOG" < /dev/null &
  SERVER_PID=$!
  SERVER_PIDS+=("$SERVER_PID")
  wait_for_server 127.0.0.1 "$SERVER_PORT" || return 1
  # A reload has nothing to say about it.
  kill -HUP "$SERVER_PID"
  eventually grep -q ' reloaded changed=' "$SERVER_LOG" || return 1
  # Nor does it stop one that changes the log itself.
  printf 'redact\nuser=c:d\n' >> "$WORK/turnserver.conf"
  kill -HUP "$SERVER_PID"
  eventually grep -q ' reloaded changed=.*redact' "$SERVER_LOG"
  cat "$SERVER_LOG"
  [ "$(grep -c "log_file_not_written.*$LOST_LOG" "$SERVER_LOG")" -eq 2 ] && grep ' reloaded changed=.*user' "$SERVER_LOG" &&
    ! grep not_reloaded "$SERVER_LOG" && stop_server
}

descriptors_run_out() {
  (
    ulimit -n 64
    started --allow-loopback-peers || exit 1
    /usr/bin/python3 - "$ROOT/tests/interop" "$SERVER_PORT" << 'END' || exit 1
import sys
sys.path.insert(0, sys.argv[1])
from stunlib import Client
clients = [Client(("127.0.0.1", int(sys.argv[2]))) for _ in range(50)]
codes = [client.allocate().code for client in clients]
print(codes)
assert codes.count(0) >= 10 and set(codes) == {0, 508}, "508 when the descriptors run out"
good = [client for client, code in zip(clients, codes) if code == 0]
for client in good[:5]:
    assert client.refresh(0).code == 0
again = [client for client, code in zip(clients, codes) if code][:5]
assert [client.allocate().code for client in again] == [0] * 5, "it heals by itself"
END
    stop_server
  )
}

version() {
  # shellcheck disable=SC2086
  $TURNPIKE --version | grep -qE '^turnpike [0-9]+\.[0-9]+'
}

run_case "--version tells the version" version
run_case "the first answer comes within 100 ms of the start" start_time
for signal in HUP USR1 USR2 PIPE; do run_case "SIG$signal does not end it" survives "$signal"; done
for signal in TERM INT; do run_case "SIG$signal stops it cleanly" stops_on "$signal"; done
run_case "a port in use is exit code 1 and named" port_in_use
run_case "wrong options are named all at once, exit code 2" all_problems_at_once
run_case "wrong lines of a file are named with their numbers" file_with_lines
run_case "without users it does not start, and says what to do" serve_fails 2 'no-auth' --listening-ip=127.0.0.1 --userdb=
run_case "an address that is not ours is exit code 1 and named" serve_fails 1 '45\.67\.89\.10' \
  --listening-ip=45.67.89.10 --listening-port=3478 "${OPTIONS[@]}"
run_case "a log file that cannot be written is exit code 1 and named" lost_log_of_ours
run_case "in a turnserver.conf it is a warning, and the log goes to standard error" lost_log_of_coturn
run_case "descriptors that run out are 508, and it heals" descriptors_run_out
count=$(shortened "start/stop cycles" 20 200)
run_case "it starts and stops many times without a leak" cycles "$count"
finish
