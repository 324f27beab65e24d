"""What each action makes of a value, one by one, worked out by hand."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from h3.api import basic_str as h3

from ingestion.contract import ACTIONS
from ingestion.entities import load_entities, polars_type
from ingestion.lake.tables import TableRuleBroken, check_rows
from ingestion.minimise import KeyRing
from ingestion.minimise.columns import age_bands
from ingestion.minimise.policy import NARRATIVE_ACTIONS
from ingestion.minimise.pseudonyms import PSEUDONYM_KEY, KeyFiles
from tests.support.landing import CALLS, House, call, call_columns, call_feed, column

STORY = "Sdr. Budi Santoso melapor pelaku mencongkel jendela rumah"


def test_the_actions_are_those_of_the_contract() -> None:
    assert ("keep", "drop", "generalise", "pseudonymise", *NARRATIVE_ACTIONS) == ACTIONS


@pytest.mark.parametrize(
    ("action", "more", "expected"),
    [
        ("drop", {}, (None, None)),
        ("extract", {}, ("mencongkel", None)),
        (
            "redact",
            {"purpose": "to read what calls are about"},
            ("mencongkel", "Sdr. <PERSON> melapor pelaku mencongkel jendela rumah"),
        ),
    ],
)
def test_each_action_on_one_row(
    tmp_path: Path, action: str, more: Mapping[str, str], expected: tuple[str | None, str | None]
) -> None:
    house = House(tmp_path)
    house.with_regions()
    story = column("story", classification="personal", action=action, about="narrative", **more)
    house.documents[CALLS] = call_feed([*call_columns(), story])
    header = "number,kind,at,answered,lat,lon,changed,caller,story"
    house.deliver("calls/c_2026-05-01.csv", f"{header}\n{call(17, at='2026-05-01 10:44:51')},{STORY}\n")
    house.land(CALLS)
    (row,) = house.table("emergency_call").to_dicts()
    assert row["category"] == "crime"  # keep
    assert row["received_at"] == dt.datetime(2026, 5, 1, 2, tzinfo=dt.UTC)  # generalise: the hour
    assert row["h3_cell"] == h3.latlng_to_cell(-1.26, 116.64, 8)  # generalise: the cell
    (key,) = house.keys.digester(CALLS, "record", 1).hexadecimal(["17"])
    assert row["record_key"] == key  # pseudonymise
    assert (row["modus_terms"], row["narrative_redacted"]) == expected


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, None), (17, None), (18, "18-24"), (24, "18-24"), (25, "25-34"), (34, "25-34"), (64, "55-64"), (65, "65+"),
     (120, "65+"), (121, None), (-1, None), (None, None)],
)  # fmt: skip
def test_an_age_becomes_a_band_and_nothing_of_a_minors(age: int | None, band: str | None) -> None:
    assert age_bands(pl.Series([age], dtype=pl.Int64)).to_list() == [band]


def test_a_period_ends_what_a_pseudonym_links(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path)

    def of(purpose: str, period: str = "") -> str:
        return keys.digester("dishub", purpose, 1, period=period).hexadecimal(["CCTV-7"])[0]

    assert of("camera", "2025") == of("camera", "2025")
    assert len({of("camera", "2025"), of("camera", "2026"), of("camera"), of("lamp", "2025")}) == 4


@dataclass
class Service:
    """As a key management service: hands a secret over, keeps none in the home, and knows who asked."""

    asked: list[str] = field(default_factory=list)

    def secret(self, name: str) -> bytes:
        self.asked.append(name)
        return bytes(range(32))


def test_the_secret_may_come_from_a_key_service(tmp_path: Path) -> None:
    service = Service()
    served = KeyRing(tmp_path / "served", service)
    (token,) = served.digester("polri", "record", 1).hexadecimal(["LP/1"])
    assert service.asked == [PSEUDONYM_KEY] and not (tmp_path / "served").exists()
    assert bytes(range(32)).hex() not in repr(served)
    # The same secret in a file gives the same pseudonym: moving to a service keeps what is linked.
    (tmp_path / "filed").mkdir()
    (tmp_path / "filed" / PSEUDONYM_KEY).write_text(bytes(range(32)).hex())
    assert KeyRing(tmp_path / "filed").digester("polri", "record", 1).hexadecimal(["LP/1"]) == [token]
    assert KeyFiles(tmp_path / "filed").secret(PSEUDONYM_KEY) == bytes(range(32))
    served.uses.clear()
    assert served.reveal(served.hide("x", "polri", "position"), "polri", "position") == "x"
    assert served.uses[PSEUDONYM_KEY, "polri", "position"] == 2


def test_no_time_finer_than_the_hour_reaches_a_file() -> None:
    entity = load_entities()["police_record"]
    fields = (*load_entities().every_table, *entity.minimised)
    exact = {"occurred_at": dt.datetime(2026, 5, 1, 2, 44, tzinfo=dt.UTC)}
    rows = pl.DataFrame(
        {f.name: [exact.get(f.name)] for f in fields}, schema={f.name: polars_type(f.type) for f in fields}
    )
    with pytest.raises(TableRuleBroken, match="occurred_at is finer than the hour in 1 rows") as error:
        check_rows(rows, entity, "polri.laporan")
    assert "44" not in json.dumps(str(error.value))
