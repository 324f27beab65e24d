"""What each action does to a column, what no contract may ask for, and what links rows and what does not."""

from __future__ import annotations

import datetime as dt
import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import shapely
import yaml

from ingestion.city import City, load_city
from ingestion.conform import conform
from ingestion.contract import Column, Contract, ContractError, check_contract, load_contract
from ingestion.derive import derive
from ingestion.entities import load_entities
from ingestion.minimise import KeyRing, Occurrences, PolicyBroken, Tally, check_policy, minimise
from ingestion.minimise.columns import canonical_text
from ingestion.minimise.pseudonyms import Digester
from tests.support.landing import CITY, call_columns, call_feed, column, count_feed, document

ONLY_DROP = ["suspect", "victim", "witness", "child", "health", "biometrics", "account"]
MAY = dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC)


@pytest.fixture
def city(tmp_path: Path) -> City:
    (tmp_path / "city").mkdir()
    (tmp_path / "city/city.yaml").write_text(yaml.safe_dump(CITY))
    return load_city(tmp_path / "city")


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(*more: dict[str, Any], **feed: Any) -> Path:
        path = tmp_path / "police.calls.odcs.yaml"
        path.write_text(yaml.safe_dump(call_feed([*call_columns(), *more], **feed), sort_keys=False))
        return path

    return write


@pytest.fixture
def calls(written: Callable[..., Path]) -> Contract:
    return load_contract(written())


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


def with_column(contract: Contract, name: str, **changed: Any) -> Contract:
    """The contract as it would be, had it got past its own check."""
    columns = tuple(replace(c, **changed) if c.name == name else c for c in contract.columns)
    return replace(contract, columns=columns)


def raw(**columns: list[Any]) -> pl.DataFrame:
    good = {
        "number": "1",
        "kind": "K",
        "at": "2026-05-01 10:44:51",
        "answered": "2026-05-01 10:45:00",
        "lat": "-1.2612345",
        "lon": "116.6412345",
        "changed": "2026-05-01 11:22:33",
        "caller": "a name",
    }
    height = max((len(values) for values in columns.values()), default=1)
    full = {name: columns.get(name, [value] * height) for name, value in good.items()}
    full |= {name: values for name, values in columns.items() if name not in good}
    return pl.DataFrame(full, schema=dict.fromkeys(full, pl.String)).with_row_index("_row", 1)


def landed(
    contract: Contract, city: City, keys: KeyRing, frame: pl.DataFrame, occurrences: Occurrences | None = None
) -> pl.DataFrame:
    """Rows as the table would hold them. Located by hand: where a point lies is for tests/unit/places."""
    entity = load_entities()[contract.entity]
    rows = conform(frame, contract, city).rows
    rows = rows.with_columns(
        h3_cell=pl.lit("888d5c2a4dfffff"), region_code=pl.lit("64.01.01"), location_quality=pl.lit("exact")
    )
    rows = derive(rows, contract, city, entity)
    return minimise(rows, contract, entity, city, keys, occurrences or Occurrences()).rows


# Actions


def test_a_dropped_column_is_nowhere_and_a_mapped_one_is_coarser(calls: Contract, city: City, keys: KeyRing) -> None:
    rows = landed(calls, city, keys, raw())
    (row,) = rows.iter_rows(named=True)
    assert row["category"] == "crime"  # keep, by code
    assert row["received_at"] == dt.datetime(2026, 5, 1, 2, tzinfo=dt.UTC)  # generalise: to the hour
    assert row["answer_seconds"] == 9
    assert not {"caller", "lat", "lon", "latitude", "longitude", "source_key", "number", "updated_at"} & set(row)
    text = str(list(row.values()))
    assert not any(value in text for value in ("a name", "2612345", "6412345", "10:44", "44, 51"))


PURPOSE = "to read what calls are about"


