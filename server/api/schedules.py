"""A plan tried out before anybody saves it: the doses that it means in a window, for doctors' apps and phones' checks.

Reads no row and writes none: it needs a login and no patient. Instants and amounts are spelled as in the file that
defines the plan format (tests/data/schedule_cases.json); `due_at` is the same instant as dose rows spell it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args

from scheduling.plan import Plan, assign_keys, read_plan
from scheduling.plan_told import told_in_words
from scheduling.planned import Planned
from scheduling.recurrence import ends_at, expand, left_over, spacing_minutes
from scheduling.routine import DEFAULT_ROUTINE
from scheduling.windows import windows
from scheduling.zones import local_day
from server.call import Answer, Call, Route
from storage.entities.prescription_line import Form, Unit
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.values import Unfit, canonical_instant, decimal_text, format_instant, parse_instant

MAX_DOSES_SHOWN = 5_000
MEMBERS = ("plan", "from", "to", "form", "unit")
FORMS, UNITS = get_args(Form), get_args(Unit)


async def preview(call: Call) -> Answer:
    """The doses of `plan` in the half-open window [from, to), at most MAX_DOSES_SHOWN.

    With the line's `form` and `unit` (R-082) also the sentence that the patient will read, and the form's row.
    """
    body = call.body if isinstance(call.body, dict) else {}
    return Answer(200, await asyncio.to_thread(_worked_out, body, call.now))  # a long course is some milliseconds' work


def _worked_out(body: dict[str, Any], now: str) -> dict[str, Any]:
    since, until = _window(body)
    plan = _plan(body)
    doses = expand(plan, DEFAULT_ROUTINE, since, until, limit=MAX_DOSES_SHOWN)
    if isinstance(doses, FieldProblem):
        raise Refusal(Code.INVALID, doses)
    ends, spacing = ends_at(plan, DEFAULT_ROUTINE), spacing_minutes(plan, DEFAULT_ROUTINE)
    found = windows(spacing)
    return {
        "doses": [_told(dose) for dose in doses],
        "ends_at": format_instant(ends) if ends else None,
        "left_over": [None if rest is None else decimal_text(rest) for rest in left_over(plan, DEFAULT_ROUTINE)],
        "spacing_min": spacing, "on_time_min": found.on_time_min, "missed_after_min": found.missed_after_min,
        **_said(plan, body, now),
    }


def _said(plan: Plan, body: dict[str, Any], now: str) -> dict[str, Any]:
    """The plan in words; nothing where it is not said what an amount counts."""
    form, unit = body.get("form"), body.get("unit")
    if form is None or unit is None:
        return {}
    today = local_day(plan.zone or DEFAULT_ROUTINE.zone, parse_instant(now))
    return told_in_words(plan, form=form, unit=unit, today=today)


def _plan(body: dict[str, Any]) -> Plan:
    plan = read_plan(body.get("plan"))
    if isinstance(plan, list):
        raise Refusal(Code.INVALID, *plan)
    return assign_keys(plan)


def _window(body: dict[str, Any]) -> tuple[datetime, datetime]:
    problems = [FieldProblem(name, FieldCode.REQUIRED) for name in ("plan", "from", "to") if body.get(name) is None]
    problems += [FieldProblem(str(name)[:64], FieldCode.UNKNOWN) for name in body if name not in MEMBERS]
    problems += [FieldProblem(name, FieldCode.NOT_ALLOWED, {"one_of": list(allowed)})
                 for name, allowed in (("form", FORMS), ("unit", UNITS))
                 if body.get(name) is not None and body[name] not in allowed]
    moments: list[datetime] = []
    for name in ("from", "to"):
        try:
            moments += [parse_instant(canonical_instant(body[name]))] if body.get(name) is not None else []
        except Unfit as unfit:
            problems.append(FieldProblem(name, unfit.code, unfit.params))
    if len(moments) == 2 and moments[1] <= moments[0]:
        problems.append(FieldProblem("to", FieldCode.DATE_RANGE))
    if problems:
        raise Refusal(Code.INVALID, *problems)
    return moments[0], moments[1]


def _told(dose: Planned) -> dict[str, Any]:
    return {
        "utc": _to_the_minute(dose.due_at).replace("+00:00", "Z"), "local": _to_the_minute(dose.local),
        "nominal_date": dose.nominal_date.isoformat(), "dose": _number(dose.amount),
        "due_at": format_instant(dose.due_at), "slot": dose.slot, "slot_key": dose.slot_key,
        "occurrence": dose.occurrence, "segment": dose.segment, "adjusted": dose.adjusted,
        "provisional": dose.provisional,
    }


def _to_the_minute(moment: datetime) -> str:
    """ISO 8601 as the plan format spells it; seconds only where a journey began within a minute."""
    return moment.isoformat(timespec="seconds" if moment.second else "minutes")


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == int(amount) else float(amount)


_MOMENT = {"type": "string", "format": "date-time"}
_DOSE = {"type": "object", "required": ["utc", "local", "nominal_date", "dose"], "properties": {
    "utc": {"type": "string", "description": "YYYY-MM-DDTHH:mmZ"},
    "local": {"type": "string", "description": "the patient's wall clock with its offset, YYYY-MM-DDTHH:mm+07:00"},
    "nominal_date": {"type": "string", "format": "date"}, "dose": {"type": "number"}, "due_at": _MOMENT,
    "slot": {"type": ["string", "null"]}, "slot_key": {"type": "string"}, "occurrence": {"type": "integer"},
    "segment": {"type": "integer", "description": "which segment of the plan, from 0"},
    "adjusted": {"type": ["string", "null"], "enum": ["dst_gap", "travel_gap", "travel_repeat", None]},
    "provisional": {"type": "boolean", "description": "moves with the report of the dose that it follows"}}}
_ANSWER = {"type": "object", "required": ["doses"], "properties": {
    "doses": {"type": "array", "items": _DOSE, "maxItems": MAX_DOSES_SHOWN},
    "ends_at": {"type": ["string", "null"], "format": "date-time", "description": "null = ongoing"},
    "left_over": {"type": "array", "items": {"type": ["string", "null"]},
                  "description": "of each segment's quantity, what no dose uses (R-117)"},
    "spacing_min": {"type": "integer"}, "on_time_min": {"type": "integer"}, "missed_after_min": {"type": "integer"},
    "text": {"type": "object", "description": "the plan as one sentence, km and en; with form and unit"},
    "four_slots": {"type": "object", "description": "the row of the Cambodian form, km and en; null if it has none"}}}
_BODY = {"type": "object", "required": ["plan", "from", "to"], "properties": {
    "plan": {"type": "object", "description": "docs/SCHEDULES.md"}, "from": _MOMENT, "to": _MOMENT,
    "form": {"type": "string", "enum": list(FORMS)}, "unit": {"type": "string", "enum": list(UNITS)}}}

ROUTES = [
    Route(method="POST", path="/schedules/preview", handler=preview, summary="The doses that a plan means in a window",
          tag="schedules", body=_BODY, answer=_ANSWER, refuses=(Code.INVALID,)),
]
