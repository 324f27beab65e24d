"""Great Expectations stays lazy, quiet and at home."""

from __future__ import annotations

import subprocess
import sys

QUIET = """
import logging, sys, threading, socket
logging.basicConfig(level=logging.INFO)
def refuse(*a, **k): raise SystemExit("opened a connection")
socket.socket.connect = refuse
import expectations.judge
assert "great_expectations" not in sys.modules, "imported before a batch is judged"
from expectations.engine import Engine, preload
from expectations.suite import Check
preload()
assert threading.active_count() == 1, "a thread that a fork would lose"
import pandas as pd
answers = Engine().ask(pd.DataFrame({"a": [1.0, 9.0]}),
    [Check("r", "ExpectColumnValuesToBeBetween", {"column": "a", "min_value": 0, "max_value": 5})], count=True)
assert answers[0].broken == 1 and not answers[0].passed
assert threading.active_count() == 1, threading.enumerate()
"""


def test_it_is_imported_late_and_says_nothing_and_calls_nobody() -> None:
    ended = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ended.stderr == ""
