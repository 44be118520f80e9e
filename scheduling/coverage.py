"""Coverage by fills: the share of days for which medicine was at hand (PDC), and days supplied per day (MPR); R-311.

Knows fills (supply.fills makes them of what was dispensed) and dates; not what was taken, and no stock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from scheduling.supply import Fill


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of days of one period. `supplied` are the days of all fills dated in it, however far they reach."""

    period: int
    covered: int
    supplied: int

    @property
    def pdc(self) -> Fraction:
        """Proportion of days covered, never above 1."""
        return Fraction(self.covered, self.period)

    @property
    def mpr(self) -> Fraction:
        """Medication possession ratio, above 1 where more was fetched than the period needs."""
        return Fraction(self.supplied, self.period)


def coverage(fills: Iterable[Fill], first: date, last: date) -> Coverage:
    """What the fills cover of [first, last]. A refill before the supply is used up begins when it is (R-311).

    Raises ValueError if the period ends before it begins, or a fill is for less than a day.
    """
    begins, ends = first.toordinal(), last.toordinal() + 1
    if begins >= ends:
        raise ValueError("a period has at least one day")
    covered = supplied = used_up = 0
    for fill in sorted(fills, key=lambda fill: fill.day):
        if fill.days < 1:
            raise ValueError("a fill is for at least one day")
        starts = max(fill.day.toordinal(), used_up)
        used_up = starts + fill.days
        covered += max(0, min(used_up, ends) - max(starts, begins))
        supplied += fill.days if begins <= fill.day.toordinal() < ends else 0
    return Coverage(ends - begins, covered, supplied)
