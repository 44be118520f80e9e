"""Every worked answer of schedule_cases.json that concerns plans, windows and derived status, walked exhaustively."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from scheduling.lifecycle import IN_FORCE, status_of, timing_of
from scheduling.plan import Plan, assign_keys, canonical, read_plan
from scheduling.recurrence import expand, walk
from scheduling.routine import DEFAULT_ROUTINE, Routine
from scheduling.windows import windows
from sync.problem import FieldCode, FieldProblem
from tests.scheduling.schedule_cases import CASES, segment, utc

FHIR_CODES = {"V11", "V12", "V13", "V14"}  # of the FHIR import, not of plans
SEVERAL_EVENTS = {"L14", "L15", "L16", "L17", "L18", "L19"}  # sync/settle.py makes one action of them


def by_id(case: dict[str, Any]) -> str:
    return str(case["id"])


def test_the_file_is_walked_whole() -> None:
    assert len(CASES["cases"]) == 41


@pytest.mark.parametrize("case", CASES["cases"], ids=by_id)
def test_a_plan_means_the_instants_of_its_case(case: dict[str, Any]) -> None:
    plan = read_plan(case["plan"])
    assert isinstance(plan, Plan), plan
    plan = assign_keys(plan)
    elsewhere = Routine(zone="Asia/Tokyo")  # the plan's zone goes first
    doses = expand(plan, elsewhere, utc(case["window"]["from"]), utc(case["window"]["to"]))
    assert not isinstance(doses, FieldProblem)
    assert [(d.due_at, d.local.isoformat(timespec="minutes"), d.nominal_date.isoformat(), d.amount, d.adjusted)
            for d in doses] == [(utc(e["utc"]), e["local"], e["nominal_date"], Decimal(e["dose"]), e.get("adjusted"))
                                for e in case["expect"]]
    assert len({(d.nominal_date, d.slot_key, d.occurrence) for d in doses}) == len(doses), "two doses under one id"
    assert read_plan(canonical(plan)) == plan


@pytest.mark.parametrize("case", CASES["window_cases"], ids=by_id)
def test_windows_follow_from_spacing(case: dict[str, Any]) -> None:
    found = windows(case["spacing_min"], case["time_critical"])
    assert {"on_time_min": found.on_time_min, "missed_after_min": found.missed_after_min} == case["expect"]


LIFECYCLE = [case for case in CASES["lifecycle_cases"] if case["id"] not in SEVERAL_EVENTS]


@pytest.mark.parametrize("case", LIFECYCLE, ids=by_id)
def test_status_and_timing_are_derived_from_one_settled_action(case: dict[str, Any]) -> None:
    """R-152, R-155 (a snooze is no action), R-156."""
    assert len(case["events"]) <= 1
    action = next((e for e in case["events"] if e["type"] in ("taken", "skipped")), None)
    due_at, taken_at = utc(case["due"]), utc(action["at"]) if action else None
    status = status_of(
        due_at=due_at, on_time_min=case["on_time_min"], missed_after_min=case["missed_after_min"],
        action=action["type"] if action else None, at=taken_at, state=IN_FORCE, now=utc(case["now"]),
    )
    assert status == case["expect"]["status"]
    if "timing" in case["expect"]:
        assert taken_at is not None
        timing = timing_of(due_at, taken_at, case["on_time_min"], case["missed_after_min"])
        assert timing == case["expect"]["timing"]


def test_only_cases_that_need_settling_are_left_to_it() -> None:
    assert {case["id"] for case in CASES["lifecycle_cases"] if len(case["events"]) > 1} == SEVERAL_EVENTS


def plan_with_fault(given: dict[str, Any]) -> dict[str, Any]:
    """The case's fragment set into a plan that is otherwise good."""
    if "interval" in given:
        return {"segments": [segment(time_rule=None, **given)]}
    if "segments" in given:
        return {"segments": [segment(**one) for one in given["segments"]]}
    if "zone" in given:
        return {"segments": [segment()], **given}
    return {"segments": [segment(**{name: value for name, value in given.items() if name != "window"})]}


@pytest.mark.parametrize(
    "case", [c for c in CASES["invalid_cases"] if c["id"] not in FHIR_CODES | {"V18"}], ids=by_id)
def test_a_bad_plan_is_refused_with_its_code(case: dict[str, Any]) -> None:
    """R-120; F-11 for clock times that are none."""
    problems = read_plan(plan_with_fault(case["input"]))
    assert isinstance(problems, list)
    assert {str(problem.code) for problem in problems} == {case["expect_error"]}
    assert problems[0].field.startswith("plan.")


def test_v15_an_overlap_is_told_even_where_the_segments_say_nothing_else() -> None:
    case = next(c for c in CASES["invalid_cases"] if c["id"] == "V15")
    problems = read_plan(case["input"])
    assert isinstance(problems, list)
    assert FieldProblem("plan.segments.1", FieldCode.SEGMENT_OVERLAP, {"other": 0}) in problems


def test_v18_ten_years_of_a_dose_every_minute_are_refused_after_as_many_doses_as_are_allowed() -> None:
    """S-60, R-113: five million doses are not made to find out that they are too many."""
    given = next(c for c in CASES["invalid_cases"] if c["id"] == "V18")["input"]
    plan = read_plan({"segments": [{"start": "2026-01-01", "interval": given["interval"], "dose": 1}]})
    assert isinstance(plan, Plan)
    window = utc(given["window"]["from"]), utc(given["window"]["to"])
    assert expand(assign_keys(plan), DEFAULT_ROUTINE, *window) == FieldProblem(
        "plan", FieldCode.HORIZON_TOO_LARGE, {"limit": 10_000})
    assert next(walk(assign_keys(plan), DEFAULT_ROUTINE, *window)).due_at == window[0]


def test_there_is_one_set_of_defaults() -> None:
    """F-11, R-110."""
    told = CASES["defaults"]
    assert dict(DEFAULT_ROUTINE.slots) == told["slots"]
    assert dict(DEFAULT_ROUTINE.meals) == told["meals"]
    assert list(DEFAULT_ROUTINE.waking_hours) == told["waking_hours"]
    assert DEFAULT_ROUTINE.meal_offset_min == told["meal_offset_min"]
