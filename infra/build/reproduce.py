"""A released index made again: from the aggregates kept with the release and, while they still exist, from the rows.

What is kept lies in the lake (`aggregates/kept_<name>`, a column `release_id` in each; `kept_release`, one row a
release) with the build's identity. It holds no rows of records, and outlives their erasure. No audience gets it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from infra.build.settings import BuildFailed

if TYPE_CHECKING:
    import polars as pl

    from infra.build.estimate import IndexInputs
    from infra.build.settings import BuildSettings
    from ingestion.lake import Lake

KEPT = {
    "incidents": "int_incidents__region_day",
    "completeness": "int_incidents__completeness",
    "regions": "int_regions",
    "calls": "int_calls__region_day",
    "categories": "reference_category",
}
RELEASES = "kept_release"
# What a region and period are shown with, in the mart and in the estimate alike.
NUMBERS = (
    "index_value", "index_lower", "index_upper", "sensitivity_lower", "sensitivity_upper", "change_previous",
    "change_previous_lower", "change_previous_upper", "change_year", "rank_lower", "rank_upper", "p_among_worst",
)  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One published number beside the one made again; `is_same` to the last published digit."""

    name: str
    published: float | None
    again: float | None

    @property
    def is_same(self) -> bool:
        if self.published is None or self.again is None:
            return self.published is self.again
        return abs(self.published - self.again) < 1e-9


@dataclass(frozen=True)
class Reproduction:
    """A released row made again. `from_rows` is empty, with `rows_reason`, where the recorded versions are gone."""

    release: str
    inputs: Mapping[str, int]
    aggregates: tuple[Compared, ...]
    from_rows: tuple[Compared, ...]
    rows_reason: str

    @property
    def is_same(self) -> bool:
        return all(compared.is_same for compared in (*self.aggregates, *self.from_rows))


def keep(settings: BuildSettings, built: Mapping[str, Any], release_id: str) -> bool:
    """Keep what the index of a release is made of; False where it is kept already. `built` is the build's outcome.

    Called after the release, before another build may count: the aggregates in the lake are those of `built`.
    """
    import polars as pl

    from infra.build.estimate import index_inputs

    if _kept(settings.lake, release_id) is not None:
        return False
    inputs = index_inputs(settings)
    for field, name in KEPT.items():
        frame: pl.DataFrame | None = getattr(inputs, field)
        if frame is not None:
            frame = frame.drop("boundary_json", strict=False)
            settings.lake.append("aggregates", f"kept_{name}", frame.with_columns(release_id=pl.lit(release_id)))
    # The row last: a release that has one is kept whole.
    row = {
        "release_id": release_id,
        "as_of": settings.as_of,
        "code_digest": str(built["code_digest"]),
        "inputs": str(built["inputs"]),
        "settings": json.dumps(asdict(inputs.settings), default=_plain, sort_keys=True),
        "kept_at": datetime.now(UTC),
    }
    settings.lake.append("aggregates", RELEASES, pl.DataFrame([row]))
    return True


def reproduce(lake: Lake, release_id: str, published: Mapping[str, Any], parts: Mapping[str, float]) -> Reproduction:
    """Make one row of `region_security_index` again. `published` is the mart's row, `parts` its points by group.

    Raises BuildFailed where nothing was kept of the release.
    """
    row = _kept(lake, release_id)
    if row is None:
        raise BuildFailed(f"nothing was kept of release {release_id}: it was published before aggregates were kept")
    inputs = _inputs(lake, row)
    versions: dict[str, int] = json.loads(row["inputs"])
    again = _compared(inputs, published, parts)
    counted, reason = _counted_again(lake, versions, inputs)
    return Reproduction(
        release_id, versions, again, () if counted is None else _compared(counted, published, parts), reason
    )


def _kept(lake: Lake, release_id: str) -> dict[str, Any] | None:
    import polars as pl

    if lake.version("aggregates", RELEASES) is None:
        return None
    found = lake.read("aggregates", RELEASES).filter(pl.col("release_id") == release_id).collect()
    return found.row(-1, named=True) if found.height else None


