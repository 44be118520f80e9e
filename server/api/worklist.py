"""A doctor's own patients, those first who need them most, with the reasons (R-251, R-252).

A patient at another level than ALLOWED is named, for the connection is known to both, and nothing is told of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import false, select

from scheduling.adherence_periods import USUAL_DAYS
from scheduling.worklist import Entry, Finding, Reason, Severity, worklist
from scheduling.zones import zone_named
from server.api import supply
from server.api.adherence_answers import FIGURES, figures_told, percent_told
from server.call import Answer, Call, Route, Schema
from server.newest import QUERY, newest
from server.worklist_facts import facts_of
from storage.catalogue import table_of
from storage.consent import ACCEPTED, DOCTOR_LEVELS
from sync.access import USER_SCOPE, scope_name
from sync.problem import Code, Refusal
from sync.values import decimal_text, parse_instant

Json = dict[str, Any]

OWN = {"status": ACCEPTED, "other_role": "doctor"}


async def patients(call: Call) -> Answer:
    """A page of the doctor's patients, in the order of need. Raises Refusal: forbidden to all but doctors."""
    if call.who.role != "doctor":
        raise Refusal(Code.FORBIDDEN)
    page = await newest(call, "connection", [scope_name(USER_SCOPE, call.user)], {**OWN, "other_id": call.user})
    assert page is not None, "one's own scope is open"
    links = {link["patient_id"]: link for link in page["items"]}
    facts = await facts_of(call.house, call.user, list(links), call.now)
    stock = await days_of_stock(call, list(facts))
    known = {patient: replace(one, days_of_stock=stock.get(patient)) for patient, one in facts.items()}
    listed = worklist(Entry(patient, known.get(patient), parse_instant(call.now)) for patient in links)
    return Answer(200, {**page, "days": USUAL_DAYS, "items": [_told(one, links[one.patient_id]) for one in listed]})


async def days_of_stock(call: Call, patients: Sequence[str]) -> dict[str, int]:
    """How many days the medicine lasts that runs out first, of those patients whose supply is known at all."""
    event = table_of("supply_event").c
    asked = select(event.patient_id).where(event.patient_id.in_(patients), event.deleted == false()).distinct()
    async with call.house.database.reading() as reading:
        supplied = list((await reading.execute(asked)).scalars())
    found: dict[str, int] = {}
    for patient in supplied:
        try:
            answer = await supply.listed(replace(call, query={"patient_id": patient}))
        except Refusal:  # the access ended between the two questions
            continue
        days = [item["days_left"] for item in answer.body["items"] if item["days_left"] is not None]
        found |= {patient: min(days)} if days else {}
    return found


def _told(entry: Entry, link: dict[str, Any]) -> dict[str, Any]:
    facts, figures = entry.facts, entry.figures
    return {
        "patient_id": entry.patient_id, "connection_id": link["id"], "name": link["patient_name"],
        "level": link["level"],
        "reasons": [] if facts is None else [_reason(finding, zone_named(facts.zone)) for finding in entry.findings],
        "figures": None if figures is None else figures_told(figures),
    }


def _reason(finding: Finding, zone: ZoneInfo) -> dict[str, Any]:
    days = finding.days_of_stock
    return {
        "reason": str(finding.reason), "severity": finding.severity,
        "since": None if finding.since is None else finding.since.astimezone(zone).isoformat(),
        "in_a_row": finding.in_a_row, "taking_pct": percent_told(finding.taking),
        "days_of_stock": None if days is None else decimal_text(Decimal(days)),
    }


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


_ID = {"type": "string", "format": "uuid"}
_WHOLE = {"type": "integer", "minimum": 0}
_EXACT = {"type": ["string", "null"], "pattern": "^-?[0-9]+(\\.[0-9]+)?$"}
_REASON: Json = {"type": "object", "required": ["reason"], "properties": {
    "reason": {"type": "string", "enum": [str(reason) for reason in Reason]},
    "severity": _or_null({"type": "string", "enum": [str(severity) for severity in Severity]}),
    "since": {"type": ["string", "null"], "format": "date-time", "description": "with the patient's offset"},
    "in_a_row": {"type": ["integer", "null"], "minimum": 0}, "taking_pct": _EXACT, "days_of_stock": _EXACT}}
_ITEM: Json = {"type": "object", "required": ["patient_id", "connection_id", "level", "reasons", "figures"],
               "properties": {
                   "patient_id": _ID, "connection_id": _ID, "name": {"type": ["string", "null"]},
                   "level": {"anyOf": [{"type": "string", "enum": list(DOCTOR_LEVELS)}, {"type": "null"}]},
                   "reasons": {"type": "array", "items": _REASON, "description": "the gravest first (R-252)"},
                   "figures": {**_or_null({"type": "object", "required": list(FIGURES), "properties": FIGURES}),
                               "description": "null where the level shows none"}}}
WORKLIST: Schema = {"type": "object", "required": ["days", "total", "next_cursor", "items"], "properties": {
    "days": {**_WHOLE, "description": "over which the figures are, today included"}, "total": _WHOLE,
    "next_cursor": {"type": ["string", "null"]},
    "items": {"type": "array", "items": _ITEM, "description": "those first who need their doctor most; of this page"}}}

ROUTES = [
    Route(method="GET", path="/doctors/patients", handler=patients, summary="A doctor's own patients, worklist first",
          tag="doctors", query=QUERY, answer=WORKLIST, refuses=(Code.INVALID, Code.FORBIDDEN)),
]
