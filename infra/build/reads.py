"""Which aggregates each estimate is made of, read from the code that makes it: no SQL tells it, so lineage ends there.

A maker (a function named `..._frames`) makes the estimates, and reads the aggregates, that it or any function of this
room that it leads to names. Too much is told sooner than too little.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.build.estimate import ESTIMATES

ROOM = Path(__file__).parent


@dataclass(frozen=True)
class _Function:
    names: frozenset[str]  # of whatever it mentions
    aggregates: frozenset[str]
    estimates: frozenset[str]
    is_open: bool  # asks for an aggregate whose name is not written there


def estimates_read(folder: Path = ROOM) -> dict[str, tuple[str, ...]]:
    """Estimate -> names of the aggregates that it is made of, sorted. One whose maker cannot be told is left out."""
    functions = {name: made for path in sorted(folder.glob("*.py")) for name, made in _functions(path)}
    read: dict[str, set[str]] = {}
    unknown: set[str] = set()
    for name in functions:
        if not name.endswith("_frames"):
            continue
        reached = _reached(name, functions)
        for estimate in frozenset[str]().union(*(each.estimates for each in reached)):
            read.setdefault(estimate, set()).update(*(each.aggregates for each in reached))
            if any(each.is_open for each in reached):
                unknown.add(estimate)
    return {name: tuple(sorted(found)) for name, found in read.items() if found and name not in unknown}


def _functions(path: Path) -> Iterator[tuple[str, _Function]]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef) or node.name == "aggregate":
            continue
        inside = list(ast.walk(node))
        asked = [
            call.args[-1]
            for call in inside
            if isinstance(call, ast.Call) and _name(call.func) == "aggregate" and call.args
        ]
        literal = [each.value for each in asked if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        keys = [key for each in inside if isinstance(each, ast.Dict) for key in each.keys]
        yield (
            node.name,
            _Function(
                frozenset(_name(each) for each in inside if isinstance(each, ast.Name | ast.Attribute)),
                frozenset(literal),
                frozenset(
                    key.value
                    for key in keys
                    if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value in ESTIMATES
                ),
                len(literal) < len(asked),
            ),
        )


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _reached(name: str, functions: dict[str, _Function]) -> list[_Function]:
    seen, waiting = {name}, [name]
    while waiting:
        new = functions[waiting.pop()].names & functions.keys() - seen
        seen |= new
        waiting += new
    return [functions[each] for each in seen]
