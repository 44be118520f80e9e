"""The worked answers of tests/data/schedule_cases.json, read once with exact amounts, and a short way to make plans."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from scheduling.plan import Plan, assign_keys, read_plan
from scheduling.recurrence import Planned, expand
from scheduling.routine import DEFAULT_ROUTINE, Routine
from sync.problem import FieldProblem

CASES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "schedule_cases.json").read_text(encoding="utf-8"), parse_float=Decimal
)
PHNOM_PENH = "Asia/Phnom_Penh"


def plan_of(*segments: dict[str, Any], previous: Plan | None = None, **members: Any) -> Plan:
    """A plan of these segments, each 08:00 daily from 2026-11-20 unless it says otherwise, with keys assigned."""
    plan = read_plan({"segments": [segment(**given) for given in segments or ({},)], **members})
    assert isinstance(plan, Plan), [problem.as_json() for problem in plan]
    return assign_keys(plan, previous)


def segment(**given: Any) -> dict[str, Any]:
    at_eight = {"start": "2026-11-20", "time_rule": {"type": "times", "times": ["08:00"]}, "dose": 1}
    return {**at_eight, **given}


def at(*times: str, **keys: Any) -> dict[str, Any]:
    return {"type": "times", "times": list(times), **keys}


def grid(**doses: Any) -> dict[str, Any]:
    return {"type": "slots", "doses": doses}


def due(
    plan: Plan, since: str, days: float = 1, *, routine: Routine = DEFAULT_ROUTINE, **more: Any
) -> list[Planned]:
    """The doses from `since` (an instant with offset) on, for so many times 24 hours."""
    start = datetime.fromisoformat(since)
    doses = expand(plan, routine, start, start + timedelta(days=days), **more)
    assert not isinstance(doses, FieldProblem), doses
    return doses


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
