"""From a DAG run to the arguments of the rooms: which city, which clock, which interval, which credentials.

DAGs stay thin because this is the one place that knows both Airflow and the home. Heavy libraries are imported
inside the functions: a task pays only for what it uses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from infra.settings import Home, current_home

if TYPE_CHECKING:
    from governance.signed_note import Signer
    from infra.build.settings import BuildSettings, Engine
    from ingestion.city import City
    from ingestion.contract import Contract
    from ingestion.lake.writers import Writers
    from ingestion.reconcile import HasKeys


@dataclass(frozen=True)
class RunSettings:
    """What one DAG run was asked to do.

    `interval` is UTC, half open; None where the run takes what is new. `as_of` is the city-local day that every
    step calls today.
    """

    home: Home
    city: City
    run_id: str
    as_of: date
    interval: tuple[datetime, datetime] | None
    airflow_run: str
    engine: Engine = "duckdb"


def run_settings(context: Mapping[str, Any]) -> RunSettings:
    """Reads conf (`run_id`, `as_of`, `from`, `to`, `engine`), else the home's own state and today's date in the city.

    A run started by a schedule or an asset has no conf: it takes what is new. A backfill carries a data interval
    and takes exactly that. The logical date is never read: manual and asset runs have none.
    """
    from zoneinfo import ZoneInfo

    from ingestion.city import load_city

    home = current_home()
    state = home.state()
    if state is None:
        raise RuntimeError(f"{home.root} holds no city yet: run ./telaga demo or ./telaga run first")
    city = load_city(state.city_dir)
    dag_run = context["dag_run"]
    conf = dict(dag_run.conf or {})
    zone = ZoneInfo(city.time_zone)
    stated = conf.get("as_of") or state.as_of or city.as_of
    as_of = _day(stated) if stated else datetime.now(UTC).astimezone(zone).date()
    return RunSettings(
        home=home,
        city=city,
        run_id=str(conf.get("run_id") or dag_run.run_id),
        as_of=as_of,
        interval=_interval(conf, dag_run, zone),
        airflow_run=f"{dag_run.dag_id}/{dag_run.run_id}",
        engine=_engine(conf.get("engine")),
    )


def due_feeds(
    dag_id: str,
    context: Mapping[str, Any],
    *,
    entities: Collection[str] = (),
    without: Collection[str] = (),
) -> list[str]:
    """Feeds of a pull DAG that this run takes: in a scheduled run those whose contract's cadence has ticked since
    the last run that succeeded, in any other run all of them. `entities` and `without` narrow by entity. A paused
    feed is taken by no run.

    The DAG ticks more often than any of its feeds, so that a feed's cadence stands in its contract alone.
    """
    from croniter import croniter

    from ingestion.lake.decisions import paused_feeds

    settings = run_settings(context)
    paused = paused_feeds(settings.home.lake())
    contracts = [
        contract
        for contract in settings.city.feeds_of(dag_id)
        if (not entities or contract.entity in entities)
        and contract.entity not in without
        and contract.feed not in paused
    ]
    dag_run = context["dag_run"]
    # Airflow hands a proxy, which stands for None and is none: only its truth tells.
    since = context.get("prev_data_interval_end_success")
    if since and str(getattr(dag_run, "run_type", "")).lower().endswith("scheduled"):
        until = dag_run.data_interval_end
        contracts = [
            contract
            for contract in contracts
            if croniter.match(contract.cadence, until) or croniter(contract.cadence, until).get_prev(datetime) > since
        ]
    return [contract.feed for contract in contracts]


def _engine(stated: object) -> Engine:
    from infra.build.settings import ENGINES

    for engine in ENGINES:
        if engine == (stated or "duckdb"):
            return engine
    raise ValueError(f"conf states the engine {stated!r}: one of {', '.join(ENGINES)}")


def _day(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def _interval(conf: Mapping[str, Any], dag_run: Any, zone: Any) -> tuple[datetime, datetime] | None:
    if conf.get("from") or conf.get("to"):
        start = datetime.combine(_day(conf.get("from") or "1970-01-01"), datetime.min.time(), zone)
        end = datetime.combine(_day(conf.get("to") or "9999-12-30"), datetime.min.time(), zone)
        return start.astimezone(UTC), end.astimezone(UTC)
    if str(getattr(dag_run, "run_type", "")).lower().endswith("backfill"):
        return dag_run.data_interval_start, dag_run.data_interval_end
    return None


def places(home: Home) -> dict[str, str]:
    """Folders that a contract's server may name in braces: {simulation}, {city_data}."""
    import os

    found = {"simulation": str(home.simulation_dir)}
    if os.environ.get("TELAGA_CITY_DATA"):
        found["city_data"] = os.environ["TELAGA_CITY_DATA"]
    return found


