"""On which days, and how often on each: frequency, period, periodUnit and dayOfWeek as a day rule or an interval.

Days, weeks, months and years keep the wall clock, hours and minutes elapsed time (R-112). A rule that names no day
counts from the first day. What leaves a choice open (three times a week) is not decided here: R-581.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import gcd

from scheduling.day_rules import DAILY, DayRule, EveryDays, Monthly, Weekdays, Yearly
from scheduling.fhir.elements import Repeat
from scheduling.fhir.review import Beyond, Reason
from scheduling.plan_values import WEEKDAYS
from scheduling.zones import midnight

MINUTES_IN = {"s": Decimal(1) / 60, "min": Decimal(1), "h": Decimal(60)}
MONTHS_IN = {"mo": 1, "a": 12}
MOST_PERIODS = 10_000
LEAST_INTERVAL_MIN = 15  # as close as a plan's clock times may stand
SHORTEST_MONTH = 28


@dataclass(frozen=True, slots=True)
class Cadence:
    """A day rule with so many unnamed doses a day (0 where times are named), or an interval in minutes."""

    day_rule: DayRule = DAILY
    per_day: int = 0
    interval_min: int | None = None


def cadence_of(repeat: Repeat, named: int, first_day: date) -> Cadence:
    """`named` is how many times of a day the instruction names. Raises Beyond."""
    if repeat.period is None:
        return _without_period(repeat, named)
    if repeat.periodUnit in MINUTES_IN:
        return _elapsed(repeat, named, repeat.periodUnit)
    if repeat.period != int(repeat.period) or not 1 <= repeat.period <= MOST_PERIODS:
        raise Beyond(Reason.PERIOD_UNSUPPORTED)
    every = int(repeat.period)
    if repeat.dayOfWeek:
        return _on_weekdays(repeat, named, every)
    if repeat.periodUnit == "d" and every == 1:
        return _once_each(DAILY, repeat, named, per_day=repeat.frequency or 1)
    if repeat.periodUnit == "d":
        return _once_each(EveryDays(n=every, anchor=first_day), repeat, named)
    if named > 1:  # twice a week, at noon and in the evening: of one day, or of two?
        raise Beyond(Reason.TIMING_UNDERSPECIFIED)
    if repeat.periodUnit == "wk":
        return _once_each(EveryDays(n=7 * every, anchor=first_day), repeat, named)
    return _once_each(_by_month(every * MONTHS_IN[str(repeat.periodUnit)], first_day), repeat, named)


def _without_period(repeat: Repeat, named: int) -> Cadence:
    if repeat.frequency is not None:
        raise Beyond(Reason.TIMING_UNDERSPECIFIED)
    if not repeat.dayOfWeek and not named:
        raise Beyond(Reason.TIMING_MISSING)
    rule = Weekdays(days=repeat.dayOfWeek) if repeat.dayOfWeek else DAILY
    return Cadence(rule, 0 if named else 1)


def _elapsed(repeat: Repeat, named: int, unit: str) -> Cadence:
    minutes = (repeat.period or Decimal(0)) * MINUTES_IN[unit]
    if named or repeat.dayOfWeek:
        raise Beyond(Reason.MIXED_TIMINGS)
    if repeat.frequency not in (None, 1):
        raise Beyond(Reason.TIMING_UNDERSPECIFIED)
    if minutes != int(minutes):
        raise Beyond(Reason.PERIOD_UNSUPPORTED)
    if minutes < LEAST_INTERVAL_MIN:
        raise Beyond(Reason.BEYOND_PLAN)
    return Cadence(interval_min=int(minutes))


def _on_weekdays(repeat: Repeat, named: int, every: int) -> Cadence:
    """A frequency beside named days says the same again: of one day, or of the whole week."""
    weekly = repeat.periodUnit == "wk"
    if not weekly and (repeat.periodUnit != "d" or every != 1):
        raise Beyond(Reason.MIXED_TIMINGS)
    rule = Weekdays(days=repeat.dayOfWeek, every_weeks=every if weekly else 1)
    if weekly and repeat.frequency not in (None, len(rule.days) * (named or 1)):
        raise Beyond(Reason.TIMING_CONTRADICTS)
    if weekly:
        return Cadence(rule, 0 if named else 1)
    return _once_each(rule, repeat, named, per_day=repeat.frequency or 1)


def _once_each(rule: DayRule, repeat: Repeat, named: int, per_day: int = 1) -> Cadence:
    """The doses of each day of the rule: those named, as many as the frequency says, or else `per_day`."""
    if named:
        if repeat.frequency not in (None, named):
            raise Beyond(Reason.TIMING_CONTRADICTS)
        return Cadence(rule)
    if repeat.frequency not in (None, per_day):
        raise Beyond(Reason.TIMING_UNDERSPECIFIED)
    return Cadence(rule, per_day)


def _by_month(months: int, first_day: date) -> DayRule:
    if months == 12:
        return Yearly(month=first_day.month, day=first_day.day)
    return Monthly(days=(first_day.day,), every_months=months)


def first_start(rule: DayRule, start: datetime) -> datetime:
    """Where every so many weeks begin: at the Monday after `start` if its own week has no day left for a dose."""
    if not isinstance(rule, Weekdays) or rule.every_weeks == 1:
        return start
    if any(WEEKDAYS.index(day) >= start.weekday() for day in rule.days):
        return start
    return midnight(start.date() + timedelta(days=7 - start.weekday()))


def may_meet(one: DayRule, other: DayRule, first_day: date) -> bool:
    """Whether two rules can fall on one date. Beside any other rule, one of months or years meets it some year."""
    months = _month_days(one), _month_days(other)
    if all(months) and months[0].isdisjoint(months[1]):
        return False
    return any((a - b) % gcd(n, m) == 0 for n, a in _progressions(one, first_day)
               for m, b in _progressions(other, first_day))


def _month_days(rule: DayRule) -> frozenset[int]:
    """The days of a month that it falls on and no other; empty if there is no saying (the 31st may be the 28th)."""
    days = rule.days if isinstance(rule, Monthly) else (rule.day,) if isinstance(rule, Yearly) else ()
    return frozenset(days) if all(1 <= day <= SHORTEST_MONTH for day in days) else frozenset()


def _progressions(rule: DayRule, first_day: date) -> list[tuple[int, int]]:
    """(every so many days, one of them as ordinal) of each sequence of days that the rule is made of."""
    if isinstance(rule, EveryDays):
        return [(rule.n, (rule.anchor or first_day).toordinal())]
    if isinstance(rule, Weekdays):
        monday = first_day.toordinal() - first_day.weekday()
        return [(7 * rule.every_weeks, monday + WEEKDAYS.index(day)) for day in rule.days]
    return [(1, 0)]
