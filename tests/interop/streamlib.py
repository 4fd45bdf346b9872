"""TURN clients over TCP, TLS and DTLS for the tests, on the message code of stunlib.py.

TLS is Python's own; DTLS, which Python does not have, is OpenSSL's library called directly.
"""

import contextlib
import ctypes
import ctypes.util
import os
import socket
import ssl
import struct
import subprocess
import tempfile
import time

import stunlib

PARTIAL_HEADER = 4


def frame_size(data):
    """How many bytes of a stream the frame at its front takes, padding included; None when that is not known yet."""
    if len(data) < PARTIAL_HEADER:
        return None
    kind, length = struct.unpack("!HH", data[:4])
    if kind & 0xC000 == 0x4000:
        return 4 + length + stunlib.pad4(length)
    return 20 + length


class StreamClient(stunlib.Client):
    """A client over TCP, or over TLS when `tls` is an ssl.SSLContext; `connection` is one that exists already."""

    def __init__(self, server=None, user=b"user", password=b"password", connection=None, **options):
        self.socket = connection or self.connected(server, **options)
        self.user, self.password = user, password
        self.realm = self.nonce = self.key = self.algorithms = None
        self.unread = []
        self.stream = b""

    @staticmethod
    def connected(server, source=None, source_port=0, tls=None, host=None, receive_buffer=None):
        connection = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source or source_port:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.bind((source or "", source_port))
        connection.settimeout(10)
        connection.connect(server)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection if tls is None else tls.wrap_socket(connection, server_hostname=host)

    def send_raw(self, data):
        kind, length = struct.unpack("!HH", data[:4]) if len(data) >= 4 else (0, 0)
        if kind & 0xC000 == 0x4000:
            data += b"\0" * stunlib.pad4(length)
        self.socket.settimeout(10)
        self.socket.sendall(data)

    def frame(self):
        size = frame_size(self.stream)
        if size is None or len(self.stream) < size:
            return None
        frame, self.stream = self.stream[:size], self.stream[size:]
        kind, length = struct.unpack("!HH", frame[:4])
        if kind & 0xC000 == 0x4000:
            if frame[4 + length:].strip(b"\0"):
                raise stunlib.Malformed("padding that is not zero: %s" % frame[4 + length:].hex())
            frame = frame[:4 + length]
        return frame

    def receive_raw(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            frame = self.frame()
            if frame is not None or self.ended:
                return frame
            left = max(deadline - time.monotonic(), 0)
            if not (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()):
                if not stunlib.readable(self.socket, left):
                    return None
            self.socket.settimeout(max(left, 0.01))
            try:
                data = self.socket.recv(1 << 16)
            except (socket.timeout, ssl.SSLWantReadError):
                continue
            except (ConnectionResetError, ssl.SSLError, BrokenPipeError):
                data = b""
            if not data:
                self.ended = True
                return None
            self.stream += data

    def answer_to(self, txid, timeout):
        answer = None if self.ended else super().answer_to(txid, timeout)
        if answer is None and self.ended:
            raise stunlib.Timeout("the connection has ended")
        return answer

    def is_closed_within(self, seconds):
        """Whether the server ends the connection; how long it took is in `lasted`."""
        began = time.monotonic()
        while not self.ended and time.monotonic() - began < seconds:
            frame = self.receive_raw(began + seconds - time.monotonic())
            if frame is not None:
                self.unread.append(frame)
        self.lasted = time.monotonic() - began
        return self.ended


def trusting(*, alpn=(), lowest=None, highest=None, ca=None, certificate=None):
    """A client's TLS settings that take any certificate, unless `ca` names who must have signed it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ca:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if lowest:
        context.minimum_version = lowest
    if highest:
        context.maximum_version = highest
    if certificate:
        context.load_cert_chain(*certificate)
    return context


# ---- DTLS ----------------------------------------------------------------------------------------------------------

SSL_ERROR_SSL, SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN = 1, 2, 6
SSL_FILETYPE_PEM = 1
BIO_CTRL_DGRAM_SET_CONNECTED = 32
DTLS_CTRL_HANDLE_TIMEOUT = 74
SSL_CTRL_SET_TLSEXT_HOSTNAME = 55


class OpenSsl:
    """The few functions of libssl that a DTLS client needs; loaded when first used."""
    library = None

    @classmethod
    def get(cls):
        if cls.library is None:
            name = ctypes.util.find_library("ssl") or "libssl.so.3"
            lib = ctypes.CDLL(name)
            crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
            pointer, size = ctypes.c_void_p, ctypes.c_long
            for function, result, arguments in (
                    ("DTLS_client_method", pointer, []), ("SSL_CTX_new", pointer, [pointer]),
                    ("SSL_CTX_free", None, [pointer]), ("SSL_new", pointer, [pointer]), ("SSL_free", None, [pointer]),
                    ("SSL_set_bio", None, [pointer, pointer, pointer]), ("SSL_set_connect_state", None, [pointer]),
                    ("SSL_do_handshake", ctypes.c_int, [pointer]),
                    ("SSL_read", ctypes.c_int, [pointer, pointer, ctypes.c_int]),
                    ("SSL_write", ctypes.c_int, [pointer, ctypes.c_char_p, ctypes.c_int]),
                    ("SSL_get_error", ctypes.c_int, [pointer, ctypes.c_int]),
                    ("SSL_shutdown", ctypes.c_int, [pointer]), ("SSL_ctrl", size, [pointer, ctypes.c_int, size, pointer]),
                    ("SSL_get_version", ctypes.c_char_p, [pointer])):
                getattr(lib, function).restype, getattr(lib, function).argtypes = result, arguments
            for function, result, arguments in (
                    ("BIO_new_dgram", pointer, [ctypes.c_int, ctypes.c_int]),
                    ("BIO_ctrl", size, [pointer, ctypes.c_int, size, pointer]), ("ERR_clear_error", None, [])):
                getattr(crypto, function).restype, getattr(crypto, function).argtypes = result, arguments
            cls.library, cls.crypto = lib, crypto
            cls.context = lib.SSL_CTX_new(lib.DTLS_client_method())
        return cls.library


class DtlsFailed(Exception):
    """The handshake or the connection ended."""


def sockaddr(address):
    host, port = address
    if ":" in host:
        return struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0) + socket.inet_pton(
            socket.AF_INET6, host) + struct.pack("=I", 0)
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


class DtlsClient(stunlib.Client):
    """A client over DTLS 1.2. `shake_hands` False leaves the handshake to the caller."""

    def __init__(self, server, user=b"user", password=b"password", source=None, source_port=0, shake_hands=True):
        super().__init__(server, user, password, source, source_port)
        lib = OpenSsl.get()
        self.socket.setblocking(False)
        self.ssl = lib.SSL_new(OpenSsl.context)
        bio = OpenSsl.crypto.BIO_new_dgram(self.socket.fileno(), 0)
        OpenSsl.crypto.BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0,
                                ctypes.create_string_buffer(sockaddr(self.socket.getpeername()[:2]), 128))
        lib.SSL_set_bio(self.ssl, bio, bio)
        lib.SSL_set_connect_state(self.ssl)
        self.room = ctypes.create_string_buffer(1 << 16)
        self.ended = False
        if shake_hands:
            self.handshake(10)

    def close(self):
        if self.ssl:
            OpenSsl.get().SSL_free(self.ssl)
            self.ssl = None
        super().close()

    def good_bye(self):
        OpenSsl.get().SSL_shutdown(self.ssl)

    def step(self):
        """One step of the handshake: True when it is done."""
        lib = OpenSsl.get()
        OpenSsl.crypto.ERR_clear_error()
        result = lib.SSL_do_handshake(self.ssl)
        if result == 1:
            return True
        if lib.SSL_get_error(self.ssl, result) != SSL_ERROR_WANT_READ:
            raise DtlsFailed("the handshake failed")
        return False

    def handshake(self, seconds):
        deadline = time.monotonic() + seconds
        while not self.step():
            left = deadline - time.monotonic()
            if left <= 0:
                raise DtlsFailed("no end of the handshake in time")
            if not stunlib.readable(self.socket, min(left, 0.3)):
                OpenSsl.get().SSL_ctrl(self.ssl, DTLS_CTRL_HANDLE_TIMEOUT, 0, None)

    def send_raw(self, data):
        if OpenSsl.get().SSL_write(self.ssl, data, len(data)) != len(data):
            raise DtlsFailed("cannot send")

    def receive_raw(self, timeout):
        lib, deadline = OpenSsl.get(), time.monotonic() + timeout
        while not self.ended:
            OpenSsl.crypto.ERR_clear_error()
            size = lib.SSL_read(self.ssl, self.room, len(self.room))
            if size > 0:
                return self.room.raw[:size]
            if lib.SSL_get_error(self.ssl, size) != SSL_ERROR_WANT_READ:
                self.ended = True
                return None
            left = deadline - time.monotonic()
            if left <= 0 or not stunlib.readable(self.socket, left):
                return None
        return None


def connect(transport, server, **options):
    """A client over "udp", "tcp", "tls" or "dtls"."""
    if transport == "udp":
        return stunlib.Client(server, **options)
    if transport == "dtls":
        return DtlsClient(server, **options)
    return StreamClient(server, tls=trusting() if transport == "tls" else None, **options)


# ---- what a handshake is made of ---------------------------------------------------------------------------------------

def extension(kind, body):
    return struct.pack("!HH", kind, len(body)) + body


def hello_body(version, random, cookie=None, suites=(0xC02F, 0xC02B, 0xC030, 0xC02C), extra=b""):
    """A ClientHello of TLS 1.2, or of DTLS 1.2 when it has a cookie (which may be empty)."""
    extensions = (extension(10, b"\0\4\0\x1d\0\x17") + extension(11, b"\1\0")
                  + extension(13, b"\0\x08\4\3\4\1\x08\4\5\1") + extra)
    return (struct.pack("!H", version) + random + b"\0"
            + (b"" if cookie is None else struct.pack("!B", len(cookie)) + cookie)
            + struct.pack("!H", 2 * len(suites)) + b"".join(struct.pack("!H", one) for one in suites) + b"\1\0"
            + struct.pack("!H", len(extensions)) + extensions)


def tls_hello(version=0x0303, record_version=0x0301, **options):
    body = hello_body(version, os.urandom(32), **options)
    return struct.pack("!BHH", 22, record_version, len(body) + 4) + b"\1" + struct.pack("!I", len(body))[1:] + body


def dtls_hello(random=None, cookie=b"", sequence=0):
    body = hello_body(0xFEFD, random or os.urandom(32), cookie)
    length = struct.pack("!I", len(body))[1:]
    message = b"\1" + length + struct.pack("!H", sequence) + bytes(3) + length + body
    return b"\x16\xfe\xff\0\0" + struct.pack("!Q", sequence)[2:] + struct.pack("!H", len(message)) + message


def dtls_cookie(datagram):
    """The cookie of a HelloVerifyRequest, or None when the datagram is none."""
    if len(datagram) < 28 or datagram[0] != 22 or datagram[13] != 3:
        return None
    size = datagram[27]
    return datagram[28:28 + size]


# ---- certificates ------------------------------------------------------------------------------------------------------

class Authority:
    """Makes certificates in a directory of its own, by the openssl command."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="turnpike-ca-")
        self.certificate, self.key = self.make("authority", signed=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.directory.cleanup()

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def make(self, host, kind="ecdsa", name=None, signed=True):
        """(certificate, key), as paths."""
        name = name or "%s-%s" % (host, kind)
        certificate, key = self.path(name + ".crt"), self.path(name + ".key")
        new_key = ["-newkey", "rsa:2048"] if kind == "rsa" else ["-newkey", "ec", "-pkeyopt",
                                                                 "ec_paramgen_curve:prime256v1"]
        command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=" + host, "-keyout", key,
                   "-out", certificate] + new_key
        if signed:
            command += ["-CA", self.certificate, "-CAkey", self.key, "-addext", "subjectAltName=DNS:" + host]
            command += ["-addext", "basicConstraints=critical,CA:FALSE"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            # Before OpenSSL 3 `req` could not sign for others.
            raise RuntimeError(done.stderr.decode())
        return certificate, key


def s_client(server, *options, lines=b"", seconds=20):
    """What `openssl s_client` says when its input is `lines`, and whether it ended well."""
    host, port = server
    command = ["openssl", "s_client", "-connect", "%s:%d" % (host if ":" not in host else "[%s]" % host, port), *options]
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(command, input=lines, capture_output=True, check=False, timeout=seconds)
        return done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace"), done.returncode == 0
    return "s_client did not end", False
