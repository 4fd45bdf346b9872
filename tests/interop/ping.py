#!/usr/bin/python3
"""ping.py HOST PORT: exit code 0 when a STUN server answers there within 0.2 s."""

import sys

from stunlib import BINDING, REQUEST, Client, build

with Client((sys.argv[1], int(sys.argv[2]))) as client:
    data = build(BINDING, REQUEST, [])
    try:
        client.send_raw(data)
        sys.exit(0 if client.answer_to(data[8:20], 0.2) else 1)
    except OSError:
        sys.exit(1)
