"""What a reader sees: the dashboards of a running Superset in Chromium, drawn, in Bahasa Indonesia, without errors."""

from __future__ import annotations

import base64
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infra.superset.definition import Dashboard, read_dashboards
from infra.superset.marts import read_marts
from tests.support.fixture_release import regions
from tests.support.superset_home import WIDTH, Served, browser, chromium, open_dashboard, served

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine: apt-get install chromium"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="playwright is not installed"),
]

DASHBOARDS = {each.user: each for each in read_dashboards(read_marts())}
# What Superset writes where a chart fails or has nothing, in either language.
ERRORS = re.compile(
    r"[Ee]rror|[Ee]xception|went wrong|terjadi galat|galat (?:data|tak|basis|jaringan)|ada yang keliru"
    r"|[Nn]o (?:data|results)|[Tt]idak ada (?:data|hasil)|undefined|\bNaN\b"
)
ENGLISH = re.compile(r"\b(Filters?|Apply|Clear all|records?|Search|Show|entries|Settings|Loading|Modified|Inv|ago)\b")
# Distinct colours and their spread in a picture, counted where a picture can be decoded: in the browser.
LOOK = """async (data) => {
    const picture = await createImageBitmap(await (await fetch(data)).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
    canvas.drawImage(picture, 0, 0);
    const {data: pixels} = canvas.getImageData(0, 0, picture.width, picture.height);
    const colours = new Map(), n = pixels.length / 4;
    let sum = 0, squares = 0;
    for (let i = 0; i < pixels.length; i += 4) {
        const [r, g, b] = [pixels[i], pixels[i + 1], pixels[i + 2]];
        const grey = (r + g + b) / 3;
        sum += grey; squares += grey * grey;
        const key = [r, g, b].join();
        colours.set(key, (colours.get(key) || 0) + 1);
    }
    const large = [...colours].filter(([, count]) => count > n / 1000).map(([key]) => key);
    return {variance: squares / n - (sum / n) ** 2, large};
}"""


@dataclass(frozen=True)
class Seen:
    """A dashboard after it was drawn: its text, pictures of its map canvases, and what the browser asked for."""

    dashboard: Dashboard
    text: str
    placeholders: list[str]
    maps: list[dict[str, Any]]
    # Address and failure of each request to another host; status and address of each answer that is an error.
    outside: list[tuple[str, str | None]]
    refused: list[tuple[int, str]]


@pytest.fixture(scope="module")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("dashboard") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def seen(superset: Served) -> dict[str, Seen]:
    with browser() as opened:
        return {user: look(opened, superset, user) for user in DASHBOARDS}


def look(opened: Any, superset: Served, user: str) -> Seen:
    # As a browser that asks for English: the dashboards' language does not depend on the reader's machine.
    context = opened.new_context(viewport={"width": WIDTH, "height": 900}, locale="en-US")
    page = context.new_page()
    outside: list[Any] = []
    refused: list[tuple[int, str]] = []
    page.on(
        "request", lambda each: None if each.url.startswith((superset.url, "blob:", "data:")) else outside.append(each)
    )
    page.on("response", lambda each: refused.append((each.status, each.url)) if each.status >= 400 else None)
    open_dashboard(page, superset, user, seconds=180)
    pictures = [each.screenshot() for each in page.locator(".deck_polygon canvas").all()]
    placeholders = [each.get_attribute("placeholder") or "" for each in page.locator("input[placeholder]").all()]
    text = page.inner_text("body")
    failures = [(each.url, each.failure) for each in outside]
    context.close()
    blank = opened.new_page()
    maps = [blank.evaluate(LOOK, "data:image/png;base64," + base64.b64encode(each).decode()) for each in pictures]
    blank.close()
    return Seen(DASHBOARDS[user], text, placeholders, maps, failures, refused)


@pytest.mark.parametrize("user", DASHBOARDS)
def test_a_dashboard_is_drawn_without_an_error(user: str, seen: dict[str, Seen]) -> None:
    found = seen[user]
    for chart in found.dashboard.charts.values():
        assert chart.title in found.text
    assert ERRORS.findall(found.text) == []
    assert found.refused == []


@pytest.mark.parametrize("user", DASHBOARDS)
def test_it_says_that_its_data_is_synthetic(user: str, seen: dict[str, Seen]) -> None:
    assert "DATA SINTETIS." in seen[user].text
    assert "**" not in seen[user].text


@pytest.mark.parametrize("user", DASHBOARDS)
def test_it_speaks_bahasa_indonesia(user: str, seen: dict[str, Seen]) -> None:
    said = "\n".join([seen[user].text, *seen[user].placeholders])
    assert ENGLISH.findall(said) == []
    assert "Pengaturan" in said


@pytest.mark.parametrize("user", DASHBOARDS)
def test_no_request_leaves_the_machine(user: str, seen: dict[str, Seen]) -> None:
    # Superset's front end holds a tracking pixel; our policy stops it inside the browser.
    assert {failure for _, failure in seen[user].outside} <= {"csp"}


def test_the_executive_dashboard_shows_the_newest_complete_month_and_every_region(seen: dict[str, Seen]) -> None:
    text = seen["eksekutif"].text
    assert "Keamanan wilayah: Nusantara dan sekitarnya" in text
    assert {"2026-05", "Kecamatan", "Sepanjang hari"} <= set(text.splitlines())
    kecamatan = [place["name"] for place in regions() if place["level"] == "kecamatan"]
    for name in kecamatan:
        assert name in text
    # The table's search says how many rows it holds: one a region, withheld or not.
    assert f"{len(kecamatan)} baris" in " ".join(seen["eksekutif"].placeholders)
    assert "ditahan" in text
    assert "Selang 90 %" in text


def test_both_maps_are_drawn_with_their_classes_and_a_legend(seen: dict[str, Seen]) -> None:
    found = seen["eksekutif"]
    assert len(found.maps) == 2
    for each in found.maps:
        assert each["variance"] > 100
        # Paper, land and several classes of the scale.
        assert len(each["large"]) >= 5
    for label in ("0 - 20", "80 - 100", "0 - 0,5", "100 - 10.000"):
        assert label in found.text
