"""Some thirty plans, one for each thing the format can say, each with a title and the form and unit of its medicine.

Plain JSON values, as a client would send them; scheduling/gallery.py shows what becomes of them. Knows neither their
sentences nor their doses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

START = "2026-11-20"
AT_EIGHT = {"type": "times", "times": ["08:00"]}


class Example(NamedTuple):
    """A plan as JSON; `form` and `unit` are those of the line that bears it (R-082)."""

    title: str
    plan: dict[str, Any]
    form: str
    unit: str


def _one(title: str, form: str = "oral", unit: str = "tablet", **segment: Any) -> Example:
    return Example(title, {"segments": [{"start": START, **segment}]}, form, unit)


def _daily_at_eight(title: str, **segment: Any) -> Example:
    return _one(title, **{"time_rule": AT_EIGHT, "dose": 1, **segment})


def _several(title: str, *segments: dict[str, Any], unit: str = "tablet", **plan: Any) -> Example:
    timed = [{"start": START, "time_rule": AT_EIGHT, **segment} for segment in segments]
    return Example(title, {"segments": timed, **plan}, "oral", unit)


TIMES_OF_DAY = (
    _one("The four-slot grid of the Cambodian form, each slot with its own amount, for 7 days",
         time_rule={"type": "slots", "doses": {"MORN": 2, "NOON": None, "EVE": 1, "NIGHT": None}}, days=7),
    _one("The same amount in three slots", "oral", "capsule",
         time_rule={"type": "slots", "doses": {"MORN": 1, "NOON": 1, "EVE": 1, "NIGHT": None}}, until="2026-11-29"),
    _one("Clock times", "oral", "ml", time_rule={"type": "times", "times": ["08:00", "20:00"]}, dose="2.5"),
    _one("Before meals, with the minutes", time_rule={
        "type": "meals", "relation": "before", "meals": ["breakfast", "dinner"], "offset_min": 30}, dose=1),
    _one("After a meal", time_rule={"type": "meals", "relation": "after", "meals": ["lunch"]}, dose="1.5"),
    _one("With a meal and at bedtime",
         time_rule={"type": "meals", "relation": "with", "meals": ["dinner", "bed"]}, dose=1),
    _one("At intervals within the day", "topical", "drop", dose=2,
         time_rule={"type": "every_in_window", "every_minutes": 240, "from": "06:00", "to": "22:00"}),
    _one("So many times a day", "inhaler", "puff", time_rule={"type": "frequency", "per_day": 3}, dose=2, days=5),
)

HOURS = (
    Example("Elapsed hours, day and night", {"segments": [
        {"start": "2026-11-20T06:00", "interval": {"every_minutes": 480}, "dose": 10, "until": "2026-11-24"}]},
        "injection", "ml"),
    _one("Elapsed hours counted from an earlier moment",
         interval={"every_minutes": 2160, "anchor": "2026-11-19T08:00"}, dose=1),
    _daily_at_eight("A dose that follows another, counted from when that was really taken",
                    following=[{"type": "after_previous", "delay_min": 240, "dose": "0.5"}], days=3),
    _one("As needed, within limits", dose=1, as_needed={
        "min_interval_min": 360, "max_count_24h": 4, "max_amount_24h": 6, "max_count_calendar_day": 5}),
)

DAYS = (
    _daily_at_eight("Every day"),
    _daily_at_eight("Every second day", day_rule={"type": "every_days", "n": 2}),
    _daily_at_eight("Weekdays", day_rule={"type": "weekdays", "days": ["mon", "wed", "fri"]}),
    _daily_at_eight("Every second week", day_rule={"type": "weekdays", "days": ["tue", "sun"], "every_weeks": 2}),
    _daily_at_eight("Days of the month", day_rule={"type": "monthly", "days": [1, 15]}),
    _daily_at_eight("The 31st, or the last day of a shorter month",
                    day_rule={"type": "monthly", "days": [31], "missing": "clamp"}),
    _daily_at_eight("The last day of every third month",
                    day_rule={"type": "monthly", "days": [-1], "every_months": 3}),
    _daily_at_eight("The last Friday of the month", day_rule={"type": "monthly_nth", "weekday": "fri", "nth": -1}),
    _daily_at_eight("Once a year, in leap years only",
                    day_rule={"type": "yearly", "month": 2, "day": 29, "missing": "skip"}),
    _daily_at_eight("Listed dates", day_rule={"type": "dates", "dates": ["2026-11-20", "2026-11-27", "2026-12-11"]}),
    _one("A cycle of days on and days off", time_rule={"type": "times", "times": ["20:00"]}, dose=1,
         day_rule={"type": "cycle", "phases": [{"days": 3, "on": True}, {"days": 4, "on": False}]}),
)

COURSES = (
    Example("One dose", {"segments": [
        {"start": "2026-11-20T15:00", "time_rule": {"type": "times", "times": ["15:00"]}, "dose": 1, "count": 1}]},
        "injection", "ml"),
    _one("Until the tablets are used up", quantity=14,
         time_rule={"type": "slots", "doses": {"MORN": 1, "NOON": None, "EVE": 1, "NIGHT": None}}),
    _daily_at_eight("A number of doses, and an end by the clock", count=10, end="2026-11-30T12:00"),
    _several("A taper in steps of its own, with an amount for each stretch",
             {"dose": 40, "days": 3}, {"start": "2026-11-23", "dose": 30, "days": 2},
             {"start": "2026-11-25", "dose": 20, "days": 2}, unit="mg"),
    _one("A taper by rule", "oral", "mg", time_rule=AT_EIGHT,
         dose={"start": 40, "step": -5, "every_days": 3, "limit": 5}),
    _several("Two amounts side by side", {"dose": 1}, {"time_rule": {"type": "times", "times": ["20:00"]}, "dose": 2}),
    _several("A pause within a course", {"dose": 1, "days": 10},
             pauses=[{"from": "2026-11-22T00:00", "to": "2026-11-24T00:00", "mode": "keep"}]),
    Example("A pause after which the hours are counted anew", {
        "segments": [{"start": "2026-11-20T06:00", "interval": {"every_minutes": 720}, "dose": 1}],
        "pauses": [{"from": "2026-11-20T12:00", "to": "2026-11-21T09:00", "mode": "reanchor"}]}, "oral", "capsule"),
)

JOURNEYS = (
    _several("A journey to Seoul: the doses follow the clock there",
             {"dose": 1, "time_rule": {"type": "times", "times": ["08:00", "20:00"]}},
             tz_policy="follow", zone_timeline=[{"at": "2026-11-21T03:00Z", "zone": "Asia/Seoul"}]),
    _several("The same journey, kept to the clock at home",
             {"dose": 1, "time_rule": {"type": "times", "times": ["08:00", "20:00"]}},
             tz_policy="home", zone_timeline=[{"at": "2026-11-21T03:00Z", "zone": "Asia/Seoul"}]),
)

SECTIONS = (("Times of the day", TIMES_OF_DAY), ("Hours, doses that follow, doses as needed", HOURS), ("Days", DAYS),
            ("Courses, tapers and pauses", COURSES), ("Journeys", JOURNEYS))
