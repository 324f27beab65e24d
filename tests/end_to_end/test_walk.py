"""From agencies to releases, as a user runs it, and what must hold afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.walked import NUSANTARA, ROOT, Walked, processes_of, summary_of, telaga, walked

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def release_rows(home: Path, audience: str, query: str) -> list[tuple[Any, ...]]:
    import duckdb

    path = (home / "serving" / audience / "current.duckdb").resolve()
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql(query).fetchall()


def table_versions(home: Path) -> dict[str, int]:
    """Newest version of every Delta table of the home's lake."""
    from deltalake import DeltaTable

    lake = home / "lake"
    return {
        str(log.parent.relative_to(lake)): DeltaTable(str(log.parent)).version() for log in lake.rglob("_delta_log")
    }


def counts(summary: dict[str, Any]) -> dict[str, tuple[int, int, int, int]]:
    return {f["feed"]: (f["read"], f["accepted"], f["duplicate"], f["quarantined"]) for f in summary["feeds"]}


def test_the_demo_releases_an_index_with_a_row_for_every_region(nusantara: Walked) -> None:
    regions = release_rows(
        nusantara.home, "executive", "select count(distinct region_code) from marts.region_security_index"
    )
    assert regions == [(34,)]  # one province, three kabupaten, thirty kecamatan
    periods = release_rows(
        nusantara.home,
        "executive",
        """select count(*) from (select period_type, period_start, count(distinct region_code) n
           from marts.region_security_index group by all having n <> 34)""",
    )
    assert periods == [(0,)]


def test_a_withheld_value_keeps_its_row_and_says_why(nusantara: Walked) -> None:
    rows = release_rows(
        nusantara.home,
        "executive",
        """select count(*) filter (where status = 'withheld' and (index_value is not null or status_reason is null)),
                  count(*) filter (where status = 'published' and index_value is null),
                  count(*) filter (where status = 'published')
           from marts.region_security_index""",
    )
    assert rows[0][:2] == (0, 0)
    assert rows[0][2] > 0


def test_the_risk_surface_is_not_empty(nusantara: Walked) -> None:
    rows = release_rows(
        nusantara.home,
        "executive",
        "select count(*), count(*) filter (where boundary_json is null), min(data_label) from marts.risk_surface",
    )
    assert rows[0][0] > 0
    assert rows[0][1] == 0
    assert rows[0][2] == "SINTETIS"


def test_the_summary_adds_up(nusantara: Walked) -> None:
    assert nusantara.summary["city"] == "nusantara"
    assert nusantara.summary["release"]
    assert {mart["mart"] for mart in nusantara.summary["marts"]} >= {"region_security_index", "risk_surface"}
    for feed, (read, accepted, duplicate, quarantined) in counts(nusantara.summary).items():
        assert read == accepted + duplicate + quarantined, feed
    assert sum(read for read, *_ in counts(nusantara.summary).values()) > 30_000


def test_the_mess_of_real_life_is_quarantined_as_planted(nusantara: Walked) -> None:
    assert sum(quarantined for *_, quarantined in counts(nusantara.summary).values()) > 0
    assert sum(duplicate for _, _, duplicate, _ in counts(nusantara.summary).values()) > 0


def test_a_run_leaves_no_process(nusantara: Walked) -> None:
    assert processes_of(nusantara.home) == []


def test_status_answers_within_two_seconds(nusantara: Walked) -> None:
    telaga(nusantara.home, "status")
    started = time.monotonic()
    done = telaga(nusantara.home, "status")
    assert time.monotonic() - started < 2.0
    assert "nusantara" in done.stdout.lower()


def test_another_city_is_refused_with_the_command_to_use(nusantara: Walked) -> None:
    done = telaga(nusantara.home, "run", "--city", "chicago", check=False)
    assert done.returncode != 0
    assert "TELAGA_HOME=" in done.stdout and "--city chicago" in done.stdout


def test_no_secret_is_readable_by_others_or_printed(nusantara: Walked) -> None:
    keys = nusantara.home / "keys"
    assert keys.stat().st_mode & 0o077 == 0
    for path in keys.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path.name
    known = json.loads((keys / "secrets.json").read_text())
    for name, secret in known.items():
        assert secret not in nusantara.output, name
        for log in (nusantara.home / "logs").rglob("*.log"):
            assert secret not in log.read_text(errors="replace"), f"{name} stands in {log.name}"


def test_running_again_adds_nothing_publishes_nothing_and_says_so(nusantara: Walked) -> None:
    before = table_versions(nusantara.home)
    release = (nusantara.home / "serving/executive/current.duckdb").resolve()
    done = telaga(nusantara.home, "run")
    after = table_versions(nusantara.home)
    data = {name for name in before if name.split("/")[0] in {"minimised", "aggregates", "estimates", "marts"}}
    assert {name: after[name] for name in data} == {name: before[name] for name in data}
    assert set(after) == set(before)
    assert (nusantara.home / "serving/executive/current.duckdb").resolve() == release
    assert "nothing new" in done.stdout.lower()


