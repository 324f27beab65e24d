"""A server that is not there is said before anything waits for it, with what to do and without its address's token."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from infra.build import spark
from infra.build.settings import BuildFailed
from infra.cli.commands.run import prepare_spark
from infra.cli.progress import Progress
from infra.settings import Home, SettingsError


def test_no_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    with pytest.raises(BuildFailed, match="SPARK_REMOTE is unset: start a Spark Connect server"):
        spark.reachable()


@pytest.mark.parametrize("remote", ["https://host/;token=s3cret", "sc://host:15002;token=s3cret", "sc://"])
def test_what_is_no_address_is_not_repeated(remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", remote)
    with pytest.raises(BuildFailed, match="no address of Spark Connect") as caught:
        spark.reachable()
    assert "s3cret" not in str(caught.value)


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{port}/;token=s3cret")
        with pytest.raises(BuildFailed, match=f"nothing answers at SPARK_REMOTE .127.0.0.1:{port}") as caught:
            spark.reachable()
    assert "s3cret" not in str(caught.value)


def test_a_server_that_listens_is_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{server.getsockname()[1]}/;session_id=x")
        spark.reachable()


def test_the_command_refuses_before_it_installs_or_pulls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    with pytest.raises(SettingsError, match="docs/engines"):
        prepare_spark(Home(tmp_path), Progress())
    assert not list(tmp_path.iterdir())
