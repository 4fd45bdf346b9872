#!/usr/bin/python3
"""What the documents say: figures that stand in several places, commands, links, and where an installed program is looked for."""

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import ROOT, Skip, case, equal, main, server_command, true  # noqa: E402

PROGRAM = server_command()[0]
DOCUMENTS = ("README.md", "docker/README.md", "etc/README.md")


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def run(*command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=60, **options)
    return done.returncode, done.stdout


# ---- figures ----

def rows(text, columns, first):
    """The rows of the table whose head begins with the cell `first`."""
    table = re.search(r"^\| %s \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)" % re.escape(first), text, re.M)
    true(table, "a table that begins with " + first)
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.group(1).splitlines()]
    for row in found:
        equal(len(row), columns, "cells of the row %r" % row)
    return found


def number_text(value):
    """As bench/compare.sh writes it."""
    return "%.0f" % value if abs(value) >= 1000 else "%.3g" % value if abs(value) < 1 else "%.2f" % value


def command_of(text):
    return re.search(r"^ {4}(bench/compare\.sh .*--rounds (\d+) --seconds (\d+))$", text, re.M)


@case("the figures in README.md, bench/README.md, its history and the chart are the same")
def figures():
    whole, short = text_of("bench/README.md"), text_of("README.md")
    measured = {}
    for scenario, server, figure, _, _, _, ratio, _, bar in rows(whole, 9, "scenario"):
        number, unit = re.match(r"(-?[\d.]+) \(-?[\d.]+--?[\d.]+\) (.+)$", figure).groups()
        measured.setdefault(scenario, {})[server] = (number, unit, ratio.split(" ")[0], bar)
    history = json.loads(text_of("bench/history.jsonl").splitlines()[-1])
    equal({scenario: {server: number_text(median) for server, median in both.items()}
           for scenario, both in history["medians"].items()},
          {scenario: {server: one[0] for server, one in both.items()} for scenario, both in measured.items()},
          "the newest line of the history beside bench/README.md")
    equal([(scenario, of_coturn, ours, ratio, bar, unit.removeprefix("us a "))
           for scenario, unit, of_coturn, ours, ratio, bar in rows(short, 6, "scenario")],
          [(scenario, both["coturn"][0], both["turnpike"][0], both["turnpike"][2], both["turnpike"][3],
            both["turnpike"][1].removeprefix("us/")) for scenario, both in measured.items()],
          "README.md beside bench/README.md")
    command = command_of(whole)
    equal(command_of(short).group(1), command.group(1), "the command")
    equal((int(command.group(2)), int(command.group(3))), (history["rounds"], history["seconds"]), "rounds and seconds")
    equal(command.group(1).split(" --")[0].split()[1:], list(measured), "the scenarios of the command")
    rival = re.search(r"`turnserver` (\d+\.\d+\.\d+)", whole).group(1)
    ours = run(PROGRAM, "--version")[1].split()[-1]
    true("| coturn %s | Turnpike %s |" % (rival, ours) in short, "the versions %s and %s in the head" % (rival, ours))
    drawn = re.findall(r">([\d.e+]+) (coturn|turnpike)<", text_of("etc/pictures/bench.svg"))
    equal(drawn, [("%.4g" % median, server) for both in history["medians"].values() for server, median in both.items()
                  if server in ("coturn", "turnpike")],
          "the chart")


# ---- commands ----

def blocks(text):
    """The code blocks of a document, indented or fenced."""
    for block in re.findall(r"(?:^|\n\n)((?: {4}\S.*(?:\n|$)(?: {4}.*\n|\n(?= {4}))*)+)", text):
        yield block
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S):
        yield block


def spans(text):
    """Code in the middle of a text, where a\\|b stands for two commands."""
    for span in re.findall(r"`((?:docker exec \S+ )?turnpike [^`]*)`", text):
        choice = re.search(r"[\w-]+(?:\\\|[\w-]+)+", span)
        for one in choice.group().split("\\|") if choice else [""]:
            yield span.replace(choice.group(), one) if choice else span


def command_words(line):
    """The words behind the program's name in each command of a shell line that runs it."""
    for part in re.split(r"\s(?:\||&&|;|>)\s", line):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            continue
        while words and (words[0] == "sudo" or re.match(r"[A-Z_]+=", words[0])):
            words = words[1:]
        if not words:
            continue
        last = max((at for at, word in enumerate(words) if word == "turnpike"), default=None)
        if words[0] in ("docker", "podman", "docker-compose", "podman-compose"):
            verbs = [word for word in words[1:] if word in ("run", "exec", "logs", "build", "up", "stop")]
            if last is not None and verbs[:1] == ["run"]:
                yield ([] if "--entrypoint" in words else ["serve"]) + words[last + 1:]
            elif verbs[:1] == ["exec"] and words[last - 1] == "turnpike":
                yield words[last + 1:]
        elif os.path.basename(words[0]) == "turnpike" and len(words) > 1:
            yield words[1:]
        elif os.path.basename(words[0]) == "quickstart.sh" and "--" in words:
            yield ["serve"] + words[words.index("--") + 1:]


