"""The agencies of Nusantara from end to end of the landing: a real police database, every feed, every planted fault."""

from __future__ import annotations

import datetime as dt
import json
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations.judge import Judge
from infra.settings import Home
from infra.simulator import DATABASE, READER, police_cluster, police_uri, simulate, simulate_more
from ingestion.city import City, load_city
from ingestion.connectors import connector_for
from ingestion.lake import Lake
from ingestion.land import FeedOutcome, LandingContext, land_feed
from ingestion.minimise.pseudonyms import KeyRing

ROOT = Path(__file__).resolve().parents[2]
POLICE = "polda_kaltim.police_records"
FIRST = {"region": 0, "place": 1}  # nothing is located before regions, nothing recognised before stations

pytestmark = pytest.mark.integration

# What the simulator plants, and the rule of the contract that must find it.
RULES = {
    "unknown_code": "codes",
    "future_time": "time",
    "unparseable_time": "type",
    "unparseable_number": "type",
    "ends_before_start": "order",
    "coordinates_swapped": "coordinate",
    "missing_required": "required",
    "missing_key": "key",
    "out_of_range": "range",
    "truncated_line": "unreadable_line",
}


@dataclass(frozen=True)
class Agencies:
    """A simulated home with its police database running, a lake, and what became of each feed."""

    home: Home
    city: City
    context: LandingContext
    outcomes: dict[str, FeedOutcome]

    def land(self, feed: str) -> FeedOutcome:
        contract = self.city.feed(feed)
        credentials = {}
        if contract.server.get("connection_id"):
            credentials = {"uri": police_uri(self.home), "extra": ""}
        places = {"simulation": str(self.home.simulation_dir)}
        connector = connector_for(contract, credentials=credentials, places=places, keys_dir=self.home.keys_dir)
        return land_feed(contract, connector, self.context)


@pytest.fixture(scope="module")
def agencies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agencies]:
    folder = tmp_path_factory.mktemp("agencies")
    home = Home(folder / "home")
    result = simulate(home, events=6000, records=2500, days=70, seed=11, keep_running=True)
    city = load_city(ROOT / "ingestion/feeds/nusantara")
    context = LandingContext(
        lake=Lake(str(folder / "lake")),
        city=city,
        keys=KeyRing(home.keys_dir),
        run_id="r1",
        as_of=result.as_of,
        judge=Judge(),
    )
    found = Agencies(home, city, context, {})
    try:
        for contract in sorted(city.contracts, key=lambda contract: FIRST.get(contract.entity, 2)):
            found.outcomes[contract.feed] = found.land(contract.feed)
        yield found
    finally:
        police_cluster(home).stop()


def planted(agencies: Agencies) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads((agencies.home.simulation_dir / "truth/expected.json").read_text())
    return read


def test_every_feed_ends_as_planted(agencies: Agencies) -> None:
    wanted: dict[str, Counter[str]] = {}
    for delivery in planted(agencies):
        counts = wanted.setdefault(delivery["feed"], Counter())
        # Of a file that is stopped whole no row is counted: it is sealed as it came.
        for part in () if delivery["whole"] else ("read", "accepted", "duplicate", "quarantined"):
            counts[part] += delivery[part]
    assert wanted.keys() == agencies.outcomes.keys()
    for feed, counts in wanted.items():
        got = agencies.outcomes[feed]
        assert (got.read, got.accepted, got.duplicate, got.quarantined) == (
            counts["read"],
            counts["accepted"],
            counts["duplicate"],
            counts["quarantined"],
        ), feed
        assert got.batches_left == 0


def test_every_planted_fault_is_found_by_the_rule_for_it(agencies: Agencies) -> None:
    wanted: dict[str, Counter[str]] = {}
    for delivery in planted(agencies):
        if not delivery["whole"]:
            for reason, count in delivery["reasons"].items():
                wanted.setdefault(delivery["feed"], Counter())[RULES[reason]] += count
    sealed = _quarantine(agencies.context.lake)
    for feed, counts in wanted.items():
        assert sealed.get(feed) == counts, feed


def _quarantine(lake: Lake) -> dict[str, Counter[str]]:
    """Rows in quarantine by feed and kind of rule; files that were stopped whole are left out."""
    found: dict[str, Counter[str]] = {}
    for feed, rule, rows in lake.read("control", "quarantine").select("feed", "rule", "rows").collect().iter_rows():
        if rule not in ("schema_drift", "unreadable"):
            kinds = {part.split(":")[0] for part in rule.split(";")}
            assert len(kinds) == 1, f"{feed}: nobody planted {rule}"
            found.setdefault(feed, Counter())[kinds.pop()] += rows
    return found


