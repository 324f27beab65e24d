"""`telaga feed migrate`: what a changed contract does to rows that have landed, older versions included."""

from __future__ import annotations

import copy
import datetime as dt
import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from infra.settings import Home, SettingsError
from ingestion import migrate
from ingestion.contract_change import change_since
from ingestion.entities import Entity, Field, load_entities
from ingestion.lake import Lake
from ingestion.lake.alerts import open_alerts
from ingestion.lake.contracts import LANDED, landed_contracts, note_contract
from ingestion.lake.tables import ensure_minimised
from ingestion.lake.writers import Writers
from ingestion.migrate import MigrationRefused, TableBusy, migrate_feed
from tests.support.landing import CALL_HEADER, CALLS, House, call, call_columns, call_feed, column, digest_of, lines
from tests.support.toys import FEED, TOY, Toys, Version

SECRET = "SALURAN-XYZZY"
HEADER = f"{CALL_HEADER},line"


def documented(version: str = "1.0.0", **changed: dict[str, Any]) -> dict[str, Any]:
    """The calls feed with a column `line` that lands as `channel`; `changed` are columns given otherwise, by name."""
    columns = [*call_columns(), column("line", maps_to="channel")]
    for at, given in enumerate(columns):
        if given["name"] in changed:
            columns[at] = changed[given["name"]]
    return {**call_feed([c for c in columns if c]), "version": version}


DROPPED: dict[str, Any] = {
    "line": column("line", classification="personal", action="drop"),
    "lat": column("lat", "number", classification="personal", action="drop"),
    "lon": column("lon", "number", classification="personal", action="drop"),
    "answered": column("answered", "timestamp", action="drop"),
}


