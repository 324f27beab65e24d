"""Frames in, warnings out."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from estimation.early_warning import WARNING_SCHEMA, WarningSettings, early_warnings

BEGIN = date(2024, 1, 1)
AS_OF = BEGIN + timedelta(days=699)


def _counts(means: dict[str, float], burst: str | None = None, category: str = "theft") -> pl.DataFrame:
    rng = np.random.default_rng(1)
    rows = []
    for region, mean in means.items():
        n = rng.poisson(mean, 700)
        if region == burst:
            n[-2:] += 15
        rows += [(region, category, BEGIN + timedelta(days=d), int(v)) for d, v in enumerate(n) if v]
    return pl.DataFrame(rows, schema=["region_code", "category", "period_start", "n"], orient="row")


def test_a_row_for_each_region_category_and_day() -> None:
    warnings = early_warnings(_counts({"a": 4.0, "b": 0.2}), WarningSettings(AS_OF, days=14))
    assert dict(warnings.schema) == WARNING_SCHEMA
    assert warnings.height == 28
    assert warnings.select("region_code", "category", "period_start").is_unique().all()
    assert warnings["period_start"].max() == AS_OF
    grains = dict(warnings.group_by("region_code").agg(pl.col("grain").unique().first()).iter_rows())
    assert grains == {"a": "day", "b": "week"}


def test_a_burst_is_named_with_level_and_driver() -> None:
    warnings = early_warnings(_counts({"a": 4.0, "b": 4.0}, burst="b"), WarningSettings(AS_OF, days=14))
    last = warnings.filter(pl.col("period_start") == AS_OF)
    assert last.filter(pl.col("region_code") == "b")["level"].item() == "awas"
    assert last.filter(pl.col("region_code") == "b")["driver"].item() in ("hari ini", "tujuh hari terakhir")
    burst = last.filter(pl.col("region_code") == "b")
    assert (burst["observed"] > burst["bound"]).item()
    assert burst["farrington"].item() is True
    assert last.filter(pl.col("region_code") == "a")["level"].item() is None


def test_a_quiet_grain_stands_beside_a_loud_one() -> None:
    warnings = early_warnings(_counts({"a": 4.0, "b": 0.2}, burst="b"), WarningSettings(AS_OF, days=2, beside=False))
    assert warnings.group_by("grain").agg(pl.col("is_signal").any()).sort("grain").rows() == [
        ("day", False),
        ("week", True),
    ]


def test_levels_are_ordered() -> None:
    warnings = early_warnings(
        _counts({f"r{i}": 3.0 for i in range(40)}), WarningSettings(AS_OF, days=100, beside=False)
    )
    signals = warnings.filter(pl.col("is_signal"))
    assert 0 < signals.height < 0.012 * warnings.height
    lowest = signals.group_by("level").agg(pl.col("score").min()).sort("score")["level"].to_list()
    assert lowest == [name for name in ("waspada", "siaga", "awas") if name in lowest]
    assert signals.filter(pl.col("level").is_null()).is_empty()


def test_what_police_discover_is_not_warned_of() -> None:
    found = _counts({"a": 4.0}, burst="a").with_columns(reported_by=pl.lit("officer"))
    reported = _counts({"a": 4.0}).with_columns(reported_by=pl.lit("citizen"))
    warnings = early_warnings(pl.concat([found, reported]), WarningSettings(AS_OF, days=7))
    assert warnings["level"].null_count() == warnings.height
    settings = WarningSettings(AS_OF, days=7, excluded_categories=frozenset({"theft"}))
    assert early_warnings(reported, settings).is_empty()


def test_the_part_that_drove_it() -> None:
    counts = _counts({"a": 4.0}, burst="a")
    parts = counts.with_columns(part=pl.lit("usual"))
    extra = pl.DataFrame(
        [("a", "theft", AS_OF - timedelta(days=d), 15, "new") for d in (0, 1)], schema=parts.schema, orient="row"
    )
    last = pl.col("period_start") >= AS_OF - timedelta(days=1)
    parts = pl.concat([parts.with_columns(n=pl.when(last).then(pl.col("n") - 15).otherwise("n")), extra])
    warnings = early_warnings(counts, WarningSettings(AS_OF, days=3), parts=parts)
    assert warnings.filter(pl.col("period_start") == AS_OF)["driver_part"].item() == "new"
    assert (
        warnings.filter(~pl.col("is_signal"))["driver_part"].null_count()
        == warnings.filter(~pl.col("is_signal")).height
    )


def test_camera_warnings_are_labelled_detection_and_judged_by_uptime() -> None:
    counts = _counts({"a": 5.0})
    days = [BEGIN + timedelta(days=d) for d in range(700)]
    uptime = pl.DataFrame({"region_code": "a", "period_start": days, "hours": [20.0] * 699 + [0.0]})
    warnings = early_warnings(counts, WarningSettings(AS_OF, days=5), uptime=uptime)
    assert warnings["kind"].unique().to_list() == ["detection"]
    dark = warnings.filter(pl.col("period_start") == AS_OF)
    assert dark["observed"].item() is None and dark["is_signal"].item() is None and dark["expected"].item() is None
    assert warnings["ears_c1"].null_count() == 5


def test_order_of_rows_and_later_days_change_nothing() -> None:
    counts = _counts({"a": 4.0, "b": 0.5})
    settings = WarningSettings(AS_OF, days=10)
    later = counts.with_columns(pl.col("period_start") + timedelta(days=700))
    assert early_warnings(counts, settings).equals(early_warnings(counts.reverse(), settings))
    assert early_warnings(counts, settings).equals(early_warnings(pl.concat([counts, later]), settings))


def test_missing_columns_are_named() -> None:
    with pytest.raises(ValueError, match="counts lacks column"):
        early_warnings(pl.DataFrame({"region_code": ["a"]}), WarningSettings(AS_OF))
    assert early_warnings(_counts({"a": 1.0}).clear(), WarningSettings(AS_OF)).is_empty()
