"""The usual case of expansion, made fast: one zone whose clocks do not change, clock times within their date.

Every dose then lies a fixed distance after its date's midnight, and a date costs one addition per dose. Whatever is not
usual is recurrence.py's long way round; a test holds that both answer alike (tests/scheduling/test_steady.py).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import chain, islice
from operator import attrgetter
from zoneinfo import ZoneInfo

from scheduling.day_rules import ONE_DAY
from scheduling.identity import slot_key
from scheduling.plan_values import LAST_DAY
from scheduling.planned import Planned
from scheduling.routine import DAY_MINUTES, Routine
from scheduling.segment import ONE_MINUTE, DoseStep, Segment
from scheduling.zones import midnight

DAYS_AT_ONCE = 64
SEGMENTS_KEPT = 2_048
YEARS_KEPT = 2_048  # of zones' calendars, a few numbers each
Usual = tuple[timedelta, str, str | None, Decimal]  # after midnight, slot key, slot, amount
_due_at = attrgetter("due_at")


def is_usual(segment: Segment) -> bool:
    """Whether the segment alone would allow it: clock times, amounts that stay, nothing counted, nothing following."""
    return not (segment.interval or segment.runs_out or segment.following or isinstance(segment.dose, DoseStep))


def steady_doses(
    segment: Segment, index: int, routine: Routine, zone: ZoneInfo, since: datetime, until: datetime
) -> Iterator[Planned] | None:
    """The segment's doses in [since, until), UTC, in order; None if clocks change nearby or a dose leaves its date."""
    first = max(since.astimezone(zone).date(), segment.first_day)
    last = min(until.astimezone(zone).date(), segment.last_day or LAST_DAY)
    if first > last:
        return iter(())
    offset = _offset_through(zone, first - ONE_DAY, last + ONE_DAY)
    usual = _usual(segment, index, routine) if offset is not None else None
    if offset is None or usual is None:
        return None
    opens, closes = _instant(segment.start, offset), _instant(segment.end, offset) if segment.end else until
    days = segment.day_rule.between(first, last, segment.first_day)
    return chain.from_iterable(_by_chunks(days, usual, index, offset, zone, max(since, opens), min(until, closes)))


@lru_cache(SEGMENTS_KEPT)
def _usual(segment: Segment, index: int, routine: Routine) -> tuple[Usual, ...] | None:
    """The doses of each date, after its midnight; None if one leaves its date."""
    doses = segment.clock_doses(routine)
    if doses and not 0 <= doses[0].minute <= doses[-1].minute < DAY_MINUTES:
        return None
    assert all(dose.key for dose in doses), "keys.assign_keys comes before expansion"
    named = index if segment.key is None else segment.key
    return tuple((dose.minute * ONE_MINUTE, slot_key(named, dose.key or ""), dose.slot,
                  segment.amount_on(segment.first_day, dose.own)) for dose in doses)


def _by_chunks(
    days: Iterator[date], usual: tuple[Usual, ...], index: int, offset: timedelta, zone: ZoneInfo, since: datetime,
    until: datetime,
) -> Iterator[list[Planned]]:
    """One comprehension over dates and clock times: a call or a generator per dose would cost as much as the dose."""
    make, combine = tuple.__new__, datetime.combine
    while chunk := list(islice(days, DAYS_AT_ONCE)):
        begins = [combine(day, time.min, UTC) - offset for day in chunk]
        doses = [make(Planned, (begin + after, day, key, slot, 0, amount, index, None, False, zone))
                 for day, begin in zip(chunk, begins, strict=True) for after, key, slot, amount in usual]
        yield doses[bisect_left(doses, since, key=_due_at):bisect_left(doses, until, key=_due_at)]


def _instant(wall: datetime, offset: timedelta) -> datetime:
    return wall.replace(tzinfo=UTC) - offset


def _offset_through(zone: ZoneInfo, first: date, last: date) -> timedelta | None:
    """The offset from UTC of all dates in [first, last]; None if clocks change on one of them."""
    begins, ends = first.toordinal(), last.toordinal()
    for year in range(first.year, last.year + 1):
        if any(begins <= day <= ends for day in _changes(zone, year)):
            return None
    return midnight(first).replace(tzinfo=zone).utcoffset()


@lru_cache(YEARS_KEPT)
def _changes(zone: ZoneInfo, year: int) -> tuple[int, ...]:
    """The ordinals of the dates of a year within which the zone's offset changes."""
    days = range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal() + 1)
    offsets = [midnight(date.fromordinal(day)).replace(tzinfo=zone).utcoffset() for day in days]
    return tuple(day for day, before, after in zip(days, offsets, offsets[1:], strict=False) if before != after)
