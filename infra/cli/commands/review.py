"""Residual-risk review by people: what redaction missed or took too much of, in samples sealed to the officer's key.

open    shows one narrative after another and takes marks; a tenth is offered twice, to another reviewer or a day later
mark    takes marks from a file: [{"id": ..., "missed": [[from, to, type]], "excessive": [place from 0]}]
list    how much was read of which field and letter case; --ids opens the samples and names those that wait
result  recall and excess with intervals, agreement of two readings, and each field against its floor
lift    lets releases go on although a bound lies under its floor: who and why is logged
Texts are in memory alone; kept are positions, types and counts. Each opening stands in the access log.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.settings import Home, SettingsError, current_home

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from governance.access_log import AccessLog
    from governance.review import Marks, Sample
    from ingestion.city import City

SUMMARY = "review samples of redaction, see its recall, lift a recall floor"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: ./telaga review open --reviewer 'Ani Lestari' --count 20"
    below = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    opened = below.add_parser("open", aliases=["next"], help="show samples one by one and mark them")
    opened.add_argument("--count", type=int, default=10, metavar="N", help="at most so many (default 10)")
    opened.set_defaults(act=_open)
    mark = below.add_parser("mark", help="take marks from a JSON file")
    mark.add_argument("file", type=Path, metavar="FILE", help='[{"id": ..., "missed": [...], "excessive": [...]}]')
    mark.set_defaults(act=_mark)
    listed = below.add_parser("list", help="what was read and what waits")
    listed.add_argument("--ids", action="store_true", help="open the samples and name those that wait")
    listed.set_defaults(act=_list)
    for action in (opened, mark, listed):
        action.add_argument("--reviewer", metavar="NAME", required=action is not listed, help="who reads")
        action.add_argument("--key", type=Path, metavar="FILE", help="the officer's private key (default: the home's)")
        action.add_argument("--feed", metavar="FEED", help="this feed alone")
    below.add_parser("result", help="recall, excess, agreement and floors").set_defaults(act=_result)
    lift = below.add_parser("lift", help="let releases go on under the floor")
    lift.add_argument("feed", metavar="FEED")
    lift.add_argument("column", metavar="FIELD")
    lift.add_argument("--by", required=True, metavar="NAME", help="the officer who decides")
    lift.add_argument("--reason", required=True, metavar="TEXT")
    lift.set_defaults(act=_lift)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action."""
    return int(arguments.act(arguments))


