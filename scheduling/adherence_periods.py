"""Adherence by day, week and month, and whether it rises or falls (R-313).

A dose belongs to its nominal date, so a day is the patient's day. Days, weeks and months without doses are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from scheduling.adherence import Figures, figures
from scheduling.dose_marks import Marked

MOST_DAYS = 90
USUAL_DAYS = 30


class Grain(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """Dates in the patient's zone, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Trend:
    """Taking in the first and in the second half of a period; the later half has the odd day."""

    earlier: Fraction | None
    later: Fraction | None

    @property
    def change(self) -> Fraction | None:
        return None if self.earlier is None or self.later is None else self.later - self.earlier


def by_period(doses: Iterable[Marked], period: Period, grain: Grain) -> list[tuple[Period, Figures]]:
    """Figures of each day, Monday-based week or calendar month that has doses, none reaching beyond `period`."""
    found: dict[Period, list[Marked]] = {}
    for dose in doses:
        found.setdefault(_around(dose.day, grain), []).append(dose)
    return [(Period(max(whole.first, period.first), min(whole.last, period.last)), figures(found[whole]))
            for whole in sorted(found, key=lambda whole: whole.first)]


def by_line(doses: Iterable[Marked]) -> dict[str, list[Marked]]:
    """The doses of each line, in the order they come."""
    found: dict[str, list[Marked]] = {}
    for dose in doses:
        found.setdefault(dose.line_id, []).append(dose)
    return found


def trend(doses: Iterable[Marked], period: Period) -> Trend:
    doses = list(doses)
    middle = period.first + timedelta(days=period.days // 2)
    return Trend(figures(dose for dose in doses if dose.day < middle).taking,
                 figures(dose for dose in doses if dose.day >= middle).taking)


def _around(day: date, grain: Grain) -> Period:
    if grain is Grain.DAY:
        return Period(day, day)
    if grain is Grain.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Period(monday, monday + timedelta(days=6))
    first = day.replace(day=1)
    return Period(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))
