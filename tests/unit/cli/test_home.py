"""A home: one city, private secrets, one command at a time."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from infra.settings import FEEDS, Home, OtherCity, SettingsError, city_folder, storage_options
from infra.stack import local


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").make()


def test_a_home_belongs_to_its_first_city(home: Home) -> None:
    home.claim("nusantara", FEEDS / "nusantara")
    with pytest.raises(OtherCity, match=r"TELAGA_HOME=\S+ \./telaga run --city chicago"):
        home.claim("chicago", FEEDS / "chicago")
    state = home.state()
    assert state is not None and state.city == "nusantara"


def test_a_city_by_path_keeps_its_path_in_the_command_to_use(home: Home, tmp_path: Path) -> None:
    home.claim("nusantara", FEEDS / "nusantara")
    with pytest.raises(OtherCity, match=f"--city {tmp_path}/kota"):
        home.claim("kota", tmp_path / "kota")


def test_the_clock_is_kept_with_the_home(home: Home) -> None:
    with pytest.raises(SettingsError, match="demo"):
        home.set_clock(date(2026, 6, 30))
    home.claim("nusantara", FEEDS / "nusantara")
    home.set_clock(date(2026, 6, 30))
    state = Home(home.root).state()
    assert state is not None and state.as_of == date(2026, 6, 30)


def test_secrets_are_made_once_and_closed_to_others(home: Home) -> None:
    first = home.secrets("a", "b")
    assert home.secret("a") == first["a"] != first["b"]
    assert len(first["a"]) >= 48
    for path in (home.keys_dir, home.secrets_path):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert set(json.loads(home.secrets_path.read_text())) == {"a", "b"}


def test_a_home_file_that_is_no_json_names_itself(home: Home) -> None:
    home.state_path.write_text("{")
    with pytest.raises(SettingsError, match=r"home\.json"):
        home.state()


def test_an_unknown_city_lists_the_shipped_ones() -> None:
    with pytest.raises(SettingsError, match="chicago, nusantara"):
        city_folder("atlantis")


def test_only_the_standard_variables_of_the_object_store_are_taken() -> None:
    found = storage_options({"AWS_REGION": "x", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/", "TELAGA_LAKE": "s3://b"})
    assert found == {"AWS_REGION": "x"}


def test_one_command_at_a_time_changes_a_home(home: Home) -> None:
    code = (
        "import sys; from pathlib import Path; from infra.settings import Home; from infra.stack import local\n"
        "try:\n"
        "    with local.alone(Home(Path(sys.argv[1]))): print('entered')\n"
        "except local.HomeBusy as error: print('busy', error)\n"
    )

    def other() -> str:
        return subprocess.run(
            [sys.executable, "-c", code, str(home.root)], capture_output=True, text=True, check=True
        ).stdout

    with local.alone(home):
        assert other().startswith("busy")
    assert other() == "entered\n"
