"""A batch that is stopped: whole, sealed, told without a value, replayable, and in nobody's way."""

from __future__ import annotations

import datetime as dt
import gzip
import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestion.connectors import Batch, Delivery, SchemaDrift, streams
from ingestion.lake import quarantine
from ingestion.lake.quarantine import open_rows
from ingestion.land import LandingContext, land_feed
from ingestion.profile import BatchProfile, Verdict
from ingestion.sealing import SealBroken, open_sealed
from tests.support.landing import (
    CALL_HEADER,
    CALLS,
    COUNTS,
    House,
    accept,
    call,
    call_columns,
    column,
    count,
    lines,
)

NAME = "Siti Nurhaliza"  # a made-up value that must not leave its seal
MAY = (dt.datetime(2026, 4, 30, 16, tzinfo=dt.UTC), dt.datetime(2026, 5, 31, 16, tzinfo=dt.UTC))


def sealed(house: House, feed: str = CALLS) -> bytes:
    """The whole file that the index names, envelope after envelope."""
    paths = house.quarantine(feed)["sealed_path"].to_list()
    return b"".join(open_sealed(house.lake.get(path), house.root / "keys") for path in paths)


def drifted(number: int) -> str:
    return lines(f"{CALL_HEADER},unit", [f"{call(number, caller=NAME)},7"])


def damaged_gzip() -> bytes:
    whole = bytearray(
        gzip.compress(lines(CALL_HEADER, [call(n, caller=f"{NAME} {n * 7919}") for n in range(500)]).encode())
    )
    whole[len(whole) // 2] ^= 0xFF
    return bytes(whole)


BROKEN: dict[str, tuple[str, bytes, str]] = {
    "a new column": ("c_2026-05-02.csv", drifted(2).encode(), "schema_drift"),
    "a missing column": ("c_2026-05-02.csv", lines("number,kind", ["2,K"]).encode(), "schema_drift"),
    "another encoding": (
        "c_2026-05-02.csv",
        lines(CALL_HEADER, [call(2, caller="Açaí")]).encode("cp1252"),
        "unreadable",
    ),
    "a damaged gzip": ("c_2026-05-02.csv.gz", damaged_gzip(), "unreadable"),
    "a cut gzip": ("c_2026-05-02.csv.gz", gzip.compress(drifted(2).encode())[:-12], "unreadable"),
    "no gzip at all": ("c_2026-05-02.csv.gz", lines(CALL_HEADER, [call(2)]).encode(), "unreadable"),
}


@pytest.mark.parametrize("broken", list(BROKEN))
def test_a_batch_that_cannot_be_read_is_sealed_whole_and_the_others_go_on(house: House, broken: str) -> None:
    name, content, rule = BROKEN[broken]
    house.deliver_calls("c_2026-05-01.csv", [call(1)])
    house.deliver(f"calls/{name}", content)
    house.deliver_calls("c_2026-05-03.csv", [call(3)])
    outcome = house.land(CALLS)
    assert (outcome.batches, outcome.read, outcome.accepted, outcome.quarantined) == (3, 2, 2, 0)
    assert len(outcome.reasons) == 1
    assert outcome.reasons[0].startswith("1 file whose rows cannot be counted; ")
    assert NAME not in outcome.reasons[0]
    assert house.quarantine(CALLS).select("rule", "rows").rows() == [(rule, 0)]
    assert sealed(house) == content
    assert house.log_rows(CALLS)["status"].to_list() == ["landed", "quarantined", "landed"]
    # It is dealt with: the next run neither takes it again nor doubles it.
    assert house.land(CALLS).batches == 0
    assert house.quarantine(CALLS).height == 1


def test_a_drifted_batch_says_what_differs(house: House) -> None:
    house.deliver("calls/c_2026-05-01.csv", lines(CALL_HEADER.replace("caller", "reporter"), [call(1)]))
    assert house.land(CALLS).reasons == (
        "1 file whose rows cannot be counted; police.calls: columns differ from the contract "
        "(new: reporter; missing: caller); change the contract and replay",
    )


def test_a_column_of_another_type_throughout_stops_the_batch(house: House) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(n, lat="south") for n in range(30)])
    outcome = house.land(CALLS)
    assert outcome.accepted == 0
    assert "changed: lat (no value is a number)" in outcome.reasons[0]
    assert sealed(house) == lines(CALL_HEADER, [call(n, lat="south") for n in range(30)]).encode()