def _inputs(lake: Lake, row: Mapping[str, Any]) -> IndexInputs:
    import polars as pl

    from infra.build.estimate import IndexInputs

    frames: dict[str, Any] = {}
    for field, name in KEPT.items():
        known = lake.version("aggregates", f"kept_{name}") is not None
        frame = (
            lake.read("aggregates", f"kept_{name}").filter(pl.col("release_id") == row["release_id"]) if known else None
        )
        # A crash between the tables and their row would have kept them twice.
        frames[field] = None if frame is None else frame.drop("release_id").unique(maintain_order=True).collect()
    return IndexInputs(**frames, settings=_settings(json.loads(row["settings"])))


def _settings(said: dict[str, Any]) -> Any:
    from estimation.goalposts import Goalposts
    from estimation.settings import Dimension, IndexSettings

    said = dict(said)
    for name in ("as_of", "base_from", "base_to"):
        said[name] = date.fromisoformat(said[name])
    for name in ("levels", "quarter_only_levels", "period_types", "sensitivity_tables", "sensitive_levels"):
        said[name] = tuple(said[name])
    said["dimensions"] = tuple(Dimension(**dimension) for dimension in said["dimensions"])
    said["sensitive_categories"] = frozenset(said["sensitive_categories"])
    if said["goalposts"] is not None:
        said["goalposts"] = {name: Goalposts(**posts) for name, posts in said["goalposts"].items()}
    return IndexSettings(**said)


def _plain(value: object) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is no setting of an index")


def _compared(inputs: IndexInputs, published: Mapping[str, Any], parts: Mapping[str, float]) -> tuple[Compared, ...]:
    import polars as pl

    from infra.build.estimate import index_of

    made = index_of(inputs)
    here = (
        (pl.col("region_code") == published["region_code"])
        & (pl.col("period_type") == published["period_type"])
        & (pl.col("period_start") == published["period_start"])
    )
    found = made["region_index"].filter(here)
    row = found.row(0, named=True) if found.height else dict.fromkeys(NUMBERS)
    compared = [Compared(name, _number(published[name]), _number(row[name])) for name in NUMBERS]
    points = dict(made["region_index_components"].filter(here).select("category_group", "share_points").iter_rows())
    compared += [
        Compared(f"components.{group}", _number(parts.get(group)), _number(points.get(group)))
        for group in sorted(parts.keys() | points.keys())
    ]
    return tuple(compared)


def _number(value: Any) -> float | None:
    return None if value is None else round(float(value), 2)


def _counted_again(lake: Lake, versions: Mapping[str, int], inputs: IndexInputs) -> tuple[IndexInputs | None, str]:
    """The inputs with incidents and calls counted again from the rows of the recorded versions, else why not."""
    import polars as pl
    from deltalake.exceptions import DeltaError

    as_of = inputs.settings.as_of
    try:
        records = lake.read("minimised", "police_record", versions["minimised__police_record"])
        incidents = (
            records.filter(pl.col("region_code").is_not_null() & (pl.col("occurred_local_date") <= as_of))
            .group_by("region_code", "category", "reported_by", local_date="occurred_local_date")
            .agg(n=pl.len().cast(pl.Int64))
            .collect()
        )
        calls = inputs.calls
        if "minimised__emergency_call" in versions:
            rows = lake.read("minimised", "emergency_call", versions["minimised__emergency_call"])
            calls = (
                rows.filter(pl.col("region_code").is_not_null() & (pl.col("received_local_date") <= as_of))
                .group_by("region_code", "category", local_date="received_local_date")
                .agg(n=pl.len().cast(pl.Int64))
                .collect()
            )
    except (KeyError, FileNotFoundError, OSError, DeltaError, pl.exceptions.PolarsError):
        return None, "the recorded versions of the rows are gone (erased, or vacuumed after a week)"
    order = ["region_code", "local_date", "category"]
    incidents = incidents.select("region_code", "local_date", "category", "reported_by", "n").sort(
        *order, "reported_by"
    )
    return replace(inputs, incidents=incidents, calls=None if calls is None else calls.sort(order)), ""
