"""What is wrong with the server of a contract whose feed comes over the network by HTTP or SFTP, one line a fault."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

NETWORK = ("http", "ogc_features", "sftp")
_PARAMETER_STYLES = ("page", "offset", "cursor")
_LOOPBACK = r"http://(127\.0\.0\.1|localhost)[:/]"


def server_faults(
    connector: str, server: Mapping[str, Any], stated: Mapping[str, Any], ours: Mapping[str, Any]
) -> Iterator[str]:
    """`server` is the standard's, `stated` our own property of it, `ours` the feed's."""
    location, kind = str(server.get("location", "")), ours.get("format", {}).get("kind")
    if connector == "sftp":
        if not re.match(r"sftp://[^/*?@]+/.", location):
            yield "servers: an sftp connector needs location, such as sftp://host:22/outbox/*.csv.gz, without a user"
        if "connection_id" not in stated:
            yield "servers: an sftp connector needs connection_id, whose extra pins the server's host_key"
    elif not re.match(r"https://[^/]+|\{", location) and not re.match(_LOOPBACK, location):
        yield f"servers: {connector} needs location, an address that begins with https://"
    if connector == "ogc_features":
        if "collection" not in stated:
            yield "servers: ogc_features needs collection, the name of the collection"
        if ours.get("format"):
            yield "format: features are GeoJSON; leave format out"
        if stated.keys() & {"pages", "interval"}:
            yield "servers: OGC features page and take intervals as their standard says; leave pages and interval out"
    elif "kind" not in ours.get("format", {}):
        yield "format: kind is missing: csv, jsonl, parquet or spatial"
    if connector == "http":
        yield from _paged(stated, kind)
    if connector != "sftp" and stated.get("sealed"):
        yield "servers: sealed drops are read from a folder, a bucket or an SFTP server; deliver them there"


def _paged(stated: Mapping[str, Any], kind: str | None) -> Iterator[str]:
    pages = stated.get("pages")
    if pages is None:
        for name in sorted(stated.keys() & {"since", "interval", "parameters"}):
            yield f"servers: {name} speaks of pages of records; state pages, or leave it out for a file"
        return
    if kind != "jsonl":
        yield "format: records that come in pages are read as JSON lines; say kind: jsonl"
    style = pages["style"]
    for name, styles in (("parameter", _PARAMETER_STYLES), ("cursor", ("cursor",)), ("next", ("next",))):
        if style in styles and not pages.get(name):
            yield f"servers: pages of style {style} need {name}"
    if pages.get("append_only") and "since" in stated:
        yield "servers: since and pages.append_only are two ways to go on; choose one"
    if stated.get("since", {}).get("format") == "date":
        yield "servers: since needs an instant, not a day: iso, epoch_s or epoch_ms"
