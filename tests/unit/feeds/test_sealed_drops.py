"""Sealed drops: what an agency seals lands, and nothing that anybody changed, forged or sent twice does."""

from __future__ import annotations

import io
import random
import threading
import time

import polars as pl
import pyrage
import pytest

from ingestion.connectors import ConnectorError
from ingestion.lake.alerts import open_alerts
from ingestion.sealing import DROPS_KEY, SealBroken, open_stream, recipient_of
from tests.support.landing import CALL_HEADER, CALLS, call, lines
from tests.support.sealed import FORGERIES, SealedHouse, sealed_call_feed

DAY = "c_2026-05-{:02d}.csv.drop"


def tally(outcome) -> tuple[int, int, int, int]:
    return outcome.read, outcome.accepted, outcome.duplicate, outcome.quarantined


def plain_name(name: str) -> str:
    return name.removesuffix(".drop")


def send(house: SealedHouse, day: int, sequence: int, numbers: list[int]) -> bytes:
    name = DAY.format(day)
    made = house.drop(plain_name(name), [call(number) for number in numbers], sequence)
    house.deliver_drop(name, made)
    return made


# What lands


def test_a_drop_lands_with_its_digest_in_the_log_and_its_file_stays(house):
    import hashlib

    made = send(house, 1, 1, [1, 2, 3])
    assert tally(house.land(CALLS)) == (3, 3, 0, 0)
    logged = house.log_rows(CALLS).row(0, named=True)
    assert logged["digest"] == hashlib.sha256(made).hexdigest()
    assert (house.inbox / DAY.format(1)).read_bytes() == made
    assert tally(house.land(CALLS)) == (0, 0, 0, 0)


@pytest.mark.parametrize("suffix", ["csv.gz", "csv.zst"])
def test_a_compressed_file_is_read_by_the_name_that_was_sealed(house, suffix):
    import pyarrow as pa

    kind = {"csv.gz": "gzip", "csv.zst": "zstd"}[suffix]
    content = pa.Codec(kind).compress(lines(CALL_HEADER, [call(1), call(2)]).encode(), asbytes=True)
    house.deliver_drop("renamed_2026-05-01", house.drop_of(f"calls.{suffix}", content, 1, rows=2))
    assert tally(house.land(CALLS)) == (2, 2, 0, 0)


def test_parquet_is_read_from_memory(house):
    house.documents[CALLS] = sealed_call_feed(format={"kind": "parquet"})
    names = CALL_HEADER.split(",")
    rows = pl.DataFrame([call(1).split(",")], schema=dict.fromkeys(names, pl.String), orient="row")
    rows = rows.with_columns(pl.col("lat", "lon").cast(pl.Float64), pl.col("at", "answered", "changed"))
    for prop in house.documents[CALLS]["schema"][0]["properties"]:
        prop["physicalType"] = "double" if prop["name"] in ("lat", "lon") else "string"
    buffer = io.BytesIO()
    rows.write_parquet(buffer)
    house.deliver_drop(DAY.format(1), house.drop_of("calls.parquet", buffer.getvalue(), 1, rows=1))
    assert tally(house.land(CALLS)) == (1, 1, 0, 0)


def test_the_period_stands_in_the_manifest_where_the_name_does_not_say_it(house):
    for sequence, day in ((1, "2026-05-02"), (2, "2026-05-01")):
        made = house.drop("x.csv", [call(sequence)], sequence, period=(day, f"{day}T12:00:00+08:00"))
        house.deliver_drop(f"{sequence}.drop", made)
    batches = house.connector(CALLS).batches(frozenset())
    assert [batch.location for batch in batches] == ["2.drop", "1.drop"]
    assert batches[0].period_from.isoformat() == "2026-04-30T16:00:00+00:00"
    assert batches[0].period_to.isoformat() == "2026-05-01T04:00:00+00:00"


