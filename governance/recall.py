"""The recall floor of each field of narratives: how much of the personal data must be found, and what stops if not.

Before a review the bound counts that `./telaga bench pii` wrote into the name model's card, for that very model; it is
shown as unreviewed. A review of enough spans replaces it. What depends on a field is not released where a bound lies
under the floor, until the officer lifts that, nor where a review is due and none was made.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from governance.review import measured, reviews, wilson

if TYPE_CHECKING:
    import polars as pl

    from governance.access_log import AccessLog
    from ingestion.contract import Contract
    from ingestion.lake import Lake

FLOOR = 0.95
GRACE = dt.timedelta(days=30)
FEWEST_SPANS = 300  # of a field, before a review of it counts as a measure of what is found
FEWEST_SAMPLES = 10  # read of a field, or all narratives it has, before a review of it was made at all
TABLE, LIFTS = "recall_floors", "floor_lifts"
RULES_ONLY = "rules only"
Source = Literal["review", "model_card", "none"]
Status = Literal["met", "below", "unreviewed", "unmeasured", "overdue"]


@dataclass(frozen=True)
class Bound:
    """A share with its 95 % interval's lower end; `n` is what was counted."""

    value: float
    lower: float
    n: int


@dataclass(frozen=True)
class ModelCard:
    """What `bench pii` measured: `found_by` (a digest, or "rules only"), recall by entity type, and the share of
    values that redacted text still holds (`leak`, with its upper bound), where it was measured."""

    found_by: str
    threshold: float | None
    recall: Mapping[str, Bound]
    leak: tuple[float, float, int] | None = None  # value, upper, n

    def speaks_for(self, found_by: str) -> bool:
        """Whether `found_by`, as landing wrote it, is what was measured."""
        return found_by in (self.found_by, f"name model {self.found_by[:12]}")

    @property
    def all_types(self) -> Bound | None:
        """Recall over the spans of all types together: what a review measures too."""
        n = sum(bound.n for bound in self.recall.values())
        if not n:
            return None
        found = sum(bound.value * bound.n for bound in self.recall.values())
        return Bound(found / n, wilson(found, n)[0], n)


def read_cards(models: Path) -> tuple[ModelCard, ...]:
    """The measures in the card of the folder's name model; none without a card, or one that is none."""
    for path in (models / "names" / "card.json", models / "names.card.json"):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))["measured"]
        except (FileNotFoundError, NotADirectoryError, KeyError, ValueError, TypeError):
            continue
        stated = said if isinstance(said, list) else [said]
        return tuple(_card(each) for each in stated)
    return ()


def _card(said: Mapping[str, Any]) -> ModelCard:
    recall = {
        kind: Bound(float(bound["value"]), float(bound["lower"]), int(bound["n"]))
        for kind, bound in said.get("recall", {}).items()
        if bound.get("value") is not None and bound.get("n")
    }
    leak = said.get("leak")
    leaked = (float(leak["value"]), float(leak["upper"]), int(leak["n"])) if leak else None
    return ModelCard(str(said["found_by"]), said.get("threshold"), recall, leaked)


@dataclass(frozen=True)
class FieldState:
    """One field of narratives against its floor. `source`: review, model_card, none. `recall` and `recall_lower` are
    null where nothing is measured, `spans` is what the measure stands on, `reviewed` counts samples read.
    `due_on`: the day (UTC) from which a review that was not made stops releases. `is_synthetic`: nobody's data, so no
    review is due."""

    feed: str
    entity: str
    column: str
    found_by: str
    source: Source
    recall_floor: float
    recall: float | None
    recall_lower: float | None
    spans: int
    reviewed: int
    first_landed: dt.date | None
    due_on: dt.date | None
    status: Status
    is_held: bool
    is_lifted: bool
    is_synthetic: bool

    @property
    def reason(self) -> str:
        """Why releases stop, and what to do; empty where they do not."""
        if not self.is_held:
            return ""
        name = f"{self.feed}.{self.column}"
        if self.status == "overdue":
            return f"{name}: its redaction was to be reviewed by {self.due_on} and was not: ./telaga review open"
        told = f"{self.recall_lower:.3f} ({self.source.replace('_', ' ')})"
        return (
            f"{name}: recall of at least {told} lies under its floor {self.recall_floor:g}: "
            f"./telaga review lift {self.feed} {self.column}, or find more"
        )


