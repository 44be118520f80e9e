"""From when to when: boundsDuration and boundsPeriod as wall-clock bounds of the patient.

Nothing begins before the prescription does: a period's own start counts, and a start that the caller names cuts what
lies before it. FHIR's period includes its last day or second; a duration of days, weeks, months or years counts
calendar days from the start, one of hours elapsed hours. What cannot be read exactly is left to a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dateutil.relativedelta import relativedelta

from scheduling.fhir.amounts import time_unit
from scheduling.fhir.days import MINUTES_IN, MONTHS_IN
from scheduling.fhir.elements import Period, Quantity, Repeat
from scheduling.fhir.review import Beyond, Reason
from scheduling.plan_values import FIRST_DAY, LAST_DAY
from scheduling.zones import midnight, zone_named

ONE_DAY, ONE_MINUTE = timedelta(days=1), timedelta(minutes=1)
DAYS_IN = {"d": 1, "wk": 7}
MOST_DAYS, MOST_MONTHS = 36_525, 1_200
_PARTIAL = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


@dataclass(frozen=True, slots=True)
class Begins:
    """When a course begins that does not say so: on the wall clock of `zone`.

    `asked` is the caller's word and cuts an earlier period; `written` is the prescription's date, or today.
    """

    zone: str
    written: datetime
    asked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """Wall clock without zone; `closes` is exclusive, None for an open end."""

    start: datetime
    closes: datetime | None = None


def course_of(repeat: Repeat, begins: Begins, after: datetime | None = None) -> Course:
    """`after` is the end of the course that this one follows. Raises Beyond."""
    if repeat.boundsRange is not None:
        raise Beyond(Reason.BOUNDS_RANGE)
    period = repeat.boundsPeriod or Period()
    named = moment_of(period.start, begins.zone) if period.start else None
    if after is not None and named is not None and named < after:
        raise Beyond(Reason.COURSES_OVERLAP)
    start = _latest(named, begins.asked, after) or begins.written
    closes = _after(period.end, begins.zone) if period.end else None
    if repeat.boundsDuration is not None:
        closes = _plus(start, repeat.boundsDuration)
    if closes is not None and closes <= start:
        raise Beyond(Reason.COURSE_OVER)
    return Course(start, closes)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def moment_of(text: str, zone: str) -> datetime:
    """The first minute that a FHIR dateTime means, on the wall clock of `zone`. Raises Beyond."""
    return _wall(text, zone) if "T" in text else midnight(_days(text)[0])


def _after(text: str, zone: str) -> datetime:
    """The first minute after all that a FHIR dateTime means."""
    return _wall(text, zone) + ONE_MINUTE if "T" in text else midnight(_days(text)[1] + ONE_DAY)


def _days(text: str) -> tuple[date, date]:
    """First and last day of a date, a month or a year."""
    found = _PARTIAL.fullmatch(text)
    try:
        year, month, day = (int(part) if part else 0 for part in found.groups()) if found else (0, 0, 0)
        first = date(year, month or 1, day or 1)
        if not FIRST_DAY <= first <= LAST_DAY:
            raise Beyond(Reason.BOUNDS_UNREADABLE)
    except ValueError:
        raise Beyond(Reason.BOUNDS_UNREADABLE) from None
    length = relativedelta(days=0) if day else relativedelta(months=1, days=-1) if month else relativedelta(
        years=1, days=-1)
    return first, first + length


def _wall(text: str, zone: str) -> datetime:
    """The minute of an instant on the clock of `zone`; an instant without offset is nobody's."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise Beyond(Reason.BOUNDS_UNREADABLE)
        wall = moment.astimezone(zone_named(zone)).replace(tzinfo=None, second=0, microsecond=0)
    except (ValueError, OverflowError):
        raise Beyond(Reason.BOUNDS_UNREADABLE) from None
    if not FIRST_DAY <= wall.date() <= LAST_DAY:
        raise Beyond(Reason.BOUNDS_UNREADABLE)
    return wall


def _plus(start: datetime, duration: Quantity) -> datetime:
    unit, value = time_unit(duration), duration.value
    if unit is None or value is None or duration.comparator or value <= 0:
        raise Beyond(Reason.BOUNDS_UNREADABLE)
    if unit in MINUTES_IN:
        minutes = value * MINUTES_IN[unit]
        if minutes != int(minutes) or minutes > MOST_DAYS * 1440:
            raise Beyond(Reason.BOUNDS_UNREADABLE)
        return _within(start, relativedelta(minutes=int(minutes)))
    if value != int(value) or value > MOST_DAYS:
        raise Beyond(Reason.BOUNDS_UNREADABLE)
    if unit in DAYS_IN:
        return _within(midnight(start.date()), relativedelta(days=int(value) * DAYS_IN[unit]))
    if value > MOST_MONTHS:
        raise Beyond(Reason.BOUNDS_UNREADABLE)
    return _within(midnight(start.date()), relativedelta(months=int(value) * MONTHS_IN[unit]))


def _within(start: datetime, length: relativedelta) -> datetime:
    try:
        closes = start + length
    except (ValueError, OverflowError):
        raise Beyond(Reason.BOUNDS_UNREADABLE) from None
    if closes.date() > LAST_DAY:
        raise Beyond(Reason.BOUNDS_UNREADABLE)
    return closes