def test_what_is_published_stays_published(house: House) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(1)])
    house.land(CALLS)
    content, version = house.digest("emergency_call"), house.lake.version("minimised", "emergency_call")
    house.deliver("calls/c_2026-05-02.csv", drifted(1))
    house.land(CALLS)
    assert (house.digest("emergency_call"), house.lake.version("minimised", "emergency_call")) == (content, version)


def test_after_the_contract_is_changed_the_batch_lands_once_and_leaves_quarantine(house: House) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(1)])
    house.deliver("calls/c_2026-05-02.csv", drifted(2))
    house.land(CALLS)
    changed = [*call_columns(), column("unit", action="drop")]
    house.documents[CALLS]["schema"][0]["properties"] = changed
    # Files of before lack the new column: they are asked for again by nobody.
    (house.root / "inbox/calls/c_2026-05-01.csv").unlink()
    outcome = house.land(CALLS, interval=MAY)
    assert (outcome.read, outcome.accepted, outcome.quarantined) == (1, 1, 0)
    assert house.table("emergency_call").height == 2
    assert house.quarantine(CALLS).height == 0
    again = house.land(CALLS, interval=MAY)
    assert (again.read, again.accepted, again.duplicate, again.new_versions) == (1, 1, 0, 0)


def test_an_ignored_column_stops_nothing(house: House) -> None:
    house.documents[CALLS]["customProperties"][0]["value"]["ignored"] = ["unit"]
    house.deliver("calls/c_2026-05-02.csv", drifted(2))
    assert house.land(CALLS).accepted == 1
    assert "unit" not in house.table("emergency_call").columns


def test_a_zip_bomb_is_refused_before_it_fills_memory(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HARMLESS", 1 << 18)
    monkeypatch.setattr(streams, "PIECE", 1 << 16)
    monkeypatch.setattr(streams, "MOST_EXPANSION", 100)
    read: list[int] = []
    real = streams._last_end

    def counted(data: bytes, quote: bytes | None) -> int:
        read.append(len(data))
        return real(data, quote)

    monkeypatch.setattr(streams, "_last_end", counted)
    bomb = gzip.compress(f"{CALL_HEADER}\n".encode() + b",,,,,,,\n" * 1_000_000, 9)
    house.deliver("calls/c_2026-05-02.csv.gz", bomb)
    outcome = house.land(CALLS)
    assert "refused as a bomb" in outcome.reasons[0]
    assert (outcome.read, outcome.accepted) == (0, 0)
    assert sealed(house) == bomb
    assert sum(read) < 1_500_000  # of eight million bytes


def test_a_large_file_is_sealed_in_several_envelopes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "BYTES_PER_ENVELOPE", 64)
    house.deliver("calls/c_2026-05-02.csv", drifted(2))
    house.land(CALLS)
    assert house.quarantine(CALLS).height > 1
    assert sealed(house) == drifted(2).encode()


def test_a_failed_verdict_ends_the_batch_row_by_row_counted(house: House) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(1), call(2, kind="X"), call(1)])
    house.deliver_calls("c_2026-05-02.csv", [call(3)])

    def judge(profile: BatchProfile) -> Verdict:
        return Verdict(profile.rows_read < 3, ("volume: 3 rows, allowed 2",) if profile.rows_read >= 3 else ())

    outcome = house.land(CALLS, judge=judge)
    assert (outcome.read, outcome.accepted, outcome.duplicate, outcome.quarantined) == (4, 1, 0, 3)
    assert outcome.reasons == ("volume: 3 rows, allowed 2",)
    assert house.quarantine(CALLS).select("rule", "rows").rows() == [("verdict", 3)]
    assert sealed(house) == (house.root / "inbox/calls/c_2026-05-01.csv").read_bytes()
    assert house.table("emergency_call").height == 1
    # Nothing of the refused batch is counted as minimised either.
    redaction = house.lake.read("control", "redaction").filter(pl.col("feed") == CALLS).collect()
    assert redaction["rows"].unique().to_list() == [1]


def test_the_judge_is_told_shares_of_all_rows_and_the_history_of_landed_batches(house: House) -> None:
    seen: list[BatchProfile] = []

    def judge(profile: BatchProfile) -> Verdict:
        seen.append(profile)
        return Verdict(True)

    house.deliver_calls("c_2026-05-01.csv", [call(1), call(1), call(2, kind="X"), call(3, lat="", lon="")])
    house.land(CALLS, judge=judge)
    house.deliver_calls("c_2026-05-02.csv", [call(4)])
    house.deliver_calls("c_2026-05-08.csv", [call(5)])
    house.land(CALLS, judge=judge)
    first, saturday, second = seen
    assert (first.rows_read, first.rejected, first.unknown_codes) == (4, 1, 1)
    assert first.null_shares["lat"] == 0.25 and first.null_shares["kind"] == 0
    assert first.duplicate_share == 0.25
    assert first.geocoded_share == pytest.approx(2 / 3)
    # Fridays are compared with Fridays.
    assert first.history == saturday.history == () and second.history == (4,)
    assert first.coded == {("category", "crime"): 3}
    assert first.last_day == dt.date(2026, 6, 30)
    assert first.sample is not None and first.sample.height == 4
    assert first.rejected_rules is not None and first.rejected_rules.rows() == [(3, "codes:kind")]


