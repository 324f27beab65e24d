"""Homes that the end-to-end tests share: the walk is run once for each city, as a user would."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.walked import NUSANTARA, Walked, telaga, walked


@pytest.fixture(scope="session")
def nusantara(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    home = tmp_path_factory.mktemp("nusantara") / "home"
    yield walked(home, *NUSANTARA)
    telaga(home, "down", check=False)


@pytest.fixture(scope="session")
def chicago(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    if not os.environ.get("TELAGA_CITY_DATA"):
        pytest.skip("TELAGA_CITY_DATA is unset: Chicago's files are not part of the project")
    home = tmp_path_factory.mktemp("chicago") / "home"
    yield walked(home, "run", "--city", "chicago")
    telaga(home, "down", check=False)
