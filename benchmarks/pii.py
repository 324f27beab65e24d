"""What the recognizers find and miss, by type, letter case and noise, and how fast, beside Presidio as it comes.

One build and one threshold for all cells. A span is covered where at least 95 % of its letters and digits, and all
digits of an identifier, are hit by any type; titles are neutral. Precision counts letters and digits hit.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figure

if TYPE_CHECKING:
    from benchmarks.narratives_gold import Gold
    from ingestion.minimise.narratives import Redactor
    from ingestion.minimise.recognizers import NameModel

SUMMARY = "personal data found and missed in narratives and news, precision and speed, beside Presidio as it comes"
ENVIRONMENT = "main"

NARRATIVES, ROUNDS, TIMED = 2400, 5, 240
ALL = "all types"
# Neither found nor missed: words that stand before or behind a name.
_TITLES = re.compile(
    r"(?<![^\W_])(?:h|hj|kh|dr|drs|dra|drg|ir|prof|tn|ny|nn|sdr|sdri|sdra|saudara|saudari|bpk|bp|bapak|ibu|pak|"
    r"bu|aipda|aiptu|bripka|bripda|briptu|brigpol|brigadir|"
    r"akp|akbp|kompol|kombes|iptu|ipda|haji|hajah|kapten|mayor|kolonel|tuan|nyonya|presiden|menteri|gubernur|"
    r"jenderal|raja|ratu|sultan|pangeran|sir)(?![^\W_])",
    re.IGNORECASE,
)
Finder = Callable[[str], "list[tuple[int, int]]"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `./telaga bench pii`."""
    parser.add_argument(
        "--narratives",
        type=Path,
        metavar="FILE",
        help="other gold narratives: a JSON list of text and spans [start, end, type]",
    )
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="a name model (default: the home's, else rules only)"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave the peers and the comparison of speed out")
    parser.add_argument(
        "--card",
        action="store_true",
        help="write the bounds into the model's card, those of rules only too (the model's are, without --narratives)",
    )
    parser.epilog = "Example: TELAGA_CITY_DATA=<folder> ./telaga bench pii --json pii.json"


def run(arguments: argparse.Namespace) -> list[Figure]:
    """All figures. News is read from TELAGA_CITY_DATA/pii; without it those cells are missing, and a row says so."""
    from benchmarks.narratives_gold import narratives
    from ingestion.minimise.narratives import Redactor
    from ingestion.minimise.recognizers import describe

    model, path = _model(arguments.model)
    gold = read_gold(arguments.narratives) if arguments.narratives else narratives("scored", NARRATIVES)
    redactor = Redactor(model)
    _note(f"{describe(model)}, threshold {redactor.threshold}, {len(gold):,} narratives")
    figures = [Figure("", f"build: {describe(model)}, one threshold", redactor.threshold)]
    measured = narrative_figures(gold, redactor.spans_of)
    leak = leak_figures(gold, redactor)
    figures += [*measured, *leak]
    data = os.environ.get("TELAGA_CITY_DATA")
    folder = Path(data) / "pii" if data else None
    if folder and (folder / "nergrit").is_dir():
        figures += news_figures(folder, redactor.spans_of, model)
    else:
        figures.append(
            Figure("nergrit and idner2k measured", "news: TELAGA_CITY_DATA is not set, not measured", None, met=False)
        )
    if not arguments.no_peers:
        figures += speed_figures(gold, redactor, folder)
    if arguments.card or (model and not arguments.narratives):
        bounds = [measured_bounds(redactor, measured, leak[0])]
        if arguments.card and model:
            alone = Redactor(None)
            _note(alone.found_by)
            plain, lost = narrative_figures(gold, alone.spans_of, noises=(False,)), leak_figures(gold, alone)
            bounds.append(measured_bounds(alone, plain, lost[0]))
            # What rules do without a model is no aim.
            figures += [
                replace(figure, aim="", met=None, cell=f"{alone.found_by}: {figure.cell}") for figure in [*plain, *lost]
            ]
        write_card(path, bounds)
    return figures


