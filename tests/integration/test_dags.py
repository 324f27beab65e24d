"""The DAG files: quick to import, owned, documented, bounded, and thin."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAG_FILES = sorted(path for path in (ROOT / "dags").glob("*.py") if not path.name.startswith("_"))
EXPECTED = {
    "pull_camera_events",
    "pull_police_records",
    "pull_city_spatial",
    "build_marts",
    "release_marts",
    "govern_data",
    "maintain_lake",
}

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def dag_bag(tmp_path_factory: pytest.TempPathFactory):
    os.environ["AIRFLOW_HOME"] = str(tmp_path_factory.mktemp("airflow"))
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    sys.path[:0] = [str(ROOT / "dags"), str(ROOT)]
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"))


def test_every_dag_imports(dag_bag) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == EXPECTED


@pytest.mark.parametrize("dag_id", sorted(EXPECTED))
def test_a_dag_is_owned_documented_and_bounded(dag_bag, dag_id: str) -> None:
    dag = dag_bag.dags[dag_id]
    assert dag.doc_md and dag.description
    assert dag.deadline
    assert dag.dagrun_timeout is not None
    assert dag.max_active_runs == 1
    for task in dag.tasks:
        assert task.owner in {"data-engineering", "data-protection"}
        assert task.retries >= 1
        assert task.retry_exponential_backoff
        assert task.execution_timeout is not None


def test_each_entity_asset_is_emitted_by_one_final_task(dag_bag) -> None:
    emitters = [
        (task.task_id, outlet.name)
        for dag_id in EXPECTED
        for task in dag_bag.dags[dag_id].tasks
        for outlet in task.outlets
    ]
    assert sorted(name for _, name in emitters) == ["camera_events", "city_spatial", "marts", "police_records"]
    assert {task for task, name in emitters if name != "marts"} == {"emit"}


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_imports_in_under_two_seconds(path: Path) -> None:
    """The cost of the file itself: Airflow's own import is paid once by the dag-processor, not by each file."""
    code = (
        "import airflow.sdk, time, runpy, sys; from airflow.sdk import CronDataIntervalTimetable;"
        f"sys.path.insert(0, {str(path.parent)!r}); start = time.perf_counter();"
        f"runpy.run_path({str(path)!r}); print(time.perf_counter() - start)"
    )
    seconds = min(
        float(
            subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            ).stdout.split()[-1]
        )
        for _ in range(2)
    )
    assert seconds < 2.0


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_does_no_work_at_import(path: Path) -> None:
    """Rooms of the house are imported inside tasks only."""
    rooms = {"ingestion", "expectations", "estimation", "governance", "infra", "polars", "deltalake", "duckdb", "dbt"}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        assert not rooms & {name.split(".")[0] for name in names}


def test_importing_all_dags_reads_no_home(dag_bag, tmp_path: Path) -> None:
    code = "import sys; sys.path[:0] = sys.argv[1:]; import pull_camera_events, build_marts, release_marts"
    home = tmp_path / "absent"
    subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "dags"), str(ROOT)],
        check=True,
        capture_output=True,
        env={**os.environ, "TELAGA_HOME": str(home)},
    )
    assert not home.exists()