PLACEHOLDERS = {"PUBLIC-ADDRESS": "203.0.113.5", "ADDRESS": "203.0.113.5", "NETWORK": "192.0.2.0/24", "PORT": "40000"}


def with_values(line, variables):
    """The line with what its block has assigned, and numbers where the reader is to put his own."""
    for name, value in variables.items():
        line = re.sub(r"\$%s\b|\$\{%s\}" % (name, name), lambda _, value=value: value, line)
    # What is optional is taken.
    line = re.sub(r"\[(:?[A-Z-]+)\]", r"\1", line)
    return re.sub(r"(?<![\w-])(%s)(?![\w-])" % "|".join(PLACEHOLDERS), lambda found: PLACEHOLDERS[found.group()], line)


def commands(path):
    """(line, words) for each command of ours in a document."""
    text, variables = text_of(path), {}
    for block in blocks(text):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            assigned = re.match(r"\s*([A-Z_]+)=(\$\(.*\))$", line)
            if assigned:
                variables[assigned.group(1)] = run("bash", "-c", "printf %%s \"%s\"" % assigned.group(2))[1]
                continue
            for words in command_words(with_values(line.strip(), variables)):
                yield line.strip(), words
    for span in spans(text):
        for words in command_words(with_values(span, {})):
            yield span, words


@functools.lru_cache(maxsize=None)
def help_of(*command):
    status, text = run(PROGRAM, *command, "--help")
    return text if status == 0 else None


def names_in(text):
    return re.findall(r"^  ([a-z][a-z-]+)  ", text, re.M)


def options_in(text):
    """Each option of a help text, and whether it takes a value: None when it may."""
    found = {}
    for short, name, value in re.findall(r"^  (?:(-\w) \[ )?(--[\w-]+)(?: \])?( arg| \[=arg)?", text, re.M):
        found[name] = None if "[" in value else bool(value)
        if short:
            found[short] = found[name]
    return found


def mistake(words):
    """What is wrong with a command that is no `serve`, or None. Nothing of it is done."""
    if words[0] not in names_in(help_of()):
        return "there is no command %s" % words[0]
    if len(words) == 1:
        return None
    path, rest = words[:1], words[1:]
    verbs = names_in(help_of(words[0])) if " VERB " in help_of(words[0]) else []
    if verbs:
        if rest[0] not in verbs:
            return "there is no verb %s" % rest[0]
        path, rest = words[:2], words[2:]
    text = help_of(*path)
    options, usage = options_in(text), text.split("\n\n")[0]
    free = 0
    while rest:
        word, rest = rest[0], rest[1:]
        if not word.startswith("-"):
            free += 1
            continue
        name, equals, _ = word.partition("=")
        if name not in options:
            return "there is no option %s" % name
        if options[name] and not equals:
            if not rest:
                return "%s needs a value" % name
            rest = rest[1:]
        elif options[name] is False and equals:
            return "%s takes no value" % name
    takes_word = re.search(r"%s \[?(?:[A-Z]|turn:|stun:)(?!PTION)" % " ".join(path), usage)
    return "%d words too many" % free if free > (1 if takes_word else 0) else None


