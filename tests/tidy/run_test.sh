#!/usr/bin/env bash
# What tests/run.sh makes of a section whose cases are over, and how it runs what a section has: in a tree where programs and scripts are
# stand-ins.
TEST_SERVER=${TEST_SERVER:-none}
. "$(dirname "$0")/../interop/lib.sh"

printf 'ID=debian\nVERSION_ID="12"\n' > "$WORK/debian"
printf 'ID=ubuntu\nVERSION_ID="24.04"\n' > "$WORK/ubuntu"
printf 'skip docker: all cases: podman is not installed\n' > "$WORK/skipped"
printf 'ok docker: one case\nskip docker: another one: a reason\n' > "$WORK/partly"
printf 'FAIL docker: one case\n' > "$WORK/red"
: > "$WORK/nothing"

verdict() {  # SYSTEM FULL SECTION EXIT-CODE LOG
  TEST_OS_RELEASE=$WORK/$1 TEST_FULL=$2 bash "$ROOT/tests/run.sh" --verdict "$3" "$4" "$WORK/$5"
}

says() {  # WANTED ARGUMENTS...
  local got
  got=$(verdict "${@:2}")
  echo "$got"
  case $1 in "") [ -z "$got" ] ;; *) case $got in "FAIL "*"$1"*) ;; *) return 1 ;; esac ;; esac
}

never_skipped() {
  local section
  [ "$(id -u)" -eq 0 ] || { echo "this needs root" && return 77; }
  for section in browser image docker; do says "skipped as a whole" debian 1 "$section" 0 skipped || return 1; done
}

skipped_elsewhere() {
  says "" ubuntu 1 docker 0 skipped && says "" debian 0 docker 0 skipped && says "" debian 1 netns 0 skipped &&
    says "" debian 1 docker 0 partly && says "" debian 1 docker 0 red
}

broken() {
  says "hung" debian 0 unit 124 partly && says "hung" debian 0 unit 137 nothing && says "exit code 1" debian 0 unit 1 partly &&
    says "reported nothing" debian 0 unit 0 nothing && says "" debian 0 unit 0 partly
}

# ---- a tree of stand-ins ----

# TREE, with tests/run.sh and a file of those contents for each: FILE CONTENTS...
make_tree() {
  TREE=$WORK/tree.$BASHPID
  rm -rf "$TREE"
  mkdir -p "$TREE/bin" "$TREE/tests" "$TREE/build/logs" "$TREE/build/asan" "$TREE/build/tsan"
  cp "$ROOT/tests/run.sh" "$TREE/tests/"
  place bin/ctest 'echo "{\"tests\": []}"'
  while [ $# -gt 0 ]; do place "$1" "$2" && shift 2; done
}

place() {  # FILE CONTENTS: a program for the shell, or a script for Python
  mkdir -p "$(dirname "$TREE/$1")"
  case $1 in
    *.py) printf '%s\n' "$2" > "$TREE/$1" ;;
    *) printf '#!/usr/bin/env bash\n%s\n' "$2" > "$TREE/$1" ;;
  esac
  chmod +x "$TREE/$1"
}

