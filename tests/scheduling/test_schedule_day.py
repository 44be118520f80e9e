"""One day as R-159 tells it, without a store: groups by slot or hour, order, statuses, and what counts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from scheduling.schedule_day import Viewpoint, day_schedule
from sync.identity import SYSTEM_USER, dose_id

DAY = date(2026, 11, 21)
NOON = Viewpoint("Asia/Phnom_Penh", datetime(2026, 11, 21, 5, tzinfo=UTC))


def dose(due_at: str | None, key: str = "0:t1", **more: Any) -> dict[str, Any]:
    """A dose of one line as a viewer is told it, due at a UTC instant."""
    return {
        "id": dose_id(SYSTEM_USER, DAY.isoformat(), key), "version": 1, "patient_id": SYSTEM_USER,
        "prescription_id": SYSTEM_USER, "version_id": None, "line_id": SYSTEM_USER, "nominal_date": DAY.isoformat(),
        "slot_key": key, "occurrence": 0, "slot": None, "due_at": due_at, "amount_due": "1", "on_time_min": 60,
        "missed_after_min": 120, "planned": True, "state": "planned", "action": None, "at": None, "amount": None,
        "reason": None, "note": None, "recorded_at": None, "recorded_by": None, "retroactive": False, "conflict": None,
        **more,
    }


def told(*doses: dict[str, Any], view: Viewpoint = NOON) -> dict[str, Any]:
    return day_schedule(doses, {}, DAY, view)


@pytest.mark.parametrize(("utc", "group"), [
    ("2026-11-20T21:59:00+00:00", "night"), ("2026-11-20T22:00:00+00:00", "morning"),
    ("2026-11-21T03:59:00+00:00", "morning"), ("2026-11-21T04:00:00+00:00", "noon"),
    ("2026-11-21T08:59:00+00:00", "noon"), ("2026-11-21T09:00:00+00:00", "evening"),
    ("2026-11-21T12:00:00+00:00", "night"), ("2026-11-21T17:30:00+00:00", "night")])
def test_a_dose_without_slot_is_grouped_by_its_hour_in_the_patients_zone(utc: str, group: str) -> None:
    assert told(dose(utc))["doses"][0]["group"] == group


def test_a_slot_keeps_its_group_whatever_its_hour() -> None:
    assert told(dose("2026-11-21T12:00:00+00:00", slot="MORN"))["doses"][0]["group"] == "morning"


def test_R159_progress_counts_what_is_planned_and_in_force_alone() -> None:
    day = told(dose("2026-11-21T00:00:00+00:00", "0:a", action="taken", at="2026-11-21T00:10:00+00:00"),
               dose("2026-11-21T04:00:00+00:00", "0:b"),
               dose("2026-11-21T05:00:00+00:00", "0:c", state="withdrawn", action="taken"),
               dose("2026-11-21T03:00:00+00:00", "0:d", planned=False, action="taken"))
    assert [(one["slot_key"], one["status"]) for one in day["doses"]] == [
        ("0:a", "taken"), ("0:d", "taken"), ("0:b", "due"), ("0:c", "superseded")]
    assert day["progress"] == {"taken": 1, "planned": 2}


def test_F18_what_no_plan_yields_is_told_once_done_and_never_missed() -> None:
    late = Viewpoint("Asia/Phnom_Penh", datetime(2026, 11, 30, tzinfo=UTC))
    bare = dose(None, planned=False, on_time_min=None, missed_after_min=None)
    assert told(bare, view=late)["doses"] == []
    assert told({**bare, "action": "taken"}, view=late)["doses"][0]["status"] == "taken"
    assert told({**bare, "action": "undone"}, view=late)["doses"] == []


def test_F21_an_empty_day_has_all_four_groups() -> None:
    day = told()
    assert [group["group"] for group in day["groups"]] == ["morning", "noon", "evening", "night"]
    assert (day["doses"], day["progress"], day["now"]) == ([], {"taken": 0, "planned": 0}, "2026-11-21T12:00:00+07:00")
    assert "groups" not in day_schedule([], {}, DAY, NOON, grouped=False)
