"""Lives through minutes of an operator's day in one go: sessions that come and go over every transport, calls that go on,
reloads, scrapes and questions to the admin API, all at once. Afterwards nothing has grown and nothing has failed."""

import argparse
import contextlib
import json
import os
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))
from harness import free_port  # noqa: E402

USER, PASSWORD = "soak", "soak"
RELOAD_EVERY, SCRAPE_EVERY, ASK_EVERY, SAMPLE_EVERY = 2, 1, 1, 0.5
# What a connection or a session still has open for a moment after it was told to end.
SPARE_DESCRIPTORS = 2


def arguments():
    parser = argparse.ArgumentParser(prog="bench/soak.sh", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="of load (default 300)")
    parser.add_argument("--server", default=os.path.join(ROOT, "build/release/bin/turnpike") + " serve",
                        help="the command of our server")
    parser.add_argument("--growth", type=float, default=2.0,
                        help="MiB by which the memory may be larger at the end than after a third (default 2)")
    parser.add_argument("--loss", type=float, default=0.01, help="part of the calls' datagrams that may be lost (default 0.01)")
    chosen = parser.parse_args()
    if chosen.seconds < 10:
        parser.error("--seconds is at least 10")
    return chosen


class Server:
    """Configured by a file, so that it can be reloaded; a context manager."""

    def __init__(self, command, directory):
        self.port, self.metrics_port = free_port(), free_port()
        self.file, self.log = os.path.join(directory, "turnpike.conf"), os.path.join(directory, "server.log")
        self.admin = os.path.join(directory, "admin.sock")
        self.command = shlex.split(command)
        self.directory, self.process = directory, None
        self.write(0)

    def write(self, turn):
        """Each turn has another configuration, so that every reload changes something."""
        lines = ["listening-ip=127.0.0.1", "relay-ip=127.0.0.1", "listening-port=%d" % self.port, "tls-listening-port=0",
                 "user=%s:%s" % (USER, PASSWORD), "realm=soak", "relay-threads=2", "allow-loopback-peers",
                 "unauthorized-ratelimit=off", "binding-ratelimit=0", "prometheus", "prometheus-address=127.0.0.1",
                 "prometheus-port=%d" % self.metrics_port, "admin-socket=" + self.admin,
                 "max-port=%d" % (65535 - turn % 2), "user=guest%d:guest" % (turn % 3),
                 "user-quota=%d" % (10000 + turn % 5),
                 # The load leaves DTLS sessions without a word: they must not outlive the run by much.
                 "max-allocate-timeout=5"]
        with open(self.file + ".new", "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        os.replace(self.file + ".new", self.file)

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*self.command, "-c", self.file, "--log-file=stdout", "--log-level=info"],
                                            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 15
        while not self.scrape(quietly=True):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("soak: the server did not start:\n" + self.log_text()[-2000:])
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def scrape(self, quietly=False):
        """The page, {sample: value}; None when there was no good answer."""
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.metrics_port, timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except (OSError, urllib.error.URLError) as error:
            if not quietly:
                raise Failure("a scrape failed: %s" % error) from None
            return None
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def ask(self, path):
        """The admin API's answer."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(self.admin)
            link.sendall(("GET %s HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n" % path).encode())
            answer = b""
            while part := link.recv(65536):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise Failure("%s was answered %r" % (path, head[:60]))
        return json.loads(body)

    def memory(self):
        """Bytes of its own, without files and libraries."""
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))


class Failure(Exception):
    """Something that must not happen in a soak."""


class Crew:
    """Threads that do something again and again; what went wrong in them is kept."""

    def __init__(self):
        self.over, self.failures, self.done, self.threads = threading.Event(), [], {}, []

    def every(self, seconds, name, action):
        def work():
            while not self.over.wait(seconds):
                try:
                    action(self.done.get(name, 0))
                    self.done[name] = self.done.get(name, 0) + 1
                except (Failure, OSError, ValueError) as error:
                    self.failures.append("%s: %s" % (name, error))
        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


# Name, arguments, and whether it is about data that must arrive.
LOADS = (
    ("churn over UDP", ("--shape", "churn", "--rate", "100", "--clients", "50"), False),
    ("churn over TCP", ("--shape", "churn", "--rate", "20", "--clients", "10", "--transport", "tcp"), False),
    ("churn over TLS", ("--shape", "churn", "--rate", "20", "--clients", "10", "--transport", "tls"), False),
    ("churn over DTLS", ("--shape", "churn", "--rate", "20", "--clients", "10", "--transport", "dtls"), False),
    ("calls", ("--shape", "voice", "--clients", "40"), True),
)


def start_load(server, load, seconds):
    return subprocess.Popen([server.command[0], "load", "--host", "127.0.0.1", "--port", str(server.port), "--user", USER,
                             "--password", PASSWORD, "--json", "--duration", str(seconds), *load],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def judge_load(name, is_data, process, chosen):
    """What was wrong with it, and how much it did."""
    out, errors = process.communicate(timeout=chosen.seconds + 120)
    try:
        found = json.loads(out)
    except json.JSONDecodeError:
        return ["%s: %s" % (name, errors.strip() or "no report")], "nothing"
    wrong = []
    if found["ready"] != found["clients"] or found["failures"] or found["lost_allocations"]:
        wrong.append("%s: %d of %d clients, failures %s, %d sessions lost" % (
            name, found["ready"], found["clients"], found["failures"], found["lost_allocations"]))
    damaged = found["to_peers"]["damaged"] + found["to_clients"]["damaged"]
    if damaged:
        wrong.append("%s: %d datagrams damaged" % (name, damaged))
    if is_data and found["loss"] > chosen.loss:
        wrong.append("%s: %.2f %% lost" % (name, found["loss"] * 100))
    return wrong, "%d datagrams" % found["to_clients"]["received"] if is_data else "%d cycles" % found["completed"]


def judge_growth(samples, chosen):
    """samples: [(memory, descriptors)]. A short while after the start everything has its size."""
    third = len(samples) // 3
    early, late = samples[third:third + max(3, third // 2)], samples[-max(3, third // 2):]
    wrong = []
    grown = statistics.median(memory for memory, _ in late) - statistics.median(memory for memory, _ in early)
    if grown > chosen.growth * 1024 * 1024:
        wrong.append("the memory grew by %.1f MiB" % (grown / 1024 / 1024))
    return wrong, grown


def judge_log(server):
    bad = [line for line in server.log_text().splitlines()
           if any(word in line for word in (" error ", " warning ", " critical ", "not_reloaded"))]
    # TLS with a certificate of the server's own making, and the names of the test's users, are worth a warning.
    return ["the log says: " + line for line in bad if not any(word in line for word in EXPECTED)]


EXPECTED = ("certificate", "allow-loopback-peers", "rlimit", "file_limit")


def until(condition, patience=20):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def soak(chosen, server):
    """(what was wrong, what was done)"""
    at_rest = server.descriptors()
    crew, samples = Crew(), []

    def reload(turn):
        server.write(turn + 1)
        server.process.send_signal(signal.SIGHUP)

    with contextlib.ExitStack() as stack:
        stack.callback(crew.stop)
        loads = [(name, is_data, start_load(server, load, chosen.seconds)) for name, load, is_data in LOADS]
        for _, _, process in loads:
            stack.callback(process.kill)
        crew.every(RELOAD_EVERY, "reloads", reload)
        crew.every(SCRAPE_EVERY, "scrapes", lambda turn: server.scrape())
        crew.every(ASK_EVERY, "questions", lambda turn: server.ask(("/v1/status", "/v1/sessions", "/healthz")[turn % 3]))
        crew.every(SAMPLE_EVERY, "samples", lambda turn: samples.append((server.memory(), server.descriptors())))
        wrong, done = [], []
        for name, is_data, process in loads:
            problems, work = judge_load(name, is_data, process, chosen)
            wrong += problems
            done.append("%s: %s" % (name, work))
        crew.stop()
        wrong += crew.failures
    if server.process.poll() is not None:
        return wrong + ["the server ended with %d" % server.process.returncode], done
    if not until(lambda: server.descriptors() <= at_rest + SPARE_DESCRIPTORS):
        wrong.append("%d descriptors are open, and %d were at the start" % (server.descriptors(), at_rest))
    page = server.scrape()
    for name, value in page.items():
        if name.startswith("turnpike_allocations") and "_total" not in name and value != 0:
            wrong.append("%s is %g with nobody there" % (name, value))
    problems, grown = judge_growth(samples, chosen)
    wrong += problems + judge_log(server)
    reloads = server.log_text().count(" reloaded")
    if reloads < chosen.seconds // RELOAD_EVERY // 3:
        wrong.append("only %d reloads" % reloads)
    server.process.send_signal(signal.SIGTERM)
    if not until(lambda: server.process.poll() is not None) or server.process.returncode != 0:
        wrong.append("SIGTERM ended it with %s" % server.process.poll())
    done += ["%d reloads, %d scrapes, %d questions" % (reloads, crew.done.get("scrapes", 0), crew.done.get("questions", 0)),
             "memory %.1f MiB at the end, %+.2f MiB since the first third; %d descriptors at rest"
             % (samples[-1][0] / 1024 / 1024, grown / 1024 / 1024, at_rest)]
    return wrong, done


def main():
    chosen = arguments()
    with tempfile.TemporaryDirectory(prefix="turnpike-soak-") as directory, Server(chosen.server, directory) as server:
        wrong, done = soak(chosen, server)
    for line in done:
        print(line)
    for line in wrong[:20]:
        print("WRONG", line)
    print("soak: %d s, %s" % (chosen.seconds, "%d things wrong" % len(wrong) if wrong else "nothing wrong"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
