#!/usr/bin/env bash
# What clients that others wrote learn of their NAT (there is none) from two loopback addresses: RFC 5780 by Debian's
# turnutils, RFC 3489 by Debian's stun.
. "$(dirname "$0")/lib.sh"

LIMIT=60  # Seconds for one client; those that wait for answers that never come take a few.

# Runs a client and looks for each of the texts, which may be regular expressions, in what it prints.
says() {  # COMMAND... -- TEXT...
  local command=() out=$WORK/out text
  while [ "$1" != -- ]; do
    command+=("$1")
    shift
  done
  shift
  timeout "$LIMIT" "${command[@]}" > "$out" 2>&1
  cat "$out"
  for text in "$@"; do
    grep -qE -- "$text" "$out" || {
      echo "did not say: $text"
      return 1
    }
  done
}

natdiscovery() {  # HOST ARGUMENT... -- TEXT...
  local host=$1 arguments=()
  shift
  while [ "$1" != -- ]; do
    arguments+=("$1")
    shift
  done
  says turnutils_natdiscovery -p "$TWO_PORT" "${arguments[@]}" -L "$host" "$host" "$@"
}

need() { command -v "$1" > /dev/null; }

v4_two=(--listening-ip=127.0.0.1 --listening-ip=127.0.0.2 --tls-listening-port=0)
run_case "the server with two addresses starts" start_server "${v4_two[@]}" --rfc5780 --stun-only \
  --alt-listening-port="$(free_port)"
TWO_PORT=$SERVER_PORT
run_case "the server for RFC 3489 starts" start_server "${v4_two[@]}" --rfc3489-compatibility --stun-only \
  --alt-listening-port="$(free_port)"
OLD_PORT=$SERVER_PORT
run_case "the server with one address starts" start_server --listening-ip=127.0.0.1 --tls-listening-port=0 --rfc5780 \
  --stun-only
ONE_PORT=$SERVER_PORT

# Three answers, the second of them to the RESPONSE-PORT: as small as the question, so without RESPONSE-ORIGIN.
stunclient_f() {
  says turnutils_stunclient -f -p "$TWO_PORT" 127.0.0.1 -- 'Other addr: : 127\.0\.0\.2:' 'RFC 5780 response 2' \
    'Response origin: : 127\.0\.0\.1:' 'Response origin: : 127\.0\.0\.2:' || return 1
  [ "$(grep -c 'UDP reflexive addr: 127.0.0.1:' "$WORK/out")" -ge 3 ]
}

one_address() {
  says turnutils_stunclient -p "$ONE_PORT" 127.0.0.1 -- "UDP reflexive addr: 127.0.0.1:" && ! grep -q "Other addr" "$WORK/out"
}

if need turnutils_natdiscovery && need turnutils_stunclient; then
  run_case "turnutils_natdiscovery -m: the mapping does not depend on the destination" \
    natdiscovery 127.0.0.1 -m -- 'NAT with Endpoint Independent Mapping!'
  run_case "turnutils_natdiscovery -f: nothing is filtered" \
    natdiscovery 127.0.0.1 -f -- 'NAT with Endpoint Independent Filtering!'
  run_case "turnutils_natdiscovery -m -f: both" \
    natdiscovery 127.0.0.1 -m -f -- 'Endpoint Independent Mapping!' 'Endpoint Independent Filtering!'
  run_case "turnutils_natdiscovery -P: padded requests are answered" \
    natdiscovery 127.0.0.1 -m -P -- 'Endpoint Independent Mapping!'
  # Its question of 28 bytes has no room for the 32 of an answer; `turnpike nat --lifetime` asks with enough (tests/netns).
  run_case "turnutils_natdiscovery -t: an answer longer than its question reaches no RESPONSE-PORT" \
    natdiscovery 127.0.0.1 -t -T 1 -- 'RFC 5780 response 1' 'STUN receive timeout'
  run_case "turnutils_natdiscovery -H: nothing is lost on the way to itself" \
    natdiscovery 127.0.0.1 -H -- 'RFC 5780 response' 'successful hairpinning'
  run_case "turnutils_stunclient -f: answers from both addresses, and one to another port" stunclient_f
  run_case "turnutils_stunclient: one address names an origin and no other address" \
    one_address
else
  echo "skip $SCRIPT: turnutils: turnutils_natdiscovery or turnutils_stunclient is not installed (package coturn)"
fi
if need stun; then
  run_case "stun (RFC 3489): no NAT, nothing filtered" says stun "127.0.0.1:$OLD_PORT" -- 'Primary: Open'
else
  echo "skip $SCRIPT: stun: it is not installed (package stun-client)"
fi

run_case "the server with one address is alive and stops cleanly" stop_server
finish
