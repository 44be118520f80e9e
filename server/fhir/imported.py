"""A received request → a line of a prescription, or the text that a person has to read (R-580, R-581).

A request that is not in force, that forbids its medicine or carries a modifier is never a line. Knows no patient and no
write; what becomes of dosages is scheduling/fhir's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from scheduling.fhir.amounts import measure_of
from scheduling.fhir.bounds import Begins, moment_of
from scheduling.fhir.elements import CodeableConcept, Quantity
from scheduling.fhir.mapping import dosage_outcome
from scheduling.fhir.outcome import Mapped, NeedsReview, Outcome, Refused
from scheduling.fhir.review import Beyond, Reason
from scheduling.plan_values import DOSE_PLACES, MOST_QUANTITY
from scheduling.zones import midnight
from server.fhir.received import Json, Received, model_problems
from server.fhir.terms import ATC, NATIONAL_CODE
from storage.entities.prescription_line import MAX_NOTE_CHARS
from storage.wire_check import read_problems
from sync.problem import FieldProblem
from sync.values import decimal_text

IN_FORCE, AN_OPTION = frozenset({"active", "draft"}), "option"  # an option is one of several, not yet chosen
SNOMED = "http://snomed.info/sct"
FORM_OF_ROUTE = {"26643006": "oral", "6064005": "topical", "78421000": "injection", "47625008": "injection",
                 "34206005": "injection", "447694001": "inhaler"}
FORM_OF_UNIT = {"tablet": "oral", "capsule": "oral", "teaspoon": "oral", "drop": "drops", "puff": "inhaler",
                "ampoule": "injection", "application": "topical"}


@dataclass(frozen=True, slots=True)
class Imported:
    """One medicine, mapped or not; `line` is the body of a prescription line without ids, None if it needs review."""

    name: str | None
    outcome: Mapped | NeedsReview
    line: dict[str, Any] | None


def imported(request: Received, zone: str, today: datetime, asked: datetime | None) -> Imported | list[FieldProblem]:
    """`today` and `asked` (the caller's start) are wall-clock times of the patient's `zone`; problems name elements."""
    begins = Begins(zone, _written(request.resource, zone) or today, asked)
    outcome = dosage_outcome(request.dosages, begins, request.path)
    if isinstance(outcome, Refused):
        return list(outcome.problems)
    if problems := model_problems(request):
        return problems
    outcome = _in_force(request.resource, outcome)
    try:
        concept = CodeableConcept.model_validate(request.medicine)
    except ValidationError as error:  # of a Medication in the bundle, or a text longer than we read
        return [FieldProblem(f"medication.{found.field}", found.code, found.params) for found in read_problems(error)]
    name = concept.words or next((coding.code for coding in concept.coding if coding.code), None)
    if isinstance(outcome, NeedsReview):
        return Imported(name, outcome, None)
    line = _line(request, name, concept, outcome)
    if len(line.get("note", "")) > MAX_NOTE_CHARS:  # cut short, it might lose the word that matters
        return Imported(name, NeedsReview(outcome.text, Reason.BEYOND_PLAN), None)
    return Imported(name, outcome, line)


def _written(resource: Json, zone: str) -> datetime | None:
    """The date of the prescription, at its midnight."""
    authored = resource.get("authoredOn")
    try:
        return midnight(moment_of(authored, zone).date()) if isinstance(authored, str) else None
    except Beyond:
        return None


def _in_force(resource: Json, outcome: Outcome) -> Mapped | NeedsReview:
    assert not isinstance(outcome, Refused)
    if resource.get("doNotPerform"):
        return NeedsReview(outcome.text, Reason.DO_NOT_PERFORM)
    if resource and (resource.get("status") not in IN_FORCE or resource.get("intent") == AN_OPTION):
        return NeedsReview(outcome.text, Reason.NOT_IN_FORCE)
    if resource.get("modifierExtension") or resource.get("implicitRules"):
        return NeedsReview(outcome.text, Reason.MODIFIER_EXTENSION)
    return outcome


def _line(request: Received, name: str | None, concept: CodeableConcept, mapped: Mapped) -> dict[str, Any]:
    codes = {coding.system: coding.code for coding in concept.coding}
    quantity, packed = _quantity(request.resource, mapped.unit)
    notes = [mapped.text, packed, *_notes(request.resource)]
    line = {
        "name": name, "atc": codes.get(ATC), "code": codes.get(NATIONAL_CODE),
        "form": _form(request.dosages, mapped.unit), "unit": mapped.unit, "plan": mapped.plan, "quantity": quantity,
        "meal_relation": mapped.meal_relation, "note": "\n".join(dict.fromkeys(filter(None, notes))) or None,
    }
    return {member: value for member, value in line.items() if value is not None}


def _form(dosages: Any, unit: str) -> str:
    """By the route that all dosages name; a route that we do not know is `other`, whatever the unit suggests."""
    routes = {coding.get("code") for dosage in dosages if isinstance(dosage, dict)
              for coding in (dosage.get("route") or {}).get("coding", []) if coding.get("system") == SNOMED}
    named = any(isinstance(dosage, dict) and dosage.get("route") for dosage in dosages)
    if named:
        return FORM_OF_ROUTE.get(next(iter(routes)), "other") if len(routes) == 1 else "other"
    return FORM_OF_UNIT.get(unit, "other")


def _quantity(resource: Json, unit: str) -> tuple[str | None, str | None]:
    """What was dispensed, in the line's unit, or else in words."""
    told = (resource.get("dispenseRequest") or {}).get("quantity") or {}
    try:
        quantity = Quantity.model_validate(told)
        same = unit != "other" and measure_of(quantity).unit == unit and quantity.comparator is None
    except (ValidationError, Beyond):
        return None, " ".join(str(told[name]) for name in ("value", "unit") if name in told)
    if quantity.value is None:
        return None, None
    exact = 0 < quantity.value <= MOST_QUANTITY and quantity.value == round(quantity.value, DOSE_PLACES)
    amount = decimal_text(quantity.value)
    return (amount, None) if same and exact else (None, f"{amount} {quantity.unit or quantity.code or ''}".strip())


def _notes(resource: Json) -> list[str]:
    return [note["text"] for note in resource.get("note") or [] if isinstance(note.get("text"), str)]
