"""Free ports on 127.0.0.1: found, never assumed."""

from __future__ import annotations

import contextlib
import socket

HOST = "127.0.0.1"


def free_port(avoid: frozenset[int] = frozenset()) -> int:
    """A port that nothing listened on a moment ago. Another process may take it in between: callers check and retry."""
    for _ in range(100):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in avoid:
            return port
    raise OSError("no free port on 127.0.0.1")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose(preferred: int | None, avoid: frozenset[int] = frozenset()) -> int:
    """The preferred port where it is free (so that an address stays the same between starts), else another."""
    if preferred and preferred not in avoid and is_free(preferred):
        return preferred
    return free_port(avoid)
