"""Why a region's security index is what it is, from the executive release: components, what changed, how sure it is.

REGION is a code or a name, PERIOD a month (2026-05) or a quarter (2026-Q2). What was withheld stays withheld.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from infra.settings import SettingsError, current_home

if TYPE_CHECKING:
    from governance.explain import Explanation

SUMMARY = "why a region's index is what it is"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("region", metavar="REGION", help="code or name")
    parser.add_argument("period", metavar="PERIOD", help="2026-05 or 2026-Q2")
    parser.epilog = "example: ./telaga explain 'Balikpapan Kota' 2026-05"


def run(arguments: argparse.Namespace) -> int:
    """Prints the explanation; 2 where the release holds no such region or period."""
    from governance.explain import NothingToExplain, explain
    from governance.release import current

    home = current_home()
    release = current(home.serving_dir).get("executive")
    if release is None:
        raise SettingsError(f"{home.root} has no executive release yet: run ./telaga demo or ./telaga run first")
    try:
        print(text(explain(release.path, arguments.region, arguments.period)))
    except NothingToExplain as error:
        raise SettingsError(str(error)) from None
    return 0


def text(found: Explanation) -> str:
    """The explanation as lines for a terminal, Bahasa Indonesia with English beside it."""
    row = found.index
    place = f"{row['region_name']} ({row['region_code']}, {row['level_title']})"
    lines = [f"{place}, {row['period_label']}  [{row['data_label']}]"]
    if found.is_withheld:
        lines.append(f"  ditahan / withheld: {row['status_reason']}")
    else:
        lines.append(f"  indeks / index       {row['index_value']} dari 100, selang 90 % {_range(row, 'index')}")
        lines.append(f"  peka bobot / weights {_range(row, 'sensitivity')}")
        change = _signed(row["change_previous"])
        lines.append(f"  perubahan / change   {change} dari periode lalu, selang 90 % {_range(row, 'change_previous')}")
        lines.append(f"                       {_signed(row['change_year'])} dari tahun lalu")
        lines.append(
            f"  peringkat / rank     {row['rank_lower']}-{row['rank_upper']} (90 %), kelompok {row['group_label']}"
        )
        if row["status_reason"]:
            lines.append(f"  catatan / note       {row['status_reason']}")
    lines.append(f"  laporan warga        {row['incidents_band'] or '-'} (kelompok, bukan hitungan tepat)")
    population = "tidak ada" if row["population"] is None else f"{row['population']:,}"
    lines.append(
        f"  penduduk             {population}{'' if row['population_is_official'] else ' (bukan angka resmi)'}"
    )
    lines.append(f"  kelengkapan          {row['completeness']}{' (sementara)' if row['is_provisional'] else ''}")
    if found.parts and not found.is_withheld:
        lines.append("  yang mengurangi dari 100 / what takes points from 100 (sebelumnya / before):")
        for part in found.parts:
            before = "-" if part.points_before is None else f"{part.points_before:.1f}"
            lines.append(f"    {part.title:<28} {part.points:>6.1f}  ({before})")
    lines.append(f"  sumber / from        release {found.release}, metode {row['method_version'] or '-'}")
    for name, version, rows in found.marts:
        lines.append(f"    {name:<34} Delta version {version}, {rows:,} rows")
    return "\n".join(lines)


def _range(row: Any, name: str) -> str:
    lower, upper = row[f"{name}_lower"], row[f"{name}_upper"]
    return "-" if lower is None or upper is None else f"{lower} - {upper}"


def _signed(value: Any) -> str:
    return "-" if value is None else f"{value:+}"
