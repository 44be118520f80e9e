"""A dosing plan cut into parts that one FHIR Dosage each can say exactly: one amount, one rhythm, one stretch of time.

Parts are segments themselves: together they mean the very doses of the plan, no more and no less. A plan of which FHIR
cannot say everything has no parts at all, for half a dosage is a wrong dosage. Knows plans; no FHIR element.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice, takewhile
from typing import Any

from scheduling.day_rules import (
    DAILY,
    LONGEST_MONTH,
    ONE_DAY,
    Cycle,
    Daily,
    Dates,
    DayRule,
    EveryDays,
    Monthly,
    Weekdays,
    Yearly,
)
from scheduling.nominal import nominal_doses, wall_end
from scheduling.plan_model import Plan
from scheduling.plan_values import LAST_DAY
from scheduling.routine import DAY_MINUTES, DEFAULT_ROUTINE, Routine
from scheduling.segment import ONE_MINUTE, DoseStep, Segment
from scheduling.time_rules import ClockDose, EveryInWindow, Frequency, Meals, SlotDoses, SlotGrid, TimeRule, Times
from scheduling.zones import midnight

MOST_PARTS = 60  # of one line; what would take more is told as text
DAYS_OF_EVERY_MONTH = 28


class _UnspeakableError(Exception):
    """FHIR has no words for it."""


def parts_of(plan: Plan, routine: Routine) -> list[Segment] | None:
    """The parts, at most MOST_PARTS; None if FHIR cannot say the plan, or it has no dose.

    `routine` is the patient's; the plan's own goes before it.
    """
    if plan.pauses:
        return None
    own = plan.routine(routine)
    try:
        parts = list(islice((part for segment in plan.segments for part in _parts(segment, own)), MOST_PARTS + 1))
    except _UnspeakableError:
        return None
    return parts if 0 < len(parts) <= MOST_PARTS else None


def _parts(segment: Segment, routine: Routine) -> Iterator[Segment]:
    if segment.following:
        raise _UnspeakableError
    if segment.as_needed is not None:
        yield _as_needed(segment)
        return
    _refuse_unspeakable_times(segment, routine)
    rhythms = (rhythm for stage in _stages(segment) for rhythm in _rhythms(stage, segment.first_day))
    yield from _counted(segment, (part for rhythm in rhythms for part in _moments(rhythm, routine)), routine)


def _as_needed(segment: Segment) -> Segment:
    """Times beside the limits would be a schedule; an amount that moves has no date to move by."""
    if segment.plans_doses or isinstance(segment.dose, DoseStep):
        raise _UnspeakableError
    return segment


def _refuse_unspeakable_times(segment: Segment, routine: Routine) -> None:
    """A dose beyond its date's midnight may lie outside the course's dates; before waking has no code."""
    minutes = [dose.minute for dose in segment.clock_doses(routine)]
    if len(set(minutes)) < len(minutes) or not all(0 <= minute < DAY_MINUTES for minute in minutes):
        raise _UnspeakableError
    rule = segment.time_rule
    if isinstance(rule, Meals) and rule.relation == "before" and "wake" in rule.meals:
        raise _UnspeakableError


def _stages(segment: Segment) -> Iterator[Segment]:
    """A dose that moves step by step (R-117), as one segment for each amount."""
    dose, anchored = segment.dose, _anchored(segment)
    if not isinstance(dose, DoseStep):
        yield _within(segment, segment.start, None, **anchored)
        return
    for k in range(MOST_PARTS):
        begins = segment.first_day.toordinal() + k * dose.every_days
        ends = begins + dose.every_days
        if begins > _last_day(segment).toordinal():
            return
        amount = dose.on(date.fromordinal(begins), segment.first_day)
        start = segment.start if k == 0 else midnight(date.fromordinal(begins))
        settled = amount == dose.limit or ends > LAST_DAY.toordinal()
        closes = None if settled else midnight(date.fromordinal(ends))
        yield _within(segment, start, closes, dose=amount, **anchored)
        if settled:
            return
    raise _UnspeakableError


def _anchored(segment: Segment) -> dict[str, Any]:
    """An interval counts on from where it began, in whatever stretch it is looked at."""
    if segment.interval is None:
        return {}
    return {"interval": segment.interval.model_copy(update={"anchor": segment.anchor})}


def _rhythms(segment: Segment, origin: date) -> Iterator[Segment]:
    """The dates as FHIR can name them: the segment in one rhythm, or in several side by side, each from the first date
    that it holds on. What the rule counts, it counts from `origin`."""
    rule = segment.day_rule
    if segment.interval is not None:
        yield from [segment] if _has_dose(segment) else []
        return
    if isinstance(rule, Daily) or (isinstance(rule, Weekdays) and rule.every_weeks == 1):
        yield segment
        return
    for found, rhythm in _sayable(rule):
        if isinstance(segment.time_rule, Frequency) and segment.time_rule.per_day > 1:
            raise _UnspeakableError  # FHIR would read so many times in the whole period
        first = next(iter(found.between(segment.first_day, _last_day(segment), origin)), None)
        if first is not None:
            start = segment.start if first == segment.first_day else midnight(first)
            if isinstance(rhythm, Dates):
                yield _within(segment, start, midnight(first + ONE_DAY), day_rule=DAILY)
            else:
                day_rule = EveryDays(n=rhythm, anchor=first) if isinstance(rhythm, int) else rhythm
                yield _within(segment, start, None, day_rule=day_rule)


def _has_dose(segment: Segment) -> bool:
    """Whether an interval, which may begin with its anchor later than its segment, begins before the segment ends."""
    first = next(nominal_doses(segment, DEFAULT_ROUTINE), None)
    return first is not None and (segment.closes is None or first.wall < segment.closes)


def _last_day(segment: Segment) -> date:
    """The last date on which it can have a dose."""
    return LAST_DAY if segment.closes is None else (segment.closes - ONE_MINUTE).date()


def _sayable(rule: DayRule) -> Iterator[tuple[DayRule, DayRule | int]]:
    """(dates of the plan, how FHIR says them): a rule, or every how many days."""
    match rule:
        case EveryDays():
            yield rule, rule.n
        case Weekdays():  # of several weeks FHIR leaves open which; days counted from the first one do not
            for day in rule.days:
                yield rule.model_copy(update={"days": (day,)}), rule.period_days
        case Cycle() if sum(phase.days for phase in rule.phases if phase.on) == 1:
            yield rule, rule.period_days
        case Dates():
            for date_ in rule.dates:
                yield (one := Dates(dates=(date_,))), one
        case Monthly() if all(1 <= number <= DAYS_OF_EVERY_MONTH for number in rule.days):
            for number in rule.days:
                yield (one_day := rule.model_copy(update={"days": (number,)})), one_day
        case Yearly() if 1 <= rule.day <= LONGEST_MONTH[rule.month - 1] and (rule.month, rule.day) != (2, 29):
            yield rule, rule
        case _:
            raise _UnspeakableError


def _within(segment: Segment, start: datetime, closes: datetime | None, **more: Any) -> Segment:
    """The segment from `start` on, till `closes` if it does not end before; its end is said in one way only."""
    ends = min((end for end in (closes, segment.closes) if end is not None), default=None)
    whole_days = ends is not None and ends == midnight(ends.date())
    last = {"until": ends.date() - ONE_DAY if ends is not None and whole_days else None,
            "end": None if whole_days else ends}
    return segment.model_copy(update={"start": start, "days": None, **last, **more})


def _moments(segment: Segment, routine: Routine) -> Iterator[Segment]:
    """One segment for each filled slot, which has an amount of its own (F-20), and for each time of a day that is
    counted: twice in three days is not twice on every third day."""
    rule = segment.time_rule
    one_by_one = isinstance(segment.day_rule, EveryDays | Monthly | Yearly)
    rules: list[TimeRule | None] = [rule]
    if isinstance(rule, SlotGrid):
        rules = [SlotGrid(doses=SlotDoses(**{name: amount})) for name, amount in rule.filled]
    elif isinstance(rule, Meals) and one_by_one:
        rules = [rule.model_copy(update={"meals": (meal,)}) for meal in rule.meals]
    elif isinstance(rule, Times | EveryInWindow):
        clock = rule.clock_doses(routine)
        rules = [_at([dose]) for dose in clock] if one_by_one else [_at(clock)]
    for one in rules:
        yield _from_midnight(segment.model_copy(update={"time_rule": one}), routine)


def _from_midnight(segment: Segment, routine: Routine) -> Segment:
    """Without a start within the day, where that cuts no dose of it: a date is simpler to say, and to read."""
    begins = midnight(segment.first_day)
    started = (segment.start - begins) // ONE_MINUTE
    if segment.interval is not None or any(dose.minute < started for dose in segment.clock_doses(routine)):
        return segment
    return segment.model_copy(update={"start": begins})


def _at(doses: Sequence[ClockDose]) -> Times:
    return Times(times=tuple(clock_of(dose.minute) for dose in doses), keys=tuple(dose.key for dose in doses))


def clock_of(minute: int) -> str:
    """HH:mm of minutes after midnight."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _counted(segment: Segment, parts: Iterable[Segment], routine: Routine) -> Iterator[Segment]:
    """The parts with their shares of a course that is counted; one that gets no dose of it is left out."""
    ends = wall_end(segment, routine) if segment.runs_out else None
    for part in parts:
        if ends is None:
            yield part
            continue
        whole = part.model_copy(update={"count": None, "quantity": None})
        share = sum(whole.start <= dose.wall for dose in takewhile(lambda dose: dose.wall < ends,
                                                                   nominal_doses(whole, routine)))
        if share:
            yield whole.model_copy(update={"count": share})
