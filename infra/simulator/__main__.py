"""python -m infra.simulator --home DIR: simulate the agencies into a home, or deliver one further batch."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from infra.settings import Home
from infra.simulator import AS_OF, MORE_FEEDS, SimulationError, simulate, simulate_more


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; 0 when done, 2 when it was refused (the reason is on standard error)."""
    parser = argparse.ArgumentParser(prog="python -m infra.simulator", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="TELAGA_HOME whose simulation folder is filled")
    parser.add_argument("--events", type=int, default=300_000, help="camera events of all agencies together")
    parser.add_argument("--records", type=int, default=None, help="police records (default: 30,000 in 730 days)")
    parser.add_argument("--days", type=int, default=730, help="days before and with the end of the data")
    parser.add_argument("--seed", type=int, default=20260630)
    parser.add_argument("--as-of", type=date.fromisoformat, default=AS_OF, help="last day of the data")
    parser.add_argument("--more", choices=MORE_FEEDS, help="deliver one further batch of this feed instead")
    parser.add_argument("--rows", type=int, default=None, help="rows of the further batch")
    asked = parser.parse_args(arguments)
    home = Home(asked.home.resolve())
    try:
        if asked.more:
            delivery = simulate_more(home, asked.more, rows=asked.rows)
            _say(f"SINTETIS: {delivery.rows:,} rows of {delivery.feed}")
            return 0
        start = time.monotonic()
        result = simulate(
            home,
            events=asked.events,
            records=asked.records,
            days=asked.days,
            seed=asked.seed,
            as_of=asked.as_of,
            progress=lambda step: _say(f"{time.monotonic() - start:5.1f} s  {step}"),
        )
    except (SimulationError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    for feed, rows in result.rows.items():
        _say(f"{rows:>10,}  {feed}")
    _say(f"SINTETIS, until {result.as_of}, in {result.root}" + ("" if result.is_new else " (was there already)"))
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
