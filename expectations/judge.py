"""The verdict on a batch: its profile against the feed's limits, and a second reading of its rows.

The second reading asks Great Expectations, over the rows as read, the same row rules that conform applied, by other
code. A row that breaks a rule goes to quarantine and is no reason to stop a batch; a row that the second reading
finds broken and conform let pass is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from expectations.suite import REPEATS, Check, Limits, profile_checks, row_checks
from ingestion.profile import BatchProfile, Verdict, sample_of, shares_of, shift

if TYPE_CHECKING:
    import polars as pl

    from expectations.engine import Answer, Engine

__all__ = ["Judge", "Verdict", "judge"]

# Measures whose rules compare with the feed's own past, or mean little over a handful of rows.
_SHARES = ("rejected_share", "unknown_code_share", "geocoded_share")
_STATED_SHARES = ("missing_share:", "duplicate_share", "shift:")


class Judge:
    """Judges batch after batch with one context. Great Expectations is imported with the first batch."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._engine: Engine | None = None

    def __call__(self, profile: BatchProfile) -> Verdict:
        """The verdict; counts and shares only. A rule that cannot be asked has failed."""
        found = _Findings()
        self._judge_profile(profile, found)
        if profile.sample is not None and profile.sample.height:
            try:
                self._read_again(profile, profile.sample, found)
            except Exception as error:
                # Its message may carry a value, so only its class is told. No second reading, no commit.
                found.failures.append(
                    f"second reading could not be made ({type(error).__name__}); read the batch by hand"
                )
        return Verdict(not found.failures, tuple(found.failures), tuple(found.warnings), tuple(found.results))

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            from expectations.engine import Engine

            self._engine = Engine()
        return self._engine

    def _judge_profile(self, profile: BatchProfile, found: _Findings) -> None:
        import pandas as pd

        measures = measured(profile, self.limits)
        checks = [c for c in profile_checks(profile.contract, self.limits) if c.arguments["column"] in measures]
        # A measure that the contract limits and nobody measured is a gate left open: it fails as a missing column.
        checks += [
            check
            for check in profile_checks(profile.contract, self.limits)
            if check.arguments["column"] not in measures and _must_be_measured(check, profile)
        ]
        for answer in self.engine.ask(pd.DataFrame([measures]), checks, count=True):
            measure = str(answer.check.arguments["column"])
            severity = answer.check.severity
            if measure == "volume_ratio" and len(profile.history) < self.limits.history_needed:
                severity = "warning"
            if measure.startswith("shift:"):
                past = profile.past_shares.get(measure.removeprefix("shift:"), ())
                if len(past) < self.limits.history_needed:
                    severity = "warning"
            if measure.startswith(_SHARES) and profile.rows_read < self.limits.rows_needed:
                severity = "warning"
            if measure.startswith(_STATED_SHARES) and profile.rows_read < self.limits.rows_needed_stated:
                severity = "warning"
            text = f"{answer.check.rule}: {measure} is {_shown(answer)}, allowed {answer.check.allowed}"
            found.add(answer, severity, f"{text} ({profile.rows_read} rows)", measure=measure, rows=profile.rows_read)

    def _read_again(self, profile: BatchProfile, rows: pl.DataFrame, found: _Findings) -> None:
        from expectations.reading import read_again

        sample = sample_of(rows, profile.batch_id)
        zone = profile.contract.time_zone or profile.time_zone
        checks = row_checks(profile.contract, profile.last_day, zone)
        frame = read_again(sample, profile.contract, checks, zone)
        if frame.empty:
            return
        checks = tuple(check for check in checks if _columns(check) <= set(frame.columns))
        answers = self.engine.ask(frame, checks, count=False)
        # Counting costs as much again, and most rules are broken by no row.
        broken = [answer.check for answer in answers if not answer.passed and not answer.error]
        counted = {answer.check.rule: answer for answer in self.engine.ask(frame, broken, count=True)}
        told = _told_by_conform(profile, sample)
        for answer in answers:
            again = counted.get(answer.check.rule, answer)
            if again.error:
                found.add(again, "error", f"{again.check.rule}: second reading could not be asked ({again.error})")
                continue
            count = again.broken or 0
            expected = None if told is None else told.get(again.check.rule, 0)
            self._compare(again, count, expected, len(frame), found)

    def _compare(self, answer: Answer, count: int, expected: int | None, rows: int, found: _Findings) -> None:
        from dataclasses import replace

        rule = answer.check.rule
        if expected is None:
            # Nobody said what conform found: only the share can be judged.
            is_held = count <= self.limits.rejected_share * rows
            severity = "error" if rows >= self.limits.rows_needed else "warning"
            text = f"{rule}: second reading finds {count} of {rows} rows broken, allowed {self.limits.rejected_share:g}"
        else:
            is_held, severity = count == expected, "error" if count > expected else "warning"
            text = f"{rule}: second reading finds {count} of {rows} rows broken, conform {expected}"
        found.add(replace(answer, passed=is_held, broken=count), severity, text, rows=rows, expected=expected)