@pytest.mark.parametrize(("action", "more"), [("redact", {"purpose": PURPOSE}), ("extract", {}), ("drop", {})])
def test_minimise_lands_no_text_itself(
    written: Callable[..., Path], city: City, keys: KeyRing, action: str, more: dict[str, Any]
) -> None:
    """Terms and redacted text come from the walk's reading of narratives, never from the column as delivered."""
    story = column("story", classification="personal", action=action, about="narrative", **more)
    contract = load_contract(written(story))
    rows = landed(contract, city, keys, raw(story=["told by a name"]))
    assert "story" not in rows.columns and "told by" not in str(rows.rows())
    tally = Tally()
    tally.add(raw(story=["told by a name"]), contract)
    told = {line["column"]: line["action"] for line in tally.frame(contract).iter_rows(named=True)}
    assert told["story"] == action


def test_text_is_redacted_for_a_stated_purpose_alone(written: Callable[..., Path], calls: Contract) -> None:
    bare = column("story", classification="personal", action="redact", about="narrative")
    assert check_contract(written(bare)) == [
        "police.calls.odcs.yaml: column story: redacted text lands for a stated purpose alone; state it in purpose, or "
        "extract"
    ]
    stated = column("story", classification="personal", action="redact", about="narrative", purpose=PURPOSE)
    assert check_contract(written(stated)) == []
    with pytest.raises(PolicyBroken, match="redacted for no stated purpose"):
        check_policy(with_column(calls, "caller", action="redact"))
    extracted = column("story", classification="personal", action="extract", about="narrative", purpose=PURPOSE)
    assert any("purpose is that of redacted text" in fault for fault in check_contract(written(extracted)))


@pytest.mark.parametrize("action", ["extract", "redact"])
def test_a_narrative_maps_to_nothing(written: Callable[..., Path], calls: Contract, action: str) -> None:
    more = {"purpose": PURPOSE} if action == "redact" else {}
    story = column("story", classification="personal", action=action, maps_to="channel", **more)
    assert any("cannot map to channel" in fault for fault in check_contract(written(story)))
    with pytest.raises(PolicyBroken, match="is a narrative and maps to channel"):
        check_policy(with_column(calls, "caller", action=action, maps_to="channel", options=more))


def test_a_pseudonymised_column_that_maps_nowhere_lands_nowhere(
    written: Callable[..., Path], city: City, keys: KeyRing
) -> None:
    contract = load_contract(written(column("device", classification="personal", action="pseudonymise")))
    rows = landed(contract, city, keys, raw(device=["imei-490154"]))
    assert "imei-490154" not in str(rows.rows()) and "device" not in rows.columns


def test_confidence_is_rounded_and_counts_are_filled(city: City, keys: KeyRing, tmp_path: Path) -> None:
    columns = [
        column("id", key=1, action="pseudonymise", maps_to="source_key"),
        column("cam", required=True, action="pseudonymise", maps_to="camera_id"),
        column("at", "timestamp", required=True, action="generalise", maps_to="occurred_at"),
        column("sure", "number", action="generalise", maps_to="confidence"),
    ]
    constants = {"event_type": "speeding"}
    stated = document(
        "dishub.events", columns, "e/*", entity="camera_event", format={"kind": "csv"}, constants=constants
    )
    (tmp_path / "dishub.events.odcs.yaml").write_text(yaml.safe_dump(stated, sort_keys=False))
    contract = load_contract(tmp_path / "dishub.events.odcs.yaml")
    frame = pl.DataFrame(
        {"id": ["1", "2"], "cam": ["CCTV-7"] * 2, "at": ["2026-05-01T10:59:59"] * 2, "sure": ["0.8643", None]}
    ).with_row_index("_row", 1)
    rows = landed(contract, city, keys, frame)
    assert rows["confidence"].to_list() == [0.9, None]
    assert rows["event_count"].to_list() == [1, 1]
    assert rows["camera_key"].n_unique() == 1 and "CCTV-7" not in str(rows.rows())
    # The uptime of the same camera, told by the same agency in another feed, can be set beside it.
    other = replace(contract, feed="dishub.uptime")
    assert landed(other, city, keys, frame)["camera_key"].to_list() == rows["camera_key"].to_list()
    stranger = replace(contract, feed="polres.events")
    assert landed(stranger, city, keys, frame)["camera_key"].to_list() != rows["camera_key"].to_list()


