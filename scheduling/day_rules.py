"""Day rules: which calendar dates a segment speaks of. A rule keeps its meaning and its JSON in one class.

`between` jumps to the first date by arithmetic, so that a window ten years ahead costs what this week's does. Knows
dates only: no clock, no zone, no amount. Conventions: tests/data/schedule_cases.json, `day_rule`.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator
from pydantic import Field as Described

from scheduling.plan_values import (
    LAST_DAY,
    WEEKDAYS,
    Day,
    MonthDay,
    Nth,
    Part,
    PhaseDays,
    PhaseOn,
    Weekday,
    whole,
    words,
)
from sync.problem import FieldCode
from sync.values import Unfit

ONE_DAY = timedelta(days=1)
MAX_LISTED, MAX_PHASES = 400, 60
MAX_DAYS, MAX_WEEKS, MAX_MONTHS = 36_525, 520, 120
FOUR_YEARS = 1461  # days, after which the lengths of months come again
LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
EveryMonths = Annotated[int, whole(1, MAX_MONTHS)]
Missing = Annotated[str, words("clamp", "skip")]


def some(empty: FieldCode, most: int = MAX_LISTED) -> AfterValidator:
    """Of a list: not empty, not too long."""

    def check(values: tuple[object, ...]) -> tuple[object, ...]:
        if not values:
            raise Unfit(empty)
        if len(values) > most:
            raise Unfit(FieldCode.TOO_MANY, most=most)
        return values

    return AfterValidator(check)


class Daily(Part):
    """Every date from the segment's start."""

    type: Literal["daily"] = "daily"
    period_days: ClassVar[int] = 1  # after so many days the distances between dates come again

    def between(self, first: date, last: date, start: date) -> Iterator[date]:
        return _stepping(max(first, start), last, 1)


class Dates(Part):
    """The listed dates that are not before the start."""

    type: Literal["dates"] = "dates"
    dates: Annotated[tuple[Day, ...], some(FieldCode.REQUIRED), AfterValidator(lambda found: tuple(sorted(set(found))))]

    @property
    def period_days(self) -> int:
        return (self.dates[-1] - self.dates[0]).days + 1

    def between(self, first: date, last: date, start: date) -> Iterator[date]:
        return (day for day in self.dates if max(first, start) <= day <= last)


class EveryDays(Part):
    """Every n days, counted from the anchor: the start date unless one is named."""

    type: Literal["every_days"] = "every_days"
    n: Annotated[int, whole(1, MAX_DAYS)]
    anchor: Day | None = None

    @property
    def period_days(self) -> int:
        return self.n

    def between(self, first: date, last: date, start: date) -> Iterator[date]:
        first = max(first, start)
        return _stepping(first + timedelta(((self.anchor or start) - first).days % self.n), last, self.n)


class Weekdays(Part):
    """Listed weekdays of every so many weeks, which begin on Monday and count from the week of the start date."""

    type: Literal["weekdays"] = "weekdays"
    days: Annotated[tuple[Weekday, ...], some(FieldCode.WEEKDAY_EMPTY),
                    AfterValidator(lambda days: tuple(sorted(set(days), key=WEEKDAYS.index)))] = Described(
                        default=(), validate_default=True)
    every_weeks: Annotated[int, whole(1, MAX_WEEKS)] = 1

    @property
    def period_days(self) -> int:
        return 7 * self.every_weeks

    def between(self, first: date, last: date, start: date) -> Iterator[date]:
        first = max(first, start)
        monday = start - start.weekday() * ONE_DAY
        week = monday + (first - monday).days // self.period_days * self.period_days * ONE_DAY
        places = [WEEKDAYS.index(day) for day in self.days]
        for begins in _stepping(week, last, self.period_days):
            for place in places:
                if first <= (day := begins + place * ONE_DAY) <= last:
                    yield day


