"""Narratives as they land: terms and tallies in the lake, text under the officer's key alone, and of some nothing."""

from __future__ import annotations

import datetime as dt
import json
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestion.lake.officer import expire
from ingestion.minimise.narratives import LONGEST, Redactor, letter_case
from ingestion.profile import BatchProfile, Verdict
from ingestion.sealing import OFFICER_KEY, OFFICER_PUBLIC, officer_recipient, open_sealed
from tests.support.landing import CALLS, House, call, call_columns, call_feed, column

UTC = dt.UTC
NAME, NIK = "Budi Santoso", "6471051204900003"
STORY = f"Sdr. {NAME} NIK {NIK} melapor pelaku mencongkel jendela rumah lalu mengambil laptop nomor"
MINOR = f"Sdr. {NAME} melapor anaknya umur 14 tahun dicabuli di rumah"
PURPOSE = "to read what calls are about"


def told(house: House, action: str = "extract", **more: Any) -> House:
    """The house with a narrative in its feed of calls."""
    story = column("story", classification="personal", action=action, about="narrative", **more)
    house.documents[CALLS] = call_feed([*call_columns(), story])
    return house


def deliver(house: House, stories: list[str], name: str = "c_2026-05-01.csv", **changed: str) -> None:
    rows = [f"{call(number, **changed)},{story}" for number, story in enumerate(stories, 1)]
    header = "number,kind,at,answered,lat,lon,changed,caller,story"
    house.deliver(f"calls/{name}", "\n".join([header, *rows]) + "\n")


def control(house: House, name: str) -> list[dict[str, Any]]:
    if house.lake.version("control", name) is None:
        return []
    return house.lake.read("control", name).collect().to_dicts()


def sealed(house: House, kind: str) -> dict[str, list[dict[str, Any]]]:
    """Path below officer/<kind> -> lines, opened with the officer's key."""
    root = house.root / "lake/officer" / kind
    opened = {
        path.relative_to(root).as_posix(): open_sealed(path.read_bytes(), house.root / "keys", OFFICER_KEY)
        for path in sorted(root.rglob("*.age"))
    }
    return {name: [json.loads(line) for line in content.splitlines()] for name, content in opened.items()}


def bytes_of(folder: Path) -> bytes:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.append(path.read_bytes())
            if path.suffix == ".parquet":
                found.append(str(pl.read_parquet(path, hive_partitioning=False).rows()).encode())
    return b"\n".join(found)


def test_terms_land_and_no_text_does(house: House) -> None:
    deliver(told(house), [f"{STORY} 1", "tidak ada apa-apa", ""])
    outcome = house.land(CALLS)
    assert (outcome.read, outcome.accepted) == (3, 3)
    terms = house.table("emergency_call").select("modus_terms", "place_terms", "object_terms").rows()
    assert sorted(terms, key=str) == sorted([("mencongkel", "rumah", "komputer"), (None,) * 3, (None,) * 3], key=str)
    everything = bytes_of(house.root / "lake")
    assert b"mencongkel" in everything  # the search sees what is there
    for hidden in (NAME, NIK, "melapor", "jendela", "apa-apa"):
        assert hidden.encode() not in everything


def test_the_tally_of_a_batch_is_counts_by_type_rule_and_score(house: House) -> None:
    deliver(told(house), [f"{STORY} 1", MINOR, "tidak ada apa-apa", ""])
    house.land(CALLS)
    (read,) = control(house, "redaction_narratives")
    kept = ("feed", "column", "action", "found_by", "narratives", "touched", "protected", "refused")
    assert [read[name] for name in kept] == [CALLS, "story", "extract", "rules only", 3, 2, 1, 0]
    found = control(house, "redaction_findings")
    assert sum(line["count"] for line in found if line["entity_type"] == "NIK") == 1
    assert sum(line["count"] for line in found if line["entity_type"] == "PERSON") == 2
    assert all(0 <= line["score_from"] < 1 and line["rule"] for line in found)
    (line,) = [line for line in control(house, "redaction") if line["column"] == "story"]
    assert (line["action"], line["rows"], line["affected"]) == ("extract", 4, 3)


def test_the_officer_alone_reads_the_redacted_text(house: House) -> None:
    deliver(told(house), [f"{STORY} 1", MINOR], at="2026-05-31 23:30:00", answered="")
    deliver(house, [f"{STORY} 2"], "c_2026-06-02.csv", at="2026-06-02 10:00:00", answered="")
    house.land(CALLS)
    texts = sealed(house, "narratives")
    assert sorted(name.split("/")[:2] for name in texts) == [[CALLS, "2026-05"], [CALLS, "2026-06"]]
    (may,) = [lines for name, lines in texts.items() if "2026-05" in name]
    assert [line["column"] for line in may] == ["story"]  # nothing of the minor
    assert "<PERSON>" in may[0]["text"] and "mencongkel jendela rumah" in may[0]["text"] and NAME not in may[0]["text"]
    keys = house.table("emergency_call")["record_key"].to_list()
    assert all(line["record_key"] in keys for lines in texts.values() for line in lines)
    private = house.root / "keys" / OFFICER_KEY
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert (house.root / "keys" / OFFICER_PUBLIC).read_text().startswith("age1")


