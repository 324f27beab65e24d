"""What one build is given, and what it fixed at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from infra.settings import Home
    from ingestion.city import City
    from ingestion.lake import Lake

Engine = Literal["duckdb", "spark"]
ENGINES: tuple[Engine, ...] = ("duckdb", "spark")

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"


class BuildFailed(RuntimeError):
    """A build that ended; the message names the model or test and its log, never a value."""


@dataclass(frozen=True)
class BuildSettings:
    """One build: whose tables, which day is today, where it may write.

    `as_of` is city-local. `months` and `surface_weeks` bound what the marts show, not what is counted.
    """

    lake: Lake
    city: City
    as_of: date
    run_id: str
    build_dir: Path
    extension_dir: Path
    logs_dir: Path
    engine: Engine = "duckdb"
    threads: int = 2
    memory: str = "3GB"
    months: int = 24
    surface_weeks: int = 4
    project_dir: Path = PROJECT

    @classmethod
    def for_home(cls, home: Home, city: City, as_of: date, run_id: str, engine: Engine = "duckdb") -> BuildSettings:
        """The build of a home's lake, with scratch and logs inside the home."""
        return cls(
            lake=home.lake(),
            city=city,
            as_of=as_of,
            run_id=run_id,
            build_dir=home.build_dir,
            extension_dir=home.duckdb_extensions_dir,
            logs_dir=home.logs_dir,
            engine=engine,
        )

    @property
    def database(self) -> Path:
        """Scratch of the running build: made by `count`, read by `present`, no state between builds."""
        return self.build_dir / "scratch.duckdb"

    @property
    def target_dir(self) -> Path:
        return self.build_dir / "dbt"


@dataclass(frozen=True)
class Pins:
    """Delta versions that a build reads: `<kind>__<name>` -> version. `input_digest` says whether a build is new."""

    run_id: str
    as_of: date
    versions: Mapping[str, int]
    code_digest: str
    input_digest: str

    def to_json(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "as_of": self.as_of.isoformat(),
            "versions": dict(self.versions),
            "code_digest": self.code_digest,
            "input_digest": self.input_digest,
        }

    @classmethod
    def from_json(cls, read: Mapping[str, Any]) -> Pins:
        return cls(
            run_id=str(read["run_id"]),
            as_of=date.fromisoformat(str(read["as_of"])),
            versions={str(name): int(version) for name, version in read["versions"].items()},
            code_digest=str(read["code_digest"]),
            input_digest=str(read["input_digest"]),
        )


@dataclass(frozen=True)
class ModelResult:
    """One line of a step's report. `rows` is null where nothing was stored, `version` is the Delta table's."""

    model: str
    status: str
    seconds: float
    rows: int | None = None
    version: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "status": self.status,
            "seconds": self.seconds,
            "rows": self.rows,
            "version": self.version,
        }


@dataclass(frozen=True)
class Exported:
    """A table that went to the lake: rows, its Delta version now, and whether this build wrote that version."""

    rows: int
    version: int | None
    is_new: bool = field(default=False)
