"""FHIR R4 Patient: who it is, in both scripts. Telecom only where the caller hands over the contacts they may see."""

from __future__ import annotations

from server.fhir.terms import PATIENT, Json, Told, filled

LANGUAGE = "http://hl7.org/fhir/StructureDefinition/language"


def patient_resource(patient: Told, contacts: Told | None) -> Json:
    """`contacts` holds `phone` and `email`, each text or None; None as a whole if the viewer may not see them."""
    return filled({
        "resourceType": "Patient", "id": patient["id"],
        "identifier": [{"system": PATIENT, "value": patient["id"]}],
        "name": [*_latin(patient), *_khmer(patient)],
        "telecom": _telecom(contacts) if contacts is not None else None,
        "gender": patient["gender"], "birthDate": patient["birth_date"],
    })


def _latin(patient: Told) -> list[Json]:
    given, family = patient["first_name"], patient["last_name"]
    name = filled({"use": "official", "text": " ".join(part for part in (given, family) if part), "family": family,
                   "given": [given] if given else None})
    return [name] if given or family else []


def _khmer(patient: Told) -> list[Json]:
    if not patient["name_km"]:
        return []
    return [{"use": "official", "text": patient["name_km"], "extension": [{"url": LANGUAGE, "valueCode": "km"}]}]


def _telecom(contacts: Told) -> list[Json]:
    return [{"system": system, "value": contacts[system]} for system in ("phone", "email") if contacts[system]]
