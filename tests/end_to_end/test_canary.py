"""No personal value gets past landing: planted where agencies deliver, looked for everywhere else after a whole run.

Only TELAGA_HOME/simulation, where the agencies themselves live, is not searched. Every kind of store is also given a
value on purpose and must show it: a search that finds nothing anywhere proves nothing.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.settings import FEEDS, Home
from ingestion.contract import load_contract
from tests.support.canary import (
    WATCHED,
    Canary,
    Found,
    Needles,
    Watch,
    canaries,
    search_delta,
    search_duckdb,
    search_files,
    search_postgres,
)
from tests.support.planting import Planting, carrying, plant
from tests.support.walked import ROOT, telaga

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

SEED, LEAST = 20260630, 2000
EVENTS, DAYS = 2000, 28
WALK = ("demo", "--no-serve", "--events", str(EVENTS), "--days", str(DAYS), "--seed", str(SEED))


@dataclass(frozen=True)
class Observed:
    """What a command left in pytest's output and showed while it ran."""

    output: bytes
    watch: Watch


@dataclass(frozen=True)
class Walked:
    """A home after a run over planted deliveries; `found`: canaries outside the agencies' own folder."""

    home: Home
    temporary: Path
    planting: Planting
    needles: Needles
    found: tuple[Found, ...]
    read: Counter[str]


def observed(command: Sequence[str], home: Home, folders: tuple[Path, Path], code: int = 0) -> Observed:
    """Runs a command inside a pytest of its own, with a TMPDIR and a HOME of its own, and watches it."""
    temporary, house = folders
    report = temporary.parent / "report.xml"
    environment = os.environ | {
        "TELAGA_HOME": str(home.root),
        "TMPDIR": str(temporary),
        "HOME": str(house),
        "CANARY_COMMAND": json.dumps(list(command)),
        "CANARY_CODE": str(code),
        "PYTHONPATH": str(ROOT),
    }
    # The command stands in the environment of pytest; what is looked for are those of the processes it starts.
    with Watch(home, folders) as watch:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/support/canary_walk.py", "-rA", "-q", "-p", "no:cacheprovider",
             f"--junitxml={report}"],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()[-4000:] + done.stderr.decode()[-4000:]
    return Observed(done.stdout + done.stderr + report.read_bytes(), watch)


def searched(
    home: Home, folders: tuple[Path, Path], needles: Needles, seen: Observed
) -> tuple[tuple[Found, ...], Counter[str]]:
    """Everything that may hold a canary, and how much of each kind was read."""
    from infra.stack.metadata import metadata_cluster

    skipped = (home.simulation_dir,)
    found = needles.look("output of pytest", "the walk", [seen.output]) + seen.watch.search(needles)
    for store, root in (("TMPDIR", folders[0]), ("HOME", folders[1])):
        found += search_files(needles, store, root)
    cluster = metadata_cluster(home)
    cluster.start()
    try:
        rows, tables = search_postgres(needles, cluster)
    finally:
        cluster.stop()
    delta, versions = search_delta(needles, home.lake_dir)
    duck, duck_tables = search_duckdb(needles, home.root, skipped)
    found += [*rows, *delta, *duck, *search_files(needles, "file", home.root, skipped)]
    read = Counter({"PostgreSQL tables": tables, "Delta versions": versions, "DuckDB tables": duck_tables})
    read.update({f"{name}s": len(contents) for name, contents in seen.watch.seen.items()})
    return tuple(found), read


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    # Short: PostgreSQL's socket may lie there.
    temporary = Path(tempfile.mkdtemp(prefix="telaga-"))
    yield temporary, tmp_path_factory.mktemp("house")
    shutil.rmtree(temporary, ignore_errors=True)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, folders: tuple[Path, Path]) -> Iterator[Walked]:
    from infra.simulator import simulate
    from infra.stack import local

    home = Home(tmp_path_factory.mktemp("canary") / "home").make()
    simulate(home, events=EVENTS, days=DAYS, seed=SEED)
    planting = plant(home, iter(canaries(8000, SEED, os.environ.get("TELAGA_CITY_DATA"))))
    needles = Needles(planting.planted)
    seen = observed([str(ROOT / "telaga"), *WALK], home, folders)
    found, read = searched(home, folders, needles, seen)
    print(f"{len(planting.planted):,} canaries, {needles.count:,} guises; read: {dict(read)}")
    yield Walked(home, folders[0], planting, needles, found, read)
    local.stop(home)
    telaga(home.root, "down", check=False)


def test_every_column_of_every_feed_that_can_carry_a_personal_value_carries_one(walked: Walked) -> None:
    assert len(walked.planting.planted) >= LEAST
    assert len({canary.value for canary in walked.planting.planted}) == len(walked.planting.planted)
    for path in (FEEDS / "nusantara").glob("*.odcs.yaml"):
        contract = load_contract(path)
        for column in carrying(contract):
            assert walked.planting.columns[contract.feed, column.name], f"{contract.feed}: {column.name}"


