"""Records pulled from an agency's PostgreSQL: read-only, by keyset, as an Arrow stream."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.connectors import CHUNK_ROWS, Batch, ConnectorError, Delivery, Interval
from ingestion.connectors.drift import SchemaDrift, check_columns, families

if TYPE_CHECKING:
    from ingestion.contract import Contract

BATCH_ROWS = 20_000
# Only where the role may not see when others' transactions began.
BLIND_OVERLAP_MINUTES = 60.0
RAW_TYPES = {"geometry": "bytea"}


class PostgresConnector:
    """Pulls declared columns of one relation, in the order of (updated, key).

    A row that a running transaction will show later carries a time no earlier than that transaction's beginning, so
    the cursor stops below the oldest one. Where the role may not see others' transactions (it needs
    pg_read_all_stats), the last hour before the cursor is read again instead, which the landing takes as repeats.
    """

    def __init__(self, contract: Contract, uri: str, chunk_rows: int = CHUNK_ROWS) -> None:
        self.contract = contract
        self._uri = uri
        self.chunk_rows = chunk_rows
        self.schema = str(contract.server["schema"])
        self.relation = str(contract.server["relation"])
        self.updated = str(contract.server["updated"])
        self.key = contract.key[0]
        self.columns = [column for column in contract.columns if column.options.get("pull", True)]

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """Slices of at most `batch_rows` rows after `position` (null: from the beginning); with an interval one batch
        of all rows whose `occurred` column touches it. Raises ConnectorError where the database cannot be asked."""
        with closing(self._connect()) as connection:
            if interval is not None:
                return [self._interval_batch(interval)]
            below, overlap = self._horizon(connection)
            slices = self._slices(connection, _after(position, overlap), below)
        return [batch for batch in slices if batch.batch_id not in acknowledged]

    def open(self, batch: Batch) -> Delivery:
        """Stream one slice. Raises ConnectorError where the database cannot be asked."""
        return Delivery(self._frames(batch), None)

    def source_keys(self) -> Iterator[pl.DataFrame]:
        """The key of every record that the relation has now, as a stream. Raises ConnectorError."""
        from psycopg2 import sql

        with closing(self._connect()) as connection:
            self._check_relation(connection)
            query = sql.SQL("select {key} from {relation}").format(
                key=sql.Identifier(self.key), relation=sql.Identifier(self.schema, self.relation)
            )
            text = str(query.as_string(connection))
        yield from self._stream(text)

    def _connect(self) -> Any:
        import psycopg2

        try:
            # A pull must never hold up the agency: read-only, and no lock waited for.
            connection = psycopg2.connect(
                self._uri, options="-c default_transaction_read_only=on -c TimeZone=UTC -c lock_timeout=5s"
            )
            connection.autocommit = True
        except psycopg2.Error:
            raise ConnectorError(
                f"{self.contract.feed}: no connection to {self.contract.server.get('connection_id')}; "
                "check its uri and that the server runs"
            ) from None
        return connection

    def _horizon(self, connection: Any) -> tuple[dt.datetime, dt.timedelta]:
        """(time below which no running transaction can still add rows, overlap to read again)."""
        stated = float(self.contract.server.get("overlap_minutes", 0))
        with connection.cursor() as cursor:
            # Taken in a statement of its own, before the slices are: a transaction that ends between the two is then
            # in their snapshot; taken together it could be in neither.
            cursor.execute(
                """
                select clock_timestamp(),
                       min(least(xact_start, clock_timestamp())) filter (where pid <> pg_backend_pid()),
                       coalesce(bool_or(query = '<insufficient privilege>'), false)
                from pg_stat_activity
                where coalesce(backend_type, 'client backend') in ('client backend', 'parallel worker')
                  and datname = current_database()
                """
            )
            now, oldest, is_blind = cursor.fetchone()
            cursor.execute("select min(prepared) from pg_prepared_xacts where database = current_database()")
            prepared = cursor.fetchone()[0]
        if is_blind:
            stated = max(stated, BLIND_OVERLAP_MINUTES)
        known = [moment for moment in (now, oldest, prepared) if moment is not None]
        return min(known).astimezone(dt.UTC), dt.timedelta(minutes=stated)

    def _slices(self, connection: Any, after: tuple[dt.datetime, str] | None, below: dt.datetime) -> list[Batch]:
        import psycopg2
        from psycopg2 import sql

        size = int(self.contract.server.get("batch_rows", BATCH_ROWS))
        query = sql.SQL(
            """
            select {updated}, {key}::text, rows from (
                select {updated}, {key}, row_number() over numbered as n, count(*) over () as total,
                       sum(hashtextextended({key}::text || {updated}::text, 0)::numeric) over numbered as rows
                from {relation} where {updated} < {below} and {after}
                window numbered as (order by {updated}, {key})
            ) numbered where n % {size} = 0 or n = total order by n
            """
        ).format(
            updated=sql.Identifier(self.updated),
            key=sql.Identifier(self.key),
            relation=sql.Identifier(self.schema, self.relation),
            below=sql.Literal(below),
            after=self._beyond(after),
            size=sql.Literal(size),
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                found = [((updated.astimezone(dt.UTC), key), str(rows)) for updated, key, rows in cursor.fetchall()]
        except psycopg2.Error as error:
            raise self._refused(error) from None
        starts = [after, *(end for end, _ in found[:-1])]
        return [self._slice(start, end, rows) for start, (end, rows) in zip(starts, found, strict=False)]

    def _beyond(self, after: tuple[dt.datetime, str] | None) -> Any:
        from psycopg2 import sql

        if after is None:
            return sql.SQL("true")
        return sql.SQL("({updated}, {key}) > ({moment}::timestamptz, {value}::{kind})").format(
            updated=sql.Identifier(self.updated),
            key=sql.Identifier(self.key),
            moment=sql.Literal(after[0]),
            value=sql.Literal(after[1]),
            kind=sql.SQL(self._key_type()),
        )

    def _key_type(self) -> str:
        declared = self.contract.column(self.key).physical_type
        if not re.fullmatch(r"[a-z][a-z0-9 ]*(\(\d+\))?", declared):
            raise ConnectorError(f"{self.contract.feed}: physicalType of {self.key} is no PostgreSQL type; correct it")
        return declared

    def _slice(self, after: tuple[dt.datetime, str] | None, end: tuple[dt.datetime, str], rows: str) -> Batch:
        """`rows` tells which rows the slice holds: one that appears late between its bounds makes it another batch."""
        import hashlib

        position = json.dumps([end[0].isoformat(timespec="microseconds"), end[1]])
        location = json.dumps({"after": _written(after), "upto": _written(end)})
        return Batch(
            feed=self.contract.feed,
            # The key is a record number: it stays out of names that are logged.
            batch_id=f"upto-{end[0]:%Y%m%dT%H%M%S%f}.{hashlib.sha256(f'{location}{rows}'.encode()).hexdigest()[:12]}",
            position=position,
            period_from=after[0] if after else None,
            period_to=end[0] + dt.timedelta(microseconds=1) if after else None,
            location=location,
            size_bytes=None,
        )

    def _interval_batch(self, interval: Interval) -> Batch:
        start, end = (moment.astimezone(dt.UTC) for moment in interval)
        if "occurred" not in self.contract.server:
            raise ConnectorError(f"{self.contract.feed}: its server names no `occurred` column; add it to backfill")
        return Batch(
            feed=self.contract.feed,
            batch_id=f"interval-{start:%Y%m%dT%H%M%S}-{end:%Y%m%dT%H%M%S}",
            # Sorts before every slice: a backfill must not move the cursor of the regular pull.
            position="",
            period_from=start,
            period_to=end,
            location=json.dumps({"from": start.isoformat(), "to": end.isoformat()}),
            size_bytes=None,
        )

    def _frames(self, batch: Batch) -> Iterator[pl.DataFrame]:
        with closing(self._connect()) as connection:
            self._check_relation(connection)
            query = self._query(connection, json.loads(batch.location))
        row = 1
        for frame in self._stream(query):
            numbers = pl.int_range(row, row + frame.height, eager=True, dtype=pl.Int64).alias("_row")
            yield frame.with_columns(numbers)
            row += frame.height

    def _stream(self, query: str) -> Iterator[pl.DataFrame]:
        """Rows of a query in Arrow's own pieces, of at most a chunk."""
        import adbc_driver_postgresql.dbapi as adbc
        import pyarrow as pa

        row = 0
        try:
            with adbc.connect(self._uri) as connection, connection.cursor() as cursor:
                cursor.execute("set default_transaction_read_only = on")
                cursor.execute("set timezone = 'UTC'")
                connection.commit()
                cursor.execute(query)
                reader = cursor.fetch_record_batch()
                for piece in reader:
                    frame = pl.DataFrame(piece)
                    for start in range(0, frame.height, self.chunk_rows):
                        part = frame.slice(start, self.chunk_rows)
                        row += part.height
                        yield part
        # What breaks in the middle of the stream comes from Arrow, and its message may carry a value.
        except (adbc.Error, pa.ArrowException, OSError) as error:
            raise ConnectorError(
                f"{self.contract.feed}: the pull broke off behind row {row} ({type(error).__name__}); it is tried again"
            ) from None

    def _query(self, connection: Any, bounds: dict[str, Any]) -> str:
        from psycopg2 import sql

        names = sql.SQL(", ").join(sql.Identifier(column.name) for column in self.columns)
        if "from" in bounds:
            occurred = str(self.contract.server["occurred"])
            condition = sql.SQL("{at} >= {start} and {at} < {end}").format(
                at=self._instant(occurred),
                start=sql.Literal(_moment(bounds["from"])),
                end=sql.Literal(_moment(bounds["to"])),
            )
        else:
            upto = bounds["upto"]
            condition = sql.SQL("{beyond} and ({updated}, {key}) <= ({moment}::timestamptz, {value}::{kind})").format(
                beyond=self._beyond(_read(bounds["after"])),
                updated=sql.Identifier(self.updated),
                key=sql.Identifier(self.key),
                moment=sql.Literal(_moment(upto[0])),
                value=sql.Literal(upto[1]),
                kind=sql.SQL(self._key_type()),
            )
        query = sql.SQL("select {names} from {relation} where {condition} order by {updated}, {key}").format(
            names=names,
            relation=sql.Identifier(self.schema, self.relation),
            condition=condition,
            updated=sql.Identifier(self.updated),
            key=sql.Identifier(self.key),
        )
        return str(query.as_string(connection))

    def _instant(self, name: str) -> Any:
        """The column as an instant: a time without zone is the contract's local time."""
        from psycopg2 import sql

        column = self.contract.column(name)
        if "with time zone" in column.physical_type or column.physical_type == "timestamptz":
            return sql.Identifier(name)
        zone = str(column.options.get("time_zone") or self.contract.time_zone or "UTC")
        return sql.SQL("({name} at time zone {zone})").format(name=sql.Identifier(name), zone=sql.Literal(zone))

    def _check_relation(self, connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "select attname, format_type(atttypid, atttypmod) from pg_attribute "
                "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
                (f'"{self.schema}"."{self.relation}"',),
            )
            delivered = dict(cursor.fetchall())
        if not delivered:
            raise SchemaDrift(self.contract.feed, missing=(f"{self.schema}.{self.relation}",))
        check_columns(
            {name: families(RAW_TYPES.get(str(kind), str(kind))) for name, kind in delivered.items()}, self.contract
        )

    def _refused(self, error: Any) -> Exception:
        """What the database said, without the statement or a value of it."""
        code = getattr(error, "pgcode", None)
        if code in ("42P01", "3F000"):
            return SchemaDrift(self.contract.feed, missing=(f"{self.schema}.{self.relation}",))
        if code == "42703":
            return SchemaDrift(self.contract.feed, missing=(f"{self.updated} or {self.key}",))
        return ConnectorError(
            f"{self.contract.feed}: the database refused the listing (code {code}); check the role's rights"
        )


def _after(position: str | None, overlap: dt.timedelta) -> tuple[dt.datetime, str] | None:
    if not position:
        return None
    after = _read(json.loads(position))
    if after is None or not overlap:
        return after
    # The smallest key sorts first in no type alike; a microsecond earlier with the same key is below all of them.
    return after[0] - overlap - dt.timedelta(microseconds=1), after[1]


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _read(pair: list[str] | None) -> tuple[dt.datetime, str] | None:
    return (_moment(pair[0]), pair[1]) if pair else None


def _written(pair: tuple[dt.datetime, str] | None) -> list[str] | None:
    return [pair[0].isoformat(timespec="microseconds"), pair[1]] if pair else None
