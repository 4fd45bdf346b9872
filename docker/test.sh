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
  for program in buildah podman runc debootstrap nsenter ip nft openssl; do
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
  for name in "$NAME" "$NAME-client" "$NAME-peer" "${NAME}_turnpike-bridge_1"; do pod rm -f -v -t 0 "$name" > /dev/null 2>&1; done
  pod volume rm -f "$NAME" "${NAME}_turnpike" > /dev/null 2>&1
  pod network rm -f "${NAME}_default" > /dev/null 2>&1
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
  # With the volume that the engine made for it, if it had no name.
  pod rm -f -v -t 0 "$NAME" > /dev/null 2>&1
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
AT=$HOST_IP CLIENT=()
probe() {  # USER PASSWORD OPTION...
  pod run --rm --name "$NAME-client" --network "ns:/run/netns/$CLIENT_NS" --entrypoint /usr/bin/turnpike \
    "${LIMITS[@]}" ${CLIENT[@]+"${CLIENT[@]}"} "$IMAGE" \
    probe --host "$AT" --user "$1" --password "$2" "${@:3}"
}

# User, password and URLs of the last iceServers that the container has printed.
printed() {  # [CONTAINER]
  pod logs "${1:-$NAME}" 2> /dev/null | /usr/bin/python3 -c '
import json, sys
rest = sys.stdin.read().strip()
while rest:
    servers, end = json.JSONDecoder().raw_decode(rest)
    rest = rest[end:].strip()
turn = [server for server in servers if "credential" in server][0]
print(turn["username"], turn["credential"], *turn["urls"])'
}

# Private addresses stand for the Internet here.
OPEN=("--allowed-peer-ip=$CLIENT_IP")
# Nobody answers the image's question for its address here, so where that is not the point it is told.
KNOWN=(-e "TURNPIKE_EXTERNAL_IP=$HOST_IP")

first_start() {
  local user password url others
  start --network host -v "$NAME:/var/lib/turnpike" "${KNOWN[@]}" -- "${OPEN[@]}" && wait_until_healthy || return 1
  logs
  read -r user password url others < <(printed)
  echo "$user $url $others"
  [ "$user" = guest ] && [ "$url" = "turn:$HOST_IP:3478?transport=udp" ] && [[ $others != *turns:* ]] || return 1
  printf '%s' "$password" > "$WORK/password"
  probe "$user" "$password"
}

second_start() {
  start --network host -v "$NAME:/var/lib/turnpike" "${KNOWN[@]}" -- "${OPEN[@]}" && wait_until_healthy || return 1
  [ "$(printed | cut -d ' ' -f 2)" = "$(cat "$WORK/password")" ]
}

# The client's namespace is the cloud, too: there the host goes by another address than it knows, and the other way round.
known_outside_as() {  # ADDRESS
  nsenter --net="/run/netns/$CLIENT_NS" nft -f - << END || return 1
table ip cloud
delete table ip cloud
table ip cloud {
  chain to_host { type nat hook output priority -100; ip daddr $1 dnat to $HOST_IP; }
  chain from_host { type nat hook input priority 100; ip saddr $HOST_IP snat to $1; }
}
END
  ip -n "$CLIENT_NS" route replace "$1/32" via $HOST_IP
}

prints_address() {  # ADDRESS
  [[ $(printed) == "guest "*" turn:$1:3478?transport=udp "* ]]
}

relays_as_printed() {  # ADDRESS
  local user password urls
  read -r user password urls < <(printed)
  echo "$urls"
  AT=$1 probe "$user" "$password" > "$WORK/probe" 2>&1
  local status=$?
  cat "$WORK/probe"
  [ $status -eq 0 ] && grep "relayed $1:" "$WORK/probe"
}

# As on a cloud VM, without an option that names an address; the STUN server is one of ours.
finds_its_address() {
  known_outside_as 203.0.113.5 || return 1
  pod rm -f -t 0 "$NAME-peer" > /dev/null 2>&1
  pod run -d --name "$NAME-peer" --network "ns:/run/netns/$CLIENT_NS" "${LIMITS[@]}" -e TURNPIKE_FIRST_USER= "$IMAGE" \
    -n --stun-only --listening-ip=$CLIENT_IP --listening-port=3479 --tls-listening-port=0 > /dev/null || return 1
  start --network host -e TURNPIKE_EXTERNAL_IP_STUN=$CLIENT_IP:3479 -e TURNPIKE_EXTERNAL_IP_METADATA=off \
    -e TURNPIKE_EXTERNAL_IP_HTTP=none -e TURNPIKE_EXTERNAL_IP_INTERVAL=1 -- "${OPEN[@]}" && wait_until_healthy || return 1
  if ! eventually prints_address 203.0.113.5; then
    logs
    return 1
  fi
  relays_as_printed 203.0.113.5
}

