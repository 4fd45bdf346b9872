#!/usr/bin/env bash
# What a container does by itself: the first user, what is printed about him, and the health check.
. "$(dirname "$0")/../interop/lib.sh"

if is_stand_in; then
  echo "skip first_start: all cases: the stand-in has none of this"
  exit 0
fi
COMMON=(--first-user=guest "--userdb=$WORK/turndb" --relay-ip=127.0.0.1 --allow-loopback-peers)

# The array in the server's output, which the log shares here.
printed() { sed -n '/^\[$/,/^\]$/p' "$SERVER_LOG"; }

# Prints what the expression makes of the array `servers`.
of_printed() {
  printed | /usr/bin/python3 -c '
import json, sys
servers = json.load(sys.stdin)
urls = [url for server in servers for url in server["urls"]]
turn = [server for server in servers if "credential" in server][0]
print(eval(sys.argv[1]))' "$1"
}

wait_for_array() {
  local tries
  for tries in $(seq 400); do
    [ -z "$(printed)" ] || return 0
    sleep 0.05
  done
  echo "nothing is printed (try $tries)"
  cat "$SERVER_LOG"
  return 1
}

first_start() {
  start_server "${COMMON[@]}" && wait_for_array || return 1
  cat "$SERVER_LOG"
  [ "$(of_printed 'turn["username"]')" = guest ] && [ "$(of_printed 'len(turn["credential"])')" = 24 ] || return 1
  of_printed 'turn["credential"]' > "$WORK/password"
  $TURNPIKE probe --host 127.0.0.1 --port "$SERVER_PORT" --user guest --password "$(cat "$WORK/password")"
  local status=$?
  stop_server && [ "$status" -eq 0 ]
}

later_start() {
  start_server "${COMMON[@]}" && wait_for_array || return 1
  [ "$(of_printed 'turn["credential"]')" = "$(cat "$WORK/password")" ]
  local status=$?
  stop_server && [ "$status" -eq 0 ]
}

# Nobody knows the password of the user in the configuration but its owner, so nothing is printed about it.
other_user() {
  start_server "${COMMON[@]}" --user=ann:pw && sleep 0.3 && [ -z "$(printed)" ]
  local status=$?
  stop_server && [ "$status" -eq 0 ]
}

# Who looks for its address prints when the search has ended, here at a port where nobody answers.
address_to_be_found() {
  start_server "${COMMON[@]}" --external-ip=auto --external-ip-stun="127.0.0.1:$(free_port)" --external-ip-metadata=off \
    --external-ip-http=none && wait_for_array || return 1
  cat "$SERVER_LOG"
  [ "$(of_printed 'urls[0]')" = "stun:127.0.0.1:$SERVER_PORT" ]
  local status=$?
  stop_server && [ "$status" -eq 0 ]
}

make_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=unheeded.example.org \
    -addext subjectAltName=DNS:turn.example.org -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2> /dev/null
}

turns_count_is() {
  local count
  start_server "${COMMON[@]}" --cert="$WORK/cert.pem" --pkey="$WORK/key.pem" --public-host="$1" && wait_for_array || return 1
  cat "$SERVER_LOG"
  count=$(of_printed "sum(url.startswith('turns:') for url in urls)")
  stop_server && [ "$count" = "$2" ]
}

turns_for_the_name() {
  make_certificate && turns_count_is turn.example.org 1
}

no_turns_otherwise() {
  turns_count_is other.example.org 0 && turns_count_is unheeded.example.org 0 && turns_count_is 192.0.2.1 0
}

credentials_heed_the_certificate() {
  credentials() {
    $TURNPIKE credentials --host "$1" --tls-port 5349 --cert "$WORK/cert.pem" --user a --password p > "$WORK/out" 2> "$WORK/err"
  }
  credentials turn.example.org && grep -q 'turns:turn.example.org:5349' "$WORK/out" && [ ! -s "$WORK/err" ] || return 1
  credentials other.example.org && ! grep -q turns: "$WORK/out" && grep -q 'no turns: URL' "$WORK/err" || return 1
  ! $TURNPIKE credentials --host other.example.org --tls-port 5349 --cert "$WORK/cert.pem" --transports tls --user a --password p
}

health() { timeout 20 $TURNPIKE health --like-process "$SERVER_PID"; }

# Health alone says whether it answers: not every way of serving answers a Binding request.
healthy() {
  local port tries status=1
  port=$(free_port)
  # shellcheck disable=SC2086  # A command with its arguments.
  (cd "$WORK" && exec $TEST_SERVER -n --listening-ip=127.0.0.1 --listening-port="$port" --tls-listening-port=0 "$@") \
    > "$WORK/health.log" 2>&1 < /dev/null &
  SERVER_PID=$! SERVER_LOG=$WORK/health.log
  SERVER_PIDS+=("$SERVER_PID")
  for tries in $(seq 100); do
    health && status=0 && break
    sleep 0.1
  done
  echo "$* after $tries tries: $status"
  stop_server && [ "$status" -eq 0 ]
}

healthy_in_every_way() {
  healthy --user=ann:pw && healthy --user=ann:pw --no-stun && healthy --stun-only && healthy --user=ann:pw --secure-stun &&
    healthy --no-auth
}

healthy_over_tcp() {
  healthy --user=ann:pw --no-udp && healthy --stun-only --no-udp
}

hanging_server() {
  start_server --user=ann:pw || return 1
  kill -STOP "$SERVER_PID"
  health
  local status=$?
  kill -CONT "$SERVER_PID"
  stop_server && [ "$status" -eq 1 ]
}

nobody_listens() {
  $TURNPIKE health -n --user=a:b --listening-ip=127.0.0.1 --listening-port="$(free_port)"
  [ $? -eq 1 ]
}

not_our_process() {
  ! $TURNPIKE health --like-process $$ && ! $TURNPIKE health --like-process x && ! $TURNPIKE health --like-process
}

run_case "the first start makes a user, and a relay works with what it prints" first_start
run_case "a later start prints the same user" later_start
run_case "nothing is printed when the configuration has a user" other_user
run_case "with external-ip=auto it is printed after the search" address_to_be_found
run_case "turns: is printed under a name of the certificate" turns_for_the_name
run_case "turns: is left out under another name, a common name and an address" no_turns_otherwise
run_case "turnpike credentials heeds the certificate" credentials_heed_the_certificate
run_case "health passes for each way of serving" healthy_in_every_way
run_case "health passes over TCP where UDP is off" healthy_over_tcp
run_case "health fails while the server hangs" hanging_server
run_case "health fails where nobody listens" nobody_listens
run_case "health refuses a process that is no server" not_our_process
finish
