"""Starts the server under test, runs cases, prints one line for each: the protocol that tests/run.sh counts.

    ok NAME
    FAIL NAME (log: PATH)
    skip NAME: REASON

The server is the command in TEST_SERVER (a default is looked for in build/). Debian's turnserver works as a
stand-in: TEST_SERVER=turnserver. It fails the cases in which it differs from what we want.
"""

import atexit
import contextlib
import os
import random
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stunlib  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOGS = os.environ.get("TEST_LOGS") or os.path.join(ROOT, "build", "logs")
FULL = os.environ.get("TEST_FULL") == "1"


def binary():
    for flavour in ("asan", "debug", "release"):
        path = os.path.join(ROOT, "build", flavour, "bin", "turnpike")
        if os.access(path, os.X_OK):
            return path
    return None


_copies = {}


def for_others(path):
    """The file where any user can read and run it: a checkout may lie in somebody's home. Made once, and gone at the end."""
    folder = os.path.dirname(os.path.abspath(path))
    while os.stat(folder).st_mode & 0o5 == 0o5 and folder != "/":
        folder = os.path.dirname(folder)
    if folder == "/" and os.stat("/").st_mode & 0o5 == 0o5:
        return path
    if path not in _copies:
        if not _copies:
            _copies[""] = tempfile.mkdtemp(prefix="turnpike-for-others-")
            os.chmod(_copies[""], 0o755)
            atexit.register(shutil.rmtree, _copies[""], ignore_errors=True)
        _copies[path] = shutil.copy(path, _copies[""])
        os.chmod(_copies[path], 0o755)
    return _copies[path]


def server_command(lean=False):
    """`lean` asks for the build without sanitizers, for cases that look at memory and time."""
    command = (lean and os.environ.get("TEST_SERVER_LEAN")) or os.environ.get("TEST_SERVER")
    if command:
        return shlex.split(command)
    path = binary()
    if not path:
        sys.exit("harness: build the server first, or name one in TEST_SERVER")
    return [path, "serve"]


def is_stand_in():
    return os.path.basename(server_command()[0]) == "turnserver"


PORT_CLAIMS = "/tmp/turnpike-test-ports"


def claim_port(port):
    """Whether no other test that runs beside this one has it; until the end of this process none will. Two servers of
    one user can share a port, so that a collision would not even be an error. lib.sh does the same."""
    path = os.path.join(PORT_CLAIMS, str(port))
    with contextlib.suppress(OSError):
        os.mkdir(PORT_CLAIMS)
        os.chmod(PORT_CLAIMS, 0o1777)
    for _ in range(2):
        try:
            with open(path, "x", encoding="ascii") as claim:
                claim.write("%d\n" % os.getpid())
            return True
        except FileExistsError:
            with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as claim:
                owner = int(claim.read())
                if not os.path.exists("/proc/%d" % owner):
                    os.unlink(path)
    return False


def free_port(host="127.0.0.1"):
    """Below the kernel's ephemeral range, so that no client socket takes it before the server does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                probes.enter_context(socket.socket(family, kind)).bind((host, port))
            if claim_port(port):
                return port


class Server:
    """The server under test on loopback, with its own directory; ends by process id, and well, or the case fails."""

    def __init__(self, *options, host="127.0.0.1", hosts=None, relay=("127.0.0.1", "::1"), realm="r.example",
                 users=("user:password", "other:word"), port=None, lean=False):
        self.directory = tempfile.TemporaryDirectory(prefix="turnpike-test-")
        hosts = hosts or (host,)
        self.host, self.port = hosts[0], port or free_port(hosts[0])
        self.log = os.path.join(self.directory.name, "server.log")
        command = server_command(lean) + ["-n", "--listening-port=%d" % self.port, "--log-file=stdout",
                                          "--tls-listening-port=%d" % free_port(hosts[0])]
        command += ["--listening-ip=%s" % one for one in hosts]
        command += ["--relay-ip=%s" % one for one in relay]
        command += ["--realm=%s" % realm] if realm else []
        command += ["--user=%s" % one for one in users]
        if is_stand_in():
            command += ["--lt-cred-mech", "--no-tls", "--no-dtls", "--no-cli", "--no-tcp", "--simple-log",
                        "--pidfile=%s/pid" % self.directory.name, "--userdb=%s/db" % self.directory.name]
        self.command = command + list(options)
        self.process = None

    @property
    def address(self):
        return self.host, self.port

    def __enter__(self):
        environment = dict(os.environ, ASAN_OPTIONS="abort_on_error=0:exitcode=99:detect_leaks=1",
                           UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1", TSAN_OPTIONS="exitcode=98")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, cwd=self.directory.name, env=environment)
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def wait_until_ready(self):
        with stunlib.Client(self.address) as client:
            def answers():
                if self.process.poll() is not None:
                    raise RuntimeError("the server ended with %d:\n%s" % (self.process.returncode, self.log_text()))
                data = stunlib.build(stunlib.BINDING, stunlib.REQUEST, [])
                with contextlib.suppress(stunlib.Timeout, ConnectionRefusedError):
                    return client.ask(data, data[8:20], tries=1, timeout=0.1)
            until(answers, lambda: "the server does not answer:\n" + self.log_text(), 20)

    def log_text(self):
        with open(self.log, "rb") as log:
            return log.read().decode("utf-8", "replace")

    def wait_for_log(self, text, seconds=20, count=1):
        until(lambda: self.log_text().count(text) >= count, "the log does not say " + text, seconds)

    def alive(self):
        return self.process.poll() is None

    def rss_kib(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def cpu_s(self):
        """Seconds of processor time so far."""
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def client(self, *arguments, **options):
        return stunlib.Client(self.address, *arguments, **options)

    def __exit__(self, kind, *_):
        try:
            died = self.process.poll()
            if died is None:
                self.process.send_signal(signal.SIGTERM)
                try:
                    self.process.wait(15)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
                    if kind is None:
                        raise AssertionError("the server did not stop within 15 s of SIGTERM") from None
            text = self.log_text()
            if kind is not None:
                print("--- server log, last part ---\n" + text[-8000:])
            elif died is not None:
                raise AssertionError("the server died with %d:\n%s" % (died, text[-8000:]))
            elif self.process.returncode not in (0, -signal.SIGTERM if is_stand_in() else 0):
                raise AssertionError("the server stopped with %d:\n%s" % (self.process.returncode, text[-8000:]))
        finally:
            self.directory.cleanup()


def shortened(what, used, whole):
    """The count to use; says so when it is not the whole one, in a line that tests/run.sh passes on."""
    if FULL:
        return whole
    print("short %s: %d instead of %d" % (what, used, whole), file=sys.__stdout__, flush=True)
    return used


class Skip(Exception):
    """Raised by a case that cannot run here; the text says why."""


CASES = []


def case(name):
    """Declares a case; its name is a sentence."""
    def register(function):
        CASES.append((name, function))
        return function
    return register


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError("%s: got %r, wanted %r" % (what or "value", got, wanted))


def one_of(got, wanted, what=""):
    if got not in wanted:
        raise AssertionError("%s: got %r, wanted one of %r" % (what or "value", got, wanted))


def true(value, what):
    if not value:
        raise AssertionError(what)


def until(condition, what, seconds=10, pause=0.02):
    """Waits for a condition, and gives what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(what() if callable(what) else what)
        time.sleep(pause)


