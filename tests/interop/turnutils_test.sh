#!/usr/bin/env bash
# Debian's turnutils_uclient and turnutils_stunclient through the server, each under a time limit: with a wrong
# password that client asks for ever.
. "$(dirname "$0")/lib.sh"

for tool in turnutils_uclient turnutils_peer turnutils_stunclient; do
  command -v "$tool" > /dev/null || {
    echo "skip $SCRIPT: all cases: $tool is not installed (package coturn)"
    exit 0
  }
done

# Waits mostly, so more than two at once is fine. Each run needs 4 sockets and 1 to 6 s of random waiting.
JOBS_AT_ONCE=4
SECRET=north

# uclient SENT RECEIVED ARGUMENT...: these many bytes both ways and nothing lost.
uclient() {
  local sent=$1 received=$2 out=$WORK/out.$BASHPID
  shift 2
  timeout 60 turnutils_uclient -p "$PASSWORD_PORT" "$@" > "$out" 2>&1
  local status=$?
  cat "$out"
  [ "$status" -eq 0 ] || return 1
  grep -q "tot_send_bytes ~ $sent, tot_recv_bytes ~ $received" "$out" || return 1
  grep -q 'Total lost packets 0 ' "$out"
}

# The peer in this mode of the client reads and never answers, so half of what is sent is all that can come back; with
# TLS (-P -S) the client does not get that far, whatever the server.
passive() {
  local out=$WORK/out.$BASHPID
  timeout 60 turnutils_uclient -p "$PASSWORD_PORT" "$@" > "$out" 2>&1
  cat "$out"
  grep -q "tot_send_bytes ~ 1000, tot_recv_bytes ~ 500" "$out"
}

# The same with -M, and the server's log says that allocations have moved.
moves() {
  PASSWORD_PORT=$MOBILE_PORT uclient "$@" -M && grep -q allocation_moved "$MOBILE_LOG"
}

# Must not relay a byte. The client either gives up or asks until the time limit ends it.
refused() {
  local out=$WORK/out.$BASHPID
  timeout 8 turnutils_uclient -e 127.0.0.1 -r "$PEER_PORT" -X -c "$@" 127.0.0.1 > "$out" 2>&1
  local status=$?
  tail -n 40 "$out"
  [ "$status" -ne 0 ] || return 1
  ! grep -q 'tot_recv_bytes ~ [1-9]' "$out"
}

# With -N and -R the client damages its own requests at random, so how it fares is a matter of luck. It ends, and the
# server still serves others.
torture() {
  timeout 20 turnutils_uclient -p "$PASSWORD_PORT" "$@" 2>&1 | tail -n 20
  kill -0 "$PASSWORD_PID" && "$ROOT/tests/interop/ping.py" 127.0.0.1 "$PASSWORD_PORT"
}

stunclient() {
  local out=$WORK/out.$BASHPID
  timeout 20 turnutils_stunclient -p "$PASSWORD_PORT" "$1" > "$out" 2>&1
  cat "$out"
  grep -q "UDP reflexive addr: $2" "$out"
}

PEER_PORT=$(free_port)
turnutils_peer -p "$PEER_PORT" -L 127.0.0.1 -L ::1 > "$WORK/peer.log" 2>&1 &
KEEP_PIDS=("$!")

both=(--listening-ip=127.0.0.1 --listening-ip=::1 --relay-ip=127.0.0.1 --relay-ip=::1 --allow-loopback-peers)
run_case "the server with users starts" start_server "${both[@]}" --user=user:password --realm=r.example
PASSWORD_PORT=$SERVER_PORT PASSWORD_PID=$SERVER_PID PASSWORD_LOG=$SERVER_LOG
run_case "the server with mobility starts" start_server "${both[@]}" --user=user:password --realm=r.example --mobility
MOBILE_PORT=$SERVER_PORT MOBILE_PID=$SERVER_PID MOBILE_LOG=$SERVER_LOG
run_case "the server with a secret starts" start_server "${both[@]}" --use-auth-secret \
  --static-auth-secret="$SECRET" --realm=r.example
SECRET_PORT=$SERVER_PORT SECRET_PID=$SERVER_PID SECRET_LOG=$SERVER_LOG

