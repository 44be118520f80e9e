"""One part of a dosing plan → FHIR R4 Timing.repeat, under its invariants tim-1 to tim-10.

What is counted (every so many days, months, minutes) counts from boundsPeriod.start, which is the first date or moment
of the part. `timeOfDay` beside a period of several days is the reading of HL7 Germany's dosage guide; every day and
weekdays do without a period, as R4 wants it there. Parts come from export_parts.py; amounts are export_dosage.py's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from scheduling.day_rules import DayRule, EveryDays, Monthly, Weekdays, Yearly
from scheduling.fhir.export_parts import clock_of
from scheduling.routine import Routine
from scheduling.segment import ONE_MINUTE, Segment
from scheduling.time_rules import Frequency, Meals, SlotGrid
from scheduling.whereabouts import Whereabouts, whereabouts
from scheduling.zones import midnight

Json = dict[str, Any]
HOUR_MIN = 60
MEAL_CODES = {
    ("breakfast", "before"): "ACM", ("breakfast", "with"): "CM", ("breakfast", "after"): "PCM",
    ("lunch", "before"): "ACD", ("lunch", "with"): "CD", ("lunch", "after"): "PCD",
    ("dinner", "before"): "ACV", ("dinner", "with"): "CV", ("dinner", "after"): "PCV",
    ("wake", "with"): "WAKE", ("wake", "after"): "WAKE",
    ("bed", "before"): "HS", ("bed", "with"): "HS", ("bed", "after"): "PHS",
}
"""HL7 v3 TimingEvent. WAKE and HS stand for two relations: an offset beside them tells which."""
SLEEP = frozenset({"wake", "bed"})


def repeat_of(part: Segment, routine: Routine) -> Json:
    """Timing.repeat of a part. `routine` is the one that the plan is read by (`Plan.routine`)."""
    places = whereabouts(routine.zone, routine.moves)
    if part.interval is not None:
        return {**_bounds(part, places, _first_elapsed(part, places)), **_count(part),
                "frequency": 1, **elapsed(part.interval.every_minutes)}
    return {**bounds_of(part, routine), **_count(part), **_times(part, routine)}


def bounds_of(part: Segment, routine: Routine) -> Json:
    """The bounds alone: from a date, or from a moment within a day."""
    within = part.start if part.start != midnight(part.first_day) else None
    return _bounds(part, whereabouts(routine.zone, routine.moves), within)


def elapsed(minutes: int) -> Json:
    """`period` and its unit: elapsed time is never told in days, which are the calendar's."""
    return {"period": minutes // HOUR_MIN, "periodUnit": "h"} if minutes % HOUR_MIN == 0 else {
        "period": minutes, "periodUnit": "min"}


def _bounds(part: Segment, places: Whereabouts, from_: datetime | None) -> Json:
    """boundsPeriod, both ends included (FHIR Period): from the part's first date, or from the wall clock `from_`."""
    period = {"start": part.first_day.isoformat() if from_ is None else _moment(from_, places)}
    closes = part.closes
    if closes is not None:
        whole = closes == midnight(closes.date())
        period["end"] = (closes.date() - timedelta(days=1)).isoformat() if whole else _moment(
            closes - ONE_MINUTE, places)
    return {"boundsPeriod": period}


def _moment(wall: datetime, places: Whereabouts) -> str:
    at = places.first(wall)
    return at.astimezone(places.zone_at(at)).isoformat()


def _first_elapsed(part: Segment, places: Whereabouts) -> datetime:
    """The wall clock of the interval's first dose, from which the others are counted."""
    assert part.interval is not None
    every = part.interval.every_minutes * ONE_MINUTE
    anchor, start = places.first(part.anchor), places.first(part.start)
    first = anchor + max(0, -((anchor - start) // every)) * every
    return first.astimezone(places.zone_at(first)).replace(tzinfo=None)


def _count(part: Segment) -> Json:
    return {} if part.count is None else {"count": part.count}


def _times(part: Segment, routine: Routine) -> Json:
    rule = part.time_rule
    if isinstance(rule, Frequency):
        return {**_days(part.day_rule), "frequency": rule.per_day, **_a_day(part.day_rule)}
    if isinstance(rule, SlotGrid):
        return {**_named(part.day_rule, 1), "when": [name for name, _ in rule.filled]}
    if isinstance(rule, Meals):
        return {**_named(part.day_rule, len(rule.meals)), **_meals(rule, routine)}
    clock = [f"{clock_of(dose.minute)}:00" for dose in part.clock_doses(routine)]
    return {**_days(part.day_rule), **({"frequency": 1} if _is_counted(part.day_rule) else {}), "timeOfDay": clock}


def _named(rule: DayRule, times: int) -> Json:
    """Beside parts of the day: how many of them, each day or each period. Named weekdays say it alone."""
    if isinstance(rule, Weekdays):
        return _days(rule)
    return {**_days(rule), "frequency": times, **_a_day(rule)}


def _a_day(rule: DayRule) -> Json:
    return {} if _is_counted(rule) else {"period": 1, "periodUnit": "d"}


def _is_counted(rule: DayRule) -> bool:
    return isinstance(rule, EveryDays | Monthly | Yearly)


def _days(rule: DayRule) -> Json:
    match rule:
        case Weekdays():
            return {"dayOfWeek": list(rule.days)}
        case EveryDays():
            return {"period": rule.n, "periodUnit": "d"}
        case Monthly():
            return {"period": rule.every_months, "periodUnit": "mo"}
        case Yearly():
            return {"period": 1, "periodUnit": "a"}
    return {}


def _meals(rule: Meals, routine: Routine) -> Json:
    """FHIR's offset is minutes before or after, as the code says; with a meal there is none (tim-9)."""
    offset = rule.offset_min
    if offset is None and SLEEP.intersection(rule.meals):
        offset = routine.meal_offset_min
    said = {} if rule.relation == "with" or offset is None else {"offset": offset}
    return {"when": [MEAL_CODES[meal, rule.relation] for meal in rule.meals], **said}
