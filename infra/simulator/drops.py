"""Agencies that send sealed drops: each has a signing key of its own, made with the simulation, and counts its drops.

The keys and counters lie in `simulation/agencies/<agency>`, as they would at the agency; of the lakehouse an agency
knows the public key alone.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Protocol

from infra.simulator.ledger import redate

SEALED = frozenset({"polres_ppu.etle_events", "oikn.camera_events"})


class HasSimulation(Protocol):
    """Anything that knows where the simulation of its home lies, and its keys (infra.settings.Home does)."""

    @property
    def simulation_dir(self) -> Path: ...

    @property
    def keys_dir(self) -> Path: ...


def deliver_sealed(
    home: HasSimulation, feed: str, file: str, content: bytes, rows: int, delivered: date, hour: int = 6
) -> str:
    """Seals a delivery of so many rows into the inbox, as `./telaga seal` does; returns the drop's name there."""
    from ingestion.drops import SUFFIX

    drop = f"{file}{SUFFIX}"
    _seal(home, feed, home.simulation_dir / drop, content, rows)
    redate(home.simulation_dir / drop, delivered, hour)
    return drop


def opened(home: HasSimulation, drop: Path) -> bytes:
    """What an agency sealed, with the lakehouse's key: for tests that look at what was delivered."""
    from ingestion.drops import read_header
    from ingestion.sealing import DROPS_KEY, open_sealed

    with drop.open("rb") as file:
        read_header(file)
        return open_sealed(file.read(), home.keys_dir, DROPS_KEY)


def resealed(home: HasSimulation, feed: str, drop: Path, content: bytes, rows: int) -> None:
    """Puts other content in a drop's place, or a further drop there, as the agency would: under its next number."""
    drop.unlink(missing_ok=True)
    _seal(home, feed, drop, content, rows)


def _seal(home: HasSimulation, feed: str, drop: Path, content: bytes, rows: int) -> None:
    from ingestion.drops import SUFFIX, seal_file
    from ingestion.sealing import AGENCY_KEY, DROPS_KEY, make_agency_key, recipient_of

    agency = feed.split(".", 1)[0]
    folder = home.simulation_dir / "agencies" / agency
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_agency_key(folder, agency)
    counter = folder / f"{feed}.sequence"
    sequence = int(counter.read_text()) + 1 if counter.exists() else 1
    drop.parent.mkdir(parents=True, exist_ok=True)
    plain = folder / drop.name.removesuffix(SUFFIX)
    plain.write_bytes(content)
    try:
        seal_file(
            plain,
            drop.parent,
            agency=agency,
            feed=feed,
            sequence=sequence,
            rows=rows,
            period=(None, None),
            recipient=recipient_of(home.keys_dir, DROPS_KEY),
            key_file=folder / AGENCY_KEY.format(agency=agency),
        )
    finally:
        plain.unlink()
    counter.write_text(f"{sequence}\n")
