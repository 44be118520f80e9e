"""From dosing plans to instants: what falls due in a window, when a course ends, what it leaves, how doses are spaced.

A plan is walked on the patient's wall clock first and turned into instants last, so that day rules keep the clock where
clocks change (R-112; conventions in tests/data/schedule_cases.json). Knows no JSON, no line, no database and no `now`.
Direct arithmetic instead of dateutil's rules, the oracle of the tests (DESIGN.md 10): a date on which no clock
changes costs two zone lookups, whatever its doses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduling.identity import slot_key
from scheduling.plan import Plan
from scheduling.plan_members import FIRST_DAY, LAST_DAY
from scheduling.segment import ONE_DAY, ONE_MINUTE, Segment, dates, nominal_doses, within_course
from scheduling.time_rules import DEFAULT_SLOTS, SLOT_NAMES, ClockDose, Slots
from scheduling.zones import in_gap, instant_of, midnight, steady_offset, zone_named
from sync.problem import FieldCode, FieldProblem

__all__ = [
    "DEFAULT_SLOTS", "MAX_DOSES_PER_EXPANSION", "SLOT_NAMES", "Planned", "Slots", "ends_at", "expand", "left_over",
    "spacing_minutes",
]

MAX_DOSES_PER_EXPANSION = 10_000
COURSES_KEPT = 24  # counted courses kept ready, of at most 5,000 doses each: some 1 MB a piece
MINUTES_PER_DAY = 1440
# A dose lies on its own date by the wall clock; an instant's date can still be one off, and Samoa skipped one in 2011.
MARGIN = 2 * ONE_DAY


class Planned(NamedTuple):
    """A dose as it falls due: everything its id (with the line) and its schedule group need.

    `due_at` is UTC, `nominal_date` the patient's calendar date, `occurrence` counts within (date, slot key) from 0,
    `adjusted` is `dst_gap` where the clock time did not exist that day and was moved forward.
    """

    due_at: datetime
    nominal_date: date
    slot_key: str
    slot: str | None
    occurrence: int
    amount: Decimal
    segment: int
    adjusted: str | None = None


def expand(
    plan: Plan, *, zone: str, slots: Slots, since: datetime, until: datetime, limit: int = MAX_DOSES_PER_EXPANSION
) -> list[Planned] | FieldProblem:
    """The doses due in the half-open window [since, until) of aware instants, by instant, then segment.

    `zone` is the patient's, used unless the plan names its own; `slots` are the patient's slot times as HH:mm. Count
    and quantity are counted from each segment's start whatever the window. Answers `horizon.too_large` if the plan
    allows more than `limit` doses in the window, judged before anything is expanded (S-60, R-113). Raises LookupError
    for a zone that is not on the list.
    """
    assert since.tzinfo is not None and until.tzinfo is not None, "a window is made of instants"
    place = zone_named(plan.zone or zone)
    if sum(_most_doses(segment, place, since, until) for segment in plan.segments) > limit:
        return FieldProblem("plan", FieldCode.HORIZON_TOO_LARGE, {"limit": limit})
    first, last = _day(since, place) - MARGIN, _day(until, place) + MARGIN
    due = [
        dose
        for index, segment in enumerate(plan.segments)
        for dose in (_whole_course(plan, index, place, slots) if segment.runs_out
                     else _due(plan, index, place, slots, first, last))
        if since <= dose.due_at < until
    ]
    return sorted(due, key=lambda dose: (dose.due_at, dose.segment))


def ends_at(plan: Plan, zone: str, slots: Slots) -> datetime | None:
    """The UTC instant from which the plan has no dose; where a count or quantity ends it, a minute after the last one.

    None = ongoing. Raises LookupError as `expand` does.
    """
    place = zone_named(plan.zone or zone)
    ends = [_segment_ends(plan, index, place, slots) for index in range(len(plan.segments))]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def left_over(plan: Plan, zone: str, slots: Slots) -> tuple[Decimal | None, ...]:
    """Per segment, what of its quantity no dose uses (R-117); None where no quantity is given."""
    place = zone_named(plan.zone or zone)
    return tuple(
        None if segment.quantity is None
        else segment.quantity - sum((d.amount for d in _whole_course(plan, i, place, slots)), Decimal(0))
        for i, segment in enumerate(plan.segments)
    )


def spacing_minutes(plan: Plan, slots: Slots = DEFAULT_SLOTS) -> int:
    """The shortest wall-clock distance between consecutive doses of the line, in minutes; parallel segments are one.

    Bounds and pauses are left out: a single dose a day is a day apart, however short the course.
    """
    parallel: dict[datetime, list[Segment]] = {}
    for segment in plan.segments:
        parallel.setdefault(segment.start, []).append(segment)
    gaps = [gap for together in parallel.values() for gap in _gaps(together, slots)]
    return min(gaps, default=MINUTES_PER_DAY)


def _gaps(together: list[Segment], slots: Slots) -> Iterator[int]:
    days = 2 * max(segment.day_rule.period_days for segment in together) * ONE_DAY
    unbounded = [replace(segment, until=None, days=None) for segment in together]
    walls = {n.wall for s in unbounded for n in nominal_doses(s, slots, FIRST_DAY, s.first_day + days)}
    return ((later - earlier) // ONE_MINUTE for earlier, later in pairwise(sorted(walls)))


def _due(plan: Plan, index: int, place: ZoneInfo, slots: Slots, first: date, last: date) -> Iterator[Planned]:
    segment = plan.segments[index]
    opens = instant_of(segment.start, place)
    closes = instant_of(segment.end, place) if segment.end else None
    pauses = [(instant_of(pause.starts, place), instant_of(pause.ends, place)) for pause in plan.pauses]
    doses = segment.time_rule.clock_doses(slots)
    timed = [(dose.minute * ONE_MINUTE, slot_key(index, _key(dose)), dose) for dose in doses]
    seen: set[datetime] = set()  # one dose per instant: clock times that a gap moves together merge
    for day in dates(segment, first, last):
        for due_at, moved, key, dose in _instants(day, timed, place):
            if due_at < opens or due_at in seen or (closes is not None and due_at >= closes):
                continue
            seen.add(due_at)
            if not pauses or not any(starts <= due_at < ends for starts, ends in pauses):
                yield Planned(due_at, day, key, dose.slot, 0, dose.amount, index, "dst_gap" if moved else None)


def _instants(
    day: date, timed: list[tuple[timedelta, str, ClockDose]], place: ZoneInfo
) -> list[tuple[datetime, bool, str, ClockDose]]:
    """One date's doses by instant; the bool says that the clock time did not exist and was moved."""
    offset = steady_offset(day, place)
    if offset is not None and timedelta() <= timed[0][0] and timed[-1][0] < ONE_DAY:
        begins = instant_of(midnight(day), UTC) - offset
        return [(begins + after, False, key, dose) for after, key, dose in timed]
    walls = [(midnight(day) + after, key, dose) for after, key, dose in timed]
    moved = [(instant_of(wall, place), in_gap(wall, place), key, dose) for wall, key, dose in walls]
    return sorted(moved, key=lambda due: due[0])


