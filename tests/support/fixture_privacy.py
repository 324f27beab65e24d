"""Rows of the privacy marts for a made release: seeded noise, one unusual batch, one field that holds releases back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

AS_OF = date(2026, 6, 30)
FEEDS = ("polda_kaltim.police_records", "polda_kaltim.emergency_calls_110")
FOUND_BY = "name model 0123456789ab"
ALL = {"data_label": "SINTETIS", "as_of": AS_OF}
RULES = {"PERSON": "title", "NIK": "nik", "PLATE": "plate", "PHONE": "mobile", "ADDRESS": "street"}


def _batches(random: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for feed in FEEDS:
        for number in range(30):
            narratives = int(random.integers(90, 140))
            touched = int(narratives * random.uniform(0.55, 0.65)) if number < 29 else int(0.2 * narratives)
            found.append(
                {
                    "feed": feed,
                    "column_name": "uraian",
                    "action": "extract",
                    "found_by": FOUND_BY,
                    "batch_id": f"b{number:02d}",
                    "day": AS_OF - timedelta(days=7 * (29 - number)),
                    "narratives": narratives,
                    "touched": touched,
                    "protected": int(random.integers(0, 5)),
                    "refused": int(number % 11 == 0),
                    "touched_percent": round(100 * touched / narratives, 2),
                    "usual_percent": 60.0 if number >= 14 else None,
                    "usual_spread": 2.5 if number >= 14 else None,
                    "earlier_batches": number,
                    "deviation": "no_usual_yet" if number < 14 else "low" if number == 29 else "usual",
                    **ALL,
                }
            )
    return found


def batch_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    """Of redaction_batches."""
    return _batches(random)


def finding_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    """Of redaction_findings."""
    shared = ("feed", "column_name", "action", "found_by", "batch_id", "day", "narratives", "touched_percent")
    found = []
    for batch in _batches(random):
        for kind, rule in RULES.items():
            low, middle, high = (int(random.integers(0, most)) for most in (5, 12, 60))
            found.append(
                {
                    **{name: batch[name] for name in shared},
                    "entity_type": kind,
                    "rule_name": rule,
                    "findings": low + middle + high,
                    "score_low": low,
                    "score_middle": middle,
                    "score_high": high,
                    "per_100": round(100 * (low + middle + high) / batch["narratives"], 2),
                    "usual_per_100": 35.0 if batch["usual_percent"] else None,
                    "usual_spread": 9.0 if batch["usual_percent"] else None,
                    "earlier_batches": batch["earlier_batches"],
                    "deviation": "usual" if batch["usual_percent"] else "no_usual_yet",
                    **ALL,
                }
            )
    return found


def floor_rows(_: np.random.Generator) -> list[dict[str, Any]]:
    """Of recall_floors: one reviewed and under its floor, one that only the model's card speaks for."""
    states: list[dict[str, Any]] = [
        {"status": "below", "is_held": True, "measured_by": "review", "recall": 0.93, "recall_lower": 0.901},
        {"status": "unreviewed", "is_held": False, "measured_by": "model_card", "recall": 0.98, "recall_lower": 0.972},
    ]
    return [
        {
            "feed": feed,
            "column_name": "uraian",
            "found_by": FOUND_BY,
            "recall_floor": 0.95,
            "spans": 640,
            "samples_reviewed": 210 if state["measured_by"] == "review" else 0,
            "first_landed": AS_OF - timedelta(days=20),
            "due_on": AS_OF + timedelta(days=10),
            "is_lifted": False,
            "is_synthetic": False,
            **state,
            **ALL,
        }
        for feed, state in zip(FEEDS, states, strict=True)
    ]


def uniqueness_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    """Of row_uniqueness."""
    found = []
    for feed in FEEDS:
        rows = int(random.integers(5000, 9000))
        unique = int(rows * random.uniform(0.5, 0.9))
        share = round(100 * unique / rows, 1)
        counts = {"rows_counted": rows, "rows_unique": unique, "unique_percent": share}
        found.append({"feed": feed, "entity": "police_record", "counted_on": AS_OF, **counts, **ALL})
    return found


MARTS = {
    "redaction_batches": batch_rows,
    "redaction_findings": finding_rows,
    "recall_floors": floor_rows,
    "row_uniqueness": uniqueness_rows,
}
