"""Stock by replay, run-out by walking, the reminder before it, fills for coverage: cases S01 to S06 and properties."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.coverage import coverage
from scheduling.plan import Plan, assign_keys, canonical, read_plan
from scheduling.recurrence import walk
from scheduling.routine import DEFAULT_ROUTINE
from scheduling.supply import (
    HORIZON,
    MAX_DOSES_WALKED,
    MOST_DAYS_BACK,
    Event,
    Fill,
    Intake,
    OnHand,
    RunOut,
    fills,
    known_since,
    on_hand,
    remind_at,
    run_out,
)
from scheduling.supply_line import Outlook, event_of, intake_of, line_fills
from sync.clock import stamp
from sync.values import format_instant, ms_of
from tests.scheduling.schedule_cases import CASES, at, grid, plan_of, utc

PHNOM_PENH = ZoneInfo("Asia/Phnom_Penh")
STOCK = {case["id"]: case for case in CASES["stock_cases"]}
Due = tuple[datetime, Decimal]


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PHNOM_PENH)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def daily(start: str, *doses: tuple[str, Any], every_days: int = 1) -> Iterator[Due]:
    """Doses by clock and amount, for ever."""
    first = date.fromisoformat(start)
    for n in count():
        for clock, amount in doses:
            yield wall(f"{first + timedelta(days=n * every_days)}T{clock}"), Decimal(amount)


def walked(plan: Plan, start: str) -> Iterator[Due]:
    """The doses of a real plan from a date on, by the patient's wall clock."""
    since = wall(f"{start}T00:00")
    return ((dose.local, dose.amount) for dose in walk(plan, DEFAULT_ROUTINE, since, since + HORIZON))


def counted(quantity: Any, at: str = "2026-11-20T06:00") -> Event:
    return Event("count", "counted", wall(at), wall(at).date(), Decimal(quantity))


def dispensed(quantity: Any, at: str, days: int | None = None, id_: str = "fill") -> Event:
    return Event(id_, "dispensed", wall(at), wall(at).date(), Decimal(quantity), days)


def discarded(quantity: Any, at: str) -> Event:
    return Event("thrown", "discarded", wall(at), wall(at).date(), Decimal(quantity))


def taken(amount: Any, at: str, id_: str = "") -> Intake:
    return Intake(id_ or at, wall(at), None if amount is None else Decimal(amount))


def test_every_stock_case_is_told_below() -> None:
    assert set(STOCK) == {"S01", "S02", "S03", "S04", "S05", "S06"}


def test_S01_R315_run_out_is_the_first_dose_that_is_not_covered() -> None:
    case = STOCK["S01"]
    slots = {clock: name for name, clock in DEFAULT_ROUTINE.slots.items()}
    plan = plan_of({"start": case["start"], "time_rule": grid(**{slots[at_]: dose for at_, dose in case["doses"]}),
                    "dose": None})
    found = run_out(Decimal(case["on_hand"]), walked(plan, case["start"]))
    assert found == RunOut(instant(case["expect"]["first_uncovered_dose"]), Decimal(case["expect"]["left_over"]),
                           case["expect"]["full_days"])


def test_S02_R315_four_tablets_once_a_week_last_four_weeks() -> None:
    case = STOCK["S02"]
    weekday, clock = case["weekly"].split()
    plan = plan_of({"start": case["start"], "day_rule": {"type": "weekdays", "days": [weekday]},
                    "time_rule": at(clock)})
    found = run_out(Decimal(case["on_hand"]), walked(plan, case["start"]))
    assert found.first_uncovered == instant(case["expect"]["first_uncovered_dose"])
    assert (found.left_over, found.full_days) == (Decimal(0), 4)


def test_S03_R315_the_reminder_comes_seven_days_before_the_first_uncovered_dose() -> None:
    case = STOCK["S03"]
    uncovered, expected = instant(case["first_uncovered_dose"]), instant(case["expect"]["remind_at_or_after"])
    assert remind_at(uncovered, case["lead_days"]) == remind_at(uncovered) == expected


def replayed(case: dict[str, Any]) -> OnHand | None:
    """The events of a case as dose rows hold them: one row per dose, its settled action, counted once by its id."""
    row: Intake | None = None
    told: list[Intake] = []
    for n, text in enumerate(case["events"]):
        action, _, amount = text.partition(" ")
        if action == "undone":
            row = None
        elif action == "taken":
            row = taken(amount.partition(" ")[0], f"2026-11-21T08:{n:02d}", "dose")
            told.append(row)
    return on_hand([counted(case["on_hand"])], [row, *([row] if "again" in case["events"][-1] else [])] if row else [])


