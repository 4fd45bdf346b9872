"""A second implementation of STUN and TURN over UDP, written for the tests with the standard library alone.

It shares no code with the server on purpose: a misreading of an RFC in one of the two shows as a failing test.
It also builds what no honest client builds (attributes after the integrity, wrong lengths, foreign nonces).
"""

import base64
import hashlib
import hmac
import ipaddress
import math
import os
import select
import socket
import struct
import time
import zlib

MAGIC = 0x2112A442

BINDING, ALLOCATE, REFRESH, SEND, DATA = 0x001, 0x003, 0x004, 0x006, 0x007
CREATE_PERMISSION, CHANNEL_BIND, CONNECT, CONNECTION_BIND = 0x008, 0x009, 0x00A, 0x00B
REQUEST, INDICATION, SUCCESS, ERROR = 0, 1, 2, 3

MAPPED_ADDRESS, CHANGE_REQUEST, SOURCE_ADDRESS, CHANGED_ADDRESS = 0x0001, 0x0003, 0x0004, 0x0005
USERNAME, MESSAGE_INTEGRITY = 0x0006, 0x0008
ERROR_CODE, UNKNOWN_ATTRIBUTES = 0x0009, 0x000A
CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS, DATA_ATTRIBUTE = 0x000C, 0x000D, 0x0012, 0x0013
REALM, NONCE, XOR_RELAYED_ADDRESS, REQUESTED_ADDRESS_FAMILY = 0x0014, 0x0015, 0x0016, 0x0017
EVEN_PORT, REQUESTED_TRANSPORT, DONT_FRAGMENT = 0x0018, 0x0019, 0x001A
MESSAGE_INTEGRITY_SHA256, PASSWORD_ALGORITHM, USERHASH = 0x001C, 0x001D, 0x001E
XOR_MAPPED_ADDRESS, RESERVATION_TOKEN, PADDING, RESPONSE_PORT = 0x0020, 0x0022, 0x0026, 0x0027
ADDITIONAL_ADDRESS_FAMILY, ADDRESS_ERROR_CODE, PASSWORD_ALGORITHMS = 0x8000, 0x8001, 0x8002
ICMP, SOFTWARE, FINGERPRINT, MOBILITY_TICKET = 0x8004, 0x8022, 0x8028, 0x8030

IPV4, IPV6 = 1, 2
MD5, SHA256 = 1, 2
NONCE_COOKIE = b"obMatJos2"

UDP_TRANSPORT = struct.pack("!BBBB", 17, 0, 0, 0)


def pad4(size):
    return (4 - size % 4) % 4


def attribute(kind, value, fill=b"\0"):
    return struct.pack("!HH", kind, len(value)) + value + fill * pad4(len(value))


def type_field(method, cls):
    return ((method & 0xF80) << 2) | ((method & 0x70) << 1) | (method & 0xF) | ((cls & 2) << 7) | ((cls & 1) << 4)


def header(method, cls, length, txid):
    return struct.pack("!HHI", type_field(method, cls), length, MAGIC) + txid


def fingerprint_of(data):
    return (zlib.crc32(data) & 0xFFFFFFFF) ^ 0x5354554E


def build(method, cls, attributes, txid=None, key=None, digest="sha1", mac_size=None, fingerprint=False, after=(),
          fill=b"\0"):
    """One message. `after` are attributes that follow the integrity attribute, which no receiver may obey."""
    txid = txid or os.urandom(12)
    body = b"".join(attribute(kind, value, fill) for kind, value in attributes)
    for one in ([digest] if isinstance(digest, str) else digest) if key is not None else []:
        kind, function = ((MESSAGE_INTEGRITY, hashlib.sha1) if one == "sha1"
                          else (MESSAGE_INTEGRITY_SHA256, hashlib.sha256))
        size = function().digest_size if mac_size is None else mac_size
        covered = header(method, cls, len(body) + 4 + size, txid) + body
        secret = key[one] if isinstance(key, dict) else key
        body += struct.pack("!HH", kind, size) + hmac.new(secret, covered, function).digest()[:size]
    body += b"".join(attribute(kind, value) for kind, value in after)
    if fingerprint:
        covered = header(method, cls, len(body) + 8, txid) + body
        body += attribute(FINGERPRINT, struct.pack("!I", fingerprint_of(covered)))
    return header(method, cls, len(body), txid) + body


