"""FHIR R4 MedicationStatement: that the patient takes, or took, a medicine, and from when to when (R-580)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from server.fhir.request import HALTED, request_status
from server.fhir.terms import Json, Told, filled, medicine, moment, reference

STATUSES = {"draft": "intended", "cancelled": "not-taken"}  # FHIR's other words are the same for both resources


def statement_resource(
    prescription: Told, line: Told, concept_of: Told, request: str | None, asserted: str, zone: ZoneInfo
) -> Json:
    """Of a medication line; `concept_of` is the row that names the medicine best.

    `request` is the id of its MedicationRequest in the bundle; None if the version in force has dropped the line.
    """
    status = HALTED if request is None else request_status(prescription)
    begins = _begins(prescription, line)
    if status == "active" and begins is not None and begins > asserted:
        status = "intended"
    return filled({
        "resourceType": "MedicationStatement", "id": line["id"], "status": STATUSES.get(status, status),
        "basedOn": [reference(request)] if request is not None else None,
        "medicationCodeableConcept": medicine(concept_of), "subject": reference(line["patient_id"]),
        "effectivePeriod": _period(prescription, line, zone), "dateAsserted": moment(asserted, zone),
    })


def _begins(prescription: Told, line: Told) -> str | None:
    """The first of its periods in force; a medicine taken as needed may have none and follows its prescription."""
    begun: str | None = min((period["from"] for period in line["schedule"]), default=prescription["in_force_from"])
    return begun


def _period(prescription: Told, line: Told, zone: ZoneInfo) -> Json:
    """Till the last period's end, if it has one."""
    begins, ends = _begins(prescription, line), [period["until"] for period in line["schedule"]]
    over = max(ends) if ends and None not in ends else None
    return {**({"start": moment(begins, zone)} if begins is not None else {}),
            **({"end": moment(over, zone)} if over is not None else {})}