class Monthly(Part):
    """Days of the month, -1 the last; a day that a month lacks is its last (clamp) or none (skip)."""

    type: Literal["monthly"] = "monthly"
    days: Annotated[tuple[MonthDay, ...], some(FieldCode.MONTH_DAY_INVALID),
                    AfterValidator(lambda days: tuple(dict.fromkeys(days)))] = Described(
                        default=(), validate_default=True)
    missing: Missing = "clamp"
    every_months: EveryMonths = 1

    @property
    def period_days(self) -> int:
        return FOUR_YEARS * self.every_months

    def between(self, first: date, last: date, start: date) -> Iterator[date]:
        first = max(first, start)
        for year, month in _months(first, last, start, self.every_months):
            found = {day for named in self.days if (day := _day_of(year, month, named, self.missing))}
            yield from (day for day in sorted(found) if first <= day <= last)


class MonthlyNth(Part):
    """The nth weekday of a month, negative from its end; months without it are left out."""

    type: Literal["monthly_nth"] = "monthly_nth"
    weekday: Weekday
    nth: Nth
    every_months: EveryMonths = 1

    @property
    def period_days(self) -> int:
        return FOUR_YEARS * self.every_months

    def between(self, first: date, last: date, start: date) -> Iterator[date]:
        first = max(first, start)
        for year, month in _months(first, last, start, self.every_months):
            if (day := self._in(year, month)) is not None and first <= day <= last:
                yield day

    def _in(self, year: int, month: int) -> date | None:
        opens, length = monthrange(year, month)
        first = (WEEKDAYS.index(self.weekday) - opens) % 7 + 1
        found = range(first, length + 1, 7)
        place = self.nth - 1 if self.nth > 0 else self.nth
        return date(year, month, found[place]) if -len(found) <= place < len(found) else None


class Yearly(Part):
    """One day of the year; 29 February of a common year is the 28th (clamp) or none (skip)."""

    type: Literal["yearly"] = "yearly"
    month: Annotated[int, whole(1, 12)]
    day: MonthDay
    missing: Missing = "clamp"
    period_days: ClassVar[int] = 2 * FOUR_YEARS

    def between(self, first: date, last: date, start: date) -> Iterator[date]:
        first = max(first, start)
        for year in range(first.year, last.year + 1):
            day = _day_of(year, self.month, self.day, self.missing)
            if day is not None and first <= day <= last:
                yield day


class Phase(Part):
    """So many days on, or off."""

    days: PhaseDays
    on: PhaseOn


def _some_day_on(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    if not any(phase.on for phase in phases):
        raise Unfit(FieldCode.CYCLE_INVALID)
    return phases


class Cycle(Part):
    """Phases that follow each other again and again from the start date."""

    type: Literal["cycle"] = "cycle"
    phases: Annotated[tuple[Phase, ...], some(FieldCode.CYCLE_INVALID, MAX_PHASES),
                      AfterValidator(_some_day_on)] = Described(default=(), validate_default=True)

    @property
    def period_days(self) -> int:
        return sum(phase.days for phase in self.phases)

    def between(self, first: date, last: date, start: date) -> Iterator[date]:
        first = max(first, start)
        begins = [0, *accumulate(phase.days for phase in self.phases)]
        turn = start + (first - start).days // self.period_days * self.period_days * ONE_DAY
        for round_ in _stepping(turn, last, self.period_days):
            for phase, offset in zip(self.phases, begins, strict=False):
                if phase.on:
                    opens = round_ + offset * ONE_DAY
                    yield from _stepping(max(first, opens), min(last, opens + (phase.days - 1) * ONE_DAY), 1)


DayRule = Annotated[Daily | Dates | EveryDays | Weekdays | Monthly | MonthlyNth | Yearly | Cycle,
                    Described(discriminator="type")]
DAILY = Daily()


def _stepping(first: date, last: date, days: int) -> Iterator[date]:
    return map(date.fromordinal, range(first.toordinal(), min(last, LAST_DAY).toordinal() + 1, days))


def _months(first: date, last: date, start: date, every: int) -> Iterator[tuple[int, int]]:
    """(year, month) of every so many months, counted from the start's, from that of `first` to that of `last`."""
    begins, since, until = (12 * day.year + day.month - 1 for day in (start, first, last))
    for month in range(since + (begins - since) % every, until + 1, every):
        yield month // 12, month % 12 + 1


def _day_of(year: int, month: int, day: int, missing: str) -> date | None:
    length = monthrange(year, month)[1]
    if day > length and missing == "skip":
        return None
    return date(year, month, length if day == -1 else min(day, length))