def judge(profile: BatchProfile) -> Verdict:
    """One batch, with a context of its own; a task that lands several keeps one `Judge`."""
    return Judge()(profile)


def measured(profile: BatchProfile, limits: Limits) -> dict[str, float]:
    """The profile's measures by name, those left out that there is nothing to measure of."""
    rows = profile.rows_read
    measures: dict[str, float] = {"rows": float(rows)}
    if len(profile.history) >= limits.history_noticed:
        middle = sorted(profile.history)[len(profile.history) // 2]
        # One row more on both sides: an empty batch has a ratio, too, and so has one after empty ones.
        measures["volume_ratio"] = (rows + 1) / (middle + 1)
    if rows:
        measures["rejected_share"] = profile.rejected / rows
        measures["unknown_code_share"] = profile.unknown_codes / rows
        measures |= {f"missing_share:{name}": float(share) for name, share in profile.null_shares.items()}
        for column, shares in shares_of(profile.coded).items():
            past = profile.past_shares.get(column, ())
            if len(past) >= limits.history_noticed:
                measures[f"shift:{column}"] = shift(shares, past)
        for name in ("geocoded_share", "duplicate_share"):
            share = getattr(profile, name)
            if share is not None:
                measures[name] = float(share)
    return measures


def _must_be_measured(check: Check, profile: BatchProfile) -> bool:
    measure = str(check.arguments["column"])
    if check.rule == REPEATS:
        return False
    return profile.rows_read > 0 and measure.startswith(("missing_share:", "duplicate_share"))


def _columns(check: Check) -> set[str]:
    return {str(check.arguments[key]) for key in ("column", "column_A", "column_B") if key in check.arguments}


def _told_by_conform(profile: BatchProfile, sample: pl.DataFrame) -> Mapping[str, int] | None:
    """Rows that conform found broken among those of the sample, by rule; null where the profile does not say."""
    import polars as pl

    rejected = profile.rejected_rules
    if rejected is None or "_row" not in sample.columns:
        return None
    among = rejected.join(sample.select(pl.col("_row").cast(rejected.schema["_row"])), on="_row", how="semi")
    rules = among.select(pl.col("rule").str.split(";")).explode("rule").drop_nulls()
    return dict(rules.group_by("rule").len().iter_rows())


def _shown(answer: Answer) -> str:
    if answer.measured is None:
        return f"not measured ({answer.error or 'no value'})"
    return f"{answer.measured:.4g}"


class _Findings:
    """What the checks found so far."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.warnings: list[str] = []
        self.results: list[Mapping[str, object]] = []

    def add(self, answer: Answer, severity: str, text: str, **more: object) -> None:
        bounds = {name: answer.check.arguments.get(f"{name[:3]}_value") for name in ("minimum", "maximum")}
        self.results.append(
            {
                "rule": answer.check.rule,
                "column": str(answer.check.arguments.get("column") or answer.check.arguments.get("column_A")),
                "expectation": answer.check.expectation,
                "passed": answer.passed,
                "severity": severity,
                "measured": answer.measured,
                "broken": answer.broken,
                "allowed": answer.check.allowed if answer.measured is not None else "",
                **{name: None if bound is None else float(bound) for name, bound in bounds.items()},
                **more,
            }
        )
        if not answer.passed:
            (self.failures if severity == "error" else self.warnings).append(text)
