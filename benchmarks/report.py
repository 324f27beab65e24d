"""One table a benchmark, and the same rows as JSON: aim, cell, value, lower, upper, n, met."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    `aim` says in words what is aimed at ("" where nothing is), `cell` which data set, case and method it speaks of,
    `lower` and `upper` are its 95 % interval where there is one, `n` what was counted. `met` is None without an aim.
    """

    aim: str
    cell: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    met: bool | None = None


def table(figures: Iterable[Figure]) -> str:
    """The figures as an aligned text table; a missed aim says MISSED."""
    rows = [("cell", "value", "95 %", "n", "aim", "met")]
    for figure in figures:
        interval = f"{_number(figure.lower)} - {_number(figure.upper)}" if figure.lower is not None else ""
        met = {True: "yes", False: "MISSED", None: ""}[figure.met]
        count = f"{figure.n:,}" if figure.n is not None else ""
        rows.append((figure.cell, _number(figure.value), interval, count, figure.aim, met))
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    padded = [[text.ljust(width) for text, width in zip(row, widths, strict=True)] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in padded)


def write_json(path: Path, figures: Iterable[Figure]) -> None:
    """The figures as a JSON list."""
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n", encoding="utf-8")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 0.01 and value else f"{value:.3f}"
