"""Patterns: planted ones are found, none are found where none are, and times spread as they should."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from estimation.patterns import (
    EACH_DAY,
    GRIDS,
    PATTERN_SCHEMA,
    Grid,
    PatternSettings,
    aoristic_hours,
    benjamini_hochberg,
    time_modus_patterns,
)


def _events(per_cell: dict[str, float], seed: int, planted: tuple[str, int, int, float] | None = None) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    hours = np.exp(0.8 * np.cos(2 * np.pi * (np.arange(24) - 21) / 24))
    rows = []
    for modus, mean in per_cell.items():
        for weekday in range(7):
            for hour in range(24):
                factor = planted[3] if planted is not None and planted[:3] == (modus, weekday, hour // 3) else 1.0
                rows.append(("r", "theft", modus, weekday, hour, int(rng.poisson(mean * hours[hour] * factor))))
    schema = ["region_code", "category", "modus", "weekday", "hour", "n"]
    return pl.DataFrame(rows, schema=schema, orient="row").filter(pl.col("n") > 0)


def test_a_planted_time_is_found_and_named() -> None:
    table = time_modus_patterns(_events({"window": 1.2, "door": 5.0, "other": 5.0}, 1, ("window", 4, 7, 5.0)))
    assert dict(table.schema) == PATTERN_SCHEMA
    found = table.filter(pl.col("is_unusual"))
    assert ("window", "Jumat") in found.select("modus", "weekday_band").rows()
    top = found.sort("score", descending=True).row(0, named=True)
    assert (top["modus"], top["weekday_band"], top["hour_band"]) == ("window", "Jumat", "21-24")
    assert top["ratio"] > 3


def test_nothing_is_found_where_nothing_is() -> None:
    moments = [time_modus_patterns(_events({"window": 1.0, "door": 3.0, "other": 2.0}, seed)) for seed in range(20)]
    assert sum(table["is_unusual"].any() for table in moments) <= 3


def test_thin_cells_are_merged() -> None:
    dense = time_modus_patterns(_events({"window": 10.0, "door": 30.0}, 2)).filter(pl.col("modus") == "window")
    thin = time_modus_patterns(_events({"window": 0.4, "door": 30.0}, 2)).filter(pl.col("modus") == "window")
    assert dense.height == 168
    assert thin.height < 168 and thin["expected"].median() >= 2
    few = time_modus_patterns(_events({"window": 0.03, "door": 30.0}, 2))
    assert few.filter(pl.col("modus") == "window").is_empty()


def test_merging_keeps_every_event() -> None:
    counts = np.random.default_rng(3).poisson(2, (7, 24)).astype(float)
    for grid in GRIDS:
        merged = grid.merge(counts)
        assert merged.shape == (grid.cells,) == (len(grid.names()),)
        assert merged.sum() == counts.sum()
    grid = Grid(3, EACH_DAY)
    assert grid.merge(counts)[grid.names().index(("Rabu", "06-09"))] == counts[2, 6:9].sum()


def test_observed_and_expected_have_the_same_total() -> None:
    table = time_modus_patterns(_events({"window": 2.0, "door": 4.0}, 4))
    totals = table.group_by("modus").agg(pl.col("observed", "expected").sum())
    assert totals["expected"].to_list() == pytest.approx(totals["observed"].to_list(), rel=1e-3)


def test_what_police_discover_has_no_pattern() -> None:
    events = _events({"window": 2.0, "door": 4.0}, 5)
    labelled = pl.concat(
        [events.with_columns(reported_by=pl.lit("citizen")), events.with_columns(reported_by=pl.lit("officer"))]
    )
    assert time_modus_patterns(labelled).equals(time_modus_patterns(events))
    excluded = PatternSettings(excluded_categories=frozenset({"theft"}))
    assert time_modus_patterns(events, excluded).is_empty()


def test_an_unrecorded_modus_is_a_row_of_its_own() -> None:
    events = _events({"window": 2.0, "door": 4.0}, 7).with_columns(
        modus=pl.when(pl.col("modus") == "door").then(None).otherwise("modus")
    )
    assert set(time_modus_patterns(events)["modus"]) == {"window", "tidak terklasifikasi"}


def test_benjamini_hochberg_by_hand() -> None:
    # Limits are .0125, .025, .0375, .05: the third passes though the second alone would not.
    p = np.array([0.9, 0.01, 0.03, 0.028])
    assert benjamini_hochberg(p, 0.05).tolist() == [False, True, True, True]
    assert not benjamini_hochberg(np.array([0.04, 0.9]), 0.05).any()


def _span(start: datetime | None, end: datetime | None) -> pl.DataFrame:
    schema = {"occurred_from": pl.Datetime(), "occurred_to": pl.Datetime(), "modus": pl.String()}
    return pl.DataFrame([(start, end, "window")], schema=schema, orient="row")


def test_aoristic_spreads_by_the_minute() -> None:
    # Friday 22:30 to Saturday 01:00: 30, 60 and 60 of 150 minutes.
    table = aoristic_hours(_span(datetime(2025, 1, 3, 22, 30), datetime(2025, 1, 4, 1, 0))).sort("weekday", "hour")
    assert table.select("weekday", "hour").rows() == [(4, 22), (4, 23), (5, 0)]
    assert table["n"].to_list() == pytest.approx([0.2, 0.4, 0.4])
    assert table["modus"].unique().to_list() == ["window"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(2025, 1, 3, 22, 30), datetime(2025, 1, 3, 22, 30)),
        (datetime(2025, 1, 3, 22, 30), None),
        (None, datetime(2025, 1, 3, 22, 0)),
    ],
)
def test_one_moment_counts_whole(start: datetime | None, end: datetime | None) -> None:
    assert aoristic_hours(_span(start, end)).select("weekday", "hour", "n").rows() == [(4, 22, 1.0)]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, None),
        (datetime(2025, 1, 3), datetime(2025, 1, 2)),
        (datetime(2025, 1, 1), datetime(2025, 1, 20)),
    ],
)
def test_what_says_nothing_of_the_hour_is_left_out(start: datetime | None, end: datetime | None) -> None:
    assert aoristic_hours(_span(start, end)).is_empty()


def test_times_out_of_range_stop_it() -> None:
    events = _events({"window": 1.0}, 6).with_columns(hour=pl.lit(24))
    with pytest.raises(ValueError, match="hour outside"):
        time_modus_patterns(events)


def test_a_modus_whose_every_hour_is_another_s_does_not_hide_itself() -> None:
    """Most of its cells stray, so that its own middle is no measure of ordinary unrest."""
    random = np.random.default_rng(5)
    rows = []
    for modus, total in (("malam", 300), ("biasa", 900), ("lain", 700), ("sisa", 1100)):
        mean = np.full((7, 24), total / 168)
        if modus == "malam":
            mean = np.full((7, 24), 0.3 * total / 168)
            mean[:, 18:] += 0.7 * total / 42
        rows += [("r", "theft", modus, d, h, n) for (d, h), n in np.ndenumerate(random.poisson(mean)) if n]
    schema = ["region_code", "category", "modus", "weekday", "hour", "n"]
    found = time_modus_patterns(pl.DataFrame(rows, schema=schema, orient="row")).filter("is_unusual")
    assert set(found["modus"]) == {"malam"}
    assert found.height >= 3
