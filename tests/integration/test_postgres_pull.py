"""Records pulled from a real PostgreSQL while others write to it: nothing is lost, nothing comes twice."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import psycopg2
import psycopg2.errors
import pytest

from infra.stack.postgres import Cluster
from ingestion.connectors import ConnectorError, SchemaDrift, connector_for
from ingestion.connectors.postgres import PostgresConnector
from ingestion.land import FeedOutcome, LandingContext, land_feed
from ingestion.reconcile import Reconciled, is_due, reconcile
from tests.support.landing import CALLS, House, accept, call_feed, column

pytestmark = pytest.mark.integration

UTC = dt.UTC
SETTINGS = (("fsync", "off"), ("max_prepared_transactions", "5"))
PASSWORDS = {"postgres": "a-pass'word", "clerk": "cl/erk:1", "reader": "re@der#2", "blind": "bl nd%3"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # A socket's path is short, and a test's own folder may not be.
    folder = Path(tempfile.mkdtemp(prefix="tg-pg-"))
    made = Cluster(folder / "data", PASSWORDS["postgres"], folder / "log", settings=SETTINGS)
    try:
        made.start()
        for role in ("clerk", "reader", "blind"):
            made.create_role(role, PASSWORDS[role])
        with closing(made.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("GRANT pg_read_all_stats TO reader")
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


TABLE = """
CREATE SCHEMA desk;
CREATE TABLE desk.calls (
    number bigint PRIMARY KEY,
    kind text NOT NULL,
    at timestamp NOT NULL,
    answered timestamp,
    lat double precision,
    lon double precision,
    changed timestamptz NOT NULL DEFAULT now(),
    caller text
);
CREATE TABLE desk.persons (name text);
CREATE VIEW desk.v_calls AS SELECT * FROM desk.calls;
GRANT USAGE ON SCHEMA desk TO reader, blind, clerk;
GRANT SELECT ON desk.v_calls TO reader, blind;
GRANT ALL ON desk.calls, desk.persons TO clerk;
"""
INSERT = "INSERT INTO desk.calls (number, kind, at, lat, lon, caller) VALUES (%s, %s, %s, -1.26, 116.64, 'nobody')"


def columns() -> list[dict[str, Any]]:
    exact = {"classification": "personal", "action": "generalise"}
    stamp, zoned, real = "timestamp without time zone", "timestamp with time zone", "double precision"
    codes = {"K": "crime", "F": "fire"}
    return [
        column(
            "number",
            "integer",
            key=1,
            physicalType="bigint",
            classification="personal",
            action="pseudonymise",
            maps_to="source_key",
        ),
        column("kind", required=True, maps_to="category", codes=codes),
        column("at", "timestamp", physicalType=stamp, required=True, maps_to="received_at", **exact),
        column("answered", "timestamp", physicalType=stamp, maps_to="answered_at", **exact),
        column("lat", "number", physicalType=real, maps_to="latitude", **exact),
        column("lon", "number", physicalType=real, maps_to="longitude", **exact),
        column("changed", "timestamp", physicalType=zoned, required=True, maps_to="updated_at", **exact),
        column("caller", classification="personal", action="drop", about="reporter", pull=False),
    ]


def feed(batch_rows: int, **server: Any) -> dict[str, Any]:
    stated = call_feed(columns(), connector="postgres", format={}, period={})
    stated["servers"] = [
        {
            "server": "desk",
            "type": "postgresql",
            "host": "set by connection",
            "port": 5432,
            "database": "desk",
            "schema": "desk",
            "customProperties": [
                {
                    "property": "telaga",
                    "value": {
                        "connection_id": "desk_records",
                        "relation": "v_calls",
                        "updated": "changed",
                        "occurred": "at",
                        "batch_rows": batch_rows,
                        **server,
                    },
                }
            ],
        }
    ]
    return stated


@dataclass
class Desk:
    """The agency's database and the house that pulls from it."""

    cluster: Cluster
    database: str
    house: House
    role: str = "reader"
    runs: int = 0
    open_: list[Any] = field(default_factory=list)

    def connect(self, user: str = "clerk", *, autocommit: bool = True) -> Any:
        connection = self.cluster.connect(self.database, user, PASSWORDS[user])
        connection.autocommit = autocommit
        self.open_.append(connection)
        return connection

    def run(self, statement: str, *parameters: object, user: str = "clerk") -> None:
        with closing(self.connect(user)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def add(self, *numbers: int, kind: str = "K", at: str = "2026-05-01 10:00:00") -> None:
        for number in numbers:
            self.run(INSERT, number, kind, at)

    def uri(self, role: str | None = None) -> str:
        name = role or self.role
        return self.cluster.uri(self.database, name, password=PASSWORDS[name])

    def connector(self) -> PostgresConnector:
        made = connector_for(self.house.contract(CALLS), credentials={"uri": self.uri()}, places={})
        assert isinstance(made, PostgresConnector)
        return made

    def pull(self, interval: tuple[dt.datetime, dt.datetime] | None = None) -> FeedOutcome:
        self.runs += 1
        house = self.house
        # Changes are stamped by the server's clock, which runs on beyond the city's last day.
        day = dt.datetime.now(UTC).date()
        context = LandingContext(house.lake, house.city(), house.keys, f"pull{self.runs}", day, accept)
        return land_feed(house.contract(CALLS), self.connector(), context, interval=interval)

    def context(self) -> LandingContext:
        house = self.house
        return LandingContext(house.lake, house.city(), house.keys, "keys", dt.datetime.now(UTC).date(), accept)

    def reconcile(self) -> Reconciled:
        return reconcile(self.house.contract(CALLS), self.connector(), self.context())

    def held(self) -> list[tuple[str, int]]:
        """Category and count of what has landed."""
        rows = self.house.table("emergency_call")
        assert rows["record_key"].n_unique() == rows.height
        return rows.group_by("category").len().sort("category").rows()


@pytest.fixture
def desk(cluster: Cluster, tmp_path: Path) -> Iterator[Desk]:
    database = f"desk_{uuid.uuid4().hex[:12]}"
    cluster.create_database(database, "postgres")
    house = House(tmp_path / "home").with_regions()
    house.documents[CALLS] = feed(batch_rows=3)
    made = Desk(cluster, database, house)
    with closing(cluster.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"GRANT CONNECT ON DATABASE {database} TO clerk, reader, blind")
    made.run(TABLE, user="postgres")
    yield made
    for connection in made.open_:
        connection.close()


def test_records_come_in_slices_once_and_the_next_pull_goes_on_behind_them(desk: Desk) -> None:
    desk.add(*range(1, 11))
    outcome = desk.pull()
    assert (outcome.batches, outcome.read, outcome.accepted, outcome.duplicate) == (4, 10, 10, 0)
    assert desk.pull().batches == 0
    desk.add(11)
    outcome = desk.pull()
    assert (outcome.batches, outcome.read, outcome.accepted) == (1, 1, 1)
    assert desk.held() == [("crime", 11)]


def test_records_of_one_instant_are_not_lost_between_slices(desk: Desk) -> None:
    with closing(desk.connect(autocommit=False)) as connection, connection.cursor() as cursor:
        for number in (5, 1, 9, 3, 7, 2, 8):  # one transaction, one time of change, keys in no order
            cursor.execute(INSERT, (number, "K", "2026-05-01 10:00:00"))
        connection.commit()
    outcome = desk.pull()
    assert (outcome.batches, outcome.accepted) == (3, 7)
    assert desk.pull().batches == 0
    assert desk.held() == [("crime", 7)]


def test_a_transaction_held_open_across_two_pulls_loses_nothing(desk: Desk) -> None:
    desk.add(1)
    slow = desk.connect(autocommit=False)
    with slow.cursor() as cursor:
        cursor.execute(INSERT, (2, "F", "2026-05-01 10:00:00"))
    desk.add(3, 4)  # committed, with later times than the row that nobody sees yet
    first = desk.pull()
    assert (first.read, first.accepted) == (1, 1)
    desk.add(5)
    second = desk.pull()
    assert second.read == 0
    slow.commit()
    third = desk.pull()
    assert (third.read, third.accepted, third.duplicate) == (4, 4, 0)
    assert desk.held() == [("crime", 4), ("fire", 1)]
    assert desk.pull().batches == 0


def test_a_transaction_that_is_only_prepared_is_waited_for(desk: Desk) -> None:
    slow = desk.connect(autocommit=False)
    with slow.cursor() as cursor:
        cursor.execute(INSERT, (1, "F", "2026-05-01 10:00:00"))
        cursor.execute("PREPARE TRANSACTION 'held'")
    desk.add(2)
    assert desk.pull().read == 0
    desk.run("COMMIT PREPARED 'held'")
    assert desk.pull().accepted == 2


def test_a_role_that_may_not_see_others_transactions_reads_an_hour_again(desk: Desk) -> None:
    desk.role = "blind"
    slow = desk.connect(autocommit=False)
    with slow.cursor() as cursor:
        cursor.execute(INSERT, (2, "F", "2026-05-01 10:00:00"))
    desk.add(3, 4)
    first = desk.pull()
    assert (first.read, first.accepted) == (2, 2)
    assert desk.pull().accepted == 0
    slow.commit()
    third = desk.pull()  # although nothing newer has come
    assert (third.accepted, third.duplicate) == (1, 2)
    assert desk.pull().batches == 0
    desk.add(5)
    assert desk.pull().accepted == 1
    assert desk.held() == [("crime", 3), ("fire", 1)]


def test_a_correction_replaces_its_record_wherever_it_stands_in_the_pull(desk: Desk) -> None:
    desk.add(1, 2, 3, 4)
    desk.pull()
    desk.run("UPDATE desk.calls SET kind = 'F', changed = now() WHERE number IN (1, 3)")
    outcome = desk.pull()
    assert (outcome.read, outcome.accepted, outcome.duplicate) == (2, 2, 0)
    assert desk.held() == [("crime", 2), ("fire", 2)]
    # A record that changes twice between two pulls is read once, as it is now.
    desk.run("UPDATE desk.calls SET kind = 'K', changed = now() WHERE number = 1")
    desk.run("UPDATE desk.calls SET kind = 'F', at = '2026-04-30 23:59:00', changed = now() WHERE number = 1")
    assert desk.pull().accepted == 1
    months = desk.house.table("emergency_call")["received_local_month"].to_list()
    assert sorted(months) == ["2026-04", "2026-05", "2026-05", "2026-05"]


def test_a_changed_column_stops_the_pull_and_nothing_is_passed_over(desk: Desk) -> None:
    desk.add(1)
    desk.pull()
    desk.run("ALTER TABLE desk.calls ADD COLUMN unit text", user="postgres")
    desk.run("CREATE OR REPLACE VIEW desk.v_calls AS SELECT * FROM desk.calls", user="postgres")
    desk.add(2, 3, 4, 5)
    for _ in range(2):
        outcome = desk.pull()
        assert outcome.accepted == 0 and outcome.batches_left == 1
        assert outcome.reasons == (
            "police.calls: columns differ from the contract (new: unit); change the contract and replay",
        )
    assert desk.held() == [("crime", 1)]
    changed = [*columns(), column("unit", action="drop")]
    desk.house.documents[CALLS]["schema"][0]["properties"] = changed
    outcome = desk.pull()
    assert (outcome.read, outcome.accepted) == (4, 4)
    assert desk.held() == [("crime", 5)]


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("ALTER VIEW desk.v_calls RENAME COLUMN lat TO latitude", "new: latitude; missing: lat"),
        (
            "DROP VIEW desk.v_calls; CREATE VIEW desk.v_calls AS SELECT number, kind, at::text AS at, answered, lat, "
            "lon, changed, caller FROM desk.calls; GRANT SELECT ON desk.v_calls TO reader",
            "changed: at (timestamp became text)",
        ),
    ],
)
def test_what_differs_is_said_by_name_and_type(desk: Desk, statement: str, difference: str) -> None:
    desk.add(1)
    desk.run(statement, user="postgres")
    (reason,) = desk.pull().reasons
    assert f"({difference})" in reason


