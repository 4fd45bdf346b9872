#!/usr/bin/python3
"""The short form of bench/soak.sh: under churn, reloads and scrapes at once nothing fails and nothing grows."""

import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from harness import ROOT, case, main, server_command, shortened, true  # noqa: E402


@case("sessions over every transport, calls, reloads, scrapes and questions at once")
def short_soak():
    seconds = shortened("seconds of soak", 20, 300)
    # What sanitizers put aside would look like growth.
    command = shlex.join(server_command(lean=True))
    done = subprocess.run([os.path.join(ROOT, "bench/soak.sh"), "--seconds", str(seconds), "--server", command, "--loss", "0.05"],
                          capture_output=True, text=True, timeout=seconds + 220, check=False)
    true(done.returncode == 0, done.stdout + done.stderr)


if __name__ == "__main__":
    main()
