"""From dashboards as written down to the files that Superset imports: databases, datasets, charts, dashboards.

Every id is a uuid5 of a name, so that importing again changes what is there and adds nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml

from infra.superset.definition import Chart, Dashboard, Dataset, Filter, Item
from infra.superset.marts import Mart
from infra.superset.palette import ACCENT, rgba
from infra.superset.tiles import connection_config
from infra.superset.web import TILES

SCHEMA = "marts"
VERSION = "1.0.0"
ROWS_OF_A_MAP = 50_000


@dataclass(frozen=True)
class Setting:
    """What differs between homes: where releases lie, the city's title, and how its data is labelled."""

    serving: Path
    city: str
    data_label: str
    # Key of the coarsest level of regions, in conditions as {top_level}.
    top_level: str

    @property
    def is_synthetic(self) -> bool:
        return self.data_label == "SINTETIS"


def identifier(kind: str, name: str) -> str:
    """The asset's uuid: the same for the same kind and name, in every home."""
    return str(uuid5(NAMESPACE_URL, f"telaga:superset:{kind}:{name}"))


def database_name(audience: str) -> str:
    return f"Rilis {audience}"


def assets(dashboards: Iterable[Dashboard], marts: Mapping[str, Mart], setting: Setting) -> dict[str, str]:
    """The bundle: path below its root to YAML text. Pure: the same arguments give the same text."""
    files: dict[str, dict[str, Any]] = {
        "metadata.yaml": {"version": VERSION, "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"}
    }
    for dashboard in dashboards:
        audience = dashboard.audience
        files[f"databases/{audience}.yaml"] = database(audience, setting)
        for dataset in dashboard.datasets.values():
            files[f"datasets/{audience}/{dashboard.slug}_{dataset.mart}.yaml"] = dataset_file(
                dashboard, dataset, marts[dataset.mart]
            )
        for chart in dashboard.charts.values():
            files[f"charts/{dashboard.slug}_{chart.key}.yaml"] = chart_file(dashboard, chart, setting)
        files[f"dashboards/{dashboard.slug}.yaml"] = dashboard_file(dashboard, setting)
    return {
        path: yaml.safe_dump(content, sort_keys=False, allow_unicode=True) for path, content in sorted(files.items())
    }


def database(audience: str, setting: Setting) -> dict[str, Any]:
    """One audience's release, read through its link, locked against everything but reading."""
    return {
        "database_name": database_name(audience),
        # An absolute path after three slashes makes four.
        "sqlalchemy_uri": f"duckdb:///{setting.serving / audience / 'current.duckdb'}",
        "cache_timeout": 300,
        "expose_in_sqllab": False,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_csv_upload": False,
        "impersonate_user": False,
        "extra": {
            "allows_virtual_table_explore": False,
            "disable_data_preview": True,
            "metadata_params": {},
            "engine_params": {
                "connect_args": {
                    "read_only": True,
                    "config": connection_config(),
                }
            },
            "metadata_cache_timeout": {},
            "schemas_allowed_for_csv_upload": [],
        },
        "uuid": identifier("database", audience),
        "version": VERSION,
        "is_managed_externally": True,
    }


def dataset_id(dashboard: Dashboard, mart: str) -> str:
    return identifier("dataset", f"{dashboard.audience}.{mart}")


def dataset_file(dashboard: Dashboard, dataset: Dataset, mart: Mart) -> dict[str, Any]:
    columns = [
        {
            "column_name": column.name,
            "verbose_name": dataset.labels.get(column.name),
            "type": column.superset_type,
            "is_dttm": column.is_time,
            "is_active": True,
            "groupby": True,
            "filterable": True,
            "description": column.description or None,
        }
        for column in mart.columns.values()
    ]
    columns += [
        {
            "column_name": column.name,
            "verbose_name": column.label,
            "type": column.type,
            "expression": column.sql,
            "is_dttm": False,
            "is_active": True,
            "groupby": True,
            "filterable": True,
        }
        for column in dataset.computed
    ]
    return {
        "table_name": mart.name,
        "main_dttm_col": dataset.time,
        "schema": SCHEMA,
        "catalog": None,
        "sql": None,
        "params": None,
        "template_params": None,
        "description": mart.description or None,
        "filter_select_enabled": True,
        "extra": {"certification": {"certified_by": "Telaga", "details": "mart dbt, kontrak ditegakkan"}},
        "normalize_columns": False,
        "always_filter_main_dttm": False,
        "uuid": dataset_id(dashboard, mart.name),
        "metrics": [
            {
                "metric_name": metric.name,
                "verbose_name": metric.label,
                "expression": metric.sql,
                "d3format": metric.format,
            }
            for metric in dataset.metrics
        ],
        "columns": columns,
        "version": VERSION,
        "database_uuid": identifier("database", dashboard.audience),
    }