def test_a_relation_that_is_gone_is_drift_too(desk: Desk) -> None:
    desk.run("DROP VIEW desk.v_calls", user="postgres")
    with pytest.raises(SchemaDrift, match=r"missing: desk\.v_calls"):
        desk.pull()


def test_rejected_rows_are_quarantined_and_the_cursor_goes_on(desk: Desk) -> None:
    desk.add(1)
    desk.add(2, kind="?")
    desk.add(3, at="2999-01-01 00:00:00")
    outcome = desk.pull()
    assert (outcome.read, outcome.accepted, outcome.quarantined) == (3, 1, 2)
    assert desk.pull().batches == 0
    assert desk.house.quarantine(CALLS)["rule"].sort().to_list() == ["codes:kind", "time:at"]


def test_the_session_is_read_only_whatever_the_view_would_do(desk: Desk) -> None:
    """A view may call a function that writes, with its owner's rights: the pull must refuse even that."""
    desk.run(
        """
        CREATE FUNCTION desk.note() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO desk.persons VALUES ('written'); END $$;
        CREATE FUNCTION desk.seen(text) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER AS
        $$ BEGIN PERFORM desk.note(); RETURN $1; END $$;
        CREATE OR REPLACE VIEW desk.v_calls AS SELECT number, desk.seen(kind) AS kind, at, answered, lat, lon, changed,
        caller FROM desk.calls;
        """,
        user="postgres",
    )
    desk.add(1)
    with pytest.raises(ConnectorError, match="broke off behind row 0") as error:
        desk.pull()
    assert "written" not in str(error.value) and "INSERT" not in str(error.value)
    with closing(desk.connect("clerk")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM desk.persons")
        assert cursor.fetchone() == (0,)
    assert desk.house.log_rows(CALLS)["status"].to_list() == ["failed"]
    with (
        closing(desk.connector()._connect()) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.errors.ReadOnlySqlTransaction),
    ):
        cursor.execute("SELECT desk.note()")


