#!/usr/bin/env bash
# The library of include/turnpike/discovery.h, installed, found by CMake and used by programs outside of the tree.
. "$(dirname "$0")/lib.sh"

BUILD=$(cd "$(dirname "${TEST_SERVER%% *}")/.." && pwd)
PREFIX=$WORK/prefix
sanitize=$(sed -n 's/^TURNPIKE_SANITIZE:STRING=//p' "$BUILD/CMakeCache.txt")

install_library() {
  # tests/run.sh has built it, and may be building the rest in that folder now.
  [ -n "${TEST_BUILT:-}" ] || cmake --build "$BUILD" --target turnpike_discovery || return 1
  cmake --install "$BUILD" --component discovery --prefix "$PREFIX" || return 1
  # Nothing that is installed may know where it was built.
  if grep -rIl "$ROOT" "$PREFIX"; then
    echo "these files name the source tree"
    return 1
  fi
}

build_examples() {
  cp -r "$ROOT/tests/embedding" "$WORK/embedding"
  # -Wall: the public header has to be clean for its users as well.
  # The tool that is there; a bare machine has no make.
  cmake -G Ninja -S "$WORK/embedding" -B "$WORK/embedding/build" -DCMAKE_PREFIX_PATH="$PREFIX" \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wpedantic -Wshadow -Werror ${sanitize:+-fsanitize=$sanitize}" || return 1
  cmake --build "$WORK/embedding/build"
}

# The server on two loopback addresses, where nothing is translated.
waits_for_an_answer() {
  local said
  said=$("$WORK/embedding/build/waiting" "127.0.0.1:$SERVER_PORT" "127.0.0.2:$SERVER_PORT" 31999) || return 1
  echo "$said"
  [ "$said" = "127.0.0.1 31999 direct" ]
}

tells_what_went_wrong() {
  "$WORK/embedding/build/waiting" "127.0.0.9:1" "127.0.0.9:2"
  local unreachable=$?
  "$WORK/embedding/build/waiting" "not a server"
  local bad=$?
  echo "unreachable: $unreachable, bad options: $bad"
  [ "$unreachable" -eq 14 ] && [ "$bad" -eq 17 ]
}

# Standard input, output and error are three; a loop takes three more, and then come the sockets. UBSAN needs descriptors of its
# own for its checks, so there only the first two are tried.
does_without_descriptors() {
  local limit code
  local limits=(4 5)
  [ -n "$sanitize" ] || limits+=(6 7)
  for limit in "${limits[@]}"; do
    ( ulimit -n "$limit"; exec "$WORK/embedding/build/waiting" "127.0.0.1:$SERVER_PORT" "127.0.0.2:$SERVER_PORT" ) < /dev/null
    code=$?
    echo "with $limit descriptors: $code"
    [ "$code" -eq 18 ] || return 1
  done
}

works_on_a_foreign_loop() {
  local said
  said=$("$WORK/embedding/build/events" "127.0.0.1:$SERVER_PORT" "127.0.0.2:$SERVER_PORT") || { echo "$said"; return 1; }
  echo "$said"
  grep -qx "address 0 127.0.0.1" <<< "$said" && grep -qx "nat 0 no NAT" <<< "$said" &&
    grep -q "^wrong 7 " <<< "$said" && ! grep -q never <<< "$said" && [ "${said##*$'\n'}" = done ]
}

run_case "it installs, and names no folder of the build" install_library
run_case "a program outside of the tree builds with find_package" build_examples
if start_server --listening-ip=127.0.0.1 --listening-ip=127.0.0.2 --no-tls --no-dtls --user=u:p --realm=r.example > "$WORK/start.log" 2>&1; then
  run_case "the call that waits" waits_for_an_answer
  run_case "what goes wrong is a value" tells_what_went_wrong
  run_case "a process without descriptors is told so" does_without_descriptors
  run_case "questions on the caller's own event loop" works_on_a_foreign_loop
  run_case "the server stops cleanly" stop_server
else
  run_case "the server starts" cat "$WORK/start.log" --none
fi
finish
