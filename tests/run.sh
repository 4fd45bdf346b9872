#!/usr/bin/env bash
# Installs what the tests need, builds, and runs them. See --help.
set -u
cd "$(dirname "$0")/.." || exit 1
ROOT=$PWD
LOGS=$ROOT/build/logs

# The sections in their order, what they need built, and after how many seconds they count as hanging. Those of the background only compute:
# they and all builds but the first run at the lowest priority beside the others. So those that mostly wait for the network come first, with
# nothing but the server built. The last ones measure, when nothing else runs.
SECTIONS=(format interop browser netns attacks loopback unit tidy vectors image docker tsan quickstart sim corpus fuzz lint memory)
BACKGROUND=" image sim corpus fuzz lint "
MEASURING=" memory bare-root "
FULL_SECTIONS=(bare-root)
# In the order in which they are made. `server` is the beginning of `asan`: the program alone.
BUILDS=(server release asan tsan fuzz)
declare -A NEEDS=([unit]=asan [memory]="asan release" [tidy]=asan [vectors]=asan [sim]=asan [corpus]=asan [tsan]=tsan [fuzz]=asan
  [loopback]="asan release" [interop]=server [attacks]="server release" [netns]="server release" [browser]=server
  [image]=release [docker]=release [quickstart]=release)
declare -A LIMIT=([format]=120 [unit]=600 [memory]=400 [tidy]=120 [vectors]=120 [sim]=2000 [corpus]=900 [tsan]=900 [fuzz]=2000
  [loopback]=900 [interop]=600 [attacks]=900 [netns]=1800 [browser]=600 [image]=2400 [docker]=1200 [quickstart]=900 [lint]=2000 [bare-root]=5400)
declare -A ABOUT=(
  [format]="clang-format on every C++ file"
  [unit]="unit tests, under ASAN and UBSAN"
  [memory]="what connections and strangers cost in memory and time: by themselves, and without sanitizers where memory counts"
  [tidy]="the rules of the source tree: includes, banned calls, lists of files; what the documents say"
  [vectors]="the sample messages of the RFCs and the IANA registries, under ASAN and UBSAN"
  [sim]="the simulation in virtual time, under ASAN and UBSAN"
  [corpus]="every fuzzing input ever kept, replayed under ASAN and UBSAN"
  [tsan]="what has threads, under TSAN: unit tests, loopback, and clients against a TSAN server"
  [fuzz]="each libFuzzer target for 10 s"
  [loopback]="the real server on loopback: life cycle, signals, users"
  [interop]="turnutils, aioice and libnice through the server"
  [attacks]="attacks on the server, from outside, by a second implementation of STUN"
  [netns]="the embedded client behind NATs of every kind, in network namespaces (needs root)"
  [browser]="calls of Chromium and Firefox, relay to relay (needs root)"
  [image]="the image, built by buildah (needs root)"
  [docker]="the image that was built last, run by podman (needs root)"
  [quickstart]="etc/quickstart.sh, from database to a relayed packet"
  [lint]="clang-tidy on the files that changed"
  [bare-root]="quickstart and tests in a bare Debian root (needs root; --full only)")

BUILD_PACKAGES=(g++ cmake ninja-build ccache pkg-config libevent-dev libssl-dev libsqlite3-dev libfmt-dev libspdlog-dev
  libexpected-dev libboost-program-options-dev prometheus-cpp-dev nlohmann-json3-dev libgtest-dev libgmock-dev)
TEST_PACKAGES=(clang clang-format clang-tidy lld coturn python3 python3-aioice python3-gi gir1.2-nice-0.1 sqlite3 openssl
  iproute2 nftables conntrack util-linux procps git stun-client stun-server chromium firefox-esr libnss3-tools
  buildah podman podman-compose runc containernetworking-plugins iptables debootstrap python3-yaml prometheus valgrind llvm)

