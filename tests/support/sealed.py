"""A house whose calls come sealed: the agency's keys, its drops, and what a forger would do to them."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage

from ingestion.connectors.folder import FolderConnector
from ingestion.connectors.sealed_folder import SealedFolderConnector
from ingestion.drops import MAGIC, read_header, seal_file
from ingestion.sealing import AGENCY_KEY, DROPS_KEY, make_agency_key, recipient_of, sign
from tests.support.landing import CALL_HEADER, CALLS, House, call_feed, lines

AGENCY = "police"


def sealed_call_feed(**feed: Any) -> dict[str, Any]:
    stated = call_feed(**feed)
    stated["servers"][0] |= {
        "path": "{simulation}/calls/*",
        "customProperties": [
            {"property": "telaga", "value": {"sealed": True, "agency_key": "{simulation}/../agency/police.pem"}}
        ],
    }
    return stated


@dataclass
class SealedHouse(House):
    """As a house; `drop` makes what an agency would send."""

    def __post_init__(self) -> None:
        self.documents[CALLS] = sealed_call_feed()
        self.agency = self.root / "agency"
        self.agency.mkdir(parents=True, exist_ok=True)
        (self.agency / "police.pem").write_text(make_agency_key(self.agency, AGENCY))
        self.recipient = recipient_of(self.keys.folder, DROPS_KEY)

    @property
    def inbox(self) -> Path:
        folder = self.root / "inbox" / "calls"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def agency_key(self) -> Path:
        return self.agency / AGENCY_KEY.format(agency=AGENCY)

    def connector(self, feed: str, chunk_rows: int = 200_000) -> FolderConnector:
        if feed != CALLS:
            return super().connector(feed, chunk_rows)
        return SealedFolderConnector(
            self.contract(feed), {"simulation": str(self.root / "inbox")}, self.keys.folder, chunk_rows
        )

    def drop(self, name: str, rows: Iterable[str], sequence: int, **changed: Any) -> bytes:
        """Bytes of a drop of calls, as `./telaga seal` makes them, unless changed."""
        rows = list(rows)
        return self.drop_of(name, lines(CALL_HEADER, rows).encode(), sequence, rows=len(rows), **changed)

    def drop_of(self, name: str, content: bytes, sequence: int, **changed: Any) -> bytes:
        outbox = self.root / "agency" / "outbox"
        outbox.mkdir(exist_ok=True)
        plain = outbox / name
        plain.write_bytes(content)
        stated: dict[str, Any] = {
            "agency": AGENCY,
            "feed": CALLS,
            "sequence": sequence,
            "rows": None,
            "period": (None, None),
            "recipient": self.recipient,
            "key_file": self.agency_key,
            **changed,
        }
        path, _ = seal_file(plain, outbox, **stated)
        plain.unlink()
        made = path.read_bytes()
        path.unlink()
        return made

    def deliver_drop(self, name: str, drop: bytes) -> Path:
        return self.deliver(f"calls/{name}", drop)

    def refused(self) -> list[str]:
        """Names of what was moved aside."""
        aside = self.inbox / ".refused"
        return sorted(path.name for path in aside.iterdir()) if aside.is_dir() else []


def parts(drop: bytes) -> tuple[bytes, bytes, bytes]:
    """Signed lines, signature, age file."""
    header = read_header(io.BytesIO(drop))
    return header.signed, header.signature, drop[len(header.lines) :]


def joined(signed: bytes, signature: bytes, sealed: bytes) -> bytes:
    return signed + base64.b64encode(signature) + b"\n" + sealed


Forgery = Callable[[SealedHouse, bytes, random.Random], bytes]


def _edited(drop: bytes, **changed: Any) -> tuple[bytes, bytes, bytes]:
    signed, signature, sealed = parts(drop)
    told = json.loads(signed.split(b"\n")[1])
    return MAGIC + json.dumps({**told, **changed}, sort_keys=True).encode() + b"\n", signature, sealed


def _flipped(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(drop))
    return drop[:at] + bytes([drop[at] ^ 1 << chance.randrange(8)]) + drop[at + 1 :]


def _flipped_in_header(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    signed, signature, sealed = parts(drop)
    return _flipped(house, joined(signed, signature, b""), chance) + sealed


def _flipped_at_end(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    return drop[:-16] + _flipped(house, drop[-16:], chance)


def _cut(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    return drop[: chance.randrange(len(drop))]


def _longer(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    return drop + chance.randbytes(1 + chance.randrange(200))


def _without_signature(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    signed, _, sealed = parts(drop)
    return signed + chance.choice([b"\n", b""]) + sealed


def _signed_by_a_stranger(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    make_agency_key(house.agency, "stranger")
    signed, _, sealed = parts(drop)
    return joined(signed, sign(signed, house.agency / AGENCY_KEY.format(agency="stranger")), sealed)


def _by_another_agency(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    make_agency_key(house.agency, "stranger")
    signed, _, sealed = _edited(drop, agency="stranger")
    return joined(signed, sign(signed, house.agency / AGENCY_KEY.format(agency="stranger")), sealed)


def _for_another_feed(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    signed, _, sealed = _edited(drop, feed="police.other")
    return joined(signed, sign(signed, house.agency_key), sealed)


def _for_another_key(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    other = str(pyrage.x25519.Identity.generate().to_public())
    return house.drop("c_2026-05-09.csv", [], 900 + chance.randrange(99), recipient=other)


def _for_another_key_unsaid(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    signed, _, sealed = _edited(_for_another_key(house, drop, chance), recipient=house.recipient)
    return joined(signed, sign(signed, house.agency_key), sealed)


def _other_sequence(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    return joined(*_edited(drop, sequence=1000 + chance.randrange(1000)))


def _other_content(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    signed, signature, _ = parts(drop)
    forged = lines(CALL_HEADER, [f"{chance.random()},K,,,,,,"]).encode()
    return joined(signed, signature, pyrage.encrypt(forged, [pyrage.x25519.Recipient.from_str(house.recipient)]))


def _plain(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    return lines(CALL_HEADER, ["1,K,2026-05-01 10:00:00,,,,,nobody"] * (1 + chance.randrange(9))).encode()


def _replayed(house: SealedHouse, drop: bytes, chance: random.Random) -> bytes:
    return drop


FORGERIES: dict[str, Forgery] = {
    forgery.__name__.strip("_"): forgery
    for forgery in (
        _flipped,
        _flipped_in_header,
        _flipped_at_end,
        _cut,
        _longer,
        _without_signature,
        _signed_by_a_stranger,
        _by_another_agency,
        _for_another_feed,
        _for_another_key,
        _for_another_key_unsaid,
        _other_sequence,
        _other_content,
        _plain,
        _replayed,
    )
}