follows_its_address() {
  known_outside_as 203.0.113.6 && eventually prints_address 203.0.113.6 && relays_as_printed 203.0.113.6
  local status=$?
  logs
  pod rm -f -t 0 "$NAME-peer" > /dev/null 2>&1
  nsenter --net="/run/netns/$CLIENT_NS" nft delete table ip cloud
  return $status
}

# REST gives no credentials before the address is known, and Binding is answered all the while.
answers_while_it_searches() {
  printf 'north-north-north\n' > "$WORK/secret" && chmod 644 "$WORK/secret"
  on_host /usr/bin/python3 "$ROOT/docker/test_client.py" searching $HOST_IP 8080 ann a-key-of-some-length > "$WORK/searching" 2>&1 &
  local asker=$!
  start --network host -v "$WORK/secret:/run/secrets/secret:ro" -e TURNPIKE_STATIC_AUTH_SECRET_FILE=/run/secrets/secret \
    -e TURNPIKE_REST_API_KEY=a-key-of-some-length -e TURNPIKE_REST_LISTEN=$HOST_IP:8080 -e TURNPIKE_EXTERNAL_IP_STUN=$CLIENT_IP:3999 \
    -e TURNPIKE_EXTERNAL_IP_METADATA=off -e TURNPIKE_EXTERNAL_IP_HTTP=none || return 1
  wait "$asker"
  local status=$?
  cat "$WORK/searching"
  logs
  [ $status -eq 0 ] && logs | grep external_ip_unknown
}

# What a later source says takes the place of the file's external-ip.
address_can_be_told() {
  local told
  for told in "" 203.0.113.7; do
    printf 'user=ann:word\nexternal-ip=auto\n' > "$WORK/turnserver.conf" && chmod 644 "$WORK/turnserver.conf"
    pod run --rm "${LIMITS[@]}" -v "$WORK/turnserver.conf:/etc/coturn/turnserver.conf:ro" --entrypoint /usr/bin/turnpike \
      -e TURNPIKE_EXTERNAL_IP="${told:-none}" "$IMAGE" check --print > "$WORK/out" 2>&1 || { cat "$WORK/out" && return 1; }
    grep '^external-ip=' "$WORK/out"
    [ "$(grep '^external-ip=' "$WORK/out")" = "external-ip=${told:-none}" ] || return 1
  done
  pod run --rm "${LIMITS[@]}" --entrypoint /usr/bin/turnpike "$IMAGE" check --print > "$WORK/out" 2>&1
  grep -x 'external-ip=auto' "$WORK/out"
}

make_certificate() {
  rm -rf "$WORK/tls" && install -d -m 755 "$WORK/tls" &&
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=turnpike \
      -addext subjectAltName=DNS:turn.example.org -keyout "$WORK/tls/privkey.pem" -out "$WORK/tls/fullchain.pem" 2> /dev/null &&
    chmod 644 "$WORK/tls/fullchain.pem" && chmod 400 "$WORK/tls/privkey.pem"
}

TLS=(-e TURNPIKE_PUBLIC_HOST=turn.example.org -e TURNPIKE_CERT=/tls/fullchain.pem -e TURNPIKE_PKEY=/tls/privkey.pem)

serves_tls() {
  local user password urls transport
  make_certificate && chown 65534:65534 "$WORK/tls/privkey.pem" || return 1
  start -p 3478:3478/udp -p 3478:3478/tcp -p 5349:5349/udp -p 5349:5349/tcp -v "$WORK/tls:/tls:ro" "${TLS[@]}" "${KNOWN[@]}" \
    -- "${OPEN[@]}" && wait_until_healthy || return 1
  read -r user password urls < <(printed)
  echo "$urls"
  [[ $urls == *"turns:turn.example.org:5349?transport=tcp"* ]] || return 1
  CLIENT=(--add-host "turn.example.org:$HOST_IP" -v "$WORK/tls/fullchain.pem:/ca.pem:ro")
  # The relay ports are not published, and so clients of one server are enough.
  for transport in tls dtls; do
    AT=turn.example.org probe "$user" "$password" --transport $transport --ca-file /ca.pem || break
    transport=
  done
  CLIENT=()
  [ -z "$transport" ]
}

has_ended() { [ "$(pod inspect --format '{{.State.Running}}' "$NAME")" = false ]; }

# As certbot leaves it.
unreadable_key_is_named() {
  make_certificate || return 1
  start -v "$WORK/tls:/tls:ro" "${TLS[@]}" "${KNOWN[@]}" -- --user=ann:word && eventually has_ended
  logs
  [ "$(pod inspect --format '{{.State.ExitCode}}' "$NAME")" = 1 ] && logs | grep -q privkey.pem
}