def test_quarantined_rows_open_with_the_key_and_are_whole(house: House, tmp_path: Path) -> None:
    rows = [call(1), call(2, kind="X", caller=NAME), call(3, lat="99"), call(4, kind="Y", lon="200")]
    house.deliver_calls("c_2026-05-01.csv", rows)
    house.land(CALLS)
    index = house.quarantine(CALLS).sort("rule")
    assert index.select("rule", "rows", "positions").rows() == [
        ("codes:kind", 1, [2]),
        ("codes:kind;coordinate:lon", 1, [4]),
        ("coordinate:lat", 1, [3]),
    ]
    (path,) = index["sealed_path"].unique().to_list()
    opened = open_rows(house.lake, path, house.root / "keys").sort("_row")
    delivered = pl.read_csv(io.StringIO(lines(CALL_HEADER, rows)), infer_schema=False)
    assert opened.select(delivered.columns).equals(delivered[1:])
    assert opened["_row"].to_list() == [2, 3, 4]
    other = House(tmp_path / "other")
    other.city()
    (other.root / "keys").mkdir()
    with pytest.raises(SealBroken, match="missing"):
        open_rows(house.lake, path, other.root / "keys")
    from ingestion.sealing import recipient_of

    recipient_of(other.root / "keys")
    with pytest.raises(SealBroken, match="another key"):
        open_rows(house.lake, path, other.root / "keys")


def test_every_rejected_row_of_a_long_file_is_sealed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "ROWS_PER_ENVELOPE", 10)
    house.deliver_counts("i_2026-05.csv", [count(kind="?", remark=str(n)) if n % 2 else count() for n in range(97)])
    outcome = house.land(COUNTS, chunk_rows=9)
    assert (outcome.accepted, outcome.quarantined) == (49, 48)
    paths = house.quarantine(COUNTS)["sealed_path"].unique().to_list()
    assert len(paths) > 1
    opened = pl.concat(open_rows(house.lake, path, house.root / "keys") for path in paths)
    assert sorted(map(int, opened["remark"].to_list())) == list(range(1, 97, 2))
    assert house.quarantine(COUNTS)["rows"].sum() == 48


class Database:
    """A source that is no file: one batch whose columns the agency has changed."""

    def __init__(self, contract: Any) -> None:
        self.contract, self.asked, self.is_mended = contract, 0, False

    def batches(self, acknowledged: frozenset[str], position: str | None = None, interval: Any = None) -> list[Batch]:
        slices = [Batch(CALLS, f"upto-{n}", f"2026-05-0{n}", None, None, str(n), None) for n in (1, 2)]
        return [batch for batch in slices if batch.position > (position or "") and batch.batch_id not in acknowledged]

    def open(self, batch: Batch) -> Delivery:
        return Delivery(self._frames(batch), None)

    def _frames(self, batch: Batch) -> Any:
        if not self.is_mended and batch.batch_id == "upto-1":
            raise SchemaDrift(CALLS, new=("unit",))
        frame = pl.read_csv(io.StringIO(lines(CALL_HEADER, [call(batch.location)])), infer_schema=False)
        yield frame.with_columns(pl.lit(1, pl.Int64).alias("_row"))


def test_a_drifted_slice_of_a_database_is_not_passed_over(house: House) -> None:
    """Nothing can be sealed of it, so it must stay unacknowledged: the pull may not go on behind it."""
    connector = Database(house.contract(CALLS))
    context = LandingContext(house.lake, house.city(), house.keys, "one", None, accept)
    outcome = land_feed(house.contract(CALLS), connector, context)
    assert (outcome.accepted, outcome.batches_left) == (0, 1)
    assert "new: unit" in outcome.reasons[0]
    connector.is_mended = True
    outcome = land_feed(
        house.contract(CALLS), connector, LandingContext(house.lake, house.city(), house.keys, "two", None, accept)
    )
    assert (outcome.batches, outcome.accepted) == (2, 2)
    assert house.table("emergency_call").height == 2
