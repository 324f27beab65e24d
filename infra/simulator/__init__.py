"""The agencies of Nusantara, played: seeded, deterministic, labelled synthetic wherever it shows.

`simulate` fills `home.simulation_dir` (inbox of files, police database, truth) and nothing else; `simulate_more`
delivers one further batch. Only tests and benchmarks read the truth.
"""

from __future__ import annotations

from infra.simulator.police_db import DATABASE, READER, police_cluster, police_uri
from infra.simulator.run import (
    AS_OF,
    MORE_FEEDS,
    Delivery,
    SimulationError,
    SimulationResult,
    simulate,
    simulate_more,
)

__all__ = [
    "AS_OF",
    "DATABASE",
    "MORE_FEEDS",
    "READER",
    "Delivery",
    "SimulationError",
    "SimulationResult",
    "police_cluster",
    "police_uri",
    "simulate",
    "simulate_more",
]