def _key(dose: ClockDose) -> str:
    assert dose.key is not None, "plan.assign_keys comes before expansion"
    return dose.key


def _whole_course(plan: Plan, index: int, place: ZoneInfo, slots: Slots) -> tuple[Planned, ...]:
    return _counted(plan, index, place, tuple(sorted(slots.items())))


@lru_cache(COURSES_KEPT)
def _counted(plan: Plan, index: int, place: ZoneInfo, slots: tuple[tuple[str, str], ...]) -> tuple[Planned, ...]:
    """All doses of a segment that counts, which must be counted from its first day whatever is asked of it."""
    due = _due(plan, index, place, dict(slots), FIRST_DAY, LAST_DAY)
    return tuple(within_course(plan.segments[index], due))


def _segment_ends(plan: Plan, index: int, place: ZoneInfo, slots: Slots) -> datetime | None:
    segment = plan.segments[index]
    if not segment.runs_out:
        return instant_of(segment.closes, place) if segment.closes else None
    dues = (dose.due_at for dose in _whole_course(plan, index, place, slots))
    return max(dues, default=instant_of(segment.start, place)) + ONE_MINUTE


def _most_doses(segment: Segment, place: ZoneInfo, since: datetime, until: datetime) -> int:
    """No more doses than this can fall into the window, up to one day's where clocks change within it."""
    opens = max(since, instant_of(segment.start, place))
    closes = min(until, instant_of(segment.closes, place)) if segment.closes else until
    days = max(0, -((opens - closes) // ONE_DAY))
    most = days * len(segment.time_rule.amounts)
    if segment.quantity is not None:
        most = min(most, int(segment.quantity / min(segment.time_rule.amounts)))
    return min(most, segment.count) if segment.count is not None else most


def _day(moment: datetime, place: ZoneInfo) -> date:
    """The local date, held within what plans may name: a window from the year 1 must not leave datetime's range."""
    floor, ceiling = datetime(FIRST_DAY.year, 1, 1, tzinfo=UTC), datetime(LAST_DAY.year + 1, 1, 2, tzinfo=UTC)
    return min(max(moment, floor), ceiling).astimezone(place).date()