def test_no_plain_value_of_a_drop_reaches_any_file(house):
    made = house.drop("c_2026-05-01.csv", [call(1, caller="Ngurah Marhaen"), call(2, kind="?", caller="Ngurah M")], 1)
    house.deliver_drop(DAY.format(1), made)
    assert tally(house.land(CALLS)) == (2, 1, 0, 1)
    holding = [path for path in house.root.rglob("*") if path.is_file() and b"Ngurah" in path.read_bytes()]
    assert holding == []


def test_a_drop_stopped_for_its_columns_is_kept_sealed_as_it_came(house):
    made = house.drop_of("c_2026-05-01.csv", b"number,surprise\n1,2\n", 1)
    house.deliver_drop(DAY.format(1), made)
    outcome = house.land(CALLS)
    assert "columns differ from the contract" in outcome.reasons[0]
    from ingestion.sealing import open_sealed

    path = house.quarantine(CALLS)["sealed_path"].item()
    assert open_sealed(house.lake.get(path), house.keys.folder) == made


def test_rows_that_are_not_those_of_the_manifest_stop_the_drop(house):
    content = lines(CALL_HEADER, [call(1), call(2)]).encode()
    house.deliver_drop(DAY.format(1), house.drop_of("c.csv", content, 1, rows=3))
    outcome = house.land(CALLS)
    assert "holds 2 rows, its manifest says 3" in outcome.reasons[0]
    with pytest.raises(AssertionError, match="nothing of emergency_call"):
        house.table("emergency_call")


# What does not


@pytest.mark.parametrize(
    ("forgery", "reason"),
    [
        ("flipped_at_end", "was changed after it was sealed"),
        ("longer", "holds bytes behind its end"),
        ("without_signature", "signature|unsigned"),
        ("signed_by_a_stranger", "is not signed with the key of police"),
        ("by_another_agency", "is by another agency than police"),
        ("for_another_feed", "is for another feed than police.calls"),
        ("for_another_key", "is sealed to another key than this lakehouse's"),
        ("for_another_key_unsaid", "did not open"),
        ("other_sequence", "was changed after it was signed"),
        ("other_content", "is cut|holds bytes behind its end|was changed after it was sealed"),
        ("plain", "is no sealed drop"),
    ],
)
def test_a_forged_drop_is_refused_with_its_reason_recorded_and_moved_aside(house, forgery, reason):
    import re

    made = house.drop("c_2026-05-01.csv", [call(1)], 1)
    house.deliver_drop(DAY.format(1), FORGERIES[forgery](house, made, random.Random(3)))
    outcome = house.land(CALLS)
    assert tally(outcome) == (0, 0, 0, 0)
    assert re.search(rf"^drop refused: .*({reason})", outcome.reasons[0])
    assert house.log_rows(CALLS)["status"].to_list() == ["quarantined"]
    assert house.quarantine(CALLS).select("rule", "rows", "sealed_path").rows() == [("refused_drop", 0, None)]
    assert len(house.refused()) == 1
    assert not (house.inbox / DAY.format(1)).exists()
    assert house.land(CALLS).batches == 0


