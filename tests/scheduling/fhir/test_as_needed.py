"""Medicines taken when needed: limits as R-118 has them, and never a planned dose."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from scheduling.fhir.outcome import Mapped, NeedsReview
from tests.scheduling.fhir.guide import DOSAGES, outcome

UCUM = "http://unitsofmeasure.org"
GUIDE = "http://ig.fhir.de/igs/medication/StructureDefinition/"
KOPFSCHMERZEN = "Example-MR-Dosage-Bedarfsmedikation-Kopfschmerzen"


def needed(repeat: dict[str, Any] | None = None, **more: Any) -> list[Any]:
    timing = {"timing": {"repeat": repeat}} if repeat else {}
    dose = [{"doseQuantity": {"value": 2, "unit": "tablet"}}]
    return [{"asNeededBoolean": True, **timing, "doseAndRate": dose, **more}]


def most(value: int, hours: int = 24, unit: str = "tablet", code: str = "h") -> dict[str, Any]:
    return {"numerator": {"value": value, "unit": unit},
            "denominator": {"value": hours, "code": code, "system": UCUM}}


@pytest.mark.parametrize(
    ("instructions", "limits"),
    [
        (needed(), {}),
        (needed({"frequency": 1, "period": 8, "periodUnit": "h"}), {"min_interval_min": 480}),
        (needed({"period": 30, "periodUnit": "min"}), {"min_interval_min": 30}),
        (needed({"frequency": 3, "period": 1, "periodUnit": "d"}), {"max_count_24h": 3}),
        (needed(maxDosePerPeriod=most(6)), {"max_amount_24h": "6"}),
        (needed(maxDosePerPeriod=most(6, 1, code="d")), {"max_amount_24h": "6"}),
        (needed({"frequency": 1, "period": 6, "periodUnit": "h"}, maxDosePerPeriod=most(8)),
         {"min_interval_min": 360, "max_amount_24h": "8"}),
    ],
)
def test_R118_the_limits_of_a_medicine_taken_when_needed(instructions: list[Any], limits: dict[str, Any]) -> None:
    found = outcome(instructions)
    assert isinstance(found, Mapped), found
    assert found.as_needed == limits
    (segment,) = found.plan["segments"]
    assert (segment["as_needed"], segment["dose"]) == (limits, "2")
    assert not segment.keys() & {"time_rule", "interval"}, "no planned doses"


def test_a_reason_to_take_it_is_told_in_words_and_bounds_hold() -> None:
    found = outcome([{"asNeededCodeableConcept": {"text": "headache"}, **{
        name: value for name, value in needed()[0].items() if name != "asNeededBoolean"},
        "timing": {"repeat": {"boundsPeriod": {"end": "2026-07-01"}}}}])
    assert isinstance(found, Mapped)
    assert (found.text, found.plan["segments"][0]["until"]) == ("headache", "2026-07-01")


@pytest.mark.parametrize(
    ("instructions", "reason"),
    [
        (needed({"when": ["MORN"]}), "as_needed_at_times"),
        (needed({"dayOfWeek": ["mon"]}), "as_needed_at_times"),
        (needed({"count": 3}), "as_needed_at_times"),
        (needed({"frequency": 1, "period": 1, "periodUnit": "wk"}), "as_needed_at_times"),
        (needed({"frequency": 2, "period": 6, "periodUnit": "h"}), "as_needed_at_times"),
        (needed({"frequency": 2}), "timing.underspecified"),
        (needed({"frequency": 101, "period": 1, "periodUnit": "d"}), "beyond_plan"),
        ([*needed(), *needed()], "as_needed_several"),
        (needed(maxDosePerPeriod=most(6, 12)), "dose_limit"),
        (needed(maxDosePerPeriod=most(1)), "dose_limit"),  # a single dose is more than a day allows
        (needed(maxDosePerPeriod=most(400, unit="mg")), "unit_mismatch"),
        (needed(maxDosePerAdministration={"value": 2, "unit": "tablet"}), "dose_limit"),
        (needed(doseAndRate=[]), "dose_missing"),
        (needed(modifierExtension=[{"url": "urn:unknown", "valueBoolean": True}]), "modifier_extension"),
    ],
)
def test_a_limit_that_we_cannot_keep_is_left_to_a_person(instructions: list[Any], reason: str) -> None:
    found = outcome(instructions)
    assert isinstance(found, NeedsReview), found
    assert str(found.reason) == reason


@pytest.mark.parametrize("name", ["MindestabstandZwischenGaben", "MinimumIntervalBetweenAdministrations"])
def test_the_guides_shortest_interval_is_read_where_it_is_named(name: str) -> None:
    """The real dosage, with the address of its modifier that the sample has lost."""
    whole = copy.deepcopy(DOSAGES[KOPFSCHMERZEN])
    whole[0]["modifierExtension"][0]["url"] = GUIDE + name
    found = outcome(whole)
    assert isinstance(found, Mapped), found
    assert found.as_needed == {"min_interval_min": 240, "max_amount_24h": "6"}
    assert found.text == "Stück\nKopfschmerzen"
    assert isinstance(outcome(DOSAGES[KOPFSCHMERZEN]), NeedsReview)


def test_the_longer_of_two_intervals_counts() -> None:
    whole = copy.deepcopy(DOSAGES["Example-MR-Dosage-Bedarfsmedikation-Struktur-Intervall"])
    whole[0]["modifierExtension"][0]["url"] = GUIDE + "MindestabstandZwischenGaben"
    found = outcome(whole)
    assert isinstance(found, Mapped) and found.as_needed == {"min_interval_min": 480, "max_amount_24h": "4"}


@pytest.mark.parametrize("value", [None, 4, {"value": 4, "code": "h", "unit": "Tag(e)", "system": UCUM},
                                   {"value": 1, "code": "mo", "system": UCUM}, {"value": "4"}])
def test_an_interval_that_cannot_be_read_is_not_passed_over(value: Any) -> None:
    modifier = {"url": GUIDE + "MindestabstandZwischenGaben", **({} if value is None else {"valueDuration": value})}
    assert isinstance(outcome(needed(modifierExtension=[modifier])), NeedsReview)


def test_the_modifier_means_nothing_beside_a_fixed_plan() -> None:
    modifier = {"url": GUIDE + "MindestabstandZwischenGaben",
                "valueDuration": {"value": 4, "code": "h", "system": UCUM}}
    fixed = {"timing": {"repeat": {"when": ["MORN"]}}, "doseAndRate": needed()[0]["doseAndRate"]}
    found = outcome([{**fixed, "modifierExtension": [modifier]}])
    assert isinstance(found, NeedsReview) and str(found.reason) == "modifier_extension"
