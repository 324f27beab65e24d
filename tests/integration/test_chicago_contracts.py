"""Chicago's contracts against the real files: what is read first of each conforms, and no column has drifted."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from ingestion.city import City, load_city
from ingestion.conform import conform
from ingestion.connectors import Connector, connector_for
from ingestion.contract import Contract

ROOT = Path(__file__).resolve().parents[2]
CITY = load_city(ROOT / "ingestion/feeds/chicago")
FEEDS = [contract.feed for contract in CITY.contracts]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not os.environ.get("TELAGA_CITY_DATA"), reason="TELAGA_CITY_DATA is unset: the files of Chicago are not here"
    ),
]
# Rows of the whole feed, as the publisher's files hold them, and the largest share of a chunk that may be refused.
ROWS = {
    "cityofchicago.city_boundary": 1,
    "cityofchicago.community_areas": 77,
    "census.population_2010": 77,
    "census.population_2014": 77,
    "cdot.red_light_camera_days": 30_604,
    "cpd.incidents_2018": 156_385,
    "cpd.incidents_2022": 215_551,
}
MOST_REFUSED = 0.01


@pytest.fixture(scope="module")
def city() -> City:
    return CITY


def connected(contract: Contract) -> Connector:
    return connector_for(contract, credentials={}, places={"city_data": os.environ["TELAGA_CITY_DATA"]})


def chunks(contract: Contract) -> list[pl.DataFrame]:
    """The first chunk of each of the feed's files; opening raises SchemaDrift where columns differ."""
    connector = connected(contract)
    batches = connector.batches(frozenset(), None, None)
    assert batches, f"{contract.feed}: no file found"
    return [next(iter(connector.open(batch))) for batch in batches]


def test_the_city_lists_the_feeds_that_are_checked() -> None:
    assert set(FEEDS) == set(ROWS)


@pytest.mark.parametrize("feed", FEEDS)
def test_what_is_read_first_conforms(feed: str, city: City) -> None:
    contract = city.feed(feed)
    for raw in chunks(contract):
        conformed = conform(raw, contract, city, as_of=city.as_of)
        assert conformed.rows.height + conformed.rejected.height == raw.height
        assert conformed.rows.height > 0
        assert conformed.rejected.height <= MOST_REFUSED * raw.height, conformed.rejected["rule"].unique().to_list()
        assert sum(conformed.unknown_codes.values()) == 0


@pytest.mark.parametrize("feed", FEEDS)
def test_every_row_of_the_files_is_read_once(feed: str, city: City) -> None:
    contract = city.feed(feed)
    connector = connected(contract)
    read = sum(raw.height for batch in connector.batches(frozenset(), None, None) for raw in connector.open(batch))
    assert read == ROWS[feed]


def test_only_the_hour_that_daylight_saving_skipped_is_refused(city: City) -> None:
    """Eight incidents of 2018 are dated between two and three in the night of 11 March, which had no such hour."""
    contract = city.feed("cpd.incidents_2018")
    connector = connected(contract)
    rules: list[str] = []
    for batch in connector.batches(frozenset(), None, None):
        for raw in connector.open(batch):
            rules += conform(raw, contract, city, as_of=city.as_of).rejected["rule"].to_list()
    assert rules == ["nonexistent_local_time:Date"] * 8


def test_a_category_is_refined_by_what_happened_and_between_whom(city: City) -> None:
    contract = city.feed("cpd.incidents_2022")
    rows = conform(chunks(contract)[0], contract, city, as_of=city.as_of).rows
    found = set(rows["category"].unique())
    assert {"domestic_violence", "serious_assault", "assault", "theft", "narcotics"} <= found
    assert set(rows["outcome"].unique()) <= {"cleared", "open"}
