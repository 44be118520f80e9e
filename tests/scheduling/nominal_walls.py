"""The wall minutes of each nominal date of a plan's segment: the calendar half of the slow oracle (minute_walk.py).

Written from `conventions` of tests/data/schedule_cases.json alone, on the segment's JSON. Asks of every single date
whether the day rule holds on it; knows no zone and no instant. Wall minutes are whole numbers since 1970-01-01T00:00.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

Json = Mapping[str, Any]

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 — of wall clocks, which have no zone
DAY = 24 * 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SLOTS = ("MORN", "NOON", "EVE", "NIGHT")
SLOTS_PER_DAY = {1: ("MORN",), 2: ("MORN", "EVE"), 3: ("MORN", "NOON", "EVE"), 4: SLOTS}


def wall_of(text: str) -> int:
    """The wall minute of a date (its midnight) or a local date-time."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(minutes=1)


def day_of(wall: int) -> date:
    return (EPOCH + timedelta(minutes=wall)).date()


def start_date(segment: Json) -> date:
    return day_of(wall_of(segment["start"]))


def last_date(segment: Json) -> date:
    """The last nominal date that the bounds allow."""
    if segment.get("days"):
        return start_date(segment) + timedelta(days=segment["days"] - 1)
    return date.fromisoformat(segment["until"]) if segment.get("until") else date.max


def nominal_walls(
    segment: Json, routine: Json, last: date, resumed: Sequence[date] = ()
) -> dict[int, list[tuple[date, Decimal]]]:
    """Wall minute → (nominal date, amount) of the doses there, for nominal dates from the start's to `last`.

    `resumed` are the dates on which a pause that anchors anew ended.
    """
    walls = defaultdict(list)
    for back in range((last - start_date(segment)).days + 1):
        day = start_date(segment) + timedelta(days=back)
        if holds(segment.get("day_rule") or {"type": "daily"}, day, start_date(segment), resumed):
            for minute, own in clock_minutes(segment["time_rule"], routine):
                amount = amount_on(segment, day) if own is None else own
                if amount > 0:
                    walls[wall_of(day.isoformat()) + minute].append((day, amount))
    return walls


def amount_on(segment: Json, day: date) -> Decimal:
    dose = segment["dose"]
    if not isinstance(dose, Mapping):
        return Decimal(str(dose))
    first, step = Decimal(str(dose["start"])), Decimal(str(dose["step"]))
    stepped: Decimal = first + step * ((day - start_date(segment)).days // dose["every_days"])
    if dose.get("limit") is None:
        return stepped
    limit = Decimal(str(dose["limit"]))
    return max(stepped, limit) if step < 0 else min(stepped, limit)


def holds(rule: Json, day: date, start: date, resumed: Sequence[date]) -> bool:
    match rule["type"]:
        case "daily":
            return True
        case "dates":
            return day.isoformat() in rule["dates"]
        case "every_days":
            anchor = date.fromisoformat(rule["anchor"]) if rule.get("anchor") else start
            anchor = max([anchor, *(one for one in resumed if one <= day)])
            return (day - anchor).days % int(rule["n"]) == 0
        case "weekdays":
            weeks = (monday(day) - monday(start)).days // 7
            return WEEKDAYS[day.weekday()] in rule["days"] and weeks % int(rule.get("every_weeks", 1)) == 0
        case "cycle":
            return in_phase(rule["phases"], (day - start).days)
        case "yearly":
            return day.month == int(rule["month"]) and falls_on(day, rule["day"], rule["missing"])
        case "monthly":
            months = (day.year - start.year) * 12 + day.month - start.month
            on = any(falls_on(day, number, rule["missing"]) for number in rule["days"])
            return on and months % int(rule.get("every_months", 1)) == 0
        case "monthly_nth":
            months = (day.year - start.year) * 12 + day.month - start.month
            nth = (day.day - 1) // 7 + 1 if rule["nth"] > 0 else -((month_length(day) - day.day) // 7 + 1)
            on = WEEKDAYS[day.weekday()] == rule["weekday"] and nth == int(rule["nth"])
            return on and months % int(rule.get("every_months", 1)) == 0
        case unknown:
            raise LookupError(unknown)


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def month_length(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def falls_on(day: date, number: int, missing: str) -> bool:
    """Whether `day` is the number-th of its month; -1 is the last, and `clamp` takes the last for one it has not."""
    if number == -1 or (number > month_length(day) and missing == "clamp"):
        return day.day == month_length(day)
    return day.day == number


def in_phase(phases: Sequence[Json], days: int) -> bool:
    """Whether the phases, laid end to end again and again from the start date, are on after so many days."""
    marks = [phase["on"] for phase in phases for _ in range(phase["days"])]
    return bool(marks[days % len(marks)])


def clock_minutes(rule: Json, routine: Json) -> Iterator[tuple[int, Decimal | None]]:
    """Minutes after the nominal date's midnight, each with its own amount if the rule gives one."""
    match rule["type"]:
        case "times":
            yield from ((clock(time), None) for time in rule["times"])
        case "slots":
            filled = {slot: Decimal(str(rule["doses"].get(slot) or 0)) for slot in SLOTS}
            yield from ((clock(routine["slots"][slot]), own) for slot, own in filled.items() if own)
        case "meals":
            offset = rule.get("offset_min", routine["meal_offset_min"])
            shift = {"before": -offset, "with": 0, "after": offset}[rule["relation"]]
            yield from ((clock(routine["meals"][meal]) + shift, None) for meal in rule["meals"])
        case "every_in_window":
            opens, closes = clock(rule["from"]), clock(rule["to"])
            closes += DAY if closes < opens else 0
            yield from ((minute, None) for minute in range(opens, closes + 1, rule["every_minutes"]))
        case "frequency" if rule["per_day"] in SLOTS_PER_DAY:
            yield from ((clock(routine["slots"][slot]), None) for slot in SLOTS_PER_DAY[rule["per_day"]])
        case "frequency":
            opens, closes = map(clock, routine["waking_hours"])
            closes += DAY if closes < opens else 0
            even = [opens + Fraction(closes - opens) * k / (rule["per_day"] - 1) for k in range(rule["per_day"])]
            yield from ((15 * floor(minute / 15 + Fraction(1, 2)), None) for minute in even)
        case unknown:
            raise LookupError(unknown)


def clock(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
