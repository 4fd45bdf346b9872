#!/usr/bin/python3
"""Calls of real browsers through the server, relay to relay, with the credentials that `turnpike credentials` makes.

Runs in a network namespace of its own: the server stands on one address, the browsers on another, with the server's
default policy towards peers, and nothing of a browser gets out.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import CASES, FULL, Server, Skip, binary, case, equal, free_port, in_network_namespace, is_stand_in  # noqa: E402
from harness import main, server_command, shortened, true, until  # noqa: E402
import browsers  # noqa: E402

SERVER, CLIENT = "10.77.0.1", "10.77.0.2"
NAME, OTHER_NAME = "turn.example.org", "other.example.org"
SECRET = "a-shared-secret-of-the-test"
REST_KEY = "a-key-for-the-page-of-the-test"
MEGABYTE = 1_000_000
TRANSFER = 10 * MEGABYTE

RUNNING = {}
SETUP = {}


def lay_network():
    """Two addresses on a cable from here to here, for browsers use no loopback interface for calls."""
    for command in ("link add t0 type veth peer name t1", "addr add %s/24 dev t0" % SERVER,
                    "addr add %s/24 dev t1" % CLIENT, "link set t0 up", "link set t1 up",
                    "route add default via %s dev t1" % SERVER):
        subprocess.run(["ip"] + command.split(), check=True)


def openssl(*arguments):
    subprocess.run(["openssl"] + list(arguments), check=True, stderr=subprocess.DEVNULL, timeout=60)


def make_certificates(folder):
    """An authority that the browsers are told to trust, and a server certificate of its."""
    path = lambda name: os.path.join(folder, name)  # noqa: E731
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=authority of the test", "-keyout", path("ca.key"), "-out", path("ca.pem"),
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + NAME,
            "-keyout", path("server.key"), "-out", path("server.csr"))
    with open(path("extensions"), "w", encoding="ascii") as file:
        file.write("subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\n" % NAME)
    openssl("x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", "2", "-extfile", path("extensions"), "-out", path("server.pem"))
    return path("ca.pem"), path("server.pem"), path("server.key")


def credentials(server, *options, host=SERVER, transports="udp", secret=SECRET, ttl=600):
    """The iceServers of `turnpike credentials`, without the stun: entry where only relays are wanted."""
    program = binary() if is_stand_in() else server_command()[0]
    output = subprocess.run([program, "credentials", "--host", host, "--port", str(server.port), "--user", "ann",
                             "--secret", secret, "--ttl", str(ttl), "--transports", transports, *options],
                            check=True, stdout=subprocess.PIPE, timeout=30).stdout
    return json.loads(output)


def configuration(ice_servers):
    return {"iceServers": ice_servers, "iceTransportPolicy": "relay"}


def of_transport(server, transport):
    if transport == "tls":
        return configuration(credentials(server, "--tls-port", str(SETUP["tls_port"]), host=NAME, transports="tls"))
    return configuration(credentials(server, transports=transport))


def browser(kind):
    """The browser of that kind, started once for all cases and again when a case has ended it."""
    known = RUNNING.get(kind)
    if known and known.process.poll() is None:
        return known
    one = kind(SETUP["page"].url, SETUP["authority"], {NAME: SERVER, OTHER_NAME: SERVER})
    RUNNING[kind] = one.__enter__()
    return one


def call(left, right, ice_of_left, ice_of_right, audio=False):
    """Two sides, each a browser and a name in it, connect."""
    (one, a), (two, b) = left, right
    one.call("make", a, ice_of_left)
    two.call("make", b, ice_of_right)
    offer = one.call("offer", a, audio)
    answer = two.call("answer", b, offer, audio)
    one.call("accept", a, answer)
    one.call("connected", a)
    two.call("connected", b)


def transfer(left, right, total):
    """Both ways at once. Two browsers need a thread each, since a call lasts until its transfer ends."""
    results = {}

    def run(side, send_seed, receive_seed):
        try:
            results[side[1]] = side[0].call("exchange", side[1], send_seed, receive_seed, total)
        except Exception as error:  # Told by the thread that waits.
            results[side[1]] = error
    if left[0] is right[0]:
        results = left[0].call("exchangeBoth", left[1], right[1], total)
    else:
        threads = [threading.Thread(target=run, args=(left, 1, 2)), threading.Thread(target=run, args=(right, 2, 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name in (left[1], right[1]):
        equal(results.get(name), total, "bytes that %s received" % name)


def check_relayed(side, protocol):
    seen = side[0].call("statistics", side[1])
    print(side, seen)
    equal(seen["local"]["candidateType"], "relay", "local candidate")
    equal(seen["remote"]["candidateType"], "relay", "remote candidate")
    equal(seen["local"]["relayProtocol"], protocol, "relayProtocol")
    equal(seen["local"]["address"], SERVER, "relayed address")
    return seen


def hang_up(*sides):
    for one, name in sides:
        one.call("close", name)


def report(function):
    """A failing case shows what the browsers said, and the next one gets new browsers."""
    def wrapped(*arguments):
        try:
            function(*arguments)
        except Exception:
            for kind, one in list(RUNNING.items()):
                one.report()
                one.__exit__()
                del RUNNING[kind]
            raise
    return wrapped


def relayed_call(kind, transport):
    @report
    def run(server):
        began = time.monotonic()
        one = browser(kind)
        left, right = (one, "left"), (one, "right")
        ice = of_transport(server, transport)
        call(left, right, ice, ice, audio=True)
        print("connected after %.1f s" % (time.monotonic() - began))
        transfer(left, right, TRANSFER)
        print("transferred after %.1f s" % (time.monotonic() - began))
        for side in (left, right):
            heard = side[0].call("hear", side[1], 50)
            true(heard["audioBytes"] > 50 * 20, "the audio is more than silence: %r" % heard)
            check_relayed(side, transport)
        hang_up(left, right)
    return run


def until_listening(host, port):
    """A server may answer over UDP before it does over HTTP."""
    def listens():
        with contextlib.suppress(OSError), socket.create_connection((host, port), 5):
            return True
    until(listens, "nobody listens on TCP %s:%d" % (host, port))


def with_metrics():
    """Options for a server, and a function that gives the value of a line of its metrics."""
    port = free_port()

    def value(name):
        until_listening("127.0.0.1", port)
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=10) as answer:
            (line,) = [line for line in answer.read().decode().splitlines() if line.startswith(name + " ")]
        return float(line.split(" ")[1])
    return ["--prometheus", "--prometheus-address=127.0.0.1", "--prometheus-port=%d" % port], value


def relays_of(found):
    return [one for one in found["candidates"] if " typ relay" in one]


def refused(kind, make_ice, code, counted):
    """Gathering ends without a relay, the server has counted why, and the page is told where the browser tells it."""
    @report
    def run(server):
        before = SETUP["value"](counted)
        found = browser(kind).call("gather", configuration(make_ice(server)))
        print(found)
        equal(relays_of(found), [], "relay candidates")
        if found["tellsErrors"]:
            true(code in [error["code"] for error in found["errors"]], "error %d in %r" % (code, found["errors"]))
        until(lambda: SETUP["value"](counted) > before, "the server did not count " + counted)
    return run


def page_asks(kind):
    """A page gets its credentials from the server itself, from where it is listed, and relays with them."""
    @report
    def run(_):
        options, value = with_metrics()
        result = 'turnpike_rest_requests_total{result="%s"}'
        port = free_port(SERVER)
        listen = "%s:%d" % (SERVER, port)
        url = "http://%s/turn?service=turn&username=ann&format=configuration" % listen
        rest = options + ["--static-auth-secret=" + SECRET, "--rest-listen=" + listen, "--rest-api-key=" + REST_KEY]
        one = browser(kind)
        with Server(*rest, "--rest-allow-origin=" + SETUP["page"].origin, host=SERVER, relay=(SERVER,), users=()):
            until_listening(SERVER, port)
            ice = one.call("ask", url, REST_KEY)
            equal(value(result % "issued"), 1, "credentials that were issued")
            true(value(result % "preflight") >= 1, "the browser asked whether it may")
            found = one.call("gather", dict(ice, iceTransportPolicy="relay"))
            print(found)
            true(relays_of(found), "a relay with %r" % ice)
        with Server(*rest, "--rest-allow-origin=https://app.example", host=SERVER, relay=(SERVER,), users=()):
            until_listening(SERVER, port)
            try:
                raise AssertionError("a page that is not listed was given %r" % one.call("ask", url, REST_KEY))
            except browsers.CallFailed as error:
                print(error)
            true(value(result % "wrong_origin") >= 1, "it was refused for its origin")
            equal(value(result % "issued"), 0, "credentials that were issued")
    return run


def wrong_password(server):
    return credentials(server, secret="another-secret-than-the-servers")


def expired(server):
    ice = credentials(server, ttl=1)
    ends = next(int(one["username"].split(":")[0]) for one in ice if "username" in one)
    until(lambda: time.time() >= ends + 1, "the clock stands still")
    return ice


def other_name(server):
    return credentials(server, "--tls-port", str(SETUP["tls_port"]), host=OTHER_NAME, transports="tls")


def leaves_nothing(kind):
    """Neither its profile nor what it puts into the temporary folder by itself."""
    @report
    def run(_):
        with tempfile.TemporaryDirectory(prefix="turnpike-test-") as folder, mock.patch.object(tempfile, "tempdir", folder), \
                mock.patch.dict(os.environ, TMPDIR=folder):
            with kind(SETUP["page"].url, SETUP["authority"], {}):
                true(os.listdir(folder), "it keeps something in the folder while it runs")
            equal(os.listdir(folder), [], "what is left in the temporary folder")
    return run


def ice_restart(kind):
    @report
    def run(server):
        one = browser(kind)
        left, right = (one, "left"), (one, "right")
        ice = of_transport(server, "udp")
        call(left, right, ice, ice)
        before = check_relayed(left, "udp")
        answer = one.call("answer", "right", one.call("restart", "left"), False)
        one.call("accept", "left", answer)
        deadline = time.monotonic() + 20
        while True:
            after = one.call("statistics", "left")
            if after["local"] and after["local"]["port"] != before["local"]["port"]:
                break
            true(time.monotonic() < deadline, "another relay is in use after the restart: %r" % after)
            time.sleep(0.1)
        check_relayed(left, "udp")
        transfer(left, right, MEGABYTE)
        hang_up(left, right)
    return run


@report
def two_browsers(server):
    left = (browser(browsers.Chromium), "left")
    right = (browser(browsers.Firefox), "right")
    call(left, right, of_transport(server, "udp"), of_transport(server, "tcp"), audio=True)
    transfer(left, right, TRANSFER)
    for side, protocol in ((left, "udp"), (right, "tcp")):
        side[0].call("hear", side[1], 50)
        check_relayed(side, protocol)
    hang_up(left, right)


def one_relayed(kind):
    """The other side has no relay, so every packet crosses the relayed address's own socket."""
    @report
    def run(_):
        with Server("--use-auth-secret", "--static-auth-secret=" + SECRET, "--allowed-peer-ip=" + CLIENT,
                    "--allowed-peer-ip=" + SERVER, host=SERVER, relay=(SERVER,), users=()) as server:
            one = browser(kind)
            left, right = (one, "left"), (one, "right")
            call(left, right, of_transport(server, "udp"), {"iceServers": []})
            transfer(left, right, MEGABYTE)
            seen = one.call("statistics", "left")
            print(seen)
            equal(seen["local"]["candidateType"], "relay", "local candidate")
            true(seen["remote"]["candidateType"] != "relay", "the other side is not relayed: %r" % seen)
            hang_up(left, right)
    return run


