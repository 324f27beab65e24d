"""The PostgreSQL cluster of a home's own services: metadata of Airflow and Superset, a role and database each."""

from __future__ import annotations

from infra.settings import Home
from infra.stack.postgres import Cluster

AIRFLOW_DATABASE = "airflow"
SUPERSET_DATABASE = "superset"
DATABASES = (AIRFLOW_DATABASE, SUPERSET_DATABASE)


def metadata_cluster(home: Home) -> Cluster:
    """The cluster, started or not. Its role postgres is for this module; services use their own."""
    return Cluster(home.metadata_dir, home.secret("metadata_postgres"), home.logs_dir / "metadata-postgres.log")


def database_uri(home: Home, database: str, scheme: str = "postgresql") -> str:
    """URI by which a service reaches its own database as its own role of the same name."""
    return metadata_cluster(home).uri(database, database, scheme, password=home.secret(f"metadata_{database}"))


def start_metadata(home: Home) -> Cluster:
    """Starts the cluster, and makes its roles and databases where it is new."""
    cluster = metadata_cluster(home)
    cluster.start()
    stamp = home.metadata_dir / "databases.stamp"
    if not stamp.exists():
        for database in DATABASES:
            cluster.create_role(database, home.secret(f"metadata_{database}"))
            cluster.create_database(database, database)
        stamp.touch()
    return cluster
