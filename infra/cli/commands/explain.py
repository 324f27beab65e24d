"""Why a region's security index is what it is, from the executive release: components, what changed, how sure it is.

REGION is a code or a name, PERIOD a month (2026-05) or a quarter (2026-Q2). What was withheld stays withheld.
`--reproduce RELEASE` makes the numbers again: from the aggregates kept with that release and, while the Delta versions
it recorded still exist, from the rows; both are compared with what was published, to the last digit.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from infra.settings import SettingsError, current_home

if TYPE_CHECKING:
    from governance.explain import Explanation
    from infra.build.reproduce import Reproduction

SUMMARY = "why a region's index is what it is"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("region", metavar="REGION", help="code or name")
    parser.add_argument("period", metavar="PERIOD", help="2026-05 or 2026-Q2")
    parser.add_argument(
        "--reproduce", metavar="RELEASE", help="make the numbers of a release again: its id, or 'current'"
    )
    parser.epilog = (
        "example: ./telaga explain 'Balikpapan Kota' 2026-05; ./telaga explain 64.71 2026-Q2 --reproduce current"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the explanation; 2 where there is no such region, period or release, 1 where a number now differs."""
    from governance.explain import NothingToExplain, explain
    from governance.release import current
    from infra.build.reproduce import reproduce
    from infra.build.settings import BuildFailed

    home = current_home()
    release = current(home.serving_dir).get("executive")
    if release is None:
        raise SettingsError(f"{home.root} has no executive release yet: run ./telaga demo or ./telaga run first")
    path = release.path
    if arguments.reproduce and arguments.reproduce != "current":
        path = path.with_name(f"{arguments.reproduce}.duckdb")
        if not path.is_file():
            raise SettingsError(f"no executive release {arguments.reproduce}; the newest is {release.id}")
    try:
        found = explain(path, arguments.region, arguments.period)
        print(text(found))
        if not arguments.reproduce:
            return 0
        parts = {part.group: part.points for part in found.parts}
        made = reproduce(home.lake(), found.release, found.index, parts)
    except (NothingToExplain, BuildFailed) as error:
        raise SettingsError(str(error)) from None
    print(reproduction_text(made, found.is_withheld))
    return 0 if found.is_withheld or made.is_same else 1


def reproduction_text(made: Reproduction, is_withheld: bool) -> str:
    """What was made again, number by number where one differs."""
    lines = [f"  dihitung ulang / reproduced, release {made.release}"]
    if is_withheld:
        return "\n".join([*lines, "    nilai ditahan, tidak ada yang dibandingkan / withheld, nothing to compare"])
    for title, compared in (
        ("dari agregat / from aggregates", made.aggregates),
        ("dari baris / from rows", made.from_rows),
    ):
        if not compared:
            lines.append(f"    {title:<30} tidak / no: {made.rows_reason}")
            continue
        same = sum(number.is_same for number in compared)
        lines.append(f"    {title:<30} {same} dari / of {len(compared)} angka sama / numbers the same")
        lines += [
            f"      {number.name}: terbit / published {number.published}, kini / now {number.again}"
            for number in compared
            if not number.is_same
        ]
    return "\n".join(lines)


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
    if found.changes and not found.is_withheld:
        moved = ", ".join(f"{title} {points:+.1f}" for title, points in found.changes)
        lines.append(f"  yang berubah / what changed (poin yang hilang / points lost): {moved}")
    lines.append(f"  sumber / from        release {found.release}, metode {row['method_version'] or '-'}")
    for name, version, rows in found.marts:
        lines.append(f"    {name:<34} Delta version {version}, {rows:,} rows")
    if found.sources:
        lines.append("  tabel yang dibaca / tables read:")
        lines += [
            f"    {name.replace('__', '/'):<34} Delta version {version}"
            for name, version in sorted(found.sources.items())
        ]
    return "\n".join(lines)


def _range(row: Any, name: str) -> str:
    lower, upper = row[f"{name}_lower"], row[f"{name}_upper"]
    return "-" if lower is None or upper is None else f"{lower} - {upper}"


def _signed(value: Any) -> str:
    return "-" if value is None else f"{value:+}"