def field_states(
    lake: Lake, contracts: Sequence[Contract], *, cards: Sequence[ModelCard], now: dt.datetime, time_zone: str
) -> tuple[FieldState, ...]:
    """Every field of narratives that has landed, by feed and column. `now` (UTC) is the wall clock.

    A review was made where FEWEST_SAMPLES were read of what finds now, or as many as there are narratives.
    """
    import polars as pl

    if lake.version("control", "redaction_narratives") is None:
        return ()
    landed = lake.read("control", "redaction_narratives").collect().sort("logged_at")
    done = reviews(lake)
    by_feed = {contract.feed: contract for contract in contracts}
    first = _first_landings(lake)
    lifted = _lifts(lake)
    found = []
    for (feed, column), lines in sorted(
        landed.group_by(["feed", "column"], maintain_order=True), key=lambda g: str(g[0])
    ):
        contract = by_feed.get(str(feed))
        if contract is None:
            continue
        found_by = lines["found_by"][-1]
        mine = done.filter(pl.col("feed") == feed, pl.col("column") == column)
        since = first.get(str(feed))
        changed = lines.filter(pl.col("found_by") == found_by)["logged_at"].min()
        if mine.height and since is not None and isinstance(changed, dt.datetime):
            # What finds has changed since a review: the time begins again with its own first batch.
            since = max(since, changed)
        found.append(
            _state(
                contract,
                str(column),
                found_by,
                mine.filter(pl.col("found_by") == found_by),
                next((card for card in cards if card.speaks_for(found_by)), None),
                narratives=max(1, int(lines.filter(pl.col("found_by") == found_by)["narratives"].sum())),
                since=since,
                lift=lifted.get((str(feed), str(column), found_by)),
                now=now,
                zone=ZoneInfo(time_zone),
            )
        )
    return tuple(found)


def _state(
    contract: Contract,
    column: str,
    found_by: str,
    done: pl.DataFrame,
    card: ModelCard | None,
    *,
    narratives: int,
    since: dt.datetime | None,
    lift: dt.datetime | None,
    now: dt.datetime,
    zone: ZoneInfo,
) -> FieldState:
    floor = floor_of(contract, column)
    source, bound, reviewed = _measure(done, card, floor)
    due = since + GRACE if since else None
    is_made = reviewed >= min(FEWEST_SAMPLES, narratives)
    status: Status
    if bound is not None and bound.lower < floor:
        status = "below"
    elif source == "review":
        status = "met"
    elif due is not None and now >= due and not is_made and not contract.is_synthetic:
        status = "overdue"
    else:
        status = "unmeasured" if bound is None else "unreviewed"
    # A lift speaks of what was known when it was given: a later review asks again.
    last = done["reviewed_at"].max() if source == "review" else None
    is_lifted = status == "below" and lift is not None and (not isinstance(last, dt.datetime) or lift >= last)
    # Of synthetic data nobody needs to be protected: only what a reviewer found stops it.
    stops = status == "overdue" or (status == "below" and (source == "review" or not contract.is_synthetic))
    return FieldState(
        feed=contract.feed,
        entity=contract.entity,
        column=column,
        found_by=found_by,
        source=source,
        recall_floor=floor,
        recall=round(bound.value, 6) if bound else None,
        recall_lower=round(bound.lower, 6) if bound else None,
        spans=bound.n if bound else 0,
        reviewed=reviewed,
        first_landed=since.astimezone(zone).date() if since else None,
        due_on=due.date() if due else None,
        status=status,
        is_held=stops and not is_lifted,
        is_lifted=is_lifted,
        is_synthetic=contract.is_synthetic,
    )


def _measure(done: pl.DataFrame, card: ModelCard | None, floor: float) -> tuple[Source, Bound | None, int]:
    """What speaks for a field, its bound, and how many samples were read of it.

    Few spans give a low bound whatever was found in them: they speak only where the upper one too is under the floor.
    """
    told = measured(done, ["feed", "column"])
    if not told.height:
        samples = 0
    else:
        row = told.row(0, named=True)
        samples = int(row["samples"])
        if row["spans"] >= FEWEST_SPANS or (row["spans"] and row["recall_upper"] < floor):
            return "review", Bound(row["recall"], row["recall_lower"], row["spans"]), samples
    bound = card.all_types if card else None
    return ("model_card" if bound else "none"), bound, samples