@pytest.mark.parametrize("id_", ["S04", "S05", "S06"])
def test_R314_intakes_take_once_undo_gives_back_and_nothing_is_refused(id_: str) -> None:
    expect = STOCK[id_]["expect"]
    assert replayed(STOCK[id_]) == OnHand(Decimal(expect["on_hand"]), expect.get("recount", False))


def test_nothing_is_known_before_something_was_dispensed_or_counted() -> None:
    thrown = discarded(1, "2026-11-20T06:00")
    assert on_hand([thrown], [taken(2, "2026-11-21T07:00")]) is None
    assert known_since([thrown]) is None
    first = dispensed(30, "2026-11-21T09:00")
    assert on_hand([thrown, first], [taken(2, "2026-11-21T07:00")]) == OnHand(Decimal(30), False)
    assert known_since([thrown, first]) == first.at


def test_a_count_has_seen_all_that_came_before_it_and_settles_every_doubt() -> None:
    before = [dispensed(5, "2026-11-19T09:00"), counted(1, "2026-11-20T06:00")]
    intakes = [taken(2, "2026-11-19T10:00", "a"), taken(1, "2026-11-20T06:00", "b"), taken(2, "2026-11-20T07:00", "c")]
    assert on_hand(before, intakes) == OnHand(Decimal(-1), True)
    refilled = [*before, dispensed(10, "2026-11-20T08:00", id_="later")]
    assert on_hand(refilled, intakes) == OnHand(Decimal(9), True), "it was below zero: the figure cannot be right"
    assert on_hand([*refilled, counted(10, "2026-11-20T09:00")], intakes) == OnHand(Decimal(10), False)
    assert known_since(refilled) == wall("2026-11-20T06:00")
    assert known_since([*refilled, counted(10, "2026-11-20T09:00")]) == wall("2026-11-20T09:00"), "older is not read"


def test_at_one_instant_what_is_fetched_is_there_before_it_is_taken() -> None:
    at = "2026-11-20T07:00"
    assert on_hand([dispensed(10, at)], [taken(10, at)]) == OnHand(Decimal(0), False)


def test_in_the_hour_that_comes_twice_a_count_stands_after_what_came_before_it() -> None:
    """A count at 02:10 winter time is half an hour after a dose at 02:40 summer time, though its clock says less."""
    summer = datetime(2026, 10, 25, 2, 40, tzinfo=ZoneInfo("Europe/Berlin"))
    winter = datetime(2026, 10, 25, 2, 10, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    events = [Event("fill", "dispensed", summer - timedelta(days=1), date(2026, 10, 24), Decimal(9)),
              Event("count", "counted", winter, date(2026, 10, 25), Decimal(5))]
    assert on_hand(events, [Intake("dose", summer, Decimal(1))]) == OnHand(Decimal(5), False)
    assert known_since(events) == winter.astimezone(UTC)


def test_discarded_takes_away_and_an_unknown_amount_asks_for_a_recount() -> None:
    thrown = discarded(4, "2026-11-20T08:00")
    assert on_hand([counted(10), thrown], []) == OnHand(Decimal(6), False)
    assert on_hand([counted(10)], [taken(None, "2026-11-20T09:00")]) == OnHand(Decimal(10), True)


moves = st.lists(st.tuples(st.sampled_from(["dispensed", "counted", "discarded", "taken"]), st.integers(0, 40),
                           st.integers(0, 12)), max_size=12)


@given(moves, st.randoms(use_true_random=False))
def test_R314_the_order_in_which_phones_report_does_not_matter(told: list[tuple[str, int, int]], dice: Random) -> None:
    start = wall("2026-11-20T00:00")
    events = [Event(str(i), type_, start + timedelta(hours=hour), start.date(), Decimal(quantity))
              for i, (type_, quantity, hour) in enumerate(told) if type_ != "taken"]
    intakes = [Intake(str(i), start + timedelta(hours=hour), Decimal(quantity))
               for i, (type_, quantity, hour) in enumerate(told) if type_ == "taken"]
    found = on_hand(events, intakes)
    dice.shuffle(events)
    dice.shuffle(intakes)
    assert on_hand(events, intakes + intakes) == found
    since = known_since(events)
    assert (since is None) is (found is None)
    if since is not None:
        assert on_hand(events, [one for one in intakes if one.at >= since]) == found, "what was before it is not asked"


amounts = st.lists(st.decimals("0.001", "9.999", places=3), min_size=1, max_size=60)


@given(amounts, st.data())
def test_R315_the_sum_of_the_first_n_amounts_runs_out_exactly_at_dose_n_plus_1(
    given_: list[Decimal], data: st.DataObject
) -> None:
    n = data.draw(st.integers(0, len(given_)))
    doses = [(wall("2026-11-20T07:00") + timedelta(hours=9 * i), amount) for i, amount in enumerate(given_)]
    held = sum(given_[:n], Decimal(0))
    found = run_out(held, doses)
    assert found.first_uncovered == (doses[n][0] if n < len(doses) else None)
    assert found.left_over == 0
    if n > 0:
        assert run_out(held - Decimal("0.001"), doses).first_uncovered == doses[n - 1][0]
    whole = {due.date() for due, _ in doses[:n]} - {due.date() for due, _ in doses[n:n + 1]}
    assert found.full_days == len(whole)


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: str(case["id"]))
def test_R315_a_walked_plan_runs_out_exactly_at_dose_n_plus_1(case: dict[str, Any]) -> None:
    """Every kind of plan there is: slots, intervals, cycles, tapers, pauses, clocks that change, journeys."""
    plan = read_plan(case["plan"])
    assert isinstance(plan, Plan), plan
    since, until = utc(case["window"]["from"]), utc(case["window"]["to"])
    doses = [(dose.due_at, dose.amount) for dose in walk(assign_keys(plan), DEFAULT_ROUTINE, since, until)]
    assert doses == [(utc(one["utc"]), Decimal(one["dose"])) for one in case["expect"]]
    for n in range(len(doses) + 1):
        found = run_out(sum((amount for _, amount in doses[:n]), Decimal(0)), iter(doses))
        assert found.first_uncovered == (doses[n][0] if n < len(doses) else None) and found.left_over == 0


