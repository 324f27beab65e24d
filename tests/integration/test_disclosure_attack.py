"""The attacker's turn with the marts of a whole build: bands, shares and rates give no count of 1 - 7 back."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from governance.bands import band_of, number
from infra.build import reproduce
from infra.build.pin import last_outcome
from infra.build.settings import BuildFailed
from tests.integration.test_build import Built, build, prepared
from tests.support import attacker

pytestmark = pytest.mark.integration

WHEN = ["period_type", "period_start"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(prepared(tmp_path_factory.mktemp("attacked") / "city"))


@pytest.fixture(scope="module")
def places(built: Built) -> dict[str, object]:
    regions = built.lake.read("aggregates", "int_regions").collect()
    finest = regions.filter(pl.col("level") == built.settings.city.index_level)["region_code"]
    return {"finest": set(finest), "parents": dict(regions.select("region_code", "parent_code").iter_rows())}


def test_what_bands_hide_stays_hidden(built: Built, places: dict[str, object]) -> None:
    index = built.mart("region_security_index")
    found = attacker.subtract_parts(index, "incidents_band", WHEN, **places)  # type: ignore[arg-type]
    hidden = {cell for cell, bounds in found.items() if bounds == (1, 7)}
    assert hidden and not attacker.sure(found)
    assert {bounds for bounds in found.values() if bounds[0] <= 7 and bounds[1]} == {(1, 7)}
    calls = attacker.subtract_parts(built.mart("response_times"), "calls_band", ["month_start"], **places)  # type: ignore[arg-type]
    assert {bounds for bounds in calls.values() if bounds[0] <= 7 and bounds[1]} == {(1, 7)}


def test_exact_totals_beside_hidden_parts_give_them_away(built: Built, places: dict[str, object]) -> None:
    counted = built.lake.read("aggregates", "int_incidents__region_period").collect()
    counted = counted.group_by("region_code", *WHEN).agg(pl.col("n").sum())
    finest = pl.col("region_code").is_in(list(places["finest"])) & (pl.col("period_type") == "month")  # type: ignore[call-overload]
    exact = pl.col("n").cast(pl.String)
    unprotected = counted.with_columns(
        band=pl.when(finest & pl.col("n").is_between(1, 7)).then(pl.lit("<8")).otherwise(exact)
    )
    known = {row[:3]: row[3] for row in counted.select("region_code", *WHEN, "n").iter_rows()}
    found = attacker.sure(attacker.subtract_parts(unprotected, "band", WHEN, **places))  # type: ignore[arg-type]
    assert found
    assert all(known[cell] == n for cell, n in found.items())


def test_no_rate_leads_to_its_count(built: Built) -> None:
    people = dict(
        built.lake.read("aggregates", "int_regions").collect().select("region_code", "population").iter_rows()
    )
    rates = built.mart("oversight_kpis").filter(indicator="incident_rate").drop_nulls("value")
    assert rates.height > 10
    documented = (0, 4, *range(10, 20_000, 5))
    for code, value in rates.select("region_code", "value").iter_rows():
        assert attacker.of_a_rate(float(value), people[code], 0.1, shown=documented) is None


def test_a_share_says_no_more_than_its_two_bands(built: Built) -> None:
    months = built.lake.read("aggregates", "int_calls__region_month").collect()
    shown = built.mart("response_times").join(months, on=["region_code", "month_start"])
    few = shown.filter(pl.col("n_arrived_in_standard").is_between(1, 7) & (pl.col("n_arrived") >= 8))
    assert few.height > 5
    for part, whole, percent in few.select(
        "n_arrived_in_standard", "n_arrived", "arrived_in_standard_percent"
    ).iter_rows():
        told = round(100 * number(band_of(part)) / number(band_of(whole)))
        assert int(percent) == told
    # Under 8 calls nothing is said of any of them, a median least of all.
    rare = shown.filter(pl.col("n_arrived") < 8)
    assert rare.height and rare["arrival_minutes_median"].null_count() == rare.height


def test_planning_tells_nothing_of_fewer_than_eight(built: Built) -> None:
    patterns = built.mart("pattern_time_modus")
    assert patterns.filter(pl.col("observed_band").is_in(["0", "<8"]))["ratio"].null_count() == patterns.filter(
        pl.col("observed_band").is_in(["0", "<8"])
    ).height  # fmt: skip
    risk = built.mart("risk_surface")["relative_risk"].drop_nulls().cast(pl.Float64)
    steps = {round(10 ** (step / 12), 2) for step in range(-24, 37)} | {0.0}
    assert set(risk) <= steps


def test_a_released_number_is_made_again_from_aggregates_and_from_rows(built: Built) -> None:
    settings, lake = built.settings, built.lake
    outcome = last_outcome(settings)
    assert outcome is not None
    assert reproduce.keep(settings, outcome, "r-1") and not reproduce.keep(settings, outcome, "r-1")
    grain = ["region_code", "period_type", "period_start"]
    shown = built.mart("region_security_index").filter((pl.col("status") != "withheld") & pl.col("is_latest"))
    row = shown.filter(level="kecamatan", period_type="month").row(0, named=True)
    mine = built.mart("region_security_index_components").filter(
        pl.all_horizontal(pl.col(name) == row[name] for name in grain)
    )
    parts = {group: float(points) for group, points in mine.select("category_group", "share_points").iter_rows()}
    made = reproduce.reproduce(lake, "r-1", row, parts)
    assert made.is_same and made.inputs["minimised__police_record"] == lake.version("minimised", "police_record")
    assert len(made.aggregates) == len(made.from_rows) > len(reproduce.NUMBERS)
    # Another number than the published one is told by name.
    wrong = reproduce.reproduce(lake, "r-1", {**row, "index_value": row["index_value"] + 1}, parts)
    assert [number.name for number in wrong.aggregates if not number.is_same] == ["index_value"]
    # Rows are erased and their files deleted; what was kept outlives them.
    for path in (Path(lake.uri) / "minimised/police_record").rglob("*.parquet"):
        path.unlink()
    after = reproduce.reproduce(lake, "r-1", row, parts)
    assert after.is_same and after.from_rows == () and "gone" in after.rows_reason
    with pytest.raises(BuildFailed, match="nothing was kept of release r-0"):
        reproduce.reproduce(lake, "r-0", row, parts)
