"""What a table of an agency's PostgreSQL shows of itself, before there is a contract: its declared types, and a first
look at its rows. Values stay in memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from ingestion.connectors import ConnectorError
from ingestion.connectors.drift import families
from ingestion.sample import ROWS, Guess, Sample, guess_column

_LOGICAL: Mapping[str, str] = {
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "geometry": "object",
    "object": "object",
}
_CHANGED = ("updated_at", "updated_on", "updated", "changed", "modified", "diubah", "diubah_pada")


def read_table(address: str, relation: str, rows: int = ROWS) -> Sample:
    """Look at `rows` rows of `schema.name`, read-only. `address` is libpq's (postgresql://host/database); the password
    comes by libpq's own ways (PGPASSFILE, PGSERVICEFILE), so that it stands on no command line.

    Raises ConnectorError where the database cannot be asked, or has no such relation for this role.
    """
    import psycopg2
    from psycopg2 import sql

    schema, _, name = relation.rpartition(".")
    schema = schema or "public"
    try:
        with closing(psycopg2.connect(address, options="-c default_transaction_read_only=on")) as connection:
            database = connection.info.dbname
            with connection.cursor() as cursor:
                cursor.execute(
                    "select column_name, data_type, udt_name from information_schema.columns "
                    "where table_schema = %s and table_name = %s order by ordinal_position",
                    (schema, name),
                )
                declared = [
                    (column, udt if kind == "USER-DEFINED" else kind) for column, kind, udt in cursor.fetchall()
                ]
                if not declared:
                    raise ConnectorError(f"{relation}: no such relation that this role may read; grant it, or check it")
                query = sql.SQL("select * from {} limit %s").format(sql.Identifier(schema, name))
                cursor.execute(query, (rows,))
                found = cursor.fetchall()
    except psycopg2.Error as error:
        raise ConnectorError(f"{relation}: cannot be read ({type(error).__name__}); check address and role") from None
    columns = tuple(_typed(column, kind, [row[at] for row in found]) for at, (column, kind) in enumerate(declared))
    return Sample(relation, {}, columns, len(found), _doubts(columns), _server(database, schema, name, columns))


def _typed(name: str, kind: str, values: list[Any]) -> Guess:
    """The declared type is taken at its word; only text is looked into, for what it may be about."""
    guess = guess_column(name, ["" if value is None else str(value) for value in values])
    family = families(kind)
    if family == "number":
        logical = "integer" if kind in ("smallint", "integer", "bigint") else "number"
    else:
        logical = _LOGICAL.get(family, "string")
    options = {"crs": "EPSG:4326"} if logical == "object" else {}
    doubts = ("crs: ask which coordinate system it is",) if logical == "object" else ()
    return replace(guess, logical=logical, physical=kind, options=options, doubts=doubts)


def _updated(columns: tuple[Guess, ...]) -> str | None:
    times = [column.name for column in columns if column.logical == "timestamp"]
    return next((name for name in times if name.lower() in _CHANGED), None)


def _doubts(columns: tuple[Guess, ...]) -> tuple[str, ...]:
    doubts = ["servers: connection_id is the Airflow connection that holds host and credentials; name it"]
    if _updated(columns) is None:
        doubts.append("servers: updated is the column that says when the agency last changed a row; name it")
    return tuple(doubts)


def _server(database: str, schema: str, name: str, columns: tuple[Guess, ...]) -> dict[str, Any]:
    return {
        "server": "database",
        "type": "postgresql",
        "host": "set by connection",
        "port": 5432,
        "database": database,
        "schema": schema,
        "customProperties": [
            {
                "property": "telaga",
                "value": {"connection_id": "DECIDE", "relation": name, "updated": _updated(columns) or "DECIDE"},
            }
        ],
    }
