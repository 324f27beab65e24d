"""The rows as delivered, read a second time and in another way than conform: pandas instead of Polars.

For each column that a row rule speaks of, the frame holds `text:<column>` (trimmed, absent as missing), and where a
rule needs it `code:` (text as compared with codes), `plain:` and `value:` (numbers before and after the unit factor;
times as seconds since 1970 UTC), `readable:` (missing exactly where a present value is not of its type) and `placed:`
(missing exactly where daylight saving skipped a local time).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl

    from expectations.suite import Check
    from ingestion.contract import Column, Contract

_ISO = r"^(?P<stamp>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?)(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?$"
_LAST_TICK = {"epoch_ms": (253_402_300_800_000, 1000), "epoch_s": (253_402_300_800, 1)}
_FIRST, _LAST = -62_100_000_000.0, 253_400_000_000.0  # early in the year 2, December 9999
# Directives that conform's parser knows and Python spells otherwise.
_DIRECTIVES = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y", "%e": "%d", "%P": "%p", "%#z": "%z"}


def read_again(sample: pl.DataFrame, contract: Contract, checks: Sequence[Check], time_zone: str) -> pd.DataFrame:
    """The frame that `checks` (of `expectations.suite.row_checks`) are asked of; index is `_row`.

    `sample` holds raw rows: source columns, `_row`, perhaps `_raw`. Lines that could not be split into columns are
    left out: they have no columns to judge. A check whose column was not delivered finds no column here.
    """
    import pandas as pd
    import polars as pl

    if "_raw" in sample.columns:
        sample = sample.filter(pl.col("_raw").is_null())
    index = pd.Index(sample["_row"].to_numpy() if "_row" in sample.columns else range(sample.height))
    wanted: dict[str, set[str]] = {}
    for check in checks:
        for key in ("column", "column_A", "column_B"):
            if key in check.arguments:
                part, name = str(check.arguments[key]).split(":", 1)
                wanted.setdefault(name, set()).add(part)
    frames: dict[str, Any] = {}
    for name, parts in wanted.items():
        column = contract.column(name)
        others = [str(column.options["append"])] if "append" in column.options else []
        if all(other in sample.columns for other in [name, *others]):
            made = _column(sample, column, time_zone, parts)
            frames |= {f"{part}:{name}": values for part, values in made.items() if part in parts}
    return pd.DataFrame(frames, index=index)


def _column(sample: pl.DataFrame, column: Column, time_zone: str, parts: set[str]) -> dict[str, Any]:
    import pandas as pd

    if column.logical_type == "object":
        return _geometry(sample, column)
    series = sample[column.name]
    text = _text(series)
    if "append" in column.options:
        other = _text(sample[str(column.options["append"])])
        text = pd.Series(
            [None if a is None or b is None else f"{a} {b}" for a, b in zip(text, other, strict=True)], dtype=object
        )
    made: dict[str, Any] = {"text": text.to_numpy()}
    if "code" in parts:
        made["code"] = _codes(text, column, is_float=series.dtype.is_float())
    if parts <= {"text", "code"}:
        return made
    present = text.notna().to_numpy()
    if column.logical_type in ("timestamp", "date"):
        seconds, local, skipped = _times(series, text, column, time_zone)
        made |= {"plain": seconds, "value": seconds, "readable": _marks(~(present & ~local))}
        made["placed"] = _marks(~skipped)
    elif column.logical_type in ("integer", "number"):
        numbers = _numbers(series, text, column)
        made |= {"plain": numbers, "value": numbers * float(column.options.get("unit_factor", 1))}
        made["readable"] = _marks(~(present & pd.isna(numbers)))
    elif column.logical_type == "boolean":
        words = [str(word).lower() for key in ("true_values", "false_values") for word in _words(column, key)]
        made["readable"] = _marks((text.isna() | text.str.lower().isin(words)).to_numpy())
    else:
        made["readable"] = _marks(present | True)
    return made


def _text(series: pl.Series) -> pd.Series:
    import pandas as pd
    import polars as pl

    if series.dtype == pl.Boolean:
        values = [None if value is None else str(value).lower() for value in series.to_list()]
    else:
        values = series.cast(pl.String, strict=False).str.strip_chars().replace("", None).to_list()
    return pd.Series(values, dtype=object)


def _codes(text: pd.Series, column: Column, *, is_float: bool) -> Any:
    if is_float:
        text = text.str.replace(r"\.0$", "", regex=True)
    if column.options.get("ignore_case"):
        text = text.str.upper()
    return text.to_numpy()


def _words(column: Column, key: str) -> Sequence[Any]:
    default = {"true_values": ("true", "1", "t", "y", "yes"), "false_values": ("false", "0", "f", "n", "no")}
    words: Sequence[Any] = column.options.get(key, default[key])
    return words


def _marks(is_fine: np.ndarray) -> np.ndarray:
    """1 where fine, missing where not."""
    import numpy as np

    return np.where(is_fine, 1.0, np.nan)


def _numbers(series: pl.Series, text: pd.Series, column: Column) -> np.ndarray:
    import numpy as np
    import pandas as pd

    if series.dtype.is_numeric():
        numbers = series.cast(float, strict=False).to_numpy().astype(float, copy=True)
    else:
        decimal, thousands = str(column.options.get("decimal", ".")), column.options.get("thousands")
        shape = rf"[+-]?\d+(?:{re.escape(decimal)}\d+)?(?:[eE][+-]?\d+)?"
        digits = text
        if thousands:
            grouped = rf"[+-]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(decimal)}\d+)?"
            is_grouped = text.str.fullmatch(grouped).eq(True)
            digits = text.where(~is_grouped, text.str.replace(thousands, "", regex=False))
        digits = digits.where(digits.str.fullmatch(shape).eq(True)).str.replace(decimal, ".", regex=False)
        numbers = np.array(pd.to_numeric(digits, errors="coerce"), dtype=float)
    numbers[~np.isfinite(numbers)] = np.nan
    if column.logical_type == "integer":
        numbers[(numbers != np.floor(numbers)) | (np.abs(numbers) >= 2.0**63)] = np.nan
    return numbers


def _times(
    series: pl.Series, text: pd.Series, column: Column, time_zone: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(seconds since 1970 UTC, missing where there is no such instant; was it readable; was it a skipped hour)."""
    import numpy as np
    import polars as pl

    formats = column.options.get("format", "%Y-%m-%d" if column.logical_type == "date" else "iso")
    formats = (formats,) if isinstance(formats, str) else tuple(formats)
    nothing = np.zeros(len(text), dtype=bool)
    if series.dtype == pl.Date or isinstance(series.dtype, pl.Datetime):
        given = series.cast(pl.Date).cast(pl.Datetime("us")) if column.logical_type == "date" else series
        micros = given.cast(pl.Datetime("us", getattr(given.dtype, "time_zone", None))).to_physical()
        seconds = micros.cast(pl.Float64).to_numpy() / 1e6
        if column.logical_type == "date" or getattr(series.dtype, "time_zone", None):
            return seconds, np.isfinite(seconds), nothing
        return _placed(seconds, column, time_zone)
    if formats[0] in _LAST_TICK:
        limit, scale = _LAST_TICK[formats[0]]
        is_whole = text.str.fullmatch(r"[+-]?\d{1,18}").eq(True)
        ticks = text.where(is_whole).to_numpy(dtype=float, na_value=np.nan)
        ticks[np.abs(ticks) >= limit] = np.nan
        return ticks / scale, np.isfinite(ticks), nothing
    local = np.full(len(text), np.nan)
    instant = np.full(len(text), np.nan)
    for form in formats:
        open_rows = np.flatnonzero(text.notna().to_numpy() & np.isnan(local) & np.isnan(instant))
        if not len(open_rows):
            break
        naive, zoned = _iso(text.iloc[open_rows]) if form == "iso" else _formatted(text.iloc[open_rows], form)
        local[open_rows], instant[open_rows] = naive, zoned
    if column.logical_type == "date":
        return local, np.isfinite(local), nothing
    placed, readable, skipped = _placed(local, column, time_zone)
    return np.where(np.isnan(instant), placed, instant), readable | np.isfinite(instant), skipped


