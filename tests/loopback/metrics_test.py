#!/usr/bin/env python3
"""The metrics of a running server: what they say and what a scrape costs. HTTP clients with bad manners are in
tests/interop/attacks/http_test.py."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import harness  # noqa: E402
import stunlib  # noqa: E402
from harness import FULL, ROOT, Skip, case, equal, free_port, main, one_of, shortened, true, until  # noqa: E402

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Metered(harness.Server):
    """A server with metrics on a port of their own."""

    def __init__(self, *options, **more):
        self.metrics_port = free_port()
        super().__init__("--prometheus", "--prometheus-address=127.0.0.1", "--prometheus-port=%d" % self.metrics_port,
                         "--allow-loopback-peers", *options, **more)

    def url(self, path="/metrics"):
        return "http://127.0.0.1:%d%s" % (self.metrics_port, path)

    def text(self, path="/metrics"):
        with urllib.request.urlopen(self.url(path), timeout=10) as answer:
            return answer.read().decode()

    def samples(self):
        """{(name, frozenset of labels): value}"""
        found = {}
        for line in self.text().splitlines():
            if line.startswith("#"):
                continue
            match = SAMPLE.match(line)
            true(match, "a line that is no sample: %r" % line)
            labels = frozenset(LABEL.findall(match.group(2) or ""))
            true((match.group(1), labels) not in found, "twice on the page: %r" % line)
            found[match.group(1), labels] = float(match.group(3))
        return found

    def value(self, name, **labels):
        return self.samples().get((name, frozenset(labels.items())))

    def wait_for(self, wanted, name, **labels):
        until(lambda: self.value(name, **labels) == wanted,
              lambda: "%s%s is %s, not %s" % (name, labels, self.value(name, **labels), wanted), 5, 0.05)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.metrics_port), timeout=5)


def tool(name):
    path = shutil.which(name)
    if not path:
        raise Skip("%s is not installed (Debian package prometheus)" % name)
    return path


def lint(text):
    """What `promtool check metrics` finds, one line each."""
    done = subprocess.run([tool("promtool"), "check", "metrics"], input=text.encode(), capture_output=True, check=False)
    return sorted(line for line in done.stderr.decode().splitlines() if line)


def metric_names(text):
    """Every name that a query may use, those of a histogram's parts included."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
        names |= {name} if kind != "histogram" else {name + part for part in ("", "_bucket", "_sum", "_count")}
    return names


def relay_some(server, count=10, size=500, user=b"user", password=b"password"):
    """A session that stays open, with `count` datagrams each way; the client and the peer."""
    client, peer = stunlib.Client(server.address, user, password), stunlib.Peer()
    relayed = client.relayed()
    equal(client.bind_channel(0x4000, *peer.address).code, 0, "ChannelBind")
    for _ in range(count):
        client.send_raw(stunlib.channel_data(0x4000, b"x" * size))
        true(peer.take()[0] is not None, "a datagram was lost on the way to the peer")
        peer.send(b"y" * size, relayed)
        true(client.take() is not None, "a datagram was lost on the way to the client")
    return client, peer


# ---- what the page says -----------------------------------------------------------------------------------------------

@case("promtool finds nothing to blame in the page")
def own_names():
    with Metered("--prometheus-username-labels") as server:
        client, peer = relay_some(server)
        with client, peer:
            server.wait_for(5000, "turnpike_user_relayed_bytes_total", user="user", direction="to_peer")
            equal(lint(server.text()), [], "findings")


# The names are coturn's, so that its dashboards live on, and they have no suffix.
COTURN_COUNTERS = (
    ["stun_binding_%s" % s for s in ("error", "request", "response")]
    + ["turn_packet_dropped", "turn_packet_processed"]
    + ["turn_%straffic_%s%s" % (a, b, c) for a in ("", "total_") for b in ("", "peer_")
       for c in ("rcvb", "rcvp", "sentb", "sentp")]
    + ["turn_udp_recvmmsg_calls", "turn_udp_recvmmsg_packets", "turn_udp_sendmmsg_datagrams",
       "turn_udp_sendmmsg_flushes", "turn_udp_sendmmsg_gso_datagrams"]
    + ["turn_unauthenticated_401_%s" % s for s in ("dropped_responses", "requests", "responses")])


@case("with coturn's names promtool misses the suffixes of these and nothing else")
def coturn_names():
    with Metered("--prometheus-coturn-names") as server:
        equal(lint(server.text()),
              sorted('%s counter metrics should have "_total" suffix' % name for name in COTURN_COUNTERS), "findings")


