"""What a run did: counts of each feed from the batch log, rows of each mart from the releases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.settings import Home

if TYPE_CHECKING:
    from ingestion.city import City

COUNTS = ("read", "accepted", "duplicate", "quarantined")


def summarise(
    home: Home, city: City, run_id: str, seconds: float, published: bool, failures: Sequence[str]
) -> dict[str, Any]:
    """The summary of a run, as run-summary.json holds it; `attention` lists what a person should look at
    of this run, `alerts` what waits for one in the home."""
    from governance.release import current
    from infra.cli.attention import attention as waiting

    outcomes = _outcomes(home, run_id)
    feeds: list[dict[str, Any]] = []
    attention: list[str] = list(failures)
    for contract in sorted(city.contracts, key=lambda each: each.feed):
        told = [outcome for outcome in outcomes if outcome["feed"] == contract.feed]
        mine = [outcome for outcome in told if outcome["status"] != "failed"]
        feeds.append(
            {
                "feed": contract.feed,
                **{name: sum(outcome[name] or 0 for outcome in mine) for name in COUNTS},
                "batches": len(mine),
            }
        )
        stopped = [outcome for outcome in mine if outcome["status"] == "quarantined"]
        attention += [
            f"{contract.feed}: batch {outcome['batch_id']} was stopped whole: {outcome['reason']}"
            for outcome in stopped
        ]
        attention += [
            f"{contract.feed}: batch {outcome['batch_id']} is taken again by the next run: {outcome['reason']}"
            for outcome in told
            if outcome["status"] == "failed"
        ]
    releases = current(home.serving_dir)
    attention += _held(home, city)
    return {
        "city": city.name,
        "data": city.data_label,
        "run_id": run_id,
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "release": _overall(home),
        "published": published,
        "seconds": round(seconds, 1),
        "feeds": feeds,
        "marts": [
            {"mart": mart.mart, "audience": audience, "rows": mart.rows, "release": release.id}
            for audience, release in sorted(releases.items())
            for mart in release.marts
        ],
        "attention": attention,
        "alerts": waiting(home.lake()),
    }


def _outcomes(home: Home, run_id: str) -> list[dict[str, Any]]:
    """The last outcome of each batch that this run took."""
    import polars as pl

    lake = home.lake()
    if lake.version("control", "batch_log") is None:
        return []
    rows = (
        lake.read("control", "batch_log")
        .filter((pl.col("run_id") == run_id) & (pl.col("event") == "outcome"))
        .collect()
        .sort("logged_at")
        .unique(["feed", "batch_id"], keep="last", maintain_order=True)
    )
    return rows.select("feed", "batch_id", "status", "reason", *COUNTS).to_dicts()


def _held(home: Home, city: City) -> list[str]:
    """A line a mart that is held back by a recall floor: the others, and other audiences, go on."""
    from infra.build import floors

    return [f"held back: {mart}: {reason}" for mart, reason in floors.held(home, floors.states(home, city)).items()]


def _overall(home: Home) -> str:
    from governance.release import overall_id

    return overall_id(home.serving_dir)


def write(home: Home, summary: dict[str, Any]) -> None:
    """Writes run-summary.json, whole or not at all."""
    from infra.stack.processes import write_json

    write_json(home.summary_path, summary, mode=0o644)


def table(summary: dict[str, Any]) -> str:
    """The summary as text for a terminal."""
    lines: list[tuple[str, ...]] = [("feed", "batches", *COUNTS)]
    for feed in summary["feeds"]:
        lines.append((feed["feed"], *(f"{feed[name]:,}" for name in ("batches", *COUNTS))))
    totals = [f"{sum(feed[name] for feed in summary['feeds']):,}" for name in ("batches", *COUNTS)]
    lines.append(("all feeds", *totals))
    marts: list[tuple[str, ...]] = [("mart", "audience", "rows")]
    marts += [(mart["mart"], mart["audience"], f"{mart['rows']:,}") for mart in summary["marts"]]
    told = [f"city {summary['city']} ({summary['data']})", "", _aligned(lines), "", _aligned(marts), ""]
    told += [f"look: {line}" for line in summary["attention"]]
    told += [f"alert: {line}" for line in summary.get("alerts", ())]
    if summary["published"]:
        told.append(f"published release {summary['release']} in {summary['seconds']:,.0f} s")
    else:
        stays = f"release {summary['release']} stays" if summary["release"] else "there is no release yet"
        told.append(f"nothing new: nothing was published; {stays} ({summary['seconds']:,.0f} s)")
    return "\n".join(told)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    made = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [
            text.rjust(width) if text[:1].isdigit() or rows[-1][at][:1].isdigit() else text.ljust(width)
            for at, (text, width) in enumerate(zip(row[1:], widths[1:], strict=True), start=1)
        ]
        made.append("  ".join(cells).rstrip())
    return "\n".join(made)


def read(home: Home) -> dict[str, Any] | None:
    """The last run's summary; None before the first."""
    try:
        found: dict[str, Any] = json.loads(home.summary_path.read_text())
    except FileNotFoundError:
        return None
    return found
