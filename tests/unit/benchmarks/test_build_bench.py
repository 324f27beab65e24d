"""The large city of the build's benchmark: as many rows as asked, unlike keys, cells of the regions they lie in."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.build import drawn_again
from infra.build.cells import city_cells
from tests.support.minimised_lake import Plan, police_records, regions

PLAN = Plan(incidents=300)
LEVELS = ("provinsi", "kabupaten_kota", "kecamatan")


def test_rows_drawn_again_are_others_in_the_same_regions(tmp_path: Path) -> None:
    finest = regions(PLAN, LEVELS).filter(pl.col("level") == LEVELS[-1])
    rows = police_records(PLAN, finest)
    cells = city_cells(finest, 8)
    made = drawn_again(rows, 5000, 700, PLAN.as_of, cells, "occurred_local_month", np.random.default_rng(1))
    assert made.schema == rows.schema
    assert made.height == made["record_key"].n_unique() == 5000
    assert made["record_key"].min() == "0" * 29 + "700"
    dated = pl.col("occurred_local_date").dt.strftime("%Y-%m") == pl.col("occurred_local_month")
    assert made.select(dated.all()).item()
    assert made["occurred_local_date"].max() <= PLAN.as_of  # type: ignore[operator]
    assert made["occurred_local_date"].min() >= rows["occurred_local_date"].min() - dt.timedelta(days=3)  # type: ignore[operator]
    # As many stay unlocated; about a half of the others lie in a cell drawn from their own region.
    located = made.filter(pl.col("h3_cell").is_not_null())
    assert abs(located.height / made.height - rows["h3_cell"].count() / rows.height) < 0.03
    assert located["h3_cell"].n_unique() > 1.5 * rows["h3_cell"].n_unique()
    apart = located.join(cells.rename({"region_code": "of"}), on="h3_cell", how="inner")
    assert (apart["of"] == apart["region_code"]).mean() > 0.8  # type: ignore[operator]
