#!/usr/bin/env bash
# Builds the image and runs it: with buildah and podman, as root, in network namespaces that end with the test. The base
# image is made from the packages that apt knows here and kept in build/docker, as are the layers; the compiler's cache is
# that of the other builds. Without them the first build takes as long as any.
#
#   docker/test.sh           everything
#   docker/test.sh --build   the image only, as localhost/turnpike:test in build/docker/store
#   docker/test.sh --run     the image that was built last
TEST_SERVER=${TEST_SERVER:-none}
. "$(dirname "$0")/../tests/interop/lib.sh"
# shellcheck disable=SC2034  # lib.sh names the cases after it.
SCRIPT=docker
PLACE=$ROOT/build/docker
BASE=docker.io/library/debian:bookworm-slim IMAGE=localhost/turnpike:test
NAME=turnpike-test-$$
HOST_NS=turnpike-h$$ CLIENT_NS=turnpike-c$$ HOST_IP=10.78.0.1 CLIENT_IP=10.78.0.2

reason() {
  local program
  [ "$(id -u)" -eq 0 ] || { echo "this needs root" && return; }
  for program in buildah podman runc debootstrap nsenter ip; do
    command -v "$program" > /dev/null || { echo "$program is not installed" && return; }
  done
  grep -q ' cgroup2\? ' /proc/mounts || { echo "no control groups are mounted here" && return; }
  unshare -n true 2> /dev/null || { echo "network namespaces are not allowed here" && return; }
  mkdir -p "$PLACE"
  [ "$(df -Pk "$PLACE" | awk 'NR == 2 { print int($4 / 1048576) }')" -ge 5 ] || echo "there are less than 5 GiB free in $PLACE"
}
why=$(reason)
if [ -n "$why" ]; then
  echo "skip docker: all cases: $why"
  exit 0
fi

STORAGE=(--root "$PLACE/store" --runroot "$PLACE/run")
image() { buildah "${STORAGE[@]}" "$@"; }
# In the namespace that plays the host, so that published ports and rules are nobody else's.
on_host() { nsenter --net="/run/netns/$HOST_NS" "$@"; }
pod() { on_host podman "${STORAGE[@]}" --runtime runc "$@"; }

remove_all() {
  local name
  for name in "$NAME" "$NAME-client" "$NAME-peer"; do pod rm -f -t 0 "$name" > /dev/null 2>&1; done
  pod volume rm -f "$NAME" > /dev/null 2>&1
  ip netns del "$HOST_NS" 2> /dev/null
  ip netns del "$CLIENT_NS" 2> /dev/null
  cleanup
}
trap remove_all EXIT

# ---- the image -----------------------------------------------------------------------------------------------------

# The first mirror of Debian's own packages that apt knows; its address is in no file of ours.
mirror() {
  apt-cache policy 2> /dev/null | sed -n 's/^ *[0-9]* \(http[^ ]*\) bookworm\/main .*/\1/p' | head -n 1
}

