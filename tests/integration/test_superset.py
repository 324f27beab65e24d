"""Superset of a home, over HTTP: set up once, open to each viewer as far as its own dashboard, read-only, audited."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from infra.stack.metadata import SUPERSET_DATABASE, metadata_cluster
from infra.superset import stack
from infra.superset.definition import read_dashboards
from infra.superset.marts import read_marts
from tests.support.fixture_release import publish
from tests.support.superset_home import Reader, Served, served

pytestmark = pytest.mark.integration

DASHBOARDS = read_dashboards(read_marts())
EXECUTIVE = "eksekutif-keamanan"
EXECUTIVE_MARTS = next(each.datasets for each in DASHBOARDS if each.slug == EXECUTIVE)
VIEWERS = {each.user: each.slug for each in DASHBOARDS}
COUNTED = ("dbs", "tables", "slices", "dashboards", "dashboard_slices", "dashboard_roles", "ab_user", "ab_role")


@pytest.fixture(scope="module")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("superset") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def readers(superset: Served) -> dict[str, Reader]:
    found = {user: Reader(superset, user) for user in (*VIEWERS, "admin")}
    for user, reader in found.items():
        reader.page(f"/superset/dashboard/{VIEWERS.get(user, EXECUTIVE)}/")
    return found


def chart(reader: Reader, slug: str, title: str) -> tuple[dict[str, Any], dict[str, int]]:
    """A chart's form data, and the names under which it is asked on its dashboard."""
    found = next(each for each in reader.charts(slug) if each["slice_name"] == title)
    return found["form_data"], {"dashboardId": reader.dashboard(slug)["id"], "slice_id": found["id"]}


def rows(superset: Served) -> dict[str, int]:
    password = superset.home.secret(f"metadata_{SUPERSET_DATABASE}")
    cluster = metadata_cluster(superset.home)
    with (
        contextlib.closing(cluster.connect(SUPERSET_DATABASE, SUPERSET_DATABASE, password)) as connection,
        connection.cursor() as cursor,
    ):
        found = {}
        for table in COUNTED:
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = cursor.fetchone()[0]
        return found


@pytest.mark.parametrize("user", VIEWERS)
def test_every_chart_of_a_dashboard_answers_with_rows(user: str, readers: dict[str, Reader]) -> None:
    reader, slug = readers[user], VIEWERS[user]
    charts = reader.charts(slug)
    dashboard = next(each for each in DASHBOARDS if each.slug == slug)
    assert sorted(each["slice_name"] for each in charts) == sorted(each.title for each in dashboard.charts.values())
    number = reader.dashboard(slug)["id"]
    for each in charts:
        answer = reader.ask(each["form_data"], dashboardId=number, slice_id=each["id"])
        assert answer.status_code == 200, (each["slice_name"], answer.text[:400])
        (result,) = answer.json()["result"]
        assert result["error"] is None
        assert result["rowcount"] > 0, each["slice_name"]


@pytest.mark.parametrize("user", VIEWERS)
def test_a_viewer_lands_on_its_dashboard_and_finds_no_other(user: str, readers: dict[str, Reader]) -> None:
    reader, own = readers[user], VIEWERS[user]
    welcome = reader.session.get(f"{reader.served.url}/superset/welcome/", allow_redirects=False)
    assert welcome.headers["Location"] == f"/superset/dashboard/{own}/"
    assert [each["slug"] for each in reader.get("/api/v1/dashboard/").json()["result"]] == [own]
    for slug in set(VIEWERS.values()) - {own}:
        assert reader.get(f"/superset/dashboard/{slug}/").status_code == 404
        for path in (slug, f"{slug}/charts", f"{slug}/datasets"):
            assert reader.get(f"/api/v1/dashboard/{path}").status_code == 404


