"""Runs servers against each other over the same scenarios and prints a table. See bench/README.md."""

import argparse
import contextlib
import datetime
import json
import os
import subprocess
import sys

import servers
import statistics_of as stats
from scenarios import BY_NAME, SCENARIOS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments():
    parser = argparse.ArgumentParser(
        prog="bench/compare.sh",
        description="Measures servers alternating, each on one core, the load generator on another.")
    parser.add_argument("scenario", nargs="*", help="all of them unless named: " + ", ".join(BY_NAME))
    parser.add_argument("--rounds", type=int, default=9, help="after one that warms up (default 9)")
    parser.add_argument("--seconds", type=int, default=4, help="measured in each run (default 4)")
    parser.add_argument("--ours", default=os.path.join(ROOT, "build/release/bin/turnpike"), help="our binary")
    parser.add_argument("--base", help="another binary of ours, to see what a change has done")
    parser.add_argument("--rival", help="a command with {port} {tls_port} {dir} {user} {password} {realm} {cert} {key} in it; "
                                        "default: Debian's turnserver")
    parser.add_argument("--no-rival", action="store_true")
    parser.add_argument("--floor", help="the bare loop: build/bench/bin/bench_floor")
    parser.add_argument("--core", type=int, default=0, help="of the servers; the generator has the others")
    parser.add_argument("--json", help="a file for every single figure")
    parser.add_argument("--history", help="what was changed: adds a line to bench/history.jsonl")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.scenario if name not in BY_NAME]
    if unknown:
        parser.error("there is no scenario %s" % ", ".join(unknown))
    return chosen


def contestants(chosen, scenario, directory):
    moderation = ("--wake-up-moderation=%d" % (250 if scenario.moderated else 0),)
    found = {"turnpike": servers.turnpike_command(chosen.ours, moderation)}
    if chosen.base:
        found["base"] = servers.turnpike_command(chosen.base, moderation)
    if chosen.rival:
        found["rival"] = servers.other_command(chosen.rival)
    elif not chosen.no_rival and scenario.rival:
        found["coturn"] = servers.coturn_command("turnserver")
    if chosen.floor and scenario.floor:
        for mode in ("single", "batch", "runs"):
            found["floor-" + mode] = servers.floor_command(chosen.floor, mode)
    return {name: servers.Server(name, command, chosen.core, directory) for name, command in found.items()}


def run_load(chosen, scenario, server):
    others = ",".join(str(core) for core in range(os.cpu_count() or 1) if core != chosen.core) or "0"
    command = ["taskset", "-c", others, chosen.ours, "load", "--host", "127.0.0.1", "--port", str(server.port), "--user",
               servers.USER, "--password", servers.PASSWORD, "--server-pid", str(server.process.pid), "--json",
               "--duration", str(chosen.seconds), *scenario.load]
    if server.name.startswith("floor"):
        command += ["--carry", "bare"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    try:
        figures = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise RuntimeError("the load generator failed on %s: %s" % (server.name, done.stderr.strip())) from None
    if figures["ready"] != figures["clients"]:
        raise RuntimeError("%s: only %d of %d clients: %s" % (server.name, figures["ready"], figures["clients"],
                                                              figures["failures"]))
    return figures


def measure(chosen, scenario, directory):
    """{server: [figures of a round]}"""
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(server)
                   for name, server in contestants(chosen, scenario, directory).items()}
        results = {name: [] for name in running}
        for number in range(chosen.rounds + 1):
            for name, server in running.items():
                print("%s: round %d of %d, %s   " % (scenario.name, number, chosen.rounds, name), end="\r", file=sys.stderr)
                figures = run_load(chosen, scenario, server)
                if number > 0:
                    results[name].append(figures)
    return results


def cpu_of(rounds):
    return [figures["server_us_per_unit"] for figures in rounds]


def row(scenario, name, rounds, results):
    median, low, high = stats.spread(cpu_of(rounds))
    loss = stats.spread([figures["loss"] for figures in rounds])[0] or 0
    p50 = stats.spread([figures["latency"]["p50_us"] for figures in rounds])[0]
    p99 = stats.spread([figures["latency"]["p99_us"] for figures in rounds])[0]
    rival = next((other for other in ("rival", "coturn") if other in results), None)
    ratio = verdict = ""
    if name in ("turnpike", "base") and rival:
        pairs = stats.ratios(cpu_of(rounds), cpu_of(results[rival]))
        middle, low_ratio, high_ratio = stats.spread(pairs)
        ratio = "%.2f (%.2f-%.2f)" % (middle, low_ratio, high_ratio)
        if name == "turnpike" and scenario.bar:
            verdict = "<= %.2f: %s" % (scenario.bar, stats.verdict(pairs, scenario.bar))
    return "| %s | %s | %.2f (%.2f-%.2f) | %.3f %% | %.0f / %.0f | %s | %s |" % (
        scenario.name, name, median, low, high, loss * 100, p50, p99, ratio, verdict)


def keep(chosen, everything):
    medians = {scenario: {name: round(stats.spread(cpu_of(rounds))[0], 3) for name, rounds in results.items()}
               for scenario, results in everything.items()}
    line = {"date": datetime.date.today().isoformat(), "change": chosen.history, "rounds": chosen.rounds,
            "seconds": chosen.seconds, "us_per_unit": medians}
    with open(os.path.join(ROOT, "bench/history.jsonl"), "a", encoding="ascii") as history:
        history.write(json.dumps(line) + "\n")


def main():
    chosen = arguments()
    if not os.access(chosen.ours, os.X_OK):
        sys.exit("bench/compare.sh: build the release first: cmake --preset release && ninja -C build/release turnpike")
    wanted = [BY_NAME[name] for name in chosen.scenario] or list(SCENARIOS)
    everything = {}
    print("| scenario | server | CPU us per unit | loss | p50 / p99 us | of the rival's | bar |")
    print("|---|---|---|---|---|---|---|")
    with servers.scratch() as directory:
        for scenario in wanted:
            try:
                results = measure(chosen, scenario, directory)
            except RuntimeError as error:
                print("| %s | - | not measured: %s | | | | |" % (scenario.name, error))
                continue
            everything[scenario.name] = results
            for name, rounds in results.items():
                print(row(scenario, name, rounds, results), flush=True)
    if chosen.json:
        with open(chosen.json, "w", encoding="ascii") as file:
            json.dump(everything, file)
    if chosen.history:
        keep(chosen, everything)


if __name__ == "__main__":
    main()
