"""What a build asks of Spark besides dbt. Runs in the environment `spark`, so it imports nothing of the project.

    python spark_client.py check                    whether the server answers and reads Delta
    python spark_client.py fetch DATABASE FOLDER    each table of a database as FOLDER/<table>.parquet
    python spark_client.py drop PREFIX              every database whose name begins so

The server is the one of SPARK_REMOTE. Exit 3 with one line on standard output where it lacks something.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

LACKING = 3
DELTA = "io.delta.sql.DeltaSparkSessionExtension"


def main(command: str, *words: str) -> int:
    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    commands: dict[str, Callable[..., int]] = {"check": check, "fetch": fetch, "drop": drop}
    return commands[command](spark, *words)


def check(spark: SparkSession) -> int:
    """Delta's extension is what `version as of` needs: without it the first model would end in a riddle."""
    if DELTA not in (spark.conf.get("spark.sql.extensions", "") or ""):
        lacking = f"Spark {spark.version} at SPARK_REMOTE runs without Delta: start it with Delta's jars and {DELTA}"
        sys.stdout.write(f"{lacking}\n")
        return LACKING
    return 0


def fetch(spark: SparkSession, database: str, folder: str) -> int:
    """Through Arrow, so that integers, decimals and dates come as they are."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for (name,) in spark.sql(f"show tables in {database}").select("tableName").collect():
        table: pa.Table = spark.table(f"{database}.{name}").toArrow()
        pq.write_table(table, target / f"{name}.parquet")
    return 0


def drop(spark: SparkSession, prefix: str) -> int:
    """A build begins with it, and so with the check."""
    lacking = check(spark)
    if lacking:
        return lacking
    for (database,) in spark.sql("show databases").collect():
        if database.startswith(prefix):
            spark.sql(f"drop database {database} cascade").collect()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