usage() {
  cat << END
usage: tests/run.sh [--full] [--no-install] [SECTION ...]

Without a SECTION all of them run. The closing line is 'N passed, N failed, N skipped'; the exit code is 0 only when
nothing failed. Logs are in build/logs.

  --full         the long counts (hours of virtual time, 10,000 clients, every file linted) and the bare root
  --no-install   never call apt-get
  --list         names the sections
  --scripts NAME names the scripts of that section
  --help         this text

sections:
END
  local name
  for name in "${SECTIONS[@]}" "${FULL_SECTIONS[@]}"; do printf '  %-12s %s\n' "$name" "${ABOUT[$name]}"; done
}

say() { printf '\n== %s\n' "$*"; }
have() { command -v "$1" > /dev/null 2>&1; }
full() { [ "${TEST_FULL:-0}" = 1 ]; }

# ---- packages ------------------------------------------------------------------------------------------------------

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif have sudo; then sudo "$@"; else return 1; fi
}

install_packages() {
  local package missing=()
  have dpkg-query || {
    echo "skip packages: this is no Debian; what the tests need must be there already"
    return 0
  }
  local wanted=("${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}") runtime
  # libFuzzer and the sanitizers of clang are a package of their own, named by clang's version.
  runtime=$(apt-cache depends clang 2> /dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p' | head -n 1)
  [ -n "$runtime" ] && wanted+=("$runtime")
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing ${missing[*]}"
  # Only their programs are wanted: as services they would take the very ports that ours is for.
  local package_of_a_service
  for package_of_a_service in coturn stun-server prometheus; do
    case " ${missing[*]} " in
      *" $package_of_a_service "*) [ -d /run/systemd/system ] && as_root systemctl mask "$package_of_a_service.service" ;;
    esac
  done
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq > "$LOGS/packages.log" 2>&1 &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
      >> "$LOGS/packages.log" 2>&1 < /dev/null
}

# ---- builds --------------------------------------------------------------------------------------------------------

# Tests that CMake knows of in a build folder: NAME, its folder under tests/, and its command, one a line.
list_tests() {
  (cd "build/$1" && ctest --show-only=json-v1) | python3 -c '
import json, os, sys
for test in json.load(sys.stdin)["tests"]:
    folder = next((p["value"] for p in test["properties"] if p["name"] == "WORKING_DIRECTORY"), "")
    folder = folder.split("/tests/", 1)[-1] if "/tests/" in folder else "."
    print(test["name"], folder, *test.get("command", ["?"]))'
}

# Channels of TLS know no thread, and take long to build.
threaded_tests() {
  list_tests "$1" | awk '$1 !~ "^net_(tls|memory)_test$" && ($2 ~ "^unit/(base|auth|metrics|net|relay|server)$" || $2 ~ "^loopback")'
}

configure_and_build() {  # CONFIGURATION
  local options=() targets=() strict=ON preset=$1
  [ "$1" != server ] || preset=asan
  have ccache && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  # The optimiser of g++ 12 warns about the standard library itself, so the release has no -Werror.
  [ "$1" = release ] && strict=OFF
  options+=(-DTURNPIKE_UNITY=ON -DTURNPIKE_WERROR=$strict)
  # What a quickstart in the same folder left may have them off.
  [ "$1" = fuzz ] || options+=(-DTURNPIKE_TESTS=ON)
  # The short run fuzzes from the build that it has anyway.
  if [ "$preset" = asan ]; then full && options+=(-DTURNPIKE_FUZZ=OFF) || options+=(-DTURNPIKE_FUZZ=ON); fi
  # A compiler cache serves precompiled heads only when told that their times don't matter.
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  case $preset in
    asan | tsan)
      # Enough for the lines of a stack trace, and quicker to build.
      options+=(-DCMAKE_CXX_FLAGS_DEBUG=-g1)
      # Takes a quarter of the time for programs of this size.
      ! have ld.lld || options+=(-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld)
      ;;
  esac
  cmake --preset "$preset" "${options[@]}" || return 1
  case $1 in
    # Clients need the server, and the library that they are to be built with.
    server) targets=(turnpike turnpike_discovery) ;;
    release) targets=(turnpike net_memory_test) ;;
    tsan) mapfile -t targets < <(threaded_tests tsan | cut -d ' ' -f 1) && targets+=(turnpike) ;;
    fuzz) targets=(tests/fuzz/all) ;;
  esac
  ninja -C "build/$preset" "${targets[@]}"
}