def test_the_boundary_of_a_region_is_public_and_thinned_for_maps_only(
    city: City, keys: KeyRing, tmp_path: Path
) -> None:
    from ingestion.minimise.columns import MAP_VERTICES
    from tests.support.landing import REGIONS, region_feed

    (tmp_path / f"{REGIONS}.odcs.yaml").write_text(yaml.safe_dump(region_feed(), sort_keys=False))
    contract = load_contract(tmp_path / f"{REGIONS}.odcs.yaml")
    round_ = shapely.Point(116.7, -1.2).buffer(0.1, quad_segs=500)
    frame = pl.DataFrame(
        {
            "code": ["1"],
            "name": ["Satu"],
            "level": ["kecamatan"],
            "within": [None],
            "geometry": [shapely.to_wkb(round_)],
        },
        schema_overrides={"within": pl.String},
    ).with_row_index("_row", 1)
    entity = load_entities()["region"]
    rows = minimise(conform(frame, contract, city).rows, contract, entity, city, keys, Occurrences()).rows
    (row,) = rows.iter_rows(named=True)
    assert shapely.from_wkb(row["boundary_wkb"]).equals(round_)
    assert len(json.loads(row["boundary_json"])) <= MAP_VERTICES
    assert row["area_km2"] == pytest.approx(np.pi * (0.1 * 111.0) ** 2, rel=0.02)


# What a contract may not ask for


def test_a_classification_without_an_action_is_refused(written: Callable[..., Path]) -> None:
    bare = column("story", classification="personal")
    bare["customProperties"] = []
    assert check_contract(written(bare)) == [
        "police.calls.odcs.yaml: column story: a classification without an action; say keep, drop, generalise, "
        "pseudonymise, extract or redact"
    ]
    with pytest.raises(ContractError):
        load_contract(written(bare))


def test_a_contract_without_an_action_is_refused_at_landing_too(calls: Contract) -> None:
    with pytest.raises(PolicyBroken, match="column caller has no action"):
        check_policy(with_column(calls, "caller", action=""))


@pytest.mark.parametrize("about", ONLY_DROP)
@pytest.mark.parametrize("action", ["keep", "generalise", "pseudonymise"])
def test_about_some_persons_and_matters_a_column_can_only_be_dropped(
    written: Callable[..., Path], calls: Contract, about: str, action: str
) -> None:
    given = {"action": action, "about": about, "classification": "internal", "maps_to": "channel"}
    found = check_contract(written(column("extra", **given)))
    assert any("may only be dropped" in fault and about in fault for fault in found)
    with pytest.raises(PolicyBroken, match=f"about a {about}; its action can only be drop"):
        check_policy(with_column(calls, "caller", action=action, options={"about": about}))
    for allowed in ("drop", "extract", "redact"):
        check_policy(with_column(calls, "caller", action=allowed, options={"about": about, "purpose": PURPOSE}))


@pytest.mark.parametrize(
    "name", ["nama_tersangka", "korban_usia", "saksi_1", "anak", "diagnosis", "wajah_id", "nomor_rekening"]
)
def test_a_column_whose_name_tells_of_them_can_only_be_dropped(written: Callable[..., Path], name: str) -> None:
    found = check_contract(written(column(name, maps_to="channel")))
    assert any("may only be dropped" in fault for fault in found)
    assert check_contract(written(column(name, classification="specific", action="drop"))) == []


