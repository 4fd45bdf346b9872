"""Chromium and Firefox, driven without any library: Chromium by its DevTools protocol over a pipe, Firefox by Marionette.

A browser loads one page and calls the functions of peer.js in it. Each has a profile of its own, which ends with it.
"""

import http.server
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class CallFailed(Exception):
    """A function of the page was rejected; the text is its error."""


class PageServer:
    """Serves this folder on loopback, which browsers trust as they trust https."""

    def __enter__(self):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=HERE)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.origin = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.url = self.origin + "/page.html"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Browser:
    """A process group of its own, so that all of its processes can be ended."""

    def __init__(self, page, authority, hosts):
        self.page, self.authority, self.hosts = page, authority, hosts
        self.directory = tempfile.mkdtemp(prefix="turnpike-browser-")
        self.log = os.path.join(self.directory, "log")
        self.process = None

    def path(self, *parts):
        path = os.path.join(self.directory, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def trust(self, folder):
        """The browser keeps its authorities in an NSS database."""
        os.makedirs(folder, exist_ok=True)
        for arguments in (["-N", "--empty-password"], ["-A", "-n", "test", "-t", "C,,", "-i", self.authority]):
            subprocess.run(["certutil", "-d", "sql:" + folder] + arguments, check=True, timeout=30)

    def spawn(self, command, **options):
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")}
        environment.update(HOME=self.directory, TMPDIR=self.directory, XDG_RUNTIME_DIR=self.directory,
                           MOZ_CRASHREPORTER_DISABLE="1")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, env=environment, **options)

    def call(self, function, *arguments, timeout=90):
        """Calls a function of peer.js and returns what it promises."""
        raise NotImplementedError

    def start(self):
        raise NotImplementedError

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.report()
            self.__exit__()
            raise
        return self

    def report(self):
        if os.path.exists(self.log):
            with open(self.log, "rb") as log:
                print("--- log of %s, last part ---\n%s" % (self.name, log.read()[-4000:].decode("utf-8", "replace")))

    def __exit__(self, *_):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        for _ in range(20):  # Its processes may be writing still while they die.
            shutil.rmtree(self.directory, ignore_errors=True)
            if not os.path.exists(self.directory):
                return
            time.sleep(0.1)