def test_the_role_reads_the_view_and_no_table_of_persons(desk: Desk) -> None:
    with closing(desk.connect("reader")) as connection, connection.cursor() as cursor:
        for table in ("persons", "calls"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"SELECT * FROM desk.{table}")
    desk.run("REVOKE SELECT ON desk.v_calls FROM reader", user="postgres")
    with pytest.raises(ConnectorError, match="code 42501"):
        desk.pull()


def test_a_column_that_is_not_pulled_is_not_even_asked_for(desk: Desk) -> None:
    desk.add(1)
    connector = desk.connector()
    (batch,) = connector.batches(frozenset())
    frames = list(connector.open(batch))
    assert "caller" not in frames[0].columns
    assert frames[0].schema["at"] == pl.Datetime("us") and frames[0]["_row"].to_list() == [1]


def test_no_password_and_no_key_is_told(desk: Desk) -> None:
    desk.add(4711)
    connector = desk.connector()
    (batch,) = connector.batches(frozenset())
    assert "4711" not in batch.batch_id
    contract = desk.house.contract(CALLS)
    wrong = desk.uri().replace("re%40der%232", "wrong-secret")
    with pytest.raises(ConnectorError, match="no connection to desk_records") as error:
        PostgresConnector(contract, wrong).batches(frozenset())
    assert "wrong-secret" not in str(error.value) and error.value.__cause__ is None
    with pytest.raises(ConnectorError, match="desk_records has no uri"):
        connector_for(contract, credentials={}, places={})
    desk.pull()
    log = Path(desk.house.lake.table("control", "batch_log"))
    text = b"".join(path.read_bytes() for path in log.rglob("*") if path.is_file())
    (position,) = desk.house.log_rows(CALLS)["position"].to_list()
    assert b"4711" not in text and "4711" not in position
    assert "4711" in desk.house.keys.reveal(position, CALLS, "position")


