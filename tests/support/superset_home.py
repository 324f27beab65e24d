"""Superset of a throw-away home over the fixture release, and readers of it: over HTTP and in Chromium.

`python -m tests.support.superset_home PICTURE.png` draws the picture of the README again; with `--home FOLDER` it is
taken from the Superset that runs for that home.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.settings import Home, city_folder
from infra.stack.metadata import start_metadata
from infra.superset import stack
from tests.support.fixture_release import make

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTH = 1400
TOKEN = re.compile(r'id="csrf_token"\s+value="([^"]+)"')


@dataclass(frozen=True)
class Served:
    """A running Superset: its home and address."""

    home: Home
    url: str

    def password(self, user: str) -> str:
        return self.home.secret(stack.secret_name(user))

    def audit(self) -> list[dict[str, Any]]:
        """Every entry of the audit trail, oldest first."""
        files = sorted((self.home.superset_dir / "audit").glob("*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_text().splitlines()]


@contextmanager
def served(root: Path) -> Iterator[Served]:
    """Superset over the fixture release in the home `root`, set up and running; stopped with its PostgreSQL after."""
    home = Home(root).make()
    home.claim("nusantara", city_folder("nusantara"))
    make(home.serving_dir)
    cluster = start_metadata(home)
    try:
        stack.bootstrap(home)
        yield Served(home, stack.start(home))
    finally:
        stack.stop(home)
        cluster.stop()


@dataclass
class Reader:
    """One user who is logged in, over HTTP. `token` is what the last page read carries against forged requests."""

    served: Served
    user: str
    session: Any = field(init=False)
    token: str = field(init=False, default="")

    def __post_init__(self) -> None:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        self.session = requests.Session()
        # Superset limits requests a second: a reader that asks too fast waits, as it is told to, and asks again.
        patient = Retry(
            total=10,
            status_forcelist=[429],
            backoff_factor=0.3,
            backoff_max=3,
            allowed_methods=None,
            raise_on_status=False,
        )
        self.session.mount(self.served.url, HTTPAdapter(max_retries=patient))
        self.page("/login/")
        form = {"username": self.user, "password": self.served.password(self.user), "csrf_token": self.token}
        self.session.post(f"{self.served.url}/login/", data=form, headers=self._own(), allow_redirects=False)
        if self.get("/api/v1/me/").status_code != 200:
            raise AssertionError(f"{self.user} could not log in")

    def _own(self) -> dict[str, str]:
        return {"Referer": f"{self.served.url}/", "X-CSRFToken": self.token}

    def page(self, path: str) -> Any:
        answer = self.get(path)
        found = TOKEN.search(answer.text)
        self.token = found[1] if found else self.token
        return answer

    def get(self, path: str) -> Any:
        return self.session.get(self.served.url + path, timeout=120)

    def post(self, path: str, content: Mapping[str, Any]) -> Any:
        return self.session.post(self.served.url + path, json=content, headers=self._own(), timeout=120)

    def dashboard(self, slug: str) -> dict[str, Any]:
        return dict(self.get(f"/api/v1/dashboard/{slug}").json()["result"])

    def charts(self, slug: str) -> list[dict[str, Any]]:
        """The dashboard's charts as it hands them to a browser: `id`, `slice_name`, `form_data`."""
        return list(self.get(f"/api/v1/dashboard/{slug}/charts").json()["result"])

    def ask(self, form: Mapping[str, Any], **named: Any) -> Any:
        """What a chart's form data asks; `named` (dashboardId, slice_id) say on whose behalf."""
        return self.post("/api/v1/chart/data", query_context({**form, **named}))


def query_context(form: Mapping[str, Any]) -> dict[str, Any]:
    """The query of a chart, from its form data: what the front end makes of the kinds of charts that we use."""
    number, kind = str(form["datasource"]).split("__")
    metrics = [*form.get("metrics", []), *([form["metric"]] if "metric" in form else [])]
    columns: list[Any] = [*form.get("all_columns", []), *form.get("groupby", [])]
    if "x_axis" in form:
        axis = {"columnType": "BASE_AXIS", "sqlExpression": form["x_axis"], "label": form["x_axis"]}
        columns.insert(0, {**axis, "expressionType": "SQL", "timeGrain": form.get("time_grain_sqla")})
    columns += [name for name in (form.get("line_column"),) if name]
    columns += [item["column_name"] for item in form.get("tooltip_contents", [])]
    conditions = [f"({each['sqlExpression']})" for each in form.get("adhoc_filters", [])]
    query = {
        "columns": columns,
        "metrics": metrics or None,
        "filters": [],
        "extras": {"where": " AND ".join(conditions)},
        "orderby": [json.loads(each) for each in form.get("order_by_cols", [])],
        "row_limit": form.get("row_limit", 1000),
    }
    return {
        "datasource": {"id": int(number), "type": kind},
        "force": False,
        "queries": [query],
        "form_data": dict(form),
        "result_format": "json",
        "result_type": "full",
    }


def chromium() -> str | None:
    """Chromium's path, None where the machine has none."""
    return next((found for name in CHROMIUM if (found := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            yield opened
        finally:
            opened.close()


def open_dashboard(page: Any, where: Served, user: str, seconds: float = 90) -> None:
    """Logs in as a user would, and waits until the dashboard that opens has drawn all its charts."""
    page.goto(f"{where.url}/login/")
    # A form that is still being set up forgets what is typed into it.
    page.wait_for_load_state("networkidle", timeout=seconds * 1000)
    page.locator("input[type=text]").fill(user)
    page.locator("input[type=password]").fill(where.password(user))
    page.keyboard.press("Enter")
    page.wait_for_url("**/superset/dashboard/**", timeout=seconds * 1000)
    page.locator(".dashboard-component-chart-holder").first.wait_for(timeout=seconds * 1000)
    # What is below the window is not drawn: make the window as high as the dashboard.
    height = page.evaluate("document.querySelector('.grid-content').scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": int(height) + 210})
    loading = page.locator(".loading, [data-test=loading-indicator]")
    until, quiet = time.monotonic() + seconds, 0
    # Twice: a chart whose filter has just come begins again.
    while quiet < 2:
        if time.monotonic() > until:
            raise TimeoutError(f"{loading.count()} charts of {page.url} were not drawn in {seconds:.0f} s")
        page.wait_for_timeout(500)
        quiet = 0 if loading.count() else quiet + 1
    page.wait_for_load_state("networkidle", timeout=seconds * 1000)
    # Charts and maps come in by moving: deck.gl fits the view to its shapes, ECharts grows its bars.
    page.wait_for_timeout(2500)


def picture(where: Served, target: Path, user: str = "eksekutif") -> None:
    """A picture of the user's whole dashboard, PNG."""
    with browser() as opened:
        page = opened.new_page(viewport={"width": WIDTH, "height": 900}, locale="id-ID")
        open_dashboard(page, where, user)
        page.screenshot(path=target)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.superset_home", description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("--user", default="eksekutif", help="whose dashboard (default: %(default)s)")
    parser.add_argument("--home", type=Path, help="a home whose Superset runs; else a throw-away one is made")
    asked = parser.parse_args(arguments)
    if asked.home:
        home = Home(asked.home.absolute())
        url = stack.status(home).url
        if url is None:
            sys.exit(f"no Superset runs for {home.root}: ./telaga up starts it")
        picture(Served(home, url), asked.target, asked.user)
        return
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "home") as where:
        picture(where, asked.target, asked.user)


if __name__ == "__main__":
    main(sys.argv[1:])
