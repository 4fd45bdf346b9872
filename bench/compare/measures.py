"""How one figure is taken from one server. Each answers what `turnpike load` told, with the scenario's figure as `value`."""

import json
import os
import subprocess
import time

import servers

# Of what was sent. More than that is no service, whatever it costs.
LOSS = 0.001
# The generator has to keep up with this part of what it was told to send.
OFFERED = 0.97
# What a guest on a shared machine loses to its neighbours once is not the server's.
ATTEMPTS = 2
# A held rate is looked for by these steps, the first time and from then on, and then halved in between so often.
FIRST_STEP, NEXT_STEP, HALVINGS = 1.3, 1.1, 2
LEAST_RATE = 1000
# More on the way there and back is a queue that has only not run over yet.
HELD_P50_US = 20000
RETURN_SECONDS = 20


class Failed(RuntimeError):
    """This server could not be measured in this scenario."""


def run_load(chosen, server, arguments, seconds):
    others = ",".join(str(core) for core in range(os.cpu_count() or 1) if core != chosen.core) or "0"
    command = ["taskset", "-c", others, chosen.ours, "load", "--host", "127.0.0.1", "--port", str(server.port), "--user",
               servers.USER, "--password", servers.PASSWORD, "--server-pid", str(server.process.pid), "--json",
               "--duration", str(seconds), *arguments]
    if server.name.startswith("floor"):
        command += ["--carry", "bare"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
        figures = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise Failed("the load generator did not end") from None
    except json.JSONDecodeError:
        raise Failed("the load generator failed: %s" % done.stderr.strip()) from None
    if figures["ready"] != figures["clients"]:
        raise Failed("only %d of %d clients: %s" % (figures["ready"], figures["clients"], figures["failures"]))
    for what in ("damaged", "repeated"):
        count = figures["to_peers"][what] + figures["to_clients"][what]
        if count:
            raise Failed("%d datagrams came %s" % (count, what))
    if figures["lost_allocations"]:
        raise Failed("%d allocations were lost" % figures["lost_allocations"])
    return figures


def kept_up(figures):
    """The generator sent what it was told to, and lost next to nothing itself."""
    own = figures["generator_not_sent"] + figures["generator_overflowed"]
    sent = figures["to_peers"]["sent"] + figures["to_clients"]["sent"] + figures["begun"]
    return figures["offered"] >= OFFERED and own <= LOSS / 10 * sent


def load_that_was_offered(chosen, server, arguments):
    """The figures of a run in which the generator was not what fell short."""
    for _ in range(ATTEMPTS):
        figures = run_load(chosen, server, arguments, chosen.seconds)
        if figures.get("server_us_per_unit") is None:
            raise Failed("nothing got through")
        if kept_up(figures):
            return figures
    raise Failed("the generator itself sent only %.1f %%, and lost %d datagrams"
                 % (figures["offered"] * 100, figures["generator_not_sent"] + figures["generator_overflowed"]))


def cpu(chosen, scenario, server):
    """Microseconds for each unit of work."""
    load = scenario.load
    if scenario.at in chosen.held:
        load = with_rate(load, int(chosen.held[scenario.at]))
    figures = load_that_was_offered(chosen, server, load)
    figures["value"] = figures["server_us_per_unit"]
    return figures


def indications(chosen, scenario, server):
    """Microseconds more than by channels, for each packet."""
    by_channel = load_that_was_offered(chosen, server, scenario.load)
    figures = load_that_was_offered(chosen, server, (*scenario.load, "--carry", "indication"))
    figures["value"] = figures["server_us_per_unit"] - by_channel["server_us_per_unit"]
    return figures


def with_rate(load, rate):
    arguments = list(load)
    arguments[arguments.index("--rate") + 1] = str(rate)
    return arguments


def holds(chosen, scenario, server, rate):
    """(the figures of a run at that rate or None, whether the generator was what fell short)"""
    short = False
    for _ in range(ATTEMPTS):
        figures = run_load(chosen, server, with_rate(scenario.load, rate), chosen.seconds)
        short = not kept_up(figures)
        queued = figures["latency"]["p50_us"] > HELD_P50_US
        if figures["loss"] < LOSS and not queued and not short:
            figures["value"] = rate * figures["offered"]
            return figures, False
    return None, short


def held(chosen, scenario, server):
    """Packets a second each way: what is held, and a little more is not."""
    known = chosen.held_by.get((scenario.name, server.name))
    rate, step = (int(known), NEXT_STEP) if known else (int(scenario.load[scenario.load.index("--rate") + 1]), FIRST_STEP)
    best = high = None
    by_generator = False
    while best is None or high is None:
        figures, short = holds(chosen, scenario, server, rate)
        if figures is not None:
            low, best = rate, figures
        else:
            high, by_generator = rate, short
        if best is None and rate < LEAST_RATE:
            raise Failed("%d packets/s are more than was held" % rate)
        rate = int(rate * step) if figures is not None else int(rate / step)
    for _ in range(HALVINGS):
        middle = (low + high) // 2
        figures, short = holds(chosen, scenario, server, middle)
        if figures is not None:
            low, best = middle, figures
        else:
            high, by_generator = middle, short
    chosen.held_by[scenario.name, server.name] = low
    best["by_generator"] = by_generator
    return best


def memory(chosen, scenario, server):
    """Bytes for each allocation, of the process's own memory. The server is a fresh one."""
    figures = run_load(chosen, server, scenario.load, 1)
    figures["value"] = figures["anon_per_allocation"]
    return figures


def own_memory(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))


def returned(chosen, scenario, server):
    """Bytes for each allocation of a peak, when all of them have been gone for a while. The server is a fresh one."""
    before = own_memory(server.process.pid)
    figures = run_load(chosen, server, scenario.load, 1)
    if figures["released"] != figures["clients"]:
        raise Failed("only %d of %d were released" % (figures["released"], figures["clients"]))
    time.sleep(RETURN_SECONDS)
    figures["value"] = max(0, own_memory(server.process.pid) - before) / figures["clients"]
    return figures


def idle(chosen, scenario, server):
    """Percent of a core."""
    figures = run_load(chosen, server, scenario.load, max(chosen.seconds, 10))
    figures["value"] = figures["server_cpu"] * 100
    return figures


METHODS = {"cpu": cpu, "held": held, "indications": indications, "memory": memory, "returned": returned, "idle": idle}
# These need a server that has done nothing yet, and one that is alone.
FRESH = ("memory", "returned", "idle")
