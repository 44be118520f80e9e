"""What was sent for import → the medication requests in it, checked against the FHIR R4 models of fhir.resources.

One request is one medicine: a MedicationRequest, each one of a Bundle, or a bare list of dosages whose medicine the
caller names. Of a Bundle the medicines that the requests refer to are read too, and nothing else. Extensions are not
checked and not interpreted; whether one may be passed over is the mapping's question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhir.resources.R4B.dosage import Dosage
from fhir.resources.R4B.medicationrequest import MedicationRequest
from pydantic import BaseModel, ValidationError

from storage.entities.prescription_line import MAX_LINES
from storage.wire_check import read_problems
from sync.gate import Bad
from sync.problem import FieldCode, FieldProblem

MAX_ENTRIES = 200  # of a Bundle, requests and all else
MAX_DOSAGES = 200  # of a Bundle together: a dosage costs about a millisecond
REQUEST, BUNDLE = "MedicationRequest", "Bundle"
DOSAGES = "dosageInstruction"
_MISSING = "model_field_validation.missing"  # fhir.resources' own name
_EXTENSIONS = frozenset({"extension", "modifierExtension"})
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """One medicine's request. `path` is where its dosages stand; `resource` is empty for bare dosages."""

    path: str
    dosages: Any
    resource: Json = field(default_factory=dict)
    medicine: Json = field(default_factory=dict)
    """The CodeableConcept that names it; empty where it is told elsewhere or nowhere."""


def received(body: object) -> list[Received] | list[FieldProblem]:
    """The requests of a body in the order they stand in, at least one and at most MAX_LINES; or what is wrong."""
    return list(_bad(body, ())) or _requests(body) or [FieldProblem("", FieldCode.REQUIRED)]


def model_problems(request: Received) -> list[FieldProblem]:
    """What the R4 models find wrong with a request."""
    if request.resource:
        at = request.path.removesuffix(DOSAGES).rstrip(".")
        return list(_checked(MedicationRequest, request.resource, at))
    return [problem for i, dosage in enumerate(request.dosages) if isinstance(dosage, dict)
            for problem in _checked(Dosage, dosage, f"{request.path}.{i}".lstrip("."))]


def _requests(body: object) -> list[Received] | list[FieldProblem]:
    if isinstance(body, list):
        return [Received("", body)] if body else []
    if not isinstance(body, dict):
        return [FieldProblem("", FieldCode.WRONG_TYPE)]
    kind = body.get("resourceType")
    if kind == BUNDLE:
        return _of_bundle(body.get("entry"))
    if kind == REQUEST:
        return [_request(body, DOSAGES, {})]
    if kind is None and DOSAGES in body:
        one_or_more = body[DOSAGES]
        return [Received(DOSAGES, [one_or_more] if isinstance(one_or_more, dict) else one_or_more)]
    return [FieldProblem("resourceType", FieldCode.NOT_ALLOWED, {"one_of": [REQUEST, BUNDLE]})]


def _of_bundle(entries: object) -> list[Received] | list[FieldProblem]:
    if not isinstance(entries, list) or not entries:
        return [FieldProblem("entry", FieldCode.REQUIRED)]
    if len(entries) > MAX_ENTRIES:
        return [FieldProblem("entry", FieldCode.TOO_MANY, {"most": MAX_ENTRIES})]
    resources = [(i, entry, entry["resource"]) for i, entry in enumerate(entries)
                 if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)]
    medicines = {name: resource for _, entry, resource in resources if resource.get("resourceType") == "Medication"
                 for name in _names(entry, resource)}
    found = [_request(resource, f"entry.{i}.resource.{DOSAGES}", medicines) for i, _, resource in resources
             if resource.get("resourceType") == REQUEST]
    if len(found) > MAX_LINES:
        return [FieldProblem("entry", FieldCode.TOO_MANY, {"most": MAX_LINES})]
    if sum(len(one.dosages) for one in found if isinstance(one.dosages, list)) > MAX_DOSAGES:
        return [FieldProblem("entry", FieldCode.TOO_MANY, {"most": MAX_DOSAGES})]
    return found or [FieldProblem("entry", FieldCode.REQUIRED)]


def _names(entry: Json, resource: Json) -> list[str]:
    """What a reference within the bundle may call a resource."""
    return [str(name) for name in (entry.get("fullUrl"), f"Medication/{resource.get('id')}") if name]


def _request(resource: Json, path: str, medicines: Json) -> Received:
    return Received(path, resource.get(DOSAGES, []), resource, _medicine(resource, medicines))


def _medicine(resource: Json, medicines: Json) -> Json:
    concept = resource.get("medicationCodeableConcept")
    if isinstance(concept, dict):
        return concept
    reference = resource.get("medicationReference")
    if not isinstance(reference, dict):
        return {}
    target = reference.get("reference")
    contained = resource.get("contained")
    inside = contained if isinstance(contained, list) else []
    own = {f"#{one.get('id')}": one for one in inside if isinstance(one, dict)}
    referred = {**medicines, **own}.get(target) if isinstance(target, str) else None
    code = referred.get("code") if isinstance(referred, dict) else None
    if isinstance(code, dict):
        return code
    return {"text": reference["display"]} if isinstance(reference.get("display"), str) else {}


def _checked(model: type[BaseModel], value: Json, at: str) -> Iterator[FieldProblem]:
    try:
        model.model_validate(_without_extensions(value))
    except ValidationError as error:
        kinds = [detail["type"] for detail in error.errors(include_url=False, include_context=False)]
        for problem, kind in zip(read_problems(error), kinds, strict=False):
            code = FieldCode.REQUIRED if kind == _MISSING else problem.code
            yield FieldProblem(f"{at}.{problem.field}".strip("."), code, problem.params)


def _without_extensions(value: Any) -> Any:
    # the gate bounds depth and number of values before anything comes here
    if isinstance(value, dict):
        return {name: _without_extensions(inner) for name, inner in value.items() if name not in _EXTENSIONS}
    return [_without_extensions(inner) for inner in value] if isinstance(value, list) else value


def _bad(value: object, steps: Sequence[str]) -> Iterator[FieldProblem]:
    """What the gate could read but not accept, wherever it stands."""
    if isinstance(value, Bad):
        yield FieldProblem(".".join(steps), value.code)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _bad(inner, (*steps, str(name)))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _bad(inner, (*steps, str(i)))