def readable(source, timeout):
    """Whether there is something to read within so many seconds. select() would end at descriptor 1023."""
    poll = select.poll()
    poll.register(source, select.POLLIN)
    return bool(poll.poll(math.ceil(max(timeout, 0) * 1000)))


class Malformed(Exception):
    """Bytes from the server that are no STUN message."""


class Message:
    def __init__(self, raw):
        self.raw = raw
        if len(raw) < 20 or raw[0] & 0xC0:
            raise Malformed("no STUN header: %s" % raw[:20].hex())
        kind, length, magic = struct.unpack("!HHI", raw[:8])
        if magic != MAGIC or length % 4 or length + 20 != len(raw):
            raise Malformed("bad header: %s" % raw[:20].hex())
        self.cls = ((kind >> 7) & 2) | ((kind >> 4) & 1)
        self.method = ((kind >> 2) & 0xF80) | ((kind >> 1) & 0x70) | (kind & 0xF)
        self.txid = raw[8:20]
        self.attributes = []
        self.offsets = []
        at = 20
        while at < len(raw):
            kind, size = struct.unpack("!HH", raw[at:at + 4])
            end = at + 4 + size
            if end + pad4(size) > len(raw):
                raise Malformed("attribute 0x%04x ends outside the message" % kind)
            if raw[end:end + pad4(size)].strip(b"\0"):
                raise Malformed("padding of attribute 0x%04x is not zero" % kind)
            self.attributes.append((kind, raw[at + 4:end]))
            self.offsets.append(at)
            at = end + pad4(size)

    def get(self, kind):
        return next((value for k, value in self.attributes if k == kind), None)

    def all(self, kind):
        return [value for k, value in self.attributes if k == kind]

    def kinds(self):
        return [k for k, _ in self.attributes]

    @property
    def code(self):
        """0 for a success, the error code for an error."""
        if self.cls == SUCCESS:
            return 0
        value = self.get(ERROR_CODE)
        return (value[2] & 7) * 100 + value[3] if value and len(value) >= 4 else -1

    @property
    def reason(self):
        value = self.get(ERROR_CODE)
        return value[4:] if value else b""

    def address(self, kind):
        value = self.get(kind)
        return unxor_address(value, self.txid) if value else None

    def addresses(self, kind):
        return [unxor_address(value, self.txid) for value in self.all(kind)]

    def number(self, kind):
        value = self.get(kind)
        return int.from_bytes(value, "big") if value is not None else None

    def signed_with(self, key, digest="sha1"):
        kind, function = ((MESSAGE_INTEGRITY, hashlib.sha1) if digest == "sha1"
                          else (MESSAGE_INTEGRITY_SHA256, hashlib.sha256))
        for (k, value), at in zip(self.attributes, self.offsets):
            if k == kind:
                covered = self.raw[:2] + struct.pack("!H", at + 4 + len(value) - 20) + self.raw[4:at]
                return hmac.compare_digest(hmac.new(key, covered, function).digest()[:len(value)], value)
        return False

    def fingerprint_is_right(self):
        if not self.attributes or self.attributes[-1][0] != FINGERPRINT:
            return False
        return int.from_bytes(self.attributes[-1][1], "big") == fingerprint_of(self.raw[:self.offsets[-1]])


def xor_address(host, port, txid):
    ip = ipaddress.ip_address(host)
    mask = struct.pack("!I", MAGIC) + txid
    return (struct.pack("!BBH", 0, IPV4 if ip.version == 4 else IPV6, port ^ (MAGIC >> 16))
            + bytes(a ^ b for a, b in zip(ip.packed, mask)))