def declare(kind, reason):
    def add(name, function):
        case("%s: %s" % (kind.name, name))(skipping(reason) if reason else function)
    for transport, words in (("udp", "UDP"), ("tcp", "TCP"), ("tls", "TLS")):
        add("a relayed call over %s with audio carries 10 MB each way" % words, relayed_call(kind, transport))
    add("an ICE restart moves the call to new relays", ice_restart(kind))
    add("a call of a relayed side with a direct one works", one_relayed(kind))
    add("a wrong password gives 401 and no relay",
        refused(kind, wrong_password, 401, 'turnpike_auth_total{outcome="wrong"}'))
    add("an expired name gives 401 and no relay", refused(kind, expired, 401, 'turnpike_auth_total{outcome="expired"}'))
    add("a certificate for another name gives no relay",
        refused(kind, other_name, 701, 'turnpike_handshakes_total{protocol="tls",result="failed"}'))
    add("nothing is left in the temporary folder", leaves_nothing(kind))
    add("a page of a listed origin gets credentials over HTTP and relays, another one gets none", page_asks(kind))


def skipping(reason):
    def run(_):
        raise Skip(reason)
    return run


def declare_all():
    found, missing = browsers.available()
    for kind in found:
        declare(kind, None)
    for kind, reason in missing:
        declare(kind, reason)
    case("a Chromium and a Firefox, both relayed, talk")(
        skipping("; ".join(reason for _, reason in missing)) if missing else two_browsers)
    if FULL:
        CASES.extend([(name + ", again", function) for name, function in CASES])
    else:
        shortened("rounds of the browser tests", 1, 2)


def skip_all(reason):
    print("skip browser: all cases: " + reason)
    sys.exit(0)


def run():
    for program, package in (("certutil", "libnss3-tools"), ("openssl", "openssl"), ("ip", "iproute2")):
        if subprocess.run(["which", program], stdout=subprocess.DEVNULL, check=False).returncode:
            skip_all("%s is not installed (package %s)" % (program, package))
    if not in_network_namespace():
        skip_all("no network namespace may be made here (run as root)")
    lay_network()
    declare_all()
    with tempfile.TemporaryDirectory(prefix="turnpike-test-") as folder, browsers.PageServer() as page:
        authority, certificate, key = make_certificates(folder)
        options, value = with_metrics()
        SETUP.update(page=page, authority=authority, tls_port=free_port(SERVER), value=value)
        try:
            main(Server(*options, "--use-auth-secret", "--static-auth-secret=" + SECRET, "--cert=" + certificate,
                        "--pkey=" + key, "--tls-listening-port=%d" % SETUP["tls_port"], host=SERVER, relay=(SERVER,), users=()))
        finally:
            for one in RUNNING.values():
                one.__exit__()


if __name__ == "__main__":
    run()
