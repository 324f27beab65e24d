"""A feed of camera events with plates, at home in Testville; synthetic."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from tests.support.landing import House, column, document

ETLE = "polres.etle"
STAMP = "%Y-%m-%d %H:%M:%S"
HEADER = "id,cam,at,plate,lat,lon"
TODAY = dt.date(2026, 6, 30)
# Until the end of 30 June the window of 27 June is open, that of 26 June is not.
OPEN, CLOSED = dt.date(2026, 6, 27), dt.date(2026, 6, 26)
LINKS = {"model": "stg_vehicle_count", "by": ["h3_cell", "occurred_local_date", "occurred_local_hour"]}


def plate_feed(name: str = ETLE, links: dict[str, Any] | None = LINKS) -> dict[str, Any]:
    """Its contract; without `links` plates are dropped."""
    linked = {"action": "pseudonymise", "links": links} if links else {"action": "drop"}
    columns = [
        column("id", key=1, classification="personal", action="pseudonymise", maps_to="source_key"),
        column("cam", required=True, action="pseudonymise", maps_to="camera_id"),
        column(
            "at", "timestamp", required=True, action="generalise", maps_to="occurred_at", format="%Y-%m-%d %H:%M:%S"
        ),
        column("plate", classification="personal", about="plate", **linked),
        column("lat", "number", classification="personal", action="generalise", maps_to="latitude"),
        column("lon", "number", classification="personal", action="generalise", maps_to="longitude"),
    ]
    return document(
        name,
        columns,
        f"{name}/*",
        entity="camera_event",
        format={"kind": "csv"},
        constants={"event_type": "speeding"},
        period={"pattern": r"_(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"},
    )


def seen(number: object, plate: str, day: dt.date, clock: str = "10:00:00", cam: str = "C1") -> str:
    """One line."""
    return f"{number},{cam},{day.isoformat()} {clock},{plate},-1.26,116.64"


def deliver(house: House, day: dt.date, rows: list[str], feed: str = ETLE) -> None:
    """One file for the house's feed, named by its day."""
    house.deliver(f"{feed}/e_{day.isoformat()}.csv", "\n".join([HEADER, *rows]) + "\n")


def with_plates(house: House, *feeds: str, links: dict[str, Any] | None = LINKS) -> House:
    """The house with such a feed under each name."""
    for feed in feeds or (ETLE,):
        house.documents[feed] = plate_feed(feed, links)
    return house


def events(house: House, feed: str = ETLE) -> pl.DataFrame:
    return house.table("camera_event", feed).sort("occurred_local_date", "record_key")


def tokens(house: House, feed: str = ETLE) -> list[str | None]:
    return events(house, feed)["plate_token"].to_list()
