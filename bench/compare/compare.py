"""Runs servers against each other over the same scenarios and prints a table. See bench/README.md."""

import argparse
import contextlib
import datetime
import json
import os
import shlex
import sys

import measures
import servers
import statistics_of as stats
from scenarios import BY_NAME, SCENARIOS

# The default of the product.
MODERATION_US = 200
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments():
    parser = argparse.ArgumentParser(
        prog="bench/compare.sh",
        description="Measures servers alternating, each on one core, the load generator on another.")
    parser.add_argument("scenario", nargs="*", help="all of them unless named: " + ", ".join(BY_NAME))
    parser.add_argument("--rounds", type=int, default=9, help="after one that warms up (default 9)")
    parser.add_argument("--seconds", type=int, default=4, help="measured in each run (default 4)")
    parser.add_argument("--ours", default=os.path.join(ROOT, "build/release/bin/turnpike"), help="our binary")
    parser.add_argument("--options", default="", help="further options of our server, not of the base: what they change")
    parser.add_argument("--base", help="another binary of ours, to see what a change has done")
    parser.add_argument("--rival", help="a command with {port} {tls_port} {dir} {user} {password} {realm} {cert} {key} in it; "
                                        "default: Debian's turnserver")
    parser.add_argument("--no-rival", action="store_true")
    parser.add_argument("--floor", help="the bare loop: build/bench/bin/bench_floor")
    parser.add_argument("--core", type=int, default=0, help="of the servers; the generator has the others")
    parser.add_argument("--json", help="a file for every single figure, written anew after each scenario")
    parser.add_argument("--history", help="what was changed: adds a line to bench/history.jsonl")
    parser.add_argument("--list", action="store_true", help="what the scenarios are")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.scenario if name not in BY_NAME]
    if unknown:
        parser.error("there is no scenario %s" % ", ".join(unknown))
    if chosen.rounds < 1 or chosen.seconds < 1:
        parser.error("--rounds and --seconds are at least 1")
    # Servers run in a folder of their own.
    for name in ("ours", "base", "floor"):
        binary = getattr(chosen, name)
        if binary:
            setattr(chosen, name, os.path.abspath(binary))
        if binary and not os.access(binary, os.X_OK):
            parser.error("there is no program %s: see bench/README.md on building" % binary)
    # What the run finds out: the rate that all servers held in a scenario, and that of each.
    chosen.held, chosen.held_by = {}, {}
    return chosen


def contestants(chosen, scenario, directory):
    # Both builds are given the option, as one may have another default.
    moderation = ("--wake-up-moderation=%d" % (MODERATION_US if scenario.moderated else 0),)
    found = {"turnpike": servers.turnpike_command(chosen.ours, (*moderation, *shlex.split(chosen.options)))}
    if scenario.moderated:
        found["unmoderated"] = servers.turnpike_command(chosen.ours, ("--wake-up-moderation=0",))
    if chosen.base:
        found["base"] = servers.turnpike_command(chosen.base, moderation)
    if chosen.rival:
        found["rival"] = servers.other_command(chosen.rival)
    elif not chosen.no_rival:
        found["coturn"] = servers.coturn_command("turnserver")
    if chosen.floor and scenario.floor:
        for mode in ("single", "batch", "runs"):
            found["floor-" + mode] = servers.floor_command(chosen.floor, mode)
    return {name: servers.Server(name, command, chosen.core, directory) for name, command in found.items()}


class Progress:
    """One line that is written over, if a person looks at it."""

    def __init__(self):
        self.watched = sys.stderr.isatty()

    def show(self, words):
        if self.watched:
            print("\r\033[K" + words, end="", file=sys.stderr, flush=True)

    def clear(self):
        self.show("")


def rotated(servers_of_round, number):
    """Each is first as often as the others: two copies of one program differed by 4 % in a fixed order."""
    order = list(servers_of_round)
    first = number % len(order)
    return order[first:] + order[:first]


def measure(chosen, scenario, directory, progress):
    """({server: [figures of a round]}, {server: why it has none})"""
    take = measures.METHODS[scenario.method]
    fresh = scenario.method in measures.FRESH
    results, failed = {}, {}
    with contextlib.ExitStack() as stack:
        running = contestants(chosen, scenario, directory)
        for name, server in running.items() if not fresh else ():
            try:
                stack.enter_context(server)
            except servers.NotRunning as error:
                failed[name] = str(error)
        for number in range(0 if not fresh else 1, chosen.rounds + 1):
            for name, server in rotated(running.items(), number):
                if name in failed:
                    continue
                progress.show("%s: round %d of %d, %s" % (scenario.name, number, chosen.rounds, name))
                try:
                    with server if fresh else contextlib.nullcontext():
                        figures = take(chosen, scenario, server)
                except (measures.Failed, servers.NotRunning) as error:
                    failed[name] = str(error)
                    results.pop(name, None)
                    continue
                if number > 0:
                    results.setdefault(name, []).append(figures)
    progress.clear()
    if scenario.method == "held" and results:
        chosen.held[scenario.name] = min(stats.spread(values_of(rounds))[0] for rounds in results.values())
    return results, failed


def values_of(rounds):
    return [figures["value"] for figures in rounds]


def number(value):
    return "%.0f" % value if abs(value) >= 1000 else "%.3g" % value if abs(value) < 1 else "%.2f" % value


def pairs_of(rounds, other, figure):
    return stats.ratios([figure(figures) for figures in rounds], [figure(figures) for figures in other])


def median_of(rounds, figure):
    return stats.spread([figure(figures) for figures in rounds])[0]


