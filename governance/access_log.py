"""Who received, read or released what, when, and for which purpose: one line each, never what was read.

An entry names the actor (a role or an account), the action, the object (a mart, a release, a report) and the purpose.
Allowed are only these names and only these actions: a log that takes any field ends up holding personal values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance.chained_log import ChainedLog, Head

ACTIONS = frozenset({"receive", "release", "refuse", "read", "report", "erase", "review", "lift"})


@dataclass(frozen=True)
class AccessLog:
    """The access log of a home, at `<serving>/access.jsonl` by the caller's choice."""

    path: Path

    def record(
        self, *, actor: str, action: str, subject: str, purpose: str, audience: str = "", digest: str = ""
    ) -> Head:
        """Writes one entry, on disk when this returns; `digest` is that of what was handed out, where it is a file.

        Raises ValueError for an unknown action or a missing actor, subject or purpose.
        """
        if action not in ACTIONS:
            raise ValueError(f"unknown action: one of {', '.join(sorted(ACTIONS))}")
        for name, value in (("actor", actor), ("subject", subject), ("purpose", purpose)):
            if not value.strip():
                raise ValueError(f"an entry of the access log needs its {name}")
        return ChainedLog(self.path).append(
            {
                "actor": actor,
                "action": action,
                "subject": subject,
                "purpose": purpose,
                "audience": audience,
                "content_digest": digest,
            }
        )

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every entry, oldest first."""
        return ChainedLog(self.path).entries()

    def verify(self, known: Head | None = None) -> Head:
        """Checks the chain; raises governance.chained_log.BrokenLog naming the line that does not follow."""
        return ChainedLog(self.path).verify(known)
