"""How one figure is taken from one server. Each answers what `turnpike load` told, with the scenario's figure as `value`."""

import json
import os
import subprocess
import time

import servers

HELD_LOSS = 0.001
HELD_STEP = 1.15
# A run in which the generator itself fell short says nothing about the server.
HELD_ATTEMPTS = 2
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
    return figures


def cpu(chosen, scenario, server):
    """Microseconds for each unit of work."""
    figures = run_load(chosen, server, scenario.load, chosen.seconds)
    if figures.get("server_us_per_unit") is None:
        raise Failed("nothing got through")
    figures["value"] = figures["server_us_per_unit"]
    return figures


def with_rate(load, rate):
    arguments = list(load)
    arguments[arguments.index("--rate") + 1] = str(rate)
    return arguments


def holds(chosen, scenario, server, rate):
    """The figures of a run at that rate, or None when more was lost than may be."""
    for _ in range(HELD_ATTEMPTS):
        figures = run_load(chosen, server, with_rate(scenario.load, rate), chosen.seconds)
        # Both ways count, and what the generator could not send was never offered.
        if figures["loss"] < HELD_LOSS and figures["to_peers"]["sent"] >= 0.97 * rate * chosen.seconds:
            return figures
    return None


def held(chosen, scenario, server):
    """Packets a second each way: the rate grows by steps until it is not held any more."""
    rate, best = int(scenario.load[scenario.load.index("--rate") + 1]), None
    while (figures := holds(chosen, scenario, server, rate)) is not None:
        best = figures
        best["value"] = rate
        rate = int(rate * HELD_STEP)
    if best is None:
        raise Failed("%d packets/s are more than was held" % rate)
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
    time.sleep(RETURN_SECONDS)
    figures["value"] = max(0, own_memory(server.process.pid) - before) / figures["clients"]
    return figures


def idle(chosen, scenario, server):
    """Percent of a core."""
    figures = run_load(chosen, server, scenario.load, max(chosen.seconds, 10))
    figures["value"] = figures["server_cpu"] * 100
    return figures


METHODS = {"cpu": cpu, "held": held, "memory": memory, "returned": returned, "idle": idle}
# These need a server that has done nothing yet, and one that is alone.
FRESH = ("memory", "returned", "idle")
