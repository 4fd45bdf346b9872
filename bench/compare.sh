#!/usr/bin/env bash
# Runs servers against each other, alternating, over the same scenarios; see bench/README.md and --help.
cd "$(dirname "$0")/.." || exit 1
exec /usr/bin/python3 bench/compare/compare.py "$@"
