"""The instants at which one segment might have a dose, in order, before pauses and courses have their say.

Two kinds of segment: days and clock times on the patient's wall clock, turned into instants last so that day rules keep
the clock where clocks change (R-112), and elapsed intervals, which no clock moves. Direct arithmetic, no calendar
library: a date on which no clock changes costs one offset. Knows segments and whereabouts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from itertools import chain
from typing import NamedTuple

from scheduling.day_rules import ONE_DAY, EveryDays
from scheduling.identity import interval_key, slot_key
from scheduling.pauses import Rest, Turn, rest_at
from scheduling.plan_values import LAST_DAY
from scheduling.routine import Routine
from scheduling.segment import ONE_MINUTE, Segment
from scheduling.time_rules import ClockDose
from scheduling.whereabouts import Whereabouts, steady_offset
from scheduling.zones import midnight

# Further than any zone and any meal offset can carry a dose from its nominal date; Samoa skipped a whole date in 2011.
MARGIN = 3 * ONE_DAY


class Candidate(NamedTuple):
    """A dose that falls due at an instant (UTC), ordered by it, then by nominal date and clock."""

    due_at: datetime
    nominal_date: date
    minute: int
    key: str
    slot: str | None
    occurrence: int
    amount: Decimal
    adjusted: str | None


def by_the_clock(
    segment: Segment, index: int, routine: Routine, where: Whereabouts, rests: list[Rest], turns: list[Turn],
    first: date, last: date,
) -> Iterator[Candidate]:
    """The candidates of nominal dates in [first, last], in the order of their instants, but for dates within rests."""
    doses = segment.clock_doses(routine)
    if not doses:
        return
    assert all(dose.key for dose in doses), "keys.assign_keys comes before expansion"
    named = index if segment.key is None else segment.key
    timed = [(dose, dose.minute * ONE_MINUTE, slot_key(named, dose.key or "")) for dose in doses]
    opens, closes = min(0, doses[0].minute) // 1440 * ONE_DAY, (max(0, doses[-1].minute) // 1440 + 1) * ONE_DAY
    waiting: list[Candidate] = []
    fixed = segment.dose if isinstance(segment.dose, Decimal) else None
    first, last = max(first, segment.first_day), min(last, segment.last_day or LAST_DAY)
    for day in chain.from_iterable(_dates(segment, turns, *stretch) for stretch in _outside(rests, first, last)):
        begins = midnight(day)
        around = begins.replace(tzinfo=UTC)
        zone = where.zone_through(around - MARGIN, around + MARGIN)
        offset = steady_offset(begins + opens, begins + closes, zone) if zone is not None else None
        if offset is not None and not waiting:
            starts = around - offset
            for dose, after, key in timed:
                amount = dose.own or fixed or segment.amount_on(day)
                yield Candidate(starts + after, day, dose.minute, key, dose.slot, 0, amount, None)
            continue
        while waiting and waiting[0].due_at < around - MARGIN:
            yield heappop(waiting)
        for found in _meant(segment, day, begins, timed, where):
            heappush(waiting, found)
    while waiting:
        yield heappop(waiting)


def _meant(
    segment: Segment, day: date, begins: datetime, timed: list[tuple[ClockDose, timedelta, str]], where: Whereabouts
) -> Iterator[Candidate]:
    """One date's doses, where clocks or zones change around it."""
    for dose, after, key in timed:
        for meaning in where.meanings(begins + after):
            yield Candidate(meaning.at, day, dose.minute, key, dose.slot, meaning.turn,
                            segment.amount_on(day, dose.own), meaning.adjusted)


def _outside(rests: list[Rest], first: date, last: date) -> Iterator[tuple[date, date]]:
    """The stretches of dates with a moment outside the rests: a pause of a century costs no more than one of a week."""
    for rest in rests:
        begins, ends = (rest.starts + MARGIN).date(), (rest.ends - MARGIN).date()
        if begins < ends and first <= ends:
            if first <= min(begins, last):
                yield first, min(begins, last)
            first = max(first, ends)
    if first <= last:
        yield first, last


def _dates(segment: Segment, turns: list[Turn], first: date, last: date) -> Iterator[date]:
    """The nominal dates of the day rule. Every n days counts anew from the date of each turn."""
    rule = segment.day_rule
    if not turns or not isinstance(rule, EveryDays):
        return rule.between(first, last, segment.first_day)
    return _reanchored(rule, turns, segment.first_day, first, last)


def _reanchored(rule: EveryDays, turns: list[Turn], start: date, first: date, last: date) -> Iterator[date]:
    begins = [date.min, *(turn.day for turn in turns)]
    ends = [*(turn.day - ONE_DAY for turn in turns), date.max]
    anchors = [rule.anchor, *(turn.day for turn in turns)]
    for opens, closes, anchor in zip(begins, ends, anchors, strict=True):
        phase = rule.model_copy(update={"anchor": anchor})
        if max(first, opens) <= min(last, closes):
            yield from phase.between(max(first, opens), min(last, closes), start)


def elapsed(
    segment: Segment, used: list[datetime], where: Whereabouts, rests: list[Rest], turns: list[Turn],
    since: datetime, until: datetime,
) -> Iterator[Candidate]:
    """The candidates of an interval in [since, until), but for those within rests.

    `used`: anchors of the plan's earlier intervals; a dose's id is made of its anchor and its number, so an anchor that
    another interval has bears a mark (identity.py).
    """
    assert segment.interval is not None
    every = segment.interval.every_minutes * ONE_MINUTE
    anchors = [where.first(segment.anchor), *(turn.since for turn in turns)]
    last_day = segment.last_day or LAST_DAY
    for anchor, ends in zip(anchors, [*anchors[1:], until], strict=True):
        key = interval_key(anchor, used.count(anchor))
        k = max(0, -((anchor - since) // every))
        while (due_at := anchor + k * every) < min(ends, until):
            if rests and (rest := rest_at(rests, due_at)) is not None:
                k = -((anchor - rest.ends) // every)  # the first dose not before its end
                continue
            day = due_at.astimezone(where.zone_at(due_at)).date()
            if day > last_day + MARGIN:
                return
            if day <= last_day:  # a journey west can bring a date back
                yield Candidate(due_at, day, 0, key, None, k, segment.amount_on(day), None)
            k += 1


