"""Adherence figures of marked doses: taking, timing, correct days, bounds and bands (R-310 to R-312).

Pure and exact: a figure is a Fraction, None where nothing is closed; it is rounded for people once, by `percent`, and
never before it is compared. Days, weeks and months are adherence_periods.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import groupby
from operator import attrgetter

from scheduling.dose_marks import COUNTED, Mark, Marked


class Band(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Bands:
    """Least percentages of green and of yellow, both included (R-312)."""

    green: Decimal = Decimal(90)
    yellow: Decimal = Decimal(70)

    def of(self, taking: Fraction | None) -> Band | None:
        """The band of an unrounded share: 89.99 % is yellow, though it reads 90.0."""
        if taking is None:
            return None
        if taking * 100 >= Fraction(self.green):
            return Band.GREEN
        return Band.YELLOW if taking * 100 >= Fraction(self.yellow) else Band.RED


DEFAULT_BANDS = Bands()


@dataclass(frozen=True, slots=True)
class Figures:
    """What some doses come to. The fields are counts of doses, the last two of days; each share is in [0, 1].

    `correct_days` are those of `days` (days with a counted dose) on which each counted dose was taken.
    """

    taken: int = 0
    on_time: int = 0
    skipped: int = 0
    advised: int = 0
    missed: int = 0
    unreported: int = 0
    pending: int = 0
    by_patient: int = 0
    by_carer: int = 0
    retroactive: int = 0
    days: int = 0
    correct_days: int = 0

    @property
    def denominator(self) -> int:
        """Closed doses without advised skips (R-310)."""
        return self.taken + self.skipped + self.missed

    @property
    def taking(self) -> Fraction | None:
        """Taking of what was reported: where a phone is silent, `lower` and `upper` say how far off that may be."""
        return share(self.taken, self.denominator)

    @property
    def timing(self) -> Fraction | None:
        return share(self.on_time, self.denominator)

    @property
    def correct(self) -> Fraction | None:
        return share(self.correct_days, self.days)

    @property
    def lower(self) -> Fraction | None:
        """Taking if no unreported dose was taken."""
        return share(self.taken, self.denominator + self.unreported)

    @property
    def upper(self) -> Fraction | None:
        """Taking if each unreported dose was taken."""
        return share(self.taken + self.unreported, self.denominator + self.unreported)


def figures(doses: Iterable[Marked]) -> Figures:
    """The figures of these doses, in whatever order."""
    doses = list(doses)
    marks = Counter(dose.mark for dose in doses)
    days = [correct for _, correct in days_closed(doses)]
    return Figures(
        taken=marks[Mark.TAKEN], skipped=marks[Mark.SKIPPED], advised=marks[Mark.ADVISED], missed=marks[Mark.MISSED],
        unreported=marks[Mark.UNREPORTED], pending=marks[Mark.PENDING], on_time=sum(dose.on_time for dose in doses),
        by_patient=sum(dose.by_patient is True for dose in doses),
        by_carer=sum(dose.by_patient is False for dose in doses),
        retroactive=sum(dose.retroactive for dose in doses), days=len(days), correct_days=sum(days))


def days_closed(doses: Iterable[Marked]) -> Iterator[tuple[date, bool]]:
    """Each day with a counted dose, in order, and whether every counted dose of it was taken."""
    counted = sorted((dose for dose in doses if dose.mark in COUNTED), key=attrgetter("day"))
    for day, of_day in groupby(counted, key=attrgetter("day")):
        yield day, all(dose.mark is Mark.TAKEN for dose in of_day)


def streak(doses: Iterable[Marked]) -> int:
    """Days in a row, up to the last one with a counted dose, on which each was taken; empty days do not break it."""
    length = 0
    for _, correct in days_closed(doses):
        length = length + 1 if correct else 0
    return length


def share(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def percent(value: Fraction | None) -> Decimal | None:
    """A share, or a difference of two, as a percentage with one decimal."""
    return None if value is None else rounded(value * 100)


def rounded(value: Fraction) -> Decimal:
    """One decimal, halves away from zero."""
    tenths = int(abs(value) * 10 + Fraction(1, 2))
    return Decimal(tenths if value >= 0 else -tenths).scaleb(-1)
