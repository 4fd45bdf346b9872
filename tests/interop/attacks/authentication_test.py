#!/usr/bin/python3
"""Attacks on long-term credentials, and the credentials of RFC 8489 done right."""

import hashlib
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Server, case, equal, main, one_of, true  # noqa: E402
import stunlib  # noqa: E402
from stunlib import (ALLOCATE, BINDING, CREATE_PERMISSION, LIFETIME, MD5, NONCE, PASSWORD_ALGORITHM,
                     PASSWORD_ALGORITHMS, REALM, REFRESH, REQUEST, REQUESTED_TRANSPORT, SHA256, UDP_TRANSPORT,
                     USERHASH, USERNAME, XOR_RELAYED_ADDRESS, Peer, build, md5_key, peer, resolved, sha256_key,
                     userhash)  # noqa: E402

TRANSPORT = (REQUESTED_TRANSPORT, UDP_TRANSPORT)


def algorithm(number):
    return PASSWORD_ALGORITHM, bytes([0, number, 0, 0])


def try_names(client, user, realm, nonce, key):
    """An Allocate with exactly these names; the code of the answer."""
    return client.allocate(names=[(USERNAME, user), (REALM, realm), (NONCE, nonce)], key=key)


@case("LIFETIME after MESSAGE-INTEGRITY is not obeyed")
def lifetime_after(server):
    with server.client() as client:
        client.relayed()
        answer = client.request(REFRESH, [], after=[(LIFETIME, b"\0\0\0\0")])
        equal(answer.code, 0, "the Refresh")
        true(answer.number(LIFETIME) > 0, "LIFETIME 0 was taken from behind the integrity")
        equal(client.refresh(600).code, 0, "the allocation lives")


@case("XOR-PEER-ADDRESS after MESSAGE-INTEGRITY is not obeyed")
def peer_after(_):
    with Server("--allow-loopback-peers") as server, server.client() as client, Peer("127.0.0.2") as stranger:
        relay = client.relayed()
        txid = os.urandom(12)
        answer = client.request(CREATE_PERMISSION, [peer("127.0.0.3", 9)], txid=txid,
                                after=resolved([peer(*stranger.address)], txid))
        equal(answer.code, 0, "the CreatePermission")
        stranger.send(b"x", relay)
        true(client.take(0.3) is None, "the appended address got a permission")


@case("an Allocate whose integrity comes before its attributes is not obeyed")
def nothing_covered(server):
    with server.client() as client:
        client.login()
        txid = os.urandom(12)
        data = build(ALLOCATE, REQUEST, client.credentials(), txid, key=client.key, after=[TRANSPORT])
        equal(client.ask(data, txid).code, 400, "REQUESTED-TRANSPORT behind the integrity is missing")


@case("names are not cut at a NUL")
def nul(server):
    with server.client() as client:
        client.login()
        user, realm, nonce = client.user, client.realm, client.nonce
        for what, names in {"user": (user + b"\0", realm, nonce), "user and more": (user + b"\0x", realm, nonce),
                            "realm": (user, realm + b"\0x", nonce), "nonce": (user, realm, nonce + b"\0")}.items():
            for key in (client.key, md5_key(names[0], names[1], client.password)):
                one_of(try_names(client, *names, key).code, (400, 401, 438, 441), "NUL in the " + what)


@case("credentials of another user on an allocation: 441, and it lives on")
def other_user(server):
    with server.client() as client, server.client(b"other", b"word") as thief:
        client.relayed()
        thief.socket.close()
        thief.socket = client.socket.dup()  # The same five-tuple.
        thief.login()
        equal(thief.refresh(0).code, 441, "Refresh")
        equal(thief.permit(("45.67.89.10", 9)).code, 441, "CreatePermission")
        equal(thief.bind_channel(0x4000, "45.67.89.10", 9).code, 441, "ChannelBind")
        equal(client.refresh(600).code, 0, "the owner's Refresh")


@case("an unknown user and a wrong password look the same, without integrity")
def no_enumeration(server):
    shapes = []
    for user, password in ((b"nobody", b"password"), (b"user", b"wrong!!!")):
        with server.client(user, password) as client:
            answer = client.allocate()
            equal(answer.code, 401, user.decode())
            true(stunlib.MESSAGE_INTEGRITY not in answer.kinds(), "a 401 is an oracle when it is signed")
            true(stunlib.MESSAGE_INTEGRITY_SHA256 not in answer.kinds(), "a 401 is an oracle when it is signed")
            shapes.append((answer.kinds(), len(answer.raw), answer.reason))
    equal(shapes[0], shapes[1], "the shape of the answers")


