"""dbt's DuckDB connection to a lake on S3: a plugin of dbt-duckdb, named by profiles.yml; nothing to do for a folder.

The credentials become a temporary secret of the connection: in no file, no log and no statement that dbt keeps.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dbt.adapters.duckdb.plugins import BasePlugin

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Plugin(BasePlugin):
    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        if os.environ.get("TELAGA_BUILD_LAKE", "").startswith("s3://"):
            open_object_store(conn, os.environ)


def open_object_store(connection: DuckDBPyConnection, environment: Mapping[str, str]) -> None:
    """Let a connection with httpfs read s3:// as the standard AWS_* variables say."""
    connection.load_extension("httpfs")
    authority = environment.get("AWS_CA_BUNDLE") or environment.get("SSL_CERT_FILE")
    if authority:
        connection.execute(f"set global ca_cert_file = {_quoted(authority)}")
    connection.execute(f"create or replace secret lake (type s3, {', '.join(secret_of(environment))})")


def secret_of(environment: Mapping[str, str]) -> list[str]:
    """Parameters of DuckDB's secret, each `name 'value'`."""
    stated = {
        "key_id": environment.get("AWS_ACCESS_KEY_ID"),
        "secret": environment.get("AWS_SECRET_ACCESS_KEY"),
        "session_token": environment.get("AWS_SESSION_TOKEN"),
        "region": environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1",
    }
    endpoint = urlsplit(environment.get("AWS_ENDPOINT_URL", ""))
    if endpoint.netloc:
        is_virtual = environment.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() == "true"
        stated |= {
            "endpoint": endpoint.netloc,
            "url_style": "vhost" if is_virtual else "path",
            "use_ssl": str(endpoint.scheme == "https").lower(),
        }
    return [f"{name} {_quoted(value)}" for name, value in stated.items() if value]


def _quoted(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
