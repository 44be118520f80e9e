"""Dosing plans as FHIR R4 dosage instructions: exact where they are structured, words where FHIR has none (R-580)."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.dosage import Dosage as R4BDosage
from hypothesis import HealthCheck, assume, given, settings

from scheduling.fhir.bounds import Begins
from scheduling.fhir.elements import Dosage
from scheduling.fhir.export_dosage import line_dosages
from scheduling.fhir.export_parts import MOST_PARTS, parts_of
from scheduling.fhir.invariants import broken
from scheduling.fhir.mapping import dosage_outcome
from scheduling.fhir.outcome import Mapped
from scheduling.plan import Plan, assign_keys, canonical, read_plan
from scheduling.plan_text import plan_text
from scheduling.recurrence import walk
from scheduling.routine import DEFAULT_ROUTINE, Routine
from tests.scheduling.plan_strategies import plans

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "schedule_cases.json").read_text("utf-8"), parse_float=Decimal)["cases"]
FORTNIGHT = timedelta(days=14)
Doses = Counter[tuple[datetime, Decimal]]


def plan_of(**segment: Any) -> Plan:
    return keyed({"segments": [{"start": "2026-11-20", "dose": 1, **segment}]})


def keyed(body: Any) -> Plan:
    plan = read_plan(body)
    assert isinstance(plan, Plan), plan
    return assign_keys(plan)


def drawn(body: dict[str, Any]) -> Plan:
    plan = read_plan({"segments": body["segments"], "pauses": body.get("pauses", [])})
    assume(isinstance(plan, Plan))
    assert isinstance(plan, Plan)
    return assign_keys(plan)


def times(*clocks: str) -> dict[str, Any]:
    return {"type": "times", "times": list(clocks)}


def slots(**doses: Any) -> dict[str, Any]:
    return {"type": "slots", "doses": doses}


def line(plan: Plan | None, **more: Any) -> dict[str, Any]:
    told = {"plan": None if plan is None else canonical(plan), "as_needed": None, "form": "oral", "unit": "tablet",
            "meal_relation": None}
    return {**told, **more}


def dosages(plan: Plan, routine: Routine = DEFAULT_ROUTINE, **more: Any) -> list[dict[str, Any]]:
    """Each with a sentence, sound by FHIR's models and by its invariants."""
    found = line_dosages(line(plan, **more), routine, "en")
    assert found
    for i, dosage in enumerate(found):
        assert dosage["text"]
        R4BDosage.model_validate(dosage)
        assert broken(Dosage.model_validate(dosage), f"dosage.{i}") == []
    return found


def repeats(plan: Plan) -> list[dict[str, Any]]:
    return [dosage["timing"]["repeat"] for dosage in dosages(plan)]


def amounts(plan: Plan) -> list[Decimal]:
    return [dosage["doseAndRate"][0]["doseQuantity"]["value"] for dosage in dosages(plan)]


def doses(plan: Plan, since: datetime, until: datetime) -> Doses:
    return Counter((dose.due_at, dose.amount) for dose in walk(plan, DEFAULT_ROUTINE, since, until))


def from_start(plan: Plan) -> tuple[datetime, datetime]:
    first = min(segment.start for segment in plan.segments).replace(tzinfo=UTC) - timedelta(days=1)
    return first, first + FORTNIGHT


def only_text(plan: Plan) -> bool:
    found = dosages(plan)
    return len(found) == 1 and set(found[0]) == {"text"} and found[0]["text"] == plan_text(
        plan, "en", form="oral", unit="tablet")


