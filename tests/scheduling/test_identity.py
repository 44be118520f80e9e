"""The slot keys' test vectors (R-115, DESIGN.md 11): a phone must compute the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scheduling.identity import followed, interval_key, is_key
from sync.identity import dose_id
from tests.scheduling.schedule_cases import due, plan_of

ANCHOR = datetime(2026, 11, 19, 23, tzinfo=UTC)
LINE = "0190f3a1-0000-7000-8000-000000000001"
DOCUMENT = Path(__file__).parents[2] / "docs" / "SYNC.md"
VECTOR = re.compile(
    r"^\| (?P<day>[0-9-]{10}) \| `(?P<key>[^`]+)` \| (?P<occurrence>\d+) \| `(?P<id>[0-9a-f-]{36})` \|$", re.MULTILINE)
VECTORS = [found.groupdict() for found in VECTOR.finditer(DOCUMENT.read_text(encoding="utf-8"))]


def test_the_document_has_a_vector_of_every_kind_of_dose() -> None:
    keys = {vector["key"] for vector in VECTORS}
    assert keys == {"0:MORN", "0:EVE", "0:t1", "1:t1", "0:dinner-after", "0:w3", "0:n4", followed("0:t1", 1),
                    interval_key(ANCHOR), interval_key(ANCHOR, 1)}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['day']} {vector['key']}")
def test_r115_the_vectors_of_the_document_hold(vector: dict[str, str]) -> None:
    assert dose_id(LINE, vector["day"], vector["key"], int(vector["occurrence"])) == vector["id"]


@pytest.mark.parametrize(
    ("segment", "doses"),
    [
        ({"time_rule": {"type": "slots", "doses": {"EVE": 1}}}, [("0:EVE", 0)]),
        ({"time_rule": {"type": "frequency", "per_day": 2}}, [("0:MORN", 0), ("0:EVE", 0)]),
        ({"time_rule": {"type": "frequency", "per_day": 5}}, [(f"0:n{place}", 0) for place in range(5)]),
        ({"time_rule": {"type": "meals", "relation": "after", "meals": ["dinner"]}}, [("0:dinner-after", 0)]),
        ({"time_rule": {"type": "every_in_window", "every_minutes": 360, "from": "06:00", "to": "18:00"}},
         [("0:w0", 0), ("0:w1", 0), ("0:w2", 0)]),
        ({"time_rule": None, "interval": {"every_minutes": 720, "anchor": "2026-11-20T06:00"}},
         [("2026-11-19T23:00:00Z", 0), ("2026-11-19T23:00:00Z", 1)]),
        ({"following": [{"delay_min": 60}, {"delay_min": 60}]}, [("0:t1", 0), ("0:t1+1", 0), ("0:t1+2", 0)]),
    ],
)
def test_r115_expansion_gives_the_slot_keys_that_the_document_names(
    segment: dict[str, Any], doses: list[tuple[str, int]]
) -> None:
    found = due(plan_of(segment), "2026-11-20T00:00+07:00")
    assert [(dose.slot_key, dose.occurrence) for dose in found] == doses


def test_r115_two_intervals_from_one_anchor_never_share_an_id() -> None:
    """Every 8 hours for a day, then every 12 from the same anchor: the third doses of both are different doses."""
    one = {"time_rule": None, "interval": {"every_minutes": 480, "anchor": "2026-11-20T06:00"}, "days": 1}
    two = {"time_rule": None, "interval": {"every_minutes": 720, "anchor": "2026-11-20T06:00"}, "start": "2026-11-21"}
    found = due(plan_of(one, two), "2026-11-20T00:00+07:00", 3)
    assert len({(dose.slot_key, dose.occurrence) for dose in found}) == len(found) == 7


@pytest.mark.parametrize("key", ["", "a:b", "a|b", "x" * 17, "ព្រឹក", "t 1", "t1\n", 1, None])
def test_a_key_that_could_forge_another_doses_name_is_none(key: object) -> None:
    assert not is_key(key)
