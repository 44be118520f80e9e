"""Adherence figures: the worked cases AD01 to AD10, and what holds whatever was taken (R-310 to R-313)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.adherence import DEFAULT_BANDS, Band, Bands, Figures, figures, percent, rounded, streak
from scheduling.adherence_intervals import interval_share, intervals, intervals_of, longest_gap
from scheduling.adherence_periods import Grain, Period, by_line, by_period, trend
from scheduling.coverage import coverage
from scheduling.dose_marks import COUNTED, Mark, Marked, marks
from scheduling.schedule_day import Viewpoint
from scheduling.supply import Fill
from sync.values import format_instant

CASES = json.loads((Path(__file__).parents[1] / "data" / "schedule_cases.json").read_text(encoding="utf-8"),
                   parse_float=Decimal)
AD: dict[str, dict[str, Any]] = {case["id"]: case for case in CASES["adherence_cases"]}
SOKHA, DARA, LINE = "sokha", "dara", "line"
START = date(2026, 11, 1)
ALL, NONE = Fraction(1), Fraction(0)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


NOW = utc("2026-11-21T13:00:00+07:00")


def dose(due_at: datetime, action: str | None = None, **more: Any) -> dict[str, Any]:
    """A dose row of Phnom Penh, on time within ± 60 minutes and missed after 150; recorded by Sokha if taken."""
    local = due_at + timedelta(hours=7)
    return {
        "line_id": LINE, "nominal_date": local.date().isoformat(), "due_at": format_instant(due_at), "on_time_min": 60,
        "missed_after_min": 150, "planned": True, "state": "planned", "action": action,
        "at": format_instant(due_at) if action == "taken" else None, "reason": "other" if action == "skipped" else None,
        "recorded_by": SOKHA if action else None, "retroactive": False, **more}


def today(clock: str, action: str | None = None, **more: Any) -> dict[str, Any]:
    return dose(utc(f"2026-11-21T{clock}:00+07:00"), action, **more)


def earlier(many: int, action: str | None = None, **more: Any) -> list[dict[str, Any]]:
    """So many doses of one day long past, a minute apart."""
    return [dose(utc("2026-11-10T00:00:00+00:00") + timedelta(minutes=i), action, **more) for i in range(many)]


def marked(rows: Sequence[dict[str, Any]], now: datetime = NOW, silent_since: datetime | None = None,
           is_patient: bool = True) -> list[Marked]:
    return marks(rows, Viewpoint("Asia/Phnom_Penh", now, is_patient, silent_since), SOKHA)


def told(rows: Sequence[dict[str, Any]], **more: Any) -> Figures:
    return figures(marked(rows, **more))


def made(mark: Mark, day: int = 0, line: str = LINE, hour: int = 0) -> Marked:
    due = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=day, hours=hour)
    return Marked(mark, line, START + timedelta(days=day), due, due if mark is Mark.TAKEN else None)


# the worked cases


def test_AD01_taking_timing_and_correct_days() -> None:
    case = AD["AD01"]
    kinds = ["on time"] * case["taken_on_time"] + ["late"] * case["taken_late"] + ["skipped", "missed"]
    rows = []
    for i, kind in enumerate(kinds):  # two a day, so that the last two, of two days, are the wrong ones
        day, hour = (i, 0) if i < case["days"] else (i - case["days"], 11)
        due = utc("2026-11-10T07:00:00+07:00") + timedelta(days=day, hours=hour)
        late = {"at": format_instant(due + timedelta(minutes=61))} if kind == "late" else {}
        rows.append(dose(due, {"skipped": "skipped", "missed": None}.get(kind, "taken"), **late))
    found = told(rows)
    assert (found.denominator, found.days, found.correct_days) == (
        case["scheduled"], case["days"], case["days_with_all_doses"])
    expect = case["expect"]
    assert (percent(found.taking), percent(found.timing), percent(found.correct)) == (
        expect["taking_pct"], expect["on_time_pct"], expect["correct_days_pct"])


def test_AD02_R310_doses_not_yet_due_are_not_in_the_denominator() -> None:
    found = told([today("07:00", "taken"), today("12:00", "taken"), today("18:00")])
    assert (percent(found.taking), found.denominator) == (AD["AD02"]["expect"]["taking_pct"], 2)
    assert found.pending == 0  # the evening's has not begun


def test_AD03_a_dose_inside_its_window_is_pending_not_missed() -> None:
    expect = AD["AD03"]["expect"]
    rows = [today("07:00", "taken"), today("12:00"), today("18:00")]
    found = told(rows, now=utc("2026-11-21T12:30:00+07:00"))
    assert (percent(found.taking), found.pending, found.denominator) == (expect["taking_pct"], expect["pending"], 1)
    edge = utc("2026-11-21T14:30:00+07:00")  # overdue to its far edge, missed a moment after
    assert (told(rows, now=edge).pending, told(rows, now=edge + timedelta(microseconds=1)).missed) == (1, 1)


def test_AD04_no_scheduled_doses_give_null_and_no_band() -> None:
    found = told([])
    assert percent(found.taking) is AD["AD04"]["expect"]["taking_pct"] is None
    assert (found.timing, found.correct, found.lower, found.upper, DEFAULT_BANDS.of(found.taking)) == (None,) * 5


def test_AD05_advised_skips_and_paused_doses_leave_the_denominator() -> None:
    case = AD["AD05"]
    rows = [*earlier(case["taken"], "taken"), *earlier(case["missed"]), *earlier(case["skipped_by_patient"], "skipped"),
            *earlier(case["skipped_advised"], "skipped", reason="doctor_advised"),
            *earlier(case["paused"], state="withdrawn")]
    assert len(rows) == case["scheduled"]
    found = told(rows)
    assert (found.denominator, percent(found.taking)) == (case["expect"]["denominator"], case["expect"]["taking_pct"])
    assert found.advised == 1


def test_AD06_F18_as_needed_doses_count_nowhere() -> None:
    case = AD["AD06"]
    bare = {"planned": False, "on_time_min": None, "missed_after_min": None}
    needed = [{**row, **bare, "due_at": None} for row in earlier(case["prn_taken"], "taken")]
    found = told([*earlier(case["taken"], "taken"), *needed])
    assert (percent(found.taking), found.taken) == (case["expect"]["taking_pct"], case["scheduled"])
    assert told([*needed, *(dict(row, action=None) for row in needed)]) == Figures()
    timed = [dict(row, planned=False) for row in (*earlier(1, "taken"), *earlier(1, "skipped"), *earlier(1))]
    assert told(timed) == Figures()  # nor what a phone made that no plan yields, whatever it wrote into it


def test_AD07_pdc_shifts_early_refills_forward() -> None:
    case = AD["AD07"]
    first, last = (date.fromisoformat(day) for day in case["period"])
    fills = [Fill(date.fromisoformat(day), days) for day, days in case["fills"]]
    found = coverage(reversed(fills), first, last)
    expect = case["expect"]
    assert (found.period, found.covered) == (expect["period_days"], expect["covered_days"])
    assert (percent(found.pdc), percent(found.mpr)) == (expect["pdc_pct"], expect["mpr_pct"])


def test_AD08_intervals_within_a_quarter_of_nominal_edges_included() -> None:
    case = AD["AD08"]
    found = intervals([datetime.fromisoformat(at) for at in case["taken"]],
                      timedelta(minutes=case["nominal_interval_min"]))
    expect = case["expect"]
    assert [rounded(one.hours) for one in found] == expect["intervals_h"]
    assert sum(one.in_range for one in found) == expect["in_range"]
    assert percent(interval_share(found)) == expect["interval_pct"]


def test_AD09_a_silent_phone_gives_bounds_instead_of_a_guess() -> None:
    case = AD["AD09"]
    monday = utc("2026-11-16T00:00:00+07:00")
    known = [dose(monday - timedelta(days=i + 1), "taken" if i < case["reported_taken"] else None)
             for i in range(case["reported_taken"] + case["reported_missed"])]
    unknown = [dose(monday + timedelta(hours=12 * i)) for i in range(case["unreported"])]
    found = told([*known, *unknown], silent_since=monday, is_patient=False)
    expect = case["expect"]
    assert (percent(found.lower), percent(found.upper), percent(found.taking)) == (
        expect["lower_pct"], expect["upper_pct"], expect["reported_pct"])
    assert (found.unreported, found.missed) == (case["unreported"], case["reported_missed"])
    own = told([*known, *unknown], silent_since=monday)  # the patient knows: to them they are missed
    assert (own.unreported, own.missed) == (0, case["unreported"] + case["reported_missed"])


def test_AD10_the_longest_gap_between_taken_doses() -> None:
    case = AD["AD10"]
    gap = longest_gap(intervals([datetime.fromisoformat(at) for at in case["taken"]], timedelta(hours=12)))
    assert gap is not None and rounded(gap.hours) == case["expect"]["max_gap_h"]
    assert longest_gap(intervals([NOW], timedelta(hours=12))) is None


def test_every_worked_case_has_its_test() -> None:
    here = [name for name in globals() if name.startswith("test_AD")]
    assert sorted(name[5:9] for name in here) == sorted(AD)


# what a dose counts for


def test_a_late_dose_of_a_silent_phone_is_open_until_its_window_has_passed() -> None:
    """`unreported` begins with the late window, but open doses count nowhere, in no bound either (R-310)."""
    rows = [today("07:00", "taken"), today("12:00")]
    silent: dict[str, Any] = {"silent_since": utc("2026-11-21T08:00:00+07:00"), "is_patient": False}
    open_ = told(rows, now=utc("2026-11-21T14:00:00+07:00"), **silent)
    assert (open_.pending, open_.unreported, open_.lower) == (1, 0, ALL)
    shut = told(rows, now=utc("2026-11-21T14:31:00+07:00"), **silent)
    assert (shut.pending, shut.unreported, shut.lower, shut.upper) == (0, 1, Fraction(1, 2), ALL)


def test_superseded_doses_count_nowhere_even_if_they_were_taken() -> None:
    assert told(earlier(3, "taken", state="superseded")) == Figures()


def test_an_undone_dose_is_missed_by_the_clock() -> None:
    assert told(earlier(1, "undone")).missed == 1


def test_R313_sources_stand_beside_the_figure() -> None:
    rows = [*earlier(2, "taken"), *earlier(1, "taken", recorded_by=DARA, retroactive=True),
            *earlier(1, "skipped", recorded_by=DARA), *earlier(1)]
    found = told(rows)
    assert (found.by_patient, found.by_carer, found.retroactive) == (2, 2, 1)


def test_days_are_nominal_dates_and_an_advised_skip_makes_no_day() -> None:
    """A dose due at 00:30 may belong to the evening before; a day with an advised skip alone says nothing."""
    night = dose(utc("2026-11-11T00:30:00+07:00"), nominal_date="2026-11-10")
    found = told([dose(utc("2026-11-10T20:00:00+07:00"), "taken"), night,
                  *(dict(row, nominal_date="2026-11-12") for row in earlier(1, "skipped", reason="doctor_advised"))])
    assert (found.days, found.correct_days, found.advised) == (1, 0, 1)


# bands, rounding


@pytest.mark.parametrize(("part", "whole", "band", "reads"), [
    (9, 10, Band.GREEN, "90.0"), (8999, 10_000, Band.YELLOW, "90.0"), (7, 10, Band.YELLOW, "70.0"),
    (6999, 10_000, Band.RED, "70.0"), (0, 5, Band.RED, "0.0"), (5, 5, Band.GREEN, "100.0")])
def test_R312_bands_compare_the_unrounded_value(part: int, whole: int, band: Band, reads: str) -> None:
    taking = Fraction(part, whole)
    assert (DEFAULT_BANDS.of(taking), str(percent(taking))) == (band, reads)


def test_R312_thresholds_are_configurable() -> None:
    assert Bands(Decimal("80.5"), Decimal(50)).of(Fraction(805, 1000)) is Band.GREEN


@pytest.mark.parametrize(("value", "reads"), [
    ("0.0005", "0.1"), ("0.00049999", "0.0"), ("0.8565", "85.7"), ("-0.0005", "-0.1"), ("-0.123", "-12.3")])
def test_one_decimal_halves_away_from_zero(value: str, reads: str) -> None:
    assert percent(Fraction(value)) == Decimal(reads)


# streak, periods, trend


@pytest.mark.parametrize(("days", "length"), [
    ("", 0), ("T", 1), ("TTT", 3), ("TMT", 1), ("TTM", 0), ("T.T", 2), ("TT.", 2), ("MTT..T", 3), ("TS", 0),
    ("TU", 1), ("TP", 1), ("TA", 1)])
def test_a_streak_ends_with_the_last_closed_day_and_empty_days_do_not_break_it(days: str, length: int) -> None:
    """Each letter is a day: taken, missed, skipped, advised skip, unreported, pending; a dot has no dose."""
    letters = {mark.value[0].upper(): mark for mark in Mark}
    assert streak([made(letters[one], day) for day, one in enumerate(days) if one != "."]) == length


def test_one_missed_dose_of_a_day_breaks_the_streak() -> None:
    assert streak([made(Mark.TAKEN, 0), made(Mark.TAKEN, 1), made(Mark.MISSED, 1, hour=5)]) == 0


def test_R313_weeks_begin_on_monday_months_on_the_first_and_empty_ones_are_left_out() -> None:
    doses = [made(Mark.TAKEN, 0), made(Mark.MISSED, 1), made(Mark.TAKEN, 20), made(Mark.TAKEN, 30)]
    period = Period(START, START + timedelta(days=40))  # from Sunday 1 November to 11 December
    weeks = [(one.first.isoformat(), one.last.isoformat(), found.taking)
             for one, found in by_period(doses, period, Grain.WEEK)]
    assert weeks == [("2026-11-01", "2026-11-01", ALL), ("2026-11-02", "2026-11-08", NONE),
                     ("2026-11-16", "2026-11-22", ALL), ("2026-11-30", "2026-12-06", ALL)]
    months = [(one.first.isoformat(), one.last.isoformat(), found.taking)
              for one, found in by_period(doses, period, Grain.MONTH)]
    assert months == [("2026-11-01", "2026-11-30", Fraction(2, 3)), ("2026-12-01", "2026-12-11", ALL)]
    assert [one.first.day for one, _ in by_period(doses, period, Grain.DAY)] == [1, 2, 21, 1]


def test_a_day_that_is_all_pending_is_told_with_nulls() -> None:
    [(_, found)] = by_period([made(Mark.PENDING)], Period(START, START), Grain.DAY)
    assert (found.pending, found.taking, found.correct) == (1, None, None)


def test_the_trend_compares_the_halves_of_the_period() -> None:
    doses = [made(Mark.TAKEN, 0), made(Mark.MISSED, 1), made(Mark.TAKEN, 2), made(Mark.TAKEN, 4)]
    found = trend(doses, Period(START, START + timedelta(days=4)))
    assert (found.earlier, found.later, found.change) == (Fraction(1, 2), ALL, Fraction(1, 2))
    assert trend(doses[:2], Period(START, START + timedelta(days=4))).change is None


# intervals of real lines, coverage


def slots(taken: Sequence[tuple[int, int]]) -> list[Marked]:
    """Doses at 07:00 and 18:00 of three days, of which those in `taken` (day, hour) were taken when due."""
    doses = [made(Mark.TAKEN if (day, hour) in taken else Mark.MISSED, day, hour=hour)
             for day in range(3) for hour in (7, 18)]
    return sorted(doses, key=lambda one: one.due_at)


def test_R311_intervals_are_measured_against_the_plan_so_that_perfect_taking_is_100() -> None:
    every = [(day, hour) for day in range(3) for hour in (7, 18)]
    assert interval_share(intervals_of(slots(every))) == 1
    left_out = intervals_of(slots([one for one in every if one != (1, 7)]))
    assert [(int(one.hours), one.in_range) for one in left_out] == [
        (11, True), (24, False), (13, True), (11, True)]


def test_two_doses_taken_at_one_moment_are_an_interval_out_of_range() -> None:
    doses = slots([(0, 7), (0, 18)])
    together = [replace(one, at=doses[0].at) if one.at else one for one in doses]
    assert [one.in_range for one in intervals_of(together)] == [False]


def test_a_fill_before_the_period_reaches_into_it_and_counts_for_no_possession() -> None:
    found = coverage([Fill(date(2026, 12, 20), 30)], date(2027, 1, 1), date(2027, 1, 31))
    assert (found.covered, found.supplied) == (18, 0)
    twice = coverage([Fill(date(2027, 1, 1), 60), Fill(date(2027, 1, 2), 60)], date(2027, 1, 1), date(2027, 1, 30))
    assert (twice.pdc, twice.mpr) == (ALL, Fraction(4))


def test_coverage_refuses_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        coverage([], date(2027, 1, 2), date(2027, 1, 1))
    with pytest.raises(ValueError, match="at least one day"):
        coverage([Fill(date(2027, 1, 1), 0)], date(2027, 1, 1), date(2027, 1, 2))


# what holds whatever was taken

MANY = st.lists(st.builds(
    made, st.sampled_from(list(Mark)), st.integers(0, 89), st.sampled_from(["a", "b", "c"]), st.integers(0, 23)),
    max_size=60)


@given(MANY)
def test_bounds_hold_and_every_share_lies_between_0_and_1(doses: list[Marked]) -> None:
    found = figures(doses)
    for one in (found.taking, found.timing, found.correct, found.lower, found.upper):
        assert one is None or 0 <= one <= 1
    assert (found.taking is None) is not any(dose.mark in COUNTED for dose in doses)
    if found.taking is not None and found.lower is not None and found.upper is not None:
        assert found.lower <= found.taking <= found.upper
        assert found.unreported or found.lower == found.upper
    assert (found.lower is None) == (found.upper is None)


@given(MANY)
def test_lines_and_periods_add_up_to_the_whole(doses: list[Marked]) -> None:
    whole = figures(doses)
    period = Period(START, START + timedelta(days=89))
    parts = [[found for _, found in by_period(doses, period, grain)] for grain in Grain]
    for found in (*parts, [figures(line) for line in by_line(doses).values()]):
        assert sum(one.taken for one in found) == whole.taken
        assert sum(one.denominator for one in found) == whole.denominator
        assert sum(one.pending + one.unreported + one.advised for one in found) == (
            whole.pending + whole.unreported + whole.advised)
    assert sum(one.correct_days for one in parts[0]) == whole.correct_days >= streak(doses)


@given(MANY, st.randoms(use_true_random=False))
def test_the_order_of_doses_does_not_matter(doses: list[Marked], random: Any) -> None:
    shuffled = random.sample(doses, len(doses))
    assert (figures(shuffled), streak(shuffled)) == (figures(doses), streak(doses))


@given(MANY, st.integers(0, 89), st.integers(0, 23))
def test_another_dose_taken_never_lowers_taking(doses: list[Marked], day: int, hour: int) -> None:
    before, after = figures(doses), figures([*doses, made(Mark.TAKEN, day, hour=hour)])
    assert after.taking is not None and (before.taking or 0) <= after.taking


@given(st.fractions(-10, 10))
def test_rounding_is_never_off_by_more_than_half_a_tenth(value: Fraction) -> None:
    assert abs(Fraction(rounded(value)) - value) <= Fraction(1, 20)
    assert rounded(-value) == -rounded(value)


@given(st.lists(st.builds(Fill, st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.integers(1, 400)), max_size=20),
       st.dates(date(2026, 6, 1), date(2027, 6, 1)), st.integers(0, 400))
def test_coverage_is_what_walking_day_by_day_finds(fills: list[Fill], first: date, length: int) -> None:
    last = first + timedelta(days=length)
    found = coverage(fills, first, last)
    day, stock, covered = date(2026, 1, 1), 0, 0
    while day <= last:
        stock += sum(fill.days for fill in fills if fill.day == day)
        covered += stock > 0 and day >= first
        stock, day = max(0, stock - 1), day + timedelta(days=1)
    assert found.covered == covered <= found.period == length + 1