def _iso(text: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    import pandas as pd

    shape = text.str.extract(_ISO, expand=True)
    has_zone = shape["zone"].notna()
    naive = pd.to_datetime(text.where(shape["stamp"].notna() & ~has_zone), format="ISO8601", errors="coerce")
    zoned = pd.to_datetime(text.where(has_zone), format="ISO8601", errors="coerce", utc=True)
    return _seconds(naive), _seconds(zoned)


def _formatted(text: pd.Series, form: str) -> tuple[np.ndarray, np.ndarray]:
    """(local seconds, instant seconds) of one format: each missing where the other speaks, or neither."""
    import numpy as np
    import pandas as pd

    for ours, python in _DIRECTIVES.items():
        form = form.replace(ours, python)
    forms = [form]
    fraction = re.search(r"%\.\d?f", form)
    if fraction:
        # Optional in conform's parser: both spellings are the same format.
        forms = [form.replace(fraction.group(), ".%f"), form.replace(fraction.group(), "")]
    has_zone = "%z" in form
    seconds = np.full(len(text), np.nan)
    for one in forms:
        found = _seconds(pd.to_datetime(text, format=one, errors="coerce", utc=has_zone))
        seconds = np.where(np.isnan(seconds), found, seconds)
    nothing = np.full(len(text), np.nan)
    return (nothing, seconds) if has_zone else (seconds, nothing)


def _seconds(stamps: pd.Series) -> np.ndarray:
    """Seconds since 1970 of a series of times, missing where there is none; naive ones as if at Greenwich."""
    import numpy as np
    import pandas as pd

    stamps = pd.Series(stamps)
    if stamps.dt.tz is not None:
        stamps = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    micros = stamps.to_numpy().astype("datetime64[us]")
    return np.where(np.isnat(micros), np.nan, micros.astype("int64") / 1e6)


def _placed(local: np.ndarray, column: Column, time_zone: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Local seconds as (seconds since 1970 UTC, readable, skipped by daylight saving); an hour that comes twice is
    the earlier one."""
    import numpy as np
    import pandas as pd

    readable = np.isfinite(local)
    # On the calendar's first and last days a zone may lead out of it; they are impossible times in any zone.
    placeable = readable & (local > _FIRST) & (local < _LAST)
    micros = np.full(len(local), np.datetime64("NaT"), dtype="datetime64[us]")
    micros[placeable] = np.round(local[placeable] * 1e6).astype("int64").astype("datetime64[us]")
    earlier = np.ones(len(local), dtype=bool)
    zone = str(column.options.get("time_zone", time_zone))
    placed = pd.Series(micros).dt.tz_localize(zone, ambiguous=earlier, nonexistent="NaT")
    seconds = np.where(placeable, _seconds(placed), local)
    return seconds, readable, readable & np.isnan(seconds)


def _geometry(sample: pl.DataFrame, column: Column) -> dict[str, Any]:
    """Presence and readability of WKB; where a shape lies is not read again."""
    import numpy as np
    import shapely

    shapes = sample[column.name]
    given = shapes.is_not_null().to_numpy()
    read = shapely.from_wkb(shapes.to_numpy(), on_invalid="ignore")
    usable = ~shapely.is_missing(read) & ~shapely.is_empty(read)
    return {"text": np.where(given, 1.0, np.nan), "readable": _marks(~given | usable)}
