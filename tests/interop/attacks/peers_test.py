#!/usr/bin/python3
"""Peers that must not be reached through the relay, in every spelling."""

import ipaddress
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, case, equal, main, one_of, true  # noqa: E402
from stunlib import IPV6, REQUESTED_ADDRESS_FAMILY, Peer  # noqa: E402

V6 = (REQUESTED_ADDRESS_FAMILY, bytes([IPV6, 0, 0, 0]))

# The IPv4 addresses that each IPv6 spelling below hides as well.
HIDDEN = ["0.0.0.0", "127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "224.0.0.1"]

V4 = {
    "unspecified": ["0.0.0.0", "0.1.2.3"],
    "loopback": ["127.0.0.1", "127.0.0.2", "127.255.255.254"],
    "link-local and metadata": ["169.254.169.254", "169.254.0.1", "169.254.255.254"],
    "multicast": ["224.0.0.1", "239.255.255.255"],
    "broadcast and reserved": ["255.255.255.255", "240.0.0.1"],
    "RFC 1918": ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.254"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1"],
}
V6_RANGES = {
    "unspecified and loopback": ["::", "::1"],
    "link-local and site-local": ["fe80::1", "febf:ffff::1", "fec0::1"],
    "unique local": ["fc00::1", "fd00::1", "fd00:ec2::254", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    "multicast": ["ff02::1", "ff0e::1"],
    "documentation": ["2001:db8::1"],
}


def embed(prefix, v4, shift=0):
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(ipaddress.IPv4Address(v4)) << shift))


def local_nat64(v4):
    """RFC 6052 section 2.2 for a /48: the address is split around the octet of zeros."""
    high, low = divmod(int(ipaddress.IPv4Address(v4)), 1 << 16)
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b:1::")) | high << 64 | low << 40))


SPELLINGS = {
    "v4-mapped": lambda v4: embed("::ffff:0:0", v4),
    "v4-compatible": lambda v4: embed("::", v4),
    "translated (RFC 2765)": lambda v4: embed("::ffff:0:0:0", v4),
    "6to4": lambda v4: embed("2002::", v4, 80),
    "NAT64, well-known prefix": lambda v4: embed("64:ff9b::", v4),
    "NAT64, local prefix with the address last": lambda v4: embed("64:ff9b:1::", v4),
    "NAT64, local prefix as a /48": local_nat64,
    "Teredo client": lambda v4: embed("2001:0:5:6::", str(ipaddress.IPv4Address(
        int(ipaddress.IPv4Address(v4)) ^ 0xFFFFFFFF))),
}


def refused(client, host, channel):
    """Both ways to a permission are refused. Of another family than the allocation is as good as forbidden."""
    one_of(client.permit((host, 9)).code, (403, 443), "CreatePermission to %s" % host)
    one_of(client.bind_channel(channel, host, 9).code, (403, 443), "ChannelBind to %s" % host)


def check_all(server, family, hosts):
    with server.client() as client:
        client.relayed(*family)
        for number, host in enumerate(hosts):
            refused(client, host, 0x4000 + number)


for kind, addresses in V4.items():
    case("refuses IPv4 peers: %s" % kind)(lambda server, a=addresses: check_all(server, (), a))
for kind, addresses in V6_RANGES.items():
    case("refuses IPv6 peers: %s" % kind)(lambda server, a=addresses: check_all(server, (V6,), a))
for kind, spell in SPELLINGS.items():
    case("refuses hidden IPv4 peers: %s" % kind)(
        lambda server, s=spell: check_all(server, (V6,), [s(one) for one in HIDDEN]))


@case("a v4-mapped peer is refused on an IPv4 allocation as well")
def mapped_on_v4(server):
    check_all(server, (), [SPELLINGS["v4-mapped"](one) for one in HIDDEN])


@case("public peers are allowed in both families")
def public_peers(server):
    with server.client() as client:
        client.relayed()
        equal(client.permit(("45.67.89.10", 9)).code, 0, "IPv4")
    with server.client() as client:
        client.relayed(V6)
        equal(client.permit(("2a01:4f8::1", 9)).code, 0, "IPv6")