def test_landing_seals_to_an_officer_whose_private_key_is_elsewhere(house: House) -> None:
    public = officer_recipient(house.root / "keys")
    (house.root / "keys" / OFFICER_KEY).rename(house.root / "officer.age")
    deliver(told(house), [f"{STORY} 1"])
    assert house.land(CALLS).accepted == 1
    assert not (house.root / "keys" / OFFICER_KEY).exists() and officer_recipient(house.root / "keys") == public
    (path,) = (house.root / "lake/officer/narratives").rglob("*.age")
    assert b"mencongkel" in open_sealed(path.read_bytes(), house.root, "officer.age")


def test_samples_are_few_drawn_alike_and_none_of_them_protected(house: House) -> None:
    stories = [f"{STORY} {n}" for n in range(12)] + [f"{STORY} {n}".upper() for n in range(3)] + [MINOR] * 4
    deliver(told(house), stories)
    house.land(CALLS)
    (lines,) = sealed(house, "samples").values()
    by_case = {case: [one for one in lines if one["letter_case"] == case] for case in ("mixed", "capitals")}
    assert [len(by_case["mixed"]), len(by_case["capitals"])] == [5, 3] and len(lines) == 8
    assert {one["stratum_size"] for one in by_case["mixed"]} == {12}
    assert {one["stratum_size"] for one in by_case["capitals"]} == {3}
    first = by_case["mixed"][0]
    assert first["original"] in stories and NAME not in first["redacted"]
    kinds = {kind: first["original"][start:end] for kind, start, end, score, rule in first["spans"]}
    assert kinds["NIK"] == NIK and NAME in kinds["PERSON"]
    before = {one["id"]: one["original"] for one in lines}
    day = dt.datetime(2026, 4, 30, 16, tzinfo=UTC), dt.datetime(2026, 5, 1, 16, tzinfo=UTC)
    house.land(CALLS, interval=day)
    (again,) = sealed(house, "samples").values()
    assert {one["id"]: one["original"] for one in again} == before


def test_a_batch_landed_again_replaces_its_own_and_nothing_twice(house: House) -> None:
    deliver(told(house), [f"{STORY} 1", f"{STORY} 2"])
    house.land(CALLS)
    paths, tallies = sealed(house, "narratives"), len(control(house, "redaction_findings"))
    day = dt.datetime(2026, 4, 30, 16, tzinfo=UTC), dt.datetime(2026, 5, 1, 16, tzinfo=UTC)
    outcome = house.land(CALLS, interval=day)
    assert (outcome.read, outcome.quarantined) == (2, 0) and house.table("emergency_call").height == 2
    assert sealed(house, "narratives") == paths
    assert len(control(house, "redaction_findings")) == tallies
    assert [line["narratives"] for line in control(house, "redaction_narratives")] == [2]
    # Under a contract that keeps nothing of them from now on.
    told(house, "drop")
    house.land(CALLS, interval=day)
    assert house.table("emergency_call")["modus_terms"].to_list() == [None, None]


def test_what_cannot_be_read_is_quarantined_whole_and_replayed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(told(house), [f"{STORY} 1", "x" * (LONGEST + 1), f"{STORY} rusak"])
    honest = Redactor._find

    def broken(self: Redactor, document: Any) -> Any:
        if "rusak" in document.text:
            raise RuntimeError(document.text)
        return honest(self, document)

    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(Redactor, "_find", broken)
        outcome = house.land(CALLS, log=said.append)
    assert (outcome.read, outcome.accepted, outcome.quarantined) == (3, 1, 2)
    assert outcome.reasons == ("narrative:unprocessable: 2 rows",)
    assert house.quarantine(CALLS).select("rule", "rows", "positions").rows() == [
        ("narrative:unprocessable", 2, [2, 3])
    ]
    assert [line["refused"] for line in control(house, "redaction_narratives")] == [2]
    assert not any("rusak" in line or NAME in line for line in said)
    assert b"rusak" not in bytes_of(house.root / "lake")
    from ingestion.land import LandingContext
    from ingestion.replay import replay
    from tests.support.landing import accept

    context = LandingContext(house.lake, house.city(), house.keys, "again", None, accept)
    landed = replay(house.contract(CALLS), context, None)
    assert (landed.read, landed.accepted, landed.quarantined) == (2, 1, 1)
    assert house.table("emergency_call").height == 2