def test_a_file_that_must_stop_is_stopped_and_told(agencies: Agencies) -> None:
    stopped = [delivery["feed"] for delivery in planted(agencies) if delivery["whole"]]
    assert stopped
    for feed in stopped:
        told = [reason for reason in agencies.outcomes[feed].reasons if "cannot be counted" in reason]
        assert len(told) == 1, feed


def test_records_lie_where_the_truth_says(agencies: Agencies) -> None:
    """The share of records whose region is the true one, and none accepted of those that must be refused."""
    truth = pl.read_parquet(agencies.home.simulation_dir / "truth/police_records.parquet")
    records = agencies.context.lake.read("minimised", "police_record").collect()
    kept = truth.filter(pl.col("fault").is_null() & ~pl.col("is_deleted"))
    assert records.height == kept.height
    by_region = records.group_by("region_code").len().sort("region_code")
    wanted = kept.group_by("region_code").len().sort("region_code")
    both = by_region.join(wanted, on="region_code", how="full", coalesce=True).fill_null(0)
    moved = (both["len"] - both["len_right"]).abs().sum()
    assert moved < 0.03 * kept.height
    quality = dict(records["location_quality"].value_counts().iter_rows())
    assert quality["exact"] > 0.88 * kept.height
    # Stations, the headquarters, null island and centroids stand for an unknown place.
    stand_ins = kept["placeholder"].is_in(["police_station", "headquarters", "null_island"]).sum()
    assert quality["placeholder"] >= 0.9 * stand_ins


def test_no_planted_personal_value_reaches_a_table(agencies: Agencies) -> None:
    values = pl.read_parquet(agencies.home.simulation_dir / "truth/personal_values.parquet")
    secret = set(values.filter(pl.col("type").is_in(["NIK", "PHONE", "PLATE", "REPORT_NUMBER"]))["value"])
    assert len(secret) > 1000
    for entity in ("police_record", "emergency_call", "camera_event", "patrol_plan"):
        table = agencies.context.lake.read("minimised", entity).collect()
        for column in table.select(pl.col(pl.String)).columns:
            assert not secret.intersection(table[column].drop_nulls().unique().to_list()), f"{entity}.{column}"


def test_the_reading_role_sees_the_view_and_cannot_write(agencies: Agencies) -> None:
    import psycopg2
    from psycopg2 import errors

    connection = psycopg2.connect(police_uri(agencies.home))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from reskrim.v_laporan")
            (count,) = cursor.fetchone()
            assert count == agencies.outcomes[POLICE].read
            with pytest.raises(errors.InsufficientPrivilege):
                cursor.execute("select nik from reskrim.orang limit 1")
            with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                cursor.execute("delete from reskrim.laporan_polisi")
            cursor.execute("select obj_description('reskrim'::regnamespace)")
            assert "SINTETIS" in cursor.fetchone()[0]
            cursor.execute("select usename from pg_stat_activity where datname = %s", (DATABASE,))
            assert READER in {name for (name,) in cursor.fetchall()}
    finally:
        connection.close()
    keys = agencies.home.simulation_dir / "keys.json"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600


def test_further_records_and_a_further_file_land_once(agencies: Agencies) -> None:
    before = agencies.context.lake.read("minimised", "police_record").select(pl.len()).collect().item()
    delivery = simulate_more(agencies.home, POLICE, rows=40)
    landed = agencies.land(POLICE)
    assert (landed.accepted, landed.quarantined) == (delivery.rows, 0)
    after = agencies.context.lake.read("minimised", "police_record").select(pl.len()).collect().item()
    assert after == before + delivery.rows
    events = simulate_more(agencies.home, "oikn.camera_events", rows=70)
    assert agencies.land("oikn.camera_events").accepted == events.rows == 70
    assert agencies.land("oikn.camera_events").batches == 0


def test_the_database_is_left_stopped_unless_it_is_asked_for(tmp_path: Path) -> None:
    home = Home(tmp_path)
    size: dict[str, Any] = {"events": 1000, "records": 200, "days": 28, "seed": 3, "as_of": dt.date(2026, 6, 30)}
    assert simulate(home, **size).is_new
    cluster = police_cluster(home)
    assert not cluster.is_running()
    try:
        assert not simulate(home, **size, keep_running=True).is_new
        assert cluster.is_running()
    finally:
        cluster.stop()
    assert not cluster.is_running()
