"""A dashboard as it is written down: dashboards/<name>.yaml, read and checked against the marts' columns.

The file names columns, metrics and charts once; what Superset wants to be told about each is made by `bundle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from infra.superset.marts import Mart

DASHBOARDS = Path(__file__).with_name("dashboards")
KINDS = ("number", "line", "bar", "table", "map")
COLUMNS_OF_A_ROW = 12


class DefinitionError(ValueError):
    """A dashboard file that cannot be used; the message names the file, the part, and what is wrong."""


@dataclass(frozen=True)
class Metric:
    """One number of a dataset: SQL aggregate, label in Bahasa, d3 format."""

    name: str
    sql: str
    label: str
    format: str = ",.1f"


@dataclass(frozen=True)
class Computed:
    """One column that only the dashboard knows: SQL over the mart's columns."""

    name: str
    sql: str
    label: str
    type: str = "VARCHAR"


@dataclass(frozen=True)
class Dataset:
    """One mart as this dashboard sees it; `time` is its time column, `labels` name columns in Bahasa."""

    mart: str
    time: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    computed: tuple[Computed, ...] = ()


@dataclass(frozen=True)
class Chart:
    """One chart; `options` are those of its kind (see `bundle`), `where` SQL conditions over the dataset."""

    key: str
    kind: str
    title: str
    dataset: str
    about: str = ""
    where: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Filter:
    """One filter: the values of a column, narrowed by the filters in `after`; `order` is the metric that puts the
    default value first, `default` a fixed one. `skips` are charts that it leaves alone."""

    key: str
    title: str
    dataset: str
    column: str
    default: str | None = None
    order: str | None = None
    is_multiple: bool = False
    after: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Item:
    """A chart (its key) or a text (Markdown) in a row, `width` of 12 columns."""

    width: int
    chart: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class Row:
    """One row; `height` in Superset's grid units of 8 pixels."""

    height: int
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Dashboard:
    """One dashboard of one audience, open to one role."""

    file: str
    slug: str
    title: str
    audience: str
    role: str
    user: str
    datasets: Mapping[str, Dataset]
    charts: Mapping[str, Chart]
    filters: tuple[Filter, ...]
    rows: tuple[Row, ...]


def read_dashboards(marts: Mapping[str, Mart], folder: Path = DASHBOARDS) -> tuple[Dashboard, ...]:
    """Every dashboard of the folder, checked. Raises DefinitionError at the first fault."""
    return tuple(check(read_dashboard(path), marts) for path in sorted(folder.glob("*.yaml")))


