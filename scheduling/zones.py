"""Time zones and the patient's calendar: which instant a wall clock means, and which date an instant falls on.

The only place that looks a zone up by name (S-61). Knows no plan and asks no clock: `now` is an argument, so "today" is
the patient's day whatever zone the host lives in (F-12).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storage.zone_names import allowed_zones
from sync.problem import FieldCode, FieldProblem


def zone_or_problem(name: object, path: str) -> ZoneInfo | FieldProblem:
    """The zone of that exact name, or `zone.unknown` at `path`."""
    unknown = FieldProblem(path, FieldCode.ZONE_UNKNOWN)
    if not isinstance(name, str) or name not in allowed_zones():
        return unknown
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # gone since the list was made; a key that is no path
        return unknown


def zone_named(name: str) -> ZoneInfo:
    """The zone of a name that was checked when it was stored. Raises LookupError if it is not on the list."""
    zone = zone_or_problem(name, "zone")
    if isinstance(zone, FieldProblem):
        raise LookupError(f"no such time zone: {name!r}")
    return zone


def local_day(zone: str, now: datetime) -> date:
    """The calendar date in `zone` at the aware instant `now` (F-12)."""
    return _aware(now).astimezone(zone_named(zone)).date()


def day_bounds(zone: str, day: date) -> tuple[datetime, datetime]:
    """The first UTC instant of the local date and of the date after: half-open, 23 to 25 hours where clocks change."""
    place = zone_named(zone)
    return instant_of(midnight(day), place), instant_of(midnight(day + timedelta(days=1)), place)


def midnight(day: date) -> datetime:
    """The wall clock at the start of a date, without zone."""
    return datetime.combine(day, time.min)


def instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """The UTC instant of a wall-clock reading.

    One that does not occur is read with the offset before the gap (RFC 5545 3.3.5), one that occurs twice means the
    first time: both are what PEP 495 gives for fold=0.
    """
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def steady_offset(day: date, zone: ZoneInfo) -> timedelta | None:
    """The offset from UTC that holds all through a local date; None if clocks change within it."""
    first = midnight(day).replace(tzinfo=zone).utcoffset()
    return first if first == midnight(day + timedelta(days=1)).replace(tzinfo=zone).utcoffset() else None


def in_gap(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks were put forward over this reading, so that it never occurs."""
    before, after = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return before is not None and after is not None and before < after


def _aware(moment: datetime) -> datetime:
    # astimezone() would silently read a naive datetime in the host's zone.
    assert moment.tzinfo is not None, "an instant needs an offset"
    return moment
