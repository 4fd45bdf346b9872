"""What is measured: for each scenario the arguments of `turnpike load`, how its figure is found, and the bar that it is
held to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    name: str
    about: str
    load: tuple  # Arguments of turnpike load.
    unit: str  # What the server's CPU is divided by, or what the figure is in.
    bar: float = None  # Our figure over the rival's, at most (a held rate: at least).
    limit: float = None  # Our figure itself, at most.
    floor: bool = False  # Makes sense for the bare loop too.
    moderated: bool = False  # Ours runs with its wake-ups moderated, and once more without.
    slow_us: float = None  # What moderation may add to the way through the server, at most.
    p99: bool = False  # Ours may not be above the rival's.
    method: str = "cpu"  # Of measures.py.
    at: str = None  # The scenario whose rate, as all servers held it, is the rate of this one.


def _flood(rate, size, clients, *more):
    return ("--shape", "flood", "--rate", str(rate), "--size", str(size), "--clients", str(clients)) + more


_CONNECTIONS = _flood(2500, 1000, 50, "--direction", "echo", "--transport")
_VIDEO = ("--shape", "video", "--clients", "40", "--direction", "echo")

SCENARIOS = (
    Scenario("voice", "500 clients x 50 packets/s x 172 B, both ways", ("--shape", "voice", "--clients", "500"),
             "packet", 0.85, floor=True, p99=True),
    Scenario("voice-moderated", "the same, wake-ups moderated", ("--shape", "voice", "--clients", "500"), "packet", 0.70,
             moderated=True, slow_us=300),
    Scenario("video", "40 clients x 30 bursts/s x 10 x 1100 B, both ways", _VIDEO, "packet", 0.82, floor=True),
    Scenario("video-gso", "the same, sent by UDP_SEGMENT", (*_VIDEO, "--gso"), "packet", 0.70, floor=True),
    Scenario("bulk", "one flow of 1200 B up, sent by UDP_SEGMENT, 50 at once",
             _flood(200000, 1200, 1, "--burst", "50", "--direction", "up", "--gso"), "packet", 0.42, floor=True),
    Scenario("bulk-both", "one flow of 1200 B both ways, sent by UDP_SEGMENT, 50 at once",
             _flood(100000, 1200, 1, "--burst", "50", "--direction", "echo", "--gso"), "packet", 0.42, floor=True),
    Scenario("held-172", "packets/s each way that 100 clients x 172 B get through at under 0.1 % loss",
             _flood(40000, 172, 100, "--direction", "echo"), "packets/s", 1.28, floor=True, method="held"),
    Scenario("saturated-172", "the same at the rate that all of them held, or 40,000 packets/s each way",
             _flood(40000, 172, 100, "--direction", "echo"), "packet", floor=True, at="held-172"),
    Scenario("held-1200", "packets/s each way that 100 clients x 1200 B get through at under 0.1 % loss",
             _flood(40000, 1200, 100, "--direction", "echo"), "packets/s", 1.28, floor=True, method="held"),
    Scenario("saturated-1200", "100 clients x 1200 B likewise",
             _flood(40000, 1200, 100, "--direction", "echo"), "packet", floor=True, at="held-1200"),
    Scenario("indications", "what a packet costs more by indications than by channels: 100 clients x 172 B, both ways, "
             "10,000 packets/s each way", _flood(10000, 172, 100, "--direction", "echo"), "us/packet more", limit=0.4,
             method="indications"),
    Scenario("in-process", "100 clients x 172 B to each other's relayed address, 10,000 packets/s",
             _flood(10000, 172, 100, "--between-clients"), "packet"),
    Scenario("binding", "20,000 Binding requests/s",
             ("--shape", "binding", "--rate", "20000", "--clients", "200"), "request", 0.70),
    Scenario("binding-moderated", "the same, wake-ups moderated",
             ("--shape", "binding", "--rate", "20000", "--clients", "200"), "request", 0.70, moderated=True, slow_us=300),
    Scenario("tcp", "50 TCP clients, 1000 B, 2,500 packets/s each way", (*_CONNECTIONS, "tcp"), "packet", 0.80),
    Scenario("tls", "50 TLS clients, 1000 B, 2,500 packets/s each way", (*_CONNECTIONS, "tls"), "packet", 0.85),
    Scenario("dtls", "50 DTLS clients, 1000 B, 2,500 packets/s each way", (*_CONNECTIONS, "dtls"), "packet"),
    Scenario("churn", "200 cycles/s of allocate, permission, channel, release",
             ("--shape", "churn", "--rate", "200", "--clients", "100"), "cycle", 0.45),
    Scenario("memory", "the server's own memory for each of 10,000 allocations with a channel",
             ("--shape", "idle", "--clients", "10000", "--setup-rate", "4000", "--warm-up", "0"), "B", limit=2048,
             method="memory"),
    Scenario("returned", "what is left of that memory 20 s after the allocations were released",
             ("--shape", "idle", "--clients", "10000", "--setup-rate", "4000", "--warm-up", "0"), "B", limit=512, method="returned"),
    Scenario("idle", "CPU while 10,000 allocations do nothing",
             ("--shape", "idle", "--clients", "10000", "--setup-rate", "4000", "--warm-up", "2"), "% of a core", limit=0.1,
             method="idle"),
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
