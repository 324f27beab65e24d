"""The risk surface: what it rests on, what it leaves out, and what a value may stand on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import h3
import numpy as np
import polars as pl
import pytest

from estimation.risk_surface import SURFACE_SCHEMA, risk_surface
from estimation.settings import SurfaceSettings

AS_OF = date(2026, 6, 30)  # a Tuesday
MONDAY = date(2026, 6, 29)
CENTRE = h3.latlng_to_cell(-0.97, 116.7, 9)
CELLS = sorted(h3.grid_disk(CENTRE, 12))
HOT = CELLS[40]
SETTINGS = SurfaceSettings(as_of=AS_OF, weeks=2)
BANDS = ("00-06", "06-12", "12-18", "18-24")


def incidents(
    cells: list[str], days: int = 300, each_day: int = 4, seed: int = 1, last: date = AS_OF, band: str | None = None
) -> pl.DataFrame:
    """Counts of `each_day` incidents a day in cells drawn at random."""
    random = np.random.default_rng(seed)
    number = days * each_day
    return pl.DataFrame(
        {
            "h3_cell": random.choice(cells, number),
            "local_date": [last - timedelta(days=index // each_day) for index in range(number)],
            "hour_band": [band] * number if band else random.choice(BANDS, number),
            "category": ["theft"] * number,
            "n": [1] * number,
        }
    )


@pytest.fixture(scope="module")
def counts() -> pl.DataFrame:
    """Two incidents a day somewhere in the city and two in one cell."""
    return pl.concat([incidents(CELLS, each_day=2), incidents([HOT], each_day=2, seed=2)])


@pytest.fixture(scope="module")
def surface(counts: pl.DataFrame) -> pl.DataFrame:
    return risk_surface(counts, CELLS, SETTINGS)


def all_day(surface: pl.DataFrame, week: date = MONDAY) -> pl.DataFrame:
    return surface.filter((pl.col("hour_band") == "all") & (pl.col("week_start") == week))


def test_every_cell_week_and_band_has_one_row(surface: pl.DataFrame) -> None:
    assert dict(surface.schema) == SURFACE_SCHEMA
    assert surface.height == len(CELLS) * 2 * 5
    assert surface.select("h3_cell", "week_start", "hour_band").is_duplicated().sum() == 0
    assert set(surface["week_start"]) == {MONDAY, MONDAY - timedelta(weeks=1)}
    assert set(surface["hour_band"]) == {*BANDS, "all"}


def test_the_last_week_holds_the_day_after_the_clock(counts: pl.DataFrame) -> None:
    sunday = replace(SETTINGS, as_of=date(2026, 6, 28))
    assert risk_surface(counts, CELLS, sunday)["week_start"].max() == MONDAY
    saturday = replace(SETTINGS, as_of=date(2026, 6, 27))
    assert risk_surface(counts, CELLS, saturday)["week_start"].max() == MONDAY - timedelta(weeks=1)


def test_records_that_end_early_are_shown_to_their_own_end(counts: pl.DataFrame) -> None:
    later = replace(SETTINGS, as_of=date(2030, 1, 1))
    assert risk_surface(counts, CELLS, later)["week_start"].max() == MONDAY


def test_a_week_knows_nothing_of_its_own_days_nor_of_later_ones(counts: pl.DataFrame, surface: pl.DataFrame) -> None:
    week = MONDAY - timedelta(weeks=1)
    first = surface.filter(pl.col("week_start") == week)
    flood = incidents([CELLS[0]], days=9, each_day=50, seed=3)  # from the Monday of that week on
    changed = risk_surface(pl.concat([counts, flood]), CELLS, SETTINGS).filter(pl.col("week_start") == week)
    assert changed.equals(first)


def test_the_hot_cell_leads_and_the_interval_holds_the_value(surface: pl.DataFrame) -> None:
    top = all_day(surface).sort("area_rank_percent").row(0, named=True)
    assert top["h3_cell"] == HOT
    assert top["area_rank_percent"] == pytest.approx(100 / len(CELLS), abs=0.01)
    assert top["relative_risk"] > 50
    assert top["basis_cell"] == HOT and top["basis_resolution"] == 9
    assert surface.filter(~pl.col("relative_risk").is_between("risk_lower", "risk_upper")).is_empty()
    assert top["risk_lower"] < top["relative_risk"] < top["risk_upper"]


def test_a_cell_without_twenty_incidents_has_the_mean_of_its_parent() -> None:
    quiet = sorted(h3.cell_to_children(h3.cell_to_parent(CENTRE, 8), 9))
    counts = incidents(quiet, days=120, each_day=1)  # 120 over 7 cells, the 20th is exactly the limit
    counts = pl.concat([counts.filter(pl.col("h3_cell") != quiet[0]), incidents([quiet[0]], 19, 1)])
    old = SETTINGS.minimum_count
    found = all_day(risk_surface(counts, CELLS, replace(SETTINGS, weeks=1)))
    window = counts.filter(pl.col("local_date") < MONDAY).group_by("h3_cell").agg(pl.col("n").sum())
    rows = found.join(window, on="h3_cell", how="left").with_columns(pl.col("n").fill_null(0))
    own = rows.filter(pl.col("basis_resolution") == 9)
    assert own.height > 0 and (own["n"] >= old).all() and (own["basis_cell"] == own["h3_cell"]).all()
    assert (rows.filter(pl.col("n") >= old)["basis_resolution"] == 9).all()
    below = rows.filter(pl.col("h3_cell") == quiet[0]).row(0, named=True)
    assert below["n"] < old
    assert below["basis_cell"] == h3.cell_to_parent(quiet[0], 8) and below["basis_resolution"] == 8


def test_the_rule_of_twenty_holds_in_each_band(surface: pl.DataFrame, counts: pl.DataFrame) -> None:
    week = MONDAY
    window = counts.filter(pl.col("local_date") < week).group_by("h3_cell", "hour_band").agg(pl.col("n").sum())
    own = surface.filter(
        (pl.col("week_start") == week) & (pl.col("basis_resolution") == 9) & (pl.col("hour_band") != "all")
    )
    assert own.height > 0
    assert own.join(window, on=["h3_cell", "hour_band"])["n"].min() >= SETTINGS.minimum_count  # type: ignore[operator]


def test_a_window_forgets(counts: pl.DataFrame) -> None:
    short = risk_surface(counts, CELLS, replace(SETTINGS, window_days=5, weeks=1))
    assert short.filter(pl.col("basis_resolution") == 9).is_empty()  # 20 records, half of them elsewhere
    longer = risk_surface(counts, CELLS, replace(SETTINGS, window_days=60, weeks=1))
    assert HOT in longer.filter(pl.col("basis_resolution") == 9)["h3_cell"].to_list()


def test_a_handful_in_the_whole_city_is_withheld() -> None:
    found = risk_surface(incidents([HOT], days=10, each_day=1), CELLS, SETTINGS)
    assert set(found["status"]) == {"withheld"}
    assert found["relative_risk"].null_count() == found["area_rank_percent"].null_count() == found.height
    assert found["risk_lower"].null_count() == found["risk_upper"].null_count() == found.height


def test_cells_far_from_any_parent_with_enough_share_one_value() -> None:
    far = sorted(h3.grid_disk(h3.latlng_to_cell(-1.6, 117.4, 9), 3))
    counts = pl.concat([incidents(CELLS, each_day=3), incidents(far, days=12, each_day=1)])
    found = all_day(risk_surface(counts, [*CELLS, *far], SETTINGS)).filter(pl.col("h3_cell").is_in(far))
    assert found["basis_cell"].null_count() == found.height
    assert set(found["status"]) == {"withheld"}
    counts = pl.concat([counts, incidents(far, days=30, each_day=1, seed=9)])
    found = all_day(risk_surface(counts, [*CELLS, *far], replace(SETTINGS, coarsest_resolution=9)))
    left = found.filter(pl.col("basis_cell").is_null())
    assert left.height > 0 and left["relative_risk"].n_unique() == 1 and set(left["status"]) == {"published"}


def test_the_city_has_a_mean_of_one() -> None:
    counts = incidents(CELLS[:60], days=700, each_day=12)
    found = risk_surface(counts, CELLS[:60], replace(SETTINGS, weeks=1))
    assert (found["basis_resolution"] == 9).all()
    means = {band: values["relative_risk"].mean() for (band,), values in found.group_by("hour_band")}
    assert means["all"] == pytest.approx(1, abs=0.01)
    assert np.mean([means[band] for band in BANDS]) == pytest.approx(1, abs=0.05)


def test_a_busy_band_stands_above_a_quiet_one() -> None:
    counts = pl.concat(
        [incidents(CELLS[:60], 700, 9, band="18-24"), incidents(CELLS[:60], 700, 3, seed=5, band="06-12")]
    )
    found = risk_surface(counts, CELLS[:60], replace(SETTINGS, weeks=1))
    means = {band: values["relative_risk"].mean() for (band,), values in found.group_by("hour_band")}
    assert means["18-24"] == pytest.approx(3, abs=0.15)  # three quarters of the incidents in a quarter of the hours
    assert means["06-12"] == pytest.approx(1, abs=0.1)


def test_discovered_categories_and_other_places_enter_nothing(counts: pl.DataFrame, surface: pl.DataFrame) -> None:
    raids = incidents([CELLS[3]], each_day=9).with_columns(category=pl.lit("narcotics"))
    elsewhere = incidents(["8928308280fffff"], each_day=9)
    settings = replace(SETTINGS, excluded_categories=frozenset({"narcotics"}))
    assert risk_surface(pl.concat([counts, raids, elsewhere]), CELLS, settings).equals(surface)
    # So the rule can fail: let in, the raids would make a hotspot.
    let_in = risk_surface(pl.concat([counts, raids]), CELLS, SETTINGS)
    assert all_day(let_in).sort("area_rank_percent")["h3_cell"][0] == CELLS[3]


def test_the_order_of_rows_changes_nothing(counts: pl.DataFrame, surface: pl.DataFrame) -> None:
    shuffled = counts.sample(fraction=1, shuffle=True, seed=4)
    assert risk_surface(shuffled, list(reversed(CELLS)), SETTINGS).equals(surface)


def test_ranks_count_the_share_of_the_area_at_least_as_risky(surface: pl.DataFrame) -> None:
    found = all_day(surface)
    for row in found.filter(pl.col("area_rank_percent") <= 10).iter_rows(named=True):
        above = (found["relative_risk"] >= row["relative_risk"]).mean()
        assert row["area_rank_percent"] == pytest.approx(100 * above, abs=0.01)


def test_a_neighbour_of_a_fresh_cluster_is_riskier_than_a_far_cell() -> None:
    """Every week incidents gather around another place, so that near repeats are what past weeks teach."""
    random = np.random.default_rng(6)
    frames = [incidents(CELLS, each_day=1)]
    for back in range(40, -1, -1):
        centre = CELLS[int(random.integers(len(CELLS)))] if back else HOT
        around = [cell for cell in h3.grid_disk(centre, 1) if cell in CELLS]
        frames.append(incidents(around, 14, 3, seed=back, last=MONDAY - timedelta(days=1 + 7 * back)))
    settings = replace(SETTINGS, weeks=1, minimum_count=1)
    found = all_day(risk_surface(pl.concat(frames), CELLS, settings))
    near = found.filter(pl.col("h3_cell").is_in(h3.grid_disk(HOT, 1)))["relative_risk"].mean()
    rest = found.filter(~pl.col("h3_cell").is_in(h3.grid_disk(HOT, 4)))["relative_risk"].mean()
    assert near > 3 * rest  # type: ignore[operator]


def test_far_cells_kept_as_one_change_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """A town in a province: the same surface whether the forest around it is kept cell by cell or as one."""
    province = sorted(h3.grid_disk(CENTRE, 30))
    counts = incidents(sorted(h3.grid_disk(CENTRE, 3)), each_day=5)
    settings = replace(SETTINGS, weeks=1, coarsest_resolution=8)
    as_one = risk_surface(counts, province, settings)
    monkeypatch.setattr("estimation.h3_cells.REACH", 100)
    apart = risk_surface(counts, province, settings)
    both = as_one.join(apart, on=["h3_cell", "week_start", "hour_band"], suffix="_apart")
    assert both.height == len(province) * 5
    for name in ("relative_risk", "risk_lower", "risk_upper"):
        assert both.select((pl.col(name) - pl.col(f"{name}_apart")).abs().max()).item() <= 0.0101
    for name in ("basis_cell", "basis_resolution", "status"):
        assert both[name].equals(both[f"{name}_apart"])
    far = as_one.filter(pl.col("basis_cell").is_null())
    assert far.height > 5 * 2000 and far.filter(pl.col("status") == "published").height > 0


def test_a_town_in_a_province_costs_no_more_than_the_town() -> None:
    from estimation.h3_cells import REACH, CityCells

    province = h3.grid_disk(CENTRE, 40)
    city = CityCells.around(province, [CENTRE], 5)
    near = 1 + 3 * REACH * (REACH + 1)
    assert city.grid.size == near + 1 and city.grid.copies.sum() == len(province)
    assert (city.place == near).sum() == len(province) - near
    assert city.grid.kernel.sum(axis=1) == pytest.approx(np.ones(near + 1))


def test_no_counts_give_an_empty_surface() -> None:
    empty = risk_surface(incidents(CELLS, days=1).head(0), CELLS, SETTINGS)
    assert empty.is_empty() and dict(empty.schema) == SURFACE_SCHEMA


def test_faults_are_named() -> None:
    with pytest.raises(ValueError, match="counts lacks column\\(s\\) n"):
        risk_surface(incidents(CELLS, days=1).drop("n"), CELLS, SETTINGS)
    with pytest.raises(ValueError, match="several resolutions"):
        risk_surface(incidents(CELLS, days=1), [*CELLS, h3.cell_to_parent(CENTRE, 8)], SETTINGS)