@case("coturn's names are there when a turnserver.conf is served, and not otherwise")
def coturn_names_by_file():
    for name, there in (("turnserver.conf", True), ("mine.conf", False)):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, name)
            with open(path, "w", encoding="ascii") as file:
                file.write("fingerprint\n")
            server = Metered("-c", path)
            server.command.remove("-n")
            with server:
                equal("turn_total_allocations" in server.text(), there, name)


@case("traffic is told while the session lives, by transport and direction")
def live_traffic():
    with Metered("--prometheus-coturn-names") as server:
        client, peer = relay_some(server, 10, 500)
        with client, peer:
            found = server.samples()

            def of(name, **labels):
                return found[name, frozenset(labels.items())]
            equal(of("turnpike_relayed_packets_total", direction="to_peer"), 10, "to the peer")
            equal(of("turnpike_relayed_bytes_total", direction="to_peer"), 5000, "to the peer")
            equal(of("turnpike_relayed_packets_total", direction="to_client"), 10, "to the client")
            true(of("turnpike_client_received_bytes_total", transport="udp") >= 5040, "bytes from the client")
            true(of("turnpike_client_sent_bytes_total", transport="udp") >= 5040, "bytes to the client")
            equal(of("turnpike_client_received_bytes_total", transport="tls"), 0, "bytes over TLS")
            equal(of("turn_total_traffic_peer_sentb"), 5000, "coturn's name")
            equal(of("turn_traffic_peer_rcvp", realm="r.example"), 10, "coturn's name, by realm")
            equal(of("turn_total_allocations", type="UDP"), 1, "coturn's gauge")


@case("refusals, challenges and wrong credentials are told by code and by outcome")
def refusals():
    with Metered("--user-quota=1") as server:
        with server.client() as first, server.client() as second, server.client(b"user", b"wrong") as stranger:
            equal(first.allocate().code, 0, "the first session")
            equal(second.allocate().code, 486, "the second session")
            equal(stranger.allocate().code, 401, "a wrong password")
            equal(first.permit(("169.254.169.254", 0)).code, 403, "a metadata service")
        for wanted, name, labels in (
                (1, "turnpike_errors_total", {"code": "486"}), (1, "turnpike_quota_refusals_total", {}),
                (1, "turnpike_errors_total", {"code": "403"}), (4, "turnpike_errors_total", {"code": "401"}),
                (3, "turnpike_auth_total", {"outcome": "challenged"}), (1, "turnpike_auth_total", {"outcome": "wrong"}),
                (3, "turnpike_auth_total", {"outcome": "accepted"}),
                (1, "turnpike_peers_refused_total", {"reason": "link-local"}),
                (1, "turnpike_allocations", {"transport": "udp"})):
            equal(server.value(name, **labels), wanted, "%s%s" % (name, labels))


@case("the gauge of sessions is never below zero, and zero when all have ended")
def gauge():
    with Metered("--prometheus-coturn-names") as server:
        for round_number in range(5):
            clients = [server.client() for _ in range(10)]
            for client in clients:
                client.relayed()
            for client in clients:
                client.refresh(0)
                client.close()
            for (name, labels), value in server.samples().items():
                true(value >= 0, "%s%s is %s in round %d" % (name, dict(labels), value, round_number))
        server.wait_for(50, "turnpike_allocations_closed_total", reason="deleted")
        found = server.samples()
        equal({dict(labels)["type"]: value for (name, labels), value in found.items()
               if name == "turn_total_allocations"}, {"UDP": 0, "TCP": 0, "TLS/TCP": 0, "DTLS": 0}, "coturn's gauge")
        equal(found["turnpike_allocations", frozenset({("transport", "udp")})], 0, "alive")
        equal(found["turnpike_session_duration_seconds_count", frozenset()], 50, "in the histogram")


@case("ports are told by relay address")
def ports():
    with Metered("--min-port=40000", "--max-port=40009") as server:
        with server.client() as client:
            client.relayed()
            equal(server.value("turnpike_relay_ports_limit"), 10, "ports of an address")
            server.wait_for(1, "turnpike_relay_ports_used", address="127.0.0.1", transport="udp")
            client.refresh(0)
            server.wait_for(0, "turnpike_relay_ports_used", address="127.0.0.1", transport="udp")


