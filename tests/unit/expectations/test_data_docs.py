"""Data Docs: pages of Great Expectations from stored outcomes, that call nobody and show no value."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from expectations.data_docs import build
from expectations.judge import Judge
from expectations.outcomes import Recording
from ingestion.contract import Contract
from ingestion.lake import Lake
from tests.unit.expectations.test_judge import corrupted, profile_of


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def text_of(page: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text()))


def test_each_batch_that_failed_and_the_newest_of_the_others_have_a_page(
    judge: Judge, contract: Contract, clean: Callable[[int], pl.DataFrame], tmp_path: Path
) -> None:
    lake, folder = Lake(str(tmp_path / "lake")), tmp_path / "docs"
    record = Recording(judge, lake, "r1")
    broken = corrupted(clean(300), "kind", "CANARYARSON", [3, 4])
    record(profile_of(clean(300), contract, batch_id="bad", rejected=90))
    for number in range(3):
        record(profile_of(broken, contract, batch_id=f"good-{number}"))
    index = build(lake, folder, newest=1)
    told = index.read_text()
    assert "good-2" in told and "bad" in told and "good-1" not in told
    pages = sorted(page for page in folder.glob("*.html") if page != index)
    assert len(pages) == 2
    bad, good = sorted((text_of(page) for page in pages), key=lambda text: "Status: Failed" not in text)
    assert "Status: Failed" in bad and "Status: Succeeded" in good
    assert "rejected_share" in bad and "0.3" in bad and "0.25" in bad
    assert "≈0.66667% unexpected" in good
    for page in folder.glob("*.html"):
        content = page.read_text()
        assert not re.search(r"https?://", content), "an address that a browser might call"
        assert "default-src 'none'" in content and "<script" not in content
        assert not any(value in content for value in ("CANARY", "Budi", "R0000"))


def test_what_stands_is_not_written_again_and_what_fell_out_goes(
    judge: Judge, contract: Contract, clean: Callable[[int], pl.DataFrame], tmp_path: Path
) -> None:
    lake, folder = Lake(str(tmp_path / "lake")), tmp_path / "docs"
    record = Recording(judge, lake, "r1")
    record(profile_of(clean(300), contract, batch_id="first"))
    build(lake, folder, newest=1)
    (page,) = (page for page in folder.glob("*.html") if page.name != "index.html")
    stamp = page.stat().st_mtime_ns
    build(lake, folder, newest=1)
    assert page.stat().st_mtime_ns == stamp
    record(profile_of(clean(300), contract, batch_id="second"))
    build(lake, folder, newest=1)
    assert not page.exists() and len(list(folder.glob("*.html"))) == 2


def test_a_lake_without_verdicts_has_an_empty_index(tmp_path: Path) -> None:
    assert "Data Docs" in build(Lake(str(tmp_path / "lake")), tmp_path / "docs").read_text()
