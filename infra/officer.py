"""The redaction report of a home as a signed file, for the command and for the DAG `govern_data`."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from infra.settings import Home

if TYPE_CHECKING:
    from governance.redaction_page import Period
    from governance.signed_note import Signer
    from ingestion.city import City

LOG = "redaction"  # what the key that signs reports is derived for


def report_path(home: Home, period: Period) -> Path:
    """Where a period's report lies unless it is asked for elsewhere."""
    return home.root / "reports" / f"redaction-{period.label}.html"


def signature_path(report: Path) -> Path:
    """Where the signature of a report lies: beside it."""
    return report.with_name(f"{report.name}.sig")


def signer_of(home: Home, city: str) -> Signer:
    """The home's key that signs reports."""
    from infra.airflow.runtime import log_signer

    return log_signer(home, city, LOG)


def write_report(
    home: Home,
    city: City,
    period: Period,
    *,
    as_of: date,
    actor: str,
    path: Path | None = None,
    now: datetime | None = None,
) -> Path:
    """Write the period's report and its signature, each whole or not at all, and say so in the access log.

    What would come out as it lies there already is left alone. Returns the report's path.
    """
    from governance.access_log import AccessLog
    from governance.recall import read_cards
    from governance.redaction_page import as_html, make_report
    from governance.signed_file import sign_file
    from infra.build import floors
    from ingestion.lake.sync import make_folder, write_synced

    path = path or report_path(home, period)
    report = make_report(
        home.lake(),
        city.contracts,
        period,
        city=city.name,
        city_title=city.title,
        time_zone=city.time_zone,
        as_of=as_of,
        states=floors.states(home, city, now),
        cards=read_cards(home.root / "models"),
        file_name=path.name,
    )
    content = as_html(report).encode()
    signer = signer_of(home, city.name)
    note = sign_file(content, f"{signer.name} {period.label}", signer).encode()
    beside = signature_path(path)
    if path.exists() and path.read_bytes() == content and beside.exists() and beside.read_bytes() == note:
        return path
    make_folder(path.parent)
    AccessLog(home.serving_dir / "access.jsonl").record(
        actor=actor,
        action="report",
        subject=f"redaction report {period.label}",
        purpose="accountability for what was redacted",
        audience="privacy",
        digest=hashlib.sha256(content).hexdigest(),
    )
    write_synced(beside, note)
    write_synced(path, content)
    return path