def read_gold(path: Path) -> list[Gold]:
    """Narratives of a file. Raises ValueError, naming the entry, where one has another shape."""
    from benchmarks.narratives_gold import Gold

    made = []
    for at, entry in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        text, spans = entry.get("text"), entry.get("spans")
        if not isinstance(text, str) or not isinstance(spans, list):
            raise ValueError(f"{path.name}: entry {at} needs text and spans ([start, end, type])")
        if any(not (len(span) == 3 and 0 <= span[0] < span[1] <= len(text)) for span in spans):
            raise ValueError(f"{path.name}: entry {at} has a span outside its text")
        made.append(Gold(text, tuple((int(start), int(end), str(kind)) for start, end, kind in spans)))
    return made


@dataclass
class Counts:
    """Spans and those covered, by type; letters and digits hit, and those hit rightly."""

    spans: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)
    hit: int = 0
    right: int = 0

    def add(self, gold: Gold, found: Iterable[tuple[int, int]]) -> None:
        """Count one text."""
        text = gold.text
        counts = [letter.isalnum() for letter in text]
        hit, right = bytearray(len(text)), bytearray(len(text))
        for start, end in found:
            hit[start:end] = b"\1" * (end - start)
        for match in _TITLES.finditer(text):
            for at in range(*match.span()):
                counts[at] = False
        for start, end, kind in gold.spans:
            places = [at for at in range(start, end) if counts[at]] or list(range(start, end))
            right[start:end] = b"\1" * (end - start)
            self.spans[kind] += 1
            self.covered[kind] += is_covered(text, places, hit, kind)
        self.hit += sum(1 for at, is_hit in enumerate(hit) if is_hit and counts[at])
        self.right += sum(1 for at, is_hit in enumerate(hit) if is_hit and right[at] and counts[at])

    @property
    def precision(self) -> float:
        """Share of the letters and digits hit that belong to a personal span."""
        return self.right / self.hit if self.hit else 1.0


def is_covered(text: str, places: Sequence[int], hit: Sequence[int], kind: str) -> bool:
    """At least 95 % of these letters and digits hit, and of an identifier every digit."""
    if sum(hit[at] for at in places) < 0.95 * len(places):
        return False
    return kind in ("PERSON", "ADDRESS") or all(hit[at] for at in places if text[at].isdigit())