def floor_of(contract: Contract, column: str) -> float:
    """The floor that the contract declares for a field (`recall_floor`), else FLOOR."""
    for each in contract.columns:
        if each.name == column:
            return float(each.options.get("recall_floor", FLOOR))
    return FLOOR


def _first_landings(lake: Lake) -> dict[str, dt.datetime]:
    """Feed -> when it first landed a batch, by the batch log."""
    import polars as pl

    if lake.version("control", "batch_log") is None:
        return {}
    landed = (pl.col("event") == "outcome") & (pl.col("status") == "landed")
    first = lake.read("control", "batch_log").filter(landed).group_by("feed").agg(pl.col("logged_at").min()).collect()
    return dict(first.iter_rows())


def store(lake: Lake, states: Sequence[FieldState]) -> None:
    """Make the states the whole of control/recall_floors, which the mart shows."""
    import polars as pl

    texts = ("feed", "entity", "column", "found_by", "source")
    schema: dict[str, Any] = {
        **dict.fromkeys(texts, pl.String),
        **dict.fromkeys(("recall_floor", "recall", "recall_lower"), pl.Float64),
        **dict.fromkeys(("spans", "reviewed"), pl.Int64),
        **dict.fromkeys(("first_landed", "due_on"), pl.Date),
        "status": pl.String,
        **dict.fromkeys(("is_held", "is_lifted", "is_synthetic"), pl.Boolean),
    }
    if states or lake.version("control", TABLE) is not None:
        lake.replace("control", TABLE, pl.DataFrame([asdict(state) for state in states], schema=schema))


class NothingToLift(ValueError):
    """A field whose releases do not stop for a bound under its floor; the message says how it stands."""


def lift(
    lake: Lake,
    states: Sequence[FieldState],
    log: AccessLog,
    feed: str,
    column: str,
    *,
    by: str,
    reason: str,
    now: dt.datetime,
) -> None:
    """Let releases go on although a bound lies under the floor: who decided and why, logged in the access log and kept.

    Raises NothingToLift for a field that is not held for that, ValueError without a name or a reason.
    """
    import polars as pl

    if not by.strip() or not reason.strip():
        raise ValueError("a lift needs a name and a reason")
    state = next((each for each in states if (each.feed, each.column) == (feed, column)), None)
    if state is None:
        known = ", ".join(f"{each.feed} {each.column}" for each in states) or "none"
        raise NothingToLift(f"no field of narratives {feed} {column} has landed; known are: {known}")
    if state.status == "overdue":
        raise NothingToLift(f"{feed} {column} waits for its review, which nobody can lift: ./telaga review open")
    if state.status != "below" or not state.is_held:
        raise NothingToLift(f"{feed} {column} holds nothing back: it is {state.status}")
    log.record(
        actor=by.strip(),
        action="lift",
        subject=f"recall floor {feed} {column}: {state.recall_lower:.4f} under {state.recall_floor:g}",
        purpose=reason.strip(),
        audience="privacy",
    )
    line = dict(zip(_LIFT, (feed, column, state.found_by, by.strip(), reason.strip(), now), strict=True))
    lake.append("control", LIFTS, pl.DataFrame([line], schema=_lift_schema()))


_LIFT = ("feed", "column", "found_by", "lifted_by", "reason", "logged_at")


def _lift_schema() -> dict[str, Any]:
    import polars as pl

    return {**dict.fromkeys(_LIFT[:-1], pl.String), "logged_at": pl.Datetime("us", "UTC")}


def _lifts(lake: Lake) -> dict[tuple[str, str, str], dt.datetime]:
    """(feed, column, found_by) -> when it was last lifted."""
    import polars as pl

    if lake.version("control", LIFTS) is None:
        return {}
    last = lake.read("control", LIFTS).group_by("feed", "column", "found_by").agg(pl.col("logged_at").max()).collect()
    return {(feed, column, found_by): when for feed, column, found_by, when in last.iter_rows()}


def held_marts(states: Sequence[FieldState], readers: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """Mart -> why it is not released. `readers`: mart -> entities of whose narratives' terms it is made."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for state in states:
        if state.is_held:
            reasons[state.entity].append(state.reason)
    held = {}
    for mart, entities in sorted(readers.items()):
        told = [reason for entity in sorted(entities) for reason in reasons.get(entity, ())]
        if told:
            held[mart] = "; ".join(told)
    return held
