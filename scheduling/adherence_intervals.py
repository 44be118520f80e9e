"""How evenly doses were taken: intervals against what was planned, and the longest gap (R-311).

Knows times of taking and of being due; no percentage is rounded here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from scheduling.adherence import share
from scheduling.dose_marks import Mark, Marked

TOLERANCE = Fraction(1, 4)  # of the nominal interval, both edges included


@dataclass(frozen=True, slots=True)
class Interval:
    """The time between two doses taken one after the other, and what it should have been."""

    begins: datetime
    ends: datetime
    nominal: timedelta

    @property
    def length(self) -> timedelta:
        return self.ends - self.begins

    @property
    def hours(self) -> Fraction:
        return Fraction(self.length // timedelta(microseconds=1), 3_600_000_000)

    @property
    def in_range(self) -> bool:
        off = abs(self.length - self.nominal)
        return off * TOLERANCE.denominator <= self.nominal * TOLERANCE.numerator


def intervals(taken: Iterable[datetime], nominal: timedelta) -> list[Interval]:
    """The intervals of doses that are planned at one distance. Instants are aware, or all of one wall clock."""
    return [Interval(first, then, nominal) for first, then in pairwise(sorted(taken))]


def intervals_of(line: Sequence[Marked]) -> list[Interval]:
    """The intervals of one line's doses, given by due time. Nominal is the distance from the earlier dose to the next
    one planned, so that 07:00 and 18:00 ask for 11 hours and 13, and a dose left out shows."""
    following = {first.due_at: then.due_at for first, then in pairwise(line)}
    taken = sorted((dose.at, dose.due_at) for dose in line if dose.mark is Mark.TAKEN and dose.at is not None)
    return [Interval(at, then, following.get(due, then_due) - due)
            for (at, due), (then, then_due) in pairwise(taken)]


def interval_share(found: Sequence[Interval]) -> Fraction | None:
    """The share of intervals within TOLERANCE of their nominal; None with fewer than two doses taken."""
    return share(sum(one.in_range for one in found), len(found))


def longest_gap(found: Iterable[Interval]) -> Interval | None:
    return max(found, key=lambda one: one.length, default=None)
