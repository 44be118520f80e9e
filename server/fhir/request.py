"""FHIR R4 MedicationRequest: one line of a prescription version that is, or was last, in force (R-083, R-580).

Only the line's own words go out: those of the prescription (diagnosis, note, reasons) could name a hidden medicine.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from server.fhir.terms import (
    OURS,
    PRESCRIPTION,
    REQUEST,
    Json,
    Told,
    coded,
    filled,
    medicine,
    moment,
    quantity,
    reference,
)

NS_REQUEST = uuid5(NAMESPACE_URL, REQUEST)
STATUS_REASON = f"{OURS}prescription-status-reason"
STATUSES = {"draft": "draft", "active": "active", "paused": "on-hold"}
WHY_INACTIVE = {"completed": "completed", "expired": "completed", "rejected": "cancelled"}
HALTED = "stopped"


def request_id(version_id: str, line_id: str) -> str:
    """The same in every export: a version never changes."""
    return str(uuid5(NS_REQUEST, f"{version_id}|{line_id}"))


def request_status(prescription: Told) -> str:
    """Status of a MedicationRequest of the version in force."""
    if prescription["status"] != "inactive":
        return STATUSES[prescription["status"]]
    return WHY_INACTIVE.get(prescription["status_reason"] or "", HALTED)


def request_resource(
    prescription: Told, version: Told, line: Told, dosages: Sequence[Json], before: Told | None, zone: ZoneInfo
) -> Json:
    """One line of a version. `before` is the period of the version that this one replaced for the line, if any."""
    return filled({
        "resourceType": "MedicationRequest", "id": request_id(version["id"], line["line_id"]),
        "identifier": [_identifier(version["id"], line["line_id"])],
        "status": request_status(prescription), "statusReason": _why(prescription), "intent": "order",
        "medicationCodeableConcept": medicine(line), "subject": reference(prescription["patient_id"]),
        "authoredOn": moment(version["made_at"], zone), "requester": _requester(version),
        "groupIdentifier": {"system": PRESCRIPTION, "value": prescription["id"]},
        "note": [{"text": line["note"]}] if line["note"] else None,
        "dosageInstruction": list(dosages),
        "dispenseRequest": filled({"quantity": quantity(line["quantity"], line["unit"])}),
        "priorPrescription": _prior(before, line["line_id"]) if before is not None else None,
    })


def request_reference(version_id: str, line_id: str, in_bundle: frozenset[str]) -> Json:
    """To the request of a version: within the bundle, or by the identifier it has in every export."""
    id_ = request_id(version_id, line_id)
    return reference(id_) if id_ in in_bundle else {
        "type": "MedicationRequest", "identifier": _identifier(version_id, line_id)}


def _identifier(version_id: str, line_id: str) -> Json:
    return {"system": REQUEST, "value": f"{version_id}|{line_id}"}


def _why(prescription: Told) -> Json | None:
    reason = prescription["status_reason"]
    return {"coding": [coded(STATUS_REASON, reason)]} if reason else None


def _requester(version: Told) -> Json | None:
    """By name; a patient who wrote it is the bundle's own."""
    if version["author_role"] == "patient":
        return reference(version["patient_id"])
    return {"display": version["author_name"]} if version["author_name"] else None


def _prior(period: Told, line_id: str) -> Json:
    return {**request_reference(period["version_id"], line_id, frozenset()), "display": f"version {period['number']}"}
