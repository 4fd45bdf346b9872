#!/usr/bin/python3
"""The server as a process among others: service manager, rights, logs."""

import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from adminlib import ManagedServer, until  # noqa: E402
from harness import ROOT, Skip, case, equal, free_port, main, server_command, true  # noqa: E402
from stunlib import ALLOCATE, REQUESTED_TRANSPORT, UDP_TRANSPORT, Client  # noqa: E402


class Manager:
    """Stands for systemd: what the server tells it."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="turnpike-test-")
        self.path = os.path.join(self.directory.name, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.told = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.directory.cleanup()

    def hears(self, line, seconds=10):
        deadline = time.monotonic() + seconds
        while line not in self.told:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                self.told += self.socket.recv(4096).decode().split("\n")
            except TimeoutError:
                raise AssertionError("%r was not told, only %r" % (line, self.told)) from None
        self.told.clear()


@case("the service manager is told of readiness, reloads, draining and the end, and that we live")
def notifications():
    with Manager() as manager:
        environment = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "4000000"}
        with ManagedServer(environment=environment) as server, server.client() as client:
            manager.hears("READY=1")
            manager.hears("WATCHDOG=1")
            client.relayed()
            server.process.send_signal(signal.SIGHUP)
            manager.hears("RELOADING=1")
            manager.hears("READY=1")
            server.process.send_signal(signal.SIGUSR1)
            manager.hears("STATUS=draining: 1 sessions left")
            client.refresh(0)
            manager.hears("STOPPING=1")
            equal(server.has_ended(10), 0)


@case("sockets of the service manager are served, TCP and UDP, and the admin's too")
def activation():
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="turnpike-test-") as directory:
        path = os.path.join(directory, "given.sock")
        udp, tcp, local = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(), socket.socket(socket.AF_UNIX))
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        udp.bind(("127.0.0.1", port))
        tcp.bind(("127.0.0.1", port))
        tcp.listen()
        local.bind(path)
        local.listen()
        log = open(os.path.join(directory, "log"), "wb")
        # The shell's own process id is the server's after exec.
        script = "export LISTEN_PID=$$ LISTEN_FDS=3; exec \"$@\" 3<&%d 4<&%d 5<&%d" % (
            udp.fileno(), tcp.fileno(), local.fileno())
        command = ["bash", "-c", script, "sh"] + server_command() + [
            "-n", "--user=user:password", "--realm=r.example", "--relay-ip=127.0.0.1", "--log-file=stdout", "--relay-threads=2"]
        process = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=(udp.fileno(), tcp.fileno(), local.fileno()))
        try:
            udp.close()
            tcp.close()
            local.close()
            with Client(("127.0.0.1", port)) as client:
                until(lambda: client.allocate().code == 0, "a client is served")
                client.refresh(0)
            with socket.create_connection(("127.0.0.1", port), 10) as stream:
                stream.sendall(bytes.fromhex("000100002112a442") + b"123456789012")
                true(stream.recv(100)[:2] == b"\x01\x01", "a Binding over TCP is answered")
            with socket.socket(socket.AF_UNIX) as admin:
                admin.connect(path)
                admin.sendall(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
                true(b"200 OK" in admin.recv(1000), "the admin API")
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(20)
            log.close()
            with open(log.name, encoding="utf-8", errors="replace") as text:
                print(text.read())
        equal(code, 0)


@case("root's rights are dropped to proc-user, and sessions work")
def rights():
    if os.geteuid() != 0:
        raise Skip("only root can become another")
    nobody = pwd.getpwnam("nobody")
    server = ManagedServer(["proc-user=nobody"])
    os.chmod(server.directory.name, 0o755)
    with server, server.client() as client:
        with open("/proc/%d/status" % server.process.pid, encoding="ascii") as status:
            fields = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
        equal(fields["Uid"].split(), [str(nobody.pw_uid)] * 4)
        equal(fields["Gid"].split(), [str(nobody.pw_gid)] * 4)
        equal(fields["CapEff"].strip("0"), "")
        client.relayed()
        equal(server.reload(server.lines + ["user-quota=5"])["changed"], ["user-quota"])
        client.refresh(0)


@case("a proc-user that does not exist is an error at the start")
def wrong_user():
    done = subprocess.run(server_command() + ["-n", "--user=u:p", "--admin-socket=off", "--listening-ip=127.0.0.1",
                                              "--listening-port=%d" % free_port(), "--tls-listening-port=0",
                                              "--proc-user=no-such-user"],
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    equal(done.returncode, 1)
    true(b"no-such-user" in done.stdout, done.stdout)


def expressions():
    """Of the fail2ban filter, as fail2ban fills them in."""
    with open(os.path.join(ROOT, "etc", "fail2ban", "turnpike.conf"), encoding="utf-8") as file:
        text = file.read()
    part = re.search(r"^failregex = (.*?)^ignoreregex", text, re.M | re.S).group(1)
    return [re.compile(one.strip().replace("<HOST>", r"(?P<host>[0-9a-fA-F:.]+)")) for one in part.strip().splitlines()]


def hosts_in(log):
    return [match.group("host") for line in log.splitlines() for one in expressions() if (match := one.search(line))]


@case("every wrong password is in the log with the client's address, as the fail2ban filter wants it")
def fail2ban():
    for options, host in (([], "127.0.0.1"), (["log-format=json"], "127.0.0.1"), ([], "::1")):
        with ManagedServer(options, host=host) as server:
            for user, password in ((b"user", b"wrong"), (b"nobody", b"password"), (b"a\" client=9.9.9.9:1 ", b"x"),
                                   (b"x credentials_refused client=9.9.9.9:1", b"x")):
                with server.client(user, password) as client:
                    equal(client.allocate().code, 401)
                time.sleep(0.05)  # More often than that an address is said with the next one.
            with server.client() as client:
                client.relayed()
                client.refresh(0)
            equal(hosts_in(server.log_text()), [host] * 4, server.log_text())


@case("noise from one address hides no other address from fail2ban")
def noise():
    with ManagedServer() as server:
        others = ["127.0.0.%d" % i for i in range(2, 12)]
        noisy = [Client(server.address, b"user", b"wrong") for _ in range(40)]
        quiet = [Client(server.address, b"user", b"wrong", source=host) for host in others]
        for client in noisy + quiet:
            client.login()
        for client in noisy[:20] + quiet + noisy[20:]:
            client.send_raw(client.signed(ALLOCATE, [(REQUESTED_TRANSPORT, UDP_TRANSPORT)]))
        until(lambda: set(others + ["127.0.0.1"]) <= set(hosts_in(server.log_text())), server.log_text, 5)
        for client in noisy + quiet:
            client.close()
        for wanted in ("realm=r.example user=user", 'reason="wrong password"'):
            true(any("credentials_refused" in line and wanted in line for line in server.log_text().splitlines()), wanted)


@case("redact cuts the host part off client and peer addresses")
def redaction():
    with ManagedServer(["redact"]) as server, server.client() as client:
        client.relayed()
        client.permit(("10.1.2.3", 0))
        client.refresh(0)
        until(lambda: "allocation_closed" in server.log_text(), "the end is logged")
        sessions = [line for line in server.log_text().splitlines() if " client=" in line]
        true(sessions and all("client=127.0.0.0/24" in line for line in sessions), repr(sessions))
        true("10.1.2.3" not in server.log_text(), "no peer address")


@case("the end of a session is one line with its totals and the reason")
def session_end():
    with ManagedServer() as server, server.client() as client:
        client.relayed()
        client.refresh(0)
        until(lambda: "allocation_closed" in server.log_text(), "the end is logged")
        (line,) = [line for line in server.log_text().splitlines() if "allocation_closed" in line]
        for field in ("client=127.0.0.1:", "user=user", "reason=deleted", "lasted_ms=", "from_client_bytes=0",
                      "to_client_packets=0"):
            true(field in line, "%s in %s" % (field, line))


@case("the unit files are in order")
def units():
    if subprocess.run(["sh", "-c", "command -v systemd-analyze"], check=False, stdout=subprocess.DEVNULL).returncode:
        raise Skip("there is no systemd-analyze")
    with tempfile.TemporaryDirectory(prefix="turnpike-test-") as directory:
        for name in ("turnpike.service", "turnpike.socket"):
            with open(os.path.join(ROOT, "etc", name), encoding="utf-8") as file:
                text = file.read().replace("/usr/local/bin/turnpike", "/bin/true")
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(text)
        for name in ("turnpike.service", "turnpike.socket"):
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", os.path.join(directory, name)], check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            about_us = [line for line in done.stdout.splitlines() if directory in line]
            equal(about_us, [], done.stdout)


if __name__ == "__main__":
    main()
