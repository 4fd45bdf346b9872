#!/usr/bin/python3
"""Clients for docker/test.sh.

    test_client.py first-answer HOST PORT                  prints when the first Binding was answered (ms since 1970)
    test_client.py credentials HOST PORT NAME KEY          prints user and password that the REST endpoint gives
    test_client.py searching HOST PORT NAME KEY            that REST answers 503 at first, and then gives some
    test_client.py hold HOST PORT USER PASSWORD SECONDS    keeps an allocation in use and gives it back
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "interop"))
import stunlib  # noqa: E402


def first_answer(address):
    deadline = time.monotonic() + 60
    with stunlib.Client(address) as client:
        while time.monotonic() < deadline:
            data = stunlib.build(stunlib.BINDING, stunlib.REQUEST, [])
            try:
                client.ask(data, data[8:20], tries=1, timeout=0.02)
                print(time.time_ns() // 1_000_000)
                return
            except ConnectionRefusedError:
                time.sleep(0.005)
            except stunlib.Timeout:
                pass
    sys.exit("nobody answers")


def credentials(address, name, key):
    request = urllib.request.Request("http://%s:%d/turn?service=turn&username=%s" % (*address, name),
                                     headers={"Authorization": "Bearer " + key})
    with urllib.request.urlopen(request, timeout=10) as answer:
        given = json.load(answer)
    print(given["username"], given["password"])


def searching(address, name, key):
    """REST refuses while the server looks for its address; Binding (on 3478) is answered meanwhile."""
    deadline = time.monotonic() + 60
    told = []
    while time.monotonic() < deadline:
        try:
            credentials(address, name, key)
            told.append(200)
        except urllib.error.HTTPError as error:
            told.append(error.code)
        except OSError:
            time.sleep(0.02)
            continue
        if told[-1] == 200:
            break
        with stunlib.Client((address[0], 3478)) as client:
            data = stunlib.build(stunlib.BINDING, stunlib.REQUEST, [])
            client.ask(data, data[8:20])
        time.sleep(0.2)
    print(told)
    sys.exit(0 if told[:1] == [503] and told[-1] == 200 and set(told) == {200, 503} else 1)


def hold(address, user, password, seconds):
    with stunlib.Client(address, user.encode(), password.encode()) as client:
        answer = client.allocate()
        if answer.code:
            sys.exit("refused with %d" % answer.code)
        print("allocated", flush=True)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if client.refresh(600).code:
                sys.exit("a refresh was refused")
            time.sleep(0.2)
        print("gave it back:", client.refresh(0).code == 0, flush=True)


if __name__ == "__main__":
    ADDRESS = (sys.argv[2], int(sys.argv[3]))
    if sys.argv[1] == "first-answer":
        first_answer(ADDRESS)
    elif sys.argv[1] == "credentials":
        credentials(ADDRESS, *sys.argv[4:6])
    elif sys.argv[1] == "searching":
        searching(ADDRESS, *sys.argv[4:6])
    else:
        hold(ADDRESS, sys.argv[4], sys.argv[5], float(sys.argv[6]))