def wilson(successes: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    share = successes / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def count(gold: Iterable[Gold], finder: Finder) -> Counts:
    """Counts of one cell."""
    counts = Counts()
    for narrative in gold:
        counts.add(narrative, finder(narrative.text))
    return counts


def narrative_figures(gold: Sequence[Gold], finder: Finder, noises: Sequence[bool] = (False, True)) -> list[Figure]:
    """Covered by type x letter case x noise, and the precision of each cell."""
    from benchmarks.narratives_gold import CASES, in_case, with_noise

    figures = []
    for noise in noises:
        for case in CASES:
            _note(f"narratives, {case}{', noise' if noise else ''}")
            cell = f"narratives, {case}{', noise' if noise else ''}"
            counts = count((with_noise(in_case(one, case)) if noise else in_case(one, case) for one in gold), finder)
            for kind in sorted(counts.spans):
                figures.append(_covered(counts, kind, cell, _aim(kind, case, noise)))
            figures.append(_precision(counts, cell, 0.90 if case == "mixed" and not noise else 0.85))
    return figures


def _aim(kind: str, case: str, noise: bool) -> float | None:
    if kind == "PERSON":
        return None if noise else 0.97 if case == "mixed" else 0.95
    if kind == "ADDRESS":
        return 0.90 if case == "capitals" and not noise else None
    return 0.99 if case == "mixed" and not noise else 0.97


def _covered(counts: Counts, kind: str, cell: str, aim: float | None) -> Figure:
    covered, spans = counts.covered[kind], counts.spans[kind]
    value = covered / spans if spans else None
    lower, upper = wilson(covered, spans)
    met = None if aim is None or value is None else value >= aim
    return Figure(f">= {aim}" if aim else "", f"{cell}: {kind} covered", value, lower, upper, spans, met)


def _precision(counts: Counts, cell: str, aim: float | None) -> Figure:
    met = None if aim is None else counts.precision >= aim
    return Figure(f">= {aim}" if aim else "", f"{cell}: character precision", counts.precision, n=counts.hit, met=met)


def leak_figures(gold: Sequence[Gold], redactor: Any) -> list[Figure]:
    """Values of gold spans that stand whole in the redacted text (protected narratives, which give none, left out)."""
    from benchmarks.narratives_gold import CASES, in_case

    leaked = values = 0
    for case in CASES:
        texts = [in_case(one, case) for one in gold]
        redacted = redactor.redact([one.text for one in texts])
        for one, result in zip(texts, redacted.narratives, strict=True):
            if result is None or result.text is None:
                continue
            rest = _plain(result.text)
            for start, end, _ in one.spans:
                value = _plain(one.text[start:end])
                # A value that the rest of the text says as well (a town, a short nickname) is no leak of the span.
                around = _plain(one.text[:start]) + "|" + _plain(one.text[end:])
                if len(value) >= 3 and value not in around:
                    values += 1
                    leaked += value in rest
    lower, upper = wilson(leaked, values)
    return [
        Figure(
            "",
            "leak rate: values left whole in redacted narratives, three cases",
            leaked / max(1, values),
            lower,
            upper,
            values,
        )
    ]


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def news_figures(folder: Path, finder: Finder, model: NameModel | None) -> list[Figure]:
    """PERSON covered and precision on nergrit test and idner2k dev, without texts that share 8 words with training."""
    from benchmarks.narratives_gold import Gold, in_case
    from ingestion.minimise.recognizers.name_corpus import PARTS, read_tagged

    trained = {
        gram
        for part in PARTS
        if (folder / part).is_file()
        for one in read_tagged(folder / part)
        for gram in _grams(one.text)
    }
    figures = []
    for name, part in (("nergrit test", "nergrit/test.txt"), ("idner2k dev", "idner2k/dev.txt")):
        every = read_tagged(folder / part)
        kept = [one for one in every if not trained.intersection(_grams(one.text))]
        figures.append(
            Figure(
                "",
                f"{name}: sentences left out for 8 words in common with training",
                len(every) - len(kept),
                n=len(every),
            )
        )
        gold = [Gold(one.text, tuple(span for span in one.spans if span[2] == "PERSON")) for one in kept]
        for case in ("mixed", "capitals", "lower"):
            _note(f"{name}, {case}")
            counts = count((in_case(one, case) for one in gold), finder)
            is_aimed = name.startswith("nergrit") and case == "mixed"
            figures.append(_covered(counts, "PERSON", f"{name}, {case}", 0.80 if is_aimed else None))
            figures.append(_precision(counts, f"{name}, {case}", 0.85 if is_aimed else None))
    return figures


def _grams(text: str, size: int = 8) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + size]) for at in range(len(words) - size + 1)}


