"""What the build hands to the statistics and what it keeps of their answer."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import h3
import polars as pl
import pytest
import shapely

from infra.build import estimate
from infra.build.cells import city_cells, drawn
from infra.build.settings import BuildSettings
from ingestion.lake import Lake
from tests.support.minimised_lake import Plan, make_city

MONDAYS = [dt.date(2026, 6, 22) - dt.timedelta(weeks=back) for back in range(4)]


@pytest.fixture
def settings(tmp_path: Path) -> BuildSettings:
    plan = Plan()
    return BuildSettings(
        lake=Lake(str(tmp_path / "lake")),
        city=make_city(tmp_path / "city", plan),
        as_of=plan.as_of,
        run_id="r1",
        build_dir=tmp_path,
        extension_dir=tmp_path,
        logs_dir=tmp_path,
    )


def surface(cells: int) -> pl.DataFrame:
    """Every cell ranked in each of four weeks."""
    ranked = pl.DataFrame({"cell": range(cells)}).with_columns(area_rank_percent=100.0 * (pl.col("cell") + 1) / cells)
    return pl.concat([ranked.with_columns(week_start=pl.lit(monday)) for monday in MONDAYS])


@pytest.mark.parametrize(
    ("most", "weeks", "rows"),
    [(800, 4, 800), (799, 4, 400), (100, 4, 80), (79, 2, 40), (20, 1, 20), (19, 1, 10), (2, 1, 2)],
)
def test_the_newest_weeks_and_riskiest_cells_that_fit_are_shown(most: int, weeks: int, rows: int) -> None:
    shown = estimate.shown_rows(surface(200), most)
    assert shown["week_start"].unique().sort(descending=True).to_list() == MONDAYS[:weeks]
    assert shown.height == rows
    assert shown["cell"].max() == rows / weeks - 1


def test_a_city_too_large_for_its_riskiest_hundredth_is_told_what_to_do() -> None:
    with pytest.raises(ValueError, match="coarser h3_resolution"):
        estimate.shown_rows(surface(200), 1)


def test_a_map_without_ranks_is_shown_whole_or_not_at_all() -> None:
    withheld = surface(10).with_columns(area_rank_percent=pl.lit(None, dtype=pl.Float64))
    assert estimate.shown_rows(withheld, 40).height == 40


@pytest.mark.parametrize(
    ("cells", "weeks"), [(100, 4), (3_000, 4), (30_000, 4), (60_000, 2), (60_001, 1), (295_000, 1), (10**7, 1)]
)
def test_weeks_that_could_not_be_shown_are_not_estimated(settings: BuildSettings, cells: int, weeks: int) -> None:
    asked = estimate.surface_settings(settings, cells)
    assert asked.weeks == weeks
    assert asked.as_of == settings.as_of
    assert asked.excluded_categories == settings.city.discovered_categories


def test_each_cell_of_the_city_lies_in_one_region() -> None:
    west, east = shapely.box(116.5, -1.25, 116.56, -1.2), shapely.box(116.55, -1.25, 116.6, -1.2)
    regions = pl.DataFrame({"region_code": ["B", "A"], "boundary_wkb": [shapely.to_wkb(east), shapely.to_wkb(west)]})
    cells = city_cells(regions, 8)
    assert cells["h3_cell"].is_unique().all()
    assert cells["h3_cell"].is_sorted()
    for cell, region in cells.iter_rows():
        latitude, longitude = h3.cell_to_latlng(cell)
        # Where approximate boundaries overlap the first region by code has the cell.
        assert region == ("A" if shapely.contains_xy(west, longitude, latitude) else "B")


def test_a_cell_is_drawn_closed_and_a_parent_lies_where_most_of_its_children_do() -> None:
    parent = h3.latlng_to_cell(-1.2, 116.8, 7)
    children = sorted(h3.cell_to_children(parent, 8))
    regions = ["A"] * 3 + ["B"] * 4
    cells = pl.DataFrame({"h3_cell": children, "region_code": regions})
    made = drawn(cells, [children[0], parent])
    assert made["h3_cell"].to_list() == sorted([children[0], parent])
    by_cell = {row["h3_cell"]: row for row in made.iter_rows(named=True)}
    assert (by_cell[children[0]]["resolution"], by_cell[children[0]]["region_code"]) == (8, "A")
    assert (by_cell[parent]["resolution"], by_cell[parent]["region_code"]) == (7, "B")
    ring = json.loads(by_cell[parent]["boundary_json"])
    assert ring[0] == ring[-1]
    assert len(ring) >= 7


def completeness(*months: tuple[dt.date, bool]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "period_type": ["month"] * len(months),
            "period_start": [month for month, _ in months],
            "is_covered": [covered for _, covered in months],
        }
    )


def test_the_base_period_is_the_first_year_with_data_unless_the_city_states_one(settings: BuildSettings) -> None:
    months = [(dt.date(2024 + number // 12, number % 12 + 1, 1), number != 0) for number in range(30)]
    assert estimate.base_period(settings, completeness(*months)) == (dt.date(2024, 2, 1), dt.date(2025, 1, 31))
    none = completeness((dt.date(2026, 6, 1), False))
    assert estimate.base_period(settings, none) == (dt.date(2026, 6, 1), dt.date(2026, 6, 30))
