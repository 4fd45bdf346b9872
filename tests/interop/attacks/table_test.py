#!/usr/bin/python3
"""The table in README.md names tests that exist."""

import functools
import glob
import importlib
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..", "..")
FOLDERS = [HERE, os.path.join(HERE, ".."), os.path.join(TESTS, "loopback")]
sys.path[:0] = FOLDERS
import harness  # noqa: E402
from harness import case, equal, main, true  # noqa: E402


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def unit_tests():
    found = set()
    for path in glob.glob(os.path.join(TESTS, "unit", "*", "*_test.cc")):
        found |= set(re.findall(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", text_of(path), re.M))
    return found


@functools.cache
def cases_of(script):
    """The names of the cases of a script; it is imported, which runs none of them."""
    if not any(os.path.exists(os.path.join(folder, script + "_test.py")) for folder in FOLDERS):
        return None
    harness.in_network_namespace = lambda: False  # They would begin anew in one.
    kept, harness.CASES = harness.CASES, []
    try:
        importlib.import_module(script + "_test")
        return [name for name, _ in harness.CASES]
    finally:
        harness.CASES = kept


def named_tests():
    """The last cell of each row, cut at its semicolons."""
    rows = [line for line in text_of(os.path.join(HERE, "README.md")).splitlines() if re.match(r"\| [A-Z0-9:4]", line)]
    true(len(rows) > 50, "the table has %d rows" % len(rows))
    return [part for row in rows for part in row.strip("| ").rsplit("|", 1)[1].split("; ")]


@case("every unit test that the table names exists")
def units():
    known, suite = unit_tests(), None
    for part in named_tests():
        for given, name in re.findall(r"`(\w*)\.(\w+)`", part):
            if given == "stunlib":
                continue
            suite = given or suite
            true((suite, name) in known, "there is no %s.%s" % (suite, name))


@case("every case that the table names exists")
def cases():
    for part in named_tests():
        script = re.match(r' *(\w+) (?=["(])', part)
        if not script:
            continue
        names = cases_of(script.group(1))
        true(names is not None, "there is no script %s_test.py" % script.group(1))
        for words in re.findall(r'"([^"]+)"', part):
            equal([words] if any(words in name for name in names) else [], [words], script.group(1))


if __name__ == "__main__":
    main()