def test_R110_each_filled_slot_has_its_own_instruction_and_amount() -> None:
    plan = plan_of(time_rule=slots(MORN=1, NOON=None, EVE="0.5", NIGHT=2))
    each_day = {"boundsPeriod": {"start": "2026-11-20"}, "frequency": 1, "period": 1, "periodUnit": "d"}
    assert repeats(plan) == [{**each_day, "when": [slot]} for slot in ("MORN", "EVE", "NIGHT")]
    assert amounts(plan) == [Decimal(1), Decimal("0.5"), Decimal(2)]
    told = [dosage["text"] for dosage in dosages(plan)]
    assert "in the morning" in told[0] and "evening" not in told[0]  # else a reader might add the sentences up


@pytest.mark.parametrize(("relation", "meals", "codes"), [
    ("before", ["breakfast", "lunch", "dinner"], ["ACM", "ACD", "ACV"]),
    ("with", ["breakfast", "lunch", "dinner"], ["CM", "CD", "CV"]),
    ("after", ["breakfast", "lunch", "dinner"], ["PCM", "PCD", "PCV"]),
])
def test_R111_meals_are_codes_and_an_offset_goes_beside_them_only_where_the_plan_names_it(
    relation: str, meals: list[str], codes: list[str]
) -> None:
    rule = {"type": "meals", "relation": relation, "meals": meals}
    (found,) = repeats(plan_of(time_rule=rule))
    assert found["when"] == codes and "offset" not in found
    if relation != "with":
        assert repeats(plan_of(time_rule={**rule, "offset_min": 45}))[0]["offset"] == 45


@pytest.mark.parametrize(("relation", "meal", "said"), [
    ("before", "bed", {"when": ["HS"], "offset": 30}), ("with", "bed", {"when": ["HS"]}),
    ("after", "wake", {"when": ["WAKE"], "offset": 30}), ("with", "wake", {"when": ["WAKE"]}),
])
def test_at_bedtime_and_before_it_are_told_apart_by_the_offset(relation: str, meal: str, said: dict[str, Any]) -> None:
    (found,) = repeats(plan_of(time_rule={"type": "meals", "relation": relation, "meals": [meal]}))
    assert {name: found[name] for name in ("when", "offset") if name in found} == said


def test_clock_times_are_timeOfDay_and_need_no_period_every_day_and_on_weekdays() -> None:
    daily = {"boundsPeriod": {"start": "2026-11-20"}, "timeOfDay": ["08:00:00", "20:00:00"]}
    assert repeats(plan_of(time_rule=times("08:00", "20:00"))) == [daily]
    weekly = plan_of(time_rule=times("08:00", "20:00"), day_rule={"type": "weekdays", "days": ["mon", "fri"]})
    assert repeats(weekly) == [{**daily, "dayOfWeek": ["mon", "fri"]}]


def test_every_so_many_days_have_one_instruction_per_time_and_begin_on_their_first_date() -> None:
    rule = {"type": "every_days", "n": 3, "anchor": "2026-11-19"}
    assert repeats(plan_of(time_rule=times("08:00", "20:00"), day_rule=rule)) == [
        {"boundsPeriod": {"start": "2026-11-22"}, "frequency": 1, "period": 3, "periodUnit": "d", "timeOfDay": [time]}
        for time in ("08:00:00", "20:00:00")]


def test_months_and_years_are_told_only_for_days_that_they_all_have() -> None:
    monthly = {"type": "monthly", "days": [1, 15], "missing": "clamp", "every_months": 2}
    found = repeats(plan_of(time_rule=times("09:00"), day_rule=monthly))
    assert [(one["boundsPeriod"]["start"], one["period"], one["periodUnit"]) for one in found] == [
        ("2027-01-01", 2, "mo"), ("2027-01-15", 2, "mo")]
    assert only_text(plan_of(time_rule=times("09:00"), day_rule={**monthly, "days": [1, 31]}))
    yearly = {"type": "yearly", "month": 2, "day": 28, "missing": "clamp"}
    assert repeats(plan_of(time_rule=times("09:00"), day_rule=yearly))[0]["boundsPeriod"]["start"] == "2027-02-28"
    assert only_text(plan_of(time_rule=times("09:00"), day_rule={**yearly, "day": 29}))


