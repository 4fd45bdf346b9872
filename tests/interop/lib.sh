# shellcheck shell=bash
# The server under test and the protocol of results for shell scripts; see harness.py, which does the same for Python.
#
#   start_server OPTION...    starts it on loopback; sets SERVER_PORT, SERVER_PID, SERVER_LOG
#   stop_server               ends it by its process id; false when it had died or stopped badly
#   run_case NAME COMMAND...  runs a command (or function) with its output in a log: ok, FAIL, or skip (exit code 77)
#   run_case_bg, wait_cases   the same, two at a time
#   eventually COMMAND...     repeats a command until it succeeds, for ten seconds
#   finish                    ends the script with the right exit code

set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LOGS=${TEST_LOGS:-$ROOT/build/logs}
SCRIPT=$(basename "$0" | sed 's/\.[a-z]*$//; s/_test$//')
WORK=$(mktemp -d "${TMPDIR:-/tmp}/turnpike-test-XXXXXX")
SERVER_PIDS=()
FAILED="$WORK/failed"
JOBS_AT_ONCE=2
mkdir -p "$LOGS"

cleanup() {
  local pid
  for pid in ${SERVER_PIDS[@]+"${SERVER_PIDS[@]}"}; do kill -9 "$pid" 2> /dev/null; done
  for pid in $(jobs -p); do kill "$pid" 2> /dev/null; done
  rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

export ASAN_OPTIONS=${ASAN_OPTIONS:-exitcode=99} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

if [ -z "${TEST_SERVER:-}" ]; then
  for flavour in asan debug release; do
    if [ -x "$ROOT/build/$flavour/bin/turnpike" ]; then
      TEST_SERVER="$ROOT/build/$flavour/bin/turnpike serve"
      break
    fi
  done
fi
[ -n "${TEST_SERVER:-}" ] || {
  echo "$0: build the server first, or name one in TEST_SERVER" >&2
  exit 1
}
# The program without its subcommand, for tests of the other subcommands.
# shellcheck disable=SC2034
TURNPIKE=${TEST_SERVER% serve}

is_stand_in() { [ "$(basename "${TEST_SERVER%% *}")" = turnserver ]; }

# Whether no other test that runs beside this one has that port; see harness.py.
claim_port() {
  local claim=/tmp/turnpike-test-ports/$1
  mkdir /tmp/turnpike-test-ports 2> /dev/null && chmod 1777 /tmp/turnpike-test-ports
  (set -C && echo $$ > "$claim") 2> /dev/null && return 0
  [ ! -e "/proc/$(cat "$claim" 2> /dev/null)" ] && rm -f "$claim" 2> /dev/null && (set -C && echo $$ > "$claim") 2> /dev/null
}

# Below the kernel's ephemeral range, so that no client socket takes it first.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    if ! grep -qi ":$(printf '%04X' "$port") " /proc/net/udp /proc/net/udp6 /proc/net/tcp /proc/net/tcp6 2> /dev/null &&
      claim_port "$port"; then
      echo "$port"
      return
    fi
  done
}

wait_for_server() {  # HOST PORT
  local tries
  for tries in $(seq 200); do
    kill -0 "$SERVER_PID" 2> /dev/null || break
    /usr/bin/python3 "$ROOT/tests/interop/ping.py" "$1" "$2" 2> /dev/null && return 0
    sleep 0.05
  done
  echo "the server does not answer (try $tries); its log:"
  cat "$SERVER_LOG"
  return 1
}

start_server() {
  SERVER_PORT=$(free_port)
  SERVER_LOG="$WORK/server.$SERVER_PORT.log"
  local host=127.0.0.1 argument extra=()
  for argument in "$@"; do
    case $argument in --listening-ip=*) host= ;; esac
  done
  if is_stand_in; then
    extra=(--lt-cred-mech --no-tls --no-dtls --no-cli --no-tcp "--pidfile=$WORK/pid.$SERVER_PORT"
      "--userdb=$WORK/db.$SERVER_PORT")
  fi
  # shellcheck disable=SC2086  # The variable holds a command with its arguments.
  (cd "$WORK" && exec $TEST_SERVER -n --listening-port="$SERVER_PORT" --tls-listening-port="$(free_port)" --log-file=stdout \
    ${host:+--listening-ip=$host} ${extra[@]+"${extra[@]}"} "$@") > "$SERVER_LOG" 2>&1 < /dev/null &
  SERVER_PID=$!
  SERVER_PIDS+=("$SERVER_PID")
  if [ -z "$host" ]; then
    for argument in "$@"; do
      case $argument in --listening-ip=*) host=${argument#*=} ;; esac
    done
  fi
  wait_for_server "$host" "$SERVER_PORT"
}

stop_server() {
  local tries status
  if ! kill -TERM "$SERVER_PID" 2> /dev/null; then
    echo "the server had died; its log:"
    tail -n 100 "$SERVER_LOG"
    return 1
  fi
  for tries in $(seq 200); do
    kill -0 "$SERVER_PID" 2> /dev/null || break
    sleep 0.05
  done
  if kill -9 "$SERVER_PID" 2> /dev/null; then
    echo "the server did not stop in 10 s (try $tries); its log:"
    tail -n 100 "$SERVER_LOG"
    return 1
  fi
  wait "$SERVER_PID"
  status=$?
  if [ "$status" -ne 0 ] && ! is_stand_in; then
    echo "the server stopped with $status; its log:"
    tail -n 200 "$SERVER_LOG"
    return 1
  fi
}

# Repeats a command for ten seconds until it succeeds.
eventually() {
  local tries
  for tries in $(seq 200); do
    "$@" && return 0
    sleep 0.05
  done
  echo "not so after $tries tries: $*"
  return 1
}

run_case() {
  local name=$1 log status
  shift
  log="$LOGS/$SCRIPT.$(printf '%s' "$name" | tr -cs 'A-Za-z0-9' '-').log"
  "$@" > "$log" 2>&1 < /dev/null
  status=$?
  case $status in
    0) echo "ok $SCRIPT: $name" && rm -f "$log" ;;
    77) echo "skip $SCRIPT: $name: $(tail -n 1 "$log")" ;;
    *)
      echo "exit code $status" >> "$log"
      echo "FAIL $SCRIPT: $name (log: $log)"
      : > "$FAILED"
      ;;
  esac
}

run_case_bg() {
  while [ "$(jobs -rp | grep -vcxF "$(printf '%s\n' "${SERVER_PIDS[@]+"${SERVER_PIDS[@]}"}" "${KEEP_PIDS[@]+"${KEEP_PIDS[@]}"}")")" -ge "$JOBS_AT_ONCE" ]; do
    sleep 0.1
  done
  run_case "$@" &
  CASE_PIDS+=("$!")
}
CASE_PIDS=()
KEEP_PIDS=()

wait_cases() {
  [ ${#CASE_PIDS[@]} -eq 0 ] || wait "${CASE_PIDS[@]}"
  CASE_PIDS=()
}

shortened() {  # WHAT USED WHOLE: the count to use
  if [ "${TEST_FULL:-0}" = 1 ]; then
    echo "$3"
  else
    echo "short $1: $2 instead of $3" >&2
    echo "$2"
  fi
}

finish() {
  wait_cases
  [ ! -e "$FAILED" ]
  exit $?
}