def test_a_viewer_may_not_ask_beside_its_dashboard(readers: dict[str, Reader]) -> None:
    reader = readers["eksekutif"]
    form, named = chart(reader, EXECUTIVE, "Terbit")
    theirs, named_theirs = chart(readers["dpr"], VIEWERS["dpr"], "Tercapai")
    asked = {
        "its own chart, outside the dashboard": reader.ask(form),
        "another's chart": reader.ask(theirs, **named_theirs),
        "another's dataset in its own chart": reader.ask({**form, "datasource": theirs["datasource"]}, **named),
        "another's chart on its own dashboard": reader.ask(
            theirs, **{**named_theirs, "dashboardId": named["dashboardId"]}
        ),
        "another's dataset as a filter": reader.ask(
            theirs, dashboardId=named["dashboardId"], type="NATIVE_FILTER", native_filter_id="NATIVE_FILTER-periode"
        ),
        "SQL": reader.post("/api/v1/sqllab/execute/", {"database_id": 1, "sql": "SELECT 1"}),
        "a chart changed": reader.post("/api/v1/chart/", {"slice_name": "x", "viz_type": "table"}),
    }
    assert {what: answer.status_code for what, answer in asked.items()} == dict.fromkeys(asked, 403)
    for path in ("database/", "dataset/", "dataset/1", "query/", "dashboard/export/?q=!(1)", "security/users/"):
        assert reader.get(f"/api/v1/{path}").status_code in (403, 404), path
    assert reader.get("/sqllab/").status_code == 403
    assert reader.get("/explore/").status_code == 403


def test_nobody_reads_anything_without_logging_in(superset: Served, readers: dict[str, Reader]) -> None:
    import requests

    form, named = chart(readers["eksekutif"], EXECUTIVE, "Terbit")
    assert requests.get(f"{superset.url}/api/v1/dashboard/{EXECUTIVE}", timeout=60).status_code in (401, 404)
    assert requests.get(f"{superset.url}/telaga/tiles/8/211/128.png", timeout=60).status_code == 403
    body = {
        "datasource": {"id": 1, "type": "table"},
        "queries": [{"metrics": ["published"]}],
        "form_data": {**form, **named},
    }
    assert requests.post(f"{superset.url}/api/v1/chart/data", json=body, timeout=60).status_code in (401, 403)