def test_intervals_are_elapsed_hours_or_minutes_from_the_first_dose_never_days() -> None:
    interval = {"every_minutes": 2880, "anchor": "2026-11-19T06:00"}
    assert repeats(plan_of(interval=interval)) == [{
        "boundsPeriod": {"start": "2026-11-21T06:00:00+07:00"}, "frequency": 1, "period": 48, "periodUnit": "h"}]
    assert repeats(plan_of(interval={"every_minutes": 90}))[0]["periodUnit"] == "min"
    later = plan_of(interval={"every_minutes": 90, "anchor": "2026-11-21T00:00"})
    assert repeats(later)[0]["boundsPeriod"] == {"start": "2026-11-21T00:00:00+07:00"}
    assert only_text(plan_of(days=1, interval={"every_minutes": 90, "anchor": "2026-11-21T00:00"}))


def test_bounds_include_their_last_day_and_an_exclusive_end_ends_a_minute_before() -> None:
    assert repeats(plan_of(time_rule=times("08:00"), days=7))[0]["boundsPeriod"] == {
        "start": "2026-11-20", "end": "2026-11-26"}
    assert repeats(plan_of(time_rule=times("08:00"), end="2026-11-22T08:00"))[0]["boundsPeriod"] == {
        "start": "2026-11-20", "end": "2026-11-22T07:59:00+07:00"}


def test_a_start_within_a_day_is_a_moment_where_it_cuts_a_dose_and_a_date_where_it_does_not() -> None:
    plan = plan_of(start="2026-11-20T14:20", time_rule=slots(MORN=1, EVE=1))
    assert [repeat["boundsPeriod"]["start"] for repeat in repeats(plan)] == ["2026-11-20T14:20:00+07:00", "2026-11-20"]


def test_R117_a_counted_course_is_shared_out_among_its_instructions() -> None:
    plan = plan_of(time_rule=slots(MORN=2, EVE=1), quantity=11)  # 2 1 2 1 2 1 2, and one more would be the twelfth
    assert [repeat["count"] for repeat in repeats(plan)] == [4, 3]


def test_a_taper_is_one_instruction_for_each_amount_with_bounds_of_its_own() -> None:
    plan = plan_of(time_rule=times("08:00"), dose={"start": 3, "step": -1, "every_days": 2})
    assert [repeat["boundsPeriod"] for repeat in repeats(plan)] == [
        {"start": "2026-11-20", "end": "2026-11-21"}, {"start": "2026-11-22", "end": "2026-11-23"},
        {"start": "2026-11-24", "end": "2026-11-25"}]
    assert amounts(plan) == [3, 2, 1]


@pytest.mark.parametrize("said", [
    {"day_rule": {"type": "cycle", "phases": [{"days": 21, "on": True}, {"days": 7, "on": False}]}},
    {"day_rule": {"type": "monthly_nth", "weekday": "fri", "nth": 2}},
    {"following": [{"type": "after_previous", "delay_min": 240}]},
    {"time_rule": {"type": "every_in_window", "every_minutes": 240, "from": "20:00", "to": "04:00"}},
    {"time_rule": {"type": "meals", "relation": "before", "meals": ["wake"]}},
    {"time_rule": {"type": "frequency", "per_day": 2}, "day_rule": {"type": "every_days", "n": 2}},
    {"dose": {"start": 1, "step": 1, "every_days": 1}},
])
def test_what_FHIR_cannot_say_exactly_is_one_sentence_and_no_timing(said: dict[str, Any]) -> None:
    assert only_text(plan_of(**{"time_rule": times("08:00"), **said}))


def test_one_segment_without_words_in_FHIR_leaves_the_others_unstructured_too() -> None:
    """Half a dosage would be a wrong one."""
    body = {"start": "2026-11-20", "dose": 1}
    nth = {"type": "monthly_nth", "weekday": "fri", "nth": 2}
    assert only_text(keyed({"segments": [{**body, "time_rule": times("08:00")},
                                         {**body, "time_rule": times("20:00"), "day_rule": nth}]}))