base_image() {
  # The store remembers where it stands; one that was moved is of no use.
  podman "${STORAGE[@]}" images > /dev/null 2>&1 || {
    umount "$PLACE/store/overlay" 2> /dev/null
    rm -rf --one-file-system "$PLACE/store" "$PLACE/run"
  }
  image inspect "$BASE" > /dev/null 2>&1 && return 0
  local root=$WORK/base
  debootstrap --variant=minbase bookworm "$root" "$(mirror)" || return 1
  # What apt needs to get out of here, and where it finds security fixes.
  cp /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf.d/*registry* "$root/etc/apt/apt.conf.d/" 2> /dev/null
  if [ -e /etc/apt/sources.list.d/debian.sources ]; then
    rm -f "$root/etc/apt/sources.list"
    cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/"
  elif grep -q bookworm /etc/apt/sources.list 2> /dev/null; then
    cp /etc/apt/sources.list "$root/etc/apt/"
  fi
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  tar -C "$root" -c . | podman "${STORAGE[@]}" import - "$BASE" && rm -rf "$root"
}

# The compiler and its flags are those of build/release, and the place is made the same: with the cache that was filled there
# nothing needs to be compiled again.
build_image() {
  local cache
  cache=$(ccache --get-config cache_dir 2> /dev/null) || cache=$PLACE/ccache
  mkdir -p "$cache"
  image bud --format docker --isolation chroot --pull=never --layers --network host --volume "$cache:/ccache" \
    --build-arg SOURCE="$ROOT" -f "$ROOT/docker/Dockerfile" -t "$IMAGE" "$ROOT"
}

size_of() { podman "${STORAGE[@]}" image inspect --format '{{.Size}}' "$1"; }

is_small() {
  local base whole
  base=$(size_of "$BASE") whole=$(size_of "$IMAGE") || return 1
  echo "$(((whole - base) / 1000000)) MB beyond the base"
  [ $((whole - base)) -le 60000000 ]
}

configured() {  # FORMAT WANTED
  local got
  got=$(podman "${STORAGE[@]}" image inspect --format "$1" "$IMAGE")
  [ "$got" = "$2" ] || { echo "$1: got $got, wanted $2" && return 1; }
}

is_configured() {
  configured '{{.Config.User}}' nobody:nogroup && configured '{{.Config.Entrypoint}}' '[/usr/bin/turnpike serve]' &&
    configured '{{.Config.Cmd}}' '[]' && configured '{{.Config.StopSignal}}' SIGTERM &&
    podman "${STORAGE[@]}" image inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$IMAGE" |
    grep -x TURNPIKE_DRAIN_TIMEOUT=8 &&
    configured '{{.HealthCheck.Test}}' '[CMD /usr/bin/turnpike health --like-process 1]'
}

# ---- running it ----------------------------------------------------------------------------------------------------

lay_networks() {
  ip netns add "$HOST_NS" && ip netns add "$CLIENT_NS" &&
    ip -n "$HOST_NS" link add wan type veth peer name wan netns "$CLIENT_NS" &&
    ip -n "$HOST_NS" addr add $HOST_IP/24 dev wan && ip -n "$CLIENT_NS" addr add $CLIENT_IP/24 dev wan &&
    ip -n "$HOST_NS" link set wan up && ip -n "$CLIENT_NS" link set wan up &&
    ip -n "$HOST_NS" link set lo up && ip -n "$CLIENT_NS" link set lo up &&
    ip -n "$HOST_NS" route add default via $CLIENT_IP
}

# What every container needs where the limits of this machine may not be raised.
LIMITS=(--ulimit nofile=20000:20000 --ulimit nproc=4096:4096)

# As tight as an operator can make it. What follows the -- goes to the server.
start() {
  local options=() image=$IMAGE
  while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1") && shift; done
  [ $# -eq 0 ] || shift
  pod rm -f -t 0 "$NAME" > /dev/null 2>&1
  pod run -d --name "$NAME" --read-only --cap-drop all --security-opt no-new-privileges \
    "${LIMITS[@]}" ${options[@]+"${options[@]}"} "$image" "$@" > /dev/null
}

logs() { pod logs "$NAME" 2>&1; }

# Answers from within: the image's own program asks.
wait_until_healthy() {
  local tries
  for tries in $(seq 100); do
    pod exec "$NAME" turnpike health --like-process 1 && return 0
    [ "$(pod inspect --format '{{.State.Running}}' "$NAME")" = true ] || break
    sleep 0.1
  done
  echo "it is not healthy (try $tries); its log:"
  logs
  return 1
}

# A client on the other side of the network, with the program of the image: a whole probe.
probe() {  # USER PASSWORD OPTION...
  pod run --rm --name "$NAME-client" --network "ns:/run/netns/$CLIENT_NS" --entrypoint /usr/bin/turnpike \
    "${LIMITS[@]}" "$IMAGE" \
    probe --host $HOST_IP --user "$1" --password "$2" "${@:3}"
}

# The user and password that the container has printed.
printed() {
  pod logs "$NAME" 2> /dev/null | /usr/bin/python3 -c '
import json, sys
turn = [server for server in json.load(sys.stdin) if "credential" in server][0]
assert all("turns:" not in url for url in turn["urls"]), turn
print(turn["username"], turn["credential"], turn["urls"][0])'
}

# Private addresses stand for the Internet here.
OPEN=("--allowed-peer-ip=$CLIENT_IP")

first_start() {
  local user password url
  start --network host -v "$NAME:/var/lib/turnpike" -- "${OPEN[@]}" && wait_until_healthy || return 1
  logs
  read -r user password url < <(printed)
  echo "$user $url"
  [ "$user" = guest ] && [ "$url" = "turn:$HOST_IP:3478?transport=udp" ] || return 1
  printf '%s' "$password" > "$WORK/password"
  probe "$user" "$password"
}

second_start() {
  start --network host -v "$NAME:/var/lib/turnpike" -- "${OPEN[@]}" && wait_until_healthy || return 1
  [ "$(printed | cut -d ' ' -f 2)" = "$(cat "$WORK/password")" ]
}

users_from_within() {
  pod exec "$NAME" turnpike user add ann --password "a longer word" || return 1
  # The server looks at the database once a second.
  local tries
  for tries in $(seq 10); do
    probe ann "a longer word" && return 0
    echo "not yet (try $tries)"
  done
  return 1
}

published_ports() {
  start -p 3478:3478/udp -p 3478:3478/tcp -p 49160-49259:49160-49259/udp -e TURNPIKE_EXTERNAL_IP=$HOST_IP \
    -e TURNPIKE_USER=ann:word -- "${OPEN[@]}" && wait_until_healthy || return 1
  probe ann word
}

secret_files() {
  printf 'ann:from a file\n' > "$WORK/user" && chmod 644 "$WORK/user"
  start --network host -v "$WORK/user:/run/secrets/user:ro" -e TURNPIKE_USER_FILE=/run/secrets/user -- "${OPEN[@]}" &&
    wait_until_healthy || return 1
  probe ann "from a file" && [ -z "$(pod logs "$NAME" 2> /dev/null)" ]
}

# The REST endpoint, by variables and secret files: what it gives relays.
rest_credentials() {
  local user password
  printf 'north-north-north\n' > "$WORK/secret" && printf 'a-key-of-some-length\n' > "$WORK/key"
  chmod 644 "$WORK/secret" "$WORK/key"
  start --network host -v "$WORK/secret:/run/secrets/secret:ro" -v "$WORK/key:/run/secrets/key:ro" \
    -e TURNPIKE_STATIC_AUTH_SECRET_FILE=/run/secrets/secret -e TURNPIKE_REST_API_KEY_FILE=/run/secrets/key \
    -e TURNPIKE_REST_LISTEN=$HOST_IP:8080 -- "${OPEN[@]}" && wait_until_healthy || return 1
  read -r user password < <(nsenter --net="/run/netns/$CLIENT_NS" /usr/bin/python3 "$ROOT/docker/test_client.py" \
    credentials $HOST_IP 8080 ann a-key-of-some-length)
  echo "$user"
  probe "$user" "$password" && ! logs | grep -e north-north -e a-key-of
}

# The way of guides for coturn: its file, its place, its words.
file_of_coturn() {
  cat > "$WORK/turnserver.conf" << END
listening-port=3478
tls-listening-port=5349
listening-ip=0.0.0.0
fingerprint
lt-cred-mech
user=operator:of coturn
realm=example.org
min-port=49152
max-port=49252
total-quota=100
no-multicast-peers
no-cli
log-file=stdout
external-ip=$HOST_IP
allowed-peer-ip=$CLIENT_IP
END
  chmod 644 "$WORK/turnserver.conf"
  start --network host -v "$WORK/turnserver.conf:/etc/coturn/turnserver.conf:ro" && wait_until_healthy || return 1
  logs
  probe operator "of coturn" && logs | grep -q 'realm=example.org'
}

# Whatever Dockerfile and compose.yml set is an option; that a value of 1 suits it is not asked.
variables_are_options() {
  local name set=()
  for name in $(grep -ohP '(?<!-D)TURNPIKE_[A-Z_]*' "$ROOT/docker/Dockerfile" "$ROOT"/docker/*.yml | sort -u); do
    set+=(-e "$name=1")
  done
  pod run --rm --network host "${LIMITS[@]}" --entrypoint /usr/bin/turnpike "${set[@]}" "$IMAGE" check > "$WORK/out" 2>&1
  cat "$WORK/out"
  [ ${#set[@]} -ge 8 ] && ! grep 'no option belongs' "$WORK/out"
}

compose_is_yaml() {
  /usr/bin/python3 - "$ROOT/docker/compose.yml" "$ROOT/docker/monitoring.yml" << 'END'
import os, sys, yaml
services = yaml.safe_load(open(sys.argv[1]))["services"]
for name, service in services.items():
    if name.startswith("turnpike"):
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert "turnpike:/var/lib/turnpike" in service["volumes"], name
assert "49160-49259:49160-49259/udp" in services["turnpike-bridge"]["ports"]
# What the monitoring mounts is in the tree, and can be read as what it is.
folder = os.path.dirname(sys.argv[2])
for service in yaml.safe_load(open(sys.argv[2]))["services"].values():
    for volume in service.get("volumes", []):
        if volume.startswith("."):
            assert yaml.safe_load(open(os.path.join(folder, volume.split(":")[0]))), volume
END
}

mistakes_are_named() {
  pod run --rm --network host "${LIMITS[@]}" "$IMAGE" --listening-prot=1 > "$WORK/out" 2>&1
  local status=$?
  cat "$WORK/out"
  [ $status -eq 2 ] && grep -q listening-port "$WORK/out"
}

health_is_kept() {
  start --network host -- --user=ann:word --listening-port=3999 && wait_until_healthy || return 1
  pod healthcheck run "$NAME" || return 1
  [ "$(pod inspect --format '{{.State.Health.Status}}' "$NAME")" = healthy ] || return 1
  kill -STOP "$(pod inspect --format '{{.State.Pid}}' "$NAME")"
  # Three failures count, and those of the start period do not.
  local try
  for try in $(seq 12); do
    pod healthcheck run "$NAME" && echo "a hanging server passed the check, run $try"
    [ "$(pod inspect --format '{{.State.Health.Status}}' "$NAME")" != unhealthy ] || break
  done
  echo "unhealthy after $try runs"
  kill -CONT "$(pod inspect --format '{{.State.Pid}}' "$NAME")"
  [ "$(pod inspect --format '{{.State.Health.Status}}' "$NAME")" = unhealthy ] || return 1
  pod healthcheck run "$NAME" && [ "$(pod inspect --format '{{.State.Health.Status}}' "$NAME")" = healthy ]
}

# From the start of the program to the first answer; the best of three, since the machine may be busy with other things.
starts_within_a_second() {
  local best=99999 try took
  for try in 1 2 3; do
    on_host /usr/bin/python3 "$ROOT/docker/test_client.py" first-answer $HOST_IP 3478 > "$WORK/answered" &
    local asker=$!
    start --network host -- --user=ann:word || return 1
    wait "$asker" || return 1
    took=$(($(cat "$WORK/answered") - $(date -d "$(pod inspect --format '{{.State.StartedAt.Format "2006-01-02T15:04:05.000Z07:00"}}' "$NAME")" +%s%3N)))
    echo "try $try: $took ms"
    [ "$took" -ge "$best" ] || best=$took
    pod rm -f -t 0 "$NAME" > /dev/null
    [ "$best" -gt 1000 ] || return 0
  done
  return 1
}

stops_when_idle() {
  local began=$SECONDS
  start --network host -- --user=ann:word && wait_until_healthy || return 1
  pod stop -t 30 "$NAME" || return 1
  logs
  echo "after $((SECONDS - began)) s"
  [ "$(pod inspect --format '{{.State.ExitCode}}' "$NAME")" = 0 ] && logs | grep -q drained
}

# A client that relays for some seconds while the container is told to stop: it may finish.
drains_when_busy() {
  start --network host -- --user=ann:word "${OPEN[@]}" && wait_until_healthy || return 1
  probe ann word --count 1 || return 1
  nsenter --net="/run/netns/$CLIENT_NS" /usr/bin/python3 "$ROOT/docker/test_client.py" hold $HOST_IP 3478 ann word 4 \
    > "$WORK/held" 2>&1 &
  local client=$! tries
  for tries in $(seq 100); do
    grep -q allocated "$WORK/held" && break
    sleep 0.1
  done
  echo "allocated after $tries tries"
  # The image's own timeout is what lets it finish.
  pod stop -t 60 "$NAME" &
  local stop=$!
  wait "$client"
  local status=$?
  wait "$stop"
  cat "$WORK/held"
  logs
  [ "$status" -eq 0 ] && [ "$(pod inspect --format '{{.State.ExitCode}}' "$NAME")" = 0 ] && logs | grep -q drained
}

if [ "${1:-}" != --run ]; then
  run_case "the base image is there" base_image
  run_case "the image builds" build_image
fi
[ ! -e "$FAILED" ] || finish
[ "${1:-}" != --build ] || finish
rounds=$(shortened "rounds of the container tests" 1 2)
run_case "it takes at most 60 MB beyond the base" is_small
run_case "it runs the program itself as nobody, with a health check" is_configured
run_case "the compose file is what it says" compose_is_yaml
for round in $(seq "$rounds"); do
  again=$([ "$round" -eq 1 ] || echo ", again")
  run_case "two networks are laid$again" lay_networks
  run_case "the first start makes a user, and a probe from outside works with what it prints$again" first_start
  run_case "the user outlives the container$again" second_start
  run_case "a user can be added from within$again" users_from_within
  run_case "published ports are enough to relay$again" published_ports
  run_case "a user can come from a secret file$again" secret_files
  run_case "credentials of the REST endpoint relay$again" rest_credentials
  run_case "coturn's file works at coturn's place$again" file_of_coturn
  run_case "the variables that the image and compose set are options$again" variables_are_options
  run_case "a wrong option is named$again" mistakes_are_named
  run_case "the health state follows the server$again" health_is_kept
  run_case "the first Binding is answered within a second of the start$again" starts_within_a_second
  run_case "stopping it ends an idle server at once$again" stops_when_idle
  run_case "stopping it lets a client finish$again" drains_when_busy
  pod rm -f -t 0 "$NAME" > /dev/null 2>&1
  pod volume rm -f "$NAME" > /dev/null 2>&1
  ip netns del "$HOST_NS" && ip netns del "$CLIENT_NS"
done
finish