def loss_of(rounds):
    return median_of(rounds, lambda figures: figures["loss"])


def p50(figures):
    return figures["latency"]["p50_us"]


def p99(figures):
    return figures["latency"]["p99_us"]


def conditions_of(scenario, results, other):
    """What a bar demands beside the figure itself: (what, verdict)"""
    ours, theirs = results["turnpike"], results[other]
    found = []
    if loss_of(ours) > measures.LOSS >= loss_of(theirs):
        found.append(("loss", "missed"))
    if scenario.p99:
        found.append(("p99", stats.verdict(pairs_of(ours, theirs, p99), 1)))
    if scenario.slow_us is not None and "unmoderated" in results:
        # Of a way there and back, on which the server is passed twice.
        slower = [(p50(one) - p50(plain)) / 2 for one, plain in zip(ours, results["unmoderated"])]
        found.append(("%+.0f us" % stats.spread(slower)[0], stats.verdict(slower, scenario.slow_us)))
    return found


def verdict_of(scenario, results, other):
    """What may be said of our bar; `other` is whom we are held to, or None."""
    rounds = results["turnpike"]
    if scenario.limit is not None:
        return "<= %s: %s" % (number(scenario.limit), stats.verdict(values_of(rounds), scenario.limit))
    if scenario.bar is None or other in (None, "base"):
        return ""
    pairs = stats.ratios(values_of(rounds), values_of(results[other]))
    if not pairs:
        return ""
    if scenario.method == "held":
        verdict = stats.verdict_at_least(pairs, scenario.bar)
        # Where the generator's core was full first nobody knows what the server would have held.
        if verdict == "missed" and any(figures["by_generator"] for figures in rounds):
            verdict = "not shown (the generator was full)"
        return ">= %.2f: %s" % (scenario.bar, verdict)
    verdict = stats.verdict(pairs, scenario.bar)
    conditions = conditions_of(scenario, results, other)
    for what, of_condition in conditions:
        if stats.WORSE.index(of_condition) > stats.WORSE.index(verdict):
            verdict = of_condition
    told = "".join(", %s %s" % (what, of_condition) for what, of_condition in conditions)
    return "<= %.2f: %s%s" % (scenario.bar, verdict, told)


def ratio_text(rounds, other):
    pairs = stats.ratios(values_of(rounds), values_of(other))
    return "%.2f (%.2f-%.2f)" % stats.spread(pairs) if pairs else ""


def row(scenario, name, rounds, results):
    median, low, high = stats.spread(values_of(rounds))
    switches = [figures["server_switches_per_unit"] for figures in rounds if "server_switches_per_unit" in figures]
    other = next((rival for rival in ("rival", "coturn") if rival in results), None)
    if name == "turnpike" and other is None and "base" in results:
        other = "base"
    # The ratio of two differences says nothing.
    is_ours = name in ("turnpike", "unmoderated", "base") and scenario.method != "indications"
    of_floor = "floor-runs" in results and not name.startswith("floor")
    return "| %s | %s | %s (%s-%s) %s | %s | %.3f %% | %.0f / %.0f | %s | %s | %s |" % (
        scenario.name, name, number(median), number(low), number(high), unit_of(scenario),
        "%.2f" % stats.spread(switches)[0] if switches and scenario.method == "cpu" else "",
        loss_of(rounds) * 100, median_of(rounds, p50), median_of(rounds, p99),
        ratio_text(rounds, results[other]) if is_ours and other not in (None, name) else "",
        ratio_text(rounds, results["floor-runs"]) if of_floor else "",
        verdict_of(scenario, results, other) if name == "turnpike" else "")


def unit_of(scenario):
    return "us/" + scenario.unit if scenario.method == "cpu" else scenario.unit


def keep(chosen, everything):
    medians = {scenario: {name: round(stats.spread(values_of(rounds))[0], 6) for name, rounds in results.items()}
               for scenario, results in everything.items()}
    line = {"date": datetime.date.today().isoformat(), "change": chosen.history, "rounds": chosen.rounds,
            "seconds": chosen.seconds, "medians": medians}
    with open(os.path.join(ROOT, "bench/history.jsonl"), "a", encoding="ascii") as history:
        history.write(json.dumps(line) + "\n")


def write_json(path, everything):
    # Whole or not at all: a run of all scenarios takes an hour, and somebody may look at what there is so far.
    with open(path + ".new", "w", encoding="ascii") as file:
        json.dump({name: {"unit": unit_of(BY_NAME[name]), "servers": results} for name, results in everything.items()}, file)
    os.replace(path + ".new", path)


def main():
    chosen = arguments()
    if chosen.list:
        for scenario in SCENARIOS:
            print("%-16s %s" % (scenario.name, scenario.about))
        return 0
    wanted = [BY_NAME[name] for name in chosen.scenario] or list(SCENARIOS)
    everything, complete = {}, True
    progress = Progress()
    print("| scenario | server | figure | switches | loss | p50 / p99 us | of the rival's | of the floor's | bar |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with servers.scratch() as directory:
        for scenario in wanted:
            results, failed = measure(chosen, scenario, directory, progress)
            for name, rounds in results.items():
                print(row(scenario, name, rounds, results), flush=True)
            for name, why in failed.items():
                complete = False
                print("| %s | %s | not measured: %s | | | | | | |" % (scenario.name, name, " ".join(why.split())), flush=True)
            if results:
                everything[scenario.name] = results
            if chosen.json:
                write_json(chosen.json, everything)
    if chosen.history and everything:
        keep(chosen, everything)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
