"""Every worked answer of schedule_cases.json that concerns plans, windows and derived status, walked exhaustively."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from scheduling.lifecycle import IN_FORCE, status_of, timing_of
from scheduling.plan import DEFAULT_SLOTS, Plan, assign_keys, canonical, read_plan
from scheduling.recurrence import expand
from scheduling.windows import windows
from storage.zone_names import DEFAULT_ZONE
from sync.problem import FieldCode, FieldProblem
from tests.scheduling.schedule_cases import CASES, plan_of, segment, utc

# Kinds of a later issue; a case that uses one must be refused by the name of the field, never expanded without it.
UNSUPPORTED_TIMES = {"meals", "every_in_window", "frequency"}
UNSUPPORTED_RULES = UNSUPPORTED_TIMES | {"every_days", "weekdays", "monthly", "monthly_nth", "cycle"}
UNSUPPORTED_CODES = {"V04", "V05", "V06", "V07", "V16", "V18"}  # faults inside rules that are refused as a whole
FHIR_CODES = {"V11", "V12", "V13", "V14"}  # of the FHIR import, not of plans
SEVERAL_EVENTS = {"L14", "L15", "L16", "L17", "L18", "L19"}  # sync/settle.py makes one action of them


def unsupported_fields(plan: dict[str, Any]) -> set[str]:
    fields = {"plan.zone_timeline"} if "zone_timeline" in plan else set()
    for i, given in enumerate(plan["segments"]):
        for rule in ("day_rule", "time_rule"):
            if given.get(rule, {}).get("type") in UNSUPPORTED_RULES:
                fields.add(f"plan.segments.{i}.{rule}.type")
        if "interval" in given:
            fields.add(f"plan.segments.{i}.interval")
    return fields


SUPPORTED = [case for case in CASES["cases"] if not unsupported_fields(case["plan"])]
REFUSED = [case for case in CASES["cases"] if unsupported_fields(case["plan"])]


def by_id(case: dict[str, Any]) -> str:
    return str(case["id"])


def test_the_file_is_walked_whole() -> None:
    assert len(SUPPORTED) == 15
    assert len(SUPPORTED) + len(REFUSED) == len(CASES["cases"]) == 41


@pytest.mark.parametrize("case", SUPPORTED, ids=by_id)
def test_a_plan_means_the_instants_of_its_case(case: dict[str, Any]) -> None:
    plan = read_plan(case["plan"])
    assert isinstance(plan, Plan), plan
    plan = assign_keys(plan)
    since, until = utc(case["window"]["from"]), utc(case["window"]["to"])
    doses = expand(plan, zone="Asia/Tokyo", slots=DEFAULT_SLOTS, since=since, until=until)  # the plan's zone goes first
    assert not isinstance(doses, FieldProblem)
    assert [(d.due_at, d.nominal_date.isoformat(), d.amount, d.adjusted) for d in doses] == [
        (utc(e["utc"]), e["nominal_date"], Decimal(e["dose"]), e.get("adjusted")) for e in case["expect"]
    ]
    assert len({(d.nominal_date, d.slot_key, d.occurrence) for d in doses}) == len(doses), "two doses under one id"
    assert read_plan(canonical(plan)) == plan


@pytest.mark.parametrize("case", REFUSED, ids=by_id)
def test_a_rule_that_is_not_built_is_refused_by_name_and_never_ignored(case: dict[str, Any]) -> None:
    """R-120."""
    problems = read_plan(case["plan"])
    assert isinstance(problems, list)
    told = {problem.field for problem in problems if problem.code is FieldCode.PLAN_UNSUPPORTED}
    assert told == unsupported_fields(case["plan"])
    assert {p.field for p in problems} - told <= {"plan.profile"}, "the patient's profile is no part of a plan"


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
    if "segments" in given:
        return {"segments": [segment(**one) for one in given["segments"]]}
    if "zone" in given:
        return {"segments": [segment()], **given}
    return {"segments": [segment(**{name: value for name, value in given.items() if name != "window"})]}


@pytest.mark.parametrize("case", [c for c in CASES["invalid_cases"] if c["id"] not in FHIR_CODES], ids=by_id)
def test_a_bad_plan_is_refused_with_its_code(case: dict[str, Any]) -> None:
    """R-120; F-11 for clock times that are none."""
    problems = read_plan(plan_with_fault(case["input"]))
    assert isinstance(problems, list)
    expected = "plan.unsupported" if case["id"] in UNSUPPORTED_CODES else case["expect_error"]
    assert [str(problem.code) for problem in problems] == [expected]
    assert problems[0].field.startswith("plan.")


def test_v18_ten_years_of_a_dose_every_half_hour_are_refused_before_they_are_expanded() -> None:
    """S-60, R-113: the answer comes from the plan; 175,320 doses would take seconds."""
    every_half_hour = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 30)]
    plan = plan_of({"start": "2026-01-01", "time_rule": {"type": "times", "times": every_half_hour}})
    window = next(c for c in CASES["invalid_cases"] if c["id"] == "V18")["input"]["window"]
    started = datetime.fromisoformat(window["from"])
    answer = expand(
        plan, zone=DEFAULT_ZONE, slots=DEFAULT_SLOTS, since=started, until=datetime.fromisoformat(window["to"])
    )
    assert answer == FieldProblem("plan", FieldCode.HORIZON_TOO_LARGE, {"limit": 10_000})


def test_there_is_one_set_of_slot_defaults() -> None:
    """F-11, R-110."""
    assert dict(DEFAULT_SLOTS) == CASES["defaults"]["slots"]
