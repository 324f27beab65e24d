"""The recall floors of a home: its model's card, what its last build was made of, and what that holds back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from governance.recall import FieldState
    from infra.settings import Home
    from ingestion.city import City


def states(home: Home, city: City, now: datetime | None = None) -> tuple[FieldState, ...]:
    """Every field of narratives against its floor. `now` (UTC) is the wall clock, whatever day the home calls today:
    a review is asked of people."""
    from governance.recall import field_states, read_cards

    return field_states(
        home.lake(),
        city.contracts,
        cards=read_cards(home.root / "models"),
        now=now or datetime.now(UTC),
        time_zone=city.time_zone,
    )


def held(home: Home, known: Sequence[FieldState]) -> dict[str, str]:
    """Mart -> why it is not released, by the lineage of the last build; empty where nothing is held or built."""
    from governance.recall import held_marts
    from governance.term_readers import term_readers
    from infra.build.reads import estimates_read

    manifest = home.build_dir / "dbt" / "manifest.json"
    if not any(state.is_held for state in known) or not manifest.exists():
        return {}
    return held_marts(known, term_readers(manifest, estimates_read()))
