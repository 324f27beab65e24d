"""What a changed contract means for rows that have landed under an older one: a pure comparison of the two.

What only concerns later deliveries is told. What got stricter leaves the table, history included. What the table cannot
follow is refused, with the next step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.contract import Column, Contract

# From loose to strict. Of text: its redacted form lands, then terms of a closed list alone, then nothing.
STRICTNESS = {"keep": 0, "generalise": 1, "pseudonymise": 2, "redact": 3, "extract": 4, "drop": 5}
WIDER = {
    ("integer", "number"),
    ("integer", "string"),
    ("number", "string"),
    ("boolean", "string"),
    ("date", "string"),
    ("date", "timestamp"),
}
BACKFILL = "what landed before stays as it is; a run over the interval (--from, --to) or a backfill replaces it"


@dataclass
class Change:
    """What follows from a change. `told`, `refused` and `stuck`: one line each. `forgotten` names conformed columns
    (and `narrative_redacted`, `terms`, `plate_token`) whose traces leave the table, `coarser` those coarsened. `stuck`
    may no longer lie in the table, and cannot leave it."""

    told: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)
    coarser: set[str] = field(default_factory=set)

    @property
    def is_stricter(self) -> bool:
        return bool(self.forgotten or self.coarser)


def change_since(landed: Sequence[Contract], after: Contract) -> Change:
    """From the contracts that rows may lie under (oldest first) to `after`. A change is refused against the newest;
    stricter counts against each of them, for rows of each may lie in the table."""
    whole = Change()
    for before in landed:
        if before.digest == after.digest:
            continue
        change = _between(before, after)
        whole.forgotten |= change.forgotten
        whole.coarser |= change.coarser
        whole.told += [line for line in change.told if line not in whole.told]
        whole.stuck += [line for line in change.stuck if line not in whole.stuck]
        whole.refused = change.refused
    if landed and landed[-1].digest == after.digest:
        whole.refused = []
    return whole


def _between(before: Contract, after: Contract) -> Change:
    change = Change()
    change.refused += _refusals(before, after)
    renamed = _renamed(before, after)
    key = tuple(renamed.get(name, name) for name in before.key)
    if key != after.key:
        change.refused.append("the key is another, and says which record is which; declare a new feed")
    later = {column.name: column for column in after.columns}
    for column in before.columns:
        name = renamed.get(column.name, column.name)
        if name != column.name:
            change.told.append(f"column {column.name} is now {name}: rows stay as they are")
        _column(column, later.get(name), after, change)
    known = {column.name for column in before.columns} | set(renamed.values())
    was_filled = before.mapped().keys() | before.constants.keys()
    for column in after.columns:
        is_new = column.maps_to and column.maps_to not in was_filled
        if is_new and (column.name not in known or not _target(before, column.name)):
            change.told.append(f"column {column.name} fills {column.maps_to} from now on; {BACKFILL}")
    for what, old, new in (
        ("constants", before.constants, after.constants),
        ("time_zone", before.time_zone, after.time_zone),
        ("derive", before.derive, after.derive),
    ):
        # A contract that names no clock keeps its city's, which the landed text does not say.
        if old != new and None not in (old, new):
            change.told.append(f"{what} changed; {BACKFILL}")
    if change.is_stricter and not after.key:
        change.told.append(
            "records of this feed have no key and are known by their content as mapped, which is another now: take "
            "files again as a backfill, not under a new name"
        )
    return change


def _refusals(before: Contract, after: Contract) -> Iterator[str]:
    if before.entity != after.entity:
        yield f"it maps onto {after.entity} instead of {before.entity}; declare a new feed"
    if before.is_synthetic != after.is_synthetic:
        yield "is_synthetic changed, and every landed row says what it was; declare a new feed"
    if _version(after.version) <= _version(before.version):
        yield f"it still says version {after.version} and {before.version} has landed; raise the version"


def _column(old: Column, new: Column | None, after: Contract, change: Change) -> None:
    name, target = old.name, old.maps_to
    traces = _traces(old)
    if new is None:
        if traces and (name in after.ignored or after.unknown_columns == "drop"):
            _forget(old, after, traces, change)
        elif traces:
            change.told.append(f"column {name} is no longer delivered; what landed of it stays")
        return
    lost = traces - _traces(new)
    if lost and (target is None or STRICTNESS.get(new.action, 0) > STRICTNESS.get(old.action, 0)):
        _forget(old, after, lost, change)
    elif target and new.maps_to and new.maps_to != target:
        change.refused.append(
            f"column {name} maps to {new.maps_to} instead of {target}, where its values stand; migrate to a version "
            f"that drops it, then to one that maps it to {new.maps_to}"
        )
    elif target and not new.maps_to and new.action != "drop":
        _forget(old, after, traces, change)
    elif target and STRICTNESS.get(new.action, 0) > STRICTNESS.get(old.action, 0):
        change.coarser.add(target)
        change.told.append(f"column {name}: {old.action} becomes {new.action}; {target} is made so in all versions")
    elif STRICTNESS.get(new.action, 0) < STRICTNESS.get(old.action, 0):
        change.told.append(f"column {name}: {old.action} becomes {new.action} from now on; {BACKFILL}")
    if not (target and new.maps_to == target):
        return
    if old.logical_type != new.logical_type:
        pair = (old.logical_type, new.logical_type)
        if pair in WIDER and name not in after.key:
            change.told.append(f"column {name}: {pair[0]} becomes {pair[1]}, which holds all that landed")
        else:
            change.refused.append(
                f"column {name}: {pair[0]} cannot become {pair[1]} under rows that have landed"
                f"{' (it is part of the key)' if name in after.key else ''}; declare a new column, or a new feed"
            )
    if old.codes != new.codes or old.options != new.options:
        change.told.append(f"column {name} is read into {target} in another way; {BACKFILL}")


def _forget(old: Column, after: Contract, traces: set[str], change: Change) -> None:
    from ingestion.entities import load_entities

    target = old.maps_to
    entity = load_entities()[after.entity]
    if target in entity.conformed_names and entity.field(str(target)).required:
        change.stuck.append(
            f"column {old.name} is dropped, but {target} must stand in every row and holds it in those that landed; "
            "declare a new feed and let retention end this one"
        )
        return
    change.forgotten |= traces
    change.told.append(f"column {old.name}: what came of it ({', '.join(sorted(traces))}) leaves all versions")


def _traces(column: Column) -> set[str]:
    """What of a column can lie in the minimised table."""
    found = {column.maps_to} if column.maps_to and column.action not in ("redact", "extract", "drop") else set()
    if column.action == "redact":
        found |= {"narrative_redacted", "terms"}
    elif column.action == "extract":
        found.add("terms")
    elif "links" in column.options:
        found.add("plate_token")
    return {name for name in found if name}


def _renamed(before: Contract, after: Contract) -> dict[str, str]:
    """Old name -> new name of columns that changed nothing else that matters: what they fill, or their part of the key,
    and the type, unless it got wider."""
    gone = [column for column in before.columns if column.name not in after.names and (_part(column, before))]
    come = [column for column in after.columns if column.name not in before.names]
    found = {}
    for old in gone:
        same = [new for new in come if _part(new, after) == _part(old, before)]
        if len(same) == 1 and old.name not in after.ignored:
            found[old.name] = same[0].name
    return found


def _part(column: Column, contract: Contract) -> tuple[str, int] | None:
    place = contract.key.index(column.name) if column.name in contract.key else -1
    return (column.maps_to or "", place) if column.maps_to or place >= 0 else None


def _target(contract: Contract, name: str) -> str | None:
    return next((column.maps_to for column in contract.columns if column.name == name), None)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in text.split("-")[0].split("."))