@pytest.fixture(scope="module")
def landed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three batches of calls under the first contract; each test takes a copy."""
    root = tmp_path_factory.mktemp("landed") / "home"
    shutil.copytree(prepared, root)
    house = House(root)
    house.documents[CALLS] = documented()
    rows = [f"{call(number, at=f'2026-0{4 + number % 3}-01 10:00:00')},{SECRET}" for number in range(30)]
    for batch in range(3):
        name = f"calls/c_2026-06-0{batch + 1}.csv"
        house.deliver(name, lines(HEADER, rows[batch * 10 : batch * 10 + 10]))
    house.land(CALLS)
    return root


@pytest.fixture
def calls(landed: Path, tmp_path: Path) -> House:
    shutil.copytree(landed, tmp_path / "home")
    house = House(tmp_path / "home")
    house.documents[CALLS] = documented()
    return house


def go(house: House, document: dict[str, Any], **more: Any) -> Any:
    house.documents[CALLS] = document
    writers = Writers(house.root / "run" / "writers")
    return migrate_feed(
        house.lake, house.contract(CALLS), house.city(), house.keys, writers, run_id="migration", **more
    )


def found_in(root: Path, text: str) -> list[str]:
    """Files of the lake that hold the text, as bytes or in a column of a Parquet file."""
    found = []
    for path in sorted(file for file in root.rglob("*") if file.is_file()):
        content = path.read_bytes()
        if content[:4] == b"PAR1":
            # Compressed: every value of every column counts, those of a checkpoint's statistics, too.
            content += json.dumps(pl.read_parquet(io.BytesIO(content)).to_dicts(), default=repr).encode()
        if text.encode() in content:
            found.append(path.relative_to(root).as_posix())
    return found


def with_statistics(house: House) -> None:
    """The newest file again, as another writer would have named it: with the smallest and largest value of columns."""
    from deltalake.transaction import AddAction

    table = house.lake.open("minimised", "emergency_call")
    assert table is not None
    file = next(f for f in migrate.data_files(table) if f.partition["feed"] == CALLS)
    copied = file.path.replace("part-", "part-0")
    root = Path(house.lake.table("minimised", "emergency_call"))
    shutil.copy(root / file.path, root / copied)
    told = {"numRecords": file.rows, "minValues": {"channel": SECRET}, "maxValues": {"channel": SECRET}}
    action = AddAction(copied, file.size, dict(file.partition), int(time.time() * 1000), True, json.dumps(told))
    table.create_write_transaction([action], "append", table.schema(), table.metadata().partition_columns)
    table.update_incremental()
    table.create_checkpoint()


def test_a_stricter_contract_leaves_the_value_in_no_byte_of_the_lake(calls: House) -> None:
    with_statistics(calls)
    lake = calls.root / "lake"
    before = found_in(lake, SECRET)
    assert any(name.endswith(".json") for name in before), "the log's statistics"
    assert any("checkpoint" in name for name in before), "the checkpoint's statistics"
    assert len([name for name in before if name.endswith(".parquet")]) >= 4
    done = go(calls, documented("1.1.0", **DROPPED))
    assert done.is_done and done.rows == 33 and done.deleted > 5
    assert found_in(lake, SECRET) == []
    rows = calls.table("emergency_call", CALLS)
    assert rows.height == 33
    assert rows["channel"].null_count() == rows["h3_cell"].null_count() == rows["answer_seconds"].null_count() == 33
    assert rows["location_quality"].unique().to_list() == ["none"]
    assert len(list((lake / "minimised/emergency_call/_delta_log").glob("*.json"))) == 1


def test_migrated_rows_are_those_of_a_landing_under_the_new_contract(calls: House, tmp_path: Path) -> None:
    fresh = House(tmp_path / "fresh")
    shutil.copytree(calls.root, fresh.root, ignore=shutil.ignore_patterns("emergency_call", "control", "run"))
    fresh.documents[CALLS] = documented("1.1.0", **DROPPED)
    fresh.land(CALLS)
    go(calls, documented("1.1.0", **DROPPED))
    assert digest_of(calls.table("emergency_call")) == digest_of(fresh.table("emergency_call"))
    # So that what is delivered again is known, and what was known by its batch stays known.
    calls.deliver("calls/again_2026-06-09.csv", (calls.root / "inbox/calls/c_2026-06-01.csv").read_bytes())
    again = calls.land(CALLS)
    assert (again.batches, again.read, again.accepted, again.duplicate) == (1, 10, 0, 10)


def test_a_second_call_changes_nothing_and_one_that_was_cut_is_finished(
    calls: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*given: object) -> int:
        raise KeyboardInterrupt

    strict = documented("1.1.0", **DROPPED)
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "forget_older_versions", cut)
        with pytest.raises(KeyboardInterrupt):
            go(calls, strict)
    assert found_in(calls.root / "lake", SECRET), "older versions still stand"
    assert go(calls, strict).deleted > 0
    assert found_in(calls.root / "lake", SECRET) == []
    version, content = calls.lake.version("minimised", "emergency_call"), calls.lake.version("control", "contracts")
    done = go(calls, strict)
    assert not done.is_done and "nothing to do" in done.told[0]
    assert calls.lake.version("minimised", "emergency_call") == version
    assert calls.lake.version("control", "contracts") == content


def test_what_landed_between_two_contracts_is_dealt_with_too(calls: House) -> None:
    """The stricter contract has landed before anyone migrated: rows of the older one lie beside its own."""
    calls.documents[CALLS] = documented("1.1.0", **DROPPED)
    calls.deliver("calls/c_2026-06-08.csv", lines(HEADER, [f"{call(99)},{SECRET}"]))
    calls.land(CALLS)
    alerts = open_alerts(calls.lake, CALLS)
    assert alerts["kind"].to_list() == ["contract_migration"]
    assert "./telaga feed migrate police.calls" in alerts["detail"][0]
    assert go(calls, documented("1.1.0", **DROPPED)).rows == 30
    assert found_in(calls.root / "lake", SECRET) == []
    assert open_alerts(calls.lake, CALLS).height == 0
    assert [contract.version for contract in landed_contracts(calls.lake, CALLS)] == ["1.1.0"]


def renamed(document: dict[str, Any], name: str, to: str) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    for prop in changed["schema"][0]["properties"]:
        if prop["name"] == name:
            prop["name"] = to
    return changed


FOLLOWED: list[tuple[str, dict[str, Any], str]] = [
    ("renamed", renamed(documented("1.1.0"), "line", "saluran"), "column line is now saluran"),
    ("key renamed", renamed(documented("1.1.0"), "number", "nomor"), "column number is now nomor"),
    ("widened", documented("1.1.0", line=column("line", "string", maps_to="channel", codes_else=None)), "another way"),
    (
        "added",
        call_feed([*documented()["schema"][0]["properties"], column("kec", maps_to="stated_region")])
        | {"version": "1.1.0"},
        "column kec fills stated_region from now on",
    ),
]


@pytest.mark.parametrize(("document", "told"), [item[1:] for item in FOLLOWED], ids=[item[0] for item in FOLLOWED])
def test_what_the_table_follows_as_it_is_rewrites_nothing(calls: House, document: dict[str, Any], told: str) -> None:
    version = calls.lake.version("minimised", "emergency_call")
    done = go(calls, document)
    assert any(told in line for line in done.told), done.told
    assert (done.is_done, done.rows, done.deleted) == (True, 0, 0)
    assert calls.lake.version("minimised", "emergency_call") == version
    # The batches stay known, and what comes under the new names lands beside the rest.
    names = [prop["name"] for prop in document["schema"][0]["properties"]]
    cells = [*call(77).split(","), SECRET, "64.01.01"][: len(names)]
    calls.deliver("calls/new_2026-06-20.csv", lines(",".join(names), [",".join(cells)]))
    assert calls.land(CALLS).accepted == 1
    assert calls.table("emergency_call", CALLS).height == 31


def test_a_number_that_becomes_a_text_is_widened_and_back_is_refused(plain_house: House) -> None:
    plain_house.documents[CALLS] = documented(line=column("line", "integer", maps_to="channel"))
    plain_house.deliver("calls/c_2026-06-01.csv", lines(HEADER, [f"{call(1)},110"]))
    plain_house.land(CALLS)
    done = go(plain_house, documented("1.1.0"))
    assert any("integer becomes string, which holds all that landed" in line for line in done.told)
    with pytest.raises(MigrationRefused, match="string cannot become integer under rows that have landed"):
        go(plain_house, documented("1.2.0", line=column("line", "integer", maps_to="channel")))


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("same version", documented(**DROPPED), "still says version 1.0.0 and 1.0.0 has landed; raise the version"),
    (
        "another key",
        {
            **documented(
                "2.0.0",
                number=column("number", classification="personal", action="pseudonymise", maps_to="source_key"),
                caller=column("caller", key=1, classification="personal", action="pseudonymise"),
            )
        },
        "the key is another.*declare a new feed",
    ),
    (
        "another place",
        documented("2.0.0", answered=column("answered", "timestamp", action="generalise", maps_to="dispatched_at")),
        "answered maps to dispatched_at instead of answered_at.*migrate to a version that drops it",
    ),
    ("synthetic", call_feed(is_synthetic=False) | {"version": "2.0.0"}, "is_synthetic changed"),
    (
        "needed",
        documented(
            "2.0.0",
            kind=column("kind", classification="personal", action="drop"),
            line=column("line", required=True, maps_to="category", codes={"a": "crime"}),
        ),
        "kind is dropped, but category must stand in every row",
    ),
]


@pytest.mark.parametrize(("document", "reason"), [item[1:] for item in REFUSED], ids=[item[0] for item in REFUSED])
def test_what_the_table_cannot_follow_is_refused_and_nothing_is_changed(
    calls: House, document: dict[str, Any], reason: str
) -> None:
    before = calls.versions()
    with pytest.raises(MigrationRefused, match=reason):
        go(calls, document)
    assert calls.versions() == before


def test_nothing_is_done_beside_a_writer_or_a_build(calls: House) -> None:
    writers = Writers(calls.root / "run" / "writers")
    for name in ("minimised/emergency_call", "aggregates"):
        with writers.writing(name), pytest.raises(TableBusy, match="run it again when no landing and no build runs"):
            go(calls, documented("1.1.0", **DROPPED))
    assert found_in(calls.root / "lake", SECRET)
    assert go(calls, documented("1.1.0", **DROPPED)).is_done


def test_generalise_makes_rows_of_an_older_house_coarser(calls: House) -> None:
    """A table from before times were cut to the hour."""
    table = calls.lake.open("minimised", "emergency_call")
    assert table is not None
    file = migrate.data_files(table)[0]
    rows = migrate.read_file(calls.lake, "minimised", "emergency_call", file)
    exact = rows.with_columns(pl.col("received_at").dt.offset_by("17m"))
    new = migrate.put_file(
        calls.lake, "minimised", "emergency_call", file.partition, migrate.encode(exact), exact.height
    )
    migrate.commit_files(calls.lake, table, [new], [file])
    kept = column("at", "timestamp", required=True, maps_to="received_at", format="%Y-%m-%d %H:%M:%S")
    calls.documents[CALLS] = documented("1.1.0", at=kept)
    calls.deliver("calls/c_2026-06-08.csv", lines(HEADER, [f"{call(99)},{SECRET}"]))
    calls.land(CALLS)
    assert (calls.table("emergency_call", CALLS)["received_at"].dt.minute() > 0).any()
    assert go(calls, documented("1.2.0")).is_done
    assert (calls.table("emergency_call", CALLS)["received_at"].dt.minute() == 0).all()


def test_a_type_that_got_wider_in_entities_is_widened_in_the_table(tmp_path: Path) -> None:
    toys = Toys(Lake(str(tmp_path)))
    narrow = [Field("text", "string"), Field("month", "string", required=True)]
    toys.deliver("b1", [Version("a", "x"), Version("b", "y")])
    wide = Entity("toy", "none", "month", (), (*narrow, Field("count", "integer")))
    ensure_minimised(toys.lake, wide)
    wider = Entity("toy", "none", "month", (), (*narrow, Field("count", "number")))
    assert migrate._narrower(toys.lake, wider) == {"count": "double"}
    from ingestion.minimise import KeyRing

    migrate._widen(toys.lake, wider, KeyRing(tmp_path / "keys"))
    ensure_minimised(toys.lake, wider)
    rows = toys.lake.read("minimised", "toy").collect()
    assert rows.schema["count"] == pl.Float64 and rows.filter(feed=FEED).height == 2
    table = toys.lake.open("minimised", "toy")
    assert table is not None and table.transaction_version(f"{FEED}/b1") == 1, "landed batches stay known"
    with pytest.raises(MigrationRefused, match="count is held as double and cannot become long"):
        migrate._narrower(toys.lake, wide)
    assert migrate._narrower(toys.lake, TOY) == {}


def test_the_command_says_what_it_would_do_then_does_it_and_puts_the_file_in_place(
    telaga: Any, calls: House, tmp_path: Path
) -> None:
    calls.city()
    Home(calls.root).make().claim("testville", calls.root / "city")
    new = tmp_path / "new" / f"{CALLS}.odcs.yaml"
    new.parent.mkdir()
    new.write_text(yaml.safe_dump(documented("1.1.0", **DROPPED)))
    place = calls.root / "city" / new.name
    before = place.read_text()
    code, told, error = telaga("feed", "migrate", CALLS, "--to", new, "--dry-run")
    assert code == 0 and "what came of it (channel) leaves all versions" in told and "nothing was changed" in error
    assert place.read_text() == before and found_in(calls.root / "lake", SECRET)
    code, told, _ = telaga("feed", "migrate", CALLS, "--to", new)
    assert code == 0 and "30 rows rewritten" in told and "version 1.1.0 holds" in told
    assert place.read_text() == new.read_text() and found_in(calls.root / "lake", SECRET) == []
    assert "nothing to do" in telaga("feed", "migrate", CALLS)[1]
    new.write_text(yaml.safe_dump(documented("1.2.0", **DROPPED) | {"tenant": "testville"}).replace("K: crime", "K: 7"))
    with pytest.raises(SettingsError, match=r"police\.calls"):
        telaga("feed", "migrate", CALLS, "--to", new)


def told_by(action: str, **more: Any) -> dict[str, Any]:
    story = column("story", classification="personal", action=action, about="narrative", **more)
    return call_feed([*call_columns(), story])


NARRATIVES: list[tuple[str, str, set[str]]] = [
    ("redact", "extract", {"narrative_redacted"}),
    ("redact", "drop", {"narrative_redacted", "terms"}),
    ("extract", "drop", {"terms"}),
    ("extract", "redact", set()),
    ("drop", "extract", set()),
]


@pytest.mark.parametrize(("old", "new", "forgotten"), NARRATIVES)
def test_of_narratives_what_the_new_action_does_not_keep_is_forgotten(
    plain_house: House, old: str, new: str, forgotten: set[str]
) -> None:
    contracts = []
    for version, action in (("1.0.0", old), ("1.1.0", new)):
        stated = {"purpose": "to test redaction"} if action == "redact" else {}
        plain_house.documents[CALLS] = told_by(action, **stated) | {"version": version}
        contracts.append(plain_house.contract(CALLS))
    change = change_since(contracts[:1], contracts[1])
    assert (change.forgotten, change.refused, change.stuck) == (forgotten, [], [])
    entity = load_entities()["emergency_call"]
    rows = pl.DataFrame({name: ["told"] for name in ("modus_terms", "place_terms", "object_terms")})
    rows = rows.with_columns(narrative_redacted=pl.lit("told"))
    left = migrate._as_allowed(rows, entity, change, plain_house.city())
    kept = {name for name in left.columns if left[name][0] is not None}
    assert ("narrative_redacted" in kept) == ("narrative_redacted" not in forgotten)
    assert ("modus_terms" in kept) == ("terms" not in forgotten)


def test_narratives_that_may_no_longer_give_terms_are_kept_for_no_review(calls: House) -> None:
    """What is sealed to the officer goes, of this feed alone."""
    calls.documents[CALLS] = told_by("extract") | {"version": "1.0.1"}
    note_contract(calls.lake, calls.contract(CALLS), LANDED, run_id="r", now=dt.datetime.now(dt.UTC))
    for feed in (CALLS, "other.feed"):
        calls.lake.put(f"officer/narratives/{feed}/2026-06/b.age", b"sealed")
        calls.lake.put(f"officer/samples/{feed}/b.age", b"sealed")
    go(calls, told_by("drop") | {"version": "1.1.0"})
    left = [path.relative_to(calls.root / "lake").parts[2] for path in (calls.root / "lake/officer").rglob("*.age")]
    assert left == ["other.feed"] * 2
