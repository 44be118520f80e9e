"""A doctor's worklist: whom to see to first, and why (R-251, R-252).

Pure: starts from what is known of each patient at an aware `now`. Knows no store and no level of access; a patient
whose figures the doctor may not see has no facts here, hence no reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from itertools import takewhile

from scheduling.adherence import Figures, figures
from scheduling.adherence_periods import by_line
from scheduling.dose_marks import COUNTED, Mark, Marked
from storage.zone_names import DEFAULT_ZONE

CLOSED = COUNTED | {Mark.ADVISED}
SPOKEN = frozenset({Mark.TAKEN, Mark.SKIPPED})


class Reason(StrEnum):
    """In the order of R-252."""

    URGENT_UNACKNOWLEDGED = "urgent_unacknowledged"
    MISSED_IN_A_ROW = "missed_in_a_row"
    SILENT = "silent"
    STOCK_LOW = "stock_low"
    TAKING_LOW = "taking_low"


class Severity(StrEnum):
    """Of MISSED_IN_A_ROW (R-251)."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`misses` of one line in a row warn, `days` with every dose missed are critical. Silence counts above its length,
    stock and taking below theirs (days; percent)."""

    misses: int = 3
    days: int = 3
    silence: timedelta = timedelta(hours=48)
    stock_days: Decimal = Decimal(7)
    taking: Decimal = Decimal(80)


DEFAULT_THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one patient. `zone` is theirs; `doses` by due time, as the doctor sees them.

    `urgent_since` is since when the oldest urgent change waits for the patient's word, `heard_at` when the patient's
    devices were last heard (None: no device), `days_of_stock` how long the medicine lasts that runs out first.
    """

    zone: str = DEFAULT_ZONE
    doses: Sequence[Marked] = ()
    urgent_since: datetime | None = None
    heard_at: datetime | None = None
    days_of_stock: Decimal | int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason, with the one figure that gave it: a moment, a number of doses, days of stock, or a share."""

    reason: Reason
    since: datetime | None = None
    severity: Severity | None = None
    in_a_row: int | None = None
    days_of_stock: Decimal | int | None = None
    taking: Fraction | None = None


@dataclass(frozen=True)
class Entry:
    """One patient of the list; without facts where their level shows none."""

    patient_id: str
    facts: Facts | None
    now: datetime
    thresholds: Thresholds = field(default=DEFAULT_THRESHOLDS)

    @cached_property
    def figures(self) -> Figures | None:
        return None if self.facts is None else figures(self.facts.doses)

    @cached_property
    def findings(self) -> list[Finding]:
        """In the order of R-252."""
        if self.facts is None or self.figures is None:
            return []
        facts, limits = self.facts, self.thresholds
        found = (_urgent(facts), _missed(facts.doses, limits), _silent(facts, limits, self.now), _stock(facts, limits),
                 _taking(self.figures, limits))
        return [finding for finding in found if finding is not None]

    @property
    def rank(self) -> tuple[object, ...]:
        """By the first reason, then the next; critical before warning; then the least taking, then the id."""
        reasons = {finding.reason: finding for finding in self.findings}
        taking = self.figures.taking if self.figures is not None else None
        return (*(_place(reasons.get(reason)) for reason in Reason), taking is None, taking or 0, self.patient_id)


def worklist(entries: Iterable[Entry]) -> list[Entry]:
    """The patients in the order in which they need their doctor."""
    return sorted(entries, key=lambda entry: entry.rank)


def _place(finding: Finding | None) -> int:
    if finding is None:
        return 2
    return 1 if finding.severity is Severity.WARNING else 0


def _urgent(facts: Facts) -> Finding | None:
    return Finding(Reason.URGENT_UNACKNOWLEDGED, facts.urgent_since) if facts.urgent_since is not None else None


def _missed(doses: Sequence[Marked], limits: Thresholds) -> Finding | None:
    """The longest run of misses of any line, critical where whole days went by without a dose (R-251)."""
    longest = max((_run(line) for line in by_line(doses).values()), key=len, default=[])
    critical = _days_missed(doses) >= limits.days
    if not critical and len(longest) < limits.misses:
        return None
    severity = Severity.CRITICAL if critical else Severity.WARNING
    return Finding(Reason.MISSED_IN_A_ROW, longest[-1].due_at, severity, len(longest))


def _run(line: Sequence[Marked]) -> list[Marked]:
    """The line's misses since the last other word, newest first. What is unreported or open is no word."""
    closed = (dose for dose in reversed(line) if dose.mark in CLOSED)
    return list(takewhile(lambda dose: dose.mark is Mark.MISSED, closed))


def _days_missed(doses: Sequence[Marked]) -> int:
    """The days since the last dose taken or skipped on which every dose was missed: none of them may yet turn out
    otherwise. Days without doses do not count."""
    found: dict[date, set[Mark]] = {}
    for dose in doses:
        found.setdefault(dose.day, set()).add(dose.mark)
    newest_first = (found[day] - {Mark.ADVISED} for day in sorted(found, reverse=True))
    return sum(marks == {Mark.MISSED} for marks in takewhile(lambda marks: not marks & SPOKEN, newest_first))


def _silent(facts: Facts, limits: Thresholds, now: datetime) -> Finding | None:
    """Nobody is silent of whom nothing was expected since."""
    heard = facts.heard_at
    if heard is None or now - heard <= limits.silence or not any(dose.due_at > heard for dose in facts.doses):
        return None
    return Finding(Reason.SILENT, heard)


def _stock(facts: Facts, limits: Thresholds) -> Finding | None:
    days = facts.days_of_stock
    return Finding(Reason.STOCK_LOW, days_of_stock=days) if days is not None and days < limits.stock_days else None


def _taking(told: Figures, limits: Thresholds) -> Finding | None:
    low = told.taking is not None and told.taking * 100 < Fraction(limits.taking)
    return Finding(Reason.TAKING_LOW, taking=told.taking) if low else None
