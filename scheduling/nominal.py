"""A segment's doses by the wall clock alone, as the plan's words say them: no zone, no pause, no patient but a routine.

Two uses: where a segment ends as written (overlaps), and how far apart its doses lie (windows, the half-interval rule).
Instants are recurrence.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any, NamedTuple

from scheduling.day_rules import ONE_DAY, Dates
from scheduling.plan_values import LAST_DAY
from scheduling.routine import DAY_MINUTES, DEFAULT_ROUTINE, Routine
from scheduling.segment import MAX_DOSES_PER_COURSE, ONE_MINUTE, Segment
from scheduling.zones import midnight

MAX_COMPARED = 2_000  # doses between whose times the shortest distance is sought
MAX_COMPARED_OF_INTERVAL = 100
DENSE_DAYS = 31  # as long as a horizon and a day
SPACINGS_KEPT = 512


class Nominal(NamedTuple):
    """A dose as the plan says it, by wall clock."""

    wall: datetime
    amount: Decimal


def nominal_doses(segment: Segment, routine: Routine) -> Iterator[Nominal]:
    """From its first day to its last, or till a date after its end, by nominal date and clock."""
    first, last = segment.first_day, segment.last_day or LAST_DAY
    if segment.end is not None:
        last = min(last, segment.end.date() + ONE_DAY)
    if segment.interval is not None:
        yield from _elapsed(segment, last)
        return
    doses = segment.clock_doses(routine)
    for day in segment.day_rule.between(first, last, first) if doses else ():
        begins = midnight(day)
        for dose in doses:
            amount = segment.amount_on(day, dose.own)
            if amount > 0:
                yield Nominal(begins + dose.minute * ONE_MINUTE, amount)


def _elapsed(segment: Segment, last: date) -> Iterator[Nominal]:
    assert segment.interval is not None
    every = segment.interval.every_minutes * ONE_MINUTE
    wall = segment.anchor + max(0, -((segment.anchor - segment.start) // every)) * every
    while wall.date() <= last:
        if wall >= segment.start and (amount := segment.amount_on(wall.date())) > 0:
            yield Nominal(wall, amount)
        wall += every


def within_course(segment: Segment, doses: Iterator[Any]) -> Iterator[Any]:
    """Of doses (anything with an `amount`) from the segment's first on, those that count and quantity allow (R-117)."""
    number, total = 0, Decimal(0)
    for dose in doses:
        number, total = number + 1, total + dose.amount
        if segment.count is not None and number > segment.count:
            return
        if segment.quantity is not None and total > segment.quantity:
            return
        yield dose


def wall_end(segment: Segment, routine: Routine = DEFAULT_ROUTINE) -> datetime | None:
    """The wall clock from which the segment plans nothing more, as written: without pauses. None = ongoing."""
    if not segment.runs_out or not segment.has_amounts:
        return segment.closes
    written = (n for n in nominal_doses(segment, routine) if segment.start <= n.wall and
               (segment.end is None or n.wall < segment.end))
    within = islice(within_course(segment, written), MAX_DOSES_PER_COURSE)
    return max((n.wall for n in within), default=segment.start) + ONE_MINUTE


def spacing(segments: tuple[Segment, ...], routine: Routine) -> int:
    """The shortest wall-clock distance in minutes between consecutive doses of segments that run in parallel.

    Bounds and pauses are left out: a single dose a day is a day apart, however short the course.
    """
    found = shortest(segments, routine)
    return DAY_MINUTES if found is None else found


@lru_cache(SPACINGS_KEPT)
def shortest(segments: tuple[Segment, ...], routine: Routine) -> int | None:
    """As `spacing`; None where there is no second dose."""
    gaps = [s.interval.every_minutes for s in segments if s.interval is not None and len(segments) == 1]
    walls = sorted({wall for s in segments for wall in _sample(s, routine)}) if not gaps or len(segments) > 1 else []
    gaps += [int((later - earlier) / ONE_MINUTE) for earlier, later in pairwise(walls)]
    planned = min(gaps, default=None)
    for segment in segments:  # between those that follow, and from the last of them to the next planned dose
        gaps += [follower.delay_min for follower in segment.following]
        if segment.following and planned is not None:
            gaps.append(max(1, planned - int(segment.follows_within / ONE_MINUTE)))
    return min(gaps, default=None)


def _sample(segment: Segment, routine: Routine) -> Iterator[datetime]:
    """Long enough that every distance which comes again has been seen; amounts do not matter."""
    if segment.interval is not None:
        every = segment.interval.every_minutes
        return (segment.anchor + k * every * ONE_MINUTE for k in range(MAX_COMPARED_OF_INTERVAL))
    first, rule = segment.first_day, segment.day_rule
    last = LAST_DAY if isinstance(rule, Dates) else first + 2 * rule.period_days * ONE_DAY
    doses = segment.clock_doses(routine)
    days = rule.between(first, min(last, LAST_DAY), first)
    walls = (midnight(day) + dose.minute * ONE_MINUTE for day in days for dose in doses)
    return islice(walls, MAX_COMPARED)


def densest(segments: tuple[Segment, ...], routine: Routine) -> int:
    """No more doses than this fall into any DENSE_DAYS days, by the fullest day and by what all segments have."""
    parallel: dict[datetime, int] = {}
    for segment in segments:
        parallel[segment.start] = parallel.get(segment.start, 0) + _in_a_day(segment, routine)
    fullest = max(parallel.values(), default=0)
    return min((DENSE_DAYS + 1) * fullest, sum(_in_dense_days(segment, routine) for segment in segments))


def _in_a_day(segment: Segment, routine: Routine) -> int:
    if not segment.plans_doses:
        return 0
    planned = len(segment.clock_doses(routine)) if segment.interval is None \
        else DAY_MINUTES // segment.interval.every_minutes + 1
    return planned * (1 + len(segment.following))


def _in_dense_days(segment: Segment, routine: Routine) -> int:
    days = min(DENSE_DAYS, (segment.last_day - segment.first_day).days + 1) if segment.last_day else DENSE_DAYS
    if segment.interval is None:
        days = days // (shortest_days(segment) or DENSE_DAYS) + 1
    most = days * _in_a_day(segment, routine)
    return min(most, segment.most_counted) if segment.runs_out else most


def shortest_days(segment: Segment) -> int | None:
    """The fewest days between two nominal dates of the day rule; None if there is but one date."""
    rule, first = segment.day_rule, segment.first_day
    last = LAST_DAY if isinstance(rule, Dates) else min(first + 2 * rule.period_days * ONE_DAY, LAST_DAY)
    days = list(islice(rule.between(first, last, first), MAX_COMPARED))
    return min(((later - earlier).days for earlier, later in pairwise(days)), default=None)