@case("refusals are in the log once a minute for each reason, with the option that would allow them")
def told_in_the_log(_):
    with Server() as server, server.client() as client:
        client.relayed()
        for number in range(1, 30):
            equal(client.permit(("10.0.0.%d" % number, 9)).code, 403, "RFC 1918")
        equal(client.permit(("127.0.0.2", 9)).code, 403, "loopback")
        server.wait_for_log("allow-loopback-peers")
        told = [line for line in server.log_text().splitlines() if " peer_refused " in line]
        equal(len(told), 2, "lines of the log")
        true("10.0.0.1:" in told[0] and "allow-private-peers" in told[0], told[0])


@case("one forbidden peer in a list makes the whole CreatePermission fail")
def list_with_forbidden(_):
    with Server("--allow-loopback-peers", "--denied-peer-ip=45.67.89.10") as server, \
            server.client() as client, Peer() as peer:
        relay = client.relayed()
        equal(client.permit(peer.address, ("45.67.89.10", 9)).code, 403, "the list")
        peer.send(b"x", relay)
        true(client.take(0.3) is None, "a permission of the refused list was installed")
        equal(client.permit(peer.address).code, 0, "the allowed one alone")
        peer.send(b"y", relay)
        true(client.take() is not None, "nothing arrives although permitted")


@case("a Send indication to a forbidden peer reaches nobody")
def send_without_permission(server):
    with server.client() as client, Peer() as peer:
        client.relayed()
        client.send_to(peer.address[0], peer.address[1], b"x")
        client.send_to(SPELLINGS["v4-mapped"](peer.address[0]), peer.address[1], b"x")
        client.send_to("0.0.0.0", peer.address[1], b"x")
        client.drain()
        true(peer.take(0.3)[0] is None, "the peer got a datagram")


@case("denied-peer-ip takes a range and a CIDR, in both families")
def denied_ranges(_):
    with Server("--denied-peer-ip=45.67.89.0-45.67.90.5", "--denied-peer-ip=46.0.0.0/8",
                "--denied-peer-ip=2a01:4f8:0:ff::1-2a01:4f8:1:1::1") as server:
        with server.client() as client:
            client.relayed()
            for host, wanted in (("45.67.89.0", 403), ("45.67.90.5", 403), ("45.67.90.6", 0), ("45.67.88.255", 0),
                                 ("46.1.2.3", 403), ("47.0.0.1", 0)):
                equal(client.permit((host, 9)).code, wanted, host)
        with server.client() as client:
            client.relayed(V6)
            # A comparison byte by byte would let the middle ones pass.
            for host, wanted in (("2a01:4f8:0:ff::1", 403), ("2a01:4f8:0:ffff::", 403), ("2a01:4f8:1::ff", 403),
                                 ("2a01:4f8:1:1::1", 403), ("2a01:4f8:1:1::2", 0), ("2a01:4f8:0:fe::1", 0)):
                equal(client.permit((host, 9)).code, wanted, host)


@case("the longest match wins between allowed-peer-ip and denied-peer-ip")
def longest_match(_):
    with Server("--denied-peer-ip=46.0.0.0/8", "--allowed-peer-ip=46.1.0.0/16", "--denied-peer-ip=46.1.2.3",
                "--allowed-peer-ip=10.1.2.3") as server, server.client() as client:
        client.relayed()
        for host, wanted in (("46.2.0.1", 403), ("46.1.0.1", 0), ("46.1.2.3", 403), ("10.1.2.3", 0), ("10.1.2.4", 403)):
            equal(client.permit((host, 9)).code, wanted, host)


@case("allow-private-peers opens the private ranges and nothing else")
def private_peers(_):
    with Server("--allow-private-peers") as server, server.client() as client:
        client.relayed()
        for host, wanted in (("10.0.0.1", 0), ("192.168.1.1", 0), ("172.20.0.1", 0), ("127.0.0.1", 403),
                             ("169.254.169.254", 403), ("224.0.0.1", 403), ("0.0.0.0", 403)):
            equal(client.permit((host, 9)).code, wanted, host)


@case("an external-ip is an address of ours and refused as a peer")
def external_ip(_):
    with Server("--external-ip=45.67.89.77/127.0.0.1") as server, server.client() as client:
        equal(client.relayed()[0], "45.67.89.77", "the relayed address is shown by its public form")
        client.send_to("45.67.89.77", server.port, b"x")
        # The permission may stand, since a live allocation has this address; a port of another service may not.
        one_of(client.bind_channel(0x4001, "45.67.89.77", 22).code, (403,), "ChannelBind to port 22 of our address")


if __name__ == "__main__":
    main(Server())