def folder_with_files(folder):
    """What the commands of the documents name: a certificate, and configurations with a user in them."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=test", "-addext", "subjectAltName=DNS:turn.example.org", "-keyout", folder + "/privkey.pem",
                    "-out", folder + "/fullchain.pem"], check=True, stderr=subprocess.DEVNULL, timeout=60)


def in_folder(word, folder):
    """A configuration that a document supposes is made, wherever it stands."""
    name = os.path.basename(word)
    if not name.endswith(".conf") and word != "FILE":
        return word
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        file.write("user=ann:password\nrealm=example.org\n")
    return path


def check_command(words, folder):
    """A `serve` is checked with all of its values, `credentials` is run, of the others sub-command and options are looked up."""
    if words[0] in ("serve", "check") and len(words) > 1:
        words = [in_folder(word, folder) for word in words[1:]]
        environment = dict(os.environ, HOME=folder)
        if not {"-c", "--no-auth"} & set(words) and not any("auth-secret" in word for word in words):
            environment["TURNPIKE_USER"] = "ann:password"
        status, output = run(PROGRAM, "check", *words, cwd=folder, env=environment)
        return output if status else None
    if words[0] == "credentials" and "--host" in words:
        status, output = run(PROGRAM, *words, cwd=folder)
        return output if status else None
    return mistake(words)


def declare(path):
    @case("every command of Turnpike in %s parses" % path)
    def parses():
        found, wrong = list(commands(path)), []
        with tempfile.TemporaryDirectory(prefix="turnpike-test-") as folder:
            folder_with_files(folder)
            for line, words in found:
                said = check_command(words, folder)
                print(words, said or "fine")
                if said:
                    wrong.append("%s\n    %s" % (line, said.strip()))
        true(len(found) >= {"README.md": 40}.get(path, 1), "only %d commands were found" % len(found))
        equal(wrong, [], "commands that do not parse")


for document in DOCUMENTS:
    declare(document)


@case("a command that would not parse is noticed")
def noticed():
    with tempfile.TemporaryDirectory(prefix="turnpike-test-") as folder:
        folder_with_files(folder)
        for line in ("turnpike sreve", "turnpike user ad ann", "turnpike probe --hots x", "turnpike kill --user", "turnpike reload now",
                     "turnpike user add ann --generate=yes", "turnpike serve --listening-prot=1", "turnpike serve --rest-api-key=KEY",
                     "turnpike credentials --host x --user ann", "turnpike credentials --cert",
                     "docker run -d turnpike --reaml=x",
                     "docker exec turnpike turnpike usre list", "docker run --entrypoint turnpike turnpike prbe --host x",
                     "etc/quickstart.sh --host x -- --extrenal-ip=1.2.3.4"):
            (words,) = command_words(line)
            true(check_command(words, folder), "nothing is wrong with: " + line)


# ---- places ----

@case("every file and section that README.md names is there")
def places():
    text = text_of("README.md")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    files = re.findall(r"`((?:etc|tests|bench|docker|src|include|\.ci)/[\w./-]+)", text)
    files += re.findall(r"^ {4}((?:etc|tests|bench)/[\w./-]+)", text, re.M)
    missing = [path for path in links + files if not os.path.exists(os.path.join(ROOT, path.rstrip("/.")))]
    equal(missing, [], "files that are named and not there")
    runner = ("bash", os.path.join(ROOT, "tests/run.sh"))
    sections = run(*runner, "--list")[1].split()
    named = [word for words in re.findall(r"`tests/run\.sh((?: [a-z][\w-]*)+)`", text) for word in words.split()]
    true(len(named) > 20, "sections are named")
    equal(sorted(set(named) - set(sections)), [], "sections that are named and not there")
    scripts = {section: [re.sub(r"_test\.\w+$", "", os.path.basename(path)) for path in run(*runner, "--scripts", section)[1].split()]
               for section in sections}
    # Which scripts of the sections are meant stands behind them: (script, script: what of it).
    pairs = [(part.split(":")[0].strip(), words.split())
             for words, inside in re.findall(r"`tests/run\.sh((?: [a-z][\w-]*)+)`\s+\(([^)]*)\)", text)
             for part in re.split("[,;]", re.sub("`[^`]*`", "", inside)) if part.strip()]
    true(len(pairs) > 10, "scripts are named")
    equal([(script, words) for script, words in pairs if not any(script in scripts[section] for section in words)], [],
          "scripts that are not in the sections before them")
    of_columns = re.findall(r"\((tests/[\w/]+_test\.(?:py|sh))\) \|$", text, re.M)
    claimed = re.search(r"all of them in their sections:\s+`tests/run\.sh ([^`]*)`", text).group(1).split()
    ran = " ".join(run(*runner, "--scripts", section)[1] for section in claimed).split()
    equal([path for path in of_columns if path not in ran], [], "tests of the comparison that are not in the sections below it")


@case("the program is installed where the unit file looks for it, and the unit's user is made as README.md says")
def installed():
    if not shutil.which("cmake"):
        raise Skip("there is no cmake")
    unit, text = text_of("etc/turnpike.service"), text_of("README.md")
    looked_for = re.search(r"^ExecStart=(\S+) serve$", unit, re.M).group(1)
    build = os.path.dirname(os.path.dirname(PROGRAM))
    install = re.search(r"^ {4}(cmake --install build/release --component server.*)$", text, re.M).group(1)
    true(install in unit, "the unit says how to install the program")
    with tempfile.TemporaryDirectory(prefix="turnpike-test-") as folder:
        words = shlex.split(install.replace("build/release", build))
        status, output = run(*words, env=dict(os.environ, DESTDIR=folder), cwd=ROOT)
        equal(status, 0, output)
        there = [os.path.join(at, name)[len(folder):] for at, _, names in os.walk(folder) for name in names]
        equal(there, [looked_for], "what is installed")
        equal(run(folder + looked_for, "--version")[0], 0, "it runs")
    user = re.search(r"^User=(.*)$", unit, re.M).group(1)
    equal(re.search(r"^Group=(.*)$", unit, re.M).group(1), user, "the group")
    useradd = re.search(r"^ {4}(useradd .*)$", text, re.M).group(1)
    true(useradd in unit, "the same line in the unit")
    words = useradd.split()
    equal((words[-1], "--user-group" in words), (user, True), "the user with his group")
    home = words[words.index("--home-dir") + 1]
    state = re.search(r"^Environment=XDG_DATA_HOME=(\S+)", unit, re.M).group(1)
    equal(home, os.path.join(state, re.search(r"^StateDirectory=(.*)$", unit, re.M).group(1)), "the home is the state directory")


if __name__ == "__main__":
    main()