def test_one_new_batch_changes_its_own_tables_and_no_other(nusantara: Walked) -> None:
    before = table_versions(nusantara.home)
    subprocess.run(
        [str(python_of_main()), "-m", "infra.simulator", "--home", str(nusantara.home), "--more", "oikn.camera_events"],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    telaga(nusantara.home, "run")
    after = table_versions(nusantara.home)
    changed = {name for name in after if after[name] != before.get(name)}
    minimised = {name for name in changed if name.startswith("minimised/")}
    assert minimised == {"minimised/camera_event"}
    aggregates = {name for name in changed if name.startswith("aggregates/")}
    assert aggregates and all("camera" in name for name in aggregates)
    # Of the estimates only warnings look at cameras.
    assert {name for name in changed if name.startswith("estimates/")} <= {"estimates/early_warnings"}
    marts = {name for name in changed if name.startswith("marts/")}
    assert "marts/region_security_index" not in marts and "marts/risk_surface" not in marts
    assert counts(summary_of(nusantara.home))["oikn.camera_events"][1] > 0


def python_of_main() -> Path:
    return Path(os.environ.get("TELAGA_ENVS", ROOT / ".venvs")) / "main" / "bin" / "python"


def test_chicago_counts_add_up_to_its_files(chicago: Walked) -> None:
    found = counts(chicago.summary)
    expected = {"cpd.incidents_2018": 156_385, "cpd.incidents_2022": 215_551}
    for feed, rows in expected.items():
        read, accepted, duplicate, quarantined = found[feed]
        assert (read, duplicate) == (rows, 0)
        assert accepted + quarantined == rows
        assert quarantined <= rows * 0.01
    cameras = next(value for feed, value in found.items() if "camera" in feed or "red_light" in feed)
    assert cameras[0] == 30_604
    assert cameras[1] + cameras[2] + cameras[3] == 30_604
    assert chicago.summary["release"]


def test_chicago_has_every_community_area(chicago: Walked) -> None:
    rows = release_rows(
        chicago.home,
        "executive",
        "select level, count(distinct region_code) from marts.region_security_index group by 1",
    )
    assert dict(rows)["community_area"] == 77


def killed(home: Path) -> int:
    """kill -9 of every process of a home, Airflow's tasks in their own groups included; how many there were."""
    count = 0
    while victims := processes_of(home):
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
                count += 1
            except ProcessLookupError:
                continue
        time.sleep(0.2)
    return count


def test_a_killed_run_run_again_ends_in_the_same_tables(nusantara: Walked, tmp_path: Path) -> None:
    """kill -9 of every process of a run in its middle, then the same command."""
    home = tmp_path / "home"
    started = subprocess.Popen(
        [str(ROOT / "telaga"), *NUSANTARA],
        env={**os.environ, "TELAGA_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Regions and some layers have landed, events and records are under way.
    log = home / "lake" / "minimised" / "camera_event" / "_delta_log"
    deadline = time.monotonic() + 600
    while not log.exists() and time.monotonic() < deadline and started.poll() is None:
        time.sleep(0.1)
    assert log.exists(), "the run never landed a camera event"
    assert killed(home) > 5
    started.wait()
    again = walked(home, *NUSANTARA)
    assert "going on with run" in again.output
    assert processes_of(home) == []
    assert counts(again.summary) == counts(nusantara.summary)
    assert again.contents == nusantara.contents
    assert {m["mart"]: m["rows"] for m in again.summary["marts"]} == {
        m["mart"]: m["rows"] for m in nusantara.summary["marts"]
    }
    assert again.seconds <= nusantara.seconds + 120


def test_a_failing_task_is_named_with_its_log(nusantara: Walked) -> None:
    """The police's database refuses the password: the run fails, says which task and log, and leaves no process."""
    keys = nusantara.home / "simulation" / "keys.json"
    kept = keys.read_text()
    release = (nusantara.home / "serving/executive/current.duckdb").resolve()
    try:
        keys.write_text(json.dumps({**json.loads(kept), "telaga_baca": "not-the-password"}))
        done = telaga(nusantara.home, "run", check=False)
    finally:
        keys.write_text(kept)
    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if line.startswith("telaga: "))
    assert "DAG pull_police_records, task land" in line
    log = Path(line.rsplit("read ", 1)[1].strip())
    assert log.is_file() and "not-the-password" not in log.read_text()
    assert processes_of(nusantara.home) == []
    assert (nusantara.home / "serving/executive/current.duckdb").resolve() == release