def test_a_backfill_replaces_what_those_local_days_hold_once_and_leaves_the_cursor(desk: Desk) -> None:
    """Local midnights of Testville: 30 April 16:00 to 1 May 16:00 in UTC is its first of May."""
    desk.add(1, at="2026-04-30 23:59:59")
    desk.add(2, 3, at="2026-05-01 00:00:00")
    desk.add(4, 5, 6, 7, 8, at="2026-05-01 23:59:59")
    desk.add(9, at="2026-05-02 00:00:00")
    desk.pull()
    assert desk.held() == [("crime", 9)]
    codes = {"K": "disorder", "F": "fire"}
    desk.house.documents[CALLS]["schema"][0]["properties"][1]["customProperties"][0]["value"]["codes"] = codes
    may = (dt.datetime(2026, 4, 30, 16, tzinfo=UTC), dt.datetime(2026, 5, 1, 16, tzinfo=UTC))
    outcome = desk.pull(may)
    assert (outcome.batches, outcome.read, outcome.accepted, outcome.duplicate) == (1, 7, 7, 0)
    assert desk.held() == [("crime", 2), ("disorder", 7)]
    again = desk.pull(may)
    assert (again.read, again.accepted, again.duplicate, again.new_versions) == (7, 7, 0, 0)
    desk.add(10)
    later = desk.pull()
    assert (later.read, later.accepted) == (1, 1)
    assert desk.held() == [("crime", 2), ("disorder", 8)]