build() {  # CONFIGURATION: reported as a case
  local log=$LOGS/build-$1.log began=$SECONDS
  if timeout -k 10 2400 bash "$0" --build "$1" > "$log" 2>&1 < /dev/null; then
    echo "ok build: $1"
    echo "   ($((SECONDS - began)) s)"
  else
    echo "FAIL build: $1 (log: $log)"
    grep -E -A 5 'error:|^FAILED:|CMake Error' "$log" | head -n 30
  fi
}

# ---- runners: each prints the lines that are counted -----------------------------------------------------------------

# Turns the output of a GoogleTest program into our lines. A case that began and never ended is the one that crashed.
gtest_lines() {  # PROGRAM-NAME EXIT-CODE LOG
  awk -v program="$1" -v status="$2" -v log_path="$3" '
    /^\[ RUN      \] / { running = $4; reason = ""; next }
    /^\[       OK \] / { print "ok " program ": " $4; running = ""; next }
    /^\[  SKIPPED \] .* ms\)$/ { print "skip " program ": " $4 ": " (reason ? reason : "no reason given"); running = ""; next }
    /^\[  FAILED  \] .* ms\)$/ { name = $4; sub(/,$/, "", name); print "FAIL " program ": " name " (log: " log_path ")"; failed++; running = ""; next }
    /[^ ]/ { reason = $0 }
    END {
      if (running != "") print "FAIL " program ": " running " did not end: " (status == 124 ? "time-out" : "exit code " status) " (log: " log_path ")"
      else if (status != 0 && !failed) print "FAIL " program ": " (status == 124 ? "time-out" : "exit code " status) " (log: " log_path ")"
    }' "$3"
}

run_program() {  # NAME COMMAND...: a GoogleTest program, or anything that has an exit code
  local name=$1 log status
  shift
  log=$LOGS/$name.log
  timeout -k 10 "${PROGRAM_LIMIT:-300}" "$@" > "$log" 2>&1 3>&- < /dev/null
  status=$?
  if grep -q '^\[==========\]' "$log"; then
    gtest_lines "$name" "$status" "$log"
  else
    plain_lines "$name" "$status" "$log"
  fi
}

# The lines of a test script that follows the protocol of tests/interop/lib.sh; any other is one case by its exit code.
plain_lines() {  # NAME EXIT-CODE LOG
  if grep -qE '^(ok|FAIL|skip) ' "$3"; then
    grep -E '^(ok|FAIL|skip|short) ' "$3"
    if [ "$2" -ne 0 ] && ! grep -q '^FAIL ' "$3"; then
      echo "FAIL $1: ended with exit code $2 (log: $3)"
    fi
  else
    case $2 in
      0) echo "ok $1" ;;
      77) echo "skip $1: $(tail -n 1 "$3")" ;;
      124) echo "FAIL $1: time-out (log: $3)" ;;
      *) echo "FAIL $1 (log: $3)" ;;
    esac
  fi
}

# Runs `run_program` for each line of NAME COMMAND..., two at a time or as many as AT_ONCE says.
run_lines() {
  local name command
  while read -r name command; do
    while [ "$(jobs -rp | wc -l)" -ge "${AT_ONCE:-2}" ]; do wait -n; done
    # shellcheck disable=SC2086  # A command with its arguments.
    run_program "$name" $command &
  done
  wait
}

run_folder() {  # CONFIGURATION FOLDER: the tests of that folder that CMake knows
  local found
  found=$(list_tests "$1" | awk -v folder="$2" '$2 == folder || index($2, folder "/") == 1' | sed 's/^\([^ ]*\) [^ ]*/\1/')
  [ -n "$found" ] || {
    echo "skip $2: there is no test in tests/$2 yet"
    return
  }
  run_lines <<< "$found"
}

