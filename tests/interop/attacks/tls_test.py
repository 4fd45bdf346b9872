#!/usr/bin/python3
"""TLS clients: versions, certificates and their renewal, tickets, client certificates, and what attackers send."""

import os
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, case, equal, for_others, main, one_of, shortened, true  # noqa: E402
from stunlib import BINDING, REQUEST, Peer, Timeout, build, data_of  # noqa: E402
from streamlib import Authority, StreamClient, connect, extension, s_client, tls_hello, trusting  # noqa: E402

OPTIONS = ("--allow-loopback-peers",)
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def certified(*pairs):
    options = []
    for certificate, key in pairs:
        options += ["--cert=" + certificate, "--pkey=" + key]
    return tuple(options)


def name_of(text):
    """The common name of the certificate that s_client was shown."""
    found = re.search(r"subject=.*CN ?= ?(\S+)", text)
    return found.group(1) if found else None


@case("TLS 1.2 and 1.3 carry an allocation, requests, channels and indications")
def versions():
    with Server(*OPTIONS) as server, Peer() as peer:
        for version in (TLS12, TLS13):
            with StreamClient(server.address, tls=trusting(lowest=version, highest=version)) as client:
                equal(client.socket.version(), "TLSv1.%d" % (2 if version == TLS12 else 3), "version")
                relay = client.relayed()
                equal(client.bind_channel(0x4001, *peer.address).code, 0, "ChannelBind")
                for size in (1, 2, 3, 4, 1000):
                    peer.send(b"x" * size, relay)
                    equal(data_of(client.take()), (0x4001, b"x" * size), "to the client")
                client.send_to(*peer.address, b"indication")
                equal(peer.take()[0], b"indication", "to the peer")
                equal(client.refresh(0).code, 0, "Refresh 0")


@case("the first bytes decide between TLS and TCP on every port")
def one_port():
    with Server(*OPTIONS) as server:
        tls_port = int(next(one for one in server.command if "tls-listening-port" in one).split("=")[1])
        for port in (server.port, tls_port):
            for tls in (None, trusting()):
                with StreamClient((server.host, port), tls=tls) as client:
                    equal(client.plain(BINDING).code, 0, "Binding on port %d" % port)


def alert_to(server, hello):
    """The alert that answers a hello, as (level, description); None when the connection ends without one."""
    with socket.create_connection(server.address, 10) as connection:
        connection.sendall(hello)
        connection.settimeout(10)
        data = b""
        while True:
            try:
                more = connection.recv(4096)
            except ConnectionResetError:
                more = b""
            if not more:
                break
            data += more
        if len(data) >= 7 and data[0] == 21:
            return data[5], data[6]
        return None if not data else ("no alert", data[:5].hex())


@case("versions below 1.2 are refused, and a downgrade is noticed")
def downgrade():
    handshake_failure, protocol_version, inappropriate_fallback = 40, 70, 86
    with Server(*OPTIONS) as server:
        for version in (0x0300, 0x0301, 0x0302):
            one_of(alert_to(server, tls_hello(version)), ((2, protocol_version), (2, handshake_failure)),
                   "answer to version %04x" % version)
        fallback = (0xC02F, 0xC02B, 0x5600)
        equal(alert_to(server, tls_hello(0x0303, suites=fallback)), (2, inappropriate_fallback), "answer to a fallback")
        equal(server.client().plain(BINDING).code, 0, "Binding afterwards")


@case("weak ciphers are not agreed on")
def weak_ciphers():
    with Server(*OPTIONS) as server:
        for suites in ((0x0005,), (0x000A,), (0x002F,), (0x003B,), (0xC012,), (0xC013,), (0x0034,), (0x00FF,)):
            alert = alert_to(server, tls_hello(0x0303, suites=suites))
            true(alert is not None and alert[0] == 2, "suites %s were answered with %s" % (suites, alert))


@case("SNI chooses among several certificates, and RSA and ECDSA stand side by side")
def several_certificates():
    with Authority() as ca:
        pairs = (ca.make("a.example", "rsa"), ca.make("a.example", "ecdsa"), ca.make("b.example", "ecdsa"))
        with Server(*OPTIONS, *certified(*pairs)) as server:
            for host, wanted in (("a.example", "a.example"), ("b.example", "b.example"), ("c.example", "a.example"),
                                 (None, "a.example")):
                options = ["-servername", host] if host else ["-noservername"]
                for version in ("-tls1_2", "-tls1_3"):
                    text, _ = s_client(server.address, version, *options)
                    equal(name_of(text), wanted, "certificate for %s with %s" % (host, version))
            for cipher, kind in (("ECDHE-RSA-AES128-GCM-SHA256", "rsaEncryption"),
                                 ("ECDHE-ECDSA-AES128-GCM-SHA256", "id-ecPublicKey")):
                text, _ = s_client(server.address, "-tls1_2", "-servername", "a.example", "-cipher", cipher)
                true("Cipher is " + cipher in text, "%s was not agreed on" % cipher)
                true(kind in text, "no certificate with %s" % kind)
            with StreamClient(server.address, tls=verifying(ca, "a.example"), host="a.example") as client:
                equal(client.allocate().code, 0, "Allocate under a verified certificate")


