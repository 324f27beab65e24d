"""The benchmark of the verdict compares like with like: both readings find the same rows broken, or it says so."""

from __future__ import annotations

import argparse

import pytest

from benchmarks import verdict


def test_it_measures_both_readings_of_the_same_rows() -> None:
    figures = {figure.cell: figure for figure in verdict.run(argparse.Namespace(rows=3_000, times=1))}
    whole = figures["verdict (sampling and judging)"]
    assert whole.n == 3_000 and whole.value is not None and whole.met == (whole.value <= verdict.AIM_SECONDS)
    broken = figures["rows broken, the same in both readings"].value
    assert broken is not None and 20 < broken < 200


def test_readings_that_differ_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = verdict.conform

    def blind(*given: object, **more: object) -> object:
        found = real(*given, **more)  # type: ignore[arg-type]
        return type(found)(found.rows, found.rejected.filter(found.rejected["rule"] != "codes:kind"), {}, {})

    monkeypatch.setattr(verdict, "conform", blind)
    with pytest.raises(SystemExit, match="the two readings differ: codes:kind: second reading finds"):
        verdict.run(argparse.Namespace(rows=3_000, times=1))