def credentials(contract: Contract) -> dict[str, str]:
    """The contract's Airflow connection as a mapping; empty where the feed needs none (a folder).

    Every part is handed to Airflow's secret masker before anyone can log it.
    """
    connection_id = contract.server.get("connection_id")
    if not connection_id:
        return {}
    from airflow.sdk import Connection
    from airflow.sdk.log import mask_secret

    connection = Connection.get(str(connection_id))
    if connection.password:
        mask_secret(connection.password)
    uri = connection.get_uri()
    mask_secret(uri)
    return {"uri": uri, "extra": connection.extra or ""}


def land(feed: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """Land what is new of one feed, or what its interval covers. Returns counts, never values."""
    from dataclasses import asdict

    from expectations.judge import Judge
    from expectations.outcomes import Recording
    from governance.access_log import AccessLog
    from governance.custody import receiver
    from ingestion.connectors import connector_for
    from ingestion.land import LandingContext, land_feed
    from ingestion.minimise.pseudonyms import KeyRing
    from ingestion.reconcile import is_due, reconcile

    settings = run_settings(context)
    contract = settings.city.feed(feed)
    home = settings.home
    connector = connector_for(contract, credentials=credentials(contract), places=places(home), keys_dir=home.keys_dir)
    with writers(settings.home).writing(f"minimised/{contract.entity}", "control"):
        landing = LandingContext(
            lake=settings.home.lake(),
            city=settings.city,
            keys=KeyRing(settings.home.keys_dir),
            run_id=settings.run_id,
            as_of=settings.as_of,
            judge=Recording(Judge(), settings.home.lake(), settings.run_id),
            airflow_run=settings.airflow_run,
            received=receiver(AccessLog(home.serving_dir / "access.jsonl"), contract, settings.airflow_run),
        )
        outcome = land_feed(contract, connector, landing, interval=settings.interval)
        if settings.interval is None and is_due(contract, landing):
            reconcile(contract, cast("HasKeys", connector), landing)
    return asdict(outcome)


def writers(home: Home) -> Writers:
    """The home's locks of tables: whoever writes holds them, so that maintenance never works beside a writer."""
    from ingestion.lake.writers import Writers

    return Writers(home.run_dir / "writers")


def pin_build(context: Mapping[str, Any]) -> dict[str, Any] | None:
    """Pins of a new build, JSON-able; None where nothing is new since the last finished one."""
    from governance.recall import store
    from infra.build import floors, steps

    build = _build(context)
    with writers(current_home()).writing("control"):
        # First, so that the build shows how the floors stand now.
        store(build.lake, floors.states(current_home(), build.city))
        pins = steps.pin(build)
    return pins.to_json() if pins is not None else None


def build_step(step: Literal["count", "judge", "present"], pins: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
    """One step of a build on what `pin_build` fixed; returns a line a model: state, seconds, rows."""
    from infra.build import steps
    from infra.build.settings import Pins

    written = {"count": "aggregates", "judge": "estimates", "present": "marts"}[step]
    with writers(current_home()).writing(written, "control"):
        return getattr(steps, step)(_build(context), Pins.from_json(pins))


def _build(context: Mapping[str, Any]) -> BuildSettings:
    from infra.build.settings import BuildSettings

    settings = run_settings(context)
    return BuildSettings.for_home(settings.home, settings.city, settings.as_of, settings.run_id, settings.engine)


def publish(context: Mapping[str, Any]) -> dict[str, Any]:
    """Publish the last finished build where it changed, per audience, then let Superset forget what it cached.

    What is made of narratives whose recall lies under its floor, or was never reviewed in time, is held back by name.
    Raises RuntimeError where no build has finished, and, after the other audiences are published, where one is refused.
    """
    import json

    from governance.marts import read_manifest
    from governance.release import publish as publish_marts
    from infra.build import floors, reproduce
    from infra.build.pin import last_outcome
    from infra.superset import stack

    settings = run_settings(context)
    build = _build(context)
    built = last_outcome(build)
    if built is None:
        raise RuntimeError("no build has finished yet: run the DAG build_marts first")
    outcome = publish_marts(
        settings.home.lake(),
        settings.home.serving_dir,
        read_manifest(build.target_dir / "manifest.json"),
        code_digest=built["code_digest"],
        city=settings.city.name,
        as_of=settings.as_of,
        versions=json.loads(built["outputs"]),
        sources=json.loads(built["inputs"]),
        held=floors.held(settings.home, floors.states(settings.home, settings.city)),
    )
    # After the link has moved: a query begun on the old file could otherwise fill the cache for the new one.
    if outcome.published:
        stack.follow(settings.home)
    for audience in outcome.audiences:
        if audience.audience == "executive" and audience.release and audience.status in ("published", "unchanged"):
            reproduce.keep(build, built, audience.release.id)
    if outcome.refused:
        raise RuntimeError("release refused: " + "; ".join(str(finding) for finding in outcome.refused))
    return {
        "release": outcome.release_id,
        "audiences": {audience.audience: audience.status for audience in outcome.audiences},
        "held": [str(mart) for mart in outcome.held],
        "done": list(outcome.done),
        "not_done": list(outcome.not_done),
    }


def govern(context: Mapping[str, Any]) -> dict[str, Any]:
    """Retention, records, last month's report and checkpoints of the logs; the result names what is done and what is
    not."""
    from dataclasses import asdict
    from functools import partial

    from governance.access_log import AccessLog
    from governance.chained_log import ChainedLog
    from governance.daily import govern as govern_lake
    from governance.redaction_page import month_before
    from governance.transparency import make_checkpoint
    from infra.officer import write_report
    from ingestion.minimise.closing import close_days
    from ingestion.minimise.pseudonyms import KeyRing

    settings = run_settings(context)
    logs = [ChainedLog(settings.home.serving_dir / f"{name}.jsonl") for name in ("access", "releases")]
    contracts = settings.city.contracts
    close_plates = partial(
        close_days,
        settings.home.lake(),
        KeyRing(settings.home.keys_dir),
        today=settings.as_of,
        now=datetime.now(UTC),
        run_id=settings.run_id,
    )
    with writers(settings.home).writing(*(f"minimised/{contract.entity}" for contract in contracts), "control"):
        outcome = govern_lake(
            settings.home.lake(),
            contracts,
            as_of=settings.as_of,
            time_zone=settings.city.time_zone,
            access_log=AccessLog(logs[0].path),
            actor="govern_data",
            signed_logs=[(log, log_signer(settings.home, settings.city.name, log.path.stem)) for log in logs],
            close_plates=close_plates,
        )
        period = month_before(settings.as_of)
        write_report(settings.home, settings.city, period, as_of=settings.as_of, actor="govern_data")
        # What the report told the access log belongs to this day's checkpoint.
        make_checkpoint(logs[0], log_signer(settings.home, settings.city.name, logs[0].path.stem))
    told = asdict(outcome)
    return {
        **told,
        "checkpoints": tuple(
            log_signer(settings.home, settings.city.name, log.path.stem).name for log in logs if log.path.exists()
        ),
        "done": (*told["done"], f"redaction report of {period.label} written and signed (reports/)"),
    }


def log_signer(home: Home, city: str, log: str) -> Signer:
    """The key that signs a log's checkpoints, derived from a secret of the home; its name is the log's origin."""
    import hashlib

    from governance.signed_note import Signer

    return Signer(f"telaga.{'-'.join(city.split())}/{log}", hashlib.sha256(home.secret("log_signer").encode()).digest())


def maintain(context: Mapping[str, Any]) -> dict[str, Any]:
    """Every table of the lake that nobody writes now, then Airflow's metadata and logs. Returns counts and names.

    Raises RuntimeError, after all else is done, where a table could not be maintained.
    """
    from infra.airflow.trimming import KEPT, trim_logs, trim_metadata
    from ingestion.lake.maintenance import maintain_lake

    settings = run_settings(context)
    now = datetime.now(UTC)
    outcome = maintain_lake(settings.home.lake(), writers(settings.home), now=now)
    logs = trim_logs(settings.home, now - KEPT)
    trim_metadata(settings.home, now - KEPT)
    if outcome.failed:
        raise RuntimeError(
            f"not maintained: {'; '.join(outcome.failed)}; the others are done, open the table to see why"
        )
    return {
        "tables": len(outcome.tables),
        "compacted": [table.table for table in outcome.tables if table.files_after < table.files_before],
        "files_before": sum(table.files_before for table in outcome.tables),
        "files_after": sum(table.files_after for table in outcome.tables),
        "files_deleted": sum(table.files_deleted for table in outcome.tables),
        "bytes_freed": sum(table.bytes_freed for table in outcome.tables),
        "log_entries_expired": sum(table.log_entries_expired for table in outcome.tables),
        "checkpoints": sum(table.is_checkpointed for table in outcome.tables),
        "scratch_deleted": outcome.scratch_deleted,
        "logs_deleted": logs.deleted,
        "logs_cut": logs.cut,
        "metadata_before": (now - KEPT).isoformat(timespec="seconds"),
        "not_done": [
            *(f"{table}: a writer was at it" for table in outcome.busy),
            *(f"{table}: not reached in time" for table in outcome.left),
        ],
    }
