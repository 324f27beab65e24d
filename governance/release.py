"""One immutable DuckDB file per audience, behind a link that moves at once or not at all.

`serving/<audience>/releases/<id>.duckdb` holds each of the audience's marts as a table of schema `marts`, copied from
one pinned version of its Delta table, and `marts.release`, which says what was copied. Beside it `<id>.json` says
the same for readers without DuckDB. `serving/<audience>/current.duckdb` is a symbolic link to the file that counts.

The id is a digest of the marts' versions, the code and the city-local day of as-of: the same inputs on the same day
publish nothing. A mart that is held back stands as it was last released, or not at all; the others go on. Each step
leaves the home so that a reader finds a whole release and a second `publish` finishes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.bands import settled
from governance.chained_log import ChainedLog
from governance.disclosure import DONE, NOT_DONE, Finding, check_declaration, check_mart
from governance.marts import AUDIENCES, Mart
from ingestion.lake.sync import make_folder, sync_file, sync_folder, write_synced

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from ingestion.lake import Lake

LINK = "current.duckdb"
KEPT = 8


@dataclass(frozen=True)
class PinnedMart:
    """A mart and the version of its Delta table that a release copies; `table_id` tells a table made anew."""

    mart: Mart
    version: int
    table_id: str


@dataclass(frozen=True)
class AudiencePlan:
    """What one audience would get. `missing` are marts that are declared but have no table yet."""

    audience: str
    pinned: tuple[PinnedMart, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class HeldMart:
    """A mart that is not released anew, and why. `is_shown`: the release holds it as it was last released."""

    mart: str
    reason: str
    is_shown: bool

    def __str__(self) -> str:
        stays = "as last released" if self.is_shown else "not in the release"
        return f"{self.mart} ({stays}): {self.reason}"


@dataclass(frozen=True)
class MartRows:
    """How many rows of a mart a release holds, and from which Delta version."""

    mart: str
    rows: int
    delta_version: int


@dataclass(frozen=True)
class ReleaseInfo:
    """One audience's release: `as_of` is the city-local day, ISO; `path` the DuckDB file."""

    audience: str
    id: str
    as_of: str
    city: str
    path: Path
    marts: tuple[MartRows, ...]
    content_digest: str
    held: tuple[HeldMart, ...] = ()


@dataclass(frozen=True)
class AudienceOutcome:
    """What became of one audience. `status` is published, unchanged, refused (findings say why), waiting (for
    marts that have no table yet) or held (each of its marts is held back, and none was released before); `held` are
    marts that are held back while the others go on. `release` is current now, None where there is none."""

    audience: str
    status: str
    release: ReleaseInfo | None
    findings: tuple[Finding, ...] = ()
    missing: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    held: tuple[HeldMart, ...] = ()


@dataclass(frozen=True)
class ReleaseOutcome:
    """What a publish did. `release_id` is a digest over the current releases of all audiences, empty without any."""

    release_id: str
    audiences: tuple[AudienceOutcome, ...]
    done: tuple[str, ...] = DONE
    not_done: tuple[str, ...] = NOT_DONE

    @property
    def published(self) -> tuple[str, ...]:
        return tuple(outcome.audience for outcome in self.audiences if outcome.status == "published")

    @property
    def refused(self) -> tuple[Finding, ...]:
        return tuple(finding for outcome in self.audiences for finding in outcome.findings)

    @property
    def held(self) -> tuple[HeldMart, ...]:
        return tuple(mart for outcome in self.audiences for mart in outcome.held)

    def summary(self) -> str:
        """One line for a task's log."""
        states = [f"{outcome.audience} {outcome.status}" for outcome in self.audiences]
        states += [f"held back: {mart}" for mart in self.held]
        if not self.published and not self.refused:
            states.append("nothing to publish: the same inputs on the same day")
        return "; ".join(states)


