"""A server whose metrics a test reads, and a session that gives it something to count."""

import contextlib
import os
import re
import shutil
import socket
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import harness  # noqa: E402
import stunlib  # noqa: E402
from harness import Skip, equal, free_port, true, until  # noqa: E402

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Metered(harness.Server):
    """A server with metrics on a port of their own."""

    def __init__(self, *options, **more):
        self.metrics_port = free_port()
        super().__init__("--prometheus", "--prometheus-address=127.0.0.1", "--prometheus-port=%d" % self.metrics_port,
                         "--allow-loopback-peers", *options, **more)

    def wait_until_ready(self):
        super().wait_until_ready()
        until(self.serves_metrics, "there are no metrics", 20)

    def serves_metrics(self):
        with contextlib.suppress(ConnectionRefusedError), self.connect():
            return True

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
