"""The slow oracle is right: it gives every worked answer of schedule_cases.json."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.scheduling.minute_walk import oracle

# Read here, not by schedule_cases.py: the oracle and its proof stand without the scheduling package.
CASES = json.loads((Path(__file__).parents[1] / "data" / "schedule_cases.json").read_text(encoding="utf-8"))
DEFAULTS = {**CASES["defaults"], "zone": "Asia/Phnom_Penh"}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_no_case_is_left_out() -> None:
    assert len(CASES["cases"]) == 41


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: str(case["id"]))
def test_the_walk_gives_the_worked_answer(case: dict[str, Any]) -> None:
    found = oracle(case["plan"], utc(case["window"]["from"]), utc(case["window"]["to"]), DEFAULTS)
    assert [(at, day.isoformat(), amount, how) for at, day, amount, how, _ in found] == [
        (utc(e["utc"]), e["nominal_date"], Decimal(str(e["dose"])), e.get("adjusted")) for e in case["expect"]
    ]