class Chromium(Browser):
    name = "chromium"
    program = "chromium"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--disable-default-apps", "--disable-extensions", "--mute-audio",
             "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
             "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
             "--use-fake-device-for-media-stream", "--disable-features=WebRtcHideLocalIpsWithMdns",
             "--remote-debugging-pipe"]

    def start(self):
        self.trust(self.path(".pki", "nssdb"))
        to_browser, self.write_fd = os.pipe()
        self.read_fd, from_browser = os.pipe()

        # The protocol is spoken on descriptors 3 and 4.
        def place():
            high = [os.dup(fd) for fd in (to_browser, from_browser)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        rules = ",".join("MAP %s %s" % one for one in self.hosts.items())
        self.spawn([self.program, *self.flags, "--host-resolver-rules=" + rules,
                    "--user-data-dir=" + self.path("profile"), "about:blank"],
                   preexec_fn=place, close_fds=False)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.number, self.session = b"", 0, None
        target = self.command("Target.createTarget", {"url": self.page})["targetId"]
        self.session = self.command("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        deadline = time.monotonic() + 60
        while not self.evaluate("typeof calls === 'object' && document.readyState === 'complete'", 30):
            if time.monotonic() > deadline:
                raise RuntimeError("the page does not load")
            time.sleep(0.1)

    def read_message(self, deadline):
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise RuntimeError("the browser does not answer")
            if select.select([self.read_fd], [], [], left)[0]:
                data = os.read(self.read_fd, 1 << 16)
                if not data:
                    raise RuntimeError("the browser ended")
                self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def command(self, method, parameters, timeout=60):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout
        while True:
            answer = self.read_message(deadline)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError("%s: %s" % (method, answer["error"]))
                return answer["result"]

    def evaluate(self, expression, timeout):
        result = self.command("Runtime.evaluate", {"expression": expression, "awaitPromise": True,
                                                   "returnByValue": True}, timeout)
        if "exceptionDetails" in result:
            thrown = result["exceptionDetails"].get("exception", {})
            raise CallFailed(thrown.get("description") or json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")

    def call(self, function, *arguments, timeout=90):
        return self.evaluate("calls.%s(...%s)" % (function, json.dumps(arguments)), timeout)

    def __exit__(self, *arguments):
        for fd in ("read_fd", "write_fd"):
            if hasattr(self, fd):
                os.close(getattr(self, fd))
                delattr(self, fd)
        super().__exit__(*arguments)


class Firefox(Browser):
    name = "firefox"
    program = "firefox-esr"
    preferences = {
        "marionette.port": 0,
        "media.navigator.streams.fake": True,
        "media.navigator.permission.disabled": True,
        "media.autoplay.default": 0,
        "media.autoplay.blocking_policy": 0,
        "media.peerconnection.ice.obfuscate_host_addresses": False,
        # Nothing but the test.
        "app.update.disabledForTesting": True,
        "app.normandy.enabled": False,
        "browser.safebrowsing.downloads.enabled": False,
        "browser.safebrowsing.malware.enabled": False,
        "browser.safebrowsing.phishing.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "media.gmp-manager.updateEnabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "services.settings.server": "http://127.0.0.1:9/",
        "toolkit.telemetry.enabled": False,
    }

    def start(self):
        profile = self.path("profile", "x")[:-2]
        self.trust(profile)
        with open(os.path.join(profile, "user.js"), "w", encoding="utf-8") as file:
            chosen = dict(self.preferences)
            if self.hosts:
                chosen["network.dns.forceResolve"] = next(iter(self.hosts.values()))
            for name, value in chosen.items():
                file.write("user_pref(%s, %s);\n" % (json.dumps(name), json.dumps(value)))
        self.spawn([self.program, "--headless", "--no-remote", "--marionette", "--profile", profile])
        self.connect(os.path.join(profile, "MarionetteActivePort"))
        self.number = 0
        self.command("WebDriver:NewSession", {"acceptInsecureCerts": False, "timeouts": {"script": 120000}})
        self.command("WebDriver:Navigate", {"url": self.page})

    def connect(self, port_file):
        deadline = time.monotonic() + 60
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("the browser ended with %d" % self.process.returncode)
            try:
                with open(port_file, encoding="ascii") as file:
                    self.socket = socket.create_connection(("127.0.0.1", int(file.read())), 10)
                break
            except (OSError, ValueError):
                if time.monotonic() > deadline:
                    raise RuntimeError("the browser does not start") from None
                time.sleep(0.1)
        self.stream = self.socket.makefile("rb")
        self.read_message(30)

    def read_message(self, timeout):
        self.socket.settimeout(timeout)
        size = b""
        while not size.endswith(b":"):
            byte = self.stream.read(1)
            if not byte:
                raise RuntimeError("the browser ended")
            size += byte
        return json.loads(self.stream.read(int(size[:-1])))

    def command(self, name, parameters, timeout=60):
        self.number += 1
        data = json.dumps([0, self.number, name, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(data), data))
        while True:
            kind, number, error, result = self.read_message(timeout)
            if (kind, number) == (1, self.number):
                if error:
                    raise RuntimeError("%s: %s" % (name, error))
                return result

    def call(self, function, *arguments, timeout=90):
        script = """
            const [name, values, done] = arguments;
            window.calls[name](...values).then((value) => done({value}),
                                                       (error) => done({error: String(error)}));"""
        result = self.command("WebDriver:ExecuteAsyncScript",
                              {"script": script, "args": [function, list(arguments)], "sandbox": None,
                               "scriptTimeout": timeout * 1000}, timeout + 10)["value"]
        if "error" in result:
            raise CallFailed(result["error"])
        return result.get("value")


def available():
    """The browsers of this machine, and for each that is not there the reason."""
    found, missing = [], []
    for kind in (Chromium, Firefox):
        if shutil.which(kind.program):
            found.append(kind)
        else:
            missing.append((kind, "%s is not installed (package %s)" % (kind.program, kind.program)))
    return found, missing
