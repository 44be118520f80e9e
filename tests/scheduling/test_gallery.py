"""docs/SCHEDULES.md is what the command makes, and leaves no kind of plan out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from scheduling.day_rules import DayRule
from scheduling.gallery import DOSES_SHOWN, page, plan_of
from scheduling.gallery_plans import SECTIONS, Example
from scheduling.plan import canonical
from scheduling.plan_model import Pause, Plan
from scheduling.segment import DoseStep, Segment
from scheduling.time_rules import Meals, TimeRule

ROOT = Path(__file__).parents[2]
EXAMPLES = [example for _, examples in SECTIONS for example in examples]
SEGMENTS = [segment for example in EXAMPLES for segment in plan_of(example).segments]


def classes(union: Any) -> set[type]:
    """The kinds of rule that the plan's own type names."""
    return set(get_args(get_args(union)[0]))


def test_the_page_is_what_the_command_prints() -> None:
    """`make docs` writes it."""
    made = subprocess.run([sys.executable, "-m", "scheduling.gallery"], cwd=ROOT, capture_output=True, check=True)
    assert made.stdout.decode() == page()
    assert (ROOT / "docs" / "SCHEDULES.md").read_text(encoding="utf-8") == page(), "run `make docs`"


@pytest.mark.parametrize(("union", "member"), [(DayRule, "day_rule"), (TimeRule, "time_rule")])
def test_every_kind_of_rule_is_shown(union: Any, member: str) -> None:
    assert len(classes(union)) >= 5, "the type is read wrongly"
    assert {type(getattr(segment, member)) for segment in SEGMENTS} - {type(None)} == classes(union)


def test_every_member_of_a_segment_and_of_a_plan_is_shown() -> None:
    shown = {name for segment in SEGMENTS for name in segment.model_fields_set}
    assert shown == set(Segment.model_fields)
    plans = {name for example in EXAMPLES for name in plan_of(example).model_fields_set}
    assert plans == set(Plan.model_fields) - {"zone", "profile"}, "these two are the patient's as a rule"
    assert any(isinstance(segment.dose, DoseStep) for segment in SEGMENTS)
    assert {rule.relation for segment in SEGMENTS if isinstance(rule := segment.time_rule, Meals)} == {
        "before", "with", "after"}
    modes = {pause.mode for example in EXAMPLES for pause in plan_of(example).pauses}
    assert modes == {"keep", "reanchor"} and "mode" in Pause.model_fields


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_an_example_is_shown_as_a_client_may_send_it(example: Example) -> None:
    section = page().split(f"### {example.title}\n", 1)[1].split("\n### ", 1)[0]
    assert json.loads(section.split("```json\n", 1)[1].split("\n```", 1)[0]) == example.plan
    assert canonical(plan_of(example))
    doses = section.split("Doses: ", 1)[1].split("\n", 1)[0]
    assert doses == "none is planned." or 1 <= len(doses.split(" · ")) <= DOSES_SHOWN


def test_titles_are_told_apart() -> None:
    assert len({example.title for example in EXAMPLES}) == len(EXAMPLES) >= 25
