"""Each identity of the lake's bucket can do its work, and is refused everything else, on SeaweedFS and on MinIO."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest
from minio.error import S3Error

from infra.object_store.identities import IDENTITIES, policy, seaweedfs
from ingestion.lake import Lake
from ingestion.lake.sync import LakeUnreachable, list_objects
from tests.support.bucket_house import LakeInABucket
from tests.support.landing import CALLS, call
from tests.support.object_store import KINDS, NoServer, ObjectStore, object_store, weed_admin

pytestmark = pytest.mark.integration

REFUSED = r"the lake s3://city/lake refuses \(AccessDenied\); check"
BUCKET, LAKE = "city", "s3://city/lake"
KEYS = {identity.name: (f"key-of-{identity.name}", f"secret-of-{identity.name}") for identity in IDENTITIES}
# r read, w write, l list, d delete.
MAY: Mapping[str, Mapping[str, str]] = {
    "landing": {
        **dict.fromkeys(("minimised", "control", "quarantine", "originals", "scratch"), "rwld"),
        "officer": "wld",
    },
    "building": {"minimised": "rl", **dict.fromkeys(("control", "aggregates", "estimates", "marts"), "rwld")},
    "maintaining": {
        **dict.fromkeys(("minimised", "control", "aggregates", "estimates", "marts"), "rwld"),
        **dict.fromkeys(("quarantine", "originals", "scratch", "officer"), "ld"),
    },
    "officer": {"officer": "rl", "control": "rwld"},
    "reading": dict.fromkeys(("control", "aggregates", "estimates", "marts"), "rl"),
}
FOLDERS = sorted({folder for folders in MAY.values() for folder in folders})


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    known = seaweedfs(LAKE, KEYS)
    known["identities"].append(weed_admin())
    try:
        running = object_store(request.param, identities=known)
        with running as store:
            store.bucket(BUCKET)
            if request.param == "minio":
                _make_users(store)
            yield store
    except NoServer as reason:
        pytest.skip(str(reason))


def _make_users(store: ObjectStore) -> None:
    for identity in IDENTITIES:
        store.admin.policy_add(f"telaga-{identity.name}", policy=policy(identity, LAKE))
        store.admin.user_add(*KEYS[identity.name])
        store.admin.attach_policy([f"telaga-{identity.name}"], user=KEYS[identity.name][0])


def lake_of(server: ObjectStore, name: str) -> Lake:
    return Lake(LAKE, server.as_user(KEYS[name]).options)


def is_allowed(action: Callable[[], object]) -> bool:
    try:
        action()
    except S3Error as error:
        assert error.code == "AccessDenied"
        return False
    return True


@pytest.mark.parametrize("name", sorted(MAY))
def test_an_identity_may_what_its_work_needs_and_nothing_else(server: ObjectStore, name: str) -> None:
    admin, client = server.client, server.as_user(KEYS[name]).client
    for folder in FOLDERS:
        path, own = f"lake/{folder}/x/y", f"lake/{folder}/x/{name}"
        for key in (path, own):
            admin.put_object(BUCKET, key, io.BytesIO(b"1"), 1)
        actions: dict[str, Callable[[], object]] = {
            "r": lambda path=path: client.get_object(BUCKET, path).read(),  # type: ignore[misc]
            "w": lambda own=own: client.put_object(BUCKET, own, io.BytesIO(b"2"), 1),  # type: ignore[misc]
            "l": lambda folder=folder: list(client.list_objects(BUCKET, prefix=f"lake/{folder}/x/")),  # type: ignore[misc]
            "d": lambda own=own: client.remove_object(BUCKET, own),  # type: ignore[misc]
        }
        allowed = "".join(letter for letter, action in actions.items() if is_allowed(action))
        assert allowed == MAY[name].get(folder, ""), folder
    # Nothing beside the lake: another lake, an agency's inbox, the bucket as a whole or its settings.
    for key in ("inbox/drop", "lake2/marts/x", "lake"):
        admin.put_object(BUCKET, key, io.BytesIO(b"1"), 1)
        assert not is_allowed(lambda key=key: client.get_object(BUCKET, key).read())  # type: ignore[misc]
        assert not is_allowed(lambda key=key: client.put_object(BUCKET, key, io.BytesIO(b"2"), 1))  # type: ignore[misc]
    assert not is_allowed(lambda: list(client.list_objects(BUCKET)))
    assert not is_allowed(lambda: list(client.list_objects(BUCKET, prefix="inbox/")))
    assert not is_allowed(lambda: client.remove_bucket(BUCKET))


def test_batches_land_by_landing_and_tables_are_built_by_building(server: ObjectStore, tmp_path: Path) -> None:
    from infra.build.object_store import open_object_store

    landing, building, reading = (lake_of(server, name) for name in ("landing", "building", "reading"))
    house = LakeInABucket(tmp_path / "home", place=landing)
    house.with_regions()
    house.deliver_calls("c_2026-05-01.csv", [call(1), call(2), call(3, kind="?")])
    house.deliver_calls("c_2026-05-02.csv", [call(1, kind="F", changed="2026-05-03 00:00:00")])
    outcome = house.land(CALLS)
    assert (outcome.accepted, outcome.quarantined) == (3, 1)
    counts = building.read("minimised", "emergency_call").group_by("category").len("calls").collect()
    for kind in ("aggregates", "estimates", "marts"):
        building.replace(kind, "calls", counts)
    building.replace("marts", "calls", counts.with_columns(calls=pl.lit(7, pl.UInt32)))

    import duckdb
    import duckdb_extensions

    with duckdb.connect(config={"extension_directory": str(tmp_path / "extensions")}) as connection:
        for extension in ("httpfs", "delta"):
            duckdb_extensions.import_extension(extension, con=connection)
        connection.load_extension("delta")
        open_object_store(connection, server.as_user(KEYS["building"]).environment)
        table = building.table("minimised", "emergency_call")
        version = building.version("minimised", "emergency_call")
        query = f"select count(*) from delta_scan('{table}', version => {version})"
        assert connection.execute(query).fetchall() == [(2,)]
    assert reading.read("marts", "calls").collect().height == counts.height
    with pytest.raises(LakeUnreachable, match=REFUSED):
        reading.replace("marts", "calls", counts)
    with pytest.raises(LakeUnreachable, match="minimised/emergency_call: " + REFUSED):
        reading.version("minimised", "emergency_call")
    with pytest.raises(LakeUnreachable, match=REFUSED):
        building.put("minimised/emergency_call/part-1.parquet", b"forged")
    sealed = [found.path for found in list_objects(landing, "quarantine")]
    assert sealed
    with pytest.raises(LakeUnreachable, match=REFUSED):
        building.get(sealed[0])
    assert reading.read("marts", "calls").collect()["calls"].to_list() == [7] * counts.height
