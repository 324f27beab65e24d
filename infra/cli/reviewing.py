"""One narrative at a time in the terminal, and what its reader says of it.

The narrative stands on the terminal's other screen, which leaves nothing to scroll back to, and is in no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from governance.entity_types import KINDS
from governance.review import BadMarks, Marks, Sample, check

if TYPE_CHECKING:
    from rich.console import Console

HELP = """\
x N             finding N is no personal data
m TYPE words    these words are personal data that was missed, as they stand in the text
m TYPE FROM TO  the same by characters, TO excluded
u  take back     d  done     s  skip     q  stop     t  types     Enter  help"""


class Stopped(Exception):
    """The reader stops; what was done so far is kept."""


@contextmanager
def other_screen(console: Console) -> Iterator[None]:
    """Shows what follows on the terminal's other screen, where it has one."""
    console.set_alt_screen(True)
    try:
        yield
    finally:
        console.set_alt_screen(False)


def read(console: Console, ask: Callable[[], str], sample: Sample, heading: str) -> Marks | None:
    """Shows a sample and takes marks until its reader is done; None where it is skipped. Raises Stopped."""
    marks, note = Marks(), ""
    while True:
        show(console, sample, marks, heading, note)
        try:
            words = ask().split()
        except EOFError:
            raise Stopped from None
        match words:
            case []:
                note = HELP
            case ["d"]:
                return marks
            case ["s"]:
                return None
            case ["q"]:
                raise Stopped
            case ["t"]:
                note = ", ".join(f"{kind} ({title})" for kind, title in KINDS.items())
            case _:
                try:
                    marks, note = marked(sample, marks, words), ""
                except BadMarks as error:
                    note = str(error)


def marked(sample: Sample, marks: Marks, words: list[str]) -> Marks:
    """The marks after one more command. Raises BadMarks where it is none or does not fit."""
    match words:
        case ["u"]:
            if marks.missed:
                return replace(marks, missed=marks.missed[:-1])
            return replace(marks, excessive=marks.excessive[:-1])
        case ["x", number] if number.isdigit():
            new = replace(marks, excessive=(*marks.excessive, int(number) - 1))
        case ["m", kind, start, end] if start.isdigit() and end.isdigit():
            new = replace(marks, missed=(*marks.missed, (int(start), int(end), kind.upper())))
        case ["m", kind, *text] if text:
            new = replace(marks, missed=(*marks.missed, (*_place(sample, marks, text), kind.upper())))
        case _:
            raise BadMarks(f"no command\n{HELP}")
    check(sample, new)
    return new


def _place(sample: Sample, marks: Marks, words: list[str]) -> tuple[int, int]:
    """Where the words first stand, in any letter case and spacing, outside what was found or is marked already."""
    import re

    taken = [(start, end) for _, start, end, *_ in sample.spans] + [(start, end) for start, end, _ in marks.missed]
    for match in re.finditer(r"\s+".join(map(re.escape, words)), sample.original, re.IGNORECASE):
        if not any(start <= match.start() and match.end() <= end for start, end in taken):
            return match.span()
    raise BadMarks("these words do not stand in the text, or only where something was found or marked already")


def show(console: Console, sample: Sample, marks: Marks, heading: str, note: str) -> None:
    """The narrative with its findings numbered from 1, the marks so far, and a note."""
    from rich.table import Table
    from rich.text import Text

    console.clear()
    console.print(Text(heading, style="bold"))
    text = Text(sample.original)
    for _, start, end, *_ in sample.spans:
        text.stylize("black on cyan", start, end)
    for place in marks.excessive:
        text.stylize("black on yellow", *sample.spans[place][1:3])
    for start, end, _ in marks.missed:
        text.stylize("white on red", start, end)
    console.print(text)
    table = Table(show_header=True, box=None)
    for name in ("", "type", "from", "to", "score", "rule", "text", ""):
        table.add_column(name)
    for number, (kind, start, end, score, rule) in enumerate(sample.spans, start=1):
        is_excessive = number - 1 in marks.excessive
        cells = (str(number), kind, str(start), str(end), f"{score:.2f}", rule)
        table.add_row(*cells, Text(sample.original[start:end]), "excessive" if is_excessive else "")
    for start, end, kind in marks.missed:
        table.add_row("", kind, str(start), str(end), "", "", Text(sample.original[start:end]), "missed")
    console.print(table)
    console.print(Text(note or HELP.splitlines()[-1], style="dim"))