def test_a_batch_that_is_stopped_leaves_the_officer_nothing(house: House) -> None:
    deliver(told(house), [f"{STORY} 1"])

    def refuse(profile: BatchProfile) -> Verdict:
        return Verdict(False, ("rows",))

    assert house.land(CALLS, judge=refuse).quarantined == 1
    assert sealed(house, "narratives") == {} and sealed(house, "samples") == {}
    assert control(house, "redaction_narratives") == [] and control(house, "redaction_findings") == []


def test_redacted_text_lands_where_the_contract_says_what_for(house: House) -> None:
    deliver(told(house, "redact", purpose=PURPOSE), [f"{STORY} 1", MINOR, ""])
    assert house.land(CALLS).accepted == 3
    texts = house.table("emergency_call")["narrative_redacted"].drop_nulls().to_list()
    assert len(texts) == 1 and "<PERSON>" in texts[0] and NAME not in texts[0] and NIK not in texts[0]
    assert sealed(house, "narratives") == {}  # it is in the table already
    assert [line["action"] for line in control(house, "redaction_narratives")] == ["redact"]


def test_of_a_sensitive_category_nothing_is_kept_whatever_its_text_says(house: House) -> None:
    from tests.support.landing import COUNTS

    document = house.documents[COUNTS]
    (properties,) = [schema["properties"] for schema in document["schema"]]
    for prop in properties:
        ours = prop["customProperties"][0]["value"]
        if prop["name"] == "kind":
            ours["codes"]["A"] = "child_abuse"  # sensitive in this city
        if prop["name"] == "remark":
            ours |= {"action": "extract"}
    house.deliver_counts("i_2026-05.csv", [f"{kind},2026-05-01 10:00,-1.26,116.64,{STORY} 1" for kind in "TA"])
    house.land(COUNTS)
    rows = {row["category"]: row["modus_terms"] for row in house.table("police_record").to_dicts()}
    assert rows == {"theft": "mencongkel", "child_abuse": None}
    assert [line["protected"] for line in control(house, "redaction_narratives")] == [1]
    assert [len(lines) for lines in sealed(house, "narratives").values()] == [1]


def test_retention_deletes_texts_by_the_events_month_and_samples_by_their_age(house: House) -> None:
    deliver(told(house, retention_days=60), [f"{STORY} 1"])
    deliver(house, [f"{STORY} 2"], "c_2026-03-01.csv", at="2026-03-01 10:00:00", answered="")
    house.land(CALLS, as_of=dt.date(2026, 6, 10))
    assert [name.split("/")[1] for name in sealed(house, "narratives")] == ["2026-05"]  # March is past 60 days already
    now = dt.datetime.now(UTC)
    assert expire(house.lake, CALLS, 60, as_of=dt.date(2026, 6, 30), now=now) == []
    gone = expire(house.lake, CALLS, 60, as_of=dt.date(2026, 7, 1), now=now)
    assert [file.path.split("/")[1] for file in gone] == ["narratives"]
    assert sealed(house, "narratives") == {} and len(sealed(house, "samples")) == 2
    expire(house.lake, CALLS, 60, as_of=dt.date(2026, 7, 1), now=now + dt.timedelta(days=61))
    assert sealed(house, "samples") == {}


def test_many_narratives_are_read_by_workers_with_the_same_result(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.minimise.narratives.CHUNK", 16)
    deliver(told(house), [f"{STORY} {n}" for n in range(60)])
    house.land(CALLS)
    alone = house.digest("emergency_call"), sealed(house, "samples")
    from functools import partial

    import ingestion.minimise.narratives as room

    monkeypatch.setattr(room, "Redactor", partial(Redactor, in_process=0))
    monkeypatch.setattr("ingestion.minimise.extraction.Redactor", partial(Redactor, in_process=0))
    day = dt.datetime(2026, 4, 30, 16, tzinfo=UTC), dt.datetime(2026, 5, 1, 16, tzinfo=UTC)
    assert house.land(CALLS, interval=day).read == 60
    assert (house.digest("emergency_call"), sealed(house, "samples")) == alone


@pytest.mark.parametrize(
    ("text", "case"),
    [
        ("TELAH TERJADI CURANMOR di", "capitals"),
        ("telah terjadi", "lower"),
        ("Telah terjadi", "mixed"),
        ("12/3", "mixed"),
    ],
)
def test_the_letter_case_of_a_narrative(text: str, case: str) -> None:
    assert letter_case(text) == case


def test_a_batch_that_another_run_landed_meanwhile_leaves_its_samples_once(house: House) -> None:
    deliver(told(house), [f"{STORY} 1", f"{STORY} 2"])

    def overtaken(profile: BatchProfile) -> Verdict:
        house.land(CALLS, run_id="rival")
        return Verdict(True)

    house.land(CALLS, judge=overtaken)
    assert [len(lines) for lines in sealed(house, "samples").values()] == [2]
    assert [len(lines) for lines in sealed(house, "narratives").values()] == [2]
    assert [line["narratives"] for line in control(house, "redaction_narratives")] == [2]
