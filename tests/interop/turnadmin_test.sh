#!/usr/bin/env bash
# One user database, edited in turn by coturn's turnadmin and by our tool.
. "$(dirname "$0")/lib.sh"

command -v turnadmin > /dev/null || {
  echo "skip $SCRIPT: all cases: turnadmin is not installed (package coturn)"
  exit 0
}

REALM=r.example

# turnadmin says nothing by its exit code, and leaves a log file behind at each call.
theirs() {
  local pid folder
  turnadmin -b "$DATABASE" "$@" &
  pid=$!
  wait "$pid"
  for folder in /var/log /var/tmp /tmp .; do rm -f "$folder/turn_${pid}_"*.log; done
}
# shellcheck disable=SC2086
ours() { $TURNPIKE "$@" --userdb "$DATABASE"; }
add_ours() { printf '%s\n' "$2" | ours user add "$1" --realm "$REALM" --password-stdin; }
add_theirs() { theirs -a -u "$1" -r "$REALM" -p "$2"; }

# sql STATEMENT: its rows, columns joined by '|'.
sql() {
  /usr/bin/python3 - "$DATABASE" "$1" << 'END'
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]):
    print("|".join(map(str, row)))
END
}

# same WHAT A B
same() {
  [ "$2" = "$3" ] && return
  printf '%s differs:\n%s\n---\n%s\n' "$1" "$2" "$3"
  return 1
}

has_line() { grep -qxF -- "$1" || { echo "no line '$1'" && return 1; }; }

# sha256_of NAME: what our list says in its last column.
sha256_of() { ours user list --realm "$REALM" | sed -n "s/^$REALM *$1  *//p"; }

# turnadmin takes neither spaces nor anything beyond ASCII in a name.
both_make_the_same_key() {
  local name password
  while IFS='|' read -r name password; do
    same "the key of $name" "$(theirs -k -u "$name" -r "$REALM" -p "$password" | grep '^0x')" \
      "$(printf '%s\n' "$password" | ours user key "$name" --realm "$REALM" --password-stdin | head -n 1)" || return 1
  done << 'END'
gorst|hero
user.name|with spaces
user@example.org|p:a:s:s
END
  same "the documented key" "$(ours user key gorst -r north.gov -p hero | head -n 1)" 0x7da2270ccfa49786e0115366d3a3d14d
}

both_make_the_same_tables() {
  local table first second
  DATABASE=$WORK/theirs add_theirs someone secret
  add_ours someone secret
  for table in turnusers_lt turn_secret allowed_peer_ip denied_peer_ip turn_origin_to_realm turn_realm_option \
    oauth_key admin_user; do
    first=$(DATABASE=$WORK/theirs sql "pragma table_info($table)")
    second=$(sql "pragma table_info($table)")
    [ -n "$first" ] && same "$table" "$first" "$second" || return 1
  done
  same "their row" "$(DATABASE=$WORK/theirs sql 'select * from turnusers_lt')" "$(sql 'select * from turnusers_lt')"
}

they_edit_ours() {
  add_ours alice secret && same "before" "$(sha256_of alice)" yes || return 1
  theirs -l | has_line "alice[$REALM]" || return 1
  add_theirs bob secret
  same "a user of theirs" "$(sha256_of bob)" no || return 1
  add_theirs alice changed
  same "a password changed by them" "$(sha256_of alice)" "out of date" || return 1
  add_ours alice changed && same "set again by us" "$(sha256_of alice)" yes || return 1
  theirs -d -u alice -r "$REALM"
  same "a user removed by them" "$(sha256_of alice)" "" || return 1
  ! ours user remove alice --realm "$REALM"
}

we_edit_theirs() {
  add_theirs carol secret
  same "tables of theirs" "$(sql "select count(*) from sqlite_master where type = 'table'")" 8 || return 1
  ours user list | grep -q carol || return 1
  same "tables after reading" "$(sql "select count(*) from sqlite_master where type = 'table'")" 8 || return 1
  add_ours dave secret && theirs -l | has_line "dave[$REALM]" || return 1
  add_ours carol changed && same "their user, our password" "$(sha256_of carol)" yes || return 1
  ours user remove carol && theirs -l > "$WORK/list" && ! grep -q carol "$WORK/list" || return 1
  same "journal mode" "$(sql 'pragma journal_mode')" delete
}

secrets_go_both_ways() {
  ours secret add north --realm "$REALM" && theirs -S -r "$REALM" | has_line "north[$REALM]" || return 1
  theirs -s south -r "$REALM"
  ours secret list --realm "$REALM" | grep -q south || return 1
  theirs -X north -r "$REALM"
  ! ours secret remove north --realm "$REALM" && ours secret remove south --realm "$REALM" || return 1
  same "what is left" "$(sql 'select count(*) from turn_secret')" 0
}

# turnadmin does not wait for a lock, so its own changes may be lost here; ours may not.
both_at_once() {
  local i
  add_ours first secret || return 1
  (for i in $(seq 15); do add_theirs "theirs$i" secret; done) > /dev/null 2>&1 &
  for i in $(seq 15); do add_ours "ours$i" secret || return 1; done
  wait "$!"
  same "ours" "$(sql "select count(*) from turnusers_lt where name like 'ours%'")" 15 || return 1
  same "ours with SHA-256" "$(ours user list | grep -c 'ours.* yes')" 15 || return 1
  same "integrity" "$(sql 'pragma integrity_check')" ok
}

number=0
while IFS='|' read -r name function; do
  number=$((number + 1))
  DATABASE=$WORK/database.$number
  run_case "$name" "$function"
done << 'END'
both make the same key|both_make_the_same_key
both make the same tables|both_make_the_same_tables
turnadmin edits a database of ours|they_edit_ours
our tool edits a database of turnadmin's|we_edit_theirs
secrets go both ways|secrets_go_both_ways
both write at once|both_at_once
END
finish