@pytest.mark.parametrize("action", ["keep", "generalise", "pseudonymise"])
def test_specific_personal_data_is_dropped_whatever_it_is_about(
    written: Callable[..., Path], calls: Contract, action: str
) -> None:
    given = {"classification": "specific", "action": action, "maps_to": "channel"}
    assert any("may only be dropped" in fault for fault in check_contract(written(column("extra", **given))))
    with pytest.raises(PolicyBroken, match="specific personal data"):
        check_policy(with_column(calls, "caller", classification="specific", action=action))


def test_personal_data_is_not_kept(written: Callable[..., Path], calls: Contract) -> None:
    found = check_contract(written(column("extra", classification="personal", maps_to="channel")))
    assert any("personal data is not kept" in fault for fault in found)
    with pytest.raises(PolicyBroken, match="personal and kept"):
        check_policy(with_column(calls, "caller", action="keep"))


@pytest.mark.parametrize("action", ["pseudonymise", "generalise"])
def test_an_action_that_nothing_carries_out_is_refused(
    written: Callable[..., Path], calls: Contract, action: str
) -> None:
    """A phone number 'pseudonymised' into a plain text column of the table would land as it is."""
    found = check_contract(written(column("extra", classification="personal", action=action, maps_to="channel")))
    assert any("channel lands as it is" in fault for fault in found)
    with pytest.raises(PolicyBroken, match="would land as it is in channel"):
        check_policy(with_column(calls, "caller", action=action, maps_to="channel"))


def test_every_contract_of_the_house_keeps_the_policy() -> None:
    for name in ("nusantara", "chicago"):
        city = load_city(name)
        assert city.contracts
        for contract in city.contracts:
            check_policy(contract)


# What links rows


def test_a_record_is_known_again_within_its_feed_and_nowhere_else(calls: Contract, city: City, keys: KeyRing) -> None:
    frame = raw(number=["7", "7", "8"], kind=["K", "F", "K"])
    rows = landed(calls, city, keys, frame)
    first, again, other = rows["record_key"].to_list()
    assert first == again != other
    digests = rows["row_digest"].to_list()
    assert digests[0] == digests[2] != digests[1]  # content without the key: a correction is told from a repeat
    elsewhere = landed(replace(calls, feed="police.other"), city, keys, frame)
    assert not set(elsewhere["record_key"]) & set(rows["record_key"])
    assert not set(elsewhere["row_digest"]) & set(rows["row_digest"])
    assert not set(rows["row_digest"]) & set(rows["record_key"])


def test_another_homes_key_links_nothing(calls: Contract, city: City, keys: KeyRing, tmp_path: Path) -> None:
    frame = raw(number=["7"])
    mine, theirs = landed(calls, city, keys, frame), landed(calls, city, KeyRing(tmp_path / "other"), frame)
    assert mine["record_key"].to_list() != theirs["record_key"].to_list()
    assert mine["row_digest"].to_list() != theirs["row_digest"].to_list()


def test_digests_do_not_depend_on_how_often_the_ring_was_used(calls: Contract, city: City, keys: KeyRing) -> None:
    once = landed(calls, city, keys, raw(number=["7"]))
    again = landed(calls, city, KeyRing(keys.folder), raw(number=["7"]))
    assert once.equals(again)


def test_a_revision_orders_versions_of_one_record_and_hides_the_time(
    calls: Contract, city: City, keys: KeyRing
) -> None:
    stamps = ["2026-05-01 11:00:00", "2026-05-01 11:00:01", "2026-04-30 00:00:00"]
    rows = landed(calls, city, keys, raw(number=["7"] * 3, changed=stamps))
    first, later, earlier = rows["revision"].to_list()
    assert earlier < first < later and later - first == 1_000_000
    (moment,) = landed(calls, city, keys, raw(changed=[""]))["revision"].to_list()
    assert moment is None
    # Of another record the same instant has another number, and neither is the instant itself.
    other = landed(calls, city, keys, raw(number=["8"], changed=stamps[:1]))["revision"].item()
    exact = int(dt.datetime(2026, 5, 1, 3, tzinfo=dt.UTC).timestamp() * 1e6)
    assert len({first, other, exact}) == 3
    assert abs(first - exact) > 1_000_000


