"""TURN over TCP and TLS, and TCP relaying (RFC 6062), on top of stunlib."""

import os
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stunlib  # noqa: E402
from stunlib import Malformed, Timeout, peer  # noqa: E402

CONNECTION_ATTEMPT = 0x00C
CONNECTION_ID = 0x002A
TCP_TRANSPORT = struct.pack("!BBBB", 6, 0, 0, 0)


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class StreamClient(stunlib.Client):
    """One connection to the server: a control connection, or a data connection to be."""

    def __init__(self, server, user=b"user", password=b"password", tls=False, source=None):
        raw = socket.create_connection(server, timeout=20, source_address=(source, 0) if source else None)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = unverified().wrap_socket(raw) if tls else raw
        self.server, self.tls = server, tls
        self.user, self.password = user, password
        self.realm = self.nonce = self.key = None
        self.algorithms = None
        self.unread = []
        self.buffer = b""

    def send_raw(self, data):
        self.socket.sendall(data)

    def fill(self, timeout):
        """Reads what is there; False when nothing came in time. Raises EOFError at the end."""
        pending = self.tls and self.socket.pending()
        if not pending and not stunlib.readable(self.socket, timeout):
            return False
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("the server closed the connection")
        self.buffer += data
        return True

    def receive_raw(self, timeout):
        """One STUN message, or None."""
        deadline = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 20:
                size = 20 + struct.unpack("!H", self.buffer[2:4])[0]
                if len(self.buffer) >= size:
                    message, self.buffer = self.buffer[:size], self.buffer[size:]
                    return message
            left = deadline - time.monotonic()
            if left <= 0 or not self.fill(left):
                return None

    def ask(self, data, txid, tries=1, timeout=20.0):
        self.send_raw(data)
        answer = self.answer_to(txid, timeout)
        if not answer:
            raise Timeout("no answer")
        return answer

    def allocate_tcp(self, *attributes):
        return self.request(stunlib.ALLOCATE, [(stunlib.REQUESTED_TRANSPORT, TCP_TRANSPORT), *attributes])

    def relayed_tcp(self, *attributes):
        answer = self.allocate_tcp(*attributes)
        if answer.code:
            raise Malformed("Allocate failed with %d" % answer.code)
        return answer.address(stunlib.XOR_RELAYED_ADDRESS)

    def connect(self, host, port):
        return self.request(stunlib.CONNECT, [peer(host, port)])

    def connection_id(self, host, port):
        answer = self.connect(host, port)
        if answer.code:
            raise Malformed("Connect failed with %d" % answer.code)
        return answer.get(CONNECTION_ID)

    def attempt(self, timeout=10.0):
        """(CONNECTION-ID, peer) of the next ConnectionAttempt, or None."""
        data = self.take(timeout)
        if data is None:
            return None
        message = stunlib.Message(data)
        if (message.method, message.cls) != (CONNECTION_ATTEMPT, stunlib.INDICATION):
            raise Malformed("no ConnectionAttempt: method %d" % message.method)
        return message.get(CONNECTION_ID), message.address(stunlib.XOR_PEER_ADDRESS)

    def sibling(self, **options):
        """A new connection of the same user, which takes this one's nonce as clients do."""
        other = StreamClient(self.server, self.user, self.password, **dict({"tls": self.tls}, **options))
        other.realm, other.nonce, other.key, other.algorithms = self.realm, self.nonce, self.key, self.algorithms
        return other

    def bind(self, connection_id):
        return self.request(stunlib.CONNECTION_BIND, [(CONNECTION_ID, connection_id)])

    def bound(self, connection_id, **options):
        """A data connection for that id."""
        data = self.sibling(**options)
        answer = data.bind(connection_id)
        if answer.code:
            raise Malformed("ConnectionBind failed with %d" % answer.code)
        return data

    # What follows is for data connections.

    def read_exactly(self, size, timeout=30.0):
        deadline = time.monotonic() + timeout
        while len(self.buffer) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not self.fill(left):
                raise Timeout("%d of %d bytes" % (len(self.buffer), size))
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def read_to_end(self, timeout=30.0):
        deadline = time.monotonic() + timeout
        while True:
            try:
                if not self.fill(deadline - time.monotonic()):
                    raise Timeout("no end after %d bytes" % len(self.buffer))
            except (EOFError, ConnectionResetError):
                return self.buffer


class Listener:
    """A TCP service on the far side of a relay."""

    def __init__(self, host="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.bind((host, 0))
        self.socket.listen(64)
        self.address = self.socket.getsockname()[:2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def accept(self, timeout=10.0):
        self.socket.settimeout(timeout)
        connection, _ = self.socket.accept()
        connection.settimeout(30)
        return connection


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError("%d of %d bytes" % (len(data), size))
        data += piece
    return data


def is_closed(connection, timeout=10.0):
    """The other side ends the connection, in whatever way, without a byte."""
    connection.settimeout(timeout)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except socket.timeout:
        return False


def knock(address):
    """A connection to a relayed address, or None when it is turned away before it is seen."""
    try:
        return socket.create_connection(address, timeout=10)
    except ConnectionResetError:
        return None


def is_turned_away(address):
    connection = knock(address)
    if connection is None:
        return True
    with connection:
        return is_closed(connection)