def plan(
    lake: Lake, marts: Sequence[Mart], versions: Mapping[str, int | None] | None = None
) -> tuple[AudiencePlan, ...]:
    """What each audience would get, every mart pinned: to `versions` (those of one finished build), else to its newest.

    A mart that `versions` does not name is missing. Reads no rows.
    """
    plans = []
    for audience in AUDIENCES:
        pinned, missing = [], []
        for mart in (mart for mart in marts if mart.audience == audience):
            version = None if versions is None else versions.get(mart.name)
            is_built = versions is None or version is not None
            table = lake.open("marts", mart.name, version) if is_built else None
            if table is None:
                missing.append(mart.name)
            else:
                pinned.append(PinnedMart(mart, table.version(), str(table.metadata().id)))
        if pinned or missing:
            plans.append(AudiencePlan(audience, tuple(pinned), tuple(missing)))
    return tuple(plans)


def release_id(
    planned: AudiencePlan,
    *,
    code_digest: str,
    city: str,
    as_of: date,
    held: Sequence[tuple[str, int | None]] = (),
) -> str:
    """`<day>-<16 hex>`: the same for the same tables, versions, declarations, code and day.

    `held`: marts that are held back, each with the Delta version in which it is shown all the same.
    """
    content: dict[str, Any] = {
        "audience": planned.audience,
        "city": city,
        "as_of": as_of.isoformat(),
        "code": code_digest,
        "marts": [[pin.mart.name, pin.table_id, pin.version, asdict(pin.mart)] for pin in planned.pinned],
    }
    if held:
        content["held"] = sorted(held)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{as_of.isoformat()}-{digest[:16]}"


def publish(
    lake: Lake,
    serving_dir: Path,
    audience_marts: Sequence[Mart],
    *,
    code_digest: str,
    city: str,
    as_of: date,
    versions: Mapping[str, int | None] | None = None,
    log: ChainedLog | None = None,
    keep: int = KEPT,
    held: Mapping[str, str] | None = None,
    sources: Mapping[str, int] | None = None,
    after: Callable[[str, str], None] = lambda audience, step: None,
) -> ReleaseOutcome:
    """Publish what changed, audience by audience; one that is refused or waits keeps its last release.

    `as_of` is the city-local day. `versions` are the marts' Delta versions of one finished build, so that a build that
    is writing meanwhile does not get half into the release (None: the newest). `log` defaults to
    `<serving_dir>/releases.jsonl`. `keep` releases stay per audience, the current one always. `held`: mart -> why it is
    held back; it stays as it was last released, and whatever else changed is published. `sources`: Delta version of
    each table that the build read, told in `marts.release`. `after(audience, step)` is called when a step is done and
    on disk: tests crash there. A mart that declares no known audience holds every audience back: nobody can say whom it
    belongs to.
    """
    log = log or ChainedLog(serving_dir / "releases.jsonl")
    make_folder(serving_dir)
    with _alone(serving_dir / ".publish.lock"):
        homeless = tuple(
            finding for mart in audience_marts if mart.audience not in AUDIENCES for finding in check_declaration(mart)
        )
        outcomes = []
        for planned in plan(lake, audience_marts, versions):
            release = _Release(
                lake,
                serving_dir / planned.audience,
                planned,
                code_digest,
                city,
                as_of,
                log,
                keep,
                after,
                homeless,
                held or {},
                json.dumps(dict(sources or {}), sort_keys=True),
            )
            outcomes.append(release.publish())
        if homeless and not outcomes:
            outcomes.append(AudienceOutcome("unknown", "refused", None, homeless))
    return ReleaseOutcome(overall_id(serving_dir), tuple(outcomes))


def current(serving_dir: Path) -> dict[str, ReleaseInfo]:
    """The current release of every audience that has one. Needs neither DuckDB nor the lake; a few file reads."""
    found = {}
    for audience in AUDIENCES:
        info = _linked(serving_dir / audience)
        if info is not None:
            found[audience] = info
    return found


