"""Hotspots: the function behind the risk surface against the simple rules, on real incidents, and its calibration.

Weekly forecasts over 250 m cells clipped to the city's own area. All methods are tuned alike on the weeks before the
first scored one and then left alone. Best rule means the rule that did best on what is scored, by category and share of
the area: the hardest opponent in hindsight.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Figure

SUMMARY = "hotspot forecasts against simple rules, and calibration of the risk surface"
ENVIRONMENT = "main"

Floats = NDArray[np.float64]
WEEK = 7
SHARES = tuple(percent / 100 for percent in range(1, 11))
AIMED = (0.01, 0.05, 0.10)
OURS = "ours"
TOGETHER = "all citizen-reported"
# Aims are set for categories with this many scored events; sparser ones down to the second number are shown without.
AIMED_EVENTS, SHOWN_EVENTS = 2000, 500
# What is learnt from: at most a year of weeks, of which each needs four weeks of history before it.
TUNING_WEEKS, LEAST_HISTORY = 52, 28
WINDOW = 36_500
MARGIN = -0.01
FAR = 250_000.0  # metres: no city is wider, a wrong coordinate lies anywhere
DECILES = 10
BLOCK = 7  # cells in a row that stand for a parent: 49, as a parent two resolutions up has


@dataclass(frozen=True)
class Incidents:
    """Points in metres with their day (as date.toordinal) and category; the `discovered` ones enter nothing."""

    name: str
    x: Floats
    y: Floats
    day: NDArray[np.int64]
    category: NDArray[np.str_]
    discovered: frozenset[str]
    area: Any | None
    first_origin: date
    notes: tuple[str, ...] = ()

    @property
    def weeks(self) -> int:
        """Whole weeks from the first origin to the last day."""
        return (int(self.day.max()) + 1 - self.first_origin.toordinal()) // WEEK


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "without --incidents: Chicago 2018 and the aggravated assaults under TELAGA_CITY_DATA. "
        "example: ./telaga bench hotspot --incidents thefts.csv --time occurred_at --lat latitude --lon longitude"
    )
    parser.add_argument("--incidents", type=Path, metavar="FILE", help="a CSV or Parquet file of incidents")
    parser.add_argument("--time", metavar="COL", help="column of the local time")
    parser.add_argument("--lat", metavar="COL", help="column of the latitude (WGS 84)")
    parser.add_argument("--lon", metavar="COL", help="column of the longitude (WGS 84)")
    parser.add_argument("--x", metavar="COL", help="column of the easting, with --y and --crs")
    parser.add_argument("--y", metavar="COL", help="column of the northing")
    parser.add_argument(
        "--crs", metavar="CODE", help="reference system of --x and --y in metres or feet, as EPSG:26971"
    )
    parser.add_argument("--category", metavar="COL", help="column of the category; without it all incidents are one")
    parser.add_argument("--area", type=Path, metavar="FILE", help="GeoJSON of the city's areas")


def run(arguments: argparse.Namespace) -> list[Figure]:
    """Raises SettingsError, with the reason, for a missing column or file or too short a span."""
    from polars.exceptions import PolarsError
    from pyproj.exceptions import ProjError

    from infra.settings import SettingsError

    figures: list[Figure] = []
    try:
        for incidents in chosen(arguments):
            figures += evaluate(incidents)
    except (ValueError, OSError, PolarsError, ProjError) as error:
        raise SettingsError(str(error)) from error
    return figures


def chosen(arguments: argparse.Namespace) -> Iterator[Incidents]:
    if arguments.incidents is not None:
        yield other_table(arguments)
        return
    root = os.environ.get("TELAGA_CITY_DATA")
    if not root:
        raise ValueError("set TELAGA_CITY_DATA to the folder with the city data, or give --incidents FILE")
    yield chicago_2018(Path(root) / "chicago")
    yield chicago_assaults(Path(root) / "chicago")


def chicago_2018(folder: Path) -> Incidents:
    """1 January - 8 August 2018; the last 13 weeks are scored."""
    import polars as pl

    from ingestion.city import load_city

    root = Path(__file__).parent.parent / "ingestion" / "feeds" / "chicago"
    frame = pl.read_parquet(folder / "crimes" / "chicago-crimes-2018_dated.parquet")
    codes = _category_codes(root / "cpd.incidents_2018.odcs.yaml")
    discovered = load_city(root).discovered_categories
    return _incidents(
        "Chicago 2018", frame, "Date", ("Longitude", "Latitude"), "EPSG:26971", "PrimaryType",
        frozenset(code for code, category in codes.items() if category in discovered),
        folder / "spatial" / "chicago_community_areas.geojson", date(2018, 5, 10),
    )  # fmt: skip


def chicago_assaults(folder: Path) -> Incidents:
    """Aggravated assaults 2010 - 2019; 2018 and 2019 are scored."""
    import polars as pl

    frame = pl.read_csv(folder / "crimes" / "chicago_aggravated_assaults.csv.gz")
    area = folder / "spatial" / "chicago_community_areas.geojson"
    return _incidents(
        "assaults", frame, "date", ("longitude", "latitude"), "EPSG:26971", None, frozenset(), area, date(2018, 1, 1)
    )


def _category_codes(contract: Path) -> dict[str, str]:
    """The agency's codes and the reference category of each, as the feed's contract maps them."""
    import yaml

    document = yaml.safe_load(contract.read_text(encoding="utf-8"))
    for column in document["schema"][0]["properties"]:
        for custom in column.get("customProperties", []):
            if custom["value"].get("maps_to") == "category":
                return dict(custom["value"]["codes"])
    raise ValueError(f"{contract.name} maps no column to category")


def other_table(arguments: argparse.Namespace) -> Incidents:
    """Any table: the last quarter of its span is scored."""
    import polars as pl

    degrees = arguments.lat is not None and arguments.lon is not None
    if arguments.time is None or not (degrees or (arguments.x and arguments.y and arguments.crs)):
        raise ValueError("--incidents needs --time and either --lat and --lon or --x, --y and --crs")
    path = arguments.incidents
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=10_000)
    point = (arguments.lon, arguments.lat) if degrees else (arguments.x, arguments.y)
    return _incidents(
        path.name, frame, arguments.time, point, None if degrees else arguments.crs, arguments.category,
        frozenset(), arguments.area, None, is_degrees=degrees,
    )  # fmt: skip


def _incidents(
    name: str, frame: Any, time: str, point: tuple[str, str], crs: str | None, category: str | None,
    discovered: frozenset[str], area: Path | None, first_origin: date | None, is_degrees: bool = True,
) -> Incidents:  # fmt: skip
    import polars as pl

    from benchmarks.hotspot_cells import area_of, to_metres, zone_of

    wanted = [time, *point, *([category] if category else [])]
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise ValueError(f"{name} lacks column(s) {', '.join(missing)}; it has {', '.join(frame.columns)}")
    day = days_of(frame[time])
    label = pl.col(category).cast(pl.String) if category else pl.lit("all incidents")
    found = frame.select(
        day=day, a=pl.col(point[0]).cast(pl.Float64, strict=False), b=pl.col(point[1]).cast(pl.Float64, strict=False),
        category=label,
    )  # fmt: skip
    kept = found.drop_nulls().filter(pl.col("a").is_finite() & pl.col("b").is_finite())
    if is_degrees:
        kept = kept.filter(
            ((pl.col("a") != 0) | (pl.col("b") != 0)) & (pl.col("a").abs() <= 180) & (pl.col("b").abs() <= 90)
        )
    if kept.is_empty():
        raise ValueError(f"{name} has no row with a date (as 2018-05-31 ...) and a place")
    notes = [f"{found.height - kept.height:,} of {found.height:,} rows without date or place"]
    first, second = kept["a"].to_numpy(), kept["b"].to_numpy()
    unit = 1.0
    if is_degrees:
        projection = crs or zone_of(first, second)
        x, y = to_metres(first, second, projection)
    else:
        projection = str(crs)
        unit = _metres_per_unit(projection)
        x, y = first * unit, second * unit
    near = np.hypot(x - np.median(x), y - np.median(y)) <= FAR
    if not near.all():
        notes.append(f"{(~near).sum():,} rows over {FAR / 1000:.0f} km from the middle left out")
        kept, x, y = kept.filter(pl.Series(near)), x[near], y[near]
    days = kept["day"].to_physical().to_numpy().astype(np.int64) + date(1970, 1, 1).toordinal()
    if first_origin is None:
        span = int(days.max()) + 1 - int(days.min())
        weeks = span // 4 // WEEK
        if weeks < 4 or span < 26 * WEEK:
            raise ValueError(f"{name} spans {span} days; half a year at least is needed")
        first_origin = date.fromordinal(int(days.max()) + 1) - timedelta(weeks=weeks)
        notes.append("the last quarter of the span is scored")
        notes.append("no mapping: every category counts as citizen-reported")
    if area is None:
        notes.append("no area file: the area is the union of cells with an incident before the first origin")
    shape = None
    if area is not None:
        shape = area_of(area, projection)
        if unit != 1:
            import shapely

            shape = shapely.transform(shape, lambda points: points * unit)
    return Incidents(
        name, x, y, days, kept["category"].to_numpy().astype(str), discovered, shape, first_origin, tuple(notes)
    )


def days_of(column: Any) -> Any:
    """The dates of a column of dates, times, or texts that begin with a date, in the order that fits most rows."""
    import polars as pl

    if column.dtype in (pl.Date, pl.Datetime):
        return column.cast(pl.Date)
    text = (
        column.cast(pl.String)
        .str.strip_chars()
        .str.extract(r"^([0-9]+[-/.][0-9]+[-/.][0-9]+)")
        .str.replace_all("[/.]", "-")
    )
    orders = ("%Y-%m-%d", "%m-%d-%Y", "%d-%m-%Y")
    return min((text.str.to_date(order, strict=False) for order in orders), key=lambda days: days.null_count())


def _metres_per_unit(crs: str) -> float:
    from pyproj import CRS

    axis = CRS.from_user_input(crs).axis_info[0]
    if axis.unit_name == "degree":
        raise ValueError(f"{crs} is in degrees; use --lat and --lon, or a projected system with --x and --y")
    return float(axis.unit_conversion_factor)


def evaluate(incidents: Incidents) -> list[Figure]:
    """All figures of one table of incidents; details first, aims last."""
    from benchmarks.hotspot_cells import Cells
    from estimation.hotspots import Events

    origin = incidents.first_origin.toordinal()
    before = incidents.day < origin
    if incidents.area is None:
        cells = Cells.holding(incidents.x[before], incidents.y[before])
    else:
        cells = Cells.clipped(incidents.area)
    grid = cells.grid()
    place = cells.of(incidents.x, incidents.y)
    inside = place >= 0
    _say(
        f"{incidents.name}: {cells.size:,} cells, {cells.area.sum() / 1e6:.1f} km2, {inside.mean():.1%} of "
        f"{inside.size:,} incidents inside; {incidents.weeks} weeks from {incidents.first_origin} are scored"
    )

    def events(category: str) -> Events:
        rows = inside & (incidents.category == category)
        return Events(place[rows], incidents.day[rows], np.ones(int(rows.sum())))

    reported = sorted(set(incidents.category.tolist()) - incidents.discovered)
    kinds = {category: events(category) for category in reported}
    scored = {name: own.between(origin, origin + WEEK * incidents.weeks).n.sum() for name, own in kinds.items()}
    # A kind that hardly occurs tells nothing of another; the order of the names keeps the run repeatable.
    telling = [name for name in reported if kinds[name].between(0, origin).n.sum() >= SHOWN_EVENTS]
    notes = (*incidents.notes, f"{1 - inside.mean():.2%} of the rest outside the area")
    figures = [Figure("", f"{incidents.name}: {note}", None, n=inside.size) for note in notes]
    duels: list[_Duel] = []
    for name in sorted(reported, key=lambda each: -scored[each]):
        if scored[name] >= SHOWN_EVENTS:
            others = [kinds[other] for other in telling if other != name]
            duel = _Duel(f"{incidents.name}, {name}", cells, grid, kinds[name], others, origin, incidents.weeks)
            _say(f"  {name}: {duel.summary()}")
            duels.append(duel)
    if len(kinds) > 1 and duels:
        # All reported incidents in one, from their own past alone: what the surface of the whole day is.
        rows = inside & np.isin(incidents.category, reported)
        together = Events(place[rows], incidents.day[rows], np.ones(int(rows.sum())))
        duel = _Duel(f"{incidents.name}, {TOGETHER}", cells, grid, together, [], origin, incidents.weeks)
        _say(f"  {TOGETHER}: {duel.summary()}")
        duels.append(duel)
    if not duels:
        raise ValueError(f"{incidents.name} has no category with {SHOWN_EVENTS} scored events")
    aimed = [duel for duel in duels if duel.total >= AIMED_EVENTS and not duel.name.endswith(TOGETHER)]
    for duel in duels:
        figures += duel.details()
    for duel in duels:
        figures += duel.comparisons(duel in aimed) + duel.calibration(duel in aimed)
    if len(aimed) > 1:
        figures += pooled(incidents.name, aimed)
    return figures


class _Duel:
    """One category: our forecast and each rule over the scored weeks. `hits` [week, share] by method."""

    def __init__(
        self, name: str, cells: Any, grid: Any, own: Any, others: Sequence[Any], origin: int, weeks: int
    ) -> None:  # fmt: skip
        from benchmarks.hotspot_rules import EVER, rules
        from estimation.evaluation import equal_groups, hits_by_share, most_hits
        from estimation.hotspots import HotspotModel, decayed, fit, forecast

        self.name = name
        self.origins = [origin + WEEK * week for week in range(weeks)]
        first = int(own.day.min()) if own.day.size else origin
        tuning = [origin - WEEK * back for back in range(TUNING_WEEKS, 0, -1)]
        tuning = [each for each in tuning if each - first >= LEAST_HISTORY]
        # Sums by decile of risk: coverage, cells, events, events expected.
        self.by_decile = np.zeros((4, DECILES))
        self.in_blocks: list[float] = []
        across = cells.place.shape[1] // BLOCK + 1
        self.block = np.unique(cells.column // BLOCK * across + cells.row // BLOCK, return_inverse=True)[1]

        found = {at: own.between(at, at + WEEK).by_cell(cells.size) for at in [*tuning, *self.origins]}
        density = {at: decayed(own, cells.size, at, EVER, np.inf) / cells.area for at in found}

        def caught(score: Floats, at: int) -> Floats:
            return hits_by_share(score, density[at], cells.area, found[at], SHARES)

        self.totals = np.array([found[at].sum() for at in self.origins])
        self.most = np.array([most_hits(cells.area, found[at], SHARES) for at in self.origins])
        self.hits: dict[str, Floats] = {}
        self.settings: dict[str, str] = {}
        for rule, settings in rules(cells).items():
            past = [np.sum([caught(each.score(own, at), at) for at in tuning], axis=0) for each in settings]
            best = settings[int(np.argmax([np.mean(hits) for hits in past]))]
            self.hits[rule] = np.array([caught(best.score(own, at), at) for at in self.origins])
            self.settings[rule] = best.setting
        model = HotspotModel(window=WINDOW, weeks=len(tuning))
        self.fitted = fit(grid, own, others, origin, model)
        ours = []
        self.expected = 0.0
        for at in self.origins:
            prediction = forecast(grid, own, others, at, self.fitted)
            ours.append(caught(prediction.mean, at))
            self.expected += float(prediction.mean.sum())
            self._cover(found[at], prediction, equal_groups(prediction.mean, DECILES))
        self.hits[OURS] = np.array(ours)
        self.settings[OURS] = f"half-life {self.fitted.half_life:g}, strength {self.fitted.strength:g}"

    def _cover(self, events: Floats, prediction: Any, decile: NDArray[np.int64]) -> None:
        from estimation.evaluation import count_coverage

        inside = count_coverage(events, prediction.mean, prediction.variance)
        for row, values in enumerate((inside, np.ones(decile.size), events, prediction.mean)):
            self.by_decile[row] += np.bincount(decile, weights=values, minlength=DECILES)
        # Relative, as the surface is: the expectation is brought to the week's total first.
        scale = events.sum() / prediction.mean.sum() if prediction.mean.sum() > 0 else 1.0
        parts = (events, prediction.mean, prediction.variance)
        sums = [np.bincount(self.block, weights=part).astype(float) for part in parts]
        self.in_blocks.append(float(count_coverage(sums[0], scale * sums[1], scale**2 * sums[2]).mean()))

    @property
    def total(self) -> float:
        return float(self.totals.sum())

    @property
    def rules(self) -> list[str]:
        return [name for name in self.hits if name != OURS]

    def best_rule(self, at: int) -> str:
        """The rule with the most hits at the share SHARES[at] on what is scored."""
        return max(self.rules, key=lambda name: self.hits[name][:, at].sum())

    def difference(self, at: int) -> Floats:
        return self.hits[OURS][:, at] - self.hits[self.best_rule(at)][:, at]

    def summary(self) -> str:
        parts = []
        for share in AIMED:
            at = SHARES.index(share)
            best = self.best_rule(at)
            ours, theirs = (100 * self.hits[name][:, at].sum() / self.total for name in (OURS, best))
            parts.append(f"{share:.0%} {ours:.1f} against {theirs:.1f} ({best})")
        return f"{self.total:,.0f} events; " + ", ".join(parts)

    def details(self) -> list[Figure]:
        from estimation.evaluation import bootstrap_share, hit_rate, pai, pei

        figures = []
        for method, hits in self.hits.items():
            for at, share in enumerate(SHARES):
                caught = float(hits[:, at].sum())
                rate = bootstrap_share(hits[:, at], self.totals, (self.name, method, share))
                indexes = f"PAI {pai(caught, self.total, share, 1):.2f}, PEI {pei(caught, self.most[:, at].sum()):.3f}"
                cell = (
                    f"{self.name}, {method} ({self.settings[method]}), {share:.0%} of area: hit rate; {indexes}, "
                    f"{caught:,.0f} hits"
                )
                figures.append(
                    Figure("", cell, hit_rate(caught, self.total), rate.lower, rate.upper, round(self.total))
                )
        return figures

    def comparisons(self, aimed: bool) -> list[Figure]:
        from estimation.evaluation import bootstrap_share

        figures = []
        for share in AIMED:
            at = SHARES.index(share)
            found = bootstrap_share(self.difference(at), self.totals, (self.name, "paired"))
            cell = f"{self.name}, {share:.0%} of area: ours - {self.best_rule(at)}"
            aim = "lower >= -.01" if aimed else ""
            met = found.lower >= MARGIN if aimed else None
            figures.append(Figure(aim, cell, found.value, found.lower, found.upper, round(self.total), met))
        return figures

    def calibration(self, aimed: bool) -> list[Figure]:
        ratio = self.total / self.expected
        figures = [
            Figure(
                ".95 - 1.05" if aimed else "", f"{self.name}: observed / expected", ratio, n=round(self.total),
                met=0.95 <= ratio <= 1.05 if aimed else None,
            )
        ]  # fmt: skip
        for decile, (inside, number, events, expected) in enumerate(self.by_decile.T, start=1):
            cell = (
                f"{self.name}: 90 % coverage of weekly counts, decile {decile} of risk "
                f"({events:,.0f} events, {events / expected if expected > 0 else float('nan'):.2f} of the expected)"
            )
            share = float(inside / number)
            met = 0.85 <= share <= 0.95 if aimed else None
            figures.append(Figure(".85 - .95" if aimed else "", cell, share, n=round(number), met=met))
        cell = f"{self.name}: 90 % coverage of weekly counts of {BLOCK} x {BLOCK} cells together, as a parent is shown"
        number = (int(self.block.max()) + 1) * len(self.in_blocks)
        figures.append(Figure("", cell, float(np.mean(self.in_blocks)), n=number))
        return figures


def pooled(name: str, duels: Sequence[_Duel]) -> list[Figure]:
    """Ours minus the best rule of each category, over all of them."""
    from estimation.evaluation import bootstrap_share

    figures = []
    totals = np.sum([duel.totals for duel in duels], axis=0)
    for share in AIMED:
        at = SHARES.index(share)
        found = bootstrap_share(np.sum([duel.difference(at) for duel in duels], axis=0), totals, (name, "pooled"))
        cell = f"{name}, {len(duels)} categories pooled, {share:.0%} of area: ours - best rule of each"
        figures.append(
            Figure(
                "lower > 0", cell, found.value, found.lower, found.upper, round(float(totals.sum())), found.lower > 0
            )
        )
    return figures


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
