"""Chain of custody of a sealed drop: the digest of its original in the access log, its batch, the tables, builds and
releases that came of it. Names, numbers and digests only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from governance.access_log import AccessLog
    from governance.chained_log import ChainedLog
    from ingestion.contract import Contract
    from ingestion.lake import Lake

RECEIVE = "receive"


@dataclass(frozen=True)
class Link:
    """One link of the chain, in order; `at` is UTC in ISO 8601."""

    at: str
    what: str


def receiver(log: AccessLog, contract: Contract, actor: str) -> Callable[[str, str], object]:
    """What the landing tells of each original that it opens: batch and sha-256, before anything of it is committed."""

    def received(batch_id: str, digest: str) -> object:
        return log.record(
            actor=actor,
            action=RECEIVE,
            subject=f"{contract.feed}/{batch_id}",
            purpose=contract.purpose,
            digest=digest,
        )

    return received


def trace(lake: Lake, log: AccessLog, releases: ChainedLog, wanted: str) -> list[Link]:
    """The chain of the drop with that sha-256 (or its beginning, of at least 12 digits), or of that batch; empty where
    there is none."""
    entries = [entry for entry in log.entries() if entry["action"] == RECEIVE and _is_of(entry, wanted)]
    links = []
    for entry in entries:
        told = f"received {entry['subject']}, sha-256 {entry['content_digest']}"
        links.append(Link(entry["logged_at"], f"{told}, access log entry {entry['sequence']}"))
    for feed, batch_id in sorted({tuple(entry["subject"].split("/", 1)) for entry in entries}):
        links += _of_batch(lake, releases, feed, batch_id)
    return sorted(links, key=lambda link: link.at)


def _is_of(entry: dict[str, Any], wanted: str) -> bool:
    is_digest = len(wanted) >= 12 and entry["content_digest"].startswith(wanted)
    return is_digest or entry["subject"].split("/", 1)[1] == wanted


def _of_batch(lake: Lake, releases: ChainedLog, feed: str, batch_id: str) -> Iterator[Link]:
    if lake.version("control", "batch_log") is None:
        return
    mine = (pl.col("feed") == feed) & (pl.col("batch_id") == batch_id) & (pl.col("event") == "outcome")
    outcomes = lake.read("control", "batch_log").filter(mine).collect().sort("logged_at")
    builds = _builds(lake)
    for outcome in outcomes.iter_rows(named=True):
        table, version = f"minimised/{outcome['entity']}", outcome["table_version"]
        at = f" in version {version} of {table}" if version is not None else ""
        yield Link(
            outcome["logged_at"].isoformat(),
            f"{outcome['status']}{at}: read {outcome['read']}, accepted {outcome['accepted']}, duplicate "
            f"{outcome['duplicate']}, quarantined {outcome['quarantined']}",
        )
        if version is None:
            continue
        holding = [build for build in builds if build["inputs"].get(table.replace("/", "__"), -1) >= version]
        for build in holding[:1]:
            yield Link(build["at"], f"built by run {build['run_id']} into {len(build['outputs'])} marts")
            yield from _released(releases, build)


def _builds(lake: Lake) -> list[dict[str, Any]]:
    if lake.version("control", "build_log") is None:
        return []
    rows = lake.read("control", "build_log").filter(pl.col("event") == "outcome").collect().sort("logged_at")
    return [
        {
            "run_id": row["run_id"],
            "at": row["logged_at"].isoformat(),
            "inputs": json.loads(row["inputs"]),
            "outputs": json.loads(row["outputs"]),
        }
        for row in rows.iter_rows(named=True)
    ]


def _released(releases: ChainedLog, build: dict[str, Any]) -> Iterator[Link]:
    """The first release for each audience that shows a mart as this build left it."""
    seen: set[str] = set()
    for entry in releases.entries():
        if entry.get("event") != "released" or entry["audience"] in seen:
            continue
        shown = [mart for mart in entry.get("marts", ()) if build["outputs"].get(mart["mart"]) == mart["delta_version"]]
        if shown:
            seen.add(entry["audience"])
            yield Link(entry["logged_at"], f"released to {entry['audience']} as {entry['release']}, {len(shown)} marts")
