"""A patient's record as a FHIR R4 Bundle (R-580): GET /patients/{id}/fhir.

For the patient's side and for doctors at `allowed`; every row is read through the reader's own view and told masked, so
that no name of a private line is in it. What a resource is made of is server/fhir/.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from scheduling.routine import Routine
from scheduling.zones import local_day
from server import records
from server.call import Answer, Call, Route, Schema
from server.fhir.bundle import Chart
from server.fhir.document import MEDIA_TYPE, document
from server.levels import lacking, rows_of_patient, standing_with, told_of
from storage.accounts.audit import Deed, Origin, record
from storage.ledger.choose import MOST, Chosen
from storage.zone_names import DEFAULT_ZONE
from sync.access import OWNERS, RELATIVES, Membership, Role
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.values import Unfit, canonical_date, parse_instant

READERS = OWNERS | RELATIVES | {Role.DOCTOR}
ALLOWED = "allowed"
USUAL_DAYS, MOST_DAYS = 90, 366
MOST_ADMINISTRATIONS = 5_000
MOST_PRESCRIPTIONS, MOST_LINES = 200, 500  # a line takes 1 ms to be said, 30 ms if it counts 5,000 doses
RECORDED = ("taken", "skipped")
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)


@dataclass(frozen=True, slots=True)
class Days:
    """Nominal dates, both included."""

    first: date
    last: date

    @property
    def listed(self) -> list[str]:
        return [(self.first + timedelta(days=n)).isoformat() for n in range((self.last - self.first).days + 1)]


async def export(call: Call) -> Answer:
    """The whole record or none: what would have to be cut is refused."""
    patient = call.path["id"]
    held = await standing_with(call, patient)
    if held.role not in READERS:
        raise lacking(held.role, doctor=ALLOWED)
    own = await rows_of_patient(call, "patient", patient)
    if not own.rows:
        raise Refusal(Code.NOT_FOUND)
    zone, routine = own.rows[0].fields["zone"] or DEFAULT_ZONE, Routine.of(own.rows[0])
    days = _days_in(call, local_day(zone, parse_instant(call.now)))
    chart = await _chart(call, own, days)
    body = await asyncio.to_thread(document, chart, routine, zone, call.language, call.now)
    await _audited(call, held, patient, days)
    return Answer(200, body, {"Content-Type": MEDIA_TYPE})


async def _chart(call: Call, own: Chosen, days: Days) -> Chart:
    """Doses first: whatever they name is there when it is read after them."""
    patient = own.rows[0].id
    too_many = Refusal(Code.INVALID, FieldProblem("from", FieldCode.TOO_MANY, {"most": MOST_ADMINISTRATIONS}))
    doses = await _all(call, patient, "dose_event", MOST_ADMINISTRATIONS, too_many,
                       {"nominal_date": days.listed, "action": RECORDED})
    lines = await _all(call, patient, "medication_line", MOST_LINES, _too_large("medication_line", MOST_LINES))
    prescriptions = await _all(call, patient, "prescription", MOST_PRESCRIPTIONS,
                               _too_large("prescription", MOST_PRESCRIPTIONS))
    in_force = [row["current_version_id"] for row in prescriptions if row["current_version_id"]]
    versions = told_of(call, await rows_of_patient(call, "prescription_version", patient, equals={"id": in_force}))
    profile = await records.seek(call.house, call.user, "profile", patient, call.now)
    return Chart(
        patient=told_of(call, own)[0], contacts=profile.told if profile is not None else None,
        prescriptions=prescriptions, versions={row["id"]: row for row in versions},
        lines={row["id"]: row for row in lines},
        doses=sorted(doses, key=lambda dose: (dose["nominal_date"], dose["due_at"] or "", dose["id"])),
    )


async def _all(
    call: Call, patient: str, kind: str, most: int, too_many: Refusal, equals: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Rows of a kind as the caller may see them, all or none. Raises `too_many` if there are more than `most`."""
    told: list[dict[str, Any]] = []
    after: tuple[str, str] | None = None
    while True:
        chosen = await rows_of_patient(call, kind, patient, equals=equals or {}, after=after, counted=after is None)
        if (chosen.total or 0) > most:
            raise too_many
        told += told_of(call, chosen)
        if len(chosen.rows) < MOST:
            return told
        after = (chosen.rows[-1].created_at, chosen.rows[-1].id)


def _too_large(kind: str, most: int) -> Refusal:
    return Refusal(Code.TOO_LARGE, extra={"limits": {kind: most}})


async def _audited(call: Call, held: Membership, patient: str, days: Days) -> None:
    """Who took how much of whose record away (R-381)."""
    deed = Deed(call.user, str(held.role), "fhir_exported", "patient", patient, patient,
                {"from": days.first.isoformat(), "to": days.last.isoformat()})
    async with call.house.database.writing() as writing:
        await record(writing, deed, Origin(call.ip, call.device), call.now)


def _days_in(call: Call, today: date) -> Days:
    """`?from=&to=`. Raises Refusal(INVALID) naming the one that is wrong."""
    last = _day_in(call, "to") or today
    first = _day_in(call, "from") or max(FIRST_DAY, last - timedelta(days=USUAL_DAYS - 1))
    if last < first:
        raise Refusal(Code.INVALID, FieldProblem("to", FieldCode.DATE_RANGE))
    if (last - first).days >= MOST_DAYS:
        raise Refusal(Code.INVALID, FieldProblem("from", FieldCode.DATE_RANGE, {"most": MOST_DAYS}))
    return Days(first, last)


def _day_in(call: Call, name: str) -> date | None:
    given = call.query.get(name)
    try:
        return None if given is None else date.fromisoformat(canonical_date(given, FIRST_DAY, LAST_DAY))
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem(name, unfit.code, unfit.params)) from None


_QUERY: dict[str, Schema] = {
    "from": {"type": "string", "format": "date",
             "description": f"first date of the administrations; {USUAL_DAYS} days are told if left out"},
    "to": {"type": "string", "format": "date", "description": "last date; today in the patient's zone if left out"},
}
_BUNDLE: Schema = {
    "type": "object", "required": ["resourceType", "type", "timestamp", "entry"], "contentMediaType": MEDIA_TYPE,
    "description": "FHIR R4 Bundle: Patient, MedicationRequest, MedicationStatement, MedicationAdministration",
    "properties": {
        "resourceType": {"const": "Bundle"}, "type": {"const": "collection"},
        "timestamp": {"type": "string", "format": "date-time"},
        "entry": {"type": "array", "items": {"type": "object", "required": ["fullUrl", "resource"], "properties": {
            "fullUrl": {"type": "string"}, "resource": {"type": "object", "required": ["resourceType"]}}}},
    },
}

ROUTES = [
    Route(method="GET", path="/patients/{id}/fhir", handler=export, summary="A patient's record as FHIR R4",
          tag="patients", query=_QUERY, answer=_BUNDLE,
          refuses=(Code.INVALID, Code.NOT_FOUND, Code.FORBIDDEN, Code.LEVEL_REQUIRED, Code.TOO_LARGE)),
]
