"""A proxy on 127.0.0.1 before an S3 server that fails as networks and servers do, by a seeded chance or by rule.

A process of its own: deltalake holds Python's lock while it waits for an answer, so one beside it would never answer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from infra.stack.ports import HOST
from tests.support.object_store import ObjectStore

FAULTS = (
    "500",  # refused by the server, nothing stored
    "503",  # as where a server is told to slow down
    "unanswered",  # the connection ends before the server has seen the request
    "lost",  # stored, and the connection ends without an answer
    "lied",  # stored, and answered as an error of the server
    "cut",  # answered by half
    "slow",  # answered late
)
HELD_BACK = frozenset({"connection", "transfer-encoding", "keep-alive"})


@dataclass(frozen=True)
class Rule:
    """What goes wrong: a request whose "METHOD path" matches `chosen` fails with probability `share` by one of
    `kinds`, at most `times` times (null: without end)."""

    share: float = 0.0
    kinds: tuple[str, ...] = FAULTS
    chosen: str = ""
    times: int | None = None
    slow_seconds: float = 0.3


@dataclass
class FaultyStore:
    """A store behind a proxy. `rule` changes what goes wrong from now on; `came` says what did."""

    store: ObjectStore
    process: subprocess.Popen[str]

    def rule(self, share: float = 1.0, *kinds: str, chosen: str = "", times: int | None = None) -> None:
        self._ask({"share": share, "kinds": kinds or FAULTS, "chosen": chosen, "times": times})

    def mend(self) -> None:
        self.rule(0.0)

    @property
    def came(self) -> Counter[str]:
        return Counter(self._ask(None))

    def _ask(self, told: object) -> dict[str, int]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        answer: dict[str, int] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def faulty(store: ObjectStore, seed: int = 1) -> Iterator[FaultyStore]:
    """The same server behind a proxy that does nothing wrong until it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.faulty_proxy", store.endpoint, str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        port = int(process.stdout.readline())
        yield FaultyStore(dataclasses.replace(store, endpoint=f"http://{HOST}:{port}"), process)
    finally:
        process.kill()
        process.wait()


class Faults:
    """The rule of the moment, and a count of what came."""

    def __init__(self, seed: int) -> None:
        self.came: Counter[str] = Counter()
        self.rule = Rule()
        self._left: int | None = None
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def set(self, rule: Rule) -> None:
        with self._lock:
            self.rule, self._left = rule, rule.times

    def next(self, method: str, path: str) -> str | None:
        with self._lock:
            rule = self.rule
            if self._left == 0 or not re.search(rule.chosen, f"{method} {path}"):
                return None
            if self._random.random() >= rule.share:
                return None
            if self._left is not None:
                self._left -= 1
            kind = self._random.choice(rule.kinds)
            self.came[kind] += 1
            return kind


def serve(endpoint: str, seed: int) -> None:
    """Prints the port, then answers each line of standard input (a rule, or null) with the counts so far."""
    address = urlsplit(endpoint)
    assert address.scheme == "http" and address.hostname and address.port
    behind = (address.hostname, address.port)
    faults = Faults(seed)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *given: Any) -> None:
            pass

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = faults.next(self.command, self.path)
            if fault == "unanswered":
                return self._hang_up()
            if fault in ("500", "503"):
                return self._refuse(int(fault))
            if fault == "slow":
                time.sleep(faults.rule.slow_seconds)
            connection = http.client.HTTPConnection(*behind, timeout=60)
            try:
                # The Host that the client has signed stays.
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in HELD_BACK:
                        connection.putheader(name, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):
                return self._hang_up()
            finally:
                connection.close()
            if fault == "lost":
                return self._hang_up()
            if fault == "lied":
                return self._refuse(500)
            self._answer(answer, content, is_cut=fault == "cut")

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

        def _answer(self, answer: http.client.HTTPResponse, content: bytes, is_cut: bool) -> None:
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HELD_BACK | {"content-length", "server", "date"}:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            if answer.status not in (204, 304):
                self.send_header("Content-Length", length or "0")
            self.end_headers()
            if is_cut:
                self.wfile.write(content[: len(content) // 2])
                return self._hang_up()
            if self.command != "HEAD":
                self.wfile.write(content)
            self.wfile.flush()

        def _refuse(self, status: int) -> None:
            code = {500: "InternalError", 503: "SlowDown"}[status]
            content = f"<Error><Code>{code}</Code><Message>as ordered</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _hang_up(self) -> None:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client has left first
                super().handle()

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        if told is not None:
            faults.set(Rule(**told))
        print(json.dumps(faults.came), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