# The programs that CMake knows of: NAME FOLDER...
place_programs() {
  local tests=()
  while [ $# -gt 0 ]; do
    tests+=("{\"name\": \"$1\", \"command\": [\"$TREE/bin/$1\"],
      \"properties\": [{\"name\": \"WORKING_DIRECTORY\", \"value\": \"$TREE/tests/$2\"}]}")
    shift 2
  done
  place bin/ctest "cat << 'END'
{\"tests\": [$(IFS=,; echo "${tests[*]}")]}
END"
}

in_tree() {  # ARGUMENTS of tests/run.sh
  env -u TEST_FULL -u AT_ONCE -u PROGRAM_LIMIT PATH="$TREE/bin:$PATH" MEETING="$TREE/meeting" ${FULL:+TEST_FULL=1} bash "$TREE/tests/run.sh" "$@"
}

# For stand-ins: waits until so many have come, so that fewer at a time fail.
# shellcheck disable=SC2016
MEET='meet() {
  mkdir -p "$MEETING" && : > "$MEETING/$BASHPID"
  for _ in $(seq 600); do
    [ "$(ls "$MEETING" | wc -l)" -ge "$1" ] && return
    sleep 0.05
  done
  return 1
}'
PYTHON_MEETS='
import subprocess, sys
sys.exit(subprocess.run(["bash", "-c", """%s
meet 4"""], check=False).returncode)'

matches() {  # TEXT PATTERN...: each is a line of the text, and the text has no others
  local text=$1
  shift
  echo "$text"
  diff <(sort <<< "$text") <(printf '%s\n' "$@" | sort)
}

clang_format_fails() {
  make_tree src/one.cc '' bin/clang-format 'echo "Error reading .clang-format: Invalid argument" >&2; exit 1'
  matches "$(in_tree --section format)" "FAIL format: clang-format itself, exit code 123 (log: $TREE/build/logs/format.log)"
}

clang_format_complains() {
  make_tree src/one.cc '' src/two.cc '' \
    bin/clang-format 'echo "src/one.cc:1:2: error: code should be clang-formatted [-Wclang-format-violations]" >&2; exit 1'
  matches "$(in_tree --section format)" "FAIL format: src/one.cc (log: $TREE/build/logs/format.log)" "ok format: src/two.cc"
}

logs_of_tsan() {
  # shellcheck disable=SC2016
  make_tree tests/loopback/lifecycle_test.sh 'rm -f "$TEST_LOGS/lifecycle.one.log" && echo "ok lifecycle: one"'
  echo red > "$TREE/build/logs/lifecycle.one.log"
  matches "$(in_tree --section tsan)" "ok tsan-lifecycle: one" && [ -s "$TREE/build/logs/lifecycle.one.log" ]
}

halves() {
  # shellcheck disable=SC2016
  make_tree bin/sim_test "$MEET"'
    meet 2 || exit 1
    name=World.Number$GTEST_SHARD_INDEX-of-$GTEST_TOTAL_SHARDS
    printf "[==========] Running 1 test\n[ RUN      ] %s\n[       OK ] %s (0 ms)\n" "$name" "$name"'
  place_programs sim_test sim
  matches "$(in_tree --section sim)" "short hours of virtual time in the simulation's soak: 0 instead of 24" \
    "ok sim_test-1: World.Number0-of-2" "ok sim_test-2: World.Number1-of-2"
}

two_of_the_background() {
  make_tree bin/fuzz_regress_test "$MEET"$'\nmeet 3' bin/sim_test "$MEET"$'\nmeet 3'
  place_programs sim_test sim fuzz_regress_test fuzz
  echo "ok build: asan" > "$TREE/build/logs/build-asan.out"
  in_tree --lane -- sim corpus
  [ -e "$TREE/build/logs/section-sim.end" ] && [ -e "$TREE/build/logs/section-corpus.end" ] || return 1
  matches "$(grep -hv '^ \|^short ' "$TREE"/build/logs/section-*.log)" "ok sim_test-1" "ok sim_test-2" "ok fuzz_regress_test"
}

image_beside_builds() {
  make_tree bin/cmake : bin/ninja "$MEET"$'\nmeet 2' docker/test.sh "$MEET"$'\nmeet 2 && echo "ok docker: image"'
  echo "ok build: release" > "$TREE/build/logs/build-release.out"
  in_tree --lane asan -- image
  matches "$(grep -h '^ok' "$TREE"/build/logs/build-asan.out "$TREE/build/logs/section-image.log")" "ok build: asan" "ok docker: image"
}

four_at_a_time() {
  local section script
  for section in netns loopback; do
    make_tree
    # shellcheck disable=SC2059
    for script in a b c d; do place "tests/$section/${script}_test.py" "$(printf "$PYTHON_MEETS" "$MEET")"; done
    matches "$(in_tree --section "$section" | grep -v '^short ')" "ok a_test.py" "ok b_test.py" "ok c_test.py" "ok d_test.py" || return 1
  done
}

results() {  # ARGUMENTS of tests/run.sh: the lines that count, once each, without where their logs are
  in_tree --no-install "$@" | grep -E '^(ok|FAIL|skip) ' | sed 's/ (log: .*)$//' | sort -u
}

# What others need is still being made while a client of the server's runs, and turns out to be broken.
server_first() {
  # shellcheck disable=SC2016
  make_tree bin/cmake : bin/ninja "$MEET"'
    echo "$*" >> "$(dirname "$MEETING")/built"
    [ "$*" = "-C build/asan turnpike turnpike_discovery" ] || { meet 2 && exit 1; }' \
    tests/interop/one_test.sh "$MEET"$'\nmeet 2 && echo "ok one: case"'
  matches "$(results unit interop)" "ok build: server" "ok one: case" "FAIL build: asan" "FAIL unit: what it needs was not built" &&
    [ "$(cat "$TREE/built")" = $'-C build/asan turnpike turnpike_discovery\n-C build/asan' ]
}

no_server() {
  # shellcheck disable=SC2016
  make_tree bin/cmake : bin/ninja '[ "$*" = "-C build/asan" ]' tests/interop/one_test.sh 'echo "ok one: case"'
  matches "$(results unit interop)" "FAIL build: server" "FAIL interop: what it needs was not built" "ok build: asan" \
    "skip unit: there is no test in tests/unit yet"
}

rounds() {
  # The descriptor by which that is told is no script's: some count theirs.
  # shellcheck disable=SC2016
  make_tree tests/interop/one_test.sh '[ ! -e /proc/$$/fd/3 ] && echo "ok one: case"'
  matches "$(in_tree --section interop)" "ok one: case" "short rounds of other people's clients: 1 instead of 2" || return 1
  matches "$(FULL=1 in_tree --section interop)" "ok one: case" "ok again: one: case"
}

every_script() {
  local section
  for section in $(bash "$ROOT/tests/run.sh" --list); do bash "$ROOT/tests/run.sh" --scripts "$section"; done |
    grep '_test\.' | sort -u > "$WORK/run"
  (cd "$ROOT" && find tests -name '*_test.py' -o -name '*_test.sh') | sort | diff "$WORK/run" - &&
    [ "$(bash "$ROOT/tests/run.sh" --scripts interop | head -n 1)" = tests/interop/turnutils_test.sh ] &&
    [ "$(bash "$ROOT/tests/run.sh" --scripts netns | head -n 1)" = tests/netns/nat_oddities_test.py ]
}

run_case "a long run as root on Debian 12 that skips browsers, image or containers whole has failed" never_skipped
run_case "a skip of some cases, in a short run, or elsewhere, is a skip" skipped_elsewhere
run_case "a section that hangs, ends badly or reports nothing has failed" broken
run_case "a clang-format that fails has shown nothing" clang_format_fails
run_case "a file that clang-format complains of has failed, the others have not" clang_format_complains
run_case "a green case under TSAN leaves the log of a red one of the same name" logs_of_tsan
run_case "the simulation runs in two halves at once" halves
run_case "sections of the background run two at a time" two_of_the_background
run_case "a section of the background begins when what it needs is built, beside other builds" image_beside_builds
run_case "clients run as soon as the server is built, while the rest is, which fails by itself" server_first
run_case "without a server its clients have failed" no_server
run_case "four scripts that wait most of the time run at a time" four_at_a_time
run_case "a round of other people's clients that a short run leaves out is told" rounds
run_case "every script belongs to a section, and the longest begin first" every_script
finish