def test_without_a_key_content_is_the_key_and_equal_rows_are_numbered(
    city: City, keys: KeyRing, tmp_path: Path
) -> None:
    (tmp_path / "police.counts.odcs.yaml").write_text(yaml.safe_dump(count_feed(), sort_keys=False))
    contract = load_contract(tmp_path / "police.counts.odcs.yaml")

    def frame(*kinds: str) -> pl.DataFrame:
        columns = {"kind": list(kinds), "at": "2026-05-01 10:00", "lat": "-1.26", "lon": "116.64", "remark": "-"}
        return pl.DataFrame(columns).with_row_index("_row", 1)

    occurrences = Occurrences()
    first = landed(contract, city, keys, frame("T", "T", "R"), occurrences)["record_key"].to_list()
    second = landed(contract, city, keys, frame("R", "T"), occurrences)["record_key"].to_list()
    assert len({*first, *second}) == 5
    # Another delivery counts from one again, so the same five are known again.
    again = landed(contract, city, keys, frame("R", "T", "R", "T", "T"))["record_key"].to_list()
    assert set(again) == {*first, *second}


def test_rows_are_numbered_as_if_they_had_come_in_one_piece() -> None:
    random = np.random.default_rng(5)
    rows = random.integers(0, 9, 400).astype(np.uint64)
    seen: dict[int, int] = {}
    expected = []
    for row in rows.tolist():
        seen[row] = seen.get(row, 0) + 1
        expected.append(seen[row])
    for size in (1, 3, 7, 400):
        occurrences = Occurrences()
        found = [occurrences.number(rows[start : start + size]).tolist() for start in range(0, 400, size)]
        assert [number for chunk in found for number in chunk] == expected
    assert Occurrences().number(np.zeros(0, dtype=np.uint64)).tolist() == []


def test_text_that_two_rows_share_only_when_they_are_equal() -> None:
    rows = pl.DataFrame(
        {
            "a": ["x", "x\x1fb=y", None, "", "x", "x\x1b"],
            "b": ["y", None, "x", "", "y ", "y"],
            "n": [0.0, 1.0, -0.0, 0.1, 0.1 + 1e-17, float("nan")],
        }
    )
    texts = canonical_text(rows, ["a", "b", "n"])
    assert texts.n_unique() == rows.height
    same = pl.DataFrame({"a": ["x", "x"], "b": [None, None], "n": [0.0, -0.0]}, schema_overrides={"b": pl.String})
    assert canonical_text(same, ["a", "b", "n"]).n_unique() == 1
    # A column that is added later, and null in old rows, changes no old text.
    wider = same.with_columns(c=pl.lit(None, pl.String))
    assert canonical_text(wider, ["a", "b", "n", "c"]).to_list() == canonical_text(same, ["a", "b", "n"]).to_list()


def test_digests_are_hmac_sha_256_cut_to_128_bits() -> None:
    import hashlib
    import hmac

    key = bytes(range(32))
    expected = hmac.new(key, b"value", hashlib.sha256).hexdigest()
    assert Digester.of_key(key).hexadecimal(["value"]) == [expected[:32]]
    assert Digester.of_key(key).raw([b"value"]) == [bytes.fromhex(expected)]
    assert "inner" not in repr(Digester.of_key(key))


def test_a_digest_is_of_its_scope_and_purpose(keys: KeyRing) -> None:
    asked = [
        ("police.calls", "record"),
        ("police.calls", "content"),
        ("police.records", "record"),
        ("police", "camera"),
    ]
    digests = {keys.digester(scope, purpose, 1).hexadecimal(["7"])[0] for scope, purpose in asked}
    assert len(digests) == len(asked)
    # No two names can be written into each other's scope: "a" + "b.c" is not "a.b" + "c".
    assert keys.digester("a", "b.c", 1).hexadecimal(["7"]) != keys.digester("a.b", "c", 1).hexadecimal(["7"])