def test_a_report_of_the_login_page_does_not_log_out_who_has_logged_in_meanwhile(superset: Served) -> None:
    import requests

    stranger = requests.Session()
    stranger.get(f"{superset.url}/login/", timeout=60)
    report = stranger.post(f"{superset.url}/superset/log/?explode=events", data={"events": "[]"}, timeout=60)
    assert (report.status_code, "Set-Cookie" in report.headers) == (204, False)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE marts.mine (a INTEGER)",
        "DELETE FROM marts.risk_surface",
        "COPY marts.risk_surface TO '{folder}/out.csv'",
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "ATTACH '{folder}/other.duckdb'",
        "SET enable_external_access = true",
    ],
)
def test_not_even_an_administrator_can_do_more_than_read(
    statement: str, readers: dict[str, Reader], tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    number = database_of(readers["admin"], "executive")
    plain = readers["admin"].post(
        "/api/v1/sqllab/execute/", {"database_id": number, "sql": "SELECT count(*) AS n FROM marts.risk_surface"}
    )
    assert plain.status_code == 200, plain.text
    refused = readers["admin"].post(
        "/api/v1/sqllab/execute/", {"database_id": number, "sql": statement.format(folder=tmp_path)}
    )
    assert refused.status_code >= 400, refused.text
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_a_number_asked_for_in_sql_reaches_no_file(readers: dict[str, Reader], tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("not for dashboards")
    form, named = chart(readers["eksekutif"], EXECUTIVE, "Terbit")
    for sql in (f"(SELECT max(content) FROM read_text('{secret}'))", "(SELECT max(path) FROM duckdb_databases())"):
        metric = {"expressionType": "SQL", "sqlExpression": sql, "label": "n", "hasCustomLabel": True}
        answer = readers["eksekutif"].ask({**form, "metric": metric}, **named)
        assert answer.status_code >= 400
        assert "not for dashboards" not in answer.text


def database_of(reader: Reader, audience: str) -> int:
    found = reader.get("/api/v1/database/").json()["result"]
    return next(int(each["id"]) for each in found if each["database_name"].endswith(f" {audience}"))


def test_reads_from_the_database_from_the_cache_and_refused_ones_are_in_the_trail(
    superset: Served, readers: dict[str, Reader]
) -> None:
    reader = readers["privasi"]
    form, named = chart(reader, VIEWERS["privasi"], "Narasi dibaca")
    # A condition of its own, so that nobody asked this before.
    form = {**form, "adhoc_filters": [{"sqlExpression": "action <> 'no such action'"}]}
    before = len(superset.audit())
    first, second = reader.ask(form, **named), reader.ask(form, **named)
    refused = reader.ask(form)
    assert [answer.status_code for answer in (first, second, refused)] == [200, 200, 403]
    assert not first.json()["result"][0]["is_cached"]
    assert second.json()["result"][0]["is_cached"]
    entries = superset.audit()[before:]
    requests = [each for each in entries if each["kind"] == "request" and each["path"] == "/api/v1/chart/data"]
    expected = {
        "user": "privasi",
        "address": "127.0.0.1",
        "chart": named["slice_id"],
        "dataset": int(form["datasource"].split("__")[0]),
    }
    assert [each["status"] for each in requests] == [200, 200, 403]
    for each in requests:
        assert {name: each[name] for name in expected} == expected
    assert [each.get("dashboard") for each in requests] == [named["dashboardId"]] * 2 + [None]
    queries = [each for each in entries if each["kind"] == "query"]
    assert {(each["user"], each["database"]) for each in queries} == {("privasi", "Rilis privacy")}
    assert all("no such action" in each["sql"] for each in queries)


def test_after_a_release_no_number_of_the_one_before_is_shown(superset: Served, readers: dict[str, Reader]) -> None:
    reader = readers["eksekutif"]
    form, named = chart(reader, EXECUTIVE, "Indeks kota")

    def shown() -> tuple[float, bool]:
        (result,) = reader.ask(form, **named).json()["result"]
        return float(result["data"][0]["index"]), bool(result["is_cached"])

    release = (superset.home.serving_dir / "executive" / "current.duckdb").resolve()
    next_release = release.with_name("next.duckdb")
    shutil.copy(release, next_release)
    with duckdb.connect(str(next_release)) as connection:
        connection.execute("UPDATE marts.region_security_index SET index_value = index_value / 2")
    old, _ = shown()
    assert shown() == (old, True)
    try:
        publish(next_release)
        assert stack.touch(superset.home, ["executive"]) == len(EXECUTIVE_MARTS)
        new, from_cache = shown()
        assert not from_cache
        assert new == pytest.approx(old / 2, abs=0.1)
        assert shown() == (new, True)
    finally:
        publish(release)
        stack.touch(superset.home)
    assert shown() == (old, False)


def test_setting_up_again_makes_nothing_twice(superset: Served, readers: dict[str, Reader]) -> None:
    before = rows(superset)
    ids = {slug: readers["admin"].dashboard(slug)["id"] for slug in VIEWERS.values()}
    assert stack.bootstrap(superset.home) is False
    (superset.home.metadata_dir / "superset-bootstrap.stamp").unlink()
    assert stack.bootstrap(superset.home) is True
    assert rows(superset) == before
    assert {slug: readers["admin"].dashboard(slug)["id"] for slug in VIEWERS.values()} == ids
    assert readers["dpr"].get("/superset/dashboard/dpr-kpi/").status_code == 200


def test_pages_are_in_bahasa_and_may_speak_to_nobody_else(superset: Served, readers: dict[str, Reader]) -> None:
    page = readers["eksekutif"].page(f"/superset/dashboard/{EXECUTIVE}/")
    policy = page.headers["Content-Security-Policy"]
    assert "http" not in policy
    assert "default-src 'self'" in policy
    pack = readers["eksekutif"].get("/superset/language_pack/id/").json()
    assert pack["locale_data"]["superset"]["Filters"] == ["Saringan"]
    tile = readers["eksekutif"].get("/telaga/tiles/8/211/128.png")
    assert tile.headers["Content-Type"] == "image/png"
    assert len(tile.content) > 500


def test_status_names_what_runs(superset: Served) -> None:
    now = stack.status(superset.home)
    assert (now.is_running, now.url) == (True, superset.url)
    assert stack.start(superset.home) == superset.url
