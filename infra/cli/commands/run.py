"""The main job on a city's feeds: pull, conform, locate, derive, minimise, check, commit, build, release.

Ends with a table and TELAGA_HOME/run-summary.json. Running again without new data adds and publishes nothing; a run
that was cut goes on when the same command is given again. With --from and --to every batch of that time is taken
again and replaces what it wrote.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from infra.settings import Home, current_home

if TYPE_CHECKING:
    from infra.cli.progress import Progress

SUMMARY = "the main job on a city's feeds, with a summary"
ENVIRONMENT = "main"
DEFAULT_CITY = "nusantara"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--city", metavar="NAME|DIR", help="a shipped city, or a folder with a city.yaml and contracts")
    parser.add_argument("--as-of", metavar="DATE", help="the day to call today (default: what the city or home states)")
    parser.add_argument("--from", dest="start", metavar="DATE", help="take every batch from this day on again")
    parser.add_argument("--to", dest="end", metavar="DATE", help="up to, and without, this day")
    parser.add_argument(
        "--engine",
        choices=("duckdb", "spark"),
        default="duckdb",
        help="what counts and presents: DuckDB (default), or the Spark Connect server at SPARK_REMOTE",
    )
    parser.epilog = "example: TELAGA_CITY_DATA=data TELAGA_HOME=.telaga-chicago ./telaga run --city chicago"


def run(arguments: argparse.Namespace) -> int:
    """Runs the main job; 1 where a DAG failed (its task and log are named)."""
    from infra.cli import summary as summaries
    from infra.cli.progress import Progress
    from infra.cli.walk import Asked, check_city_data, day, walk
    from infra.settings import city_folder
    from infra.stack import local
    from ingestion.city import load_city

    home = current_home()
    state = home.state()
    named = arguments.city or (str(state.city_dir) if state else DEFAULT_CITY)
    folder = city_folder(named)
    city = load_city(folder)
    as_of, start, end = (day(text) if text else None for text in (arguments.as_of, arguments.start, arguments.end))
    asked = Asked(as_of, start, end, engine=arguments.engine)
    progress = Progress()
    if asked.engine == "spark":
        prepare_spark(home, progress)
    home.make()
    home.claim(city.name, folder)
    check_city_data(city)
    with local.alone(home):
        borrowed = local.keeps_cadence(home)
        if not borrowed:
            local.clear_killed(home)
        try:
            simulate_if_needed(home, city.name, progress)
            summary = walk(home, city, asked, progress)
        finally:
            if not borrowed:
                local.stop_databases(home)
    print(summaries.table(summary))
    return 0


def prepare_spark(home: Home, progress: Progress) -> None:
    """Installs dbt's client of Spark and asks the server, before hours of pulling. Raises SettingsError with the way
    out."""
    from infra.build import spark
    from infra.build.settings import BuildFailed
    from infra.cli import envs
    from infra.settings import SettingsError

    try:
        spark.reachable()
        envs.ensure("spark", progress.write)
        spark.check(home.logs_dir)
    except BuildFailed as error:
        raise SettingsError(str(error)) from None


def simulate_if_needed(home: Home, city_name: str, progress: Progress) -> None:
    """Lets the simulator play the agencies of a city that has no others, where nobody did so yet."""
    if city_name != DEFAULT_CITY or (home.simulation_dir / "simulation.json").exists():
        return
    from infra.simulator import simulate

    with progress.step("SINTETIS: playing the agencies of Nusantara") as step:
        result = simulate(home, progress=step)
    home.set_clock(result.as_of)
