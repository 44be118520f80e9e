"""A segment of a dosing plan on the wall clock: its bounds, its doses by date and clock time, where its course ends.

Count and quantity are applied here, once, for the wall clock and for instants alike (R-117). Knows no zone, no pause
and no other segment; recurrence.py makes instants of its doses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeVar

from scheduling.day_rules import DayRule
from scheduling.plan_members import FIRST_DAY, LAST_DAY
from scheduling.time_rules import DEFAULT_SLOTS, Slots, TimeRule
from scheduling.zones import midnight

ONE_DAY, ONE_MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the plan. All times are wall-clock times without zone; at most one of until, end, days is given."""

    start: datetime  # inclusive; a bare date means its midnight
    day_rule: DayRule
    time_rule: TimeRule
    until: date | None = None  # inclusive last nominal date
    end: datetime | None = None  # exclusive
    days: int | None = None
    count: int | None = None  # doses, counted from the start
    quantity: Decimal | None = None  # stops before the dose that would exceed it

    @property
    def first_day(self) -> date:
        return self.start.date()

    @property
    def last_day(self) -> date | None:
        """The inclusive last nominal date that until or days name."""
        return self.first_day + (self.days - 1) * ONE_DAY if self.days else self.until

    @property
    def closes(self) -> datetime | None:
        """The exclusive end that until, days or end name; None if none does."""
        return midnight(self.last_day + ONE_DAY) if self.last_day else self.end

    @property
    def runs_out(self) -> bool:
        return self.count is not None or self.quantity is not None

    def walk(self, pauses: Iterable[tuple[datetime, datetime]]) -> int:
        """No more doses than this are counted to find where the course runs out; those within pauses are walked too."""
        if not self.runs_out:
            return 0
        amounts = self.time_rule.amounts
        course = [self.count] if self.count is not None else []
        course += [int(self.quantity / min(amounts))] if self.quantity is not None and amounts else []
        closes = self.closes or midnight(LAST_DAY)
        paused = sum(max(0, (min(ends, closes) - max(starts, self.start)).days + 1) for starts, ends in pauses)
        return min(min(course, default=0) + paused * len(amounts),
                   max(0, (closes - self.start).days + 1) * len(amounts))


class Nominal(NamedTuple):
    """A dose as the plan says it, by wall clock."""

    wall: datetime
    amount: Decimal


class Amounted(Protocol):
    @property
    def amount(self) -> Decimal: ...


D = TypeVar("D", bound=Amounted)


def within_course(segment: Segment, doses: Iterable[D]) -> Iterator[D]:
    """The doses, from the segment's first on, that its count and its quantity allow (R-117)."""
    number, total = 0, Decimal(0)
    for dose in doses:
        number, total = number + 1, total + dose.amount
        if segment.count is not None and number > segment.count:
            return
        if segment.quantity is not None and total > segment.quantity:
            return
        yield dose


def dates(segment: Segment, first: date, last: date) -> Iterator[date]:
    """The segment's nominal dates in [first, last]; its start's and its end's clock times do not cut."""
    day, last = max(first, segment.first_day), min(last, segment.last_day or LAST_DAY, LAST_DAY)
    while day <= last:
        if segment.day_rule.holds(day, segment.first_day):
            yield day
        day += ONE_DAY


def nominal_doses(segment: Segment, slots: Slots, first: date, last: date) -> Iterator[Nominal]:
    """The doses of these dates, by date and clock."""
    clock_doses = segment.time_rule.clock_doses(slots)
    for day in dates(segment, first, last):
        start_of_day = midnight(day)
        for dose in clock_doses:
            yield Nominal(start_of_day + dose.minute * ONE_MINUTE, dose.amount)


def wall_end(segment: Segment, slots: Slots = DEFAULT_SLOTS) -> datetime | None:
    """The wall clock from which the segment plans nothing more, as written: without pauses. None = ongoing."""
    if not segment.runs_out:
        return segment.closes
    closes = segment.closes or midnight(LAST_DAY)
    written = (n for n in nominal_doses(segment, slots, FIRST_DAY, LAST_DAY) if segment.start <= n.wall < closes)
    return max((n.wall for n in within_course(segment, written)), default=segment.start) + ONE_MINUTE
