"""What was dropped or generalised is in no byte of the lake: no table, log, index, quarantine, scratch or name."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest

from ingestion.connectors import SchemaDrift
from ingestion.profile import BatchProfile, Verdict
from tests.support.landing import CALL_HEADER, CALLS, COUNTS, House, call, count, lines

# Made-up values, one for each way in which a row can end. `number` is a key: it becomes a digest.
CANARIES = {
    "caller": "Kenari-Pelapor",
    "number": "LP-KENARI-4711",
    "remark": "kenari di kebun",
    "lat": "-1.2634567",
    "lon": "116.6412345",
    "changed": "2026-05-01 11:17:43",
    "at": "2026-05-01 10:03:21",
}
# The same instants and the point as a table could hold them, as text or as the bytes of a number.
ELSEWISE = ["10:03:21", "02:03:21", "11:17:43", "03:17:43", "1777600", "2634567", "6412345"]


def every_byte(root: Path) -> dict[str, bytes]:
    """Name and content of every file of the lake; of Parquet also every value, as text."""
    found: dict[str, bytes] = {}
    for path in sorted(root.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet":
            frame = pl.read_parquet(io.BytesIO(content), hive_partitioning=False)
            content += "\n".join(str(row) for row in frame.iter_rows()).encode()
        found[str(path.relative_to(root))] = content
    return found


def leaks(root: Path, hidden: list[str]) -> list[tuple[str, str]]:
    files = every_byte(root)
    return [
        (name, value)
        for name, content in files.items()
        for value in hidden
        if value.encode() in content or value in name
    ]


@pytest.fixture
def told(house: House) -> list[str]:
    """Lands rows that are accepted, refused, drifted and judged bad, all full of canaries; gives what was logged."""
    said: list[str] = []
    values = {name: CANARIES[name] for name in ("caller", "lat", "lon", "changed", "at")}
    good = call(CANARIES["number"], answered="", **values)
    house.deliver_calls("c_2026-05-01.csv", [good, call(CANARIES["number"] + "x", kind="??", **values)])
    house.deliver("calls/c_2026-05-02.csv", lines(f"{CALL_HEADER},more", [f"{good},1"]))
    house.deliver("calls/c_2026-05-03.csv", lines(CALL_HEADER, [good, good[:40]]).encode() + b"\xff\xfe")
    house.deliver_calls("c_2026-05-04.csv", [good] * 5)

    def judge(profile: BatchProfile) -> Verdict:
        return Verdict(profile.rows_read != 5, ("rows",))

    outcome = house.land(CALLS, judge=judge, log=said.append)
    said += outcome.reasons
    house.deliver_counts(
        "i_2026-05.csv",
        [count(remark=CANARIES["remark"], lat=CANARIES["lat"]), count(kind="??", remark=CANARIES["remark"])],
    )
    said += house.land(COUNTS, log=said.append).reasons
    assert outcome.accepted == 1 and outcome.batches == 4
    return said


def test_the_search_finds_what_is_there(house: House, told: list[str]) -> None:
    """Or the next tests could not fail: what is meant to be in the lake is found in it."""
    key = house.table("emergency_call")["record_key"].item()
    assert leaks(house.root / "lake", [key, "Kecamatan 1", "c_2026-05-01.csv"])
    assert len(every_byte(house.root / "lake")) > 20


def test_no_value_of_a_dropped_or_generalised_column_is_in_the_lake(house: House, told: list[str]) -> None:
    assert leaks(house.root / "lake", [*CANARIES.values(), *ELSEWISE]) == []


def test_no_exact_coordinate_is_in_a_minimised_table(house: House, told: list[str]) -> None:
    for entity in ("emergency_call", "police_record"):
        table = house.table(entity)
        assert not any(kind.is_float() for kind in table.dtypes), table.schema
        assert not {"caller", "longitude", "latitude", "geometry", "source_key", "updated_at"} & set(table.columns)


def test_no_value_is_logged_or_told(house: House, told: list[str]) -> None:
    assert [line for line in told for value in CANARIES.values() if value in line] == []


def test_no_value_is_left_in_scratch_or_beside_the_lake(house: House, told: list[str]) -> None:
    assert not list((house.root / "lake" / "scratch").rglob("*.parquet"))
    beside = [path for path in house.root.iterdir() if path.name not in ("lake", "inbox")]
    assert [name for folder in beside for name in leaks(folder, list(CANARIES.values()))] == []


def test_uses_of_the_keys_are_counted_without_what_they_were_used_on(house: House, told: list[str]) -> None:
    entries = [json.loads(line) for line in (house.root / "keys/key-uses.jsonl").read_text().splitlines()]
    mine = [entry for entry in entries if entry["scope"] == CALLS]
    assert {entry["purpose"] for entry in mine} == {"content", "record", "position"}
    assert all(set(entry) == {"at", "run_id", "key", "scope", "purpose", "values"} for entry in entries)


def test_an_error_of_drift_names_columns_only() -> None:
    text = str(SchemaDrift(CALLS, new=("more",), missing=("caller",), changed=("lat (number became text)",)))
    assert text == (
        "police.calls: columns differ from the contract (new: more; missing: caller; changed: lat (number became "
        "text)); change the contract and replay"
    )
