#!/usr/bin/env python3
"""What the metrics of a running server say. HTTP clients with bad manners are in tests/interop/attacks/http_test.py."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import stunlib  # noqa: E402
from adminlib import Admin, ManagedServer  # noqa: E402
from harness import Skip, case, equal, free_port, main, true, until  # noqa: E402
from metered import Metered, relay_some, tool  # noqa: E402


def lint(text):
    """What `promtool check metrics` finds, one line each."""
    done = subprocess.run([tool("promtool"), "check", "metrics"], input=text.encode(), capture_output=True, check=False)
    return sorted(line for line in done.stderr.decode().splitlines() if line)


@case("promtool finds nothing to blame in the page")
def own_names():
    with Metered("--prometheus-username-labels") as server:
        client, peer = relay_some(server)
        with client, peer:
            server.wait_for(5000, "turnpike_user_relayed_bytes_total", realm="r.example", user="user",
                            direction="to_peer")
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
            equal(of("turn_total_allocations", type="UDP"), 1, "coturn's gauge")
            server.wait_for(10, "turn_traffic_peer_rcvp", realm="r.example")


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


@case("the limits that are told are those in force, after a reload too")
def limits_in_force():
    port = free_port()
    lines = ["prometheus", "prometheus-address=127.0.0.1", "prometheus-port=%d" % port]
    with ManagedServer(lines + ["min-port=40000", "max-port=40009", "total-quota=100"]) as server:
        def told():
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=10) as answer:
                return dict(re.findall(r"^turnpike_(relay_ports_limit|allocations_limit) (\S+)$",
                                       answer.read().decode(), re.M))
        server.admin.get("/readyz")  # It answers last, when the metrics are served.
        equal(told(), {"relay_ports_limit": "10", "allocations_limit": "100"})

        def becomes(wanted):
            until(lambda: told() == wanted, lambda: "%r is not %r" % (told(), wanted), 5, 0.05)  # A page counts for a while.
        kept = [line for line in server.lines if not line.startswith(("min-port", "max-port", "total-quota"))]
        server.reload(kept + ["min-port=40000", "max-port=40999", "total-quota=5"])
        becomes({"relay_ports_limit": "1000", "allocations_limit": "5"})
        server.reload(kept + ["min-port=40000", "max-port=40999"])
        becomes({"relay_ports_limit": "1000"})


@case("namesakes of two realms are counted apart, and coturn's names have the realm of the session")
def realms():
    class Elsewhere(stunlib.Client):
        origin = [(0x802F, b"https://a.example")]

        def plain(self, method, attributes=(), **options):
            return super().plain(method, self.origin + list(attributes), **options)

        def signed(self, method, attributes=(), txid=None, **options):
            return super().signed(method, self.origin + list(attributes), txid, **options)

    for by_user in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            server = Metered("--prometheus-coturn-names", "--userdb=" + os.path.join(folder, "turndb"),
                             "--admin-socket=" + os.path.join(folder, "admin"),
                             *(["--prometheus-username-labels"] if by_user else []))
            with server:
                admin = Admin(os.path.join(folder, "admin"))
                equal(admin.ask("PUT", "/v1/users/user?realm=other.example", {"password": "word"}).status, 201)
                equal(admin.ask("POST", "/v1/origins", {"origin": "https://a.example", "realm": "other.example"}).status,
                      201)
                with server.client() as here, Elsewhere(server.address, b"user", b"word") as there, stunlib.Peer() as peer:
                    for client, size in ((here, 11), (there, 77)):
                        client.relayed()
                        equal(client.bind_channel(0x4000, *peer.address).code, 0, "ChannelBind")
                        client.send_raw(stunlib.channel_data(0x4000, b"x" * size))
                        true(peer.take()[0] is not None, "a datagram was lost")
                    for realm, size in (("r.example", 11), ("other.example", 77)):
                        user = {"user": "user"} if by_user else {}
                        server.wait_for(size, "turn_traffic_peer_sentb", realm=realm, **user)
                        if by_user:
                            server.wait_for(size, "turnpike_user_relayed_bytes_total", realm=realm, user="user",
                                            direction="to_peer")


@case("users are named when asked for, without the timestamp of a time-limited name")
def users():
    secret = b"north-north-north"
    with Metered("--prometheus-username-labels", "--use-auth-secret", "--static-auth-secret=" + secret.decode()) as server:
        name, password = stunlib.time_limited(secret, b"ann", int(time.time()) + 600)
        client, peer = relay_some(server, 3, 100, name, password)
        with client, peer:
            server.wait_for(300, "turnpike_user_relayed_bytes_total", realm="r.example", user="ann",
                            direction="to_peer")
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


if __name__ == "__main__":
    main()