def read_dashboard(path: Path) -> Dashboard:
    """One file as it stands, unchecked beyond its shape."""
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        datasets = {name: _dataset(name, part or {}) for name, part in said["datasets"].items()}
        charts = {key: _chart(key, part) for key, part in said["charts"].items()}
        filters = tuple(_filter(key, part) for key, part in (said.get("filters") or {}).items())
        rows = tuple(Row(int(row["height"]), tuple(Item(**item) for item in row["items"])) for row in said["rows"])
        plain = {name: str(said[name]) for name in ("slug", "title", "audience", "role", "user")}
    except (KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise DefinitionError(f"{path.name}: not a dashboard: {error}") from error
    return Dashboard(file=path.name, datasets=datasets, charts=charts, filters=filters, rows=rows, **plain)


def _dataset(mart: str, part: Mapping[str, Any]) -> Dataset:
    return Dataset(
        mart=mart,
        time=part.get("time"),
        labels=part.get("labels") or {},
        metrics=tuple(Metric(name, **each) for name, each in (part.get("metrics") or {}).items()),
        computed=tuple(Computed(name, **each) for name, each in (part.get("computed") or {}).items()),
    )


def _chart(key: str, part: Mapping[str, Any]) -> Chart:
    known = {"kind", "title", "dataset", "about", "where"}
    return Chart(
        key=key,
        kind=part["kind"],
        title=part["title"],
        dataset=part["dataset"],
        about=part.get("about", ""),
        where=tuple(part.get("where") or ()),
        options={name: value for name, value in part.items() if name not in known},
    )


def _filter(key: str, part: Mapping[str, Any]) -> Filter:
    lists = {name: tuple(part.get(name) or ()) for name in ("after", "skips")}
    return Filter(key=key, **{**part, **lists})


def check(dashboard: Dashboard, marts: Mapping[str, Mart]) -> Dashboard:
    """Holds a dashboard against the marts: every mart is its audience's, every column and metric exists."""
    fault = _first_fault(dashboard, marts)
    if fault:
        raise DefinitionError(f"{dashboard.file}: {fault}")
    return dashboard


def _first_fault(dashboard: Dashboard, marts: Mapping[str, Mart]) -> str | None:
    for name, dataset in dashboard.datasets.items():
        if name not in marts:
            return f"dataset {name}: there is no such mart"
        if marts[name].audience != dashboard.audience:
            return f"dataset {name}: its mart is for {marts[name].audience or 'nobody'}, not {dashboard.audience}"
        for column in (*dataset.labels, *([dataset.time] if dataset.time else [])):
            if column not in marts[name].columns:
                return f"dataset {name}: its mart has no column {column}"
    for chart in dashboard.charts.values():
        fault = _chart_fault(chart, dashboard, marts)
        if fault:
            return f"chart {chart.key}: {fault}"
    for each in dashboard.filters:
        known = _columns(dashboard, each.dataset, marts)
        if each.column not in known:
            return f"filter {each.key}: dataset {each.dataset} has no column {each.column}"
        if each.order and each.order not in _metrics(dashboard, each.dataset):
            return f"filter {each.key}: dataset {each.dataset} has no metric {each.order}"
        for other in each.after:
            if other not in {one.key for one in dashboard.filters}:
                return f"filter {each.key}: there is no filter {other}"
        for chart_key in each.skips:
            if chart_key not in dashboard.charts:
                return f"filter {each.key}: there is no chart {chart_key}"
    shown = [item.chart for row in dashboard.rows for item in row.items if item.chart]
    if sorted(shown) != sorted(dashboard.charts):
        return "every chart stands in exactly one row: compare charts with rows"
    for row in dashboard.rows:
        if sum(item.width for item in row.items) > COLUMNS_OF_A_ROW:
            return f"a row is wider than {COLUMNS_OF_A_ROW} columns"
    return None


def _chart_fault(chart: Chart, dashboard: Dashboard, marts: Mapping[str, Mart]) -> str | None:
    if chart.kind not in KINDS:
        return f"kind {chart.kind} is none of {', '.join(KINDS)}"
    if chart.dataset not in dashboard.datasets:
        return f"the file has no dataset {chart.dataset}"
    columns = _columns(dashboard, chart.dataset, marts)
    metrics = _metrics(dashboard, chart.dataset)
    for name in _named(chart.options, "x", "shape", "columns", "by", "tooltip"):
        if name not in columns:
            return f"dataset {chart.dataset} has no column {name}"
    for name in _named(chart.options, "metric", "metrics", "band", "order", "sort"):
        if name not in metrics:
            return f"dataset {chart.dataset} has no metric {name}"
    # In a table of its own columns and metrics, either can be ordered by, formatted and coloured.
    sorted_by = [name for name, _ in chart.options.get("order_by", [])]
    coloured = [rule["column"] for rule in chart.options.get("colours", [])]
    for name in (*sorted_by, *coloured, *_named(chart.options, "formats", "widths", "bars")):
        if name not in columns | metrics:
            return f"dataset {chart.dataset} has neither column nor metric {name}"
    return None


def _named(options: Mapping[str, Any], *keys: str) -> list[str]:
    """The names that options hold, whether one or several."""
    found: list[str] = []
    for key in keys:
        held = options.get(key, [])
        found += [held] if isinstance(held, str) else held
    return found


def _columns(dashboard: Dashboard, dataset: str, marts: Mapping[str, Mart]) -> set[str]:
    part = dashboard.datasets.get(dataset)
    return {*marts[dataset].columns, *(each.name for each in part.computed)} if part else set()


def _metrics(dashboard: Dashboard, dataset: str) -> set[str]:
    part = dashboard.datasets.get(dataset)
    return {metric.name for metric in part.metrics} if part else set()