def test_a_cut_drop_says_so(house):
    made = house.drop("c_2026-05-01.csv", [call(1)], 1)
    for number, length in enumerate((len(made) - 1, len(made) // 2 + 200, 40, 0), 1):
        house.deliver_drop(DAY.format(number), made[:length])
    reasons = house.land(CALLS).reasons
    assert ["cut" in reason or "first bytes" in reason for reason in reasons] == [True] * 4
    assert len(house.refused()) == 4


def test_a_repeat_under_another_name_is_refused_in_the_same_run_and_in_a_later_one(house):
    made = send(house, 1, 1, [1, 2])
    house.deliver_drop(DAY.format(2), made)
    outcome = house.land(CALLS)
    assert (outcome.batches, *tally(outcome)) == (2, 2, 2, 0, 0)
    house.deliver_drop(DAY.format(3), made)
    later = house.land(CALLS)
    assert tally(later) == (0, 0, 0, 0)
    for told in (outcome, later):
        assert "is a repeat: drop 1 was taken before as c_2026-05-01.csv.drop" in told.reasons[-1]
    assert len(house.refused()) == 2


def test_a_damaged_copy_that_came_first_does_not_keep_the_drop_out(house):
    made = house.drop("c_2026-05-02.csv", [call(1)], 1)
    house.deliver_drop(DAY.format(1), made[:-1])
    assert tally(house.land(CALLS)) == (0, 0, 0, 0)
    house.deliver_drop(DAY.format(2), made)
    assert tally(house.land(CALLS)) == (1, 1, 0, 0)


def test_an_inbox_that_cannot_be_written_keeps_the_drop_and_the_record(house):
    (house.inbox / ".refused").write_text("a file where the folder would be: nothing can be moved")
    house.deliver_drop(DAY.format(1), b"junk")
    first = house.land(CALLS)
    assert "it stays in the inbox, which cannot be written" in first.reasons[0]
    assert (house.inbox / DAY.format(1)).exists()
    assert house.land(CALLS).batches == 0
    send(house, 2, 1, [1])
    assert tally(house.land(CALLS)) == (1, 1, 0, 0)


def test_a_refused_drop_says_nothing_of_the_feeds_freshness(house):
    made = house.drop("c_2026-06-30.csv", [call(1)], 1)
    house.deliver_drop("c_2026-06-30.csv.drop", made[:-1])
    house.land(CALLS)
    assert house.log_rows(CALLS)["period_to"].to_list() == [None]


def test_a_home_without_the_key_fails_the_feed_and_refuses_nothing(house):
    send(house, 1, 1, [1])
    key = house.keys.folder / DROPS_KEY
    held = key.read_bytes()
    key.unlink()
    with pytest.raises(ConnectorError, match=r"keys/drops.age-key is missing; make it with ./telaga keys make"):
        house.land(CALLS)
    key.write_bytes(held)
    assert tally(house.land(CALLS)) == (1, 1, 0, 0)


def campaign(house: SealedHouse, count: int) -> None:
    """`count` damaged or forged drops among three good ones: the good ones land, in whatever order they lie."""
    chance = random.Random(count)
    good = send(house, 1, 1, [1, 2, 3, 4])
    house.land(CALLS)
    kinds = list(FORGERIES)
    for number in range(count):
        made = good
        if kinds[number % len(kinds)] not in ("replayed", "plain"):
            made = house.drop("c_2026-05-02.csv", [call(100 + number)], 10 + number)
        forged = FORGERIES[kinds[number % len(kinds)]](house, made, chance)
        house.deliver_drop(f"c_2026-05-02.{number:03d}.csv.drop", forged)
    send(house, 3, 2, [5])
    before = house.digest("emergency_call")
    outcome = house.land(CALLS)
    assert outcome.batches == count + 1
    assert tally(outcome) == (1, 1, 0, 0)
    assert sum(reason.startswith("drop refused: ") for reason in outcome.reasons) == count
    assert len(house.refused()) == count
    table = house.table("emergency_call")
    assert table.height == 5
    assert house.digest("emergency_call") != before


def test_of_forty_damaged_or_forged_drops_none_is_accepted(house):
    campaign(house, 40)


@pytest.mark.soak
def test_of_four_hundred_damaged_or_forged_drops_none_is_accepted(house):
    campaign(house, 400)


# Sequence


def alerts(house: SealedHouse) -> list[tuple[str, str]]:
    return open_alerts(house.lake).select("kind", "subject").rows()


def test_a_missing_number_raises_an_alert_until_its_drop_comes(house):
    send(house, 1, 1, [1])
    send(house, 2, 3, [2])
    send(house, 3, 6, [3])
    house.land(CALLS)
    assert alerts(house) == [("drop_missing", "drop 2"), ("drop_missing", "drops 4 to 5")]
    version = house.lake.version("control", "alerts")
    send(house, 4, 7, [4])
    house.land(CALLS)
    assert house.lake.version("control", "alerts") == version
    send(house, 5, 2, [5])
    send(house, 6, 4, [6])
    house.land(CALLS)
    assert alerts(house) == [("drop_missing", "drop 5")]


def test_a_number_used_for_two_drops_raises_an_alert(house):
    send(house, 1, 1, [1])
    send(house, 2, 1, [2])
    assert tally(house.land(CALLS)) == (2, 2, 0, 0)
    assert alerts(house) == [("drop_doubled", "drop 1")]


def test_a_forged_number_raises_no_alert(house):
    send(house, 1, 1, [1])
    made = house.drop("c_2026-05-02.csv", [call(2)], 999)
    house.deliver_drop(DAY.format(2), made[:-1])
    house.land(CALLS)
    assert alerts(house) == []


# The stream


def test_an_envelope_is_decrypted_while_it_is_read_and_no_further(tmp_path):
    public = recipient_of(tmp_path, DROPS_KEY)
    content = random.Random(1).randbytes(24 << 20)
    sealed = io.BytesIO(pyrage.encrypt(content, [pyrage.x25519.Recipient.from_str(public)]))
    threads = threading.active_count()
    stream = open_stream(sealed, tmp_path)
    assert stream.read(10) == content[:10]
    time.sleep(0.3)
    assert sealed.tell() < 10 << 20  # of 24 MB: a few pieces ahead, not all
    assert stream.read(5 << 20) == content[10 : 10 + (5 << 20)]
    stream.close()
    assert sealed.closed
    assert threading.active_count() == threads


@pytest.mark.parametrize("damage", ["cut", "changed", "other key"])
def test_an_envelope_that_does_not_open_says_so_while_it_is_read(tmp_path, damage):
    public = recipient_of(tmp_path, DROPS_KEY)
    sealed = pyrage.encrypt(bytes(3 << 20), [pyrage.x25519.Recipient.from_str(public)])
    if damage == "cut":
        sealed = sealed[:-100_000]
    elif damage == "changed":
        sealed = sealed[:-5] + bytes([sealed[-5] ^ 1]) + sealed[-4:]
    else:
        (tmp_path / DROPS_KEY).unlink()
        recipient_of(tmp_path, DROPS_KEY)
    with open_stream(io.BytesIO(sealed), tmp_path) as stream, pytest.raises(SealBroken):
        stream.read()


def test_a_signature_that_is_only_spelt_otherwise_is_refused(house):
    """The last letter of the base64 has four bits that no decoder reads: a changed byte all the same."""
    made = house.drop("c_2026-05-01.csv", [call(1)], 1)
    lines_of = made.split(b"\n", 3)
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = letters.index(lines_of[2][-3])
    lines_of[2] = lines_of[2][:-3] + letters[last ^ 1 : (last ^ 1) + 1] + b"=="
    house.deliver_drop(DAY.format(1), b"\n".join(lines_of))
    assert "carries no signature that can be read" in house.land(CALLS).reasons[0]


def test_a_drop_that_is_changed_between_the_check_and_the_reading_does_not_pass(house, tmp_path):
    from dataclasses import dataclass, replace

    from ingestion.connectors.source import FileSource
    from ingestion.drops import verify
    from ingestion.sealing import agency_public_key

    @dataclass(frozen=True)
    class Bytes:
        content: bytes
        name: str = "x"

        @property
        def size(self) -> int:
            return len(self.content)

        def open(self) -> io.BytesIO:
            return io.BytesIO(self.content)

    path = tmp_path / "x.drop"
    path.write_bytes(house.drop("x.csv", [call(1)], 1))
    key = agency_public_key(house.agency / "police.pem")
    drop = verify(
        FileSource(path),
        agency="police",
        feed=CALLS,
        agency_key=key,
        recipient=house.recipient,
        keys_dir=house.keys.folder,
    )
    other = pyrage.encrypt(b"forged", [pyrage.x25519.Recipient.from_str(house.recipient)])
    swapped = replace(drop, sealed=Bytes(path.read_bytes()[: drop.start] + other))
    with swapped.open() as stream, pytest.raises(SealBroken, match="was changed"):
        stream.read()