@case("empty, zero and partial keys open nothing")
def weak_keys(server):
    with server.client() as client:
        client.login()
        for user in (b"user", b"nobody", b""):
            for key in (b"", b"\0" * 16, b"\0" * 32, md5_key(user, client.realm, b""), md5_key(user, b"", b"password"),
                        hashlib.md5(b"").digest()):
                one_of(try_names(client, user, client.realm, client.nonce, key).code, (400, 401), repr((user, key)))


@case("an integrity value of another size opens nothing")
def integrity_size(server):
    with server.client() as client:
        client.login()
        for digest, sizes in (("sha1", (0, 1, 4, 16, 19)), ("sha256", (0, 4, 12, 15))):
            for size in sizes:
                data = client.signed(ALLOCATE, [TRANSPORT], mac_size=size, digest=digest)
                client.send_raw(data)
                answers = client.drain()  # Silence is as good: such a message is malformed.
                for answer in answers:
                    one_of(stunlib.Message(answer).code, (400, 401), "%s of %d bytes" % (digest, size))
        equal(client.refresh(600).code, 437, "no allocation came of it")


@case("a token of RFC 7635 is opened for nobody, whatever lengths it tells")
def access_token(server):
    token = 0x001B
    with server.client() as client:
        client.login()
        for value in (b"", b"\xff\xff", b"\0\x0c" + bytes(12), b"\xff\xff" + bytes(1200), os.urandom(1000)):
            answer = client.plain(ALLOCATE, [TRANSPORT, (token, value)])
            equal(answer.code, 401, "a token of %d bytes from a stranger" % len(value))
            bare = [(USERNAME, client.user), (REALM, client.realm), (NONCE, client.nonce), (token, value)]
            for key in (value[2:22], bytes(20), b""):
                one_of(client.allocate(names=bare, key=key).code, (401, 420), "a token of %d bytes" % len(value))
            equal(client.allocate((token, value)).code, 420, "a token beside good credentials")
        equal(client.refresh(600).code, 437, "no allocation came of it")


@case("one wrong bit anywhere in the integrity is refused")
def one_bit(server):
    with server.client() as client:
        client.login()
        for byte in range(20):
            data = bytearray(client.signed(ALLOCATE, [TRANSPORT]))
            data[-20 + byte] ^= 1
            equal(client.ask(bytes(data), bytes(data[8:20])).code, 401, "byte %d" % byte)


@case("a nonce that we did not issue draws 438 with a fresh one")
def foreign_nonce(server):
    with server.client() as client:
        client.login()
        nonce = client.nonce
        flipped = nonce[:-1] + (b"A" if nonce[-1:] != b"A" else b"B")
        for bad in (flipped, b"x" * len(nonce), nonce + b"x", nonce[:-1], b"obMatJos2"):
            answer = try_names(client, client.user, client.realm, bad, client.key)
            equal(answer.code, 438, repr(bad))
            client.learn(answer)
            equal(client.request(REFRESH, [(LIFETIME, b"\0\0\2\x58")]).code, 437, "the fresh nonce is good")


@case("a captured request is worthless from another address")
def replay(server):
    with server.client() as client, server.client(source="127.0.0.2") as thief:
        client.login()
        data = client.signed(ALLOCATE, [TRANSPORT])
        equal(thief.ask(data, data[8:20]).code, 438, "from another address")


@case("missing NONCE, REALM or USERNAME behind an integrity is 400")
def missing_names(server):
    with server.client() as client:
        client.login()
        for missing in (USERNAME, REALM, NONCE):
            names = [one for one in client.credentials() if one[0] != missing]
            equal(client.allocate(names=names).code, 400, "without 0x%04x" % missing)


@case("a Refresh without integrity is challenged and changes nothing")
def unsigned_refresh(server):
    with server.client() as client:
        client.relayed()
        equal(client.plain(REFRESH, [(LIFETIME, b"\0\0\0\0")]).code, 401, "Refresh 0")
        equal(client.refresh(600).code, 0, "the allocation lives")


