#!/usr/bin/env bash
# From a bare Debian 12 or Ubuntu 24.04 to a running server with one user. See --help.
set -eu
cd "$(dirname "$0")/.."
ROOT=$PWD
TURNPIKE=$ROOT/build/release/bin/turnpike
PACKAGES=(g++ cmake ninja-build pkg-config libevent-dev libssl-dev libsqlite3-dev libfmt-dev libspdlog-dev
  libexpected-dev libboost-program-options-dev prometheus-cpp-dev nlohmann-json3-dev)

usage() {
  cat << END
usage: etc/quickstart.sh [--background] [--host HOST] [--no-install] [-- OPTION ...]
       etc/quickstart.sh --stop

Installs what the build needs (apt-get), builds Turnpike into build/release, makes a user database with one generated
user, starts the server, and prints what a WebRTC page needs and a command that proves that a relay works. A second run
uses the same build, database and user.

  --background   leave the server running and return
  --stop         stop the server that --background left running
  --host HOST    the name or address under which clients reach this machine (default: its own address)
  --no-install   never call apt-get
  --packages-only, --build-only   end after the packages, or after the build
  --help         this text

What follows -- goes to 'turnpike serve', for example: etc/quickstart.sh -- --external-ip=ADDRESS --verbose
Database, user and log are in \$XDG_DATA_HOME/turnpike or ~/.local/share/turnpike.
END
}

say() { printf '%s\n' "$*" >&2; }
die() {
  say "quickstart: $*"
  exit 1
}

background=0 install=1 stop=0 host= until=
while [ $# -gt 0 ]; do
  case $1 in
    --background) background=1 ;;
    --stop) stop=1 ;;
    --no-install) install=0 ;;
    --packages-only) until=packages ;;
    --build-only) until=build ;;
    --host) host=${2:?quickstart: --host needs a value} && shift ;;
    --host=*) host=${1#*=} ;;
    --help | -h) usage && exit 0 ;;
    --) shift && break ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift
done
SERVE_OPTIONS=("$@")

# A service account may have no HOME in its environment.
home=${HOME:-$(getent passwd "$(id -u)" | cut -d : -f 6)}
DATA=${XDG_DATA_HOME:-$home/.local/share}/turnpike
DATABASE=$DATA/turndb ACCOUNT=$DATA/quickstart.user LOG=$DATA/quickstart.log PID=$DATA/quickstart.pid

# The process of an earlier --background, if it lives and is ours: a number alone may belong to anybody by now.
running() {
  [ -s "$PID" ] && [ "$(readlink "/proc/$(cat "$PID")/exe" 2> /dev/null | sed 's/ (deleted)$//')" = "$TURNPIKE" ]
}

if [ "$stop" -eq 1 ]; then
  running || die "no server of --background is running"
  kill "$(cat "$PID")" && rm -f "$PID" && say "stopped"
  exit 0
fi

install_packages() {
  local missing=() package
  command -v dpkg-query > /dev/null || {
    say "This is no Debian or Ubuntu; the build needs what README.md lists."
    return
  }
  for package in "${PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || die "please install as root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  say "Installing ${missing[*]} ..."
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq < /dev/null >&2
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    < /dev/null > /dev/null
}

build() {
  local log=$ROOT/build/quickstart-build.log
  mkdir -p "$ROOT/build"
  [ -x "$TURNPIKE" ] || say "Building Turnpike (a few minutes; log: $log) ..."
  local launcher=()
  command -v ccache > /dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  { cmake --preset release -DTURNPIKE_TESTS=OFF -DTURNPIKE_UNITY=ON ${launcher[@]+"${launcher[@]}"} &&
    cmake --build --preset release --target turnpike; } > "$log" 2>&1 < /dev/null || {
    tail -n 30 "$log" >&2
    die "the build failed; all of its output is in $log"
  }
}

# One user with a generated password, which is kept beside the database, readable by its owner only.
make_user() {
  mkdir -p "$DATA" && chmod 700 "$DATA"
  if [ ! -s "$ACCOUNT" ]; then
    local name password
    name=guest
    password=$("$TURNPIKE" user add "$name" --generate --userdb "$DATABASE" --realm turnpike 2> /dev/null) ||
      die "no user could be added to $DATABASE"
    (umask 077 && printf '%s\n%s\n' "$name" "$password" > "$ACCOUNT")
  fi
  { read -r USER_NAME && read -r PASSWORD; } < "$ACCOUNT" || die "$ACCOUNT is damaged; remove it and run this again"
  if [ ! -e "$DATABASE" ] || ! "$TURNPIKE" user list --userdb "$DATABASE" 2> /dev/null | grep -qw -- "$USER_NAME"; then
    printf '%s\n' "$PASSWORD" |
      "$TURNPIKE" user add "$USER_NAME" --password-stdin --userdb "$DATABASE" --realm turnpike 2> /dev/null ||
      die "no user could be added to $DATABASE"
  fi
}