def verifying(ca, _host):
    context = trusting(ca=ca.certificate)
    context.check_hostname = True
    return context


@case("an exact name in a certificate comes before a wildcard that was listed first")
def exact_name():
    with Authority() as ca:
        pairs = ca.make("*.a.example", name="any"), ca.make("turn.a.example", name="one")
        with Server(*OPTIONS, *certified(*pairs)) as server:
            for version in ("-tls1_2", "-tls1_3", "-dtls1_2"):
                for host, wanted in (("turn.a.example", "turn.a.example"), ("other.a.example", "*.a.example")):
                    text, _ = s_client(server.address, version, "-servername", host)
                    equal(name_of(text), wanted, "certificate for %s with %s" % (host, version))


def agreed(server, version, *options):
    """Cipher and key exchange that s_client and the server agree on; the first is (NONE) without a handshake."""
    text, _ = s_client(server.address, version, *options)
    cipher, key = re.search(r"Cipher is (\S+)", text), re.search(r"Server Temp Key: (.*), \d+ bits", text)
    return cipher and cipher.group(1), key and key.group(1)


@case("cipher-list decides about ciphers of every version")
def cipher_list():
    with Server(*OPTIONS, "--cipher-list=ECDHE-ECDSA-AES256-GCM-SHA384:TLS_CHACHA20_POLY1305_SHA256") as server:
        for version in ("-tls1_2", "-dtls1_2"):
            equal(agreed(server, version)[0], "ECDHE-ECDSA-AES256-GCM-SHA384", version)
            equal(agreed(server, version, "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")[0], "(NONE)", "another, " + version)
        equal(agreed(server, "-tls1_3")[0], "TLS_CHACHA20_POLY1305_SHA256", "-tls1_3")
        equal(agreed(server, "-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256")[0], "(NONE)", "another, -tls1_3")


@case("ec-curve-name decides about the key exchange of every version")
def groups():
    with Server(*OPTIONS, "--ec-curve-name=P-384") as server:
        for version in ("-tls1_2", "-tls1_3", "-dtls1_2"):
            # The certificate that the server has made for itself is one of P-256, which TLS 1.2 clients have to name, too.
            offer = "X25519:P-256:P-384"
            cipher, key = agreed(server, version, "-groups", offer)
            true(cipher != "(NONE)" and key in ("ECDH, P-384", "ECDH, secp384r1"), "%s, %s with %s" % (cipher, key, version))
            equal(agreed(server, version, "-groups", "X25519:P-256")[0], "(NONE)", "another, " + version)


@case("ALPN agrees on stun.turn and stun.nat-discovery, and nothing else stops a client")
def alpn():
    with Server(*OPTIONS) as server:
        for offer, wanted in ((("stun.turn",), "stun.turn"), (("stun.nat-discovery",), "stun.nat-discovery"),
                              (("http/1.1", "stun.turn"), "stun.turn"), (("h2",), None), ((), None)):
            with StreamClient(server.address, tls=trusting(alpn=offer)) as client:
                equal(client.socket.selected_alpn_protocol(), wanted, "protocol for %s" % (offer,))
                equal(client.plain(BINDING).code, 0, "Binding")


def reused(server, context, session):
    """Whether a session is resumed, and the one to use next."""
    raw = socket.create_connection(server.address, 10)
    client = StreamClient.__new__(StreamClient)
    client.socket = context.wrap_socket(raw, session=session)
    client.unread, client.stream, client.ended = [], b"", False
    with client:
        equal(client.plain(BINDING).code, 0, "Binding")
        return client.socket.session_reused, client.socket.session


@case("sessions are resumed by tickets, also after certificates were read again")
def tickets():
    with Server(*OPTIONS) as server:
        for version in (TLS12, TLS13):
            context = trusting(lowest=version, highest=version)
            first, session = reused(server, context, None)
            equal(first, False, "first connection")
            again, session = reused(server, context, session)
            equal(again, True, "second connection")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("certificates_reloaded")
            equal(reused(server, context, session)[0], True, "connection after a reload")


