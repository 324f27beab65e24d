"""What the agencies deliver: the same for a seed, nowhere but in its folder, labelled, with the mess of real life."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from infra.settings import Home
from infra.simulator import SimulationError, simulate, simulate_more
from infra.simulator.__main__ import main
from infra.simulator.drops import opened
from ingestion.city import load_city
from tests.unit.simulator.conftest import SIZE, Played, play

ROOT = Path(__file__).resolve().parents[3]
LABEL = "SINTETIS"


def digests(root: Path) -> dict[str, str]:
    """Digest of each file's content; of a drop's what was sealed, which is sealed under a fresh key each time."""
    files = (path for part in ("inbox", "truth") for path in (root / part).rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(content_of(path)).hexdigest() for path in files}


def content_of(path: Path) -> bytes:
    if path.suffix != ".drop":
        return path.read_bytes()
    home = next(folder for folder in path.parents if folder.name == "simulation").parent
    return opened(Home(home), path)


def expected(played: Played) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads((played.root / "truth/expected.json").read_text())
    return read


def lines_of(path: Path) -> list[str]:
    content = content_of(path)
    if ".gz" in path.suffixes:
        return gzip.decompress(content).decode().splitlines()
    return pa.input_stream(pa.BufferReader(content), compression="zstd").read().decode().splitlines()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(played: Played, tmp_path: Path) -> None:
    again, other = play(tmp_path / "again"), play(tmp_path / "other", seed=8)
    assert digests(again.root) == digests(played.root)
    assert all(again.tables[name].equals(table) for name, table in played.tables.items())
    same = digests(other.root)
    assert same.keys() == digests(played.root).keys()
    events = [file for file in same if "kejadian" in file]
    assert all(same[file] != digests(played.root)[file] for file in events)


def test_everything_stays_in_the_simulation_folder_and_its_files_are_dated_by_delivery(played: Played) -> None:
    assert sorted(path.name for path in played.home.root.iterdir()) == ["keys", "simulation"]
    # Of the lakehouse only what agencies seal to, made where it was not yet.
    assert [path.name for path in played.home.keys_dir.iterdir()] == ["drops.age-key"]
    newest = max(path.stat().st_mtime for path in (played.root / "inbox").rglob("*") if path.is_file())
    assert newest < 1_783_000_000  # July 2026: no file is dated by the clock of the machine


def test_the_simulation_says_what_it_is_wherever_it_shows(played: Played) -> None:
    said = json.loads((played.root / "simulation.json").read_text())
    assert said["label"] == LABEL
    assert "nothing else is" in said["about"]
    for name in ("expected", "hotspots", "disturbances"):
        assert all(row["label"] == LABEL for row in json.loads((played.root / f"truth/{name}.json").read_text())), name
    for file in (played.root / "inbox").rglob("*.geojson"):
        assert json.loads(file.read_text())["label"] == LABEL, file.name
    cameras = json.loads((played.root / "inbox/dishub_balikpapan/kamera/kamera.geojson").read_text())["features"]
    assert all(LABEL in camera["properties"]["nama"] for camera in cameras)
    city = load_city(ROOT / "ingestion/feeds/nusantara")
    assert city.is_synthetic
    assert all(contract.is_synthetic for contract in city.contracts)


def test_every_feed_of_the_city_is_delivered_and_every_row_is_accounted_for(played: Played) -> None:
    contracts = {contract.feed for contract in load_city(ROOT / "ingestion/feeds/nusantara").contracts}
    rows: Counter[str] = Counter()
    for delivery in expected(played):
        assert delivery["read"] == delivery["accepted"] + delivery["duplicate"] + delivery["quarantined"]
        assert delivery["quarantined"] == sum(delivery["reasons"].values())
        rows[delivery["feed"]] += delivery["read"]
        if delivery["file"] != "police_db":
            assert (played.root / delivery["file"]).is_file()
    assert set(rows) == contracts
    assert played.result.rows == dict(rows)
    camera_events = sum(SIZE["events"] * share for share in (0.55, 0.30, 0.15))
    once = sum(
        d["accepted"] + (d["quarantined"] if not d["whole"] and not d["file"].split(".")[0].endswith("_r2") else 0)
        for d in expected(played)
        if d["feed"].endswith(("camera_events", "etle_events"))
    )
    assert once == pytest.approx(camera_events, abs=3)  # refused rows of the file that drifted come in its second try


def test_the_mess_of_real_life_is_there(played: Played) -> None:
    deliveries = expected(played)
    whole = {delivery["whole"]: delivery["feed"] for delivery in deliveries if delivery["whole"]}
    assert whole == {"wrong_encoding": "polda_kaltim.emergency_calls_110", "drift": "polres_ppu.etle_events"}
    duplicates = {delivery["feed"] for delivery in deliveries if delivery["duplicate"]}
    assert {"dishub_balikpapan.camera_events", "oikn.camera_events", "polda_kaltim.emergency_calls_110"} <= duplicates
    again = [delivery for delivery in deliveries if delivery["file"].split(".")[0].endswith("_r2")]
    assert any(delivery["duplicate"] and not delivery["accepted"] for delivery in again)
    late = [delivery for delivery in deliveries if "susulan" in delivery["file"]]
    assert late and all(delivery["accepted"] == delivery["read"] for delivery in late)
    reasons = {reason for delivery in deliveries for reason in delivery["reasons"]}
    assert {
        "future_time",
        "unparseable_time",
        "ends_before_start",
        "coordinates_swapped",
        "missing_required",
        "unknown_code",
        "unparseable_number",
    } <= reasons


def test_a_wrongly_encoded_file_is_no_utf8_and_comes_again_in_the_right_one(played: Played) -> None:
    file = next(delivery["file"] for delivery in expected(played) if delivery["whole"] == "wrong_encoding")
    with pytest.raises(UnicodeDecodeError):
        (played.root / file).read_bytes().decode("utf-8")
    corrected = played.root / file.replace(".csv", "_r2.csv")
    assert corrected.read_bytes().decode("utf-8")


def test_a_drifted_file_has_a_column_that_no_contract_names(played: Played) -> None:
    file = next(delivery["file"] for delivery in expected(played) if delivery["whole"] == "drift")
    assert all("nama_pengemudi" in line for line in lines_of(played.root / file))
    assert not any("nama_pengemudi" in line for line in lines_of(played.root / file.replace(".jsonl", "_r2.jsonl")))


def test_events_arrive_shuffled_and_some_a_week_late(played: Played) -> None:
    files = sorted((played.root / "inbox/oikn/camera_events").glob("events_2026-W1?.jsonl.zst.drop"))
    times = [[json.loads(line)["ts"] for line in lines_of(file)] for file in files]
    known = [[moment for moment in batch if moment is not None and moment < 1_800_000_000_000] for batch in times]
    assert all(batch != sorted(batch) for batch in known)
    assert any(min(later) < max(earlier) for earlier, later in pairwise(known))


def test_a_finished_simulation_is_left_alone_and_refuses_another_size(played: Played) -> None:
    before = digests(played.root)
    same = simulate(played.home, **SIZE)
    assert not same.is_new
    assert same.rows == played.result.rows
    with pytest.raises(SimulationError, match="use another TELAGA_HOME"):
        simulate(played.home, **{**SIZE, "seed": 8})
    assert digests(played.root) == before


def test_the_command_says_why_it_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(tmp_path), "--days", "3"]) == 2
    assert "at least 28 days" in capsys.readouterr().err
    assert main(["--home", str(tmp_path), "--more", "oikn.camera_events"]) == 2
    assert "run simulate first" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("size", [{"days": 27}, {"events": 999}, {"records": 199}])
def test_a_size_that_makes_no_sense_is_refused(size: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 28 days, 1,000 events and 200 records"):
        simulate(Home(tmp_path), **{**SIZE, **size})


def test_an_unfinished_simulation_is_made_again(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    left = home.simulation_dir / "inbox" / "half.csv"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    made = play(home.root)
    assert made.result.is_new
    assert made.shelf.stopped == 1
    assert not left.exists()


def test_one_further_batch_is_new_faultless_and_numbered(tmp_path: Path) -> None:
    made = play(tmp_path)
    feed = "oikn.camera_events"
    first, second = simulate_more(made.home, feed, rows=50), simulate_more(made.home, feed, rows=60)
    assert (first.rows, second.rows) == (50, 60)
    assert first.file is not None and second.file is not None and first.file != second.file
    known = {json.loads(line)["event_uid"] for file in first.file.parent.iterdir() for line in lines_of(file)}
    keys = [json.loads(line)["event_uid"] for line in (*lines_of(first.file), *lines_of(second.file))]
    assert len(set(keys)) == 110
    assert len(known) > 110
    logged = (made.root / "truth/further_deliveries.jsonl").read_text().splitlines()
    assert [json.loads(line)["rows"] for line in logged] == [50, 60]
    with pytest.raises(SimulationError, match="no further batches"):
        simulate_more(made.home, "oikn.regions")
    with pytest.raises(SimulationError, match="run simulate first"):
        simulate_more(Home(tmp_path / "empty"), feed)
