"""What waits for a person in a home: open alerts, drift and failed verdicts in quarantine, late and paused feeds, and
redaction that nobody has reviewed.

`python -m infra.cli.attention` prints the lines, `... docs` builds the Data Docs and prints where they lie: how
`status`, which needs no environment, asks the one that can read a lake.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from infra.settings import Home, current_home

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.lake import Lake

# Rules under which quarantine keeps a batch whole, and what to do about it.
NEXT = {
    "schema_drift": "columns differ from the contract: ./telaga quarantine show, correct the contract, replay",
    "verdict": "was judged failed: ./telaga batch accept, or correct the contract and replay",
    "unreadable": "could not be read: ask the agency for it again",
    "table_rule": "breaks a rule of the table: correct the contract's mapping, then replay",
    "refused_drop": "was refused and moved aside: ask the agency for it again",
}


def attention(lake: Lake) -> list[str]:
    """One line each, by feed; counts and names of batches and columns, no values."""
    return sorted([*_alerts(lake), *_kept(lake), *_late(lake), *_paused(lake), *_unreviewed(lake)])


def _alerts(lake: Lake) -> list[str]:
    from ingestion.lake.alerts import open_alerts

    told = open_alerts(lake).select("feed", "kind", "detail", "logged_at")
    return [f"{feed}: {kind}: {detail} (since {since:%Y-%m-%d})" for feed, kind, detail, since in told.iter_rows()]


def _kept(lake: Lake) -> list[str]:
    import polars as pl

    from ingestion.lake.quarantine import index

    kept = index(lake).filter(pl.col("rule").is_in(list(NEXT))).unique(["feed", "batch_id", "rule"])
    return [f"{feed}: batch {batch} {NEXT[rule]}" for feed, batch, rule in kept["feed", "batch_id", "rule"].iter_rows()]


def _late(lake: Lake) -> list[str]:
    """As the last build found it: freshness belongs to the feed and to the day that the build calls today."""
    import polars as pl

    if lake.version("marts", "feed_quality") is None:
        return []
    late = lake.read("marts", "feed_quality").filter(
        pl.col("is_latest") & pl.col("freshness_status").is_in(["terlambat", "belum_ada"])
    )
    told = late.select("feed", "data_until", "freshness_hours").collect()
    return [
        f"{feed}: never delivered" if until is None else f"{feed}: late: data until {until}, allowed {float(hours):g} h"
        for feed, until, hours in told.iter_rows()
    ]


def _paused(lake: Lake) -> list[str]:
    from ingestion.lake.decisions import paused_feeds

    return [
        f"{feed}: paused since {decision.logged_at:%Y-%m-%d} ({decision.reason}): ./telaga feed resume {feed}"
        for feed, decision in paused_feeds(lake).items()
    ]


def _unreviewed(lake: Lake) -> list[str]:
    """Fields of narratives of real persons whose redaction nobody has reviewed, as the last build found them."""
    import polars as pl

    from governance.recall import FEWEST_SAMPLES

    if lake.version("control", "recall_floors") is None:
        return []
    waits = (pl.col("reviewed") < FEWEST_SAMPLES) & (pl.col("source") != "review") & ~pl.col("is_synthetic")
    told = lake.read("control", "recall_floors").filter(waits).select("feed", "column", "due_on").collect()
    return [
        f"{feed}: redaction of {column} is to be reviewed by {due}: ./telaga review open"
        for feed, column, due in told.iter_rows()
    ]


def docs_path(home: Home) -> Path:
    """Where the Data Docs of a home lie once they were built."""
    return home.root / "data-docs" / "index.html"


def main() -> None:
    home = current_home()
    if sys.argv[1:] == ["docs"]:
        from expectations.data_docs import build

        print(build(home.lake(), docs_path(home).parent))
    else:
        print("\n".join(attention(home.lake())))


if __name__ == "__main__":
    main()