def chart_id(dashboard: Dashboard, key: str) -> str:
    return identifier("chart", f"{dashboard.slug}.{key}")


def chart_file(dashboard: Dashboard, chart: Chart, setting: Setting) -> dict[str, Any]:
    make = {"number": _number, "line": _line, "bar": _bar, "table": _table, "map": _map}[chart.kind]
    params = {
        "adhoc_filters": [
            {
                "clause": "WHERE",
                "expressionType": "SQL",
                "sqlExpression": condition,
                "filterOptionName": identifier("filter", condition),
            }
            for condition in (each.replace("{top_level}", setting.top_level) for each in chart.where)
        ],
        "time_range": "No filter",
        **make(chart, dashboard.datasets[chart.dataset]),
    }
    return {
        "slice_name": chart.title,
        "description": chart.about or None,
        "viz_type": params["viz_type"],
        "params": params,
        "query_context": None,
        "cache_timeout": None,
        "uuid": chart_id(dashboard, chart.key),
        "version": VERSION,
        "dataset_uuid": dataset_id(dashboard, chart.dataset),
        "is_managed_externally": True,
    }


def _number(chart: Chart, dataset: Dataset) -> dict[str, Any]:
    metric = _metric_of(dataset, chart.options["metric"])
    return {
        "viz_type": "big_number_total",
        "metric": metric.name,
        "y_axis_format": metric.format,
        "subtitle": chart.options.get("subtitle", ""),
        "header_font_size": 0.4,
        "subtitle_font_size": 0.15,
        "conditional_formatting": [],
    }


def _line(chart: Chart, dataset: Dataset) -> dict[str, Any]:
    options = chart.options
    # An interval is two lines more: Superset's own band of a forecast vanishes on an axis that does not begin at zero.
    band = list(options.get("band", []))
    return {
        **_series(chart, dataset),
        "viz_type": "echarts_timeseries_line",
        "metrics": [*options["metrics"], *band],
        # Series are ordered by their sums, so that the estimate stands between its bounds and has the middle colour.
        "color_scheme": "telaga_interval" if band else "telaga",
        "time_grain_sqla": options.get("grain", "P1M"),
        "seriesType": "line",
        "markerEnabled": True,
        "markerSize": 5,
        "x_axis_time_format": options.get("time_format", "%b %Y"),
        "tooltipTimeFormat": options.get("time_format", "%B %Y"),
    }


def _bar(chart: Chart, dataset: Dataset) -> dict[str, Any]:
    options = chart.options
    return {
        **_series(chart, dataset),
        "viz_type": "echarts_timeseries_bar",
        "metrics": list(options["metrics"]),
        "time_grain_sqla": options.get("grain"),
        "orientation": "horizontal" if options.get("horizontal") else "vertical",
        "stack": "Stack" if options.get("stacked") else None,
        "show_value": bool(options.get("values", False)),
        "only_total": False,
        "x_axis_sort": options.get("sort"),
        "x_axis_sort_asc": not options.get("descending", False),
        "sort_series_type": "sum",
        "x_axis_time_format": options.get("time_format", "%d %b %Y"),
        "tooltipTimeFormat": options.get("time_format", "%d %B %Y"),
    }


def _series(chart: Chart, dataset: Dataset) -> dict[str, Any]:
    options = chart.options
    low, high = options.get("bounds", (None, None))
    return {
        "x_axis": options["x"],
        "groupby": list(options.get("by", [])),
        "row_limit": 10_000,
        "truncate_metric": True,
        "show_empty_columns": True,
        "color_scheme": "telaga",
        "show_legend": any(options.get(name) for name in ("by", "band")) or len(options["metrics"]) > 1,
        "legendType": "scroll",
        "legendOrientation": "top",
        "rich_tooltip": True,
        "showTooltipTotal": False,
        "showTooltipPercentage": False,
        "y_axis_format": options.get("format", _metric_of(dataset, options["metrics"][0]).format),
        # Else the axis is fitted to the values: for a line, where the change is what is looked at.
        "truncateYAxis": chart.kind == "line" or low is not None or high is not None,
        "y_axis_bounds": [low, high],
        "y_axis_title": options.get("axis", ""),
        "y_axis_title_margin": 40 if options.get("axis") else 15,
        "y_axis_title_position": "Left",
        "x_axis_title_margin": 15,
        "truncateXAxis": True,
        "minorSplitLine": False,
    }