def test_a_plan_without_a_single_dose_still_has_its_sentence() -> None:
    assert only_text(plan_of(time_rule=times("08:00"), day_rule={"type": "dates", "dates": ["2026-11-01"]}))


def test_a_pause_is_told_in_words_alone() -> None:
    pause = {"from": "2026-11-22T00:00", "to": "2026-11-24T00:00", "mode": "keep"}
    segment = {"start": "2026-11-20", "dose": 1, "time_rule": times("08:00")}
    assert only_text(keyed({"segments": [segment], "pauses": [pause]}))


def test_R118_limits_of_a_medicine_taken_as_needed_are_a_shortest_interval_and_a_most_amount() -> None:
    plan = plan_of(dose=2, as_needed={"min_interval_min": 360, "max_count_24h": 3, "max_amount_24h": 8})
    (found,) = dosages(plan)
    assert found["asNeededBoolean"] is True
    assert found["timing"]["repeat"] == {"boundsPeriod": {"start": "2026-11-20"}, "frequency": 1, "period": 6,
                                         "periodUnit": "h"}
    most = found["maxDosePerPeriod"]
    assert (most["numerator"]["value"], most["denominator"]["value"], most["denominator"]["code"]) == (6, 24, "h")


@pytest.mark.parametrize("limits", [
    {"max_count_24h": 3, "max_count_calendar_day": 2}, {"max_amount_24h": 4, "max_count_calendar_day": 2}])
def test_R118_limits_that_FHIR_cannot_hold_together_are_all_told_in_words(limits: dict[str, Any]) -> None:
    """One of them left out would let too much be taken."""
    (found,) = dosages(plan_of(as_needed={"min_interval_min": 60, **limits}))
    assert set(found) == {"text", "asNeededBoolean", "doseAndRate"}


def test_R118_a_line_without_a_plan_has_the_lines_own_limits_and_no_invented_start() -> None:
    limits = {"min_interval_min": 240, "max_count_24h": None, "max_amount_24h": "4", "max_count_calendar_day": None}
    (found,) = line_dosages(line(None, as_needed=limits), DEFAULT_ROUTINE, "en")
    assert found["asNeededBoolean"] is True and "2000" not in found["text"]
    assert found["timing"]["repeat"] == {"frequency": 1, "period": 4, "periodUnit": "h"}
    assert found["maxDosePerPeriod"]["numerator"]["value"] == Decimal(4)
    R4BDosage.model_validate(found)


def test_the_sentence_is_in_the_readers_language_and_so_is_the_relation_to_meals() -> None:
    said = line(plan_of(time_rule=slots(MORN=1)), meal_relation="before")
    for language, word in (("km", "ពេលព្រឹក"), ("en", "morning")):
        (found,) = line_dosages(said, DEFAULT_ROUTINE, language)  # type: ignore[arg-type]
        assert word in found["text"]
        assert found["additionalInstruction"][0]["coding"][0]["code"] == "before"


@pytest.mark.parametrize("unit", ["tablet", "capsule", "ml", "mg", "drop", "puff", "application", "sachet", "ampoule",
                                  "teaspoon", "other"])
def test_every_unit_of_R082_has_its_quantity(unit: str) -> None:
    (found,) = dosages(plan_of(time_rule=slots(MORN=1)), unit=unit)
    quantity = found["doseAndRate"][0]["doseQuantity"]
    assert ("code" in quantity) == (unit != "other") and ("unit" in quantity) == (unit != "other")