def unxor_address(value, txid):
    _, family, port = struct.unpack("!BBH", value[:4])
    if (family, len(value)) not in ((IPV4, 8), (IPV6, 20)):
        raise Malformed("address attribute of %d bytes and family %d" % (len(value), family))
    mask = struct.pack("!I", MAGIC) + txid
    return str(ipaddress.ip_address(bytes(a ^ b for a, b in zip(value[4:], mask)))), port ^ (MAGIC >> 16)


def peer(host, port=0):
    """An XOR-PEER-ADDRESS that is encoded when the transaction id is known."""
    return XOR_PEER_ADDRESS, (host, port)


def resolved(attributes, txid):
    return [(kind, xor_address(value[0], value[1], txid) if isinstance(value, tuple) else value)
            for kind, value in attributes]


def md5_key(user, realm, password):
    return hashlib.md5(b":".join((user, realm, password))).digest()


def sha256_key(user, realm, password):
    return hashlib.sha256(b":".join((user, realm, password))).digest()


def userhash(user, realm):
    return hashlib.sha256(user + b":" + realm).digest()


def time_limited(secret, name, expiry):
    user = b"%d:%s" % (expiry, name)
    return user, base64.b64encode(hmac.new(secret, user, hashlib.sha1).digest())


def nonce_features(nonce):
    """The 24 security feature bits of a nonce, or None when it carries no cookie."""
    if not nonce.startswith(NONCE_COOKIE):
        return None
    return int.from_bytes(base64.b64decode(nonce[len(NONCE_COOKIE):len(NONCE_COOKIE) + 4]), "big")


def channel_data(number, payload, padded=False):
    return struct.pack("!HH", number, len(payload)) + payload + (b"\0" * pad4(len(payload)) if padded else b"")


class Timeout(Exception):
    """The server did not answer a request."""


_seen_tuples = set()


