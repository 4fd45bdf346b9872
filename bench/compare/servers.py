"""The servers that are compared: how each is started on one core, and how it is ended."""

import contextlib
import os
import shlex
import socket
import subprocess
import tempfile
import time

USER, PASSWORD, REALM = "bench", "bench", "bench.example"


# RFC 8489 section 5: type, length, magic cookie, transaction.
BINDING_REQUEST = bytes.fromhex("000100002112a442") + b"bench-ready?"


def is_bound(port):
    """A UDP socket of this host, IPv4, has that port."""
    with open("/proc/net/udp", encoding="ascii") as table:
        return any(line.split()[1].endswith(":%04X" % port) for line in table.readlines()[1:])


def free_port():
    """One that neither transport uses."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                tcp.bind(udp.getsockname())
                return udp.getsockname()[1]


def certificate(directory):
    """One for all servers, so that all do the same arithmetic."""
    paths = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
    if not os.path.exists(paths[0]):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=bench.example", "-days", "30", "-keyout", paths[1], "-out", paths[0]],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return paths


class NotRunning(RuntimeError):
    """It did not start, or does not answer."""


class Server:
    """A running server, pinned to one core; a context manager."""

    def __init__(self, name, command, core, directory):
        self.name, self.port = name, None
        self.command, self.core, self.directory = command, core, directory
        self.process = self.log = None

    def __enter__(self):
        self.port = free_port()
        command = ["taskset", "-c", str(self.core)] + self.command(self.port, free_port(), self.directory)
        self.log = open(os.path.join(self.directory, "%s-%d.log" % (self.name, self.port)), "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        cwd=self.directory)
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_ready(self, patience=15):
        """Each says in a way of its own that it is ready, so it is asked. The bare loop answers nothing but floor's."""
        deadline = time.monotonic() + patience
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", self.port))
            client.settimeout(0.1)
            while time.monotonic() < deadline:
                if self.process.poll() is not None:
                    raise NotRunning("%s ended with %d: %s" % (self.name, self.process.returncode, self.last_words()))
                if self.name.startswith("floor"):
                    if is_bound(self.port):
                        return
                    time.sleep(0.05)
                    continue
                with contextlib.suppress(OSError):
                    client.send(BINDING_REQUEST)
                    if client.recv(1500)[:2] == b"\x01\x01":
                        return
        raise NotRunning("%s does not answer: %s" % (self.name, self.last_words()))

    def last_words(self):
        with open(self.log.name, "rb") as log:
            return log.read()[-600:].decode("utf-8", "replace")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def turnpike_command(binary, extra=()):
    def command(port, tls_port, directory):
        chain, key = certificate(directory)
        return [binary, "serve", "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--listening-port=%d" % port,
                "--tls-listening-port=%d" % tls_port, "--user=%s:%s" % (USER, PASSWORD), "--realm=" + REALM,
                "--relay-threads=1", "--allow-loopback-peers", "--unauthorized-ratelimit=off", "--binding-ratelimit=0",
                "--log-level=warning", "--log-file=stdout", "--cert=" + chain, "--pkey=" + key, *extra]
    return command


def coturn_command(binary):
    def command(port, tls_port, directory):
        chain, key = certificate(directory)
        return [binary, "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--listening-port=%d" % port,
                "--tls-listening-port=%d" % tls_port, "--lt-cred-mech", "--user=%s:%s" % (USER, PASSWORD),
                "--realm=" + REALM, "--relay-threads=1", "--allow-loopback-peers", "--no-cli", "--log-file=stdout",
                "--simple-log", "--pidfile=%s/coturn-%d.pid" % (directory, port), "--cert=" + chain, "--pkey=" + key,
                "--userdb=%s/coturn-%d.db" % (directory, port)]
    return command


def other_command(template):
    """A command with {port}, {tls_port}, {dir}, {user}, {password}, {realm}, {cert}, {key} in it."""
    def command(port, tls_port, directory):
        chain, key = certificate(directory)
        return [word.format(port=port, tls_port=tls_port, dir=directory, user=USER, password=PASSWORD, realm=REALM,
                            cert=chain, key=key) for word in shlex.split(template)]
    return command


def floor_command(binary, mode):
    return lambda port, tls_port, directory: [binary, "--port", str(port), "--mode", mode]


def scratch():
    return tempfile.TemporaryDirectory(prefix="turnpike-bench-")
