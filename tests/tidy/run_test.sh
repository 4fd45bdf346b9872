#!/usr/bin/env bash
# What tests/run.sh makes of a section whose cases are over.
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

run_case "a long run as root on Debian 12 that skips browsers, image or containers whole has failed" never_skipped
run_case "a skip of some cases, in a short run, or elsewhere, is a skip" skipped_elsewhere
run_case "a section that hangs, ends badly or reports nothing has failed" broken
finish