@pytest.mark.parametrize("case", [case["id"] for case in CASES])
def test_every_case_of_the_schedule_tables_means_the_same_in_parts(case: str) -> None:
    plan = keyed(next(one["plan"] for one in CASES if one["id"] == case))
    dosages(plan)
    parts = parts_of(plan, DEFAULT_ROUTINE)
    if parts is not None:
        since, _ = from_start(plan)
        window = since, since + timedelta(days=400)
        assert doses(plan.model_copy(update={"segments": tuple(parts)}), *window) == doses(plan, *window)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(plans(following=True, travel=False))
def test_the_parts_of_any_plan_mean_its_very_doses(body: dict[str, Any]) -> None:
    """No dose more and none less, whatever segments, rules and courses. In a zone without jumps: an hour that does not
    exist makes one dose of two, whoever follows the instructions."""
    plan = drawn(body)
    parts = parts_of(plan, DEFAULT_ROUTINE)
    assume(parts is not None)
    assert parts is not None and 0 < len(parts) <= MOST_PARTS
    since, _ = from_start(plan)
    window = since, since + timedelta(days=40)
    told = sum((doses(plan.model_copy(update={"segments": (part,)}), *window) for part in parts), Doses())
    assert told == doses(plan, *window)


def read_back(plan: Plan, found: list[dict[str, Any]]) -> Plan | None:
    """What our own import makes of it; None where it leaves the dosage to a person."""
    outcome = dosage_outcome(found, Begins(DEFAULT_ROUTINE.zone, plan.segments[0].start))
    return keyed(outcome.plan) if isinstance(outcome, Mapped) else None


KINDS: list[dict[str, Any]] = [
    {"time_rule": slots(MORN=1, EVE=2)}, {"time_rule": slots(MORN=1, EVE=1), "days": 7},
    {"time_rule": times("08:00", "20:15")}, {"time_rule": times("08:00"), "until": "2026-11-24"},
    {"time_rule": times("08:00"), "end": "2026-11-22T08:00"}, {"time_rule": times("08:00"), "count": 5},
    {"time_rule": times("08:00"), "day_rule": {"type": "weekdays", "days": ["mon", "sun"]}},
    {"time_rule": times("08:00"), "day_rule": {"type": "weekdays", "days": ["tue"], "every_weeks": 2}},
    {"time_rule": times("08:00"), "day_rule": {"type": "every_days", "n": 3, "anchor": "2026-11-19"}},
    {"time_rule": times("08:00"), "day_rule": {"type": "monthly", "days": [27], "missing": "clamp"}},
    {"time_rule": times("08:00"), "day_rule": {"type": "yearly", "month": 11, "day": 25, "missing": "clamp"}},
    {"time_rule": {"type": "frequency", "per_day": 3}},
    {"time_rule": {"type": "meals", "relation": "before", "meals": ["breakfast", "dinner"]}},
    {"time_rule": {"type": "meals", "relation": "after", "meals": ["lunch"], "offset_min": 45}},
    {"time_rule": {"type": "meals", "relation": "with", "meals": ["bed"]}},
    {"time_rule": {"type": "every_in_window", "every_minutes": 240, "from": "06:00", "to": "21:59"}},
    {"time_rule": times("08:00"), "dose": {"start": 3, "step": -1, "every_days": 2}},
    {"interval": {"every_minutes": 480, "anchor": "2026-11-20T00:00"}},
]


@pytest.mark.parametrize("said", KINDS)
def test_what_is_exported_is_imported_again_with_the_same_doses_of_14_days(said: dict[str, Any]) -> None:
    plan = plan_of(**said)
    again = read_back(plan, dosages(plan))
    assert again is not None
    assert doses(again, *from_start(plan)) == doses(plan, *from_start(plan))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(plans(travel=False))
def test_whatever_our_import_reads_of_our_export_gives_the_same_doses_of_14_days(body: dict[str, Any]) -> None:
    plan = drawn(body)
    found = dosages(plan)
    again = read_back(plan, found)
    assume(again is not None)
    assert again is not None
    assert doses(again, *from_start(plan)) == doses(plan, *from_start(plan)), found
