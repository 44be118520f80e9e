"""The worked answers of schedule_cases.json around one dose: windows, as-needed guard, following doses, life-cycle.

Every case of a table is walked, by its id. Several words about one dose go the real road: each is an edit that the
dose's policy merges in the order of receipt, and the row that comes out is what status and timing are derived from
(DESIGN.md 11 holds where a table's prose is older).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduling.as_needed import Intake, Limits, allowance
from scheduling.following import after_previous
from scheduling.lifecycle import IN_FORCE, Snooze, corrects, next_reminder_at, status_of, timing_of
from scheduling.windows import windows
from sync.clock import stamp
from sync.dose_policy import ClientWins, entries_of
from sync.identity import deed_id
from sync.policy import Edit
from sync.record import Authority, Op, Row
from sync.settle import DOUBLE
from sync.values import format_instant, ms_of, parse_instant
from tests.scheduling.schedule_cases import CASES, PHNOM_PENH, utc

DOSE = ClientWins(group=("action", "at", "amount", "reason", "note"))
BLANK = Row("dose_event", "a dose", ("patient:sokha",), 1, "", dict.fromkeys((*DOSE.needs, "state")), {"entries": []})
SIZES = {"window_cases": 13, "prn_cases": 12, "dynamic_cases": 6, "lifecycle_cases": 23}


def by_id(case: dict[str, Any]) -> str:
    return str(case["id"])


def test_the_tables_are_walked_whole() -> None:
    assert {name: len({case["id"] for case in CASES[name]}) for name in SIZES} == SIZES


@pytest.mark.parametrize("case", CASES["window_cases"], ids=by_id)
def test_r150_windows_follow_from_spacing(case: dict[str, Any]) -> None:
    found = windows(case["spacing_min"], case["time_critical"])
    assert {"on_time_min": found.on_time_min, "missed_after_min": found.missed_after_min} == case["expect"]


@pytest.mark.parametrize("case", CASES["prn_cases"], ids=by_id)
def test_r118_the_guard_of_medicines_taken_when_needed(case: dict[str, Any]) -> None:
    taken = [Intake(datetime.fromisoformat(one["at"]), Decimal(one["amount"])) for one in case["taken"]]
    now, expect = datetime.fromisoformat(case["now"]), case["expect"]
    found = allowance(Limits.of(case["rule"]), taken, now, Decimal(case["want"]), ZoneInfo(PHNOM_PENH))
    assert found.allowed is expect["allowed"]
    assert ",".join(found.reasons) == (expect["reason"] or "")
    assert found.next_allowed_at.isoformat(timespec="minutes") == expect["next_allowed_at"], "the patient's own clock"


@pytest.mark.parametrize("case", CASES["dynamic_cases"], ids=by_id)
def test_a_following_dose_is_counted_from_the_one_before(case: dict[str, Any]) -> None:
    source, expect = case["source"], case["expect"]
    action = source["action"]
    settled = (action, utc(source["at"])) if action in ("taken", "skipped") else (None, None)  # undone asserts nothing
    for known in (settled, (action, utc(source["at"]) if source["at"] else None)):
        found = after_previous(source_due=utc(source["due"]), delay_min=case["rule"]["delay_min"], action=known[0],
                               taken_at=known[1])
        assert (found.due_at, found.provisional) == (utc(expect["due"]), expect["provisional"])


def test_r112_a_following_dose_waits_elapsed_hours_when_the_clocks_change() -> None:
    evening = datetime(2026, 10, 24, 22, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    found = after_previous(source_due=evening, delay_min=600, action="taken", taken_at=evening)
    assert found.due_at == utc("2026-10-25T07:00+01:00"), "the night has an hour more"


def settled_row(events: list[dict[str, Any]]) -> Row:
    """What the dose's row says after these words, each by a phone that had seen nobody else's."""
    row = BLANK
    for event in sorted(events, key=lambda one: utc(one["received_at"])):
        if event["type"] == "snoozed":
            continue
        device = deed_id(BLANK.id, event["device"])
        when = {"at": format_instant(utc(event["at"]))} if event["type"] == "taken" else {}
        told = {"action": event["type"], **when}
        edit = Edit(Op.PATCH, 0, told, {}, stamp(ms_of(utc(event["recorded_at"])), 0, device),
                    format_instant(utc(event["recorded_at"])), format_instant(utc(event["received_at"])),
                    event.get("actor", "sokha"), device, event["id"], Authority.PERSON, BLANK)
        row = DOSE.merge(row, edit).row or row
    return row


@pytest.mark.parametrize("case", CASES["lifecycle_cases"], ids=by_id)
def test_r152_status_and_timing_follow_from_everything_that_was_said(case: dict[str, Any]) -> None:
    """R-151 to R-157, R-245."""
    row, now, due_at = settled_row(case["events"]), utc(case["now"]), utc(case["due"])
    told, expect = row.fields, case["expect"]
    taken_at = parse_instant(told["at"]) if told["at"] else None
    status = status_of(due_at=due_at, on_time_min=case["on_time_min"], missed_after_min=case["missed_after_min"],
                       action=told["action"], at=taken_at, state=IN_FORCE, now=now)
    snoozes = [Snooze(utc(one["at"]), utc(one["until"])) for one in case["events"] if one["type"] == "snoozed"]
    found: dict[str, Any] = {
        "status": status, "retroactive": told["retroactive"], "recorded_by": told["recorded_by"],
        "possible_double_dose": told["conflict"] == DOUBLE, "event_count": len(entries_of(row)),
        "timing": timing_of(due_at, taken_at, case["on_time_min"], case["missed_after_min"]) if taken_at else None,
        "taken_at": taken_at, "next_reminder_at": next_reminder_at(snoozes, now),
        "correction": any(corrects(due_at, case["missed_after_min"], action=told["action"],
                                   received_at=utc(one["received_at"])) for one in case["events"]),
    }
    moments = {name: utc(expect[name]) for name in ("taken_at", "next_reminder_at") if name in expect}
    assert {name: found[name] for name in expect} == {**expect, **moments}


def test_nothing_that_the_life_cycle_tells_is_told_of_every_dose() -> None:
    """The cases say when; these say when not: an ordinary dose is no double, no correction, not retroactive."""
    case = next(case for case in CASES["lifecycle_cases"] if case["id"] == "L07")
    row, due_at = settled_row(case["events"]), utc(case["due"])
    assert (row.fields["retroactive"], row.fields["conflict"], row.fields["recorded_by"]) == (False, None, "sokha")
    edge = utc("2026-11-20T14:00+07:00")
    for action, after in (("taken", True), ("skipped", True), ("undone", False), (None, False)):
        assert corrects(due_at, 360, action=action, received_at=edge) is False, "not called missed yet"
        assert corrects(due_at, 360, action=action, received_at=edge.replace(second=1)) is after


def test_r155_three_snoozes_of_at_most_fifteen_minutes_move_the_next_reminder_and_a_fourth_nothing() -> None:
    due = utc("2026-11-20T08:00+07:00")

    def snooze(said: int, length: int) -> Snooze:
        return Snooze(due.replace(minute=said), due.replace(minute=said + length))

    three = [snooze(0, 5), snooze(5, 10), snooze(15, 15)]
    assert next_reminder_at(three, due.replace(minute=20)) == due.replace(minute=30)
    assert next_reminder_at([*three, snooze(30, 15)], due.replace(minute=31)) is None
    assert next_reminder_at(three, due.replace(minute=30)) is None, "it rings now"
    assert next_reminder_at([replace(three[0], until=due.replace(minute=59))], due) is None
    assert next_reminder_at([], due) is None
