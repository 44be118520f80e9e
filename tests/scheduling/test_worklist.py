"""A doctor's worklist: which reasons there are, at their edges, and whom they bring to the top (R-251, R-252)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.dose_marks import Mark, Marked
from scheduling.worklist import Entry, Facts, Finding, Reason, Severity, Thresholds, worklist

NOW = datetime(2026, 11, 21, 5, tzinfo=UTC)
LETTERS = {mark.value[0].upper(): mark for mark in Mark}
RECENT = NOW - timedelta(hours=1)


def doses(*days: str, line: str = "line") -> list[Marked]:
    """Each word is a day, yesterday the last; each letter a dose: taken, missed, skipped, advised skip, unreported,
    pending."""
    first = NOW - timedelta(days=len(days))
    return [Marked(LETTERS[letter], line, (first + timedelta(days=i)).date(), first + timedelta(days=i, hours=hour))
            for i, word in enumerate(days) for hour, letter in enumerate(word)]


def entry(patient: str = "sokha", **facts: Any) -> Entry:
    return Entry(patient, Facts(**facts), NOW)


def only(one: Entry, reason: Reason) -> Finding | None:
    return next((finding for finding in one.findings if finding.reason is reason), None)


def missed(*days: str) -> tuple[int | None, Severity | None] | None:
    found = only(entry(doses=doses(*days)), Reason.MISSED_IN_A_ROW)
    return None if found is None else (found.in_a_row, found.severity)


@pytest.mark.parametrize(("days", "found"), [
    (("TT", "TM", "M"), None),
    (("TT", "TM", "MM"), (3, Severity.WARNING)),
    (("MM", "MM", "MT"), None),  # over: she has taken again
    (("MM", "MM", "MS"), None),  # a skip is a word too
    (("M", "M", "M", "T", "M"), None),
    (("TM", "MA", "M"), None),
    (("TM", "MM", "U", "P"), (3, Severity.WARNING)),  # what is not known is no word
    (("MM", "MM"), (4, Severity.WARNING)),
    (("T", "M", "M", "M"), (3, Severity.CRITICAL)),
    (("T", "MM", "MM", "MM"), (6, Severity.CRITICAL)),
    (("T", "M", "M", "MP"), (3, Severity.WARNING)),  # today may yet turn out otherwise
    (("T", "M", "M", "MU"), (3, Severity.WARNING)),
    (("T", "M", "", "M", "", "M"), (3, Severity.CRITICAL)),  # days without doses do not count
])
def test_R251_three_misses_in_a_row_warn_and_three_days_without_any_dose_are_critical(
    days: tuple[str, ...], found: tuple[int, Severity] | None
) -> None:
    assert missed(*days) == found


def test_R251_misses_of_one_line_count_beside_a_line_that_is_taken() -> None:
    """Three misses of the blood thinner are not hidden by the vitamins."""
    both = sorted([*doses("M", "M", "M"), *doses("TTT", "TTT", "TTT", line="vitamins")], key=lambda one: one.due_at)
    found = only(entry(doses=both), Reason.MISSED_IN_A_ROW)
    assert found is not None
    assert (found.in_a_row, found.severity, found.since) == (3, Severity.WARNING, NOW - timedelta(days=3))


def test_R251_three_days_of_different_lines_with_every_dose_missed_are_critical() -> None:
    three = sorted([*doses("M", "", "", line="a"), *doses("", "M", "", line="b"), *doses("", "", "M", line="c")],
                   key=lambda one: one.due_at)
    found = only(entry(doses=three), Reason.MISSED_IN_A_ROW)
    assert found is not None and (found.severity, found.in_a_row) == (Severity.CRITICAL, 1)


@pytest.mark.parametrize(("hours", "silent"), [(0, False), (48, False), (49, True), (500, True)])
def test_R252_silence_counts_beyond_48_hours(hours: int, silent: bool) -> None:
    heard = NOW - timedelta(hours=hours)
    found = only(entry(doses=doses("UU"), heard_at=heard), Reason.SILENT)
    assert (found is not None) is silent and (found is None or found.since == heard)


def test_nobody_is_silent_of_whom_nothing_was_expected_or_who_has_no_phone() -> None:
    long_ago = NOW - timedelta(days=9)
    assert only(entry(heard_at=long_ago), Reason.SILENT) is None
    assert only(entry(doses=doses("T", *[""] * 19), heard_at=long_ago), Reason.SILENT) is None
    assert only(entry(doses=doses("MM")), Reason.SILENT) is None


@pytest.mark.parametrize(("days", "low"), [(None, False), (7, False), (Decimal("6.9"), True), (0, True), (-1, True)])
def test_R252_stock_counts_under_7_days(days: Decimal | int | None, low: bool) -> None:
    found = only(entry(days_of_stock=days), Reason.STOCK_LOW)
    assert (found is not None) is low and (found is None or found.days_of_stock == days)


@pytest.mark.parametrize(("taken", "of", "low"), [(4, 5, False), (7999, 10_000, True), (0, 1, True), (0, 0, False)])
def test_R252_taking_counts_below_80_percent_unrounded(taken: int, of: int, low: bool) -> None:
    word = "M" * (of - taken) + "T" * taken
    assert (only(entry(doses=doses(word)), Reason.TAKING_LOW) is not None) is low


def test_thresholds_are_named_and_may_be_set() -> None:
    strict = replace(entry(doses=doses("TTTTTTTTTM"), days_of_stock=9),
                     thresholds=Thresholds(misses=1, stock_days=Decimal(10), taking=Decimal(95)))
    assert [one.reason for one in strict.findings] == [Reason.MISSED_IN_A_ROW, Reason.STOCK_LOW, Reason.TAKING_LOW]
    assert entry(doses=doses("TTTTTTTTTM"), days_of_stock=9).findings == []


LOW = doses("TTM")
FACTS: dict[str, dict[str, Any]] = {
    "urgent": {"urgent_since": RECENT},
    "urgent and low": {"urgent_since": RECENT, "doses": LOW},
    "urgent and stock": {"urgent_since": RECENT, "days_of_stock": 1},
    "critical": {"doses": doses("TTTTTTTTTTTT", "M", "M", "M")},
    "warning": {"doses": doses("T" * 12, "MMM")},
    "warning, silent": {"doses": doses("T" * 12, "MMM"), "heard_at": NOW - timedelta(days=3)},
    "silent": {"doses": doses("U"), "heard_at": NOW - timedelta(days=3)},
    "stock": {"days_of_stock": 2},
    "low": {"doses": LOW},
    "lower": {"doses": doses("TTMMT")},
    "well": {"doses": doses("TTTT")},
}
IN_ORDER = ["urgent and stock", "urgent and low", "urgent", "critical", "warning, silent", "warning", "silent", "stock",
            "lower", "low", "well"]


@given(st.permutations(list(FACTS)))
def test_R252_the_first_reason_orders_then_the_next(names: list[str]) -> None:
    entries = [entry(name, **FACTS[name]) for name in names]
    assert [one.patient_id for one in worklist(entries)] == IN_ORDER


def test_a_patient_has_every_reason_that_holds_in_the_order_of_R252() -> None:
    every = entry(doses=doses("M", "M", "M"), urgent_since=RECENT, heard_at=NOW - timedelta(days=4), days_of_stock=0)
    assert [finding.reason for finding in every.findings] == list(Reason)


def test_without_facts_there_is_no_reason_and_no_figure_and_one_comes_last() -> None:
    unseen = Entry("chan's", None, NOW)
    assert (unseen.findings, unseen.figures) == ([], None)
    assert worklist([unseen, entry("zz", doses=doses("T"))])[-1] is unseen
