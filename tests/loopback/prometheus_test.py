#!/usr/bin/env python3
"""What reads the metrics: a real Prometheus, the alert rules and the dashboard."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import stunlib  # noqa: E402
from harness import ROOT, case, equal, free_port, main, one_of, shortened, true, until  # noqa: E402
from metered import Metered, metric_names, relay_some, tool  # noqa: E402


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
            def relay_one():
                client.send_raw(stunlib.channel_data(0x4000, b"x" * 100))
                peer.take()

            def rate_while_relaying():
                relay_one()
                return it.number('rate(turnpike_relayed_packets_total{direction="to_peer"}[1m])')

            stop_at = time.monotonic() + seconds
            while time.monotonic() < stop_at:
                relay_one()
                time.sleep(0.02)
            until(lambda: it.number('turnpike_relayed_bytes_total{direction="to_peer"}') is not None,
                  "nothing was scraped", 20, 0.5)
            equal(it.number('up{job="turnpike"}'), 1, "the target is up")
            true(it.number('turnpike_relayed_bytes_total{direction="to_peer"}') >= 2000, "bytes as scraped")
            equal(it.number("sum(turnpike_allocations)"), 1, "sessions as scraped")
            equal(it.number('turn_total_allocations{type="UDP"}'), 1, "sessions under coturn's name")
            # It takes two scrapes with packets in between.
            until(rate_while_relaying, "rate as computed", 20)
            equal(it.number('count(up{job="turnpike"} == 0) or vector(0)'), 0, "failed scrapes")
            true(it.number("scrape_samples_scraped") > 200, "samples a scrape")
            for _, expression in expressions_of_dashboard():
                it.query(as_query(expression))
            # The self-signed certificate is good for a year, so nothing is wrong with this server.
            equal([one["metric"]["alertname"] for one in it.query('ALERTS{alertstate="firing"}')], [], "alerts")


if __name__ == "__main__":
    main()