@case("with CA-file a client must show a certificate of that authority")
def client_certificates():
    with Authority() as ca, Authority() as stranger:
        server_pair, good, bad = ca.make("s.example"), ca.make("client"), stranger.make("client")
        with Server(*OPTIONS, *certified(server_pair), "--CA-file=" + ca.certificate) as server:
            for version in (TLS12, TLS13):
                with StreamClient(server.address, tls=trusting(lowest=version, highest=version,
                                                               certificate=good)) as client:
                    equal(client.allocate().code, 0, "Allocate with the right certificate")
                for wrong in (None, bad):
                    try:
                        with StreamClient(server.address, tls=trusting(lowest=version, highest=version,
                                                                       certificate=wrong)) as client:
                            client.plain(BINDING)
                    except (ssl.SSLError, Timeout, OSError):
                        continue
                    raise AssertionError("%s was let in with %s" % (wrong, version))
            text, _ = s_client(server.address, "-dtls1_2", "-cert", good[0], "-key", good[1])
            true("Cipher is ECDHE" in text, "DTLS with the right certificate")
            equal(server.client().plain(BINDING).code, 0, "Binding over UDP needs no certificate")


@case("a renewed certificate is shown after SIGHUP and after a while by itself, and no session ends")
def renewed():
    with Authority() as ca:
        names = ("one.example", "two.example", "three.example")
        made = [ca.make(name) for name in names]
        certificate, key = ca.path("server.crt"), ca.path("server.key")

        def put(pair):
            for source, target in zip(pair, (certificate, key)):
                shutil.copy(source, target + ".new")
                os.rename(target + ".new", target)
        put(made[0])
        with Server(*OPTIONS, "--cert=" + certificate, "--pkey=" + key) as server, Peer() as peer:
            def shown(when, wanted):
                for version in ("-tls1_2", "-tls1_3", "-dtls1_2"):
                    equal(name_of(s_client(server.address, version)[0]), wanted, "%s, with %s" % (when, version))
            sessions = [connect(transport, server.address) for transport in ("tls", "tls", "dtls")]
            relays = [client.relayed() for client in sessions]
            for client in sessions:
                equal(client.permit(peer.address).code, 0, "CreatePermission")
            shown("at first", names[0])
            put(made[1])
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("certificates_reloaded")
            shown("after SIGHUP", names[1])
            put(made[2])
            server.wait_for_log("certificates_reloaded", count=2)
            shown("after a while", names[2])
            with open(certificate, "w", encoding="ascii") as broken:
                broken.write("no certificate\n")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_log("certificates_not_reloaded")
            true(certificate in server.log_text(), "the log does not name the file")
            shown("after a broken file", names[2])
            for client, relay in zip(sessions, relays):
                peer.send(b"still there", relay)
                equal(data_of(client.take())[1], b"still there", "to a session from before")
                equal(client.refresh(600).code, 0, "Refresh")
                client.close()


def start_error(*options, user=None):
    """What a server that cannot start says."""
    server = Server(*OPTIONS, *options)
    command = server.command
    if user:
        command = ["setpriv", "--reuid=" + user, "--clear-groups", for_others(command[0])] + command[1:]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30, cwd="/")
    text = (done.stdout + done.stderr).decode()
    print(done.returncode, text)
    equal(done.returncode, 1, "exit code")
    return text


@case("a certificate that cannot be used is an error at the start, with its path, the reason and the user")
def start_errors():
    with Authority() as ca:
        first, second = ca.make("a.example"), ca.make("b.example")
        me = subprocess.run(["id", "-un"], capture_output=True, check=True).stdout.decode().strip()
        missing = ca.path("missing.crt")
        text = start_error("--cert=" + missing, "--pkey=" + first[1])
        for wanted in (missing, "No such file", me):
            true(wanted in text, "the error does not say %r" % wanted)
        text = start_error("--cert=" + first[0], "--pkey=" + second[1])
        for wanted in (first[0], "key"):
            true(wanted in text, "the error does not say %r" % wanted)
        junk = ca.path("junk.pem")
        with open(junk, "w", encoding="ascii") as file:
            file.write("junk\n")
        true(junk in start_error("--cert=" + junk, "--pkey=" + first[1]), "the error does not name the file")
        if os.geteuid() == 0 and shutil.which("setpriv"):
            os.chmod(ca.directory.name, 0o755)
            text = start_error("--cert=" + first[0], "--pkey=" + first[1], user="nobody")
            for wanted in (first[1], "Permission denied", "nobody"):
                true(wanted in text, "the error does not say %r" % wanted)


@case("without a certificate one is made, and the log says so")
def self_signed():
    with Server(*OPTIONS) as server:
        true("self_signed_certificate" in server.log_text(), "the log is silent")
        true("CN" in (s_client(server.address)[0]), "no certificate")


