"""Several instructions of one medicine as segments of one plan: one grid where that is natural, else side by side.

A plan's segments run in parallel only with equal bounds, so courses of different length are cut where one of them
begins or ends: 08:00 for two weeks beside 20:00 for three is two weeks of both, then a week of 20:00. What might be one
dose written twice is not added up but left to a person. Knows stretches of time, no FHIR.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import combinations

from scheduling.day_rules import DayRule, Monthly, Weekdays
from scheduling.fhir.days import may_meet
from scheduling.fhir.review import Beyond, Reason
from scheduling.fhir.times import clash_of
from scheduling.segment import Interval, Segment
from scheduling.time_rules import SlotDoses, SlotGrid, TimeRule, Times
from scheduling.zones import midnight

FAR = midnight(date.max)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One instruction, understood: wall-clock bounds, days and times or an interval, the amount of each dose."""

    start: datetime
    closes: datetime | None
    count: int | None
    day_rule: DayRule
    time_rules: tuple[TimeRule, ...]
    interval_min: int | None
    amount: Decimal

    @property
    def end(self) -> datetime:
        return self.closes or FAR

    def meets(self, other: Stretch) -> bool:
        return self.start < other.end and other.start < self.end


def segments_of(stretches: Sequence[Stretch]) -> tuple[Segment, ...]:
    """In the order of their start. Raises Beyond where two of them contradict each other."""
    if any(stretch.count is not None and len(stretch.time_rules) > 1 for stretch in stretches):
        raise Beyond(Reason.COUNT_OF_SEVERAL)
    for one, other in combinations(stretches, 2):
        if one.meets(other) and (clash := _clash(one, other)) is not None:
            raise Beyond(clash)
    pieces = [piece for stretch in stretches for piece in _cut(stretch, stretches)]
    found = [_segment(piece, rule) for piece in _joined(pieces) for rule in piece.time_rules or (None,)]
    return tuple(sorted(found, key=lambda segment: segment.start))


def _clash(one: Stretch, other: Stretch) -> Reason | None:
    if one.interval_min is not None or other.interval_min is not None:
        return Reason.MIXED_TIMINGS
    if one.count != other.count:
        return Reason.COUNT_OF_SEVERAL
    if not may_meet(one.day_rule, other.day_rule, min(one.start, other.start).date()):
        return None
    return clash_of(one.time_rules, other.time_rules)


def _cut(stretch: Stretch, among: Iterable[Stretch]) -> list[Stretch]:
    """The stretch in pieces, cut where another one that it meets begins or ends."""
    cuts = sorted({at for other in among if stretch.meets(other) for at in (other.start, other.end)
                   if stretch.start < at < stretch.end})
    if not cuts:
        return [stretch]
    if stretch.count is not None:
        raise Beyond(Reason.COUNT_OF_SEVERAL)
    rule = stretch.day_rule
    every = rule.every_weeks if isinstance(rule, Weekdays) else rule.every_months if isinstance(rule, Monthly) else 1
    if every > 1:  # these count from the start of their segment
        raise Beyond(Reason.COURSES_OVERLAP)
    starts, ends = [stretch.start, *cuts], [*cuts, stretch.closes]
    return [replace(stretch, start=start, closes=closes) for start, closes in zip(starts, ends, strict=True)]


def _joined(pieces: Iterable[Stretch]) -> list[Stretch]:
    """Grids of equal bounds and days as one grid, clock times of equal amount as one list."""
    joined: list[Stretch] = []
    for piece in pieces:
        for i, before in enumerate(joined):
            if (together := _together(before, piece)) is not None:
                joined[i] = together
                break
        else:
            joined.append(piece)
    return joined


def _together(one: Stretch, other: Stretch) -> Stretch | None:
    frames = [(piece.start, piece.closes, piece.count, piece.day_rule) for piece in (one, other)]
    if frames[0] != frames[1] or one.count is not None or len(one.time_rules) != 1 or len(other.time_rules) != 1:
        return None
    first, second = one.time_rules[0], other.time_rules[0]
    if isinstance(first, SlotGrid) and isinstance(second, SlotGrid):
        doses = SlotDoses(**{**first.doses.model_dump(exclude_none=True), **second.doses.model_dump(exclude_none=True)})
        return replace(one, time_rules=(SlotGrid(doses=doses),))
    if isinstance(first, Times) and isinstance(second, Times) and one.amount == other.amount:
        return replace(one, time_rules=(Times(times=tuple(sorted({*first.times, *second.times}))),))
    return None


def _segment(piece: Stretch, rule: TimeRule | None) -> Segment:
    interval = None
    if piece.interval_min is not None:
        interval = Interval(every_minutes=piece.interval_min, anchor=piece.start)
    last_day, end = bounds_of(piece.closes)
    return Segment(
        start=piece.start, until=last_day, end=end, count=piece.count, day_rule=piece.day_rule, time_rule=rule,
        interval=interval, dose=None if isinstance(rule, SlotGrid) else piece.amount,
    )


def bounds_of(closes: datetime | None) -> tuple[date | None, datetime | None]:
    """(until, end) of a segment: a course that closes at midnight has a last date (schedule_cases.json)."""
    if closes is None or closes != midnight(closes.date()):
        return None, closes
    return closes.date() - timedelta(days=1), None