def overall_id(serving_dir: Path) -> str:
    """A digest over the current releases of all audiences, empty without any."""
    return _overall_id(current(serving_dir))


def _overall_id(releases: Mapping[str, ReleaseInfo]) -> str:
    if not releases:
        return ""
    digest = hashlib.sha256(json.dumps(sorted((name, info.id) for name, info in releases.items())).encode())
    return f"{max(info.as_of for info in releases.values())}-{digest.hexdigest()[:16]}"


def _linked(folder: Path) -> ReleaseInfo | None:
    """What the link of an audience's folder points at, None where there is no link or its release is gone."""
    link = folder / LINK
    if not link.is_symlink():
        return None
    path = folder / link.readlink()
    return _described(path) if path.is_file() else None


def _described(path: Path) -> ReleaseInfo | None:
    try:
        content = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return ReleaseInfo(
        audience=content["audience"],
        id=content["id"],
        as_of=content["as_of"],
        city=content["city"],
        path=path,
        marts=tuple(MartRows(**mart) for mart in content["marts"]),
        content_digest=content["content_digest"],
        held=tuple(HeldMart(**mart) for mart in content.get("held", ())),
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One publish at a time for a serving folder; the kernel lets go when the process ends, however it ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class _Stayed:
    """A mart that is held back: its rows as the current release shows them."""

    pin: PinnedMart
    frame: pl.DataFrame
    rows: MartRows


@dataclass(frozen=True)
class _Release:
    """One audience's way from plan to link."""

    lake: Lake
    folder: Path
    planned: AudiencePlan
    code_digest: str
    city: str
    as_of: date
    log: ChainedLog
    keep: int
    after: Callable[[str, str], None]
    held_back: tuple[Finding, ...]
    holds: Mapping[str, str]
    sources: str = "{}"

    def publish(self) -> AudienceOutcome:
        audience = self.planned.audience
        now = _linked(self.folder)
        if self.held_back:
            return AudienceOutcome(audience, "refused", now, self.held_back)
        if self.planned.missing or not self.planned.pinned:
            return AudienceOutcome(audience, "waiting", now, missing=self.planned.missing)
        stayed = self._stayed(now)
        held = tuple(
            HeldMart(pin.mart.name, self.holds[pin.mart.name], pin.mart.name in stayed)
            for pin in self.planned.pinned
            if pin.mart.name in self.holds
        )
        if held and not stayed and len(held) == len(self.planned.pinned):
            return AudienceOutcome(audience, "held", now, held=held)
        fresh = replace(self, planned=replace(self.planned, pinned=self._fresh))
        return fresh._publish(now, stayed, held)

    @property
    def _fresh(self) -> tuple[PinnedMart, ...]:
        """What is not held back."""
        return tuple(pin for pin in self.planned.pinned if pin.mart.name not in self.holds)

    def _stayed(self, now: ReleaseInfo | None) -> dict[str, _Stayed]:
        """Marts that are held back, as the current release shows them; one whose declaration changed since is left."""
        stayed = {}
        for pin in self.planned.pinned if now is not None else ():
            if now is None or pin.mart.name not in self.holds:
                continue
            shown = next((rows for rows in now.marts if rows.mart == pin.mart.name), None)
            frame = _published(now.path, pin.mart.name) if shown else None
            if shown is not None and frame is not None and not check_mart(pin.mart, frame):
                stayed[pin.mart.name] = _Stayed(pin, frame, shown)
        return stayed

    def _publish(
        self, now: ReleaseInfo | None, stayed: Mapping[str, _Stayed], held: tuple[HeldMart, ...]
    ) -> AudienceOutcome:
        audience = self.planned.audience
        identity = release_id(
            self.planned,
            code_digest=self.code_digest,
            city=self.city,
            as_of=self.as_of,
            held=[(mart.mart, stayed[mart.mart].rows.delta_version if mart.is_shown else None) for mart in held],
        )
        if now is not None and now.id == identity:
            # A crash may have come between the link and its line in the log.
            self._log_once("released", now)
            self._prune(now)
            return AudienceOutcome(audience, "unchanged", now, held=held)
        releases = self.folder / "releases"
        make_folder(releases)
        for leftover in releases.glob(".*.part*"):
            leftover.unlink()
        path = releases / f"{identity}.duckdb"
        info = _described(path) if path.is_file() else None
        empty: tuple[str, ...] = ()
        if info is None:
            frames, findings = self._read()
            if findings:
                self._log_refusal(identity, findings)
                return AudienceOutcome(audience, "refused", now, findings, held=held)
            empty = tuple(name for name, frame in frames.items() if frame.is_empty())
            info = self._build(path, identity, frames, stayed, held)
        self._log_once("releasing", info)
        self._step("announced")
        self._link(path)
        self._log_once("released", info)
        self._step("logged")
        self._prune(info)
        self._step("pruned")
        return AudienceOutcome(audience, "published", info, empty=empty, held=held)

    def _step(self, name: str) -> None:
        self.after(self.planned.audience, name)

    def _read(self) -> tuple[dict[str, pl.DataFrame], tuple[Finding, ...]]:
        frames: dict[str, pl.DataFrame] = {}
        findings: list[Finding] = []
        for pin in self.planned.pinned:
            frame = self.lake.read("marts", pin.mart.name, pin.version).collect()
            frame = self._settled(pin.mart, frame)
            findings += check_mart(pin.mart, frame)
            by = [name for name in pin.mart.grain if name in frame.columns]
            frames[pin.mart.name] = frame.sort(by) if by else frame
        return frames, tuple(findings)

    def _settled(self, mart: Mart, frame: pl.DataFrame) -> pl.DataFrame:
        """Bands as the current release tells them, where they are next to the new ones; anew once a year."""
        now = _linked(self.folder)
        if not mart.settled or now is None or date.fromisoformat(now.as_of).year != self.as_of.year:
            return frame
        before = _published(now.path, mart.name)
        if before is None:
            return frame
        for column in mart.settled:
            frame = settled(frame, before, column, mart.grain)
        return frame

    def _build(
        self,
        path: Path,
        identity: str,
        fresh: Mapping[str, pl.DataFrame],
        stayed: Mapping[str, _Stayed],
        held: tuple[HeldMart, ...],
    ) -> ReleaseInfo:
        """Writes the file and its description under other names, syncs them, then gives both their names."""
        part = path.with_name(f".{path.name}.part")
        rows = tuple(MartRows(pin.mart.name, fresh[pin.mart.name].height, pin.version) for pin in self.planned.pinned)
        rows += tuple(mart.rows for mart in stayed.values())
        frames = {**fresh, **{name: mart.frame for name, mart in stayed.items()}}
        _write_duckdb(part, frames, self._release_rows(identity, frames, stayed, held))
        self._step("written")
        part.chmod(0o444)
        sync_file(part)
        info = ReleaseInfo(
            self.planned.audience, identity, self.as_of.isoformat(), self.city, path, rows, _digest_of(part), held
        )
        self._step("synced")
        # The description first: a DuckDB file under its name then always has one.
        described = {key: value for key, value in asdict(info).items() if key != "path"}
        write_synced(path.with_suffix(".json"), json.dumps(described, indent=2).encode())
        self._step("described")
        part.replace(path)
        sync_folder(path.parent)
        self._step("named")
        return info

    def _release_rows(
        self,
        identity: str,
        frames: Mapping[str, pl.DataFrame],
        stayed: Mapping[str, _Stayed],
        held: tuple[HeldMart, ...],
    ) -> pl.DataFrame:
        import polars as pl

        reasons = {mart.mart: mart.reason for mart in held}
        shown = [(pin, pin.version, pin.table_id) for pin in self.planned.pinned]
        # Of another table, perhaps: the version is what the release told that showed it first.
        shown += [(mart.pin, mart.rows.delta_version, "") for mart in stayed.values()]
        return pl.DataFrame(
            [
                {
                    "release_id": identity,
                    "audience": self.planned.audience,
                    "city": self.city,
                    "as_of": self.as_of,
                    "code_digest": self.code_digest,
                    "mart": pin.mart.name,
                    "rows": frames[pin.mart.name].height,
                    "delta_version": version,
                    "delta_table_id": table_id,
                    "held_back": reasons.get(pin.mart.name, ""),
                    "source_versions": self.sources,
                    "grain": ", ".join(pin.mart.grain),
                    "disclosure": pin.mart.disclosure,
                    "owner": pin.mart.owner,
                    "contract_columns": json.dumps(
                        [
                            {"name": column.name, "type": column.data_type, "description": column.description}
                            for column in pin.mart.columns
                        ],
                        ensure_ascii=False,
                    ),
                }
                for pin, version, table_id in shown
            ]
        )

    def _link(self, path: Path) -> None:
        new = self.folder / f".{LINK}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(Path("releases") / path.name)
        new.replace(self.folder / LINK)
        sync_folder(self.folder)
        self._step("linked")

    def _log_once(self, event: str, info: ReleaseInfo) -> None:
        """Logs an event unless it is the last of its kind told of this audience: a link moved back is told again."""
        if self._last(event) != info.id:
            self.log.append(
                {
                    "event": event,
                    "audience": info.audience,
                    "release": info.id,
                    "as_of": info.as_of,
                    "city": info.city,
                    "code_digest": self.code_digest,
                    "content_digest": info.content_digest,
                    "marts": [asdict(mart) for mart in info.marts],
                    "held": [asdict(mart) for mart in info.held],
                    "not_done": list(NOT_DONE),
                }
            )

    def _last(self, event: str) -> str | None:
        told = [
            entry.get("release")
            for entry in self.log.entries()
            if entry.get("event") == event and entry.get("audience") == self.planned.audience
        ]
        return str(told[-1]) if told else None

    def _log_refusal(self, identity: str, findings: Sequence[Finding]) -> None:
        if self._last("refused") == identity:
            return
        self.log.append(
            {
                "event": "refused",
                "audience": self.planned.audience,
                "release": identity,
                "as_of": self.as_of.isoformat(),
                "city": self.city,
                "findings": [asdict(finding) for finding in findings],
            }
        )

    def _prune(self, info: ReleaseInfo) -> None:
        """Removes all but the newest `keep` releases; never the current one."""
        files = sorted(
            info.path.parent.glob("*.duckdb"), key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True
        )
        others = [path for path in files if path != info.path]
        for path in others[max(self.keep - 1, 0) :]:
            # The file first: a description without its file is not taken for a release.
            path.unlink()
            path.with_suffix(".json").unlink(missing_ok=True)
        for description in info.path.parent.glob("*.json"):
            if not description.with_suffix(".duckdb").exists():
                description.unlink()


def _published(path: Path, mart: str) -> pl.DataFrame | None:
    """A mart's rows in a release, None where it had none."""
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        known = connection.execute(
            "select 1 from information_schema.tables where table_schema = 'marts' and table_name = ?", [mart]
        ).fetchone()
        return connection.execute(f'select * from marts."{mart}"').pl() if known else None


def _write_duckdb(path: Path, frames: Mapping[str, pl.DataFrame], release_rows: pl.DataFrame) -> None:
    import duckdb

    path.unlink(missing_ok=True)
    connection = duckdb.connect(str(path), config={"threads": 2, "autoinstall_known_extensions": "false"})
    try:
        connection.execute("create schema marts")
        for name, frame in {**frames, "release": release_rows}.items():
            _copy(connection, name, frame)
        connection.execute("checkpoint")
    finally:
        connection.close()


def _copy(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    view: Any = frame.to_arrow()
    connection.register("copied", view)
    connection.execute(f'create table marts."{name.replace(chr(34), chr(34) * 2)}" as select * from copied')
    connection.unregister("copied")


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
