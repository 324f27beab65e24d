"""Deliveries as files on an agency's SFTP server with a pinned host key; a read that breaks off is taken up again."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import fnmatch
import io
import json
import re
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from ingestion.connectors import CHUNK_ROWS, Batch, ConnectorError, Delivery, Interval
from ingestion.connectors.files import due, file_batch
from ingestion.connectors.formats import expand, frames_of
from ingestion.connectors.resumed import ATTEMPTS, PAUSE_SECONDS, Broken, opened
from ingestion.connectors.source import Source

if TYPE_CHECKING:
    import paramiko
    import polars as pl

    from ingestion.contract import Contract

TIMEOUT_SECONDS = 30.0
_PIECE = 1 << 15  # what every server gives at once
_AHEAD = 1 << 20  # asked for together, so that a long way costs little


class SftpConnector:
    """Lists the files that the contract's location names (sftp://host/outbox/*/x_*.csv), one batch a file; names that
    start with a dot are unfinished. A file delivered again under its old name is a new batch, as in a folder.

    `credentials`: `uri` with user and perhaps password; `extra` (JSON) with host_key ("ssh-ed25519 AAAA..."), without
    which nothing is sent, and perhaps private_key (PEM or OpenSSH) with private_key_passphrase. The names are those of
    Airflow's SFTP connections.
    """

    def __init__(
        self,
        contract: Contract,
        credentials: Mapping[str, str],
        places: Mapping[str, str],
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        self.contract, self.places, self.chunk_rows = contract, places, chunk_rows
        location = urlsplit(expand(str(contract.server["location"]), places, contract.feed))
        self._host, self._port = str(location.hostname), location.port or 22
        parts = PurePosixPath(location.path).parts
        fixed = next((at for at, part in enumerate(parts[:-1]) if re.search(r"[*?\[]", part)), len(parts) - 1)
        self.root, self._parts = PurePosixPath(*parts[:fixed]), parts[fixed:]
        self._credentials = credentials

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """Files not acknowledged, oldest period first; `position` is not needed, late files are found by their id.

        Raises ConnectorError where the server cannot be listed.
        """
        for attempt in range(ATTEMPTS):
            try:
                with self.session() as client:
                    return due(self._listed(client), acknowledged, interval)
            except Broken as error:
                if attempt == ATTEMPTS - 1:
                    raise ConnectorError(
                        f"{self.contract.feed}: {self._host} cannot be listed ({error.cause}); check the connection"
                    ) from None
                time.sleep(PAUSE_SECONDS * 2**attempt)
        raise AssertionError("unreachable")

    def open(self, batch: Batch) -> Delivery:
        """Open a file; its digest is known once it was read to its end."""
        source = self.file(batch)

        def frames() -> Iterator[pl.DataFrame]:
            yield from self.frames(source)
            delivery.digest = source.digest

        delivery = Delivery(frames(), None)
        return delivery

    def original(self, batch: Batch) -> Source:
        """The file's bytes as they came."""
        return self.file(batch)

    def frames(self, source: Source) -> Iterator[pl.DataFrame]:
        """Raw frames of a delivery's bytes, wherever they lie."""
        return frames_of(source, self.contract, self.places, self.chunk_rows)

    def file(self, batch: Batch) -> SftpFile:
        """The batch's file as a source."""
        return SftpFile(self, str(self.root / batch.location), batch.size_bytes or 0)

    @contextmanager
    def session(self) -> Iterator[paramiko.SFTPClient]:
        """A client of the one server that shows the pinned key. Raises Broken where it may be tried again."""
        import paramiko

        transport = None
        try:
            transport = self._transport()
            client = paramiko.SFTPClient.from_transport(transport)
            if client is None:
                raise Broken("no channel")
            client.get_channel().settimeout(TIMEOUT_SECONDS)
            yield client
        except (paramiko.SSHException, EOFError, TimeoutError, ConnectionError) as error:
            raise Broken(type(error).__name__) from None
        finally:
            if transport is not None:
                transport.close()

    def _transport(self) -> paramiko.Transport:
        import socket

        import paramiko

        feed, connection = self.contract.feed, self.contract.server.get("connection_id")
        extra = json.loads(self._credentials.get("extra") or "{}")
        stated = urlsplit(self._credentials["uri"])
        pinned = _host_key(str(extra.get("host_key") or ""), feed, connection)
        try:
            link = socket.create_connection((self._host, self._port), TIMEOUT_SECONDS)
        except socket.gaierror:
            raise ConnectorError(f"{feed}: {self._host} is unknown; correct the contract's location") from None
        except OSError as error:
            raise Broken(type(error).__name__) from None
        transport = paramiko.Transport(link)
        try:
            # Only the pinned kind is negotiated: another key of the same server would be a stranger's to us.
            transport.get_security_options().key_types = _kinds(pinned.get_name())
            transport.start_client(timeout=TIMEOUT_SECONDS)
            shown = transport.get_remote_server_key()
            if shown.asbytes() != pinned.asbytes():
                raise ConnectorError(
                    f"{feed}: {self._host} shows another host key than connection {connection} pins; nothing was sent, "
                    "ask the agency before you change it"
                )
            user = unquote(stated.username or "")
            if extra.get("private_key"):
                key = _private_key(str(extra["private_key"]), extra.get("private_key_passphrase"), feed, connection)
                transport.auth_publickey(user, key)
            else:
                transport.auth_password(user, unquote(stated.password or ""), fallback=False)
        except paramiko.AuthenticationException:
            transport.close()
            raise ConnectorError(f"{feed}: {self._host} refuses the login; check connection {connection}") from None
        except paramiko.ssh_exception.IncompatiblePeer:
            transport.close()
            raise ConnectorError(
                f"{feed}: {self._host} has no host key of the kind that connection {connection} pins; nothing was "
                "sent, ask the agency before you change it"
            ) from None
        except BaseException:
            transport.close()
            raise
        return transport

    def _listed(self, client: paramiko.SFTPClient) -> Iterator[Batch]:
        for path, entry in self._found(client, self.root, self._parts):
            location = path.relative_to(self.root).as_posix()
            delivered = dt.datetime.fromtimestamp(entry.st_mtime or 0, dt.UTC)
            size = int(entry.st_size or 0)
            yield file_batch(self.contract, location, f"{size}|{entry.st_mtime}", delivered, size)

    def _found(
        self, client: paramiko.SFTPClient, folder: PurePosixPath, parts: tuple[str, ...]
    ) -> Iterator[tuple[PurePosixPath, Any]]:
        try:
            # Not lazily: what is open while folders below it are listed would only confuse the channel.
            entries = client.listdir_attr(str(folder))
        except FileNotFoundError:
            # An agency that has delivered nothing yet has no folder; that is for freshness to report.
            return
        except PermissionError:
            raise ConnectorError(f"{self.contract.feed}: {folder} may not be listed; ask for the right to") from None
        for entry in sorted(entries, key=lambda entry: entry.filename):
            if entry.filename.startswith(".") or not fnmatch.fnmatchcase(entry.filename, parts[0]):
                continue
            path, is_folder = folder / entry.filename, stat.S_ISDIR(entry.st_mode or 0)
            if parts[1:] and is_folder:
                yield from self._found(client, path, parts[1:])
            elif not parts[1:] and stat.S_ISREG(entry.st_mode or 0):
                yield path, entry


