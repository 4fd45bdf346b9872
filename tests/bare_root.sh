#!/usr/bin/env bash
# etc/quickstart.sh and tests/run.sh in a bare Debian root, as on a fresh machine. Takes the mirror that apt uses here.
#
#   tests/bare_root.sh [FOLDER]    FOLDER keeps the root for a look; without it the root is made and removed
# Nothing has to be built here: the root builds its own.
TEST_SERVER=${TEST_SERVER:-none}
. "$(dirname "$0")/interop/lib.sh"
. "$ROOT/tests/netns/two_hosts.sh"

reason() {
  [ "$(id -u)" -eq 0 ] || { echo "this needs root" && return; }
  command -v debootstrap > /dev/null || { echo "debootstrap is not installed" && return; }
  command -v unshare > /dev/null || { echo "unshare is not installed" && return; }
  unshare -m true 2> /dev/null || { echo "mounting is not allowed here" && return; }
  # A build needs some room, and the image another build.
  [ "$(df -Pk "${1:-/var/tmp}" 2> /dev/null | awk 'NR == 2 { print int($4 / 1048576) }')" -ge 12 ] ||
    echo "there are less than 12 GiB free in ${1:-/var/tmp}"
}

KEEP=${1:-}
[ -z "$KEEP" ] || mkdir -p "$KEEP"
why=$(reason "$KEEP")
if [ -n "$why" ]; then
  echo "skip bare-root: all cases: $why"
  exit 0
fi
BARE=${KEEP:-$(mktemp -d /var/tmp/turnpike-root-XXXXXX)}
remove_root() {
  [ -n "$KEEP" ] || rm -rf --one-file-system "$BARE"
  cleanup
}
trap remove_root EXIT

# The first mirror of Debian's own packages that apt knows; its address is in no file of ours.
mirror() {
  apt-cache policy 2> /dev/null | sed -n 's/^ *[0-9]* \(http[^ ]*\) bookworm\/main .*/\1/p' | head -n 1
}

# Runs a command inside, with /proc, /dev and /sys (control groups are there) in a mount namespace of its own, so that nothing stays
# mounted. It is the root of that namespace: a container, which changes its root, can't be started in a folder of another one.
inside() {
  unshare -m -p -f --kill-child bash -c '
    root=$1; shift
    mount --bind "$root" "$root" && cd "$root" && mount -t proc proc proc && mount --rbind /dev dev && mount --rbind /sys sys &&
      mount -t tmpfs tmpfs tmp && mkdir tmp/outside && pivot_root . tmp/outside && umount -l /tmp/outside && rmdir /tmp/outside &&
      exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb "$@"' bash "$BARE" "$@"
}

make_root() {
  [ ! -e "$BARE/etc/debian_version" ] || return 0
  # As the root of a system is: other users may look into it.
  chmod 755 "$BARE"
  debootstrap --variant=minbase bookworm "$BARE" "$(mirror)" || return 1
  cp /etc/resolv.conf "$BARE/etc/resolv.conf"
  # What apt needs to get out of here, if anything.
  cp /etc/apt/apt.conf.d/*proxy* "$BARE/etc/apt/apt.conf.d/" 2> /dev/null || true
}

copy_tree() {
  mkdir -p "$BARE/root/turnpike"
  if git -C "$ROOT" rev-parse -q --verify HEAD > /dev/null 2>&1 && [ -z "$(git -C "$ROOT" status --porcelain)" ]; then
    git -C "$ROOT" archive HEAD | tar -x -C "$BARE/root/turnpike"
  else
    tar -C "$ROOT" --exclude=./build --exclude=./.git -c . | tar -x -C "$BARE/root/turnpike"
  fi
}

quickstart() {
  inside bash -c 'cd /root/turnpike && etc/quickstart.sh --background < /dev/null | tee /tmp/out && eval "timeout 30 $(tail -n 1 /tmp/out)"
    # 3: everything but what the policy forbids on the host of the server itself.
    status=$?; etc/quickstart.sh --stop; [ $status -eq 0 ] || [ $status -eq 3 ]'
}

another_machine() { lay_two_hosts && inside /root/turnpike/tests/netns/first_probe.sh; }

whole_test() {
  inside bash -c 'cd /root/turnpike && tests/run.sh < /dev/null'
}

run_case "a bare root is made" make_root
run_case "the tree is copied" copy_tree
run_case "etc/quickstart.sh works, piped, without terminal and sudo" quickstart
run_case "the line that it prints passes on another machine" another_machine
run_case "tests/run.sh passes" whole_test
finish