tells_its_status() {
  start --network host "${KNOWN[@]}" -- --user=ann:word && wait_until_healthy || return 1
  pod exec "$NAME" turnpike status && pod exec "$NAME" turnpike sessions
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
  start -p 3478:3478/udp -p 3478:3478/tcp -p 49160-49259:49160-49259/udp -e TURNPIKE_USER=ann:word "${KNOWN[@]}" -- "${OPEN[@]}" && wait_until_healthy || return 1
  probe ann word
}

secret_files() {
  printf 'ann:from a file\n' > "$WORK/user" && chmod 644 "$WORK/user"
  start --network host -v "$WORK/user:/run/secrets/user:ro" -e TURNPIKE_USER_FILE=/run/secrets/user "${KNOWN[@]}" -- "${OPEN[@]}" &&
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
    -e TURNPIKE_REST_LISTEN=$HOST_IP:8080 "${KNOWN[@]}" -- "${OPEN[@]}" && wait_until_healthy || return 1
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
log-file=/var/log/turnserver.log
external-ip=$HOST_IP
allowed-peer-ip=$CLIENT_IP
END
  chmod 644 "$WORK/turnserver.conf"
  start --network host -v "$WORK/turnserver.conf:/etc/coturn/turnserver.conf:ro" && wait_until_healthy || return 1
  logs
  probe operator "of coturn" && logs | grep -q 'realm=example.org' && logs | grep log_file_not_written
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
import os, re, sys, yaml
services = yaml.safe_load(open(sys.argv[1]))["services"]
for name, service in services.items():
    if name.startswith("turnpike"):
        build = os.path.join(os.path.dirname(sys.argv[1]), service["build"]["context"], service["build"]["dockerfile"])
        assert os.path.exists(build), build
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert "turnpike:/var/lib/turnpike" in service["volumes"], name
assert "49160-49259:49160-49259/udp" in services["turnpike-bridge"]["ports"]
# What the monitoring mounts is in the tree, and can be read as what it is.
folder = os.path.dirname(sys.argv[2])
for service in yaml.safe_load(open(sys.argv[2]))["services"].values():
    # Of today as of the day when somebody runs it.
    assert "image" not in service or re.search(r":v?[0-9]+[.][0-9]+[.][0-9]+$", service["image"]), service["image"]
    for volume in service.get("volumes", []):
        if volume.startswith("."):
            assert yaml.safe_load(open(os.path.join(folder, volume.split(":")[0]))), volume
END
}

# podman-compose wants podman by one name, with what is needed to run it here.
compose() {
  {
    echo '#!/bin/sh'
    printf 'exec nsenter --net=%s podman' "/run/netns/$HOST_NS"
    printf ' %q' "${STORAGE[@]}" --runtime runc
    echo ' "$@"'
  } > "$WORK/podman" && chmod 755 "$WORK/podman" && podman-compose --podman-path "$WORK/podman" -p "$NAME" "$@"
}

compose_files_merge() {
  command -v podman-compose > /dev/null || { echo "podman-compose is not installed" && return 77; }
  GRAFANA_PASSWORD=word compose --dry-run -f "$ROOT/docker/compose.yml" -f "$ROOT/docker/monitoring.yml" up -d > "$WORK/out" 2>&1
  local status=$? line
  cat "$WORK/out"
  line=$(grep 'run --name=.*_turnpike_1 ' "$WORK/out")
  [ $status -eq 0 ] && [[ $line == *" TURNPIKE_DRAIN_TIMEOUT=590 "*" TURNPIKE_PROMETHEUS=on "* ]] && ! grep -F '${' "$WORK/out" &&
    grep 'run --name=.*_grafana_1 .*=word ' "$WORK/out" && grep 'run --name=.*_prometheus_1 ' "$WORK/out"
}

# The service with published ports, since Debian's podman-compose cannot give a container the network of its host.
compose_brings_it_up() {
  command -v podman-compose > /dev/null || { echo "podman-compose is not installed" && return 77; }
  local user password urls
  pod rm -f -v -t 0 "$NAME" > /dev/null 2>&1
  cat > "$WORK/override.yml" << END
services:
  turnpike-bridge:
    environment: {TURNPIKE_ALLOWED_PEER_IP: $CLIENT_IP}
    ulimits: {nofile: 20000, nproc: 4096}
END
  podman "${STORAGE[@]}" tag "$IMAGE" localhost/turnpike:latest || return 1
  TURNPIKE_EXTERNAL_IP=$HOST_IP compose -f "$ROOT/docker/compose.yml" -f "$WORK/override.yml" up -d turnpike-bridge || return 1
  eventually printed "${NAME}_turnpike-bridge_1" || return 1
  read -r user password urls < <(printed "${NAME}_turnpike-bridge_1")
  echo "$user $urls"
  [[ $urls == "turn:$HOST_IP:3478?transport=udp "* ]] && probe "$user" "$password"
  local status=$?
  pod logs "${NAME}_turnpike-bridge_1"
  compose -f "$ROOT/docker/compose.yml" -f "$WORK/override.yml" down -v
  # Which is in a file of the whole machine.
  pod network rm -f "${NAME}_default"
  podman "${STORAGE[@]}" untag "$IMAGE" localhost/turnpike:latest
  return $status
}

