"""What minimisation costs inside the walk: its share of the time in which police records with narratives and camera
events land.

Nusantara as the simulator plays it is landed by the project's own walk, feed by feed; the parts that minimise are timed
where they are called, in the same run. Wall time: narratives are read by two processes beside the one that lands.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figure

if TYPE_CHECKING:
    from infra.settings import Home
    from ingestion.land import LandingContext

SUMMARY = "minimisation: its share of landing time, narratives and camera events"
ENVIRONMENT = "main"

RECORDS, EVENTS, DAYS = 50_000, 5_000_000, 180
POLICE = "polda_kaltim.police_records"
# Landed first: nothing is located before regions, nothing recognised before stations.
FIRST = ("region", "place")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", type=float, default=1.0, help="share of 50,000 narratives and 5,000,000 events")
    parser.add_argument("--models", type=Path, help="folder of the name model (default: none, rules alone)")
    parser.epilog = "example: ./telaga bench minimisation --size 0.1"


def run(arguments: argparse.Namespace) -> list[Figure]:
    """Two shares with what they are shares of, and the speeds."""
    records, events = round(RECORDS * arguments.size), round(EVENTS * arguments.size)
    with tempfile.TemporaryDirectory(prefix="telaga-minimisation-") as folder:
        from infra.settings import Home

        return _measured(Home(Path(folder)), records, events, arguments.models)


def _measured(home: Home, records: int, events: int, models: Path | None) -> list[Figure]:
    from infra.settings import city_folder
    from infra.simulator import police_cluster, simulate
    from ingestion.city import load_city
    from ingestion.land import LandingContext
    from ingestion.minimise.pseudonyms import KeyRing
    from ingestion.profile import Verdict

    city = load_city(city_folder("nusantara"))
    home.make()
    _tell(f"playing {records:,} police records and {events:,} camera events")
    result = simulate(home, events=events, records=records, days=DAYS, keep_running=True)
    context = LandingContext(
        lake=home.lake(),
        city=city,
        keys=KeyRing(home.keys_dir),
        run_id="bench",
        as_of=result.as_of,
        judge=lambda profile: Verdict(True),
        models=models or home.root / "models",
    )
    try:
        for entity in FIRST:
            for contract in city.contracts:
                if contract.entity == entity:
                    _land(home, context, contract.feed)
        narratives = _timed_landing(home, context, [POLICE])
        cameras = [contract.feed for contract in city.contracts if contract.entity == "camera_event"]
        return [
            *_figures("narratives", *narratives),
            *_figures("camera events", *_timed_landing(home, context, cameras)),
        ]
    finally:
        police_cluster(home).stop()


def _timed_landing(home: Home, context: LandingContext, feeds: list[str]) -> tuple[int, float, Counter[str]]:
    """(rows read, seconds of landing, seconds of each part that minimises)."""
    rows, seconds = 0, 0.0
    spent: Counter[str] = Counter()
    with _parts_timed(spent):
        for feed in feeds:
            _tell(f"landing {feed}")
            began = time.perf_counter()
            rows += _land(home, context, feed)
            seconds += time.perf_counter() - began
    return rows, seconds, spent


def _land(home: Home, context: LandingContext, feed: str) -> int:
    from infra.simulator import police_uri
    from ingestion.connectors import connector_for
    from ingestion.land import land_feed

    contract = context.city.feed(feed)
    credentials = {"uri": police_uri(home), "extra": ""} if contract.server.get("connection_id") else {}
    places = {"simulation": str(home.simulation_dir)}
    connector = connector_for(contract, credentials=credentials, places=places, keys_dir=home.keys_dir)
    return land_feed(contract, connector, context, max_seconds=float("inf")).read


@contextmanager
def _parts_timed(spent: Counter[str]) -> Iterator[None]:
    """Adds to `spent` the seconds of each part of the walk that minimises, while it is called within."""
    import ingestion.land as walk
    from ingestion.lake.officer import OfficerFiles
    from ingestion.minimise.extraction import NarrativeReading

    parts = [
        (NarrativeReading, "read", "narratives read"),
        (OfficerFiles, "add", "officer's files"),
        (OfficerFiles, "close", "officer's files"),
        (walk, "minimise", "columns and keys"),
        (walk, "seal_original", "originals sealed"),
    ]
    kept = [(where, name, getattr(where, name)) for where, name, _ in parts]
    for where, name, part in parts:
        setattr(where, name, _timed(getattr(where, name), part, spent))
    try:
        yield
    finally:
        for where, name, function in kept:
            setattr(where, name, function)


def _timed(function: Callable[..., Any], part: str, spent: Counter[str]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*given, **named)
        finally:
            spent[part] += time.perf_counter() - began  # type: ignore[assignment]

    return timed


def _figures(title: str, rows: int, seconds: float, spent: Counter[str]) -> list[Figure]:
    figures = [Figure("", f"{title}: share of landing in minimisation", spent.total() / seconds, n=rows)]
    figures += [Figure("", f"{title}: share in {part}", value / seconds) for part, value in sorted(spent.items())]
    figures.append(Figure("", f"{title}: rows landed a second", rows / seconds, n=rows))
    return figures


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
