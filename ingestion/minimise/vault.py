"""Secrets from a HashiCorp Vault or OpenBao key-value store (version 2), for a home that keeps none in files.

    TELAGA_VAULT_ADDR=https://vault.example:8200
    TELAGA_VAULT_PATH=secret/telaga
    TELAGA_VAULT_TOKEN_FILE=/run/vault-token

The token needs read and create on the path. A secret is written only where there is none (check-and-set 0), so that two
homes that begin together end with one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

SECONDS = 10.0


class KeyServiceFailed(Exception):
    """The key service did not hand a secret over; the message holds neither token nor secret."""


@dataclass(frozen=True)
class VaultKeys:
    """Secrets below `path` (mount first) of the server at `address`, remembered in this process alone. The token is
    read from its file at each question, so that an agent may renew it."""

    address: str
    path: str
    token_file: Path
    _known: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> VaultKeys | None:
        """As the three variables say, None where none is set. Raises KeyServiceFailed where one is missing."""
        names = ("TELAGA_VAULT_ADDR", "TELAGA_VAULT_PATH", "TELAGA_VAULT_TOKEN_FILE")
        given = [environment.get(name, "") for name in names]
        if not any(given):
            return None
        missing = [name for name, value in zip(names, given, strict=True) if not value]
        if missing:
            raise KeyServiceFailed(f"a key service needs all of {', '.join(names)}; set {', '.join(missing)}")
        return cls(given[0].rstrip("/"), given[1].strip("/"), Path(given[2]))

    def secret(self, name: str) -> bytes:
        """32 bytes, made on first use. Raises KeyServiceFailed."""
        if name not in self._known:
            self._known[name] = self._read(name) or self._made(name)
        return self._known[name]

    def _made(self, name: str) -> bytes:
        made = os.urandom(32)
        answer = self._ask("POST", name, {"options": {"cas": 0}, "data": {"secret": made.hex()}})
        if answer.status_code == httpx.codes.OK:
            return made
        found = self._read(name)  # a rival was first
        if found is None:
            raise self._failed(name, f"refuses to write it (status {answer.status_code})")
        return found

    def _read(self, name: str) -> bytes | None:
        answer = self._ask("GET", name)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code != httpx.codes.OK:
            raise self._failed(name, f"answers with status {answer.status_code}")
        try:
            secret = bytes.fromhex(answer.json()["data"]["data"]["secret"])
        except (ValueError, KeyError, TypeError):
            raise self._failed(name, "holds no secret there that is ours") from None
        if len(secret) != 32:
            raise self._failed(name, "holds a secret of another length")
        return secret

    def _ask(self, method: str, name: str, content: object = None) -> httpx.Response:
        mount, _, rest = self.path.partition("/")
        address = f"{self.address}/v1/{mount}/data/{f'{rest}/' if rest else ''}{name}"
        try:
            token = self.token_file.read_text().strip()
        except OSError as error:
            raise self._failed(name, f"cannot be asked: {self.token_file.name} {error.strerror}") from None
        try:
            return httpx.request(method, address, json=content, headers={"X-Vault-Token": token}, timeout=SECONDS)
        except httpx.HTTPError as error:
            raise self._failed(name, f"cannot be reached ({type(error).__name__})") from None

    def _failed(self, name: str, why: str) -> KeyServiceFailed:
        return KeyServiceFailed(f"the key service {why}: {self.path}/{name}; ask who runs it, the run is tried again")