def connected_socket(server, source=None, source_port=0):
    """A UDP socket to the server. A port that the kernel hands out a second time is passed over: on the server it may
    still be the five-tuple of an earlier client's allocation."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    passed_over = []
    while True:
        one = socket.socket(family, socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if source or source_port:
            one.bind((source or ("::" if family == socket.AF_INET6 else "0.0.0.0"), source_port))
        one.connect(server)
        pair = tuple(server[:2]), one.getsockname()[:2]
        if source_port or pair not in _seen_tuples:
            break
        passed_over.append(one)
    _seen_tuples.add(pair)
    for other in passed_over:
        other.close()
    return one


class Client:
    """One five-tuple. Requests are repeated until they are answered; everything else that arrives is kept."""

    ended = False  # Where there is a connection that can end.

    def __init__(self, server, user=b"user", password=b"password", source=None, source_port=0):
        self.socket = connected_socket(server, source, source_port)
        self.user, self.password = user, password
        self.realm = self.nonce = self.key = None
        self.algorithms = None
        self.unread = []

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def local(self):
        return self.socket.getsockname()[:2]

    def send_raw(self, data):
        self.socket.send(data)

    def receive_raw(self, timeout):
        if not readable(self.socket, timeout):
            return None
        try:
            return self.socket.recv(1 << 17)
        except ConnectionRefusedError:
            return None

    def answer_to(self, txid, timeout):
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            data = self.receive_raw(left)
            if data is None:
                if left <= 0 or self.ended:
                    return None
                continue
            if len(data) >= 20 and data[8:20] == txid and data[0] & 0xC0 == 0:
                return Message(data)
            self.unread.append(data)

    def ask(self, data, txid, tries=4, timeout=1.0):
        for _ in range(tries):
            self.send_raw(data)
            answer = self.answer_to(txid, timeout)
            if answer:
                return answer
        raise Timeout("no answer after %d tries" % tries)

    def plain(self, method, attributes=(), **options):
        """A request without credentials."""
        txid = options.pop("txid", None) or os.urandom(12)
        return self.ask(build(method, REQUEST, resolved(attributes, txid), txid, **options), txid)

    def learn(self, challenge):
        self.realm, self.nonce = challenge.get(REALM), challenge.get(NONCE)
        self.algorithms = challenge.get(PASSWORD_ALGORITHMS)
        self.key = md5_key(self.user, self.realm, self.password)

    def login(self):
        """Takes the challenge, so that the next request is the first one with credentials."""
        answer = self.plain(ALLOCATE, [(REQUESTED_TRANSPORT, UDP_TRANSPORT)])
        if answer.code != 401:
            raise Malformed("expected a challenge, got %d" % answer.code)
        self.learn(answer)
        return answer

    def credentials(self):
        return [(USERNAME, self.user), (REALM, self.realm), (NONCE, self.nonce)]

    def signed(self, method, attributes=(), txid=None, **options):
        """The bytes of a request with this client's credentials."""
        if self.key is None:
            self.login()
        txid = txid or os.urandom(12)
        names = options.pop("names", None) or self.credentials()
        return build(method, REQUEST, resolved(attributes, txid) + names, txid, key=options.pop("key", self.key),
                     **options)

    def request(self, method, attributes=(), **options):
        data = self.signed(method, attributes, **options)
        answer = self.ask(data, data[8:20])
        if answer.code == 438 and not options:
            self.learn(answer)
            data = self.signed(method, attributes)
            answer = self.ask(data, data[8:20])
        return answer

    def allocate(self, *attributes, **options):
        return self.request(ALLOCATE, [(REQUESTED_TRANSPORT, UDP_TRANSPORT), *attributes], **options)

    def relayed(self, *attributes):
        """Allocates and returns the relayed address; anything but success is an error here."""
        answer = self.allocate(*attributes)
        if answer.code:
            raise Malformed("Allocate failed with %d" % answer.code)
        return answer.address(XOR_RELAYED_ADDRESS)

    def refresh(self, lifetime, *attributes):
        return self.request(REFRESH, [(LIFETIME, struct.pack("!I", lifetime)), *attributes])

    def permit(self, *peers):
        return self.request(CREATE_PERMISSION, [peer(*one) for one in peers])

    def bind_channel(self, number, host, port):
        return self.request(CHANNEL_BIND, [(CHANNEL_NUMBER, struct.pack("!HH", number, 0)), peer(host, port)])

    def send_to(self, host, port, payload, *attributes):
        txid = os.urandom(12)
        self.send_raw(build(SEND, INDICATION, resolved([peer(host, port), *attributes, (DATA_ATTRIBUTE, payload)],
                                                       txid), txid))

    def take(self, timeout=2.0):
        """The next datagram that is no answer, or None."""
        if self.unread:
            return self.unread.pop(0)
        return self.receive_raw(timeout)

    def drain(self):
        """What the server has sent so far. A Binding answer comes after everything that was caused before it."""
        self.plain(BINDING)
        everything, self.unread = self.unread, []
        return everything


def data_of(datagram):
    """(peer, payload) of a Data indication, (number, payload) of ChannelData."""
    if datagram[0] & 0xC0 == 0x40:
        number, length = struct.unpack("!HH", datagram[:4])
        if 4 + length != len(datagram):
            raise Malformed("ChannelData over UDP with %d bytes after a length of %d" % (len(datagram) - 4, length))
        return number, datagram[4:]
    message = Message(datagram)
    if (message.method, message.cls) != (DATA, INDICATION):
        raise Malformed("no Data indication: method %d" % message.method)
    return message.address(XOR_PEER_ADDRESS), message.get(DATA_ATTRIBUTE)


class Peer:
    """A UDP socket on the far side of a relay."""

    def __init__(self, host="127.0.0.1", port=0):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.address = self.socket.getsockname()[:2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, payload, to):
        self.socket.sendto(payload, to)

    def take(self, timeout=2.0):
        ready = readable(self.socket, timeout)
        return self.socket.recvfrom(1 << 17) if ready else (None, None)