by_name=(-u user -w password)
v4=("${by_name[@]}" -e 127.0.0.1 -r "$PEER_PORT" -X)
run_case_bg "default: channels with RTCP" uclient 1000 1000 "${v4[@]}" 127.0.0.1
run_case_bg "-s: Send indications" uclient 1000 1000 "${v4[@]}" -s 127.0.0.1
run_case_bg "-y: client to client" uclient 2000 2000 "${by_name[@]}" -X -y 127.0.0.1
run_case_bg "-y -c: client to client without RTCP" uclient 1000 1000 "${by_name[@]}" -X -y -c 127.0.0.1
run_case_bg "-y -s: client to client with indications" uclient 2000 2000 "${by_name[@]}" -X -y -s 127.0.0.1
run_case_bg "-c: no RTCP" uclient 500 500 "${v4[@]}" -c 127.0.0.1
run_case_bg "-g: DONT-FRAGMENT" uclient 1000 1000 "${v4[@]}" -g 127.0.0.1
run_case_bg "-D: padded channel data" uclient 1000 1000 "${v4[@]}" -D 127.0.0.1
run_case_bg "-G: additional requests" uclient 1000 1000 "${v4[@]}" -G 127.0.0.1
run_case_bg "-Z: dual allocation" uclient 500 500 "${by_name[@]}" -e 127.0.0.1 -r "$PEER_PORT" -Z 127.0.0.1
run_case_bg "-N: the server survives negative tests" torture "${v4[@]}" -N 127.0.0.1
run_case_bg "-R: the server survives damaged messages" torture "${v4[@]}" -R 127.0.0.1
run_case_bg "-N -R -G -D -g -s together: the server survives" torture "${v4[@]}" -N -R -G -D -g -s -m 10 127.0.0.1
run_case_bg "-x: IPv6 relay for an IPv6 client" uclient 1000 1000 "${by_name[@]}" -e ::1 -r "$PEER_PORT" -x ::1
run_case_bg "-X: IPv4 relay for an IPv6 client" uclient 1000 1000 "${v4[@]}" ::1
run_case_bg "-x: IPv6 relay for an IPv4 client" uclient 1000 1000 "${by_name[@]}" -e ::1 -r "$PEER_PORT" -x 127.0.0.1
run_case_bg "-x -s: indications over IPv6" uclient 1000 1000 "${by_name[@]}" -e ::1 -r "$PEER_PORT" -x -s ::1
run_case_bg "-m 10 -n 50 -l 1200: ten clients, large packets" uclient 600000 600000 "${v4[@]}" -c -m 10 -n 50 \
  -l 1200 127.0.0.1
run_case_bg "-t: a TCP client" uclient 1000 1000 "${v4[@]}" -t 127.0.0.1
run_case_bg "-t -S: a TLS client" uclient 1000 1000 "${v4[@]}" -t -S 127.0.0.1
run_case_bg "-S: a DTLS client" uclient 1000 1000 "${v4[@]}" -S 127.0.0.1
run_case_bg "-t -S ::1: a TLS client over IPv6" uclient 1000 1000 "${v4[@]}" -t -S ::1
run_case_bg "-S ::1: a DTLS client over IPv6" uclient 1000 1000 "${v4[@]}" -S ::1
run_case_bg "-t -D -s ::1: a TCP client over IPv6 with indications" uclient 1000 1000 "${v4[@]}" -t -D -s ::1
run_case_bg "-T: TCP relayed" uclient 1000 1000 "${by_name[@]}" -X -T 127.0.0.1
run_case_bg "-T -S: TCP relayed for TLS clients" uclient 1000 1000 "${by_name[@]}" -X -T -S 127.0.0.1
run_case_bg "-T -m 4 -n 50 -l 1000: four pairs of clients over relayed TCP" uclient 200000 200000 "${by_name[@]}" -X -T \
  -m 4 -n 50 -l 1000 127.0.0.1
run_case_bg "-T -x ::1: TCP relayed over IPv6" uclient 1000 1000 "${by_name[@]}" -x -T ::1
run_case_bg "-P: TCP relayed, the peers connect" passive "${by_name[@]}" -X -P 127.0.0.1
run_case_bg "-M: a client that moves" moves 1000 1000 "${v4[@]}" 127.0.0.1
run_case_bg "-M -s: with indications" moves 1000 1000 "${v4[@]}" -s 127.0.0.1
run_case_bg "-M -t: a TCP client that moves" moves 1000 1000 "${v4[@]}" -t 127.0.0.1
# With -S as well that client ends before it has moved; attacks/mobility_test.py moves over TLS and DTLS.
run_case_bg "-W: time-limited name by secret" eval "PASSWORD_PORT=$SECRET_PORT; uclient 1000 1000 -u user -W $SECRET \
  -e 127.0.0.1 -r $PEER_PORT -X 127.0.0.1"
run_case_bg "wrong password is refused" refused -p "$PASSWORD_PORT" -u user -w wrong
run_case_bg "unknown user is refused" refused -p "$PASSWORD_PORT" -u nobody -w password
run_case_bg "wrong secret is refused" refused -p "$SECRET_PORT" -u user -W south
expired="$(($(date +%s) - 60)):user"
key=$(printf %s "$expired" | openssl dgst -sha1 -hmac "$SECRET" -binary | openssl base64)
run_case_bg "expired time-limited name is refused" refused -p "$SECRET_PORT" -u "$expired" -w "$key"
run_case_bg "stunclient over IPv4" stunclient 127.0.0.1 127.0.0.1:
run_case_bg "stunclient over IPv6" stunclient ::1 ::1
wait_cases

SERVER_PID=$MOBILE_PID SERVER_LOG=$MOBILE_LOG
run_case "the server with mobility is alive and stops cleanly" stop_server
SERVER_PID=$SECRET_PID SERVER_LOG=$SECRET_LOG
run_case "the server with a secret is alive and stops cleanly" stop_server
SERVER_PID=$PASSWORD_PID SERVER_LOG=$PASSWORD_LOG
run_case "the server with users is alive and stops cleanly" stop_server
finish
