"""Real FHIR dosages of the four-slot grid become plans; every other timing is refused with the element that says so."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scheduling.fhir_slots import slots_plan
from scheduling.plan import Plan, canonical, read_plan
from sync.gate import read_json
from sync.problem import Code, FieldCode, FieldProblem, Refusal

COPY = Path(__file__).parents[2] / "server" / "demo_data" / "fhir_four_slot.json"
COLLECTION = read_json(COPY.read_bytes(), max_bytes=1 << 20)
DOSAGES: dict[str, dict[str, Any]] = {dosage["id"]: dosage for dosage in COLLECTION["dosages"]}

# Written by hand from the titles of the examples: morning-noon-evening-night.
GRIDS = {
    "Example-MR-Dosage-UnitStueck-1020": "1-0-2-0", "Example-MR-Dosage-UnitTasse-1000": "2-0-0-0",
    "Example-MD-DosageTr-1000": "20-0-0-0", "Example-MS-Dosage-UnitStueck-1020": "1-0-2-0",
    "Example-MS-Dosage-UnitTasse-1000": "2-0-0-0", "W-TimingSingleDosageForWhenWarning-Dispense-02-of-03": "1-0-1-0",
    "MR-Dosage-4schema-night-only": "0-0-0-1", "MR-Dosage-4schema-noon-only": "0-1-0-0",
    "MR-Dosage-4schema-ml-units": "2-0-1-0", "MD-Dosage-4schema-evening-only": "0-0-1-0", "MS-Dosage-1010": "1-0-1-0",
    "Example-MR-Dosage-1010-PatientInstruction": "1-0-1-0", "Example-MR-Dosage-1000-enddate": "1-0-0-0",
    "Example-MR-Dosage-1020": "1-0-2-0", "Example-MR-Dosage-1220": "1-2-2-0", "Example-MR-Dosage-1111": "1-1-1-1",
    "Example-MR-Dosage-1010-10-Days": "1-0-1-0", "Example-MR-Dosage-10340": "1-0-0.75-0",
}  # fmt: skip
COURSES: dict[str, dict[str, Any]] = {
    "Example-MR-Dosage-1000-enddate": {"until": "2026-07-05"}, "Example-MR-Dosage-1010-10-Days": {"days": 10},
}  # fmt: skip
START = "2026-06-20T14:20"


def plan_of(dosage_id: str, start: str = START) -> dict[str, Any]:
    return slots_plan(DOSAGES[dosage_id]["dosageInstruction"], start=start)


def refused(instructions: Any, start: str = START) -> tuple[str, FieldCode]:
    with pytest.raises(Refusal) as caught:
        slots_plan(instructions, start=start)
    assert caught.value.code is Code.INVALID
    (problem,) = caught.value.details
    assert isinstance(problem, FieldProblem)
    return problem.field, problem.code


def instruction(value: Any = 1, unit: str = "Stück", **repeat: Any) -> dict[str, Any]:
    quantity = {"value": value, "unit": unit, "code": unit}
    return {"timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": quantity}]}


def test_every_copied_dosage_names_its_source_and_has_its_expected_grid() -> None:
    assert "Medication DE" in COLLECTION["source"]
    assert set(DOSAGES) == set(GRIDS) and len(COLLECTION["dosages"]) == len(GRIDS)
    assert all(dosage["file"].endswith(".fsh") for dosage in DOSAGES.values())


@pytest.mark.parametrize("dosage_id", GRIDS)
def test_a_real_four_slot_dosage_becomes_its_plan(dosage_id: str) -> None:
    amounts = [None if amount == "0" else amount for amount in GRIDS[dosage_id].split("-")]
    doses = dict(zip(("MORN", "NOON", "EVE", "NIGHT"), amounts, strict=True))
    segment = {"start": START, "day_rule": {"type": "daily"}, "time_rule": {"type": "slots", "doses": doses}}
    before = copy.deepcopy(DOSAGES[dosage_id])
    assert plan_of(dosage_id) == {"segments": [{**segment, **COURSES.get(dosage_id, {})}]}
    assert DOSAGES[dosage_id] == before


@pytest.mark.parametrize("dosage_id", GRIDS)
def test_a_plan_can_be_sent_as_json(dosage_id: str) -> None:
    assert json.loads(json.dumps(plan_of(dosage_id))) == plan_of(dosage_id)


@pytest.mark.parametrize("dosage_id", GRIDS)
def test_the_house_reads_the_plan_back_as_it_was_made(dosage_id: str) -> None:
    plan = read_plan(plan_of(dosage_id))
    assert isinstance(plan, Plan), plan
    assert canonical(plan)["segments"] == plan_of(dosage_id)["segments"]


def test_three_weeks_are_21_days() -> None:
    weeks = {"value": 3, "unit": "Woche(n)", "system": "http://unitsofmeasure.org", "code": "wk"}
    assert slots_plan([instruction(when=["MORN"], boundsDuration=weeks)], start=START)["segments"][0]["days"] == 21


@pytest.mark.parametrize(
    ("period", "start", "expected"),
    [
        ({"start": "2026-06-25"}, START, {"start": "2026-06-25"}),
        ({"start": "2026-06-01"}, START, {"start": START}),  # nothing before the prescription was written
        ({"start": "2026-06-20"}, START, {"start": START}),
        ({"start": "2026-06-25", "end": "2026-06-25"}, START, {"start": "2026-06-25", "until": "2026-06-25"}),
        ({"end": "2026-06-20"}, "2026-06-20", {"start": "2026-06-20", "until": "2026-06-20"}),
    ],
)
def test_a_period_bounds_the_course_by_its_days(period: dict[str, str], start: str, expected: dict[str, str]) -> None:
    segment = slots_plan([instruction(when=["MORN"], boundsPeriod=period)], start=start)["segments"][0]
    assert {name: segment[name] for name in ("start", "until", "days") if name in segment} == expected


def test_a_course_that_is_over_before_it_starts_is_refused() -> None:
    over = DOSAGES["Example-MR-Dosage-1000-enddate"]["dosageInstruction"]
    assert refused(over, "2026-07-06") == ("dosageInstruction.0.timing.repeat.boundsPeriod.end", FieldCode.DATE_RANGE)


DAILY = {"frequency": 1, "period": 1, "periodUnit": "d"}
UCUM = {"unit": "x", "system": "http://unitsofmeasure.org"}
REPEAT = "dosageInstruction.0.timing.repeat"
# Named by the example of the same collection that has this shape, where there is one.
REFUSED_REPEATS: dict[str, tuple[dict[str, Any], str]] = {
    "INV-C-TimingFrequencyCount-Dispense-01": ({"when": ["MORN"], **DAILY, "frequency": 2}, "frequency"),
    "INV-C-TimingPeriodUnit-Dispense-01": ({"when": ["MORN"], **DAILY, "periodUnit": "wk"}, "frequency"),
    "MD-Dosage-interval-when-3d": ({"when": ["MORN"], **DAILY, "period": 3}, "frequency"),
    "frequency without period (tim-2)": ({"when": ["MORN"], "frequency": 1}, "frequency"),
    "MD-Dosage-DayOfWeek-Time": ({"dayOfWeek": ["mon"], "when": ["MORN"]}, "dayOfWeek"),
    "Invalid-Dosage-01-of-12-FreqPeriod-When": ({**DAILY, "when": ["MORN"], "timeOfDay": ["08:00:00"]}, "timeOfDay"),
    "times of day": ({**DAILY, "timeOfDay": ["08:00:00"]}, "timeOfDay"),
    "frequency alone": (DAILY, "when"),
    "no slot": ({"when": []}, "when"),
    "a meal": ({"when": ["ACM"]}, "when"),
    "a slot and a meal": ({"when": ["MORN", "PCV"]}, "when"),
    "one code instead of a list": ({"when": "MORN"}, "when"),
    "the same slot twice": ({"when": ["MORN", "MORN"]}, "when"),
    "offset": ({"when": ["MORN"], "offset": 30}, "offset"),
    "count": ({"when": ["MORN"], "count": 5}, "count"),
    "months": ({"when": ["MORN"], "boundsDuration": {**UCUM, "value": 1, "code": "mo"}}, "boundsDuration.code"),
    "half a day": (
        {"when": ["MORN"], "boundsDuration": {**UCUM, "value": Decimal("0.5"), "code": "d"}}, "boundsDuration.value",
    ),
    "no days": ({"when": ["MORN"], "boundsDuration": {**UCUM, "value": 0, "code": "d"}}, "boundsDuration.value"),
    "other units": (
        {"when": ["MORN"], "boundsDuration": {"value": 1, "system": "x", "code": "d"}}, "boundsDuration.code",
    ),
    "range of days": ({"when": ["MORN"], "boundsRange": {}}, "boundsRange"),
    "Example-MR-Dosage-1000-startdatetime": (
        {"when": ["MORN"], **DAILY, "boundsPeriod": {"start": "2026-06-05T23:30:45Z"}}, "boundsPeriod.start",
    ),
    "end in a month": ({"when": ["MORN"], "boundsPeriod": {"end": "2026-07"}}, "boundsPeriod.end"),
    "period without a day": ({"when": ["MORN"], "boundsPeriod": {}}, "boundsPeriod"),
    "both bounds": (
        {"when": ["MORN"], "boundsPeriod": {"end": "2026-07-05"}, "boundsDuration": {**UCUM, "value": 1, "code": "d"}},
        "boundsPeriod",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("repeat", "element"), REFUSED_REPEATS.values(), ids=REFUSED_REPEATS.keys())
def test_another_timing_is_refused_by_name(repeat: dict[str, Any], element: str) -> None:
    assert refused([instruction(**repeat)]) == (f"{REPEAT}.{element}", FieldCode.PLAN_UNSUPPORTED)


MORNING = instruction(when=["MORN"])
REFUSED_DOSAGES: dict[str, tuple[Any, str]] = {
    "nothing": ([], "dosageInstruction"),
    "MS-Dosage-4schema-evening-only, not a list": (MORNING, "dosageInstruction"),
    "MR-Unsupported-Dosage-04-of-20-Method": (["Unsupported-Dosage-4-Method"], "dosageInstruction.0"),
    "Invalid-Dosage-04-of-12-FreeText-and-structured": (
        [{**MORNING, "text": "Einmal am Tag um 20:00"}], "dosageInstruction.0.text",
    ),
    "free text only": ([{"text": "nach Plan"}], "dosageInstruction.0.text"),
    "as needed": ([{**MORNING, "asNeededBoolean": True}], "dosageInstruction.0.asNeededBoolean"),
    "a modifier that changes the meaning": (
        [{**MORNING, "modifierExtension": []}], "dosageInstruction.0.modifierExtension",
    ),
    "a maximum per period": ([{**MORNING, "maxDosePerPeriod": {}}], "dosageInstruction.0.maxDosePerPeriod"),
    "Dosage-W-DosageStructuredRequiresBothWarning-01": (
        [{"timing": {"repeat": {"when": ["MORN"]}}}], "dosageInstruction.0.doseAndRate",
    ),
    "INV-C-DosageDoseValueDecimalNotation-Statement-03, a range": (
        [{**MORNING, "doseAndRate": [{"doseRange": {}}]}], "dosageInstruction.0.doseAndRate.0.doseRange",
    ),
    "two doses at once": ([{**MORNING, "doseAndRate": MORNING["doseAndRate"] * 2}], "dosageInstruction.0.doseAndRate"),
    "no dose": ([instruction(0, when=["MORN"])], "dosageInstruction.0.doseAndRate.0.doseQuantity.value"),
    "a float": ([instruction(0.1, when=["MORN"])], "dosageInstruction.0.doseAndRate.0.doseQuantity.value"),
    "true": ([instruction(True, when=["MORN"])], "dosageInstruction.0.doseAndRate.0.doseQuantity.value"),
    "timing without repeat": ([{**MORNING, "timing": {}}], REPEAT),
    "timing by code": ([{**MORNING, "timing": {"code": {}}}], "dosageInstruction.0.timing.code"),
    "Invalid-Dosage-11-of-12-C-TimingOnlyOneWhen, a slot with two amounts": (
        [MORNING, instruction(2, when=["MORN", "EVE"])], "dosageInstruction.1.timing.repeat.when",
    ),
    "Dosage-W-DosageDoseUnitSameCodeWarning-02, two units": (
        [MORNING, instruction(500, "mg", when=["EVE"])], "dosageInstruction.1",
    ),
    "two courses": ([MORNING, instruction(when=["EVE"], boundsPeriod={"end": "2026-07-05"})], "dosageInstruction.1"),
}  # fmt: skip


@pytest.mark.parametrize(("instructions", "element"), REFUSED_DOSAGES.values(), ids=REFUSED_DOSAGES.keys())
def test_a_dosage_that_says_more_than_the_grid_is_refused_whole(instructions: Any, element: str) -> None:
    assert refused(instructions) == (element, FieldCode.PLAN_UNSUPPORTED)
