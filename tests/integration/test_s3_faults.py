"""The fault campaign of a lake on S3, on each of SeaweedFS and MinIO: rivals, and a store that answers with errors,
late, by half or not at all. Nothing acknowledged is lost, nothing is doubled, and the next run finishes the work.

A seeded tenth runs by default, all of it under the `soak` marker.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestion.lake import Lake
from ingestion.lake.sync import LakeUnreachable
from tests.support import campaign
from tests.support.bucket_house import LakeInABucket
from tests.support.campaign import FEEDS, assert_as_if_nothing_happened, final, undisturbed
from tests.support.faulty_proxy import FAULTS, FaultyStore, faulty
from tests.support.landing import CALLS, COUNTS, House
from tests.support.object_store import ObjectStore

pytestmark = pytest.mark.integration

SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]
SHARE = 0.02  # of all requests; a landing makes some hundreds


def size(tenth: int, whole: int) -> Any:
    """A seeded tenth by default, the whole campaign when it is asked for."""
    return pytest.mark.parametrize("times", [tenth, pytest.param(whole, marks=SOAK)])


@size(10, 100)
def test_eight_writers_of_one_table(store: ObjectStore, times: int) -> None:
    lake = store.lake()
    context = campaign.processes()
    given = [(lake.uri, writer, times, store.options) for writer in range(8)]
    writers = [context.Process(target=campaign.append_many, args=words) for words in given]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(540 if times == 10 else 3000)
    assert [writer.exitcode for writer in writers] == [0] * 8
    rows = lake.read("control", "load").collect()
    expected = [w * 1_000_000 + n for w in range(8) for n in range(times)]
    assert sorted(rows["n"].to_list()) == sorted([*expected, *(-value - 1 for value in expected)])
    table = lake.open("control", "load")
    assert table is not None
    history = table.history()
    assert sum(entry["operation"] == "WRITE" for entry in history) == 8 * times
    assert sorted(int(entry["version"]) for entry in history) == list(range(table.version() + 1))


# A store that fails


@pytest.fixture
def failing(store: ObjectStore) -> Iterator[FaultyStore]:
    with faulty(store, seed=20260704) as proxied:
        yield proxied


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home on disk, whose keys every house of a campaign has."""
    root = tmp_path_factory.mktemp("prepared")
    House(root).with_regions()
    return root


@pytest.fixture
def house(prepared: Path, tmp_path: Path, store: ObjectStore) -> LakeInABucket:
    """The same home with its lake in a bucket, regions landed."""
    root = tmp_path / "home"
    shutil.copytree(prepared, root)
    shutil.rmtree(root / "lake")
    return LakeInABucket(root, place=store.lake()).with_regions()  # type: ignore[return-value]


@size(3, 30)
def test_landings_on_a_store_that_fails_now_and_then(
    house: LakeInABucket, failing: FaultyStore, prepared: Path, tmp_path: Path, times: int
) -> None:
    """Each run may end with an error; the next goes on. What remains is what an undisturbed disk would hold."""
    assert house.place is not None
    sound, through = house.place, Lake(house.place.uri, failing.store.options)
    deliveries = campaign.Deliveries(seed=17)
    failed = 0
    for _ in range(times):
        deliveries.next_into(house)
        failing.rule(SHARE)
        house.place = through
        for feed in FEEDS:
            try:
                house.land(feed)
            except (OSError, pl.exceptions.PolarsError, RuntimeError) as error:
                failed += 1
                assert failing.came, error
        failing.mend()
        # What was published meanwhile can be read whole, whatever was refused.
        house.place = sound
        for entity in FEEDS.values():
            if sound.version("minimised", entity) is not None:
                assert house.table(entity)["record_key"].is_unique().all()
    for feed in FEEDS:
        house.land(feed)
    assert sum(failing.came.values()) >= 5 * times
    assert_as_if_nothing_happened(house, undisturbed(house, prepared, tmp_path / "plain"))
    assert sum(final(house, feed)["read"].sum() for feed in FEEDS) == deliveries.rows


@pytest.mark.parametrize("kind", FAULTS)
def test_a_commit_under_each_fault_is_there_once_or_not_at_all(
    store: ObjectStore, failing: FaultyStore, kind: str
) -> None:
    """The one request that makes a version of a table meets the fault, and the next one too."""
    lake = store.lake()
    lake.replace("aggregates", "counts", pl.DataFrame({"n": [0]}))
    through = Lake(lake.uri, failing.store.options)
    acknowledged = [0]
    for number in range(1, 4):
        failing.rule(1.0, kind, chosen="PUT .*_delta_log/.*json", times=2)
        try:
            through.replace("aggregates", "counts", pl.DataFrame({"n": [number]}))
            acknowledged = [number]
        except OSError:
            pass
        failing.mend()
        found = lake.read("aggregates", "counts").collect()["n"].to_list()
        assert found == acknowledged or found == [number]
        acknowledged = found
    assert failing.came[kind] >= 3
    for number in range(3):
        failing.rule(1.0, kind, chosen="PUT .*_delta_log/.*json", times=1)
        through.append("control", "load", pl.DataFrame({"n": [number]}))
    failing.mend()
    assert sorted(lake.read("control", "load").collect()["n"]) == [0, 1, 2]


def test_a_store_that_is_down_ends_a_landing_in_time_and_nothing_published_changes(
    house: LakeInABucket, failing: FaultyStore, prepared: Path, tmp_path: Path
) -> None:
    assert house.place is not None
    sound = house.place
    deliveries = campaign.Deliveries(seed=19)
    deliveries.next_into(house)
    for feed in FEEDS:
        house.land(feed)
    before = {entity: house.digest(entity) for entity in FEEDS.values()}
    deliveries.next_into(house)
    failing.rule(1.0, "503")
    house.place = Lake(sound.uri, failing.store.options)
    began = time.monotonic()
    with pytest.raises(LakeUnreachable, match=r"does not answer .*check the AWS_"):
        house.land(CALLS)
    assert time.monotonic() - began < 120
    house.place = sound
    assert {entity: house.digest(entity) for entity in FEEDS.values()} == before
    failing.mend()
    house.place = Lake(sound.uri, failing.store.options)
    for feed in (CALLS, COUNTS):
        assert house.land(feed).batches == 1
    assert_as_if_nothing_happened(house, undisturbed(house, prepared, tmp_path / "plain"))