def test_a_stock_below_zero_covers_nothing_and_leaves_nothing_over() -> None:
    assert run_out(Decimal(-3), daily("2026-11-20", ("07:00", 1))) == RunOut(wall("2026-11-20T07:00"), Decimal(0), 0)


def test_a_course_that_is_covered_to_its_end_never_runs_out() -> None:
    course = [next(daily("2026-11-20", ("07:00", 2)))]
    assert run_out(Decimal(5), course) == RunOut(None, Decimal(3), 1)
    assert run_out(Decimal(5), []) == RunOut(None, Decimal(5), 0)


def test_walking_is_lazy_and_bounded() -> None:
    """R-113: a stock for ever is not walked for ever."""
    seen = 0

    def doses() -> Iterator[Due]:
        nonlocal seen
        for due in daily("2026-11-20", ("07:00", "0.001")):
            seen += 1
            yield due

    assert run_out(Decimal(9999), doses()).first_uncovered is None
    assert seen == MAX_DOSES_WALKED
    seen = 0
    assert run_out(Decimal("0.002"), doses()).first_uncovered == wall("2026-11-22T07:00")
    assert seen == 3


def test_N13_closed_days_move_the_reminder_so_that_seven_open_days_remain() -> None:
    uncovered = wall("2027-04-20T07:00")
    new_year = {date(2027, 4, 14), date(2027, 4, 15), date(2027, 4, 16)}
    sundays = {date(2027, 4, 4), date(2027, 4, 11), date(2027, 4, 18)}
    assert remind_at(uncovered) == wall("2027-04-13T07:00")
    assert remind_at(uncovered, closed=new_year) == wall("2027-04-10T07:00")
    assert remind_at(uncovered, closed=new_year | sundays) == wall("2027-04-08T07:00")
    assert remind_at(uncovered, 0, new_year) == uncovered


@given(st.integers(0, 30), st.sets(st.integers(0, 60)))
def test_N13_exactly_the_wanted_open_days_lie_between(lead_days: int, closed_back: set[int]) -> None:
    uncovered = wall("2027-04-20T07:00")
    closed = {uncovered.date() - timedelta(days=back) for back in closed_back}
    found = remind_at(uncovered, lead_days, closed)
    between = [found.date() + timedelta(days=n) for n in range((uncovered.date() - found.date()).days)]
    assert len([day for day in between if day not in closed]) == lead_days
    assert not between or between[0] not in closed, "not earlier than it must be"


def test_a_clinic_that_never_opens_is_not_waited_for() -> None:
    closed = {date(2027, 4, 20) - timedelta(days=n) for n in range(1_000)}
    found = remind_at(wall("2027-04-20T07:00"), 7, closed)
    assert wall("2027-04-20T07:00") - found == timedelta(days=MOST_DAYS_BACK)


