"""A client of the admin API for tests: HTTP over a unix socket or loopback TCP, by hand where it has to be wrong."""

import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import until  # noqa: E402,F401


class Answer:
    def __init__(self, raw):
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if lines[0].startswith("HTTP/1.1 ") else 0
        self.headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        self.body = body
        is_json = self.headers.get("content-type", "").startswith("application/json")
        self.json = json.loads(body) if body and is_json else None


class Admin:
    """`where` is the path of a unix socket, or (host, port)."""

    def __init__(self, where, token=None, timeout=30):
        self.where, self.token, self.timeout = where, token, timeout

    def connect(self):
        family = socket.AF_UNIX if isinstance(self.where, str) else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        # Blocking: a full queue of connections is waited for.
        connection.connect(self.where)
        connection.settimeout(self.timeout)
        return connection

    def raw(self, data):
        """What comes back for these bytes; nothing when the server closes without a word."""
        with self.connect() as connection:
            try:
                connection.sendall(data)
            except OSError:
                pass  # It may have had enough; its answer still counts.
            received = b""
            while True:
                try:
                    piece = connection.recv(65536)
                except ConnectionResetError:
                    break
                if not piece:
                    break
                received += piece
            return Answer(received) if received else None

    def ask(self, method, path, body=None):
        head = "%s %s HTTP/1.1\r\nHost: localhost\r\n" % (method, path)
        if self.token:
            head += "Authorization: Bearer %s\r\n" % self.token
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            head += "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(data)
        return self.raw(head.encode() + b"\r\n" + data)

    def get(self, path):
        answer = self.ask("GET", path)
        if answer.status != 200:
            raise AssertionError("GET %s: %d %r" % (path, answer.status, answer.body))
        return answer.json


class ManagedServer(harness.Server):
    """A server whose configuration is a file, so that it can be changed and read again."""

    def __init__(self, lines=(), *options, environment=None, **arguments):
        super().__init__(**dict({"users": (), "realm": None}, **arguments))
        self.socket = os.path.join(self.directory.name, "admin.sock")
        self.file = os.path.join(self.directory.name, "turnpike.conf")
        self.lines = ["realm=r.example", "user=user:password", "allow-loopback-peers"] + list(lines)
        self.command.remove("-n")
        self.command += ["-c", self.file, "--admin-socket=" + self.socket] + list(options)
        self.environment = environment or {}
        self.write(self.lines)

    def write(self, lines):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def path(self, name):
        return os.path.join(self.directory.name, name)

    @property
    def admin(self):
        return Admin(self.socket)

    def __enter__(self):
        saved = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            return super().__enter__()
        finally:
            for name, value in saved.items():
                if value is None:
                    os.environ.pop(name)
                else:
                    os.environ[name] = value

    def reload(self, lines):
        self.write(lines)
        return self.admin.ask("POST", "/v1/reload").json

    def tool(self, *arguments):
        """Exit code and both outputs of a command."""
        done = subprocess.run([harness.server_command()[0], *arguments, "--socket", self.socket], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
        return done.returncode, done.stdout

    def has_ended(self, seconds):
        """Waits for the end; for a case that is about it. The exit code."""
        code = self.process.wait(seconds)
        self.ended = True
        return code

    def __exit__(self, kind, *rest):
        if kind is None and getattr(self, "ended", False):
            self.directory.cleanup()
            return
        super().__exit__(kind, *rest)
