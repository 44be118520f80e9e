"""FHIR R4 MedicationAdministration: a dose that was taken, or was not, for a reason (R-153, R-580).

Only what somebody recorded is a fact. A dose without a word is missed by the clock alone, and is not told.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from server.fhir.request import request_reference
from server.fhir.terms import CONFLICT, SKIP_REASON, Json, Told, coded, filled, medicine, moment, quantity, reference

RECORDED = {"taken": "completed", "skipped": "not-done"}
REASONS = {
    "feeling_better": "Feeling better", "side_effects": "Side effects", "forgot_refill": "Medicine had run out",
    "doctor_advised": "Advised by a doctor", "other": "Other",
}


def administration_resource(dose: Told, line: Told, requests: frozenset[str], zone: ZoneInfo) -> Json:
    """A dose with action taken or skipped. `requests` are the ids of the bundle's MedicationRequests."""
    taken = dose["action"] == "taken"
    return filled({
        "resourceType": "MedicationAdministration", "id": dose["id"],
        "meta": {"tag": [coded(CONFLICT, dose["conflict"])]} if dose["conflict"] else None,
        "status": RECORDED[dose["action"]], "statusReason": None if taken else _why_not(dose),
        "medicationCodeableConcept": medicine(line), "subject": reference(dose["patient_id"]),
        "effectiveDateTime": moment(_when(dose), zone),
        "request": request_reference(dose["version_id"], dose["line_id"], requests) if dose["version_id"] else None,
        "note": [{"text": dose["note"]}] if dose["note"] else None,
        "dosage": _dosage(dose, line) if taken else None,
    })


def _when(dose: Told) -> str:
    """When it was taken; of a dose that was not, when it would have been due."""
    order = ("at", "due_at") if dose["action"] == "taken" else ("due_at", "at")
    known = [dose[name] for name in (*order, "recorded_at") if dose[name] is not None]
    return str(known[0])


def _why_not(dose: Told) -> list[Json] | None:
    reason = dose["reason"]
    return [{"coding": [coded(SKIP_REASON, reason, REASONS[reason])]}] if reason else None


def _dosage(dose: Told, line: Told) -> Json | None:
    """What was recorded; who names no amount has taken what was due."""
    amount = quantity(dose["amount"] if dose["amount"] is not None else dose["amount_due"], line["unit"])
    return {"dose": amount} if amount is not None else None