def speed_figures(gold: Sequence[Gold], redactor: Any, folder: Path | None) -> list[Figure]:
    """Texts a second of each path and what the peers cover, on the same mixed narratives; rounds interleaved."""
    from benchmarks.presidio_peers import naive_indonesian, stock_english, trained_ner

    texts = [one.text for one in gold[:TIMED]]
    _note("peers: the small spaCy model is trained")
    ner = trained_ner(folder) if folder and (folder / "nergrit").is_dir() else None
    peers: dict[str, Finder] = {
        "P1 stock Presidio": stock_english(),
        "P2 naive Indonesian patterns": naive_indonesian(None),
    }
    if ner is not None:
        peers["P3 naive patterns and small spaCy NER"] = naive_indonesian(ner)
    every: dict[str, Callable[[Sequence[str]], object]] = {
        name: functools.partial(_one_by_one, finder) for name, finder in peers.items()
    }
    every["ours, as landing runs it"] = redactor.analyse
    every["ours, inside Presidio one by one"] = functools.partial(_one_by_one, redactor.spans_of)
    seconds: dict[str, list[float]] = {name: [] for name in every}
    for path in every.values():
        path(texts[:20])
    # What was built so far is left out of garbage collection, which would otherwise interrupt whoever runs just then.
    gc.collect()
    gc.freeze()
    for round_number in range(ROUNDS):
        _note(f"speed, round {round_number + 1} of {ROUNDS}")
        for name, path in every.items():
            began = time.process_time()
            path(texts)
            seconds[name].append(time.process_time() - began)
    rates = {name: len(texts) / statistics.median(taken) for name, taken in seconds.items()}
    figures = [
        Figure(
            "",
            f"speed: {name}, texts a second on one core",
            rate,
            len(texts) / max(seconds[name]),
            len(texts) / min(seconds[name]),
            len(texts),
        )
        for name, rate in rates.items()
    ]
    ours = rates["ours, as landing runs it"]
    for aim, name in ((3.0, "P2 naive Indonesian patterns"), (10.0, "P3 naive patterns and small spaCy NER")):
        if name in rates:
            figures.append(
                Figure(
                    f">= {aim:g} x",
                    f"speed: ours beside {name}",
                    ours / rates[name],
                    n=ROUNDS,
                    met=ours / rates[name] >= aim,
                )
            )
        else:
            figures.append(
                Figure(
                    f">= {aim:g} x",
                    f"speed: ours beside {name}, not measured without TELAGA_CITY_DATA",
                    None,
                    met=False,
                )
            )
    for name, finder in {**peers, "ours": redactor.spans_of}.items():
        counts = count(gold[:TIMED], finder)
        spans, covered = sum(counts.spans.values()), sum(counts.covered.values())
        figures.append(
            Figure("", f"same narratives, {name}: {ALL} covered", covered / spans, *wilson(covered, spans), spans)
        )
        figures.append(_precision(counts, f"same narratives, {name}", None))
    return figures


def _one_by_one(finder: Finder, texts: Sequence[str]) -> None:
    for text in texts:
        finder(text)


def measured_bounds(redactor: Redactor, figures: Sequence[Figure], leak: Figure) -> dict[str, Any]:
    """What a recall floor counts before a review: of each type the letter case with the lowest bound, without noise;
    and the share of values that redacted text still holds, with its upper bound. Valid for what found them alone."""
    recall: dict[str, dict[str, float | int | None]] = {}
    for figure in figures:
        match = re.fullmatch(r"narratives, \w+: (\w+) covered", figure.cell)
        if match and figure.lower is not None and figure.n:
            bound = {"lower": round(figure.lower, 4), "value": figure.value, "n": figure.n}
            known = recall.get(match[1])
            if known is None or figure.lower < (known["lower"] or 0):
                recall[match[1]] = bound
    return {
        "found_by": redactor.model.digest if redactor.model else redactor.found_by,
        "threshold": redactor.threshold,
        "recall": recall,
        "leak": {"value": leak.value, "upper": leak.upper, "n": leak.n},
    }


def write_card(path: Path, bounds: Sequence[dict[str, Any]]) -> None:
    """The card beside the model's file; its folder is made where there is no model yet."""
    card = path.with_suffix(".card.json")
    card.parent.mkdir(parents=True, exist_ok=True)
    card.write_text(json.dumps({"measured": list(bounds)}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _note(f"bounds written to {card}")


def _model(named: Path | None) -> tuple[NameModel | None, Path]:
    from infra.settings import current_home
    from ingestion.minimise.recognizers.name_model import FILE_NAME, load

    path = named or current_home().root / "models" / FILE_NAME
    if not path.is_file():
        if named:
            raise SystemExit(f"telaga bench pii: no name model at {named}; run ./telaga train names")
        return None, path
    return load(path), path


def _note(text: str) -> None:
    print(f"pii: {text}", file=sys.stderr)
