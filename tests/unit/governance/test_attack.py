"""An attacker finds no count of 1 - 7 in what is shown, and does find it in what is kept back."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from estimation.goalposts import Goalposts
from estimation.index import IndexEstimate, region_index
from estimation.periods import months_between
from estimation.protection import protected
from estimation.settings import IndexSettings
from governance.bands import band_of, number, settled
from tests.support import attacker

MONTHS = months_between(date(2025, 1, 1), date(2026, 6, 1))
REGIONS = [f"1.{number}" for number in range(8)]
POSTS = Goalposts(best=8_000.0, worst=800_000.0)
SCALE = attacker.Scale(POSTS.best, POSTS.worst)
SETTINGS = IndexSettings(
    as_of=date(2026, 6, 30),
    base_from=date(2025, 1, 1),
    base_to=date(2025, 12, 31),
    levels=("kabupaten", "kecamatan"),
    index_level="kecamatan",
    goalposts={"crime": POSTS},
    period_types=("month",),
    draws=200,
    # As the build estimates, one decimal; the attack on what is not protected reads more, as a rate would tell it.
    decimals=4,
    rse_withheld=9.0,
)
WEIGHTS = {"robbery": 730.0, "assault": 60.0, "burglary": 180.0, "theft": 30.0, "public_order": 7.0}
GROUPS = {
    "robbery": "violence",
    "assault": "violence",
    "burglary": "property",
    "theft": "property",
    # A group of one category: the easiest part to take out of an index.
    "public_order": "disorder",
}
RATES = {"robbery": 0.6, "assault": 2.0, "burglary": 1.5, "theft": 4.0, "public_order": 3.0}
SEVERITY = pl.DataFrame(
    {
        "category": list(WEIGHTS),
        "category_group": list(GROUPS.values()),
        "weight_days": list(WEIGHTS.values()),
        "penalty_days": [3285.0, 973.0, 2555.0, 1825.0, 3.0],
        "counts_in_index": [True] * 5,
    }
)


@pytest.fixture(scope="module")
def by_category() -> pl.DataFrame:
    """Counts by region and month; months differ much, so that little is shrunk and much can be had back."""
    random = np.random.default_rng(11)
    rows = [
        (code, "month", month, category, int(random.poisson(rate * (1 + place / 4) * random.gamma(1.0, 0.8))))
        for place, code in enumerate(REGIONS)
        for month in MONTHS
        for category, rate in RATES.items()
    ]
    return pl.DataFrame(rows, schema=[*attacker.KEYS, "category", "n"], orient="row")


@pytest.fixture(scope="module")
def counts(by_category: pl.DataFrame) -> pl.DataFrame:
    grouped = by_category.with_columns(category_group=pl.col("category").replace_strict(GROUPS))
    return grouped.group_by(*attacker.KEYS, "category_group").agg(pl.col("n").sum())


@pytest.fixture(scope="module")
def estimate(by_category: pl.DataFrame) -> IndexEstimate:
    incidents = by_category.select("region_code", "period_start", "category", "n").filter(pl.col("n") > 0)
    regions = pl.DataFrame(
        [("1", "kabupaten", None, None, None), *((code, "kecamatan", "1", 40_000, True) for code in REGIONS)],
        schema=["region_code", "level", "parent_code", "population", "is_official"],
        orient="row",
    )
    return region_index(incidents, regions, SEVERITY, SETTINGS)


def right(claims: dict[attacker.Cell, int], counts: pl.DataFrame) -> int:
    """Claims that are true."""
    known = {row[:-1]: row[-1] for row in counts.iter_rows()}
    return sum(known.get(cell) == n for cell, n in claims.items())


@pytest.fixture(scope="module")
def learned(estimate: IndexEstimate, by_category: pl.DataFrame) -> attacker.Learned:
    return attacker.learn(estimate.index, by_category, SCALE)


@pytest.fixture(scope="module")
def bands(counts: pl.DataFrame) -> dict[attacker.Cell, str]:
    return {row[:3]: band_of(row[3]) for row in counts.group_by(attacker.KEYS).agg(pl.col("n").sum()).iter_rows()}


def test_an_index_told_exactly_gives_its_counts_away(
    estimate: IndexEstimate, learned: attacker.Learned, counts: pl.DataFrame
) -> None:
    claims = attacker.invert_parts(estimate.index, estimate.components, SCALE, learned, GROUPS, 1e-4)
    assert right(claims, counts) > 20


def test_an_index_as_it_is_shown_gives_none(
    estimate: IndexEstimate, learned: attacker.Learned, counts: pl.DataFrame, bands: dict[attacker.Cell, str]
) -> None:
    shown = protected(estimate.index, estimate.components)
    claims = attacker.invert_parts(*shown, SCALE, learned, GROUPS, 1.0)
    claims |= attacker.solve_together(*shown, SCALE, learned, GROUPS, bands, 1.0)
    assert right(claims, counts) == 0


def test_changes_are_differences_of_what_is_shown_and_parts_add_up(estimate: IndexEstimate) -> None:
    index, parts = protected(estimate.index, estimate.components)
    shown = index.filter(pl.col("index_value").is_not_null())
    assert dict(index.schema) == dict(estimate.index.schema)
    assert (shown["index_value"] % 1 == 0).all()
    assert (shown["index_lower"] <= shown["index_value"]).all() and (shown["index_value"] <= shown["index_upper"]).all()
    summed = parts.group_by(attacker.KEYS).agg(pl.col("share_points").sum())
    both = summed.join(shown, on=attacker.KEYS)
    assert both.height == shown.height
    assert (both["share_points"] + both["index_value"] == 100).all()
    earlier = shown.select(
        "region_code", period_start=pl.col("period_start").dt.offset_by("1mo"), earlier="index_value"
    )
    changed = shown.filter(pl.col("change_previous").is_not_null()).join(earlier, on=["region_code", "period_start"])
    assert changed.height > 100
    assert (changed["change_previous"] == changed["index_value"] - changed["earlier"]).all()
    assert (changed["change_previous_lower"] <= changed["change_previous"]).all()


def test_few_events_are_told_in_steps_of_five_and_together() -> None:
    row = {
        "region_code": "a", "period_type": "month", "period_start": date(2026, 5, 1), "index_value": 61.3,
        "index_lower": 52.2, "index_upper": 71.0, "sensitivity_lower": 60.0, "sensitivity_upper": 66.0,
        "change_previous": None, "change_previous_lower": None, "change_previous_upper": None, "change_year": None,
        "change_year_lower": None, "change_year_upper": None, "p_among_worst": 0.31,
    }  # fmt: skip
    numbers = {name: pl.Float64 for name in row if name not in attacker.KEYS}
    index = pl.DataFrame([row], schema_overrides=numbers)
    keys = {name: row[name] for name in attacker.KEYS}
    parts = pl.DataFrame(
        [
            {**keys, "dimension": "crime", "category_group": group, "share_points": points, "events": n}
            for group, points, n in (("violence", 20.0, 2), ("property", 15.7, 5), ("disorder", 3.0, 0))
        ]
    )
    told, merged = protected(index, parts)
    assert told.select("index_value", "index_lower", "index_upper", "p_among_worst").row(0) == (60, 50, 75, 0.4)
    # Two groups of 7 events together are still too few: the quiet one joins them.
    assert merged.select("category_group", "share_points").rows() == [("merged", 40.0)]
    more = parts.with_columns(events=pl.Series([2, 9, 0]))
    told, merged = protected(index, more)
    assert told["index_value"].to_list() == [61.0]
    assert merged.select("category_group", "share_points").rows() == [("disorder", 3.0), ("merged", 36.0)]


PARENTS = {"K": None, "A": "K", "B": "K", "C": "K", "D": "K"}
MONTH = date(2026, 5, 1)


def bands_of(counts: dict[str, int], whole: str) -> pl.DataFrame:
    rows: list[tuple[object, ...]] = [(code, "K", "month", MONTH, band_of(n)) for code, n in counts.items()]
    rows += [("K", None, "month", MONTH, whole)]
    return pl.DataFrame(
        rows, schema=["region_code", "parent_code", "period_type", "period_start", "band"], orient="row"
    )


def test_a_part_is_had_back_from_a_whole_that_was_counted_and_not_from_one_that_is_a_sum() -> None:
    # Each rounded on its own, all as far as may be: 12 + 12 + 12 + 7 = 43, shown as 10, 10, 10, <8 and 45.
    counts = {"A": 12, "B": 12, "C": 12, "D": 7}
    how = {"finest": set(counts), "parents": PARENTS}
    counted = attacker.subtract_parts(bands_of(counts, "45"), "band", ["period_type", "period_start"], **how)  # type: ignore[arg-type]
    assert attacker.sure(counted) == {("D", "month", MONTH): 7}
    summed = attacker.subtract_parts(bands_of(counts, "35"), "band", ["period_type", "period_start"], **how)  # type: ignore[arg-type]
    assert attacker.sure(summed) == {}
    assert summed["D", "month", MONTH] == (1, 7)


def test_one_late_record_moves_no_band_of_the_next_release() -> None:
    before = bands_of({"A": 0, "B": 7, "C": 12, "D": 30}, "55")
    after = bands_of({"A": 1, "B": 8, "C": 13, "D": 30}, "60")
    grain = ("region_code", "period_type", "period_start")

    def known(frame: pl.DataFrame) -> dict[attacker.Cell, str]:
        return {row[:1]: row[1] for row in frame.select("region_code", "band").iter_rows()}

    assert attacker.late_record(known(before), known(after)) == {("B",): 7}
    steady = settled(after, before, "band", grain)
    assert attacker.late_record(known(before), known(steady)) == {}
    assert known(steady) == {("A",): "0", ("B",): "<8", ("C",): "10", ("D",): "30", ("K",): "45"}
    # What has moved two bands away is told, and the whole with it.
    moved = settled(bands_of({"A": 9, "B": 14, "C": 13, "D": 19}, "55"), before, "band", grain)
    assert known(moved) == {("A",): "10", ("B",): "15", ("C",): "10", ("D",): "20", ("K",): "55"}


def test_a_quarter_is_the_sum_of_the_bands_of_its_months() -> None:
    rows = [("A", None, "month", date(2026, month, 1), band) for month, band in ((4, "<8"), (5, "10"), (6, "0"))]
    rows.append(("A", None, "quarter", date(2026, 4, 1), "15"))
    frame = pl.DataFrame(
        rows, schema=["region_code", "parent_code", "period_type", "period_start", "band"], orient="row"
    )
    before = frame.with_columns(band=pl.Series(["10", "10", "0", "20"]))
    steady = settled(frame, before, "band", ("region_code", "period_type", "period_start"))
    assert steady["band"].to_list() == ["10", "10", "0", "20"]
    assert [number(band) for band in ("0", "<8", "15")] == [0, 4, 15]


def test_shares_and_rates_of_exact_counts_give_them_away_and_of_what_bands_show_do_not() -> None:
    # 3 of 10, told as 30 %: of 8 to 12 only 3 of 10 fits.
    assert attacker.of_a_share(30.0, (8, 12), 1.0) == 3
    shown = {round(100 * 4 / number(band_of(n))) for n in range(8, 13)}
    assert shown == {40}
    # Whichever of 1 - 7 it is, the share is the same one: nothing is learned but the band.
    assert {round(100 * number(band_of(k)) / number(band_of(10))) for k in range(1, 8)} == {40}
    assert attacker.of_a_rate(15.0, 40_000, 0.1) == 6
    rate = round(number(band_of(6)) * 1e5 / 40_000, 1)
    assert attacker.of_a_rate(rate, 40_000, 0.1, shown=(0, 4, *range(10, 100, 5))) is None