# What the builder of Debian 12's docker.io (20.10, without BuildKit) does not know.
needs_no_buildkit() {
  [ -s "$ROOT/docker/Dockerfile" ] &&
    ! grep -nEi -e '--mount|--chmod|--link|--parents|--exclude|--checksum|--security=|--network=|<<|^#[[:space:]]*(syntax|check)[[:space:]]*=' \
      "$ROOT/docker/Dockerfile"
}

mistakes_are_named() {
  pod run --rm --network host "${LIMITS[@]}" "$IMAGE" --listening-prot=1 > "$WORK/out" 2>&1
  local status=$?
  cat "$WORK/out"
  [ $status -eq 2 ] && grep -q listening-port "$WORK/out"
}

health_is_kept() {
  start --network host "${KNOWN[@]}" -- --user=ann:word --listening-port=3999 && wait_until_healthy || return 1
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

# From the start of the program to the first answer, with a database and a password to make in a new volume and an address
# to look for; the best of three, since the machine may be busy with other things.
starts_within_a_second() {
  local best=99999 try took
  for try in 1 2 3; do
    on_host /usr/bin/python3 "$ROOT/docker/test_client.py" first-answer $HOST_IP 3478 > "$WORK/answered" &
    local asker=$!
    start --network host || return 1
    wait "$asker" || return 1
    pod exec "$NAME" turnpike user list | grep guest || return 1
    took=$(($(cat "$WORK/answered") - $(date -d "$(pod inspect --format '{{.State.StartedAt.Format "2006-01-02T15:04:05.000Z07:00"}}' "$NAME")" +%s%3N)))
    echo "try $try: $took ms"
    [ "$took" -ge "$best" ] || best=$took
    pod rm -f -v -t 0 "$NAME" > /dev/null
    [ "$best" -gt 1000 ] || return 0
  done
  return 1
}

stops_when_idle() {
  local began=$SECONDS
  start --network host "${KNOWN[@]}" -- --user=ann:word && wait_until_healthy || return 1
  pod stop -t 30 "$NAME" || return 1
  logs
  echo "after $((SECONDS - began)) s"
  [ "$(pod inspect --format '{{.State.ExitCode}}' "$NAME")" = 0 ] && logs | grep -q drained
}

# A client that relays for some seconds while the container is told to stop: it may finish.
drains_when_busy() {
  start --network host "${KNOWN[@]}" -- --user=ann:word "${OPEN[@]}" && wait_until_healthy || return 1
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
run_case "the Dockerfile needs no BuildKit" needs_no_buildkit
run_case "the compose file is what it says" compose_is_yaml
for round in $(seq "$rounds"); do
  again=$([ "$round" -eq 1 ] || echo ", again")
  run_case "two networks are laid$again" lay_networks
  run_case "the first start makes a user, and a probe from outside works with what it prints$again" first_start
  run_case "the user outlives the container$again" second_start
  run_case "a user can be added from within$again" users_from_within
  run_case "status and sessions are told from within$again" tells_its_status
  run_case "1:1 NAT is found$again" finds_its_address
  run_case "another address is followed$again" follows_its_address
  run_case "credentials wait for the address, Binding does not$again" answers_while_it_searches
  run_case "an address that is told takes the place of the search$again" address_can_be_told
  run_case "TLS and DTLS with a certificate that is mounted$again" serves_tls
  run_case "a key that it cannot read is named$again" unreadable_key_is_named
  run_case "published ports are enough to relay$again" published_ports
  run_case "a user can come from a secret file$again" secret_files
  run_case "credentials of the REST endpoint relay$again" rest_credentials
  run_case "coturn's file works at coturn's place$again" file_of_coturn
  run_case "the variables that the image and compose set are options$again" variables_are_options
  run_case "compose merges its files$again" compose_files_merge
  run_case "compose brings it up$again" compose_brings_it_up
  run_case "a wrong option is named$again" mistakes_are_named
  run_case "the health state follows the server$again" health_is_kept
  run_case "the first Binding is answered within a second of the start$again" starts_within_a_second
  run_case "stopping it ends an idle server at once$again" stops_when_idle
  run_case "stopping it lets a client finish$again" drains_when_busy
  pod rm -f -v -t 0 "$NAME" > /dev/null 2>&1
  pod volume rm -f "$NAME" > /dev/null 2>&1
  ip netns del "$HOST_NS" && ip netns del "$CLIENT_NS"
done
finish
