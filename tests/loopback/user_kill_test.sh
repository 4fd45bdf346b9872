#!/usr/bin/env bash
# `turnpike user add` killed at any moment leaves a sound database: the user is in both tables or in neither, whoever
# was told to be added stays, and the next reader and the next writer are not in the way of each other.
. "$(dirname "$0")/../interop/lib.sh"

ROUNDS=$(shortened "kills of user add" 30 300)
DATABASE=$WORK/turndb
# shellcheck disable=SC2086
tool() { $TURNPIKE user "$@" --userdb "$DATABASE"; }

# Prints what is wrong with the database, if anything. It may be missing or empty: killed while it was made.
inspect() {
  /usr/bin/python3 - "$DATABASE" "$WORK/acknowledged" << 'END'
import os, sqlite3, sys
path = sys.argv[1]
acknowledged = set(open(sys.argv[2]).read().split()) if os.path.exists(sys.argv[2]) else set()
if not os.path.exists(path) or os.path.getsize(path) == 0:
    sys.exit(f"empty in spite of {acknowledged}" if acknowledged else 0)
database = sqlite3.connect(path)
problems = [row[0] for row in database.execute("pragma integrity_check") if row[0] != "ok"]
tables = {row[0] for row in database.execute("select name from sqlite_master where type = 'table'")}
if tables:
    if len(tables) != 9:
        problems.append(f"{len(tables)} tables")
    stored = {row[0] for row in database.execute("select name from turnusers_lt")}
    ours = {row[0] for row in database.execute("select name from turnpike_user")}
    if stored != ours:
        problems.append(f"in one table only: {stored ^ ours}")
    if acknowledged - stored:
        problems.append(f"lost: {acknowledged - stored}")
elif acknowledged:
    problems.append("no tables")
sys.exit("; ".join(problems) or 0)
END
}

# Milliseconds that an undisturbed call takes here and now; the kills are spread over that time.
usual_duration() {
  local start end
  start=$(date +%s%N)
  DATABASE=$WORK/other tool add someone --password secret || return 1
  end=$(date +%s%N)
  DURATION_MS=$(((end - start) / 1000000 + 1))
}

kill_rounds() {
  local round pid killed=0
  usual_duration || return 1
  for round in $(seq "$ROUNDS"); do
    # shellcheck disable=SC2086  # Not by tool(): the process to kill must be the program itself.
    $TURNPIKE user add "user$round" --password secret --userdb "$DATABASE" &
    pid=$!
    sleep "$(printf '0.%04d' $((RANDOM % (DURATION_MS * 11) % 9999)))"
    kill -9 "$pid" 2> /dev/null
    if wait "$pid"; then echo "user$round" >> "$WORK/acknowledged"; else killed=$((killed + 1)); fi
    # Every other time our reader is the first to find what was left, else SQLite's own.
    if [ $((round % 2)) = 0 ] && [ -s "$DATABASE" ] && [ -s "$WORK/acknowledged" ]; then tool list || return 1; fi
    inspect || return 1
  done
  echo "$killed of $ROUNDS killed in $DURATION_MS ms each"
  [ "$killed" -gt 0 ] || return 1
  tool add last --password secret && tool list | grep -q ' last ' && inspect
}

run_case "user add killed $ROUNDS times" kill_rounds
finish
