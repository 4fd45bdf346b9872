"""The servers on the far side of a bed, and `turnpike nat` and `turnpike discover` run on its near side."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))
sys.path.insert(0, HERE)
import bed  # noqa: E402
from harness import Skip, server_command  # noqa: E402

PING = os.path.join(HERE, "..", "interop", "ping.py")


def turnpike(lean=False):
    return server_command(lean)[0]


def need(program):
    if shutil.which(program) is None:
        raise Skip(program + " is not installed")
    return program


class FarSide:
    """Servers inside a bed's Internet; they end with the bed."""

    def __init__(self, the_bed):
        self.bed = the_bed
        self.folder = the_bed.folder

    def log(self, name):
        return open(os.path.join(self.folder.name, name + ".log"), "w", encoding="utf-8")

    def start(self, name, wait_for, *command):
        with self.log(name) as log:
            program = self.bed.popen("i", *command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder.name)
        for host, port in wait_for:
            self.wait(name, program, host, port)
        return program

    def wait(self, name, program, host, port):
        deadline = time.monotonic() + 20
        while True:
            done = subprocess.run(["ip", "netns", "exec", self.bed.space("i"), sys.executable, PING, host, str(port)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            if done.returncode == 0:
                return
            if program.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.folder.name, name + ".log"), encoding="utf-8", errors="replace") as log:
                    raise RuntimeError("%s does not answer on %s:%d\n%s" % (name, host, port, log.read()[-3000:]))
            time.sleep(0.05)

    def coturn(self, *addresses, name="pair"):
        """Debian's coturn: with two addresses it is a server of RFC 5780."""
        need("turnserver")
        listen = [word for address in addresses for word in ("-L", address)]
        return self.start(name, [(address, bed.PORT) for address in addresses], "turnserver", "-n", "--no-auth", *listen,
                          "-p", str(bed.PORT), "--alt-listening-port=%d" % bed.OTHER_PORT, "--no-tls", "--no-dtls",
                          "--no-cli", "--stun-only", "-m", "1", "--log-file=stdout", "--simple-log",
                          "--pidfile=%s.pid" % name, "--userdb=%s.db" % name)

    def stund(self):
        """Debian's server of RFC 3489."""
        need("stund")
        return self.start("stund", [(bed.PAIR[0], bed.PORT)], "stund", "-h", bed.PAIR[0], "-a", bed.PAIR[1], "-p",
                          str(bed.PORT), "-o", str(bed.OTHER_PORT))

    def ours(self, address=bed.SINGLE, *options, name="ours"):
        return self.start(name, [(address, bed.PORT)], *server_command(), "-n", "--listening-ip=" + address,
                          "--listening-port=%d" % bed.PORT, "--log-file=stdout", "--realm=bed.example", "--user=u:p",
                          *options)


class Outcome:
    def __init__(self, code, output, errors, took):
        self.code, self.output, self.errors, self.took = code, output, errors, took

    def json(self):
        try:
            return json.loads(self.output)
        except ValueError:
            raise AssertionError("no JSON: exit code %d\n%s%s" % (self.code, self.output, self.errors)) from None


def run_tool(the_bed, *arguments, role="c0", lean=False, env=None, timeout=200):
    command = ["ip", "netns", "exec", the_bed.space(role), turnpike(lean), *arguments]
    began = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, timeout=timeout, env=dict(os.environ, **(env or {})))
    outcome = Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
    print("$ turnpike", *arguments, "-> %d in %.2f s\n%s%s" % (outcome.code, outcome.took, outcome.output,
                                                              outcome.errors))
    return outcome


def run_with_names(the_bed, name_server, *arguments, timeout=100):
    """The tool on the near side, with that name server alone."""
    with tempfile.NamedTemporaryFile("w", dir=the_bed.folder.name) as resolv:
        resolv.write("nameserver %s\n" % name_server)
        resolv.flush()
        began = time.monotonic()
        done = subprocess.run(["ip", "netns", "exec", the_bed.space("c0"), "unshare", "-m", "sh", "-c",
                               'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh", resolv.name, turnpike(),
                               *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False, timeout=timeout)
    outcome = Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
    print("$ turnpike", *arguments, "-> %d in %.2f s\n%s%s" % (outcome.code, outcome.took, outcome.output,
                                                              outcome.errors))
    return outcome


def servers(*hosts):
    return [word for host in hosts for word in ("--server", host)]


def nat(the_bed, *arguments, hosts=(bed.PAIR[0],), **options):
    return run_tool(the_bed, "nat", *servers(*hosts), "--json", *arguments, **options)


def discover(the_bed, *arguments, hosts=(bed.PAIR[0], bed.SINGLE), **options):
    return run_tool(the_bed, "discover", *servers(*hosts), *arguments, **options)
