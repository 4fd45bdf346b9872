"""A server on two addresses and two ports (RFC 5780), and a client that hears answers from anywhere."""

import os
import socket
import struct
import subprocess

from harness import Server, Skip, free_port
import stunlib
from stunlib import BINDING, CHANGE_REQUEST, REQUEST, build

RESPONSE_ORIGIN, OTHER_ADDRESS = 0x802B, 0x802C
OTHER_IP, OTHER_PORT = 4, 2
V4, V6 = ("127.0.0.1", "127.0.0.2"), ("2001:db8:1::1", "2001:db8:1::2")


class Square:
    """A server on two addresses and two ports."""

    def __init__(self, *options, hosts=V4, **more):
        if ":" in hosts[0]:
            # The script has asked for one (harness.in_network_namespace).
            if os.environ.get("TEST_NETNS") != "1":
                raise Skip("network namespaces are not allowed here")
            for host in hosts:
                subprocess.run(["ip", "address", "replace", host + "/128", "dev", "lo", "nodad"], check=True)
        self.hosts, self.other_port = hosts, free_port(hosts[0])
        self.server = Server("--alt-listening-port=%d" % self.other_port, *options, hosts=hosts, **more)

    def __enter__(self):
        self.server.__enter__()
        self.ports = (self.server.port, self.other_port)
        return self

    def __exit__(self, *what):
        self.server.__exit__(*what)

    def corner(self, index):
        return self.hosts[index >> 1], self.ports[index & 1]


class Asker:
    """An unconnected socket, which hears answers from anywhere."""

    def __init__(self, host):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.address = self.socket.getsockname()[:2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def receive(self, timeout):
        self.socket.settimeout(timeout)
        try:
            data, source = self.socket.recvfrom(1 << 16)
            return data, source[:2]
        except socket.timeout:
            return None, None

    def ask(self, to, attributes=(), data=None, **options):
        """(answer, where it came from); asks again, since UDP may lose."""
        data = data or build(BINDING, REQUEST, list(attributes), **options)
        for _ in range(4):
            self.socket.sendto(data, to)
            got, source = self.receive(2.0)
            if got and got[4:20] == data[4:20]:
                return got, source
        raise stunlib.Timeout("no answer from %s" % (to,))


def address_of(message, kind):
    value = message.get(kind)
    if value is None:
        return None
    family = socket.AF_INET if value[1] == stunlib.IPV4 else socket.AF_INET6
    return socket.inet_ntop(family, value[4:]), int.from_bytes(value[2:4], "big")


def change(flags):
    return CHANGE_REQUEST, struct.pack("!I", flags)
