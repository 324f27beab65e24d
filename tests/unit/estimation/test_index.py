"""The region security index: what a reader may rely on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from estimation.goalposts import Goalposts
from estimation.index import COMPONENT_SCHEMA, INDEX_SCHEMA, IndexEstimate, region_index
from estimation.periods import months_between
from estimation.settings import Dimension, IndexSettings

SETTINGS = IndexSettings(
    as_of=date(2026, 6, 30),
    base_from=date(2025, 1, 1),
    base_to=date(2025, 12, 31),
    levels=("kabupaten", "kecamatan", "desa"),
    index_level="kecamatan",
    quarter_only_levels=("desa",),
    sensitive_categories=frozenset({"sexual_violence"}),
    sensitive_levels=("kabupaten",),
    draws=400,
)
CATEGORIES = ("robbery", "sexual_violence", "theft")
SEVERITY = pl.DataFrame(
    {
        "category": [*CATEGORIES, "narcotics"],
        "category_group": ["violence", "protected", "property", "public_order"],
        "weight_days": [365.0, 2190.0, 20.0, 100.0],
        "penalty_days": [3285.0, 4380.0, 1825.0, 4380.0],
        "counts_in_index": [True, True, True, False],
    }
)
MONTHS = months_between(date(2025, 1, 1), date(2026, 6, 1))
KECAMATAN = [f"1.{number}" for number in range(8)]
RISK = np.geomspace(0.5, 2, len(KECAMATAN))
KEYS = ["region_code", "period_type", "period_start"]


def regions() -> pl.DataFrame:
    rows = [("1", "kabupaten", None, None, None)]
    rows += [(code, "kecamatan", "1", 60_000, True) for code in KECAMATAN]  # type: ignore[misc]
    rows += [("1.0.1", "desa", "1.0", 30_000, True), ("1.0.2", "desa", "1.0", 30_000, True)]  # type: ignore[list-item]
    return pl.DataFrame(rows, schema=["region_code", "level", "parent_code", "population", "is_official"], orient="row")


def incidents(seed: int = 1, factor: float = 1.0) -> pl.DataFrame:
    """Counts by month: thefts, robberies and a few sexual assaults, more in later regions; the first by its desa."""
    random = np.random.default_rng(seed)
    rows = []
    for code, risk in zip(KECAMATAN, RISK, strict=True):
        for place in ("1.0.1", "1.0.2") if code == "1.0" else (code,):
            share = 0.5 if code == "1.0" else 1.0
            for month in MONTHS:
                for category, rate in zip(CATEGORIES, (8, 1, 60), strict=True):
                    rows.append((place, month, category, int(random.poisson(factor * share * risk * rate))))
    return pl.DataFrame(rows, schema=["region_code", "period_start", "category", "n"], orient="row")


@pytest.fixture(scope="module")
def estimate() -> IndexEstimate:
    return region_index(incidents(), regions(), SEVERITY, SETTINGS)


def one(frame: pl.DataFrame, code: str, start: date, kind: str = "month") -> dict[str, object]:
    found = frame.filter(
        (pl.col("region_code") == code) & (pl.col("period_start") == start) & (pl.col("period_type") == kind)
    )
    assert found.height == 1
    return found.row(0, named=True)


def test_every_region_keeps_its_row_in_every_complete_period(estimate: IndexEstimate) -> None:
    index = estimate.index
    assert dict(index.schema) == INDEX_SCHEMA and dict(estimate.components.schema) == COMPONENT_SCHEMA
    assert index.select(KEYS).is_duplicated().sum() == 0
    assert index.filter(pl.col("period_type") == "month").height == 9 * 18
    assert index.filter(pl.col("period_type") == "quarter").height == 11 * 6
    assert index.filter(pl.col("level") == "desa")["period_type"].unique().to_list() == ["quarter"]


def test_more_harm_is_a_lower_index(estimate: IndexEstimate) -> None:
    may = estimate.index.filter((pl.col("period_label") == "2026-Q2") & (pl.col("level") == "kecamatan"))
    values = may.sort("region_code")["index_value"].to_numpy()
    assert np.corrcoef(values, -np.log(RISK))[0, 1] > 0.95
    city = one(estimate.index, "1", date(2026, 4, 1), "quarter")
    assert values.min() < float(str(city["index_value"])) < values.max()


def test_intervals_hold_their_value(estimate: IndexEstimate) -> None:
    shown = estimate.index.filter(pl.col("status") != "withheld")
    for name in ("index", "sensitivity"):
        assert shown.filter(~pl.col("index_value").is_between(f"{name}_lower", f"{name}_upper")).is_empty()
    changed = shown.drop_nulls("change_previous")
    assert changed.filter(
        ~pl.col("change_previous").is_between("change_previous_lower", "change_previous_upper")
    ).is_empty()
    assert (shown["index_upper"] - shown["index_lower"]).min() > 0  # type: ignore[operator]


def test_the_interval_covers_what_other_years_of_the_same_truth_say() -> None:
    """The truth is one: the same regions with a hundred times the people and records."""
    large = regions().with_columns(pl.col("population") * 100)
    posts = {"crime": Goalposts(10_000, 300_000)}
    settings = replace(SETTINGS, goalposts=posts, levels=("kabupaten", "kecamatan"), period_types=("month",))
    truth = region_index(incidents(9, factor=100), large, SEVERITY, settings).index
    inside = []
    for seed in range(3):
        small = region_index(incidents(seed), regions(), SEVERITY, settings).index
        both = small.join(truth, on=KEYS, suffix="_true").filter(pl.col("level") == "kecamatan")
        inside.append(both.select(pl.col("index_value_true").is_between("index_lower", "index_upper").mean()).item())
    assert 0.85 <= np.mean(inside) <= 0.97


def test_change_is_the_difference_of_what_is_published(estimate: IndexEstimate) -> None:
    may, june = (one(estimate.index, "1.3", date(2026, month, 1)) for month in (5, 6))
    year = one(estimate.index, "1.3", date(2025, 6, 1))
    assert june["change_previous"] == pytest.approx(float(str(june["index_value"])) - float(str(may["index_value"])))
    assert june["change_year"] == pytest.approx(float(str(june["index_value"])) - float(str(year["index_value"])))
    assert one(estimate.index, "1.3", date(2025, 1, 1))["change_previous"] is None


def test_components_add_up_to_what_is_lost_to_the_last_digit(estimate: IndexEstimate) -> None:
    summed = estimate.components.group_by(KEYS).agg(points=pl.col("share_points").sum())
    shown = estimate.index.filter(pl.col("status") != "withheld").join(summed, on=KEYS, how="left")
    assert shown.select((pl.col("points") + pl.col("index_value") - 100).abs().max()).item() < 1e-9
    assert (estimate.components["share_points"] >= 0).all()
    assert summed.height == shown.height


def test_sensitive_categories_are_named_at_kabupaten_by_quarter_only(estimate: IndexEstimate) -> None:
    named = estimate.components.filter(pl.col("category_group") == "protected")
    assert set(named["level"]) == {"kabupaten"} and set(named["period_type"]) == {"quarter"}
    assert set(estimate.components["category_group"]) == {"violence", "property", "protected"}
    # Elsewhere they are part of violence: a group of their own under another name would still be theirs alone.
    quarter = (pl.col("period_type") == "quarter") & (pl.col("level") == "kabupaten")
    assert set(estimate.components.filter(~quarter)["category_group"]) == {"violence", "property"}


def test_goalposts_come_from_the_base_period_alone(estimate: IndexEstimate) -> None:
    later = incidents().with_columns(
        n=pl.when(pl.col("period_start") > date(2025, 12, 31)).then(2 * pl.col("n")).otherwise("n")
    )
    doubled = region_index(later, regions(), SEVERITY, SETTINGS)
    assert doubled.goalposts.equals(estimate.goalposts)
    before, after = (one(result.index, "1", date(2026, 6, 1))["index_value"] for result in (estimate, doubled))
    assert float(str(after)) < float(str(before)) - 10  # everyone is worse off, and every value says so


def test_frozen_goalposts_are_used_as_they_stand(estimate: IndexEstimate) -> None:
    frozen = region_index(incidents(), regions(), SEVERITY, replace(SETTINGS, goalposts={"crime": Goalposts(1.0, 1e9)}))
    assert frozen.goalposts.select("best", "worst").row(0) == (1.0, 1e9)
    assert not frozen.index["index_value"].equals(estimate.index["index_value"])


def test_discovered_and_officers_records_enter_nothing(estimate: IndexEstimate) -> None:
    raids = incidents().with_columns(category=pl.lit("narcotics"), n=pl.lit(500, pl.Int64))
    assert region_index(pl.concat([incidents(), raids]), regions(), SEVERITY, SETTINGS).index.equals(estimate.index)
    reported = incidents().with_columns(reported_by=pl.lit("citizen"))
    officers = incidents(7).with_columns(reported_by=pl.lit("officer"))
    mixed = region_index(pl.concat([reported, officers]), regions(), SEVERITY, SETTINGS)
    assert mixed.index.equals(estimate.index)


def test_ranks_and_chances(estimate: IndexEstimate) -> None:
    june = estimate.index.filter((pl.col("period_label") == "2026-06") & (pl.col("level") == "kecamatan"))
    assert set(june["ranked_regions"]) == {8} and set(june["worst_k"]) == {1}
    assert (june["rank_lower"] <= june["rank_upper"]).all()
    assert june["p_among_worst"].sum() == pytest.approx(1, abs=0.05)
    assert june.sort("p_among_worst")["region_code"].to_list()[-1] in KECAMATAN[-2:]
    safest = june.filter(pl.col("index_value") == june["index_value"].max())
    assert safest["rank_lower"].to_list()[0] == 1


def test_people_who_are_not_known_withhold_the_value() -> None:
    population = pl.when(pl.col("region_code") == "1.2").then(None).otherwise("population")
    official = pl.when(pl.col("region_code") == "1.3").then(pl.lit(False)).otherwise("is_official")
    changed = regions().with_columns(population=population, is_official=official)
    index = region_index(incidents(), changed, SEVERITY, SETTINGS).index
    unknown, unofficial = (one(index, code, date(2026, 6, 1)) for code in ("1.2", "1.3"))
    assert unknown["status_reason"] == "tidak ada data penduduk"
    assert unofficial["status_reason"] == "data penduduk tidak resmi"
    for row in (unknown, unofficial):
        assert row["status"] == "withheld"
        assert row["index_value"] is row["index_lower"] is row["rank_lower"] is row["change_previous"] is None
    assert one(index, "1.4", date(2026, 6, 1))["status"] == "published"


def test_a_declared_dimension_without_data_withholds_and_is_never_reweighted(estimate: IndexEstimate) -> None:
    both = replace(SETTINGS, dimensions=(Dimension("crime", 2), Dimension("disorder", 1)))
    without = region_index(incidents(), regions(), SEVERITY, both).index
    assert set(without["status"]) == {"withheld"} and without["index_value"].null_count() == without.height
    assert set(without["status_reason"]) == {"tidak ada data dimensi gangguan ketertiban"}
    calls = incidents(3).filter(pl.col("category") == "theft").with_columns(category=pl.lit("disorder"))
    found = region_index(incidents(), regions(), SEVERITY, both, calls=calls)
    assert set(found.goalposts["dimension"]) == {"crime", "disorder"}
    dimensions = found.components.group_by("dimension").agg(pl.col("share_points").sum()).sort("dimension")
    assert (dimensions["share_points"] > 0).all()
    crime = one(estimate.index, "1.4", date(2026, 6, 1))["index_value"]
    assert one(found.index, "1.4", date(2026, 6, 1))["index_value"] != crime


def test_a_month_without_data_withholds_its_quarter_too() -> None:
    gap = incidents().filter(pl.col("period_start") != date(2026, 5, 1))
    index = region_index(gap, regions(), SEVERITY, SETTINGS).index
    for kind, start in (("month", date(2026, 5, 1)), ("quarter", date(2026, 4, 1))):
        row = one(index, "1.4", start, kind)
        assert row["status"] == "withheld" and row["status_reason"] == "tidak ada data dimensi kejahatan"
        assert row["incidents_band"] is None
    june = one(index, "1.4", date(2026, 6, 1))
    assert june["status"] == "published" and june["change_previous"] is None


def test_thin_numbers_are_starred_or_withheld() -> None:
    rare = incidents().filter(pl.col("category") == "sexual_violence").with_columns(pl.col("n") // 2)
    tiny = regions().with_columns(pl.col("population") // 20)
    index = region_index(rare, tiny, SEVERITY, SETTINGS).index
    error = index["relative_standard_error"]
    starred, published = (index.filter(pl.col("status") == status) for status in ("starred", "published"))
    assert (starred["relative_standard_error"] >= 0.25).all() and (starred["relative_standard_error"] <= 0.5).all()
    assert (published["relative_standard_error"] <= 0.25).all()
    assert starred.height > 0 and starred["status_reason"].str.contains("25 - 50").all()
    withheld = index.filter(pl.col("status") == "withheld")
    assert withheld["index_value"].null_count() == withheld.height
    assert error.null_count() == withheld.height


def test_what_is_provisional_and_what_is_latest(estimate: IndexEstimate) -> None:
    months = estimate.index.filter((pl.col("region_code") == "1") & (pl.col("period_type") == "month"))
    assert months.filter("is_provisional")["period_start"].to_list() == [date(2026, 5, 1), date(2026, 6, 1)]
    assert months.filter("is_latest")["period_start"].to_list() == [date(2026, 6, 1)]
    revisions = pl.DataFrame({"period_start": [date(2026, 4, 1), date(2026, 6, 1)], "revision_share": [0.06, 0.01]})
    settings = replace(SETTINGS, levels=("kabupaten", "kecamatan"))
    index = region_index(incidents(), regions(), SEVERITY, settings, revisions=revisions).index
    told = index.filter((pl.col("region_code") == "1") & pl.col("is_provisional"))
    assert sorted(told["period_label"]) == ["2026-04", "2026-Q2"]


def test_the_order_of_rows_changes_nothing(estimate: IndexEstimate) -> None:
    shuffled = region_index(
        incidents().sample(fraction=1, shuffle=True, seed=3), regions().reverse(), SEVERITY.reverse(), SETTINGS
    )
    assert shuffled.index.equals(estimate.index)
    assert shuffled.components.equals(estimate.components)


def test_faults_are_named() -> None:
    with pytest.raises(ValueError, match="incidents lacks column"):
        region_index(incidents().drop("n"), regions(), SEVERITY, SETTINGS)
    with pytest.raises(ValueError, match="regions holds a region_code more than once"):
        region_index(incidents(), pl.concat([regions(), regions().head(1)]), SEVERITY, SETTINGS)