def test_a_backfill_does_not_undo_a_newer_correction(desk: Desk) -> None:
    desk.add(1, 2)
    desk.pull()
    may = (dt.datetime(2026, 4, 30, 16, tzinfo=UTC), dt.datetime(2026, 5, 1, 16, tzinfo=UTC))
    connector = desk.connector()
    (batch,) = connector.batches(frozenset(), None, may)
    stale = list(connector.open(batch))
    desk.run("UPDATE desk.calls SET kind = 'F', changed = now() WHERE number = 1")
    desk.pull()

    class Stale(PostgresConnector):
        def _frames(self, batch: Any) -> Any:
            yield from stale

    house = desk.house
    context = LandingContext(house.lake, house.city(), house.keys, "stale", dt.datetime.now(UTC).date(), accept)
    outcome = land_feed(house.contract(CALLS), Stale(house.contract(CALLS), desk.uri()), context, interval=may)
    assert (outcome.read, outcome.duplicate) == (2, 2)
    assert desk.held() == [("crime", 1), ("fire", 1)]


def test_what_is_gone_at_the_source_is_found_by_its_keys_and_goes_here(desk: Desk) -> None:
    desk.house.documents[CALLS] = feed(3, reconcile={"hours": 24})
    contract = desk.house.contract(CALLS)
    assert desk.reconcile().records == 0
    desk.add(*range(1, 41))
    desk.pull()
    before = desk.house.lake.version("minimised", "emergency_call")
    assert is_due(contract, desk.context())
    assert desk.reconcile() == Reconciled(CALLS, 40, 0, before)
    assert not is_due(contract, desk.context())
    desk.run("DELETE FROM desk.calls WHERE number IN (3, 17, 40)")
    assert desk.pull().batches == 0  # the pull itself is told nothing
    done = desk.reconcile()
    assert (done.records, done.gone) == (40, 3)
    assert desk.held() == [("crime", 37)]
    assert desk.reconcile().gone == 0
    desk.add(3)  # and one that comes again is a record again
    assert desk.pull().accepted == 1
    assert desk.held() == [("crime", 38)]
    logged = desk.house.log_rows(CALLS, "reconcile")
    assert logged["accepted"].to_list() == [0, 3, 0] and logged["status"].to_list() == ["empty", "deleted", "empty"]


