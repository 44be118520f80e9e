"""The words that FHIR R4 resources are made of: code systems, units, references, names of medicines, moments.

Pure; starts from told rows, whose private names are blank. Knows no resource as a whole and no viewer.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.fhir.units import amount_in
from sync.values import parse_instant

Told = Mapping[str, Any]
Json = dict[str, Any]

OURS = "tag:dastern,2026:"
PATIENT, PRESCRIPTION, REQUEST = f"{OURS}patient", f"{OURS}prescription", f"{OURS}medication-request"
NATIONAL_CODE, SKIP_REASON, CONFLICT = f"{OURS}national-medicine-code", f"{OURS}skip-reason", f"{OURS}dose-conflict"
ATC = "http://www.whocc.no/atc"
ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


def urn(id_: str) -> str:
    return f"urn:uuid:{id_}"


def reference(id_: str) -> Json:
    """To a resource of the same bundle."""
    return {"reference": urn(id_)}


def coded(system: str, code: str, display: str | None = None) -> Json:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def moment(instant: str, zone: ZoneInfo) -> str:
    """A FHIR dateTime with the offset of the patient's zone."""
    return parse_instant(instant).astimezone(zone).isoformat()


def quantity(amount: str | None, unit: str) -> Json | None:
    """A decimal as text in one of our units."""
    return None if amount is None else amount_in(Decimal(amount), unit)


def medicine(line: Told) -> Json:
    """The medicine of a line as CodeableConcept. A hidden one says only that it is hidden (R-082, S-34)."""
    if line["name"] is None:
        return {"coding": [coded(ABSENT_REASON, "masked", "Masked")]}
    name, strength = line["name"], line.get("strength")
    text = name if not strength or strength in name else f"{name} {strength}"
    codes = [coded(system, line[column]) for system, column in ((ATC, "atc"), (NATIONAL_CODE, "code"))
             if line.get(column)]
    khmer = {"_text": _translated(line["name_km"], "km")} if line.get("name_km") else {}
    return {**({"coding": codes} if codes else {}), "text": text, **khmer}


def filled(resource: Mapping[str, Any]) -> Json:
    """The resource without members that have nothing to say: FHIR knows neither null nor empty lists."""
    return {name: value for name, value in resource.items() if value not in (None, [], {}, "")}


def _translated(content: str, language: str) -> Json:
    return {"extension": [{"url": TRANSLATION, "extension": [
        {"url": "lang", "valueCode": language}, {"url": "content", "valueString": content}]}]}
