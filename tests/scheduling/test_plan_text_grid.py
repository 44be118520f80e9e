"""The row of the Cambodian four-slot form, only for plans that it says whole (R-110, R-119, F-20)."""

from __future__ import annotations

from typing import Any

import pytest

from scheduling.plan import Plan, read_plan
from scheduling.plan_text_grid import FourSlots, four_slot_table

GRID = {"type": "slots", "doses": {"MORN": 2, "NOON": None, "EVE": "0.5", "NIGHT": 0}}


def plan_of(*segments: dict[str, Any]) -> Plan:
    plan = read_plan({"segments": [{"start": "2026-11-20", "time_rule": GRID, **segment} for segment in segments]})
    assert isinstance(plan, Plan), [problem.as_json() for problem in plan]
    return plan


def test_a_grid_is_a_row_of_amounts_with_a_dash_for_none() -> None:
    row = four_slot_table(plan_of({"days": 7}), "km", unit="tablet")
    assert row is not None
    assert row.header == FourSlots("ព្រឹក", "ថ្ងៃត្រង់", "ល្ងាច", "យប់")
    assert row.amounts == FourSlots("2", "-", "1/2", "-")
    assert row.frequency == "2 ដងក្នុងមួយថ្ងៃ", "R-119"


def test_the_row_in_english_and_in_khmer_digits() -> None:
    plan = plan_of({})
    english = four_slot_table(plan, "en", unit="tablet", khmer_digits=True)
    assert english is not None
    assert english.header == ("morning", "noon", "evening", "night")
    assert (english.amounts, english.frequency) == (("2", "-", "1/2", "-"), "2 times a day")
    khmer = four_slot_table(plan, "km", unit="tablet", khmer_digits=True)
    assert khmer is not None
    assert (khmer.amounts, khmer.frequency) == (("២", "-", "១/២", "-"), "២ ដងក្នុងមួយថ្ងៃ")


def test_only_tablets_are_broken_into_halves() -> None:
    row = four_slot_table(plan_of({}), "en", unit="ml")
    assert row is not None and row.amounts == ("2", "-", "0.5", "-")


@pytest.mark.parametrize(
    ("per_day", "amounts"),
    [(1, ("1.5", "-", "-", "-")), (2, ("1.5", "-", "1.5", "-")), (3, ("1.5", "1.5", "1.5", "-")),
     (4, ("1.5", "1.5", "1.5", "1.5"))],
)  # fmt: skip
def test_up_to_four_times_a_day_are_the_slots(per_day: int, amounts: tuple[str, ...]) -> None:
    plan = plan_of({"time_rule": {"type": "frequency", "per_day": per_day}, "dose": "1.5"})
    row = four_slot_table(plan, "en", unit="tablet")
    assert row is not None and row.amounts == amounts
    assert row.frequency == f"{per_day} time{'s' * (per_day > 1)} a day"


@pytest.mark.parametrize(
    "segments",
    [
        [{"day_rule": {"type": "every_days", "n": 2}}],
        [{"day_rule": {"type": "weekdays", "days": ["mon"]}}],
        [{"time_rule": {"type": "times", "times": ["07:00"]}, "dose": 1}],
        [{"time_rule": {"type": "frequency", "per_day": 5}, "dose": 1}],
        [{"time_rule": {"type": "frequency", "per_day": 2}, "dose": {"start": 1, "step": 1, "every_days": 3}}],
        [{"following": [{"type": "after_previous", "delay_min": 60}]}],
        [{"time_rule": None, "interval": {"every_minutes": 360}, "dose": 1}],
        [{"days": 3}, {"start": "2026-11-23"}],
    ],
    ids=["every second day", "Mondays", "clock times", "five a day", "a taper", "doses that follow",
         "elapsed hours", "two stretches"],
)  # fmt: skip
def test_a_row_that_would_leave_something_out_is_not_made(segments: list[dict[str, Any]]) -> None:
    """`1 - 1 -` for every second day would be read as every day: twice the dose."""
    assert four_slot_table(plan_of(*segments), "km", unit="tablet") is None
