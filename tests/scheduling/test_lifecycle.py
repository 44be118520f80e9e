"""Derived status beyond the worked cases: superseded, unreported, edges to the second, a day's progress."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from scheduling.lifecycle import IN_FORCE, Progress, Status, Timing, progress, status_of, timing_of
from scheduling.windows import windows
from tests.scheduling.schedule_cases import utc

DUE = utc("2026-11-20T08:00+07:00")
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def seen(after: timedelta, action: str | None = None, **more: Any) -> Status:
    given: dict[str, Any] = {"state": IN_FORCE, "at": None, **more}
    return status_of(due_at=DUE, on_time_min=60, missed_after_min=360, action=action, now=DUE + after, **given)


@pytest.mark.parametrize(
    ("after", "status"),
    [
        (-HOUR - SECOND, Status.SCHEDULED), (-HOUR, Status.DUE), (HOUR, Status.DUE), (HOUR + SECOND, Status.OVERDUE),
        (6 * HOUR, Status.OVERDUE), (6 * HOUR + SECOND, Status.MISSED),
    ],
)
def test_the_clock_alone_names_a_dose_that_nobody_recorded(after: timedelta, status: Status) -> None:
    """R-154: an undone dose is one that nobody recorded."""
    assert seen(after) is seen(after, "undone") is status


def test_nothing_blocks_a_later_word_of_the_person() -> None:
    assert seen(timedelta(days=400), "taken", at=DUE) is Status.TAKEN
    assert seen(timedelta(days=400), "skipped", at=DUE) is Status.SKIPPED


def test_r116_a_dose_of_a_version_no_longer_in_force_is_superseded_whatever_was_done() -> None:
    for state, action in product(("superseded", "withdrawn"), (None, "taken", "skipped", "undone")):
        assert seen(timedelta(), action, state=state) is Status.SUPERSEDED


def test_dara_reads_unreported_while_sokhas_phone_is_silent_and_sokha_reads_the_clock() -> None:
    silent: dict[str, Any] = {"silent_since": DUE - MINUTE}
    for after, hers in ((2 * HOUR, Status.OVERDUE), (7 * HOUR, Status.MISSED)):
        assert seen(after, **silent) is hers
        assert seen(after, **silent, viewer_is_patient=False) is Status.UNREPORTED
        assert seen(after, silent_since=DUE + SECOND, viewer_is_patient=False) is hers, "the phone spoke after the dose"
        assert seen(after, silent_since=DUE, viewer_is_patient=False) is Status.UNREPORTED, "too early to know"


def test_silence_hides_nothing_that_is_known_and_nothing_that_is_not_late() -> None:
    others: dict[str, Any] = {"silent_since": DUE - 5 * HOUR, "viewer_is_patient": False}
    assert seen(7 * HOUR, "taken", at=DUE, **others) is Status.TAKEN
    assert seen(7 * HOUR, "skipped", **others) is Status.SKIPPED
    assert seen(-2 * HOUR, **others) is Status.SCHEDULED
    assert seen(HOUR, **others) is Status.DUE
    assert seen(7 * HOUR, state="superseded", **others) is Status.SUPERSEDED


@pytest.mark.parametrize(
    ("late_by", "timing"),
    [
        (-HOUR - SECOND, Timing.EARLY), (-HOUR, Timing.ON_TIME), (HOUR, Timing.ON_TIME), (HOUR + SECOND, Timing.LATE),
        (6 * HOUR, Timing.LATE), (6 * HOUR + SECOND, Timing.VERY_LATE),
    ],
)
def test_timing_has_inclusive_edges(late_by: timedelta, timing: Timing) -> None:
    assert timing_of(DUE, DUE + late_by, 60, 360) is timing


def test_r159_progress_counts_what_was_taken_of_what_is_planned_that_day() -> None:
    statuses = [Status.TAKEN, Status.SKIPPED, Status.SCHEDULED, Status.SUPERSEDED, Status.TAKEN, Status.UNREPORTED]
    assert progress(statuses) == Progress(taken=2, planned=5)
    assert progress([]) == Progress(taken=0, planned=0)


def test_windows_never_reach_into_the_next_dose_and_a_spacing_of_nothing_is_refused() -> None:
    for spacing, critical in product((*range(1, 2000), 10_079, 10_080, 50_000), (False, True)):
        found = windows(spacing, critical)
        assert 0 <= found.on_time_min <= found.missed_after_min < spacing
    with pytest.raises(ValueError, match="spacing_min"):
        windows(0)
