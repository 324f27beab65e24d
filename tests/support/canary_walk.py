"""Runs one command as a test of pytest's own, so that what the command prints goes where the output of tests goes."""

from __future__ import annotations

import json
import os
import subprocess


def test_command() -> None:
    command = json.loads(os.environ["CANARY_COMMAND"])
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(done.stdout)
    assert done.returncode == int(os.environ.get("CANARY_CODE", "0"))