def test_a_source_that_has_lost_too_much_deletes_nothing(desk: Desk) -> None:
    desk.house.documents[CALLS] = feed(50, reconcile={"hours": 24, "most_gone": 0.3})
    desk.add(*range(1, 61))
    desk.pull()
    desk.run("DELETE FROM desk.calls WHERE number > 30")
    with pytest.raises(ConnectorError, match="30 of 60 records are gone at the source, more than 30%: nothing was"):
        desk.reconcile()
    assert desk.held() == [("crime", 60)]
    desk.run("DROP VIEW desk.v_calls", user="postgres")
    with pytest.raises(SchemaDrift):
        desk.reconcile()
    assert desk.held() == [("crime", 60)]


def test_a_record_that_lands_while_keys_are_compared_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.house.documents[CALLS] = feed(50, reconcile={"hours": 24})
    desk.add(1, 2, 3)
    desk.pull()
    desk.run("DELETE FROM desk.calls WHERE number = 2")
    connector = desk.connector()
    asked = connector.source_keys

    def keys() -> Iterator[pl.DataFrame]:
        frames = list(asked())
        # Between the source's answer and the commit one comes again, and another is new.
        desk.add(2, 4)
        desk.pull()
        yield from frames

    monkeypatch.setattr(connector, "source_keys", keys)
    done = reconcile(desk.house.contract(CALLS), connector, desk.context())
    assert done.gone == 1
    assert desk.held() == [("crime", 4)]


def test_a_draft_from_a_table_takes_its_types_and_holds_no_value(desk: Desk, tmp_path: Path) -> None:
    """What can be seen of a table is filled in, and deciding the rest is enough to use it."""
    import yaml

    from ingestion.contract import check_contract
    from ingestion.draft import draft_contract
    from ingestion.entities import load_entities
    from ingestion.sample_table import read_table

    desk.add(1, 2, 3, at="2026-05-01 10:00:00")
    sample = read_table(desk.uri(), "desk.v_calls")
    types = {guess.name: (guess.logical, guess.physical) for guess in sample.columns}
    assert types["number"] == ("integer", "bigint") and types["lat"] == ("number", "double precision")
    assert types["changed"] == ("timestamp", "timestamp with time zone")
    draft = draft_contract(sample, "police.calls", "testville", load_entities()["emergency_call"])
    assert "nobody" not in draft and "116.64" not in draft and PASSWORDS["reader"] not in draft
    document = yaml.safe_load(draft)
    assert document["servers"][0]["schema"] == "desk"
    path = tmp_path / "police.calls.odcs.yaml"
    path.write_text(draft)
    assert any("still says DECIDE" in fault for fault in check_contract(path))
    decided = draft.replace("DECIDE: ", "").replace("connection_id: DECIDE", "connection_id: desk")
    decided = decided.replace("DECIDE: null", "K: crime").replace("updated: DECIDE", "updated: changed")
    decided = "\n".join(line for line in decided.split("\n") if not line.strip().startswith("#"))
    document = yaml.safe_load(decided.replace("username: DECIDE", "username: desk"))
    for prop in document["schema"][0]["properties"]:
        value = prop["customProperties"][0]["value"]
        if "codes" in value:
            value["codes"] = {"K": "crime"}
    path.write_text(yaml.safe_dump(document))
    assert check_contract(path) == []
    with pytest.raises(ConnectorError, match=r"desk\.persons: no such relation that this role may read"):
        read_table(desk.uri(), "desk.persons")
