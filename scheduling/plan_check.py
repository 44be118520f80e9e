"""What the members of a plan must not say together (R-120): bounds, courses, overlaps, a rule or an interval.

Faults are values with paths below the plan. Every member is well formed by now; plan_values.py saw to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations

from scheduling.day_rules import DAILY, LONGEST_MONTH, ONE_DAY, Monthly, Yearly
from scheduling.nominal import shortest, wall_end
from scheduling.plan_model import Plan
from scheduling.plan_values import LAST_DAY
from scheduling.routine import DEFAULT_ROUTINE
from scheduling.segment import MAX_DOSES_PER_COURSE, ONE_MINUTE, DoseStep, Segment
from scheduling.time_rules import SlotGrid, Times
from scheduling.zones import midnight
from sync.problem import FieldCode, FieldProblem
from sync.values import decimal_text


def faults(plan: Plan) -> list[FieldProblem]:
    """Every contradiction of a plan, in the order of its segments."""
    found = [FieldProblem(f"segments.{i}.{fault.field}", fault.code, fault.params)
             for i, segment in enumerate(plan.segments) for fault in _of_segment(segment)]
    keys = [segment.key for segment in plan.segments if segment.key is not None]
    if len(keys) != len(set(keys)):
        found.append(FieldProblem("segments", FieldCode.NOT_ALLOWED, {"twice": "key"}))
    for i, pause in enumerate(plan.pauses):
        if pause.ends <= pause.starts:
            found.append(FieldProblem(f"pauses.{i}.to", FieldCode.BOUNDS_CONFLICT))
    if not found and counted(plan) > MAX_DOSES_PER_COURSE:  # judged before anything is walked
        found.append(FieldProblem("segments", FieldCode.HORIZON_TOO_LARGE, {"limit": MAX_DOSES_PER_COURSE}))
    if not any(fault.code is FieldCode.HORIZON_TOO_LARGE for fault in found):
        found.extend(_overlaps(plan))
    return found


def counted(plan: Plan) -> int:
    """How many doses are counted one by one, at most, to find where the plan's courses run out."""
    return sum(segment.most_counted for segment in plan.segments)


def _of_segment(segment: Segment) -> Iterator[FieldProblem]:
    yield from _rule(segment)
    yield from _amount(segment)
    yield from _bounds(segment)
    if isinstance(segment.dose, DoseStep):
        yield from _step(segment.dose)
    yield from _course(segment)
    yield from _chain(segment)


def _rule(segment: Segment) -> Iterator[FieldProblem]:
    """Days and times, or an interval; neither only for a medicine that is taken as needed."""
    rule = segment.time_rule
    empty = isinstance(rule, SlotGrid) and not rule.filled
    if segment.as_needed is not None and (segment.interval is not None or not (rule is None or empty)):
        yield FieldProblem("as_needed", FieldCode.NOT_ALLOWED)  # is it planned or is it not?
    if segment.interval is not None:
        for name, given in (("time_rule", rule is not None), ("day_rule", segment.day_rule != DAILY)):
            if given:
                yield FieldProblem(name, FieldCode.NOT_ALLOWED)
    elif rule is None and segment.as_needed is None:
        yield FieldProblem("time_rule", FieldCode.REQUIRED)
    elif empty and segment.as_needed is None:
        yield FieldProblem("time_rule.doses", FieldCode.SLOTS_EMPTY)
    if isinstance(rule, Times):
        named = [key for key in rule.keys if key]
        if len(rule.keys) not in (0, len(rule.times)) or len(named) != len(set(named)):
            yield FieldProblem("time_rule.keys", FieldCode.NOT_ALLOWED, {"times": len(rule.times)})
    if isinstance(segment.day_rule, Monthly | Yearly) and _never(segment.day_rule):
        yield FieldProblem("day_rule", FieldCode.MONTH_DAY_INVALID)


def _amount(segment: Segment) -> Iterator[FieldProblem]:
    """The four-slot grid has its own amounts; a dose beside it must stay what it is."""
    if isinstance(segment.time_rule, SlotGrid):
        if isinstance(segment.dose, DoseStep):
            yield FieldProblem("dose", FieldCode.NOT_ALLOWED)
    elif segment.plans_doses and segment.dose is None:
        yield FieldProblem("dose", FieldCode.REQUIRED)


def _never(rule: Monthly | Yearly) -> bool:
    if isinstance(rule, Monthly) or rule.missing == "clamp":
        return False
    return rule.day > LONGEST_MONTH[rule.month - 1]


def _bounds(segment: Segment) -> Iterator[FieldProblem]:
    given = [name for name in ("until", "end", "days") if getattr(segment, name) is not None]
    if len(given) > 1:
        yield FieldProblem(given[1], FieldCode.BOUNDS_CONFLICT)
    elif segment.days and segment.first_day.toordinal() + segment.days - 1 > LAST_DAY.toordinal():
        yield FieldProblem("days", FieldCode.DATE_RANGE)
    elif given and segment.closes and segment.closes <= segment.start:
        yield FieldProblem(given[0], FieldCode.BOUNDS_CONFLICT)


def _step(dose: DoseStep) -> Iterator[FieldProblem]:
    """A limit lies on the side to which the amount moves; an amount that does not move is no step."""
    wrong_side = dose.limit is not None and (dose.limit - dose.start) * dose.step < 0
    if dose.step == 0 or wrong_side:
        yield FieldProblem("dose.limit" if wrong_side else "dose.step", FieldCode.DOSE_INVALID)


def _course(segment: Segment) -> Iterator[FieldProblem]:
    least = segment.least_amount
    if segment.quantity is None or least is None:
        return
    if segment.quantity < least:
        yield FieldProblem("quantity", FieldCode.TOO_SMALL, {"least": decimal_text(least)})
    elif segment.quantity / least > MAX_DOSES_PER_COURSE and segment.count is None:
        yield FieldProblem("quantity", FieldCode.HORIZON_TOO_LARGE, {"limit": MAX_DOSES_PER_COURSE})


def _chain(segment: Segment) -> Iterator[FieldProblem]:
    """Doses that follow one come before the next planned one; else nobody could tell what follows what."""
    if not segment.following or not segment.has_amounts:
        return
    alone = shortest((segment.model_copy(update={"following": ()}),), DEFAULT_ROUTINE)
    if alone is not None and segment.follows_within >= alone * ONE_MINUTE:
        yield FieldProblem("following", FieldCode.TOO_LARGE, {"most": alone - 1})


def _overlaps(plan: Plan) -> Iterator[FieldProblem]:
    """Segments follow each other or run in parallel with equal bounds; anything between is two versions of one line."""
    if len(plan.segments) < 2:  # the walk behind wall_end would be for nothing
        return
    ends = [wall_end(segment) or midnight(LAST_DAY + ONE_DAY) for segment in plan.segments]
    for (i, one), (k, other) in combinations(enumerate(plan.segments), 2):
        meet = one.start < ends[k] and other.start < ends[i]
        if meet and _span(one) != _span(other):
            yield FieldProblem(f"segments.{k}", FieldCode.SEGMENT_OVERLAP, {"other": i})


def _span(segment: Segment) -> tuple[datetime, datetime | None, int | None, object]:
    return segment.start, segment.closes, segment.count, segment.quantity
