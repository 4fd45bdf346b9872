#!/usr/bin/python3
"""A configuration that is read again while the server runs."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from adminlib import Admin, ManagedServer, until  # noqa: E402
from harness import case, equal, free_port, main, server_command, shortened, true  # noqa: E402
from stunlib import Peer, channel_data  # noqa: E402


def certificate(server, name):
    files = server.path(name + ".crt"), server.path(name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=" + name, "-out", files[0], "-keyout", files[1]],
                   check=True, stderr=subprocess.DEVNULL)
    return files


def shown_certificate(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(server.address, 10) as plain, context.wrap_socket(plain) as secured:
        return ssl.DER_cert_to_PEM_cert(secured.getpeercert(True))


@case("users, quotas, peer rules and the log level count after a reload, and no session ends")
def everything():
    with ManagedServer() as server, server.client() as client, server.client() as second:
        client.relayed()
        with server.client(b"late", b"secret") as late:
            equal(late.allocate().code, 401)
        equal(client.permit(("10.1.1.1", 0)).code, 403)
        report = server.reload(server.lines + ["user=late:secret", "user-quota=1", "allowed-peer-ip=10.1.1.0/24",
                                               "log-level=debug"])
        equal(report["reloaded"], True, repr(report))
        equal(sorted(report["changed"]), ["allowed-peer-ip, denied-peer-ip", "log-level", "user", "user-quota"])
        equal(report["needs_restart"], [])
        with server.client(b"late", b"secret") as late:
            equal(late.allocate().code, 0)
            equal(late.refresh(0).code, 0)
        equal(client.permit(("10.1.1.1", 0)).code, 0, "the new rule counts")
        equal(second.allocate().code, 486, "the new quota counts, with the session from before")
        equal(server.admin.get("/v1/log-level"), {"level": "debug"})
        equal(client.refresh(600).code, 0, "the session from before lives")
        report = server.reload(server.lines)
        equal(report["reloaded"], True)
        with server.client(b"late", b"secret") as late:
            equal(late.allocate().code, 401, "the user is gone again")
        equal(second.allocate().code, 0)
        second.refresh(0)


@case("a bad configuration is refused whole, and the old one stays")
def bad():
    with ManagedServer() as server, server.client() as client:
        client.relayed()
        for lines in (["user=late:secret", "no-such-option"], ["user=late:secret", "min-port=x"],
                      ["user=late:secret", "cert=/nonexistent.pem"], ["user=late:secret", "userdb=/nonexistent/x/db"],
                      ["user=late:secret", "no-auth"]):
            report = server.reload(server.lines + lines)
            equal(report["reloaded"], False, repr((lines, report)))
            true(report["errors"], "a reason")
            with server.client(b"late", b"secret") as late:
                equal(late.allocate().code, 401, "nothing of it counts: %r" % lines)
        code, text = server.tool("reload")
        equal(code, 1)
        true("no-auth" in text and "stays in force" in text, text)
        true(server.admin.ask("POST", "/v1/reload").status == 422, "status")
        equal(client.refresh(600).code, 0)
        equal(server.reload(server.lines)["reloaded"], True)
        client.refresh(0)


@case("what needs a restart is named, and the rest counts")
def restart():
    with ManagedServer() as server:
        threads = server.admin.get("/v1/config")["options"]["relay-threads"]["value"]
        report = server.reload([line for line in server.lines if not line.startswith("realm")]
                               + ["realm=elsewhere", "relay-threads=3", "user-quota=7"])
        equal(report["reloaded"], True)
        equal(report["needs_restart"], ["relay-threads", "realm"])
        equal(report["changed"], ["user-quota"])
        equal(server.admin.get("/v1/status")["needs_restart"], ["relay-threads", "realm"])
        for _ in range(2):
            told = server.admin.get("/v1/config")["options"]
            equal({name: told[name]["value"] for name in ("relay-threads", "realm", "user-quota")},
                  {"relay-threads": threads, "realm": "r.example", "user-quota": "7"}, "what is in force")
            equal(server.admin.ask("POST", "/v1/reload").json["needs_restart"], ["relay-threads", "realm"])
        with server.client() as client:
            equal(client.allocate().code, 0, "the realm stays what it was")
            client.refresh(0)
        code, text = server.tool("reload")
        equal(code, 0)
        true("needs a restart: realm" in text, text)


@case("clients are sent to other servers, and back, by a reload")
def alternates():
    with ManagedServer() as other, ManagedServer() as server:
        def code():
            with server.client() as client:
                answer = client.allocate()
                return answer.code or client.refresh(0).code
        equal(code(), 0)
        equal(server.reload(server.lines + ["alternate-server=%s:%d" % other.address])["changed"], ["alternate-server"])
        until(lambda: code() == 300, "the alternate answers", 30)
        equal(server.reload(server.lines)["changed"], ["alternate-server"])
        until(lambda: code() == 0, "clients are served here again")


@case("the admin token is changed by a reload")
def token():
    port, first, second = free_port(), "first-token-of-some-length", "second-token-of-some-length"
    with ManagedServer(["admin-port=%d" % port, "admin-token=" + first]) as server:
        def status(one):
            return Admin(("127.0.0.1", port), one).ask("GET", "/v1/status").status
        equal([status(first), status(second)], [200, 401])
        equal(server.reload(server.lines[:-1] + ["admin-token=" + second])["changed"], ["admin-token"])
        equal([status(first), status(second)], [401, 200])


@case("SIGHUP reads the configuration, too, and the log says so")
def hangup():
    with ManagedServer() as server:
        server.write(server.lines + ["user=late:secret"])
        server.process.send_signal(signal.SIGHUP)

        def logs_in():
            with server.client(b"late", b"secret") as late:
                return late.allocate().code == 0 and late.refresh(0).code == 0
        until(logs_in, "the user logs in")
        true("reloaded changed=user" in server.log_text(), server.log_text())
        server.write(server.lines + ["nonsense"])
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "not_reloaded" in server.log_text(), "the log says that it was refused")


@case("a log level that was set by hand holds until the next reload")
def log_level():
    with ManagedServer() as server:
        equal(server.tool("log-level", "error")[0], 0)
        equal(server.reload(server.lines)["changed"], [])
        equal(server.admin.get("/v1/log-level"), {"level": "info"})


@case("new certificates are shown to new clients, bad ones are not")
def certificates():
    server = ManagedServer()
    first, second = certificate(server, "first"), certificate(server, "second")
    server.write(server.lines + ["cert=" + first[0], "pkey=" + first[1]])
    with server:
        with open(first[0], encoding="ascii") as file:
            equal(shown_certificate(server), file.read())
        report = server.reload(server.lines + ["cert=" + second[0], "pkey=" + second[1]])
        equal(sorted(report["changed"]), ["cert", "pkey"])
        with open(second[0], encoding="ascii") as file:
            until(lambda wanted=file.read(): shown_certificate(server) == wanted, "the second certificate")
        equal(server.reload(server.lines + ["cert=" + first[0], "pkey=" + second[1]])["reloaded"], False)
        true("reloaded" in server.log_text(), "log")


@case("another external address is told to the allocations to come")
def external_address():
    with ManagedServer(["external-ip=192.0.2.1"], relay=("127.0.0.2",)) as server, server.client() as client:
        old = client.relayed()
        report = server.reload(server.lines[:3] + ["external-ip=192.0.2.2/127.0.0.2"])
        equal(report["changed"], ["external-ip"], repr(report))
        with server.client() as other:
            until(lambda: other.relayed()[0] == "192.0.2.2" or other.refresh(0) is None, "the new address")
            other.refresh(0)
        (one,) = server.admin.get("/v1/sessions")["sessions"]
        equal(one["relayed"], ["%s:%d" % old], "the session from before keeps its own")
        client.refresh(0)


def two_configurations(server):
    """They differ in all that a reload may change, and both serve the same user."""
    def one(number, level):
        cert, pkey = certificate(server, "number%d" % number)
        return server.lines + [
            "user=guest%d:secret" % number, "use-auth-secret", "static-auth-secret=north%d" % number, "cert=" + cert,
            "pkey=" + pkey, "external-ip=192.0.2.%d/127.0.0.2" % (number + 1), "log-level=" + level,
            "allowed-peer-ip=10.0.0.%d" % (number + 1), "user-quota=%d" % (number + 20), "total-quota=%d" % (number + 30),
            "max-bps=%dM" % (number + 100), "bps-capacity=%dM" % (number + 200),
            "max-packets-per-second=%d" % (number + 100000), "max-new-peers-per-second=%d" % (number + 1000),
            "max-allocate-lifetime=%d" % (number + 1000), "max-permissions-per-allocation=%d" % (number + 50),
            "max-channels-per-allocation=%d" % (number + 50), "unauthorized-ratelimit-rps=%d" % (number + 500),
            "stale-nonce=%d" % (number + 1000), "max-connections-per-source=%d" % (number + 500)]
    return one(0, "info"), one(1, "debug")


def options_of(lines):
    return {line.split("=")[0] for line in lines}


@case("reloads under load of all that may change lose no packet and end no session")
def under_load():
    seconds = shortened("seconds of load", 4, 60)
    # Not the peers' address, which would be one of our own.
    server = ManagedServer(relay=("127.0.0.2",))
    database = server.path("turndb")
    # Realms, with limits of their own, are in the database.
    subprocess.run(server_command()[:1] + ["user", "add", "stored", "--password", "secret", "--realm", "r.example", "--userdb",
                                           database], check=True, capture_output=True)
    server.lines.append("userdb=" + database)
    plain, configurations = list(server.lines), two_configurations(server)
    server.write(configurations[0])
    with server:
        pairs = []
        for number in range(4):
            client, peer = server.client(), Peer()
            client.relayed()
            equal(client.bind_channel(0x4000 + number, *peer.address).code, 0)
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            pairs.append((client, peer, 0x4000 + number))
        sent = received = back = reloads = 0
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            for client, peer, number in pairs:
                client.send_raw(channel_data(number, b"%08d" % sent))
                sent += 1
            for client, peer, number in pairs:
                payload, source = peer.take(5)
                true(payload, "packet %d reached the peer" % received)
                received += 1
                peer.send(payload, source)
                true(client.take(5), "and its echo the client")
                back += 1
            if time.monotonic() > began + reloads * 0.2:
                reloads += 1
                server.write(configurations[reloads % 2])
                server.process.send_signal(signal.SIGHUP)
                for realm in ("r.example", "realm%d.example" % reloads):
                    change = server.admin.ask("PUT", "/v1/realms/" + realm, {"max-bps": 1000000 * (100 + reloads)})
                    equal(change.status, 200, repr(change.body))
        print("sent", sent, "received", received, "back", back, "reloads", reloads)
        equal((received, back), (sent, sent))
        true(reloads >= 5, "some reloads")
        until(lambda: server.log_text().count("reloaded changed") > 3, "they were done")
        true("not_reloaded" not in server.log_text(), "all were good")
        changed = re.search(r"reloaded changed=(\"[^\"]*\"|\S+)", server.log_text()).group(1)
        for option in options_of(configurations[0]) - options_of(plain) - {"use-auth-secret"}:
            true(option in changed, "%s is not among %s" % (option, changed))
        equal(server.admin.get("/v1/sessions")["matching"], 4)
        for client, peer, _ in pairs:
            equal(client.refresh(0).code, 0)
            client.close()
            peer.socket.close()


if __name__ == "__main__":
    main()
