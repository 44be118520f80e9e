"""What the conventions can say is mapped: codes, meals, periods, bounds, sequences, units, needs (R-580, R-581)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from scheduling.fhir.outcome import Mapped, NeedsReview
from tests.scheduling.fhir.guide import outcome

UCUM = "http://unitsofmeasure.org"
GTS = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
START = "2026-06-24"
DAILY = {"type": "daily"}


def dosage(repeat: dict[str, Any] | None = None, amount: Any = 1, unit: str = "tablet", **more: Any) -> dict[str, Any]:
    timing = {"timing": {"repeat": repeat}} if repeat is not None else {}
    return {**timing, "doseAndRate": [{"doseQuantity": {"value": amount, "unit": unit}}], **more}


def segments(*instructions: dict[str, Any], start: str = START) -> list[dict[str, Any]]:
    found = outcome(list(instructions), datetime.fromisoformat(start))
    assert isinstance(found, Mapped), found
    segments: list[dict[str, Any]] = found.plan["segments"]
    return segments


def one(*instructions: dict[str, Any], start: str = START) -> dict[str, Any]:
    (segment,) = segments(*instructions, start=start)
    return segment


def coded(code: str, repeat: dict[str, Any] | None = None, system: str | None = GTS) -> dict[str, Any]:
    coding = {"code": code, **({"system": system} if system else {})}
    return {"timing": {"code": {"coding": [coding]}, **({"repeat": repeat} if repeat else {})},
            "doseAndRate": dosage()["doseAndRate"]}


def reason(*instructions: Any) -> str:
    found = outcome(list(instructions))
    assert isinstance(found, NeedsReview), found
    return str(found.reason)


FREQUENCY = "frequency"


@pytest.mark.parametrize(
    ("code", "days", "times"),
    [
        ("QD", DAILY, {"type": FREQUENCY, "per_day": 1}), ("BID", DAILY, {"type": FREQUENCY, "per_day": 2}),
        ("TID", DAILY, {"type": FREQUENCY, "per_day": 3}), ("QID", DAILY, {"type": FREQUENCY, "per_day": 4}),
        ("QOD", {"type": "every_days", "n": 2, "anchor": START}, {"type": FREQUENCY, "per_day": 1}),
        ("WK", {"type": "every_days", "n": 7, "anchor": START}, {"type": FREQUENCY, "per_day": 1}),
        ("MO", {"type": "monthly", "days": [24], "missing": "clamp", "every_months": 1},
         {"type": FREQUENCY, "per_day": 1}),
        ("AM", DAILY, {"type": "slots", "doses": {"MORN": "1"}}),
        ("BED", DAILY, {"type": "meals", "relation": "with", "meals": ["bed"]}),
        ("QHS", DAILY, {"type": "meals", "relation": "with", "meals": ["bed"]}),
        ("bid", DAILY, {"type": FREQUENCY, "per_day": 2}),
    ],
)
def test_R581_an_abbreviation_is_the_timing_it_stands_for(code: str, days: dict[str, Any], times: Any) -> None:
    segment = one(coded(code))
    assert (segment["day_rule"], segment["time_rule"]) == (days, times)
    assert one(coded(code, system=None)) == segment
    assert one({**coded(code), "timing": {"code": {"text": f" {code} "}}}) == segment


@pytest.mark.parametrize(("code", "minutes"), [("Q1H", 60), ("Q4H", 240), ("Q6H", 360), ("Q8H", 480), ("Q12H", 720)])
def test_hours_of_an_abbreviation_are_elapsed_hours(code: str, minutes: int) -> None:
    assert one(coded(code))["interval"] == {"every_minutes": minutes, "anchor": START}


def test_bounds_apply_to_a_code_and_a_repeat_that_agrees_makes_it_exact() -> None:
    assert one(coded("BID", {"boundsPeriod": {"end": "2026-07-01"}}))["until"] == "2026-07-01"
    exact = one(coded("BID", {"timeOfDay": ["08:00:00", "20:00:00"]}))
    assert exact["time_rule"] == {"type": "times", "times": ["08:00", "20:00"]}
    assert one(coded("229799001", {"when": ["MORN"]}, "http://snomed.info/sct"))["time_rule"]["type"] == "slots"


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (coded("PM"), "code_unknown"),  # afternoon to HL7, evening to many, noon to some
        (coded("229799001", system="http://snomed.info/sct"), "code_unknown"),
        (coded("BID", {"frequency": 3, "period": 1, "periodUnit": "d"}), "timing.contradicts"),
        (coded("AM", {"when": ["EVE"]}), "timing.contradicts"),
        (coded("QD", {"dayOfWeek": ["mon"]}), "timing.contradicts"),
    ],
)
def test_a_code_that_is_unknown_or_contradicted_is_left_to_a_person(instruction: Any, expected: str) -> None:
    assert reason(instruction) == expected


@pytest.mark.parametrize(
    ("repeat", "rule"),
    [
        ({"when": ["ACM", "ACV"]}, {"relation": "before", "meals": ["breakfast", "dinner"]}),
        ({"when": ["AC"], "offset": 15}, {"relation": "before", "meals": ["breakfast", "lunch", "dinner"],
                                          "offset_min": 15}),
        ({"when": ["PCD"], "offset": 60}, {"relation": "after", "meals": ["lunch"], "offset_min": 60}),
        ({"when": ["CV"]}, {"relation": "with", "meals": ["dinner"]}),
        ({"when": ["C"]}, {"relation": "with", "meals": ["breakfast", "lunch", "dinner"]}),
        ({"when": ["HS"]}, {"relation": "with", "meals": ["bed"]}),
        ({"when": ["HS"], "offset": 30}, {"relation": "before", "meals": ["bed"], "offset_min": 30}),
        ({"when": ["WAKE"]}, {"relation": "with", "meals": ["wake"]}),
        ({"when": ["WAKE"], "offset": 20}, {"relation": "after", "meals": ["wake"], "offset_min": 20}),
    ],
)
def test_R111_meals_waking_and_bed_are_meals_of_the_plan(repeat: dict[str, Any], rule: dict[str, Any]) -> None:
    assert one(dosage(repeat))["time_rule"] == {"type": "meals", **rule}


def test_slots_and_meals_of_one_instruction_stand_side_by_side() -> None:
    morning, bed = segments(dosage({"when": ["MORN", "HS"]}))
    assert morning["time_rule"] == {"type": "slots", "doses": {"MORN": "1"}} and "dose" not in morning
    assert (bed["time_rule"]["meals"], bed["dose"]) == (["bed"], "1")


def test_a_meal_relation_is_the_lines_only_if_every_dose_has_it() -> None:
    def relation(*whens: str) -> str | None:
        found = outcome([dosage({"when": list(whens)})])
        assert isinstance(found, Mapped)
        return found.meal_relation

    assert [relation("ACM", "ACV"), relation("PC"), relation("ACM", "PCV"), relation("HS"), relation("MORN")] == [
        "before", "after", None, None, None]


@pytest.mark.parametrize(
    ("repeat", "rule"),
    [
        ({"frequency": 1, "period": 3, "periodUnit": "d"}, {"type": "every_days", "n": 3, "anchor": START}),
        ({"frequency": 1, "period": 2, "periodUnit": "wk"}, {"type": "every_days", "n": 14, "anchor": START}),
        ({"period": 1, "periodUnit": "mo"},
         {"type": "monthly", "days": [24], "missing": "clamp", "every_months": 1}),
        ({"frequency": 1, "period": 1, "periodUnit": "a"},
         {"type": "yearly", "month": 6, "day": 24, "missing": "clamp"}),
        ({"frequency": 1, "period": 2, "periodUnit": "a"},
         {"type": "monthly", "days": [24], "missing": "clamp", "every_months": 24}),
        ({"dayOfWeek": ["fri", "mon"], "frequency": 2, "period": 1, "periodUnit": "wk"},
         {"type": "weekdays", "days": ["mon", "fri"], "every_weeks": 1}),
        ({"dayOfWeek": ["mon"], "frequency": 2, "period": 1, "periodUnit": "d"},
         {"type": "weekdays", "days": ["mon"], "every_weeks": 1}),
    ],
)
def test_R112_periods_of_days_weeks_months_and_years_keep_the_clock(repeat: dict[str, Any], rule: Any) -> None:
    assert one(dosage(repeat))["day_rule"] == rule


@pytest.mark.parametrize(("period", "unit", "minutes"), [
    (8, "h", 480), (Decimal("1.5"), "h", 90), (45, "min", 45), (36, "h", 2160)])
def test_R112_periods_of_hours_and_minutes_are_elapsed(period: Any, unit: str, minutes: int) -> None:
    assert one(dosage({"frequency": 1, "period": period, "periodUnit": unit}))["interval"]["every_minutes"] == minutes


def test_every_second_week_begins_with_the_first_named_day_that_is_left() -> None:
    """Else a Monday medicine that is prescribed on a Wednesday would first be taken twelve days later."""
    repeat = {"dayOfWeek": ["mon"], "frequency": 1, "period": 2, "periodUnit": "wk"}
    assert one(dosage(repeat))["start"] == "2026-06-29"
    assert one(dosage({**repeat, "dayOfWeek": ["mon", "fri"], "frequency": 2}))["start"] == START


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"boundsDuration": {"value": 10, "code": "d", "system": UCUM}}, {"until": "2026-07-03"}),
        ({"boundsDuration": {"value": 3, "code": "wk", "system": UCUM}}, {"until": "2026-07-14"}),
        ({"boundsDuration": {"value": 1, "code": "mo", "system": UCUM}}, {"until": "2026-07-23"}),
        ({"boundsDuration": {"value": 36, "code": "h", "system": UCUM}}, {"end": "2026-06-25T12:00"}),
        ({"boundsPeriod": {"end": "2026-07"}}, {"until": "2026-07-31"}),
        ({"boundsPeriod": {"start": "2026-07-02"}}, {"start": "2026-07-02"}),
        ({"boundsPeriod": {"start": "2026-06-01"}}, {"start": "2026-06-01"}),
        ({"boundsPeriod": {"start": "2026-07", "end": "2026-08-02"}}, {"start": "2026-07-01", "until": "2026-08-02"}),
        ({"boundsPeriod": {"end": "2026-06-30T20:00:00+07:00"}}, {"end": "2026-06-30T20:01"}),
        ({"boundsPeriod": {"start": "2026-06-30T20:00:00Z"}}, {"start": "2026-07-01T03:00"}),
        ({"count": 5}, {"count": 5}),
    ],
)
def test_bounds_are_the_patients_calendar_and_include_FHIRs_last_day(bounds: Any, expected: dict[str, Any]) -> None:
    segment = one(dosage({"when": ["MORN"], **bounds}))
    told = {name: segment[name] for name in ("start", "until", "end", "count") if name in segment}
    assert told == {"start": START, **expected}


@pytest.mark.parametrize(("written", "asked", "start"), [
    ("2026-06-01", "2026-06-24", "2026-06-24"), ("2026-07-02", "2026-06-24", "2026-07-02")])
def test_the_callers_start_cuts_what_lies_before_it(written: str, asked: str, start: str) -> None:
    instruction = dosage({"when": ["MORN"], "boundsPeriod": {"start": written}})
    found = outcome([instruction], asked=datetime.fromisoformat(asked))
    assert isinstance(found, Mapped) and found.plan["segments"][0]["start"] == start


def test_a_sequence_is_one_course_after_the_other() -> None:
    """A taper: two tablets for a week, then one for a week, then half a tablet for good."""
    week = {"boundsDuration": {"value": 1, "code": "wk", "system": UCUM}}
    taper = segments(dosage({"when": ["MORN"]}, Decimal("0.5"), sequence=3), dosage({"when": ["MORN"], **week}, 2,
                     sequence=1), dosage({"when": ["MORN"], **week}, 1, sequence=2))
    assert [(one["start"], one.get("until"), one["time_rule"]["doses"]["MORN"]) for one in taper] == [
        ("2026-06-24", "2026-06-30", "2"), ("2026-07-01", "2026-07-07", "1"), ("2026-07-08", None, "0.5")]


def test_equal_sequence_numbers_run_side_by_side() -> None:
    both = one(dosage({"when": ["MORN"]}, 1, sequence=1), dosage({"when": ["EVE"]}, 2, sequence=1))
    assert both["time_rule"]["doses"] == {"MORN": "1", "EVE": "2"}


@pytest.mark.parametrize(
    ("quantity", "unit", "word"),
    [
        ({"unit": "Tablette"}, "tablet", None), ({"unit": "គ្រាប់"}, "tablet", None),
        ({"code": "mL", "system": UCUM}, "ml", None), ({"unit": "ml", "code": "mL", "system": UCUM}, "ml", None),
        ({"code": "[drp]", "system": UCUM}, "drop", None), ({"code": "{tablet}", "system": UCUM}, "tablet", None),
        ({"code": "TAB", "system": "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"}, "tablet", None),
        ({"unit": "Stück", "code": "1", "system": UCUM}, "other", "Stück"), ({"unit": "IE"}, "other", "IE"),
        ({"unit": "g", "code": "g", "system": UCUM}, "other", "g"), ({}, "other", None),
    ],
)
def test_a_unit_is_ours_only_where_it_is_certain(quantity: dict[str, Any], unit: str, word: str | None) -> None:
    found = outcome([{**dosage({"when": ["MORN"]}), "doseAndRate": [{"doseQuantity": {"value": 2, **quantity}}]}])
    assert isinstance(found, Mapped)
    assert (found.unit, found.text) == (unit, word or "")
    assert found.plan["segments"][0]["time_rule"]["doses"] == {"MORN": "2"}  # the amount is never converted


def test_words_beside_the_structure_are_kept_each_once() -> None:
    more: dict[str, Any] = {"additionalInstruction": [{"text": "not with milk"}],
                            "method": {"coding": [{"display": "Swallow"}]}}
    found = outcome([dosage({"when": ["MORN"]}, text="with water", patientInstruction="with water", **more)])
    assert isinstance(found, Mapped)
    assert found.text.split("\n") == ["with water", "not with milk", "Swallow"]


@pytest.mark.parametrize(
    ("text", "agrees"),
    [
        ("1-0-2-0", False), ("1-0-1-0", True), ("1-0-1", True), ("morgens und abends", True), ("um 20:00 Uhr", False),
        ("500 mg 2-3 Stunden vor dem Schlafen", True), ("seit 2026-06-24", True), ("at 8.30", False),
    ],
)
def test_a_text_that_names_other_times_or_amounts_stops_the_mapping(text: str, agrees: bool) -> None:
    found = outcome([dosage({"when": ["MORN", "EVE"]}, text=text)])
    assert isinstance(found, Mapped) is agrees
    if isinstance(found, NeedsReview):
        assert str(found.reason) == "text_contradicts" and text in found.text


def test_nothing_that_was_sent_is_altered() -> None:
    sent = [dosage({"when": ["MORN"]}), dosage({"when": ["EVE"]}, 2)]
    before = str(sent)
    outcome(sent)
    assert str(sent) == before