run_scripts() {  # SCRIPT...
  local script prefix=${SCRIPT_PREFIX:-}
  for script in "$@"; do
    [ -e "$script" ] || continue
    case $script in
      *.py) echo "$prefix$(basename "$script") /usr/bin/python3 $script" ;;
      *) echo "$prefix$(basename "$script") bash $script" ;;
    esac
  done | run_lines
}

# They belong to the section `memory`.
MEASURING_SCRIPTS=(tests/loopback/idle_clients_test.py tests/interop/attacks/flood_test.py)
# What takes longest, so that it does not begin last.
LONGEST=(tests/interop/turnutils_test.sh tests/netns/nat_oddities_test.py tests/netns/nat_test.py tests/netns/discover_test.py
  tests/netns/own_server_test.py tests/netns/publish_test.py tests/loopback/bandwidth_test.py tests/loopback/discover_test.py
  tests/loopback/load_test.sh tests/loopback/soak_test.py tests/interop/attacks/{tls,dtls,streams}_test.py)

scripts_in() {  # FOLDER: the scripts of its section, in the order in which they are to begin
  local script
  for script in "${LONGEST[@]}" "$1"/*_test.sh "$1"/*_test.py; do
    [ "${script%/*}" = "$1" ] && [ -e "$script" ] || continue
    case " ${MEASURING_SCRIPTS[*]} " in *" $script "*) ;; *) echo "$script" ;; esac
  done | awk '!seen[$0]++'
}

scripts_of() {  # SECTION
  case $1 in
    tidy | loopback | interop | netns | browser) scripts_in "tests/$1" ;;
    attacks) scripts_in tests/interop/attacks ;;
    memory) printf '%s\n' "${MEASURING_SCRIPTS[@]}" ;;
    tsan) printf '%s\n' tests/loopback/lifecycle_test.sh tests/interop/attacks/{rules,ports,mobility}_test.py \
      tests/interop/{tcp_relay,aioice}_test.py ;;
    quickstart) echo tests/quickstart_test.sh ;;
    bare-root) echo tests/bare_root.sh ;;
  esac
}

run_scripts_of() {  # SECTION
  local scripts
  mapfile -t scripts < <(scripts_of "$1")
  run_scripts "${scripts[@]}"
}

use_server() {  # CONFIGURATION [LOGS]: a folder of its own where another section has cases of the same names
  export TEST_SERVER="$ROOT/build/$1/bin/turnpike serve" TEST_LOGS=${2:-$LOGS}
  mkdir -p "$TEST_LOGS"
  [ -x "$ROOT/build/release/bin/turnpike" ] &&
    export TEST_SERVER_LEAN="$ROOT/build/release/bin/turnpike serve"
  if [ -n "${TEST_STAND_IN:-}" ]; then
    export TEST_SERVER=$TEST_STAND_IN TEST_SERVER_LEAN=$TEST_STAND_IN
  fi
}

short() {  # WHAT USED WHOLE: prints the count to use, and says when it is not the whole one
  if full; then echo "$3"; else
    echo "short $1: $2 instead of $3" >&3
    echo "$2"
  fi
}

# ---- sections --------------------------------------------------------------------------------------------------------

cxx_files() {
  { git ls-files -co --exclude-standard -- src include tests bench 2> /dev/null ||
    find src include tests bench -type f; } | grep -E '\.(cc|h)$' | sort
}

section_format() {
  have clang-format || { echo "skip format: clang-format is not installed" && return; }
  local file status
  # Many files a call, since starting the program is what takes time; those it complains of stand in its output.
  cxx_files | xargs -P 2 -n 50 clang-format --dry-run -Werror > "$LOGS/format.log" 2>&1
  status=$?
  if [ "$status" -ne 0 ] && ! grep -q 'clang-formatted' "$LOGS/format.log"; then
    echo "FAIL format: clang-format itself, exit code $status (log: $LOGS/format.log)" && return
  fi
  cxx_files | while read -r file; do
    if grep -q "^$file:" "$LOGS/format.log"; then
      echo "FAIL format: $file (log: $LOGS/format.log)"
    else
      echo "ok format: $file"
    fi
  done
}

section_unit() { run_folder asan unit; }
section_memory() {
  list_tests release | awk '$1 == "net_memory_test" { print $1, $3 }' | run_lines
  use_server asan
  AT_ONCE=1 run_scripts_of memory
}
section_tidy() {
  run_folder asan tidy
  use_server asan
  run_scripts_of tidy
}
section_vectors() { run_folder asan vectors; }
section_sim() {
  exec 3>&1
  local hours
  hours=$(short "hours of virtual time in the simulation's soak" 0 24)
  [ "$hours" -eq 0 ] || export TEST_SIM_SOAK=1
  # In two halves, since one program is one processor's work.
  list_tests asan | awk '$2 == "sim" {
    for (half = 0; half < 2; half++)
      print $1 "-" half + 1, "env GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX=" half, $3
  }' | PROGRAM_LIMIT=2000 run_lines
}
section_corpus() { run_folder asan fuzz; }

section_tsan() {
  export TSAN_OPTIONS="halt_on_error=1 exitcode=98 ${TSAN_OPTIONS:-}"
  threaded_tests tsan | sed 's/^\([^ ]*\) [^ ]*/tsan-\1/' | run_lines
  use_server tsan "$LOGS/tsan"
  SCRIPT_PREFIX=tsan- run_scripts_of tsan | sed -E 's/^(ok|FAIL|skip) ([^t]|t[^s])/\1 tsan-\2/'
}

