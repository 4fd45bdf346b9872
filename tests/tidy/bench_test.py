#!/usr/bin/python3
"""What bench/compare.sh says of figures that are known."""

import os
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bench", "compare"))
import compare  # noqa: E402
import measures  # noqa: E402
import scenarios  # noqa: E402
from harness import case, equal, main, true  # noqa: E402

RATE = 40000


def told(**changed):
    """What the generator tells of a run in which all went well."""
    flow = {"sent": 5 * RATE, "received": 5 * RATE, "late": 0, "repeated": 0, "damaged": 0}
    figures = {"clients": 100, "ready": 100, "failures": {}, "lost_allocations": 0, "released": 100, "begun": 0, "loss": 0.0,
               "offered": 1.0, "to_peers": dict(flow), "to_clients": dict(flow), "generator_not_sent": 0,
               "generator_overflowed": 0, "server_us_per_unit": 5.0, "server_switches_per_unit": 0.1,
               "latency": {"p50_us": 100, "p99_us": 900}}
    return {**figures, **changed}


def chosen(**changed):
    return types.SimpleNamespace(seconds=4, held={}, held_by={}, **changed)


class Load:
    """Stands in for the generator: `answer` makes its figures from the rate that was asked for."""

    def __init__(self, answer):
        self.answer, self.rates = answer, []

    def __enter__(self):
        self.true_one = measures.run_load

        def run(_chosen, _server, arguments, _seconds):
            self.rates.append(int(arguments[arguments.index("--rate") + 1]))
            return self.answer(self.rates[-1])
        measures.run_load = run
        return self

    def __exit__(self, *_):
        measures.run_load = self.true_one


SERVER = types.SimpleNamespace(name="turnpike")
HELD = scenarios.BY_NAME["held-172"]


@case("a rate that was not sent, was lost or only queued was not held")
def _():
    with Load(lambda rate: told(offered=0.8)):
        equal(measures.holds(chosen(), HELD, SERVER, RATE), (None, True))
    with Load(lambda rate: told(generator_overflowed=RATE // 10)):
        equal(measures.holds(chosen(), HELD, SERVER, RATE), (None, True))
    with Load(lambda rate: told(loss=0.01)):
        equal(measures.holds(chosen(), HELD, SERVER, RATE), (None, False))
    with Load(lambda rate: told(latency={"p50_us": 120000, "p99_us": 300000})):
        equal(measures.holds(chosen(), HELD, SERVER, RATE), (None, False))


def found_rate(holds_up_to, known=None):
    run = chosen()
    if known:
        run.held_by[HELD.name, SERVER.name] = known
    with Load(lambda rate: told(loss=0.0 if rate <= holds_up_to else 0.05)):
        return measures.held(run, HELD, SERVER)["value"]


@case("a held rate is found within some percent, above and below where it is looked for first")
def _():
    for real in (7000, 30000, RATE, 61000, 170000):
        first = found_rate(real)
        true(0.92 * real <= first <= real, "%d of %d" % (first, real))
        again = found_rate(real, int(first))
        true(0.96 * real <= again <= real, "%d of %d" % (again, real))


@case("whose generator was full is known of a held rate")
def _():
    with Load(lambda rate: told(offered=1.0 if rate <= 90000 else 0.7)):
        equal(measures.held(chosen(), HELD, SERVER)["by_generator"], True)
    with Load(lambda rate: told(loss=0.0 if rate <= 90000 else 0.7)):
        equal(measures.held(chosen(), HELD, SERVER)["by_generator"], False)


@case("a load that was not offered has no figure")
def _():
    with Load(lambda rate: told(offered=0.8)) as load:
        try:
            measures.cpu(chosen(), scenarios.BY_NAME["binding"], SERVER)
        except measures.Failed as error:
            true("80.0 %" in str(error), str(error))
        else:
            true(False, "a figure")
        equal(len(load.rates), measures.ATTEMPTS)


@case("the saturated scenarios have the rate that all servers held")
def _():
    run = chosen()
    run.held["held-172"] = 71234.5
    with Load(lambda rate: told()) as load:
        measures.cpu(run, scenarios.BY_NAME["saturated-172"], SERVER)
        equal(load.rates, [71234])


@case("indications cost what they cost more than channels")
def _():
    answers = iter((told(server_us_per_unit=5.0), told(server_us_per_unit=5.3)))
    with Load(lambda rate: next(answers)):
        value = measures.indications(chosen(), scenarios.BY_NAME["indications"], SERVER)["value"]
        true(abs(value - 0.3) < 1e-9, repr(value))


def rounds(value, **changed):
    return [told(value=value * jitter, **changed) for jitter in (0.99, 1.0, 1.01)]


def verdict(scenario, ours, theirs, **others):
    return compare.verdict_of(scenarios.BY_NAME[scenario], {"turnpike": ours, "coturn": theirs, **others}, "coturn")


@case("a bar is met by the figure and by nothing that was lost")
def _():
    equal(verdict("video", rounds(5), rounds(10)), "<= 0.82: met")
    equal(verdict("video", rounds(9), rounds(10)), "<= 0.82: missed")
    equal(verdict("video", rounds(5, loss=0.05), rounds(10)), "<= 0.82: missed, loss missed")
    equal(verdict("video", rounds(5, loss=0.05), rounds(10, loss=0.05)), "<= 0.82: met")


@case("voice has to be no slower, and moderated wake-ups may add little")
def _():
    slow = {"p50_us": 100, "p99_us": 2000}
    equal(verdict("voice", rounds(5), rounds(10)), "<= 0.85: met, p99 met")
    equal(verdict("voice", rounds(5, latency=slow), rounds(10)), "<= 0.85: missed, p99 missed")
    late = {"p50_us": 500, "p99_us": 2000}
    equal(verdict("voice-moderated", rounds(5, latency=late), rounds(10), unmoderated=rounds(7)),
          "<= 0.70: met, +200 us met")
    later = {"p50_us": 900, "p99_us": 2000}
    equal(verdict("voice-moderated", rounds(5, latency=later), rounds(10), unmoderated=rounds(7)),
          "<= 0.70: missed, +400 us missed")


@case("what is measured with wake-ups moderated is loaded as without, and held to a bar no higher")
def _():
    moderated = [one for one in scenarios.SCENARIOS if one.moderated]
    equal([one.name for one in moderated], ["voice-moderated", "binding-moderated"])
    for one in moderated:
        plain = scenarios.BY_NAME[one.name.removesuffix("-moderated")]
        equal((one.load, one.unit, one.slow_us), (plain.load, plain.unit, 300))
        true(not plain.moderated and one.bar <= plain.bar, one.name)


@case("more is better of what is held, and nobody misses it by the generator")
def _():
    ours, theirs = rounds(150000, by_generator=False), rounds(100000, by_generator=False)
    equal(verdict("held-172", ours, theirs), ">= 1.28: met")
    equal(verdict("held-172", rounds(110000, by_generator=False), theirs), ">= 1.28: missed")
    equal(verdict("held-172", rounds(110000, by_generator=True), theirs), ">= 1.28: not shown (the generator was full)")


if __name__ == "__main__":
    main()