def test_the_reminder_keeps_the_wall_clock_where_clocks_change() -> None:
    uncovered = datetime(2027, 3, 30, 8, tzinfo=ZoneInfo("Europe/Berlin"))
    assert remind_at(uncovered).isoformat() == "2027-03-23T08:00:00+01:00"


def twice_daily_from(at: datetime) -> Iterator[Due]:
    return (due for due in daily("2026-11-20", ("07:00", 2), ("18:00", 1)) if due[0] >= at)


def test_R311_a_fill_lasts_as_written_else_as_its_quantity_walks() -> None:
    events = [dispensed(30, "2026-12-20T10:00", 10, "written"), counted(4, "2026-12-01T06:00"),
              dispensed(10, "2026-11-20T06:00", id_="walked"), dispensed(0, "2026-11-25T06:00", id_="nothing")]
    assert fills(events, twice_daily_from) == [Fill(date(2026, 11, 20), 3), Fill(date(2026, 12, 20), 10)]


def test_R311_four_weekly_tablets_are_a_fill_of_28_days_and_a_course_lasts_to_its_last_dose() -> None:
    sundays = list(zip(range(4), daily("2026-11-22", ("22:00", 1), every_days=7), strict=False))
    weekly = fills([dispensed(4, "2026-11-20T10:00")], lambda at: daily("2026-11-22", ("22:00", 1), every_days=7))
    assert weekly == [Fill(date(2026, 11, 20), 28)]
    course = fills([dispensed(9, "2026-11-20T10:00")], lambda at: (due for _, due in sundays))
    assert course == [Fill(date(2026, 11, 20), 22)]
    assert fills([dispensed(4, "2026-11-20T10:00")], lambda at: ()) == []


def test_AD07_coverage_takes_the_fills_as_they_are_given() -> None:
    case = next(case for case in CASES["adherence_cases"] if case["id"] == "AD07")
    events = [dispensed(30, f"{day}T09:00", days, day) for day, days in case["fills"]]
    found = coverage(fills(events, lambda at: ()), *(date.fromisoformat(day) for day in case["period"]))
    assert (found.covered, found.period) == (case["expect"]["covered_days"], case["expect"]["period_days"])


def test_F62_what_was_recorded_stands_at_the_time_of_its_recording_at_the_latest_and_keeps_its_local_date() -> None:
    hlc = stamp(ms_of(instant("2026-11-21T00:30:00+07:00")), 0, "phone")
    told = {"id": "1", "type": "counted", "at": "2099-01-01T00:00:00+00:00", "hlc": hlc, "local_date": "2026-11-21",
            "quantity": "3", "days_supply": None}
    assert event_of(told) == Event("1", "counted", instant("2026-11-20T17:30:00+00:00"), date(2026, 11, 21), Decimal(3))
    earlier = event_of({**told, "at": "2026-11-20T17:00:00+00:00"})
    assert earlier.at == instant("2026-11-20T17:00:00+00:00")
    dose = {"id": "2", "at": "2099-01-01T00:00:00+00:00", "recorded_at": "2026-11-21T01:00:00+00:00", "amount": None,
            "amount_due": "0.5"}
    assert intake_of(dose) == Intake("2", instant("2026-11-21T01:00:00+00:00"), Decimal("0.5"))
    assert intake_of({**dose, "amount": "2", "at": "2026-11-20T23:00:00+00:00"}) == Intake(
        "2", instant("2026-11-20T23:00:00+00:00"), Decimal(2))


def test_R311_the_fills_of_a_line_follow_the_plan_of_their_time_and_its_present_unit() -> None:
    """Ten tablets last ten days on one a day, five on the two of the next version; what was drops is no tablet."""
    line = {"unit": "tablet", "schedule": [
        period("2026-11-01", "2026-11-10", "drop", MORN=1), period("2026-11-10", "2026-12-01", "tablet", MORN=1),
        period("2026-12-01", None, "tablet", MORN=1, EVE=1)]}
    events = [dispensed(10, day, id_=day) for day in ("2026-11-05T06:00", "2026-11-11T06:00", "2026-12-02T06:00")]
    outlook = Outlook(DEFAULT_ROUTINE, PHNOM_PENH, wall("2026-12-10T08:00"))
    assert line_fills(line, events, outlook) == [Fill(date(2026, 11, 11), 10), Fill(date(2026, 12, 2), 5)]


def period(since: str, until: str | None, unit: str, **doses: Any) -> dict[str, Any]:
    plan = canonical(plan_of({"start": since, "time_rule": grid(**doses), "dose": None}))
    return {"from": format_instant(wall(f"{since}T00:00")), "unit": unit, "plan": plan,
            "until": format_instant(wall(f"{until}T00:00")) if until else None}