class SftpFile:
    """One file as a source. `digest`: its sha-256 after a reading to its end, else null."""

    def __init__(self, connector: SftpConnector, path: str, size: int) -> None:
        self._connector, self._path = connector, path
        self.feed, self.name, self.size = connector.contract.feed, PurePosixPath(path).name, size
        self.digest: str | None = None
        self._begun: tuple[int | None, int | None] | None = None

    def open(self) -> BinaryIO:
        return opened(self)

    def head(self, client: paramiko.SFTPClient, most: int) -> BinaryIO:
        """Its first bytes, over a session that is open already."""
        with client.open(self._path, "rb") as file:
            return io.BytesIO(file.read(most))

    def reach(self, at: int) -> Iterator[bytes]:
        """Pieces from byte `at` on, of the content that was begun. Raises Broken or ConnectorError."""
        with self._connector.session() as client:
            try:
                with client.open(self._path, "rb") as file:
                    state = file.stat()
                    begun = (state.st_size, state.st_mtime)
                    if self._begun not in (None, begun) and at:
                        raise ConnectorError(f"{self.feed}: {self.name} was replaced while it was read; tried again")
                    self._begun = begun
                    size = int(state.st_size or 0)
                    while at < size:
                        # Not file.prefetch, which would hold all of a file that is read slowly.
                        end = min(size, at + _AHEAD)
                        parts = [(start, min(_PIECE, end - start)) for start in range(at, end, _PIECE)]
                        piece = b"".join(file.readv(parts))
                        if len(piece) != end - at:
                            raise Broken("cut")
                        at = end
                        yield piece
            except (FileNotFoundError, PermissionError):
                raise ConnectorError(f"{self.feed}: {self.name} cannot be read; it is listed again") from None


def _host_key(stated: str, feed: str, connection: object) -> paramiko.PKey:
    import paramiko

    words = stated.split()
    try:
        blob = base64.b64decode(words[-1] if len(words) < 3 else words[-2], validate=True)
        kind = paramiko.Message(blob).get_text()
        return paramiko.PKey.from_type_string(kind, blob)
    except (IndexError, binascii.Error, ValueError, paramiko.SSHException):
        raise ConnectorError(
            f"{feed}: connection {connection} pins no host key; put the agency's (ssh-ed25519 AAAA...) into host_key "
            "of its extra"
        ) from None


def _kinds(name: str) -> tuple[str, ...]:
    """The algorithms that sign with a key of that kind."""
    return ("rsa-sha2-512", "rsa-sha2-256") if name == "ssh-rsa" else (name,)


def _private_key(text: str, passphrase: object, feed: str, connection: object) -> paramiko.PKey:
    import paramiko

    word = str(passphrase) if passphrase else None
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text), word)
        except (paramiko.SSHException, ValueError):
            continue
    raise ConnectorError(f"{feed}: private_key of connection {connection} is none, or its passphrase is wrong")
