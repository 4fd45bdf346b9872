#!/usr/bin/env python3
"""What metrics cost: a scrape, and a relayed packet."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import harness  # noqa: E402
import stunlib  # noqa: E402
from harness import FULL, Skip, case, equal, free_port, main, shortened, true  # noqa: E402
from metered import Metered  # noqa: E402


@case("a scrape with thousands of sessions costs less than 20 ms, and relaying goes on beside it")
def cost():
    sessions = shortened("sessions while scraping", 1000, 10000)
    scrapes = 50
    with Metered("--prometheus-username-labels", "--prometheus-coturn-names", "--no-auth",
                 "--unauthorized-ratelimit=off", lean=True, users=()) as server:
        load = subprocess.Popen(
            [server.command[0], "load", "--host", "127.0.0.1", "--port", str(server.port), "--no-auth",
             "--shape", "idle", "--clients", str(sessions), "--setup-rate", "2000", "--duration", "120"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 90
            while server.value("turnpike_allocations", transport="udp") < sessions:
                true(load.poll() is None, "the load ended: %s" % (load.stderr.read() if load.poll() is not None else ""))
                true(time.monotonic() < deadline, "the sessions were not made in time")
                time.sleep(0.5)
            idle_from, idle_cpu = time.monotonic(), server.cpu_s()
            time.sleep(2)
            idle = (server.cpu_s() - idle_cpu) / (time.monotonic() - idle_from)
            began, cpu = time.monotonic(), server.cpu_s()
            times = []
            with server.client() as client:
                for _ in range(scrapes):
                    time.sleep(0.06)  # Longer than a page is kept.
                    at = time.monotonic()
                    page = server.text()
                    times.append(time.monotonic() - at)
                    client.plain(stunlib.BINDING)
            spent = server.cpu_s() - cpu - idle * (time.monotonic() - began)
            print("%d bytes; CPU %.1f ms a scrape; fastest %.1f ms" % (len(page), spent / scrapes * 1e3, min(times) * 1e3))
            true(spent / scrapes < 0.020, "a scrape costs %.1f ms of CPU time" % (spent / scrapes * 1e3))
            true(min(times) < 0.020, "the fastest scrape took %.1f ms" % (min(times) * 1e3))
        finally:
            load.send_signal(signal.SIGTERM)
            load.wait(30)


@case("requests are answered while scrapes never stop")
def no_stall():
    with Metered("--prometheus-username-labels", "--prometheus-coturn-names", lean=True) as server:
        scraper = subprocess.Popen(
            [sys.executable, "-c", "import urllib.request\nwhile True: urllib.request.urlopen(%r).read()" % server.url()],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            times = []
            with server.client() as client:
                for _ in range(500):
                    at = time.monotonic()
                    client.plain(stunlib.BINDING)
                    times.append(time.monotonic() - at)
            times.sort()
            print("median %.2f ms, 90 %% below %.2f ms, longest %.2f ms"
                  % (times[250] * 1e3, times[450] * 1e3, times[-1] * 1e3))
            true(scraper.poll() is None, "the scraper ended")
            # A worker that waited for a page would take a page's time, each time.
            true(times[250] < 0.010, "the median is %.1f ms" % (times[250] * 1e3))
        finally:
            scraper.kill()
            scraper.wait()


def instructions(folder, packets, *options):
    """What the server executes while it relays so many datagrams of one session, by valgrind's count."""
    out = os.path.join(folder, "callgrind.out")
    server = harness.Server("--allow-loopback-peers", "--relay-threads=1", *options, lean=True)
    server.command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out] + server.command
    with server:
        client, peer = stunlib.Client(server.address), stunlib.Peer()
        with client, peer:
            client.relayed()
            equal(client.bind_channel(0x4000, *peer.address).code, 0, "ChannelBind")
            for _ in range(packets):
                client.send_raw(stunlib.channel_data(0x4000, b"x" * 500))
                true(peer.take(20)[0] is not None, "a datagram was lost")
            client.refresh(0)
    with open(out, encoding="ascii", errors="replace") as file:
        return int(re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M).group(1))


@case("metrics change the instructions of a relayed packet by less than one in a hundred")
def instructions_per_packet():
    if not FULL:
        raise Skip("only with TEST_FULL=1")
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    few, many = 1000, 11000
    with tempfile.TemporaryDirectory() as folder:
        def per_packet(*options):
            return (instructions(folder, many, *options) - instructions(folder, few, *options)) / (many - few)
        without = per_packet()
        with_metrics = per_packet("--prometheus", "--prometheus-address=127.0.0.1",
                                  "--prometheus-port=%d" % free_port(), "--prometheus-username-labels")
        print("instructions per packet: %.0f without, %.0f with metrics" % (without, with_metrics))
        true(abs(with_metrics / without - 1) < 0.01, "%.2f %% more" % ((with_metrics / without - 1) * 100))


if __name__ == "__main__":
    main()
