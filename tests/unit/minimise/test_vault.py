"""Secrets from a key service, against a server that speaks the few words of Vault's key-value store that are used."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ingestion.minimise import KeyRing, pseudonyms
from ingestion.minimise.vault import KeyServiceFailed, VaultKeys

TOKEN = "hvs.not-a-real-token"


class Store(HTTPServer):
    """What is kept, by path; `refuses` answers every question with a status."""

    kept: dict[str, str]
    refuses: int | None
    asked: list[tuple[str, str]]


class Handler(BaseHTTPRequestHandler):
    server: Store

    def do_GET(self) -> None:
        self._answer("GET", None)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self._answer("POST", json.loads(self.rfile.read(length)))

    def _answer(self, method: str, body: Any) -> None:
        self.server.asked.append((method, self.path))
        status, content = 200, {}
        if self.server.refuses or self.headers["X-Vault-Token"] != TOKEN:
            status = self.server.refuses or 403
        elif body is None and self.path not in self.server.kept:
            status = 404
        elif body is None:
            content = {"data": {"data": {"secret": self.server.kept[self.path]}}}
        elif self.path in self.server.kept and body["options"]["cas"] == 0:
            status = 400
        else:
            self.server.kept[self.path] = body["data"]["secret"]
        told = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *given: Any) -> None:
        """Nothing is said."""


@pytest.fixture
def store() -> Iterator[Store]:
    server = Store(("127.0.0.1", 0), Handler)
    server.kept, server.refuses, server.asked = {}, None, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def environment(store: Store, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return {
        "TELAGA_VAULT_ADDR": f"http://127.0.0.1:{store.server_port}/",
        "TELAGA_VAULT_PATH": "secret/telaga",
        "TELAGA_VAULT_TOKEN_FILE": str(tmp_path / "token"),
    }


def keys(environment: dict[str, str]) -> VaultKeys:
    found = VaultKeys.of_environment(environment)
    assert found is not None
    return found


def test_a_secret_is_made_once_and_asked_for_once(store: Store, environment: dict[str, str]) -> None:
    one = keys(environment)
    secret = one.secret("pseudonym.key")
    assert len(secret) == 32 and store.kept == {"/v1/secret/data/telaga/pseudonym.key": secret.hex()}
    asked = len(store.asked)
    assert one.secret("pseudonym.key") == secret and len(store.asked) == asked
    assert keys(environment).secret("pseudonym.key") == secret  # another process
    assert secret.hex() not in repr(one)


def test_of_two_that_begin_together_one_secret_stands(
    store: Store, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    late, honest, answers = keys(environment), VaultKeys._read, []

    def too_early(self: VaultKeys, name: str) -> bytes | None:
        answers.append(name)
        if len(answers) == 1:
            assert honest(self, name) is None
            keys_of_rival["secret"] = VaultKeys(self.address, self.path, self.token_file)._made(name)
            return None
        return honest(self, name)

    keys_of_rival: dict[str, bytes] = {}
    monkeypatch.setattr(VaultKeys, "_read", too_early)
    assert late.secret("pseudonym.key") == keys_of_rival["secret"]


def test_a_home_whose_environment_names_the_service_keeps_no_secret(
    store: Store, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    pseudonyms._service.cache_clear()
    try:
        (token,) = KeyRing(tmp_path / "keys").digester("polri", "record", 1).hexadecimal(["LP/1"])
        assert not (tmp_path / "keys").exists() and len(store.kept) == 1
        assert KeyRing(tmp_path / "other").digester("polri", "record", 1).hexadecimal(["LP/1"]) == [token]
    finally:
        pseudonyms._service.cache_clear()


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_service_that_refuses_is_told_without_its_token(
    store: Store, environment: dict[str, str], status: int
) -> None:
    store.refuses = status
    with pytest.raises(KeyServiceFailed, match=f"status {status}") as error:
        keys(environment).secret("pseudonym.key")
    assert TOKEN not in str(error.value) and store.kept == {}


def test_what_is_wrong_is_named(store: Store, environment: dict[str, str], tmp_path: Path) -> None:
    assert VaultKeys.of_environment({}) is None
    with pytest.raises(KeyServiceFailed, match="set TELAGA_VAULT_TOKEN_FILE"):
        VaultKeys.of_environment({**environment, "TELAGA_VAULT_TOKEN_FILE": ""})
    with pytest.raises(KeyServiceFailed, match="cannot be asked: absent"):
        keys({**environment, "TELAGA_VAULT_TOKEN_FILE": str(tmp_path / "absent")}).secret("x")
    store.kept["/v1/secret/data/telaga/x"] = "00"
    with pytest.raises(KeyServiceFailed, match="another length"):
        keys(environment).secret("x")
    store.kept["/v1/secret/data/telaga/x"] = "not hexadecimal"
    with pytest.raises(KeyServiceFailed, match="no secret there that is ours"):
        keys(environment).secret("x")
    with pytest.raises(KeyServiceFailed, match="cannot be reached"):
        keys({**environment, "TELAGA_VAULT_ADDR": "http://127.0.0.1:9"}).secret("x")