# The value of an option among those for the server, in any of the ways to write it.
serve_option() {  # LONG SHORT DEFAULT
  local value=$3 expecting=0 option
  for option in ${SERVE_OPTIONS[@]+"${SERVE_OPTIONS[@]}"}; do
    if [ "$expecting" -eq 1 ]; then
      value=$option expecting=0
      continue
    fi
    case $option in
      "--$1="*) value=${option#*=} ;;
      "--$1" | "-$2") expecting=1 ;;
      "-$2"[0-9]*) value=${option#"-$2"} ;;
    esac
  done
  printf '%s\n' "$value"
}

own_address() {
  local address
  address=$(serve_option external-ip X "")
  address=${address%%/*}
  # The server finds its address by itself, or is to have no other than its own.
  case $address in auto | none) address= ;; esac
  [ -n "$address" ] || address=$(serve_option listening-ip L "")
  case $address in "" | 0.0.0.0 | ::) address=$(hostname -I 2> /dev/null | cut -d ' ' -f 1) ;; esac
  printf '%s\n' "${address:-127.0.0.1}"
}

# Where this machine reaches its own server, which is not always the address that clients use.
local_address() {
  case $(serve_option listening-ip L "") in "" | 0.0.0.0) echo 127.0.0.1 ;; ::) echo ::1 ;; *) serve_option listening-ip L "" ;; esac
}

# With external-ip=auto only the server knows where it relays from; until it does, it says 508 for some seconds. Over
# loopback it relays from loopback, so it is asked at its own address.
found_address() {
  local tries address
  for tries in 1 2 3 4 5 6 7 8 9 10 11 12; do
    address=$("$TURNPIKE" probe --host "$(own_address)" --port "$PORT" --user "$USER_NAME" --password "$PASSWORD" \
      --count 1 --timeout 1 2> /dev/null | sed -n 's/.* relayed \([0-9.]*\):[0-9]* .*/\1/p')
    [ -z "$address" ] && [ "$tries" -lt 12 ] || break
    sleep 0.5
  done
  printf '%s\n' "$address"
}

in_brackets() { case $1 in *:*) printf '[%s]' "$1" ;; *) printf '%s' "$1" ;; esac; }

wait_until_it_answers() {  # PROCESS-ID
  local tries=0
  while ! "$TURNPIKE" probe "stun:$(in_brackets "$(local_address)"):$PORT" --timeout 1 > /dev/null 2>&1; do
    kill -0 "$1" 2> /dev/null || return 1
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || return 1
    sleep 0.1
  done
}

print_result() {
  if [ -z "$host" ] && [ "$(serve_option external-ip X "")" = auto ]; then HOST=$(found_address); fi
  [ -n "$HOST" ] || HOST=$(own_address)
  say ""
  say "Turnpike answers on UDP port $PORT. For a WebRTC page, as iceServers of its RTCConfiguration:"
  say ""
  "$TURNPIKE" credentials --host "$HOST" --port "$PORT" --user "$USER_NAME" --password "$PASSWORD"
  say ""
  say "To see that a relay works, from another machine (the server relays to no service of its own host):"
  say ""
  printf '%s probe --host %s --port %s --user %s --password %s\n' "$TURNPIKE" "$HOST" "$PORT" "$USER_NAME" "$PASSWORD"
  say ""
  case $HOST in
    10.* | 192.168.* | 172.1[6-9].* | 172.2?.* | 172.3[01].* | 100.6[4-9].* | 100.[7-9]?.* | 100.1[01]?.* | 100.12[0-7].*)
      say "$HOST is a private address. For clients on the Internet: etc/quickstart.sh -- --external-ip=PUBLIC-ADDRESS"
      ;;
  esac
}

# Sets SERVER to the process id.
start() {
  local command=("$TURNPIKE" serve -n "--userdb=$DATABASE" --realm=turnpike ${SERVE_OPTIONS[@]+"${SERVE_OPTIONS[@]}"})
  if [ "$background" -eq 1 ]; then
    # In a session of its own, so that closing this terminal does not end it.
    setsid "${command[@]}" > "$LOG" 2>&1 < /dev/null &
  else
    "${command[@]}" >&2 < /dev/null &
  fi
  SERVER=$!
}

[ "$install" -eq 0 ] || install_packages
[ "$until" != packages ] || exit 0
build
[ "$until" != build ] || exit 0
make_user
PORT=$(serve_option listening-port p 3478)
HOST=${host:-$(own_address)}

if running; then
  say "The server is running already, as process $(cat "$PID"); etc/quickstart.sh --stop ends it."
  print_result
  exit 0
fi
start
trap 'kill "$SERVER" 2> /dev/null || true; wait "$SERVER" 2> /dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if ! wait_until_it_answers "$SERVER"; then
  [ "$background" -eq 0 ] || cat "$LOG" >&2
  die "the server did not start"
fi
print_result
if [ "$background" -eq 1 ]; then
  trap - EXIT
  printf '%s\n' "$SERVER" > "$PID"
  say "It runs in the background; log: $LOG; etc/quickstart.sh --stop ends it."
  exit 0
fi
say "Ctrl-C ends it."
wait "$SERVER"
