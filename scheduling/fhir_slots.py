"""FHIR R4 dosageInstruction → dosing plan, for the four-slot grid only: every day, MORN, NOON, EVE, NIGHT, own amounts.

What it does not know it refuses, whole: a dosage understood in part is a wrong dosage. Knows no patient and no zone, so
a course that begins at an instant is refused too. `patientInstruction` is the line's text, not the plan's: it is read
over. Other FHIR timings (R-580) are not its business.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

from scheduling.recurrence import SLOT_NAMES
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.values import decimal_text

UCUM = "http://unitsofmeasure.org"
DAYS_IN = {"d": 1, "wk": 7}
"""UCUM codes of calendar units with a fixed number of days; hours and months would need the clock or the calendar."""

_BOUNDS = ("boundsDuration", "boundsPeriod")
_RATE = ("frequency", "period", "periodUnit")


def slots_plan(dosage_instruction: object, *, start: str) -> dict[str, Any]:
    """The plan (`{"segments": [one segment]}`, amounts as decimal text) of one medicine's dosageInstructions.

    `start` is a date or a local date-time of the patient's wall clock; a later `boundsPeriod.start` replaces it.
    Numbers must be int or Decimal, as `sync.gate.read_json` yields them. Raises `Refusal(INVALID)` naming the first
    element that a four-slot plan cannot say (`plan.unsupported`), or a course that ends before `start` (`date.range`).
    """
    if not isinstance(dosage_instruction, list) or not dosage_instruction:
        _unsupported("dosageInstruction")
    doses: dict[str, str | None] = dict.fromkeys(SLOT_NAMES)
    shared: tuple[Any, ...] | None = None
    for place, instruction in enumerate(dosage_instruction):
        at = f"dosageInstruction.{place}"
        repeat = _repeat(instruction, at)
        amount, unit = _dose(instruction, at)
        bounds = {name: repeat[name] for name in _BOUNDS if name in repeat}
        if shared not in (None, (unit, bounds)):  # one line has one unit and one course
            _unsupported(at)
        shared = (unit, bounds)
        for slot in _slots(repeat, f"{at}.timing.repeat"):
            if doses[slot] is not None:
                _unsupported(f"{at}.timing.repeat.when")
            doses[slot] = amount
    time_rule = {"type": "slots", "doses": doses}
    course = _course(bounds, start, "dosageInstruction.0.timing.repeat")
    return {"segments": [{"day_rule": {"type": "daily"}, "time_rule": time_rule, **course}]}


def _repeat(instruction: object, at: str) -> dict[str, Any]:
    members = _members(instruction, at, ("timing", "doseAndRate", "patientInstruction"))
    timing = _members(members.get("timing"), f"{at}.timing", ("repeat",))
    return _members(timing.get("repeat"), f"{at}.timing.repeat", ("when", *_RATE, *_BOUNDS))


def _dose(instruction: dict[str, Any], at: str) -> tuple[str, dict[str, Any]]:
    """The amount as decimal text, and its unit (unit, system, code) to compare."""
    rates = instruction.get("doseAndRate")
    if not isinstance(rates, list) or len(rates) != 1:
        _unsupported(f"{at}.doseAndRate")
    path = f"{at}.doseAndRate.0"
    rate = _members(rates[0], path, ("doseQuantity",))
    quantity = _members(rate.get("doseQuantity"), f"{path}.doseQuantity", ("value", "unit", "system", "code"))
    value = quantity.get("value")
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not value > 0:
        _unsupported(f"{path}.doseQuantity.value")
    return decimal_text(Decimal(value)), {name: quantity[name] for name in quantity if name != "value"}


def _slots(repeat: dict[str, Any], at: str) -> list[str]:
    """The slots of `when`; if a frequency stands beside them, it must say the same: as many times, each day."""
    when = repeat.get("when")
    if not isinstance(when, list) or not when or not all(isinstance(code, str) and code in SLOT_NAMES for code in when):
        _unsupported(f"{at}.when")
    rate = tuple(repeat.get(name) for name in _RATE)
    if rate not in ((None, None, None), (len(when), 1, "d")):
        _unsupported(f"{at}.frequency")
    return when


def _course(bounds: dict[str, Any], start: str, at: str) -> dict[str, Any]:
    if len(bounds) == len(_BOUNDS):  # bounds[x] is a choice
        _unsupported(f"{at}.boundsPeriod")
    if "boundsDuration" in bounds:
        return {"start": start, "days": _days(bounds["boundsDuration"], f"{at}.boundsDuration")}
    if "boundsPeriod" in bounds:
        return _period(bounds["boundsPeriod"], start, f"{at}.boundsPeriod")
    return {"start": start}


def _days(duration: object, at: str) -> int:
    members = _members(duration, at, ("value", "unit", "system", "code"))
    value, code = members.get("value"), members.get("code")
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        _unsupported(f"{at}.value")
    if members.get("system") != UCUM or not isinstance(code, str) or code not in DAYS_IN:
        _unsupported(f"{at}.code")
    return value * DAYS_IN[code]


def _period(period: object, start: str, at: str) -> dict[str, Any]:
    """FHIR's Period includes its last day, as `until` does."""
    members = _members(period, at, ("start", "end"))
    if not members:
        _unsupported(at)
    days = {name: _date(value, f"{at}.{name}") for name, value in members.items()}
    first = max(days.get("start", date.min), date.fromisoformat(start[:10]))
    begin = start if start.startswith(first.isoformat()) else first.isoformat()
    if "end" not in days:
        return {"start": begin}
    if days["end"] < first:
        raise Refusal(Code.INVALID, FieldProblem(f"{at}.end", FieldCode.DATE_RANGE))
    return {"start": begin, "until": days["end"].isoformat()}


def _date(value: object, at: str) -> date:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:  # 2026-07 and instants are FHIR dateTimes too
        _unsupported(at)
    return day


def _members(value: object, at: str, known: Collection[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        _unsupported(at)
    for name in value:
        if name not in known:
            _unsupported(f"{at}.{name}")
    return value


def _unsupported(at: str) -> NoReturn:
    raise Refusal(Code.INVALID, FieldProblem(at, FieldCode.PLAN_UNSUPPORTED))
