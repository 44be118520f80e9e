"""The dosing plan of one medicine line and its JSON, both ways (`plan` in tests/data/schedule_cases.json).

Reading is strict: every fault is a FieldProblem with its path (R-120). Writing gives the one canonical spelling that a
prescription version stores. What a plan means on the clock is recurrence.py; what its members are, plan_model.py; which
of them contradict each other, plan_check.py.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from scheduling.keys import assign_keys
from scheduling.plan_check import counted, faults
from scheduling.plan_model import MAX_SEGMENTS, Pause, Plan, Profile, ZoneChange
from scheduling.segment import MAX_DOSES_PER_COURSE, Segment
from scheduling.time_rules import Times
from storage.wire_check import read_problems
from sync.problem import FieldProblem

__all__ = ["MAX_DOSES_PER_COURSE", "MAX_SEGMENTS", "Pause", "Plan", "Profile", "Segment", "ZoneChange", "assign_keys",
           "canonical", "counted", "read_plan"]

MAX_PROBLEMS = 50
_KINDS_CHOSEN = ("day_rule", "time_rule", "dose")  # pydantic puts the kind it chose behind these names
_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


def read_plan(value: object, path: str = "plan") -> Plan | list[FieldProblem]:
    """The plan that a JSON object says, or every fault found in it, at most MAX_PROBLEMS.

    Amounts may be int, Decimal or numeric text, never float. Keys of clock times stay as sent: `assign_keys` follows.
    """
    try:
        plan = _PLAN.validate_python(value)
    except ValidationError as error:
        return [_below(path, _as_written(problem)) for problem in read_problems(error)][:MAX_PROBLEMS]
    return [_below(path, fault) for fault in faults(plan)][:MAX_PROBLEMS] or plan


def canonical(plan: Plan) -> dict[str, Any]:
    """The normalised JSON that a version stores: amounts as text ("0.5"), every clock time with its key, no nulls.
    Reading it gives an equal plan. Needs `assign_keys` first."""
    times = (one.time_rule for one in plan.segments if isinstance(one.time_rule, Times))
    assert all(None not in rule.sent_keys for rule in times), "assign_keys comes before storing"
    return plan.model_dump(mode="json", by_alias=True, exclude_none=True)


def _as_written(problem: FieldProblem) -> FieldProblem:
    """Its path without the kinds that pydantic names on the way."""
    steps = problem.field.split(".")
    kept = [step for before, step in zip(["", *steps], steps, strict=False)
            if before not in _KINDS_CHOSEN or step == "type"]
    return FieldProblem(".".join(kept), problem.code, problem.params)


def _below(path: str, problem: FieldProblem) -> FieldProblem:
    return FieldProblem(f"{path}.{problem.field}" if problem.field else path, problem.code, problem.params)