@case("SQL and format strings in names are names")
def injection(server):
    texts = [b"' OR '1'='1", b"user'--", b"user'; DROP TABLE turnusers_lt;--", b"%s%n%s%n", b"%x" * 50, b"user\n", b"$(id)",
             b"\xff\xfe", "\u202euser".encode()]
    with Server("--userdb=users.db") as with_database:
        for one in (server, with_database):
            with one.client() as client:
                client.login()
                for text in texts:
                    one_of(try_names(client, text, client.realm, client.nonce,
                                     md5_key(text, client.realm, b"")).code, (400, 401), repr(text))
                    one_of(try_names(client, client.user, text, client.nonce,
                                     md5_key(client.user, text, client.password)).code, (400, 401, 441), repr(text))
                equal(client.allocate().code, 0, "the honest user afterwards")


@case("names of 508 and more bytes are refused or looked up, never cut")
def long_names(server):
    with server.client() as client:
        client.login()
        for size in (255, 508, 509, 763, 1000):
            user = b"user" + b"x" * (size - 4)
            one_of(try_names(client, user, client.realm, client.nonce,
                             md5_key(user, client.realm, b"password")).code, (400, 401), "USERNAME of %d" % size)
        for size in (763, 1000):
            one_of(try_names(client, client.user, b"r" * size, client.nonce, client.key).code, (400, 401, 441),
                   "REALM of %d" % size)


@case("SHA-256 login works, and its answers are signed with SHA-256")
def sha256_login(server):
    with server.client() as client:
        client.login()
        equal(client.algorithms, b"\0\2\0\0\0\1\0\0", "PASSWORD-ALGORITHMS, the better one first")
        true(stunlib.nonce_features(client.nonce) & 0x800000, "the nonce says 'password algorithms'")
        key = sha256_key(client.user, client.realm, client.password)
        names = client.credentials() + [(PASSWORD_ALGORITHMS, client.algorithms), algorithm(SHA256)]
        answer = client.allocate(names=names, key=key, digest="sha256")
        equal(answer.code, 0, "Allocate")
        true(answer.signed_with(key, "sha256"), "the answer carries MESSAGE-INTEGRITY-SHA256")


@case("USERHASH stands for the user name")
def userhash_login(server):
    with server.client() as client:
        client.login()
        true(stunlib.nonce_features(client.nonce) & 0x400000, "the nonce says 'username anonymity'")
        key = sha256_key(client.user, client.realm, client.password)
        names = [(USERHASH, userhash(client.user, client.realm)), (REALM, client.realm), (NONCE, client.nonce),
                 (PASSWORD_ALGORITHMS, client.algorithms), algorithm(SHA256)]
        equal(client.allocate(names=names, key=key, digest="sha256").code, 0, "Allocate")
        names[0] = (USERHASH, userhash(b"nobody", client.realm))
        equal(client.allocate(names=names, key=key, digest="sha256").code, 401, "the hash of nobody")


@case("USERHASH is not offered where a shared secret is configured")
def no_userhash_with_secret(_):
    with Server("--use-auth-secret", "--static-auth-secret=secret") as server, server.client() as client:
        client.login()
        features = stunlib.nonce_features(client.nonce) or 0
        true(not features & 0x400000, "the nonce says 'username anonymity'")


@case("bid-down of the password algorithm is refused (RFC 8489 9.2.4)")
def bid_down(server):
    with server.client() as client:
        client.login()
        md5, sha = client.key, sha256_key(client.user, client.realm, client.password)
        offered = client.algorithms
        for what, extra, key, digest in (
                ("the list without a choice", [(PASSWORD_ALGORITHMS, offered)], md5, "sha1"),
                ("a choice without the list", [algorithm(SHA256)], sha, "sha256"),
                ("a shortened list", [(PASSWORD_ALGORITHMS, b"\0\1\0\0"), algorithm(MD5)], md5, "sha1"),
                ("a turned list", [(PASSWORD_ALGORITHMS, b"\0\1\0\0\0\2\0\0"), algorithm(MD5)], md5, "sha1"),
                ("a choice that is not in the list", [(PASSWORD_ALGORITHMS, offered), algorithm(7)], sha, "sha256")):
            equal(client.allocate(names=client.credentials() + extra, key=key, digest=digest).code, 400, what)


@case("the feature bits of a nonce cannot be turned off")
def feature_bits(server):
    with server.client() as client:
        client.login()
        nonce = client.nonce
        cleared = stunlib.NONCE_COOKIE + b"AAAA" + nonce[13:]
        true(cleared != nonce, "the nonce carries feature bits")
        equal(try_names(client, client.user, client.realm, cleared, client.key).code, 438, "cleared bits")