section_fuzz() {
  local target name seconds runs log
  exec 3>&1
  seconds=$(short "seconds for each fuzz target" 10 60)
  fuzz_one() {
    name=$(basename "$1") log=$LOGS/fuzz-$(basename "$1").log
    local work
    work=$(mktemp -d)
    local corpus=tests/fuzz/corpus/${name#fuzz_}
    [ -d "$corpus" ] || corpus=
    (cd "$ROOT" && timeout -k 5 $((seconds + 60)) "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
      -artifact_prefix="$LOGS/crash-$name-" -print_final_stats=1 "$work" $corpus) > "$log" 2>&1 < /dev/null
    if [ $? -eq 0 ]; then
      runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
      echo "ok fuzz: $name ($runs runs in $seconds s)"
    else
      echo "FAIL fuzz: $name (log: $log)"
    fi
    rm -rf "$work"
  }
  local folder=build/asan
  full && folder=build/fuzz
  for target in tests/fuzz/*_target.cc; do
    target=$folder/bin/fuzz_$(basename "$target" _target.cc)
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
    fuzz_one "$target" &
  done
  wait
}

section_loopback() {
  local found
  exec 3>&1
  TEST_START_CYCLES=$(short "starts and stops of a server" 25 200)
  export TEST_START_CYCLES
  found=$(list_tests asan | awk '$2 ~ "^loopback"' | sed 's/^\([^ ]*\) [^ ]*/\1/')
  [ -z "$found" ] || run_lines <<< "$found"
  use_server asan
  # The soak alone takes five minutes. They wait most of the time.
  PROGRAM_LIMIT=$(full && echo 900 || echo 300) AT_ONCE=4 run_scripts_of loopback
}

section_interop() {
  exec 3>&1
  export TEST_BUILT=1
  use_server asan
  run_scripts_of interop
  # What other people's clients do once they must do again.
  [ "$(short "rounds of other people's clients" 1 2)" -eq 2 ] || return 0
  use_server asan "$LOGS/again"
  SCRIPT_PREFIX=again- run_scripts_of interop | sed -E 's/^(ok|FAIL|skip) /\1 again: /'
}

section_attacks() {
  use_server asan
  AT_ONCE=3 run_scripts_of attacks
}

section_browser() {
  use_server asan
  PROGRAM_LIMIT=$(full && echo 1800 || echo 560) run_scripts_of browser
}

section_image() { PROGRAM_LIMIT=2300 run_lines <<< "image bash docker/test.sh --build"; }
section_docker() { PROGRAM_LIMIT=$(full && echo 4000 || echo 1100) run_lines <<< "docker bash docker/test.sh --run"; }

section_netns() {
  exec 3>&1
  use_server asan
  if full; then export PROGRAM_LIMIT=7000; else export PROGRAM_LIMIT=1500; fi
  # They wait most of the time, with many runs at once less so.
  AT_ONCE=$(full && echo 3 || echo 4) run_scripts_of netns
}

section_quickstart() { run_scripts_of quickstart; }
section_bare-root() { PROGRAM_LIMIT=9000 run_scripts_of bare-root; }

changed_files() {
  local base=${TEST_BASE:-}
  git rev-parse -q --verify HEAD > /dev/null 2>&1 || {
    cxx_files
    return
  }
  [ -n "$base" ] || base=$(git merge-base HEAD origin/main 2> /dev/null)
  if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
    base=$(git rev-parse -q --verify HEAD~1 2> /dev/null) || base=$(git hash-object -t tree /dev/null)
  fi
  { git diff --name-only "$base" -- && git ls-files -o --exclude-standard; } | sort -u | while read -r file; do
    [ -e "$file" ] && echo "$file"
  done
}

section_lint() {
  have clang-tidy || { echo "skip lint: clang-tidy is not installed" && return; }
  # A configuration of its own, since the others compile files in batches.
  cmake --preset debug > "$LOGS/lint-configure.log" 2>&1 || { echo "FAIL lint: configure (log: $LOGS/lint-configure.log)" && return; }
  local all count most=20
  exec 3>&1
  all=$(changed_files | grep -E '\.cc$' | while read -r file; do
    grep -qF "/$file\"" build/debug/compile_commands.json && echo "$file"
  done)
  count=$(printf '%s' "$all" | grep -c .)
  if full || [ "$count" -le "$most" ]; then
    [ "$count" -eq 0 ] && echo "skip lint: no C++ file changed"
  else
    # Evenly over the list, so that every module has its share.
    all=$(awk -v step=$(((count + most - 1) / most)) 'NR % step == 1 || step == 1' <<< "$all")
    short "files for clang-tidy" "$(grep -c . <<< "$all")" "$count" > /dev/null
  fi
  lint_one() {
    local log=$LOGS/lint-${1//\//-}.log
    if timeout 300 clang-tidy -quiet -p build/debug --warnings-as-errors='*' "$1" > "$log" 2>&1 < /dev/null; then
      echo "ok lint: $1"
    else
      echo "FAIL lint: $1 (log: $log)"
    fi
  }
  local file
  while read -r file; do
    [ -n "$file" ] || continue
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
    lint_one "$file" &
  done <<< "$all"
  wait
}

# ---- the run ---------------------------------------------------------------------------------------------------------

TOTAL=$LOGS/total
count() { grep -c "^$1 " "$TOTAL"; }

# Runs a command in a session of its own, so that whatever a hanging one started can be found and ended.
in_session() {  # NAME COMMAND...
  setsid -w bash -c 'echo $$ > "$1"; shift; [ "$(nice)" -eq 0 ] || echo 19 2> /dev/null > /proc/self/autogroup; "$@"' \
    bash "$LOGS/session-$1" "${@:2}"
}

end_session() {  # NAME
  local left
  [ -s "$LOGS/session-$1" ] || return 0
  left=$(ps -o pid= -s "$(cat "$LOGS/session-$1")")
  # shellcheck disable=SC2086
  [ -z "$left" ] || kill -9 $left 2> /dev/null
  rm -f "$LOGS/session-$1"
}

end_all_sessions() {
  local file
  end_session lane
  for file in "$LOGS"/session-*; do [ ! -e "$file" ] || end_session "${file##*/session-}"; done
}

# What these need is there on Debian 12 as root, so that a long run which skips one of them whole has shown nothing.
NEVER_SKIPPED=" browser image docker "

must_run() {  # SECTION
  full || return 1
  case $NEVER_SKIPPED in *" $1 "*) ;; *) return 1 ;; esac
  [ "$(id -u)" -eq 0 ] && grep -qx 'ID=debian' "$OS_RELEASE" && grep -qx 'VERSION_ID="12"' "$OS_RELEASE"
}
OS_RELEASE=${TEST_OS_RELEASE:-/etc/os-release}

# What is wrong with a section as a whole, besides its cases.
verdict() {  # NAME EXIT-CODE SECONDS LOG
  if [ "$2" -eq 124 ] || [ "$2" -eq 137 ]; then
    echo "FAIL $1: hung, ended after $3 s (log: $LOGS/section-$1.log)"
  elif [ "$2" -ne 0 ]; then
    echo "FAIL $1: ended with exit code $2 (log: $LOGS/section-$1.err)"
  elif ! grep -qE '^(ok|FAIL|skip) ' "$4"; then
    echo "FAIL $1: reported nothing (log: $LOGS/section-$1.err)"
  elif ! grep -qE '^(ok|FAIL) ' "$4" && must_run "$1"; then
    echo "FAIL $1: skipped as a whole, which --full as root on Debian 12 must not be"
  fi
}

# Runs a section and leaves what it printed, with a verdict on the whole, in its log; the file .end says that it is over.
perform_section() {  # NAME
  local name=$1 began=$SECONDS status limit=${LIMIT[$1]} log=$LOGS/section-$1.log
  full && limit=$((limit * 4))
  : > "$log"
  in_session "$name" timeout -k 20 "$limit" bash "$0" --section "$name" < /dev/null 2> "$LOGS/section-$name.err" >> "$log"
  status=$?
  end_session "$name"
  verdict "$name" "$status" "$limit" "$log" >> "$log"
  echo "   ($((SECONDS - began)) s)" >> "$log"
  : > "$LOGS/section-$name.end"
}

make_builds() {  # BUILD...
  local config
  for config in "$@"; do
    build "$config" > "$LOGS/build-$config.part"
    mv "$LOGS/build-$config.part" "$LOGS/build-$config.out"
  done
}

perform_if_built() {  # SECTION
  if is_built "$1"; then perform_section "$1"; else : > "$LOGS/section-$1.end"; fi
}

# Makes builds one after another, and beside them the sections of the background: two at a time, of which the builds are one.
lane() {  # BUILD... -- SECTION...
  local builds=()
  while [ "$1" != -- ]; do builds+=("$1") && shift; done
  shift
  [ ${#builds[@]} -eq 0 ] || { make_builds "${builds[@]}" & }
  while [ $# -gt 0 ]; do
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
    perform_if_built "$1" &
    shift
  done
  wait
}

# Whether all that a section needs could be built; waits for what is under way.
is_built() {  # SECTION
  local config
  for config in ${NEEDS[$1]:-}; do
    while [ ! -e "$LOGS/build-$config.out" ]; do sleep 0.2; done
    grep -q '^ok ' "$LOGS/build-$config.out" || return 1
  done
}

announce_builds() {
  local file
  for file in "$LOGS"/build-*.out; do
    [ -e "$file" ] && [ ! -e "$file.told" ] || continue
    tee -a "$TOTAL" < "$file"
    : > "$file.told"
  done
}

run_section() {  # NAME
  local name=$1 log=$LOGS/section-$1.log config
  is_built "$name"
  local built=$?
  announce_builds
  say "$name: ${ABOUT[$name]}"
  if [ "$built" -ne 0 ]; then
    echo "FAIL $name: what it needs was not built" | tee -a "$TOTAL"
    return
  fi
  case $BACKGROUND in
    *" $name "*) ;;
    *) perform_section "$name" & ;;
  esac
  until [ -e "$log" ]; do sleep 0.2; done
  tail -n +1 -s 0.2 -f "$log" &
  local reader=$!
  until [ -e "$LOGS/section-$name.end" ]; do sleep 0.2; done
  sleep 0.5
  kill "$reader" 2> /dev/null
  wait "$reader" 2> /dev/null
  cat "$log" >> "$TOTAL"
}

main() {
  local chosen=() name install=1 config line log
  while [ $# -gt 0 ]; do
    case $1 in
      --full) export TEST_FULL=1 ;;
      --no-install) install=0 ;;
      --list) printf '%s\n' "${SECTIONS[@]}" "${FULL_SECTIONS[@]}" && exit 0 ;;
      --help | -h) usage && exit 0 ;;
      --build) configure_and_build "$2" && exit 0 || exit 1 ;;
      --section) "section_$2"; exit 0 ;;
      --scripts) scripts_of "$2"; exit 0 ;;
      --verdict) verdict "$2" "$3" 0 "$4"; exit 0 ;;
      --lane) full && NEEDS[fuzz]=fuzz; shift; lane "$@"; exit 0 ;;
      -*) usage >&2 && exit 2 ;;
      *)
        [ -n "${ABOUT[$1]:-}" ] || { echo "tests/run.sh: there is no section '$1'" >&2 && usage >&2 && exit 2; }
        [ "$1" != docker ] || chosen+=(image)
        chosen+=("$1")
        ;;
    esac
    shift
  done
  if [ ${#chosen[@]} -eq 0 ]; then
    chosen=("${SECTIONS[@]}")
    full && chosen+=("${FULL_SECTIONS[@]}")
  fi
  full && NEEDS[fuzz]=fuzz
  mkdir -p "$LOGS" && : > "$TOTAL"
  rm -f "$LOGS"/*.end "$LOGS"/*.out "$LOGS"/*.told "$LOGS"/session-* "$LOGS"/section-*.log
  if [ "$install" -eq 1 ] && ! install_packages; then
    echo "tests/run.sh: the packages could not be installed (see $LOGS/packages.log); trying without" >&2
  fi
  trap 'end_all_sessions; exit 130' INT TERM HUP
  local began=$SECONDS needed=" " background=()
  for name in "${chosen[@]}"; do
    needed+="${NEEDS[$name]:-} "
    case $BACKGROUND in *" $name "*) background+=("$name") ;; esac
  done
  say "building"
  local later=()
  for config in "${BUILDS[@]}"; do
    case $needed in *" $config "*) later+=("$config") ;; esac
  done
  if [ ${#later[@]} -gt 0 ]; then
    in_session build bash "$0" --lane "${later[0]}" -- &
    wait $!
    later=("${later[@]:1}")
    announce_builds
  fi
  in_session lane nice -n 19 bash "$0" --lane "${later[@]}" -- "${background[@]}" &
  local lane=$!
  for name in "${chosen[@]}"; do
    case $MEASURING in *" $name "*) continue ;; esac
    run_section "$name"
  done
  wait "$lane" 2> /dev/null
  for name in "${chosen[@]}"; do
    case $MEASURING in *" $name "*) run_section "$name" ;; esac
  done
  announce_builds > /dev/null
  say "summary after $((SECONDS - began)) s"
  grep '^short ' "$TOTAL" | sort -u
  grep '^skip ' "$TOTAL"
  grep '^FAIL ' "$TOTAL" | while read -r line; do
    echo "$line"
    log=$(sed -n 's/.*(log: \(.*\))$/\1/p' <<< "$line")
    [ ! -s "$log" ] || tail -n 15 "$log" | cut -c 1-300 | sed 's/^/    | /'
  done
  printf '%d passed, %d failed, %d skipped\n' "$(count ok)" "$(count FAIL)" "$(count skip)"
  [ "$(count FAIL)" -eq 0 ]
}

main "$@"