def _open(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from governance.review import note_opening, waiting
    from infra.cli.reviewing import Stopped, other_screen, read

    home, reviewer = current_home(), _reviewer(arguments)
    left = waiting(_samples(home, arguments), _reviews(home), reviewer=reviewer, now=datetime.now(UTC))
    console, done = Console(), 0
    chosen = left[: max(arguments.count, 0)]
    try:
        with other_screen(console):
            for number, (sample, reading) in enumerate(chosen, start=1):
                note_opening(_log(home), sample, reviewer)
                again = ", second reading" if reading == 2 else ""
                heading = f"{number} of {len(chosen)}: {sample.feed}, {sample.column}, {sample.letter_case}{again}"
                marks = read(console, lambda: console.input("> "), sample, heading)
                if marks is not None:
                    _keep(home, [(sample, marks, reading)], reviewer)
                    done += 1
    except (Stopped, KeyboardInterrupt):
        pass
    print(f"{done} samples marked by {reviewer}; {len(left) - done} more wait", file=sys.stderr)
    return 0


def _mark(arguments: argparse.Namespace) -> int:
    import json

    from governance.review import BadMarks, check, marks_of, note_opening, waiting

    home, reviewer = current_home(), _reviewer(arguments)
    try:
        said = json.loads(arguments.file.read_text(encoding="utf-8"))
        wanted = {str(each["id"]): each for each in said}
    except (OSError, ValueError, TypeError, KeyError):
        raise SettingsError(f"{arguments.file}: no marks; write a JSON list of id, missed, excessive") from None
    if len(wanted) != len(said):
        raise SettingsError(f"{arguments.file}: a sample stands there twice")
    left = {
        sample.id: (sample, reading)
        for sample, reading in waiting(
            _samples(home, arguments), _reviews(home), reviewer=reviewer, now=datetime.now(UTC)
        )
    }
    unknown = sorted(wanted.keys() - left.keys())
    if unknown:
        raise SettingsError(f"sample {unknown[0]} does not wait for {reviewer}: ./telaga review list --ids names those")
    kept = []
    for name, each in wanted.items():
        sample, reading = left[name]
        try:
            marks = marks_of(each, sample)
            check(sample, marks)
        except BadMarks as error:
            raise SettingsError(f"{error}; nothing was kept of {arguments.file.name}") from None
        kept.append((sample, marks, reading))
    for sample, _, _ in kept:
        note_opening(_log(home), sample, reviewer)
    _keep(home, kept, reviewer)
    missed, taken = sum(len(m.missed) for _, m, _ in kept), sum(len(m.excessive) for _, m, _ in kept)
    print(f"{len(kept)} samples marked by {reviewer}: {missed} spans missed, {taken} taken that were none")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    import polars as pl

    from governance.review import NOTHING, PURPOSE, sealed_files, waiting

    home = current_home()
    done = _reviews(home)
    files = sealed_files(home.lake(), arguments.feed)
    per_feed: dict[str, int] = {}
    for path in files:
        feed = path.split("/")[2]
        per_feed[feed] = per_feed.get(feed, 0) + 1
    for feed, count in per_feed.items():
        print(f"{feed}  {count} batches with samples")
    read = done.filter(pl.col("entity_type") == NOTHING)
    counted = read.group_by("feed", "column", "letter_case").agg(
        once=(pl.col("reading") == 1).sum(), twice=(pl.col("reading") == 2).sum()
    )
    for row in counted.sort("feed", "column", "letter_case").iter_rows(named=True):
        where = f"{row['feed']}  {row['column']}  {row['letter_case']}"
        print(f"{where}  {row['once']} read, {row['twice']} of them twice")
    if not files:
        print("no samples are sealed yet: landing draws them from narratives", file=sys.stderr)
    if arguments.ids:
        reviewer = _reviewer(arguments)
        _log(home).record(
            actor=reviewer,
            action="review",
            subject=f"officer/samples: {len(files)} files opened to name what waits",
            purpose=PURPOSE,
            audience="privacy",
        )
        left = waiting(_samples(home, arguments), done, reviewer=reviewer, now=datetime.now(UTC))
        for sample, reading in left:
            second = "  second reading" if reading == 2 else ""
            print(f"{sample.id}  {sample.feed}  {sample.column}  {sample.letter_case}{second}")
    return 0


def _result(_: argparse.Namespace) -> int:
    from rich.console import Console

    from governance.review import agreement, measured
    from infra.build import floors

    home, city = _home_and_city()
    done = _reviews(home)
    shares = ["samples", "spans", "missed", "recall", "excessive", "excess"]
    console = Console(width=160)
    for title, by in (
        ("by field", ["feed", "column"]),
        ("by field and letter case", ["feed", "column", "letter_case"]),
        ("by field and type", ["feed", "column", "entity_type"]),
    ):
        _table(console, title, measured(done, by), [*by, *shares])
    told = agreement(done)
    shared = "" if told.shared is None else f", {told.shared:.3f} of all marks made by both"
    print(
        f"read twice: {told.samples} samples, {told.same} with the very same marks "
        f"({told.lower:.3f} - {told.upper:.3f}){shared}"
    )
    for state in floors.states(home, city):
        bound = "unmeasured" if state.recall_lower is None else f"at least {state.recall_lower:.3f} ({state.source})"
        synthetic = ", synthetic data: no review is due" if state.is_synthetic else f", review due {state.due_on}"
        held = "  RELEASES HELD BACK" if state.is_held else "  lifted" if state.is_lifted else ""
        print(
            f"{state.feed}  {state.column}  {state.found_by}: recall {bound}, floor {state.recall_floor:g}, "
            f"{state.status}{synthetic}{held}"
        )
    return 0


def _lift(arguments: argparse.Namespace) -> int:
    from governance.recall import NothingToLift, lift
    from infra.airflow.runtime import writers
    from infra.build import floors

    home, city = _home_and_city()
    try:
        with writers(home).writing("control"):
            lift(
                home.lake(),
                floors.states(home, city),
                _log(home),
                arguments.feed,
                arguments.column,
                by=arguments.by,
                reason=arguments.reason,
                now=datetime.now(UTC),
            )
    except (NothingToLift, ValueError) as error:
        raise SettingsError(str(error)) from None
    print(f"{arguments.feed} {arguments.column}: lifted by {arguments.by}; the next ./telaga run releases it")
    return 0


def _keep(home: Home, marked: Sequence[tuple[Sample, Marks, int]], reviewer: str) -> None:
    from governance.review import record
    from infra.airflow.runtime import writers

    lake, now = home.lake(), datetime.now(UTC)
    finders = _finders(home)
    with writers(home).writing("control"):
        for sample, marks, reading in marked:
            found_by = finders.get((sample.feed, sample.column, sample.batch_id), "unknown")
            record(lake, sample, marks, reviewer=reviewer, reading=reading, found_by=found_by, now=now)


def _finders(home: Home) -> dict[tuple[str, str, str], str]:
    """(feed, column, batch) -> what found, as the batch landed last."""
    lake = home.lake()
    if lake.version("control", "redaction_narratives") is None:
        return {}
    names = ["feed", "column", "batch_id", "found_by"]
    told = lake.read("control", "redaction_narratives").select(*names, "logged_at").collect().sort("logged_at")
    return {(feed, column, batch): found_by for feed, column, batch, found_by in told.select(names).iter_rows()}


def _samples(home: Home, arguments: argparse.Namespace) -> list[Sample]:
    """Every sealed sample of the feed, or of all, opened in memory."""
    from governance.review import open_samples, sealed_files
    from ingestion.sealing import OFFICER_KEY

    lake, key = home.lake(), arguments.key or home.keys_dir / OFFICER_KEY
    if not key.is_file():
        raise SettingsError(f"no private key at {key}; name the officer's with --key")
    return [
        sample for path in sealed_files(lake, arguments.feed) for sample in open_samples(lake, path, key.absolute())
    ]


def _reviews(home: Home) -> pl.DataFrame:
    from governance.review import reviews

    return reviews(home.lake())


def _log(home: Home) -> AccessLog:
    from governance.access_log import AccessLog

    return AccessLog(home.serving_dir / "access.jsonl")


def _reviewer(arguments: argparse.Namespace) -> str:
    name = (arguments.reviewer or "").strip()
    if not name:
        raise SettingsError("a review is somebody's: name them with --reviewer")
    return name


def _home_and_city() -> tuple[Home, City]:
    from ingestion.city import load_city

    home = current_home()
    state = home.state()
    if state is None:
        raise SettingsError(f"{home.root} holds no city yet: run ./telaga demo or ./telaga run first")
    return home, load_city(state.city_dir)


def _table(console: Any, title: str, frame: pl.DataFrame, columns: list[str]) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None)
    for name in columns:
        table.add_column(name)
    for row in frame.iter_rows(named=True):
        table.add_row(*(_cell(row, name) for name in columns))
    console.print(table)


def _cell(row: dict[str, Any], name: str) -> str:
    if f"{name}_lower" in row:
        if row[name] is None:
            return "-"
        return f"{row[name]:.3f} ({row[f'{name}_lower']:.3f} - {row[f'{name}_upper']:.3f})"
    return str(row[name])