@case("of two integrity attributes in one request the SHA-256 one counts (RFC 8489 14.6)")
def both_integrities(server):
    wrong = b"a wrong key of 16"[:16]
    for sha1_good, sha256_good, wanted in ((True, False, 401), (False, False, 401), (False, True, 0), (True, True, 0)):
        what = "SHA-1 %s, SHA-256 %s" % tuple("right" if good else "wrong" for good in (sha1_good, sha256_good))
        with server.client() as client:
            client.login()
            key = {"sha1": client.key if sha1_good else wrong, "sha256": client.key if sha256_good else wrong}
            for order in (("sha1", "sha256"), ("sha256", "sha1")):
                txid = os.urandom(12)
                data = client.signed(ALLOCATE, [TRANSPORT], txid=txid, key=key, digest=order)
                answer = client.ask(data, txid)
                equal(answer.code, wanted, "%s, in the order %s" % (what, "/".join(order)))
                equal(answer.signed_with(client.key, "sha256"), wanted == 0, "%s: signed with what was verified" % what)
                true(not answer.signed_with(client.key, "sha1"), "%s: signed with SHA-1" % what)
                if wanted == 0:
                    equal(client.request(REFRESH, [(LIFETIME, b"\0\0\0\0")]).code, 0, "%s: the Refresh" % what)


@case("answers to good credentials are signed, and the 437 too")
def signed_answers(server):
    with server.client() as client:
        for what, answer in (("437", client.permit(("45.67.89.10", 9))), ("Allocate", client.allocate()),
                             ("Refresh", client.refresh(600)), ("403", client.permit(("10.0.0.1", 9)))):
            true(answer.signed_with(client.key), "%s without MESSAGE-INTEGRITY" % what)


@case("time-limited names: good, expired, damaged, and of another secret")
def time_limited(_):
    with Server("--use-auth-secret", "--static-auth-secret=one", "--static-auth-secret=two", users=()) as server:
        now = int(time.time())
        for secret, expiry, wanted in ((b"one", now + 60, 0), (b"two", now + 60, 0), (b"one", now - 60, 401),
                                       (b"three", now + 60, 401)):
            with server.client(*stunlib.time_limited(secret, b"ann", expiry)) as client:
                equal(client.allocate().code, wanted, "%s %+d" % (secret, expiry - now))
        user, password = stunlib.time_limited(b"one", b"ann", now + 60)
        for damaged in (b"x" + user, user[:-1], b"9" + user, user.split(b":", maxsplit=1)[0], b":ann", b""):
            with server.client(damaged, password) as client:
                one_of(client.allocate().code, (400, 401), repr(damaged))


@case("configured users and shared secrets work side by side")
def side_by_side(_):
    with Server("--use-auth-secret", "--static-auth-secret=one") as server:
        with server.client() as client:
            equal(client.allocate().code, 0, "the configured user")
        with server.client(*stunlib.time_limited(b"one", b"ann", int(time.time()) + 60)) as client:
            equal(client.allocate().code, 0, "the time-limited user")


@case("nonces do not repeat and differ between addresses")
def nonces_differ(server):
    seen = set()
    for source in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
        with server.client(source=source) as client:
            seen.add(client.login().get(NONCE))
    equal(len(seen), 3, "different nonces")


@case("relayed ports cannot be guessed from each other")
def ports_are_random(server):
    ports = []
    clients = [server.client() for _ in range(20)]
    try:
        for client in clients:
            ports.append(client.allocate().address(XOR_RELAYED_ADDRESS)[1])
    finally:
        for client in clients:
            client.close()
    steps = {b - a for a, b in zip(ports, ports[1:])}
    true(len(steps) > 15, "the steps between ports repeat: %r" % ports)


@case("the secret of one process is not the secret of the next")
def fresh_secret(server):
    with server.client() as client, Server() as second, second.client() as other:
        client.login()
        other.login()
        equal(try_names(other, other.user, other.realm, client.nonce, other.key).code, 438, "a nonce of another process")


@case("a wrong secret costs the same answer every time")
def brute_force(server):
    with server.client() as client:
        client.login()
        for number in range(200):
            equal(try_names(client, client.user, client.realm, client.nonce, b"%016d" % number).code, 401, "try")
        equal(client.allocate().code, 0, "the honest user is not locked out")
        data = build(BINDING, REQUEST, [])
        equal(client.ask(data, data[8:20]).code, 0, "Binding")


if __name__ == "__main__":
    main(Server())
