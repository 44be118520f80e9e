"""FHIR's own constraints refuse by name and path, V11 to V14 as the cases say, and nothing valid is refused (R-581)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scheduling.fhir.invariants import AS_NEEDED_FOR
from scheduling.fhir.outcome import Mapped, NeedsReview, Outcome, Refused
from sync.problem import FieldCode
from tests.scheduling.fhir.guide import outcome

CASES = json.loads((Path(__file__).parents[2] / "data" / "schedule_cases.json").read_text(encoding="utf-8"))
OF_FHIR = [case for case in CASES["invalid_cases"] if "fhir" in case["input"]]
DOSE = [{"doseQuantity": {"value": 1, "unit": "tablet"}}]
DAILY = {"frequency": 1, "period": 1, "periodUnit": "d"}
UCUM = "http://unitsofmeasure.org"


def dosage(repeat: dict[str, Any], **more: Any) -> list[Any]:
    return [{"timing": {"repeat": repeat}, "doseAndRate": DOSE, **more}]


def told(found: Outcome) -> dict[str, str]:
    assert isinstance(found, Refused), found
    return {problem.field.removeprefix("dosageInstruction.0."): str(problem.code) for problem in found.problems}


@pytest.mark.parametrize("case", OF_FHIR, ids=lambda case: case["id"])
def test_the_invalid_cases_of_FHIR_give_exactly_their_error(case: dict[str, Any]) -> None:
    """V11 to V13 are refused; V14 is valid FHIR that leaves a choice open, so its text is kept under that reason."""
    found = outcome([{"timing": case["input"]["fhir"]}])
    codes = [str(problem.code) for problem in found.problems] if isinstance(found, Refused) else []
    reasons = [str(found.reason)] if isinstance(found, NeedsReview) else []
    assert codes + reasons == [case["expect_error"]]


def test_there_are_four_such_cases() -> None:
    assert [case["id"] for case in OF_FHIR] == ["V11", "V12", "V13", "V14"]


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "fhir.tim-1": ({**DAILY, "duration": 1}, "durationUnit"),
    "fhir.tim-2": ({"frequency": 2, "period": 1}, "periodUnit"),
    "fhir.tim-4": ({**DAILY, "duration": -1, "durationUnit": "h"}, "duration"),
    "fhir.tim-5": ({**DAILY, "period": -1}, "period"),
    "fhir.tim-6": ({"frequency": 1, "periodMax": 2}, "periodMax"),
    "fhir.tim-7": ({**DAILY, "durationMax": 2}, "durationMax"),
    "fhir.tim-8": ({**DAILY, "countMax": 2}, "countMax"),
    "fhir.tim-9": ({"when": ["ACM", "CV"], "offset": 30}, "offset"),
    "fhir.tim-10": ({"when": ["MORN"], "timeOfDay": ["08:00:00"]}, "timeOfDay"),
    "fhir.drt-1": ({**DAILY, "boundsDuration": {"value": 10, "unit": "days"}}, "boundsDuration"),
    "fhir.qty-3": ({**DAILY, "boundsDuration": {"value": 10, "code": "d"}}, "boundsDuration.system"),
    "fhir.per-1": ({**DAILY, "boundsPeriod": {"start": "2026-07-02", "end": "2026-07-01"}}, "boundsPeriod"),
    "fhir.rng-2": ({**DAILY, "boundsRange": {"low": {"value": 9}, "high": {"value": 8}}}, "boundsRange"),
    "bounds.conflict": ({**DAILY, "boundsPeriod": {"end": "2026-07-01"},
                         "boundsDuration": {"value": 1, "code": "d", "system": UCUM}}, "boundsPeriod"),
}  # fmt: skip


@pytest.mark.parametrize("code", BROKEN)
def test_a_broken_constraint_of_the_timing_is_named(code: str) -> None:
    repeat, element = BROKEN[code]
    assert told(outcome(dosage(repeat))) == {f"timing.repeat.{element}": code}


@pytest.mark.parametrize(
    ("more", "element", "code"),
    [
        ({"doseAndRate": [{"doseQuantity": {"value": 1, "code": "mg"}}]}, "doseAndRate.0.doseQuantity.system", "qty-3"),
        ({"doseAndRate": [{"doseQuantity": {"value": 1, "comparator": "<"}}]}, "doseAndRate.0.doseQuantity.comparator",
         "sqty-1"),
        ({"doseAndRate": [{"doseRange": {"low": {"value": 2}, "high": {"value": 1}}}]}, "doseAndRate.0.doseRange",
         "rng-2"),
        ({"doseAndRate": [{"doseRange": {}, "doseQuantity": {"value": 1}}]}, "doseAndRate.0.doseQuantity", "choice"),
        ({"maxDosePerPeriod": {"numerator": {"value": 1}}}, "maxDosePerPeriod", "rat-1"),
        ({"asNeededBoolean": True, "asNeededCodeableConcept": {"text": "pain"}}, "asNeededCodeableConcept", "choice"),
        ({"asNeededBoolean": False, "extension": [{"url": AS_NEEDED_FOR}]}, "asNeededBoolean", "dos-1"),
    ],
)
def test_a_broken_constraint_of_the_dosage_is_named(more: dict[str, Any], element: str, code: str) -> None:
    assert told(outcome(dosage(DAILY, **more))) == {element: f"fhir.{code}"}


@pytest.mark.parametrize(
    ("repeat", "element", "code"),
    [
        ({**DAILY, "frequency": 0}, "frequency", FieldCode.TOO_SMALL),
        ({**DAILY, "frequency": "1"}, "frequency", FieldCode.WRONG_TYPE),
        ({**DAILY, "period": 1.5}, "period", FieldCode.WRONG_TYPE),  # a float is no exact number
        ({**DAILY, "periodUnit": "day"}, "periodUnit", FieldCode.NOT_ALLOWED),
        ({"timeOfDay": ["24:00:00"]}, "timeOfDay.0", FieldCode.TIME_INVALID),
        ({"timeOfDay": ["08:00"]}, "timeOfDay.0", FieldCode.TIME_INVALID),
        ({"dayOfWeek": ["funday"]}, "dayOfWeek.0", FieldCode.WEEKDAY_INVALID),
        ({"when": ["TEATIME"]}, "when.0", FieldCode.NOT_ALLOWED),
        ({"when": "MORN"}, "when", FieldCode.WRONG_TYPE),
        ({**DAILY, "count": True}, "count", FieldCode.WRONG_TYPE),
    ],
)
def test_what_is_no_FHIR_element_is_refused_where_it_stands(
    repeat: dict[str, Any], element: str, code: FieldCode
) -> None:
    assert told(outcome(dosage(repeat))) == {f"timing.repeat.{element}": str(code)}


def test_all_broken_constraints_are_told_at_once() -> None:
    found = outcome([*dosage({"period": 1, "offset": 5}), *dosage({"period": -1, "periodUnit": "d"})])
    assert isinstance(found, Refused)
    assert [(problem.field, str(problem.code)) for problem in found.problems] == [
        ("dosageInstruction.0.timing.repeat.periodUnit", "fhir.tim-2"),
        ("dosageInstruction.0.timing.repeat.offset", "fhir.tim-9"),
        ("dosageInstruction.1.timing.repeat.period", "fhir.tim-5")]


@pytest.mark.parametrize("repeat", [
    {"when": ["ACM", "PCV"], "offset": 30}, {**DAILY, "boundsDuration": {"value": 1, "code": "d", "system": UCUM}},
    {**DAILY, "boundsPeriod": {"start": "2026-07", "end": "2026-07-01"}},
])
def test_what_keeps_the_constraints_is_not_refused(repeat: dict[str, Any]) -> None:
    assert isinstance(outcome(dosage(repeat)), Mapped)


@pytest.mark.parametrize("nothing", [None, 7, "text", {"a": 1}.items(), [[]], [None], [7]])
def test_what_is_no_list_of_dosages_is_refused(nothing: Any) -> None:
    assert isinstance(outcome(nothing), Refused)


def test_more_instructions_than_a_plan_has_segments_are_refused() -> None:
    found = outcome([{"text": "x"}] * 21)
    assert isinstance(found, Refused)
    assert [(problem.code, problem.params) for problem in found.problems] == [(FieldCode.TOO_MANY, {"most": 20})]