def until_read(connection):
    """Waits until the program at the other end of an IPv4 connection on this host has taken all that was sent."""
    def form(address):
        return "%08X:%04X" % (struct.unpack("=I", socket.inet_aton(address[0]))[0], address[1])
    ends = form(connection.getpeername()), form(connection.getsockname())

    def taken():
        with open("/proc/net/tcp", encoding="ascii") as table:
            for line in table:
                fields = line.split()
                if (fields[1], fields[2]) == ends:
                    return int(fields[4].split(":")[1], 16) == 0
        return True  # It has ended.
    until(taken, "what was sent is not read", pause=0.0005)


def run_one(script, name, function, arguments):
    """Runs a case with its output in a log file of its own, which is kept only when the case fails."""
    os.makedirs(LOGS, exist_ok=True)
    path = os.path.join(LOGS, "%s.%s.log" % (script, re.sub(r"[^A-Za-z0-9]+", "-", name)[:80]))
    sys.stdout.flush()
    with open(path, "w", encoding="utf-8") as log:
        saved, sys.stdout = sys.stdout, log
        try:
            function(*arguments)
            verdict = "ok %s: %s" % (script, name)
        except Skip as reason:
            verdict = "skip %s: %s: %s" % (script, name, reason)
        except Exception:  # A case may fail in any way; the log says how.
            traceback.print_exc(file=log)
            verdict = "FAIL %s: %s (log: %s)" % (script, name, path)
        finally:
            sys.stdout = saved
    if not verdict.startswith("FAIL"):
        os.unlink(path)
    print(verdict, flush=True)
    return not verdict.startswith("FAIL")


def main(shared=None):
    """Runs the cases of the calling script (all, or those whose name contains an argument). `shared` is a Server that
    every case gets; the case that finds it dead fails, and so does the closing check."""
    script = re.sub(r"_test$", "", os.path.splitext(os.path.basename(sys.argv[0]))[0])
    chosen = [(n, f) for n, f in CASES if not sys.argv[1:] or any(word in n for word in sys.argv[1:])]
    good = True

    def run_all(arguments):
        nonlocal good
        for name, function in chosen:
            good = run_one(script, name, function, arguments) and good

    if shared is None:
        run_all(())
    else:
        holder = []

        def start():
            holder.append(shared.__enter__())
        if run_one(script, "the server starts", start, ()):
            run_all((holder[0],))
            good = run_one(script, "the server is alive and stops cleanly", shared.__exit__, (None, None, None)) and good
        else:
            good = False
    sys.exit(0 if good else 1)


def in_network_namespace():
    """Runs the calling script again in a network namespace of its own, which ends with it; False where not allowed."""
    if os.environ.get("TEST_NETNS") == "1":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return True
    if subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        return False
    os.environ["TEST_NETNS"] = "1"
    os.execvp("unshare", ["unshare", "-n", sys.executable] + sys.argv)