def test_a_period_in_the_purpose_ends_what_links_days(keys: KeyRing) -> None:
    days = ["plate/2026-05-01", "plate/2026-05-02"]
    first, second = (keys.digester("polres.etle", purpose, 1).hexadecimal(["KT 1 A"]) for purpose in days)
    assert first != second
    assert keys.digester("polres.etle", days[0], 1).hexadecimal(["KT 1 A"]) == first


def test_a_hidden_position_reveals_itself_to_the_key_alone(keys: KeyRing, tmp_path: Path) -> None:
    position = '["2026-05-01T00:00:00+00:00", "LP/17/V/2026"]'
    hidden = keys.hide(position, "police.calls", "position")
    assert "LP" not in hidden and "2026" not in hidden
    assert keys.reveal(hidden, "police.calls", "position") == position
    assert keys.hide(position, "police.calls", "position") == hidden  # so that equal positions are equal
    assert keys.hide(position, "police.other", "position") != hidden
    assert keys.reveal(keys.hide("", "police.calls", "position"), "police.calls", "position") == ""
    other = KeyRing(tmp_path / "other")
    for ring, scope, purpose, text in [
        (other, "police.calls", "position", hidden),
        (keys, "police.other", "position", hidden),
        (keys, "police.calls", "record", hidden),
        (keys, "police.calls", "position", hidden[:-6] + "AAAAAA"),
        (keys, "police.calls", "position", "not base64 at all"),
    ]:
        with pytest.raises(ValueError, match="hidden under another key") as error:
            ring.reveal(text, scope, purpose)
        assert "LP/17" not in str(error.value)


def test_the_key_is_made_once_private_and_never_shown(keys: KeyRing) -> None:
    keys.digester("a", "b", 1)
    path = keys.folder / "pseudonym.key"
    secret = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    keys.digester("a", "b", 1)
    assert path.read_text() == secret
    assert secret.strip() not in repr(keys)


def test_uses_are_counted_by_key_scope_and_purpose(keys: KeyRing) -> None:
    keys.digester("police.calls", "record", 5)
    keys.digester("police.calls", "record", 2)
    keys.hide("x", "police.calls", "position")
    keys.write_uses("run-1")
    keys.write_uses("run-1")  # nothing new, nothing said
    path = keys.folder / "key-uses.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(e["run_id"], e["scope"], e["purpose"], e["values"]) for e in entries] == [
        ("run-1", "police.calls", "position", 1),
        ("run-1", "police.calls", "record", 7),
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# The tally


def test_the_tally_counts_what_was_touched_and_holds_no_value(calls: Contract) -> None:
    tally = Tally()
    tally.add(raw(caller=["a name", "", "b name"]), calls)
    tally.add(raw(caller=[""]), calls)
    lines = {line["column"]: line for line in tally.frame(calls).iter_rows(named=True)}
    assert lines["caller"] == {
        "column": "caller",
        "classification": "personal",
        "action": "drop",
        "entity_type": "reporter",
        "rows": 4,
        "affected": 2,
    }
    assert lines["kind"]["affected"] == 0 and lines["kind"]["action"] == "keep"
    assert lines["lat"]["affected"] == 4 and lines["lat"]["action"] == "generalise"
    assert "a name" not in str(tally.frame(calls).rows())


def test_every_declared_column_has_its_line(calls: Contract) -> None:
    names: list[Column] = list(calls.columns)
    assert Tally().frame(calls)["column"].to_list() == [each.name for each in names]


def test_a_row_lands_in_the_hour_in_which_it_began(calls: Contract, city: City, keys: KeyRing) -> None:
    rows = landed(calls, city, keys, raw(at=["2026-05-01 00:00:00", "2026-05-01 00:59:59"], answered=["", ""]))
    assert rows["received_at"].to_list() == [MAY - dt.timedelta(hours=18)] * 2
    assert rows["received_local_hour"].to_list() == [0, 0]
