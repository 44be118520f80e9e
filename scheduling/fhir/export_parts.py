"""A dosing plan cut into parts that one FHIR Dosage each can say exactly: one amount, one rhythm, one stretch of time.

Parts are segments themselves: together they mean the very doses of the plan, no more and no less. A plan of which FHIR
cannot say everything has no parts at all, for half a dosage is a wrong dosage. Knows plans; no FHIR element.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice, takewhile
from typing import Any

from scheduling.day_rules import EveryDays, Monthly, Yearly
from scheduling.fhir.export_rhythms import UnspeakableError, last_day_of, rhythms, within
from scheduling.nominal import nominal_doses, wall_end
from scheduling.plan_model import Plan
from scheduling.plan_values import LAST_DAY
from scheduling.routine import DAY_MINUTES, Routine
from scheduling.segment import ONE_MINUTE, DoseStep, Segment
from scheduling.time_rules import ClockDose, EveryInWindow, Meals, SlotDoses, SlotGrid, TimeRule, Times
from scheduling.zones import midnight

MOST_PARTS = 60  # of one line; what would take more is told as text


def parts_of(plan: Plan, routine: Routine) -> list[Segment] | None:
    """The parts, at most MOST_PARTS; None if FHIR cannot say the plan, or it has no dose.

    `routine` is the patient's; the plan's own goes before it.
    """
    if plan.pauses:
        return None
    own = plan.routine(routine)
    try:
        parts = list(islice((part for segment in plan.segments for part in _parts(segment, own)), MOST_PARTS + 1))
    except UnspeakableError:
        return None
    return parts if 0 < len(parts) <= MOST_PARTS else None


def _parts(segment: Segment, routine: Routine) -> Iterator[Segment]:
    if segment.following:
        raise UnspeakableError
    if segment.as_needed is not None:
        yield _as_needed(segment)
        return
    _refuse_unspeakable_times(segment, routine)
    by_days = (rhythm for stage in _stages(segment) for rhythm in rhythms(stage, segment.first_day))
    yield from _counted(segment, (part for rhythm in by_days for part in _moments(rhythm, routine)), routine)


def _as_needed(segment: Segment) -> Segment:
    """Times beside the limits would be a schedule; an amount that moves has no date to move by."""
    if segment.plans_doses or isinstance(segment.dose, DoseStep):
        raise UnspeakableError
    return segment


def _refuse_unspeakable_times(segment: Segment, routine: Routine) -> None:
    """A dose beyond its date's midnight may lie outside the course's dates; before waking has no code."""
    minutes = [dose.minute for dose in segment.clock_doses(routine)]
    if len(set(minutes)) < len(minutes) or not all(0 <= minute < DAY_MINUTES for minute in minutes):
        raise UnspeakableError
    rule = segment.time_rule
    if isinstance(rule, Meals) and rule.relation == "before" and "wake" in rule.meals:
        raise UnspeakableError


def _stages(segment: Segment) -> Iterator[Segment]:
    """A dose that moves step by step (R-117), as one segment for each amount."""
    dose, anchored = segment.dose, _anchored(segment)
    if not isinstance(dose, DoseStep):
        yield within(segment, segment.start, None, **anchored)
        return
    for k in range(MOST_PARTS):
        begins = segment.first_day.toordinal() + k * dose.every_days
        ends = begins + dose.every_days
        if begins > last_day_of(segment).toordinal():
            return
        amount = dose.on(date.fromordinal(begins), segment.first_day)
        start = segment.start if k == 0 else midnight(date.fromordinal(begins))
        settled = amount == dose.limit or ends > LAST_DAY.toordinal()
        closes = None if settled else midnight(date.fromordinal(ends))
        yield within(segment, start, closes, dose=amount, **anchored)
        if settled:
            return
    raise UnspeakableError


def _anchored(segment: Segment) -> dict[str, Any]:
    """An interval counts on from where it began, in whatever stretch it is looked at."""
    if segment.interval is None:
        return {}
    return {"interval": segment.interval.model_copy(update={"anchor": segment.anchor})}


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