def _table(chart: Chart, dataset: Dataset) -> dict[str, Any]:
    options = chart.options
    formats = options.get("formats", {})
    bars = set(options.get("bars", []))
    common = {
        "viz_type": "table",
        "row_limit": int(options.get("limit", 1000)),
        "server_page_length": 50,
        "page_length": int(options.get("page", 0)) or None,
        "include_search": bool(options.get("search", False)),
        "table_timestamp_format": options.get("time_format", "%d %b %Y"),
        "show_cell_bars": bool(bars),
        "allow_rearrange_columns": False,
        "allow_render_html": False,
        "conditional_formatting": [_colour(rule) for rule in options.get("colours", [])],
        "column_config": {
            name: {
                **({"d3NumberFormat": formats[name]} if name in formats else {}),
                **({"columnWidth": options["widths"][name]} if name in options.get("widths", {}) else {}),
                "showCellBars": name in bars,
                "truncateLongCells": False,
            }
            for name in [*options.get("columns", []), *options.get("by", []), *options.get("metrics", [])]
        },
    }
    if "metrics" in options:
        return {
            **common,
            "query_mode": "aggregate",
            "groupby": list(options["by"]),
            "metrics": list(options["metrics"]),
            "all_columns": [],
            "timeseries_limit_metric": options.get("order"),
            "order_desc": bool(options.get("descending", True)),
        }
    return {
        **common,
        "query_mode": "raw",
        "all_columns": list(options["columns"]),
        "order_by_cols": [json.dumps([name, ascending]) for name, ascending in options.get("order_by", [])],
    }


def _colour(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "column": rule["column"],
        "operator": rule["operator"],
        **({"targetValue": rule["value"]} if "value" in rule else {}),
        **(
            {"targetValueLeft": str(rule["from"]), "targetValueRight": str(rule["to"])}
            if "from" in rule and "to" in rule
            else {}
        ),
        "colorScheme": rule["colour"],
        "useGradient": False,
    }


def _map(chart: Chart, dataset: Dataset) -> dict[str, Any]:
    options = chart.options
    metric = _metric_of(dataset, options["metric"])
    return {
        "viz_type": "deck_polygon",
        "line_column": options["shape"],
        "line_type": "json",
        "metric": metric.name,
        "reverse_long_lat": False,
        "js_columns": [],
        "row_limit": ROWS_OF_A_MAP,
        # Only until the shapes have come: then the view is fitted to them.
        "viewport": {"longitude": 116.7, "latitude": -1.0, "zoom": 8, "bearing": 0, "pitch": 0},
        "autozoom": True,
        "mapbox_style": TILES,
        "point_radius_fixed": {"type": "fix", "value": 0},
        "color_scheme_type": "linear_palette",
        "linear_color_scheme": options["scheme"],
        "break_points": [str(each) for each in options["breaks"]],
        "num_buckets": str(len(options["breaks"]) - 1),
        "opacity": int(options.get("opacity", 80)),
        "filled": True,
        "stroked": bool(options.get("outline", True)),
        "extruded": False,
        "multiplier": 1,
        "line_width": 1,
        "line_width_unit": "pixels",
        "fill_color_picker": rgba(ACCENT),
        "stroke_color_picker": {"r": 90, "g": 90, "b": 90, "a": 0.6},
        "legend_position": "tr",
        "legend_format": options.get("legend_format", metric.format),
        "toggle_polygons": True,
        "table_filter": False,
        "tooltip_contents": [
            *(
                {"item_type": "column", "column_name": name, "id": number, "verbose_name": _label(dataset, name)}
                for number, name in enumerate(options.get("tooltip", []), start=1)
            ),
        ],
    }


def _label(dataset: Dataset, column: str) -> str:
    computed = {each.name: each.label for each in dataset.computed}
    return computed.get(column) or dataset.labels.get(column, column)


def _metric_of(dataset: Dataset, name: str) -> Any:
    return next(metric for metric in dataset.metrics if metric.name == name)