@case("users are named when asked for, without the timestamp of a time-limited name")
def users():
    secret = b"north-north-north"
    with Metered("--prometheus-username-labels", "--use-auth-secret", "--static-auth-secret=" + secret.decode()) as server:
        name, password = stunlib.time_limited(secret, b"ann", int(time.time()) + 600)
        client, peer = relay_some(server, 3, 100, name, password)
        with client, peer:
            server.wait_for(300, "turnpike_user_relayed_bytes_total", user="ann", direction="to_peer")
    with Metered() as server:
        client, peer = relay_some(server)
        with client, peer:
            true('user="' not in server.text(), "a user is named without being asked for")


@case("the certificate's date is told, and that of its replacement")
def certificate():
    if not shutil.which("openssl"):
        raise Skip("openssl is not installed")
    with tempfile.TemporaryDirectory() as folder:
        cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")

        def make(days):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key, "-out", cert, "-days", str(days), "-subj", "/CN=turn.example"],
                           check=True, capture_output=True)
        make(10)
        with Metered("--cert", cert, "--pkey", key) as server:
            def days_left():
                return (server.value("turnpike_certificate_expiry_timestamp_seconds", certificate=cert) - time.time()) / 86400
            true(9.9 < days_left() < 10.1, "%s days left" % days_left())
            make(20)
            server.process.send_signal(signal.SIGUSR2)
            until(lambda: 19.9 < days_left() < 20.1, "the new certificate's date is not told", 5, 0.05)


@case("draining is told")
def draining():
    with Metered() as server:
        with server.client() as client:
            client.relayed()
            server.process.send_signal(signal.SIGUSR1)
            server.wait_for(1, "turnpike_draining")


# ---- paths and methods ----------------------------------------------------------------------------------------------------------

def answer_to(server, data):
    """Everything that comes back until the server closes."""
    with server.connect() as link:
        try:
            link.sendall(data)
        except OSError:
            pass  # It may have had enough already.
        received = b""
        try:
            while True:
                piece = link.recv(1 << 16)
                if not piece:
                    return received
                received += piece
        except ConnectionResetError:
            return received


