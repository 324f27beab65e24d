"""The whole thing on simulated agencies: sets up, plays the agencies of Nusantara, runs every DAG, publishes, and
opens dashboards. Everything it shows is synthetic, and says so.

Ends with the addresses, the users, and where the generated passwords lie. ./telaga down stops what it started.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from infra.settings import current_home

SUMMARY = "the whole thing on simulated agencies, ending at dashboards"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-serve", action="store_true", help="end after publishing; start no dashboards")
    parser.add_argument("--events", type=int, default=300_000, metavar="N", help="camera events (default 300,000)")
    parser.add_argument("--days", type=int, default=730, metavar="N", help="days of data (default 730)")
    parser.add_argument("--seed", type=int, default=20260630, metavar="N", help="seed of the simulation")
    parser.epilog = "example: ./telaga demo --no-serve --events 50000 --days 200"


def run(arguments: argparse.Namespace) -> int:
    """Runs the demo; 1 where a DAG failed (its task and log are named)."""
    from infra.cli import envs
    from infra.cli import summary as summaries
    from infra.cli.progress import Progress
    from infra.cli.serve import serve, tell_addresses
    from infra.cli.walk import Asked, walk
    from infra.settings import SettingsError, city_folder
    from infra.simulator import simulate
    from infra.stack import local
    from infra.superset import stack as superset
    from ingestion.city import load_city

    home = current_home()
    folder = city_folder("nusantara")
    city = load_city(folder)
    progress = Progress()
    beside: list[Callable[[], object]] = []
    if not arguments.no_serve:
        # Made here, before anything runs, so that a network that fails does so early.
        envs.ensure("superset", progress.write)
        beside.append(lambda: superset.bootstrap(home))
    home.make()
    home.claim(city.name, folder)
    with local.alone(home):
        borrowed = local.keeps_cadence(home)
        if not borrowed:
            local.clear_killed(home)
        try:
            with progress.step("SINTETIS: playing the agencies") as step:
                try:
                    result = simulate(
                        home, events=arguments.events, days=arguments.days, seed=arguments.seed, progress=step
                    )
                except ValueError as error:
                    raise SettingsError(str(error)) from None
            home.set_clock(result.as_of)
            asked = Asked(extra_dags=("govern_data", "maintain_lake"))
            summary = walk(home, city, asked, progress, beside)
            print(summaries.table(summary))
            if not arguments.no_serve:
                serve(home, progress)
        except BaseException:
            if not borrowed:
                local.stop(home)
            raise
        if arguments.no_serve and not borrowed:
            local.stop_databases(home)
    if not arguments.no_serve:
        tell_addresses(home)
    return 0
