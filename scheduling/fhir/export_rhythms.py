"""On which days: a segment of a plan as segments whose days FHIR can name, each from the first date that it holds on.

FHIR counts every so many days, months and years from where its bounds begin, and knows weekdays of every week. Knows
plans; no clock time, no amount, no FHIR element.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
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
from scheduling.nominal import nominal_doses
from scheduling.plan_values import LAST_DAY
from scheduling.routine import DEFAULT_ROUTINE
from scheduling.segment import ONE_MINUTE, Segment
from scheduling.time_rules import Frequency
from scheduling.zones import midnight

DAYS_OF_EVERY_MONTH = 28


class UnspeakableError(Exception):
    """FHIR has no words for it."""


def rhythms(segment: Segment, origin: date) -> Iterator[Segment]:
    """The dates as FHIR can name them: the segment in one rhythm, or in several side by side, each from the first date
    that it holds on. What the rule counts, it counts from `origin`. Raises UnspeakableError."""
    rule = segment.day_rule
    if segment.interval is not None:
        yield from [segment] if _has_dose(segment) else []
        return
    if isinstance(rule, Daily) or (isinstance(rule, Weekdays) and rule.every_weeks == 1):
        yield segment
        return
    for found, rhythm in _sayable(rule):
        if isinstance(segment.time_rule, Frequency) and segment.time_rule.per_day > 1:
            raise UnspeakableError  # FHIR would read so many times in the whole period
        first = next(iter(found.between(segment.first_day, last_day_of(segment), origin)), None)
        if first is not None:
            start = segment.start if first == segment.first_day else midnight(first)
            if isinstance(rhythm, Dates):
                yield within(segment, start, midnight(first + ONE_DAY), day_rule=DAILY)
            else:
                day_rule = EveryDays(n=rhythm, anchor=first) if isinstance(rhythm, int) else rhythm
                yield within(segment, start, None, day_rule=day_rule)


def _has_dose(segment: Segment) -> bool:
    """Whether an interval, which may begin with its anchor later than its segment, begins before the segment ends."""
    first = next(nominal_doses(segment, DEFAULT_ROUTINE), None)
    return first is not None and (segment.closes is None or first.wall < segment.closes)


def last_day_of(segment: Segment) -> date:
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
            raise UnspeakableError


def within(segment: Segment, start: datetime, closes: datetime | None, **more: Any) -> Segment:
    """The segment from `start` on, till `closes` if it does not end before; its end is said in one way only."""
    ends = min((end for end in (closes, segment.closes) if end is not None), default=None)
    whole_days = ends is not None and ends == midnight(ends.date())
    last = {"until": ends.date() - ONE_DAY if ends is not None and whole_days else None,
            "end": None if whole_days else ends}
    return segment.model_copy(update={"start": start, "days": None, **last, **more})
