"""An index taken apart from the release alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from governance.explain import NothingToExplain, explain, period_of
from infra.build.reproduce import Compared, Reproduction
from infra.cli.commands.explain import reproduction_text, text


@pytest.fixture
def release(tmp_path: Path) -> Path:
    path = tmp_path / "release.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            """
            create table marts.region_security_index as
            select code as region_code, name as region_name, 'kecamatan' as level, 'Kecamatan' as level_title,
                   'month' as period_type, start as period_start, strftime(start, '%Y-%m') as period_label,
                   value as index_value, value - 5 as index_lower, value + 5 as index_upper,
                   value - 1 as sensitivity_lower, value + 1 as sensitivity_upper, 2.5 as change_previous,
                   -1.0 as change_previous_lower, 6.0 as change_previous_upper, null as change_year,
                   1 as rank_lower, 3 as rank_upper, '1-3' as group_label, status, reason as status_reason,
                   '<8' as incidents_band, 12000 as population, true as population_is_official, 0.99 as completeness,
                   true as is_provisional, 'region-index-1' as method_version, '[]' as boundary_json,
                   'SINTETIS' as data_label
            from (values ('64.09.01', 'Babulu', date '2026-04-01', 70.0, 'published', null),
                         ('64.09.01', 'Babulu', date '2026-05-01', 72.5, 'published', null),
                         ('64.09.02', 'Sepaku', date '2026-05-01', null, 'withheld', 'Jumlah penduduk tidak tersedia'),
                         ('64.01.09', 'Sepaku', date '2026-05-01', 50.0, 'published', null))
                 t (code, name, start, value, status, reason)
            """
        )
        connection.execute(
            """
            create table marts.region_security_index_components as
            select '64.09.01' as region_code, 'month' as period_type, start as period_start, 'crime' as dimension,
                   grp as category_group, title as category_group_title, points as share_points
            from (values (date '2026-04-01', 'violence', 'Kekerasan', 20.0),
                         (date '2026-05-01', 'violence', 'Kekerasan', 16.5),
                         (date '2026-05-01', 'property', 'Harta benda', 11.0)) t (start, grp, title, points)
            """
        )
        connection.execute(
            "create table marts.release as select 'r1' as release_id, 'region_security_index' as mart, "
            "7 as delta_version, 4 as rows"
        )
    return path


def test_the_parts_are_what_the_index_lacks_to_a_hundred(release: Path) -> None:
    found = explain(release, "babulu", "2026-05")
    assert [(part.title, part.points, part.points_before) for part in found.parts] == [
        ("Kekerasan", 16.5, 20.0),
        ("Harta benda", 11.0, None),
    ]
    assert float(found.index["index_value"]) == 100 - sum(part.points for part in found.parts)
    assert found.release == "r1" and found.marts == (("region_security_index", 7, 4),)
    assert "SINTETIS" in text(found) and "<8" in text(found)


def test_what_changed_and_what_was_read_is_told(release: Path) -> None:
    found = explain(release, "babulu", "2026-05")
    # A group that was not named before did not change: nobody can say from what.
    assert found.changes == (("Kekerasan", -3.5),)
    assert found.sources == {}
    with duckdb.connect(str(release)) as connection:
        connection.execute("alter table marts.release add column source_versions varchar")
        connection.execute("""update marts.release set source_versions = '{"minimised__police_record": 7}'""")
    told = text(explain(release, "babulu", "2026-05"))
    assert "Kekerasan -3.5" in told
    assert "minimised/police_record" in told and "Delta version 7" in told


def test_a_number_made_again_is_told_where_it_differs() -> None:
    same, other = Compared("index_value", 72.0, 72.0), Compared("index_lower", 60.0, 61.0)
    made = Reproduction("r1", {}, (same, other), (), "the recorded versions of the rows are gone")
    assert not made.is_same and Reproduction("r1", {}, (same,), (same,), "").is_same
    told = reproduction_text(made, False)
    assert "1 dari / of 2" in told and "index_lower: terbit / published 60.0, kini / now 61.0" in told
    assert "gone" in told
    assert "nothing to compare" in reproduction_text(made, True)
    # A number that is withheld in one and told in the other is no agreement.
    assert not Compared("change_year", None, 1.0).is_same and Compared("change_year", None, None).is_same


def test_a_withheld_value_stays_withheld(release: Path) -> None:
    found = explain(release, "64.09.02", "2026-05")
    assert found.is_withheld
    told = text(found)
    assert "ditahan / withheld: Jumlah penduduk tidak tersedia" in told
    assert "indeks / index" not in told and "takes points" not in told


def test_a_name_of_several_regions_asks_for_a_code(release: Path) -> None:
    with pytest.raises(NothingToExplain, match=r"64\.01\.09 \(Kecamatan\), 64\.09\.02"):
        explain(release, "Sepaku", "2026-05")


def test_an_unknown_region_names_what_is_near(release: Path) -> None:
    with pytest.raises(NothingToExplain, match=r"near it: 64\.09\.01 Babulu"):
        explain(release, "Babul", "2026-05")


def test_an_unknown_period_says_which_there_are(release: Path) -> None:
    with pytest.raises(NothingToExplain, match="months run from 2026-04 to 2026-05"):
        explain(release, "64.09.01", "2026-01")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-05", ("month", date(2026, 5, 1))),
        ("2026-q2", ("quarter", date(2026, 4, 1))),
        ("2026-Q4", ("quarter", date(2026, 10, 1))),
    ],
)
def test_periods_as_people_write_them(written: str, meant: tuple[str, date]) -> None:
    assert period_of(written) == meant


@pytest.mark.parametrize("written", ["May 2026", "2026-13", "2026-Q5", "2026"])
def test_what_is_no_period_is_refused(written: str) -> None:
    with pytest.raises(NothingToExplain):
        period_of(written)
