#!/usr/bin/env bash
# One server under churn, calls, reloads and scrapes at once, for as long as asked; see bench/README.md and --help.
cd "$(dirname "$0")/.." || exit 1
exec /usr/bin/python3 bench/soak/soak.py "$@"