@case("junk instead of a handshake, within one or after one ends that connection alone")
def junk():
    with Server(*OPTIONS) as server:
        with StreamClient(server.address, tls=trusting()) as bystander:
            equal(bystander.allocate().code, 0, "Allocate")
            hello = tls_hello()
            for data in (b"\x16\x03\x01\0\0", b"\x16\x03\x01\xff\xff" + bytes(100), b"\x16\x03\x01\x40\x01" + bytes(20000),
                         b"\x16" + os.urandom(500), hello[:60] + os.urandom(len(hello) - 60),
                         b"\x16\x03\x01\0\4\1\xff\xff\xff", hello + os.urandom(300), hello + hello,
                         hello + b"\x15\x03\x03\0\2\2\x28", hello + b"\x14\x03\x03\0\1\1" * 40):
                with StreamClient(server.address) as attacker:
                    attacker.socket.sendall(data)
                    try:
                        attacker.socket.settimeout(15)
                        while attacker.socket.recv(65536):
                            pass
                    except ConnectionResetError:
                        pass
                    except socket.timeout:
                        raise AssertionError("still open after %s" % data[:12].hex()) from None
            for data in (b"\x17\x03\x03\x48\x01" + bytes(18433), b"\x17\x03\x03\0\x20" + os.urandom(32), os.urandom(100),
                         b"\x15\x03\x03\0\2\1\0"):
                with StreamClient(server.address, tls=trusting()) as attacker:
                    equal(attacker.plain(BINDING).code, 0, "Binding")
                    raw = socket.socket(fileno=os.dup(attacker.socket.fileno()))
                    raw.settimeout(10)
                    raw.sendall(data)
                    try:
                        while raw.recv(65536):
                            pass
                    except ConnectionResetError:
                        pass
                    except socket.timeout:
                        raise AssertionError("still open after %s in a session" % data[:12].hex()) from None
                    raw.close()
            equal(bystander.refresh(600).code, 0, "the bystander's Refresh")


@case("what TLS carries is checked like what TCP carries")
def junk_inside():
    with Server(*OPTIONS) as server:
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 10, struct.pack("!HHI", 1, 0, 7) + bytes(12)):
            with StreamClient(server.address, tls=trusting()) as client:
                client.socket.sendall(data)
                true(client.is_closed_within(5), "still open after %r" % data)
                equal(client.unread, [], "answers")


@case("a request in many records, and many requests in one record, are answered")
def records():
    with Server(*OPTIONS) as server:
        for version in (TLS12, TLS13):
            with StreamClient(server.address, tls=trusting(lowest=version, highest=version)) as client:
                request = build(BINDING, REQUEST, [])
                for byte in request:
                    client.socket.sendall(bytes([byte]))
                true(client.answer_to(request[8:20], 5) is not None, "byte by byte")
                requests = [build(BINDING, REQUEST, []) for _ in range(200)]
                client.socket.sendall(b"".join(requests))
                for request in requests:
                    true(client.answer_to(request[8:20], 5) is not None, "many in one")


@case("renegotiation is refused")
def renegotiation():
    with Server(*OPTIONS) as server:
        process = subprocess.Popen(["openssl", "s_client", "-tls1_2", "-connect", "%s:%d" % server.address],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = b""
        try:
            for wanted in (b"Extended master secret", b"RENEGOTIATING", b"no renegotiation"):
                while wanted not in text:
                    ready = select.select([process.stdout], [], [], 10)[0]
                    more = os.read(process.stdout.fileno(), 65536) if ready else b""
                    true(more, "s_client does not say %r: %r" % (wanted, text[-500:]))
                    text += more
                if wanted == b"Extended master secret":  # The handshake is over.
                    process.stdin.write(b"R\n")
                    process.stdin.flush()
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait(10)
        equal(server.client().plain(BINDING).code, 0, "Binding afterwards")


@case("handshakes that stop cost a bounded amount and delay nobody")
def half_open():
    count = shortened("half-open TLS handshakes", 200, 1000)
    with Server(*OPTIONS, lean=True) as server:
        before, held = server.rss_kib(), []
        for _ in range(count):
            connection = socket.create_connection(server.address, 10)
            connection.sendall(tls_hello(extra=extension(43, b"\4\3\4\3\3") + extension(
                51, struct.pack("!HHH", 36, 0x1D, 32) + os.urandom(32)), suites=(0x1301, 0xC02F, 0xC02B)))
            held.append(connection)
        with StreamClient(server.address, tls=trusting()) as client:
            equal(client.allocate().code, 0, "another client's Allocate")
        each = (server.rss_kib() - before) / count
        print("%.1f KiB for each of %d" % (each, count))
        true(each < 80, "%.1f KiB for each" % each)
        deadline = time.monotonic() + 20
        for connection in held:
            connection.settimeout(max(deadline - time.monotonic(), 0.1))
            try:
                while connection.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            except socket.timeout:
                raise AssertionError("a handshake may take longer than it should") from None
            connection.close()


if __name__ == "__main__":
    main()