def test_the_run_read_what_was_planted(walked: Walked) -> None:
    feeds = {feed["feed"]: feed for feed in json.loads(walked.home.summary_path.read_text())["feeds"]}
    for feed in {feed for feed, _ in walked.planting.columns}:
        assert feeds[feed]["read"] > 0, feed
    for feed in ("polda_kaltim.police_records", "polda_kaltim.emergency_calls_110", "polres_ppu.etle_events"):
        assert feeds[feed]["accepted"] > 0, feed
        assert feeds[feed]["quarantined"] > 0, feed
    for kind in ("PostgreSQL tables", "Delta versions", "DuckDB tables", "process arguments", "environments"):
        assert walked.read[kind] > 5, kind


def test_no_canary_is_found_outside_the_agencies_own_folder(walked: Walked) -> None:
    lines = [f"{one.store}: {one.place}: {one.kind} as {one.encoding}" for one in walked.found]
    assert not lines, "\n".join([f"{len(lines)} places hold a planted personal value:", *lines[:60]])


CONTROLS = ("log", "gzip", "zstd", "Delta", "DuckDB", "PostgreSQL", "XCom", "output of pytest", *WATCHED)
# Writes a file that is gone before it ends, and starts a process with an argument and a variable; its own arguments are
# spelt backwards, so that each value stands in its own kind of store alone.
LETS_THROUGH = """
import subprocess, sys, tempfile
said, argument, variable, short_lived = (text[::-1] for text in sys.argv[1:])
with tempfile.NamedTemporaryFile("w") as file:
    file.write(short_lived)
    file.flush()
    subprocess.run([sys.executable, "-c", "import time; time.sleep(3)", argument], env={"CALLER": variable})
print(said)
"""


@pytest.fixture(scope="module")
def let_through(walked: Walked, folders: tuple[Path, Path]) -> dict[str, set[tuple[str, str]]]:
    """Where one canary for each kind of store is found, put there on purpose once the search proper has ended."""
    planted = dict(zip(CONTROLS, canaries(len(CONTROLS), SEED + 1), strict=True))
    _let_into_files(walked.home, planted)
    _let_into_metadata(walked.home, planted)
    backwards = [planted[name].text[::-1] for name in ("output of pytest", *WATCHED)]
    seen = observed([sys.executable, "-c", LETS_THROUGH, *backwards], walked.home, folders)
    places, _ = searched(walked.home, folders, Needles(planted.values()), seen)
    # Each is of a kind of its own.
    return {
        name: {(one.store, one.place) for one in places if one.kind == canary.kind} for name, canary in planted.items()
    }


def _let_into_files(home: Home, planted: dict[str, Canary]) -> None:
    import duckdb
    import polars as pl
    import pyarrow as pa

    (home.logs_dir / "control.log").write_text(f"an unlucky message: {planted['log'].text}\n")
    (home.logs_dir / "control.log.1.gz").write_bytes(gzip.compress(planted["gzip"].text.encode()))
    packed = pa.compress(planted["zstd"].text.encode(), codec="zstd", asbytes=True)
    (home.run_dir / "control.zst").write_bytes(packed)
    table = str(home.lake_dir / "control" / "canary")
    pl.DataFrame({"value": [planted["Delta"].text] * 500}).write_delta(table)
    pl.DataFrame({"value": ["nothing"]}).write_delta(table, mode="overwrite")
    home.build_dir.mkdir(exist_ok=True)
    with duckdb.connect(str(home.build_dir / "control.duckdb")) as connection:
        connection.execute("create table control as select ? || '' as value from range(3000)", [planted["DuckDB"].text])


def _let_into_metadata(home: Home, planted: dict[str, Canary]) -> None:
    from infra.stack.metadata import AIRFLOW_DATABASE, metadata_cluster

    cluster = metadata_cluster(home)
    cluster.start()
    with closing(cluster.connect(AIRFLOW_DATABASE)) as connection, connection.cursor() as cursor:
        # Repeated, so that it lies compressed outside its row (TOAST).
        cursor.execute("create table control as select repeat(%s, 3000) as value", (planted["PostgreSQL"].text,))
        cursor.execute(
            "update xcom set value = to_jsonb(%s::text) where ctid = (select min(ctid) from xcom)",
            (planted["XCom"].text,),
        )
        assert cursor.rowcount == 1
    cluster.stop()


@pytest.mark.parametrize(
    ("kind", "store", "place"),
    [
        ("log", "file", "logs/control.log"),
        ("gzip", "file", "logs/control.log.1.gz"),
        ("zstd", "file", "run/control.zst"),
        ("Delta", "Delta", "control/canary version 0"),
        ("DuckDB", "DuckDB", "build/control.duckdb: main.control"),
        ("PostgreSQL", "PostgreSQL", "airflow: public.control"),
        ("XCom", "PostgreSQL", "airflow: public.xcom"),
        ("output of pytest", "output of pytest", "the walk"),
        *((kind, kind, "while it ran") for kind in WATCHED),
    ],
)
def test_what_is_let_through_on_purpose_is_found(
    let_through: dict[str, set[tuple[str, str]]], kind: str, store: str, place: str
) -> None:
    assert (store, place) in let_through[kind], f"{kind}: found only in {sorted(let_through[kind])}"
    # One that is only seen while it runs is nowhere else.
    assert kind not in WATCHED or {found for found, _ in let_through[kind]} == {kind}