@case("a path or method that is not served gets an error, and nothing else happens")
def wrong_requests():
    with Metered() as server:
        equal(server.text("/"), "ok\n", "the health check")
        host = b" HTTP/1.1\r\nHost: a\r\n\r\n"
        for data, wanted in (
                (b"GET /metrics" + host, b"200"), (b"GET /metrics?a=b HTTP/1.0\r\n\r\n", b"200"),
                (b"GET /metricsx" + host, b"404"), (b"GET /metrics%2f" + host, b"404"),
                (b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", b"405"),
                (b"DELETE /" + host, b"405"), (b"CONNECT /" + host, b"405"), (b"get /" + host, b"405")):
            got = answer_to(server, data)
            equal(got[:12], b"HTTP/1.1 " + wanted, "answer to %r" % data[:60])
            true(b"Connection: close\r\n" in got, "the answer says that it is the only one")
        head = answer_to(server, b"HEAD /metrics" + host)
        true(head.endswith(b"\r\n\r\n") and b"Content-Length: 0" not in head, "HEAD has a head and no body")


# ---- cost -------------------------------------------------------------------------------------------------------------

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


# ---- Prometheus and what comes with it --------------------------------------------------------------------------------

def dashboard():
    with open(os.path.join(ROOT, "etc", "grafana.json"), encoding="utf-8") as file:
        return json.load(file)


def expressions_of_dashboard():
    return [(panel["title"], target["expr"]) for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def as_query(expression):
    return expression.replace("$__rate_interval", "5m").replace("$instance", ".*")


@case("the alert rules are sound, and every metric in them is on the page")
def alerts():
    path = os.path.join(ROOT, "etc", "alerts.yml")
    done = subprocess.run([tool("promtool"), "check", "rules", path], capture_output=True, check=False)
    equal(done.returncode, 0, "promtool: %s" % done.stderr.decode())
    with Metered() as server, open(path, encoding="utf-8") as file:
        named = set(re.findall(r"\b(?:turnpike|process)_[a-z0-9_]+", file.read()))
        equal(sorted(named - metric_names(server.text())), [], "metrics that nobody serves")


@case("the dashboard has the form that Grafana loads, and every metric in it is on the page")
def grafana():
    board = dashboard()
    true(board["title"] and board["uid"] and board["schemaVersion"] >= 36, "title, uid and schema version")
    variables = {one["name"]: one for one in board["templating"]["list"]}
    equal(sorted(variables), ["datasource", "instance"], "variables")
    equal(variables["datasource"]["type"], "datasource", "the data source is chosen on the board")
    panels = board["panels"]
    equal(len({panel["id"] for panel in panels}), len(panels), "panels with an id of their own")
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        true(0 <= at["x"] and at["x"] + at["w"] <= 24, "%s is within the board" % panel["title"])
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        true(not cells & taken, "%s covers another panel" % panel["title"])
        taken |= cells
        one_of(panel["type"], ("row", "stat", "timeseries", "heatmap"), "type of %s" % panel["title"])
        if panel["type"] == "row":
            continue
        true(panel["targets"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"])
        equal(len({target["refId"] for target in panel["targets"]}), len(panel["targets"]), panel["title"])
        for target in [panel] + panel["targets"]:
            equal(target["datasource"]["uid"], "${datasource}", "data source of %s" % panel["title"])
    with Metered() as server:
        names = metric_names(server.text())
    for title, expression in expressions_of_dashboard():
        for name in re.findall(r"\b(?:turnpike|process)_[a-z0-9_]+", expression):
            true(name in names, "%s asks for %s, which nobody serves" % (title, name))


class Prometheus:
    """A real one that scrapes the server each second."""

    def __init__(self, server):
        self.folder = tempfile.TemporaryDirectory(prefix="turnpike-prometheus-")
        self.port = free_port()
        config = os.path.join(self.folder.name, "prometheus.yml")
        with open(config, "w", encoding="ascii") as file:
            file.write("global: {scrape_interval: 1s}\nrule_files: [%s]\nscrape_configs:\n"
                       "  - {job_name: turnpike, static_configs: [{targets: ['127.0.0.1:%d']}]}\n"
                       % (os.path.join(ROOT, "etc", "alerts.yml"), server.metrics_port))
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [tool("prometheus"), "--config.file=" + config, "--storage.tsdb.path=" + self.folder.name + "/data",
             "--web.listen-address=127.0.0.1:%d" % self.port], stdout=self.log, stderr=self.log)

    def __enter__(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/-/ready" % self.port, timeout=2):
                    return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.log.seek(0)
                    text = self.log.read()
                    self.__exit__()
                    raise AssertionError("Prometheus does not start:\n" + text[-3000:]) from None
                time.sleep(0.2)

    def query(self, expression):
        url = "http://127.0.0.1:%d/api/v1/query?%s" % (self.port, urllib.parse.urlencode({"query": expression}))
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError("%s: %s" % (expression, error.read().decode())) from None

    def number(self, expression):
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else None

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()


@case("a Prometheus scrapes it and answers queries, those of the dashboard among them")
def prometheus():
    seconds = shortened("seconds of a scraping Prometheus", 5, 30)
    tool("prometheus")
    with Metered("--prometheus-username-labels", "--prometheus-coturn-names") as server, Prometheus(server) as it:
        client, peer = relay_some(server, 20, 100)
        with client, peer:
            stop_at = time.monotonic() + seconds
            while time.monotonic() < stop_at:
                client.send_raw(stunlib.channel_data(0x4000, b"x" * 100))
                peer.take()
                time.sleep(0.02)
            until(lambda: it.number('turnpike_relayed_bytes_total{direction="to_peer"}') is not None,
                  "nothing was scraped", 20, 0.5)
            equal(it.number('up{job="turnpike"}'), 1, "the target is up")
            true(it.number('turnpike_relayed_bytes_total{direction="to_peer"}') >= 2000, "bytes as scraped")
            equal(it.number("sum(turnpike_allocations)"), 1, "sessions as scraped")
            equal(it.number('turn_total_allocations{type="UDP"}'), 1, "sessions under coturn's name")
            rate = it.number('rate(turnpike_relayed_packets_total{direction="to_peer"}[1m])')
            true(rate is None or rate > 0, "rate as computed")
            equal(it.number('count(up{job="turnpike"} == 0) or vector(0)'), 0, "failed scrapes")
            true(it.number("scrape_samples_scraped") > 200, "samples a scrape")
            for _, expression in expressions_of_dashboard():
                it.query(as_query(expression))
            # The self-signed certificate is good for a year, so nothing is wrong with this server.
            equal([one["metric"]["alertname"] for one in it.query('ALERTS{alertstate="firing"}')], [], "alerts")


if __name__ == "__main__":
    main()
