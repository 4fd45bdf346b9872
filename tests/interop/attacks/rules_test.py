#!/usr/bin/python3
"""Rules of RFC 8656 and RFC 8489 that implementations get wrong."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, case, equal, main, one_of, true  # noqa: E402
from stunlib import (ADDITIONAL_ADDRESS_FAMILY, ADDRESS_ERROR_CODE, ALLOCATE, BINDING, CHANNEL_BIND, CHANNEL_NUMBER,
                     CREATE_PERMISSION, DATA_ATTRIBUTE, DONT_FRAGMENT, EVEN_PORT, ICMP, LIFETIME, REFRESH,
                     REQUESTED_ADDRESS_FAMILY, REQUESTED_TRANSPORT, RESERVATION_TOKEN, UDP_TRANSPORT,
                     UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, Message, Peer,
                     build, channel_data, data_of, peer)  # noqa: E402

TRANSPORT = (REQUESTED_TRANSPORT, UDP_TRANSPORT)
OPEN = "--allow-loopback-peers"


def family(kind, number):
    return kind, bytes([number, 0, 0, 0])


V4, V6 = family(REQUESTED_ADDRESS_FAMILY, 1), family(REQUESTED_ADDRESS_FAMILY, 2)
ALSO_V6 = family(ADDITIONAL_ADDRESS_FAMILY, 2)


def lifetime(seconds):
    return LIFETIME, struct.pack("!I", seconds)


@case("Binding answers with the reflexive address and a right fingerprint")
def binding(server):
    with server.client() as client:
        answer = client.plain(BINDING, fingerprint=True)
        equal(answer.address(XOR_MAPPED_ADDRESS), client.local, "XOR-MAPPED-ADDRESS")
        true(answer.fingerprint_is_right(), "FINGERPRINT")


@case("the same transaction id gets the same answer, another one 437")
def same_transaction(server):
    with server.client() as client:
        client.login()
        data = client.signed(ALLOCATE, [TRANSPORT, lifetime(777)])
        first, second = client.ask(data, data[8:20]), client.ask(data, data[8:20])
        equal((first.code, second.code), (0, 0), "codes")
        for kind in (XOR_RELAYED_ADDRESS, XOR_MAPPED_ADDRESS):
            equal(second.address(kind), first.address(kind), "address 0x%04x" % kind)
        true(777 - second.number(LIFETIME) in range(0, 3), "the lifetime is %d" % second.number(LIFETIME))
        third = client.allocate()
        equal(third.code, 437, "another transaction id")
        true(third.signed_with(client.key), "the 437 is signed")


@case("437 for every request without an allocation")
def no_allocation(server):
    with server.client() as client:
        equal(client.permit(("45.67.89.10", 9)).code, 437, "CreatePermission")
        equal(client.bind_channel(0x4000, "45.67.89.10", 9).code, 437, "ChannelBind")
        equal(client.refresh(600).code, 437, "Refresh")


@case("442 for an unknown transport, 400 for none")
def transports(server):
    with server.client() as client:
        equal(client.request(ALLOCATE, [(REQUESTED_TRANSPORT, bytes([99, 0, 0, 0]))]).code, 442, "protocol 99")
        equal(client.request(ALLOCATE, []).code, 400, "no REQUESTED-TRANSPORT")
        equal(client.request(ALLOCATE, [(REQUESTED_TRANSPORT, b"\x11")]).code, 400, "one of a wrong size")
        one_of(client.request(ALLOCATE, [(REQUESTED_TRANSPORT, bytes([6, 0, 0, 0]))]).code, (400, 442),
               "a TCP relay for a UDP client")


@case("Refresh 0 frees the five-tuple at once")
def refresh_zero(server):
    with server.client() as client:
        for _ in range(20):
            equal(client.allocate().code, 0, "Allocate")
            equal(client.refresh(0).code, 0, "Refresh 0")
            equal(client.refresh(600).code, 437, "a Refresh cannot revive it")


@case("Refresh 0 closes the relayed port at once")
def refresh_zero_port(server):
    with server.client() as client:
        host, port = client.relayed()
        client.refresh(0)
        with Peer(host, port):
            pass  # It binds: nobody holds the port any more.


@case("LIFETIME is raised to the default and cut at the maximum")
def lifetimes(server):
    for asked, wanted in ((None, 600), (0, 600), (1, 600), (599, 600), (601, 601), (777, 777), (3600, 3600),
                          (3601, 3600), (0xFFFFFFFF, 3600)):
        with server.client() as client:
            answer = client.allocate(*([] if asked is None else [lifetime(asked)]))
            equal(answer.number(LIFETIME), wanted, "Allocate with %s" % asked)
            if asked:
                equal(client.refresh(asked).number(LIFETIME), wanted, "Refresh with %s" % asked)
            client.refresh(0)


@case("channel numbers: 0x4000 to 0x7FFF by default, nothing outside")
def channel_numbers(server):
    with server.client() as client:
        client.relayed()
        for number, wanted in ((0x4000, 0), (0x4FFF, 0), (0x5000, 0), (0x7FFE, 0), (0x7FFF, 0), (0x3FFF, 400),
                               (0x8000, 400), (0, 400), (0xFFFF, 400)):
            equal(client.bind_channel(number, "45.67.89.10", number or 1).code, wanted, hex(number))


@case("rfc5766-channel-numbers=off leaves 0x4000 to 0x4FFF")
def strict_channels(_):
    with Server("--rfc5766-channel-numbers=off") as server, server.client() as client:
        client.relayed()
        for number, wanted in ((0x4000, 0), (0x4FFF, 0), (0x5000, 400), (0x7FFF, 400)):
            equal(client.bind_channel(number, "45.67.89.10", number).code, wanted, hex(number))


@case("a channel and a peer belong to each other")
def channel_pairs(server):
    with server.client() as client:
        client.relayed()
        equal(client.bind_channel(0x4000, "45.67.89.10", 9).code, 0, "the first")
        equal(client.bind_channel(0x4000, "45.67.89.10", 9).code, 0, "again, to refresh it")
        equal(client.bind_channel(0x4000, "45.67.89.10", 10).code, 400, "the number for another peer")
        equal(client.bind_channel(0x4001, "45.67.89.10", 9).code, 400, "the peer on another number")
        equal(client.request(CHANNEL_BIND, [peer("45.67.89.10", 9)]).code, 400, "no CHANNEL-NUMBER")
        equal(client.request(CHANNEL_BIND, [(CHANNEL_NUMBER, b"\x40\x02\0\0")]).code, 400, "no peer")


@case("CreatePermission without a peer is 400")
def no_peer(server):
    with server.client() as client:
        client.relayed()
        equal(client.request(CREATE_PERMISSION, []).code, 400, "no XOR-PEER-ADDRESS")


@case("a peer of another family is 443")
def peer_family(server):
    with server.client() as client:
        client.relayed()
        equal(client.permit(("2a01:4f8::1", 9)).code, 443, "CreatePermission")
        equal(client.bind_channel(0x4000, "2a01:4f8::1", 9).code, 443, "ChannelBind")


@case("a Refresh with another family is 443, with the own one fine")
def refresh_family(server):
    with server.client() as client:
        client.relayed()
        equal(client.refresh(600, V6).code, 443, "IPv6")
        equal(client.refresh(600, V4).code, 0, "IPv4")


@case("address families: 440 for an unknown one, IPv6 when asked for")
def families(server):
    with server.client() as client:
        equal(client.allocate(family(REQUESTED_ADDRESS_FAMILY, 3)).code, 440, "family 3")
        equal(client.relayed(V6)[0], "::1", "relayed address")


@case("440 where the server has no relay address of the family")
def family_missing(_):
    with Server(relay=("127.0.0.1",)) as server, server.client() as client:
        equal(client.allocate(V6).code, 440, "IPv6")
        equal(client.allocate().code, 0, "IPv4")


@case("ADDITIONAL-ADDRESS-FAMILY gives two relayed addresses")
def two_families(server):
    with server.client() as client:
        answer = client.allocate(ALSO_V6)
        equal(sorted(one[0] for one in answer.addresses(XOR_RELAYED_ADDRESS)), ["127.0.0.1", "::1"], "addresses")
        equal(client.permit(("45.67.89.10", 9), ("2a01:4f8::1", 9)).code, 0, "peers of both families")
        equal(client.refresh(0, V6).code, 0, "Refresh 0 of one family")
        equal(client.permit(("45.67.89.10", 9)).code, 0, "the other one lives")
        equal(client.permit(("2a01:4f8::1", 9)).code, 443, "the ended one does not")


@case("ADDRESS-ERROR-CODE when one of two families fails")
def one_family_fails(_):
    with Server(relay=("127.0.0.1",)) as server, server.client() as client:
        answer = client.allocate(ALSO_V6)
        equal(answer.code, 0, "Allocate")
        equal([one[0] for one in answer.addresses(XOR_RELAYED_ADDRESS)], ["127.0.0.1"], "addresses")
        value = answer.get(ADDRESS_ERROR_CODE)
        true(value is not None, "no ADDRESS-ERROR-CODE")
        equal((value[0], (value[2] & 7) * 100 + value[3]), (2, 440), "family and code")


@case("attributes that exclude each other are 400")
def exclusive(server):
    token = (RESERVATION_TOKEN, b"12345678")
    even, reserve = (EVEN_PORT, b"\0"), (EVEN_PORT, b"\x80")
    with server.client() as client:
        for what, attributes in {"EVEN-PORT and RESERVATION-TOKEN": (even, token),
                                 "a family and RESERVATION-TOKEN": (V4, token),
                                 "a family and an additional one": (V4, ALSO_V6),
                                 "additional family IPv4": (family(ADDITIONAL_ADDRESS_FAMILY, 1),),
                                 "additional family and RESERVATION-TOKEN": (ALSO_V6, token),
                                 "additional family and a reserved port": (ALSO_V6, reserve)}.items():
            equal(client.allocate(*attributes).code, 400, what)


@case("an IPv6 client gets an IPv4 relay address unless it asks")
def v6_client(_):
    with Server(host="::1") as server:
        with server.client() as client:
            equal(client.relayed()[0], "127.0.0.1", "without REQUESTED-ADDRESS-FAMILY")
        with server.client() as client:
            equal(client.relayed(V6)[0], "::1", "with it")


@case("EVEN-PORT reserves the next port, and the token gives it")
def reservation(server):
    with server.client() as first, server.client() as second, server.client() as third:
        answer = first.allocate((EVEN_PORT, b"\x80"))
        equal(answer.code, 0, "EVEN-PORT with R")
        port, token = answer.address(XOR_RELAYED_ADDRESS)[1], answer.get(RESERVATION_TOKEN)
        equal(port % 2, 0, "the port is even")
        equal(len(token or b""), 8, "the size of the token")
        equal(third.allocate((RESERVATION_TOKEN, bytes(8))).code, 508, "a token that we never gave")
        equal(second.relayed((RESERVATION_TOKEN, token))[1], port + 1, "the reserved port")
        equal(third.allocate((RESERVATION_TOKEN, token)).code, 508, "a token that is used up")


@case("an unknown attribute that must be understood is 420 with the list")
def unknown_attribute(server):
    with server.client() as client:
        for what, answer in (("Binding", client.plain(BINDING, [(0x7001, b"x"), (0x7002, b""), (0x9001, b"fine")])),
                             ("Allocate", client.allocate((0x7001, b"x"), (0x7002, b"")))):
            equal(answer.code, 420, what)
            value = answer.get(UNKNOWN_ATTRIBUTES)
            equal(sorted(struct.unpack("!%dH" % (len(value) // 2), value)), [0x7001, 0x7002], what)
        equal(client.allocate((0x9001, b"may be ignored")).code, 0, "an optional one")


@case("relays both ways by Send, Data and ChannelData, byte for byte")
def relaying(_):
    with Server(OPEN) as server, server.client() as client, Peer() as echo:
        relay = client.relayed()
        client.permit(echo.address)
        for size in (0, 1, 2, 3, 4, 5, 171, 1200, 1472, 8000):
            payload = os.urandom(size)
            client.send_to(*echo.address, payload)
            equal(echo.take(), (payload, relay), "Send of %d" % size)
            echo.send(payload, relay)
            equal(data_of(client.take()), (echo.address, payload), "Data of %d" % size)
        equal(client.bind_channel(0x4000, *echo.address).code, 0, "ChannelBind")
        for size in (0, 1, 2, 3, 4, 5, 171, 1200, 1472, 8000):
            payload = os.urandom(size)
            for padded in (False, True):
                client.send_raw(channel_data(0x4000, payload, padded))
                equal(echo.take(), (payload, relay), "ChannelData of %d" % size)
            echo.send(payload, relay)
            equal(data_of(client.take()), (0x4000, payload), "ChannelData of %d" % size)


@case("relays both ways over IPv6")
def relaying_v6(_):
    with Server(OPEN, host="::1") as server, server.client() as client, Peer("::1") as echo:
        relay = client.relayed(V6)
        equal(client.permit(echo.address).code, 0, "CreatePermission")
        client.send_to(*echo.address, b"one")
        payload, source = echo.take()
        equal((payload, source[:2]), (b"one", relay), "Send")
        echo.send(b"two", relay)
        equal(data_of(client.take()), (echo.address, b"two"), "Data")


@case("a permission is for an address, whatever the port, and for no other")
def permissions(_):
    with Server(OPEN) as server, server.client() as client, Peer("127.0.0.2") as one, Peer("127.0.0.2") as two, \
            Peer("127.0.0.3") as stranger:
        relay = client.relayed()
        stranger.send(b"no permission at all", relay)
        client.permit(one.address)
        stranger.send(b"no permission for me", relay)
        two.send(b"another port", relay)
        equal(data_of(client.take()), (two.address, b"another port"), "what arrives")
        true(client.take(0.3) is None, "a stranger's datagram arrived")
        client.send_to(*stranger.address, b"x")
        client.drain()
        true(stranger.take(0.3)[0] is None, "a Send without a permission arrived")


@case("ChannelBind installs a permission")
def channel_permission(_):
    with Server(OPEN) as server, server.client() as client, Peer("127.0.0.2") as one, Peer("127.0.0.2") as two:
        relay = client.relayed()
        client.bind_channel(0x4000, *one.address)
        two.send(b"x", relay)
        equal(data_of(client.take()), (two.address, b"x"), "from another port of the peer")


@case("ChannelData of a channel that is not bound goes nowhere")
def unbound_channel(_):
    with Server(OPEN) as server, server.client() as client, Peer() as echo:
        client.relayed()
        client.permit(echo.address)
        for number in (0x4000, 0x4FFF, 0x5000, 0x7FFF):
            client.send_raw(channel_data(number, b"x"))
        equal(client.drain(), [], "answers")
        true(echo.take(0.2)[0] is None, "the peer got something")


@case("a Send with an unknown attribute that must be understood is dropped")
def send_unknown(_):
    with Server(OPEN) as server, server.client() as client, Peer() as echo:
        client.relayed()
        client.permit(echo.address)
        client.send_to(*echo.address, b"bad", (0x7001, b"x"))
        client.send_to(*echo.address, b"good", (0x9001, b"x"), (DONT_FRAGMENT, b""))
        equal(echo.take()[0], b"good", "what the peer gets")


@case("a Send without data or without a peer is dropped")
def incomplete_send(_):
    with Server(OPEN) as server, server.client() as client, Peer() as echo:
        client.relayed()
        client.permit(echo.address)
        client.send_raw(build(6, 1, [(DATA_ATTRIBUTE, b"no peer")]))
        txid = os.urandom(12)
        client.send_raw(build(6, 1, [(XOR_PEER_ADDRESS, b"\0\1\0\0"), (DATA_ATTRIBUTE, b"short peer")], txid))
        equal(client.drain(), [], "answers")
        true(echo.take(0.2)[0] is None, "the peer got something")


@case("an ICMP error of a peer reaches the client as RFC 8656 says")
def icmp(_):
    with Server(OPEN) as server, server.client() as client:
        client.relayed()
        with Peer() as gone:
            closed = gone.address
        client.permit(closed)
        client.send_to(*closed, b"x")
        datagram = client.take()
        true(datagram is not None, "nothing came")
        message = Message(datagram)
        equal(message.address(XOR_PEER_ADDRESS), closed, "the peer")
        value = message.get(ICMP)
        true(value is not None and DATA_ATTRIBUTE not in message.kinds(), "ICMP instead of DATA")
        # Two reserved bytes, then 7 bits of type and 9 bits of code: destination and port unreachable.
        equal(struct.unpack("!H", value[2:4])[0], 3 << 9 | 3, "type and code")
        equal(client.refresh(600).code, 0, "the allocation lives")


@case("a Refresh prolongs, and an empty one takes the default")
def refreshing(server):
    with server.client() as client:
        client.relayed(lifetime(1000))
        equal(client.request(REFRESH, []).number(LIFETIME), 600, "no LIFETIME")
        equal(client.refresh(1234).number(LIFETIME), 1234, "1234 s")


if __name__ == "__main__":
    main(Server())