def dashboard_file(dashboard: Dashboard, setting: Setting) -> dict[str, Any]:
    numbers = {key: number for number, key in enumerate(dashboard.charts, start=1)}
    return {
        "dashboard_title": dashboard.title,
        "description": None,
        "css": CSS,
        "slug": dashboard.slug,
        "certified_by": None,
        "published": True,
        "uuid": identifier("dashboard", dashboard.slug),
        "position": position(dashboard, setting, numbers),
        "metadata": {
            "timed_refresh_immune_slices": [],
            "expanded_slices": {},
            "refresh_frequency": 0,
            "default_filters": "{}",
            "cross_filters_enabled": False,
            "filter_bar_orientation": "HORIZONTAL",
            "native_filter_configuration": [native_filter(dashboard, each, numbers) for each in dashboard.filters],
        },
        "version": VERSION,
        "is_managed_externally": True,
    }


def position(dashboard: Dashboard, setting: Setting, numbers: Mapping[str, int]) -> dict[str, Any]:
    """Superset's grid: rows of charts and texts. Numbers are placeholders that the import replaces by its own ids."""
    grid: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]},
        "HEADER_ID": {"id": "HEADER_ID", "type": "HEADER", "meta": {"text": dashboard.title}},
        "GRID_ID": {"id": "GRID_ID", "type": "GRID", "parents": ["ROOT_ID"], "children": []},
    }
    for row_number, row in enumerate(dashboard.rows):
        row_id = f"ROW-{row_number}"
        grid["GRID_ID"]["children"].append(row_id)
        cells = [
            _cell(dashboard, setting, item, row.height, f"{row_number}-{number}", numbers)
            for number, item in enumerate(row.items)
        ]
        grid[row_id] = {
            "id": row_id,
            "type": "ROW",
            "parents": ["ROOT_ID", "GRID_ID"],
            "children": [cell["id"] for cell in cells],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        grid.update({cell["id"]: {**cell, "parents": ["ROOT_ID", "GRID_ID", row_id]} for cell in cells})
    return grid


def _cell(
    dashboard: Dashboard, setting: Setting, item: Item, height: int, place: str, numbers: Mapping[str, int]
) -> dict[str, Any]:
    size = {"width": item.width, "height": height}
    if item.chart is None:
        text = (item.text or "").format(city=setting.city, label=label(setting))
        return {"id": f"MARKDOWN-{place}", "type": "MARKDOWN", "children": [], "meta": {"code": text, **size}}
    return {
        "id": f"CHART-{item.chart}",
        "type": "CHART",
        "children": [],
        "meta": {
            "uuid": chart_id(dashboard, item.chart),
            "chartId": numbers[item.chart],
            "sliceName": dashboard.charts[item.chart].title,
            **size,
        },
    }


def label(setting: Setting) -> str:
    """What stands over every dashboard about the kind of its data, as Markdown; blank lines end the HTML around it."""
    style, text = "telaga-nyata", "**DATA NYATA.** Angka berasal dari data yang diserahkan instansi. *Real data.*"
    if setting.is_synthetic:
        style = "telaga-sintetis"
        text = (
            "**DATA SINTETIS.** Seluruh angka berasal dari simulasi dan tidak menggambarkan keadaan sebenarnya. "
            "*Synthetic data: simulated, not real.*"
        )
    return f'<div class="{style}">\n\n{text}\n\n</div>'


def native_filter(dashboard: Dashboard, each: Filter, numbers: Mapping[str, int]) -> dict[str, Any]:
    column = {"datasetUuid": dataset_id(dashboard, each.dataset), "column": {"name": each.column}}
    mask: dict[str, Any] = {"extraFormData": {}, "filterState": {}, "ownState": {}}
    if each.default is not None:
        mask = {
            "extraFormData": {"filters": [{"col": each.column, "op": "IN", "val": [each.default]}]},
            "filterState": {"value": [each.default], "label": each.default},
            "ownState": {},
        }
    return {
        "id": f"NATIVE_FILTER-{each.key}",
        "name": each.title,
        "type": "NATIVE_FILTER",
        "filterType": "filter_select",
        "targets": [column],
        "defaultDataMask": mask,
        "cascadeParentIds": [f"NATIVE_FILTER-{other}" for other in each.after],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": [numbers[key] for key in each.skips]},
        "controlValues": {
            "multiSelect": each.is_multiple,
            "enableEmptyFilter": bool(each.default or each.order),
            "defaultToFirstItem": bool(each.order),
            "searchAllOptions": False,
            "inverseSelection": False,
            **({"sortAscending": False} if each.order else {}),
        },
        # Without it the first value would be shown in the bar and not applied to the charts.
        **({"sortMetric": each.order, "requiredFirst": True} if each.order else {}),
        "description": each.about,
    }


CSS = Path(__file__).with_name("dashboard.css").read_text(encoding="utf-8")
