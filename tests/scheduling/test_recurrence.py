"""Plans expanded: the rules R-110 to R-117 and the failures F-09 to F-20 that they prevent, on Sokha's clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from scheduling.plan import Plan, read_plan
from scheduling.recurrence import ends_at, expand, left_over, spacing_minutes
from scheduling.routine import DEFAULT_ROUTINE, Routine
from sync.problem import FieldCode, FieldProblem
from tests.scheduling.schedule_cases import PHNOM_PENH, at, due, grid, plan_of, segment, utc

DAY_ONE = "2026-11-20T00:00+07:00"


def routine(**slots: str) -> Routine:
    return Routine(slots={**DEFAULT_ROUTINE.slots, **slots})


def locals_of(plan: Plan, since: str = DAY_ONE, days: float = 1) -> list[str]:
    """Phnom Penh's wall clock at each dose, without the year."""
    return [dose.due_at.astimezone(ZoneInfo(PHNOM_PENH)).strftime("%m-%dT%H:%M") for dose in due(plan, since, days)]


def test_r110_f20_each_slot_has_its_default_time_and_its_own_amount() -> None:
    plan = plan_of(segment(time_rule=grid(MORN=2, NOON="0.5", EVE=1, NIGHT=Decimal("1.25"))))
    doses = due(plan, DAY_ONE)
    assert [(d.slot, d.amount, d.slot_key) for d in doses] == [
        ("MORN", Decimal(2), "0:MORN"), ("NOON", Decimal("0.5"), "0:NOON"), ("EVE", Decimal(1), "0:EVE"),
        ("NIGHT", Decimal("1.25"), "0:NIGHT"),
    ]
    assert locals_of(plan) == ["11-20T07:00", "11-20T12:00", "11-20T18:00", "11-20T21:00"]


def test_r115_f10_sokhas_own_slot_time_moves_the_instant_and_keeps_the_dose() -> None:
    plan = plan_of(segment(time_rule=grid(MORN=1, EVE=1)))
    usual, own = due(plan, DAY_ONE), due(plan, DAY_ONE, routine=routine(MORN="05:30"))
    assert own[0].due_at == utc("2026-11-20T05:30+07:00") != usual[0].due_at
    assert own[1].due_at == usual[1].due_at, "a slot that she did not name keeps its default"
    assert [(d.nominal_date, d.slot_key) for d in own] == [(d.nominal_date, d.slot_key) for d in usual]


def test_r115_moving_eight_to_half_past_with_its_key_keeps_the_dose() -> None:
    before = plan_of(segment(time_rule=at("08:00", "20:00")))
    after = plan_of(segment(time_rule=at("08:30", "20:00", keys=["t1", None])), previous=before)
    (old, evening), (new, same) = due(before, DAY_ONE), due(after, DAY_ONE)
    assert new.due_at - old.due_at == timedelta(minutes=30)
    assert (new.nominal_date, new.slot_key) == (old.nominal_date, old.slot_key)
    assert same == evening


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ["11-20T08:00", "11-21T08:00", "11-22T08:00"]),
        ({"start": "2026-11-21"}, ["11-21T08:00", "11-22T08:00"]),
        ({"until": "2026-11-21"}, ["11-20T08:00", "11-21T08:00"]),
        ({"days": 1}, ["11-20T08:00"]),
        ({"end": "2026-11-21T08:00"}, ["11-20T08:00"]),
        ({"time_rule": at("09:15")}, ["11-20T09:15", "11-21T09:15", "11-22T09:15"]),
    ],
)
def test_f10_start_end_and_own_times_all_change_the_instants(change: dict[str, object], expected: list[str]) -> None:
    assert locals_of(plan_of(change), days=3) == expected


def test_r112_the_wall_clock_is_kept_where_clocks_change() -> None:
    """Berlin, 25 October 2026: 25 hours lie between two doses at 08:00."""
    before, after = due(plan_of({"start": "2026-10-24"}, zone="Europe/Berlin"), "2026-10-24T00:00+02:00", 2)
    assert (before.due_at, after.due_at) == (utc("2026-10-24T08:00+02:00"), utc("2026-10-25T08:00+01:00"))


def test_r112_clock_times_that_a_gap_moves_together_are_one_dose() -> None:
    """Berlin, 29 March 2026: 02:30 does not exist and is read as 03:30."""
    plan = plan_of({"start": "2026-03-28", "time_rule": at("02:30", "03:30")}, zone="Europe/Berlin")
    doses = due(plan, "2026-03-29T00:00+01:00")
    assert [(d.due_at, d.adjusted) for d in doses] == [(utc("2026-03-29T03:30+02:00"), "dst_gap")]


def test_r112_a_date_that_a_zone_skipped_makes_no_second_dose() -> None:
    """Samoa had no 30 December 2011: its doses fall on those of the 31st."""
    doses = due(plan_of({"start": "2011-12-28"}, zone="Pacific/Apia"), "2011-12-29T00:00-10:00", 3)
    assert [d.due_at for d in doses] == [
        utc("2011-12-29T08:00-10:00"), utc("2011-12-31T08:00+14:00"), utc("2012-01-01T08:00+14:00")
    ]


def test_r113_r115_a_dose_has_the_same_id_whichever_window_found_it() -> None:
    """Samoa again: the 31st's first dose belongs to the skipped 30th, for a window that begins after it as well."""
    plan = plan_of({"start": "2011-12-28"}, zone="Pacific/Apia")
    whole, late = due(plan, "2011-12-29T00:00-10:00", 3), due(plan, "2011-12-31T00:00+14:00", 2)
    assert late == whole[1:]
    assert late[0].nominal_date == date(2011, 12, 30)


def test_r113_a_window_is_half_open_and_windows_side_by_side_lose_and_repeat_nothing() -> None:
    plan = plan_of(segment(time_rule=grid(MORN=1, NOON=2, NIGHT=1), quantity=100))
    whole = due(plan, DAY_ONE, 30)
    start = utc(DAY_ONE)
    parts = [d for hour in range(0, 720, 5) for d in due(plan, (start + timedelta(hours=hour)).isoformat(), 5 / 24)]
    assert parts == whole
    edge = whole[4].due_at
    assert due(plan, edge.isoformat(), 0) == []
    assert [d.due_at for d in due(plan, edge.isoformat(), 1 / 86_400)] == [edge]


def test_r113_an_expansion_beyond_its_limit_is_refused_and_one_at_its_limit_is_not() -> None:
    plan = plan_of(segment(time_rule=at("08:00", "20:00")))
    assert len(due(plan, DAY_ONE, 30, limit=60)) == 60
    since = utc(DAY_ONE)
    answer = expand(plan, DEFAULT_ROUTINE, since, since + timedelta(days=31), limit=60)
    assert answer == FieldProblem("plan", FieldCode.HORIZON_TOO_LARGE, {"limit": 60})


def test_r113_a_short_course_is_not_refused_for_a_long_window() -> None:
    assert len(due(plan_of({"days": 3}), "2020-01-01T00:00+07:00", 20_000)) == 3
    assert len(due(plan_of({"count": 5}), "2020-01-01T00:00+07:00", 20_000)) == 5


def test_r114_f09_confirming_at_three_in_the_afternoon_makes_no_earlier_dose_today() -> None:
    plan = plan_of(segment(start="2026-11-20T15:00", time_rule=grid(MORN=1, NOON=1, EVE=1, NIGHT=1)))
    assert locals_of(plan, days=1) == ["11-20T18:00", "11-20T21:00"]
    ongoing = plan_of(segment(start="2026-11-01", time_rule=grid(MORN=1, NOON=1, EVE=1)))
    assert locals_of(ongoing, "2026-11-20T15:00+07:00", 9 / 24) == ["11-20T18:00"], "by the caller's window"


def test_r114_a_dose_exactly_at_the_start_counts_and_a_minute_before_does_not() -> None:
    rule = at("14:59", "15:00")
    assert locals_of(plan_of(segment(start="2026-11-20T15:00", time_rule=rule))) == ["11-20T15:00"]


def test_r117_a_course_ends_before_the_dose_that_would_exceed_it_and_the_rest_is_told() -> None:
    plan = plan_of(segment(time_rule=grid(MORN=2, EVE=1), quantity=10))
    assert [d.amount for d in due(plan, DAY_ONE, 60)] == [2, 1, 2, 1, 2, 1]
    assert left_over(plan, DEFAULT_ROUTINE) == (Decimal(1),)
    tenths = plan_of(segment(time_rule=grid(MORN="0.1"), quantity="0.3"))
    assert left_over(tenths, DEFAULT_ROUTINE) == (Decimal(0),)
    assert left_over(plan_of({}), DEFAULT_ROUTINE) == (None,)


def test_r117_count_and_quantity_are_counted_from_the_start_whatever_the_window() -> None:
    for bound in ({"count": 5}, {"quantity": 5}):
        plan = plan_of(bound)
        assert locals_of(plan, "2026-11-23T00:00+07:00", 30) == ["11-23T08:00", "11-24T08:00"]
        assert locals_of(plan, "2026-11-25T00:00+07:00", 30) == []


def test_a_dose_suppressed_by_a_pause_uses_neither_count_nor_quantity() -> None:
    pauses = [{"from": "2026-11-21T00:00", "to": "2026-11-23T08:00"}]
    for bound in ({"count": 3}, {"quantity": 3}):
        plan = plan_of(bound, pauses=pauses)
        assert locals_of(plan, days=30) == ["11-20T08:00", "11-23T08:00", "11-24T08:00"]


@pytest.mark.parametrize("day", [1, 31, 365, 366, 3650])
def test_f14_ongoing_therapy_has_doses_on_day_31_and_day_365(day: int) -> None:
    start = utc(DAY_ONE) + timedelta(days=day - 1)
    plan = plan_of(segment(time_rule=grid(MORN=1, EVE=1)))
    doses = due(plan, start.isoformat())
    assert [d.nominal_date for d in doses] == [date(2026, 11, 20) + timedelta(days=day - 1)] * 2
    assert ends_at(plan, DEFAULT_ROUTINE) is None


@pytest.mark.parametrize(
    ("bound", "ends"),
    [
        ({"days": 7}, "2026-11-27T00:00+07:00"),
        ({"until": "2026-11-26"}, "2026-11-27T00:00+07:00"),
        ({"end": "2026-11-22T08:00"}, "2026-11-22T08:00+07:00"),
        ({"count": 3}, "2026-11-22T08:01+07:00"),
        ({"quantity": "3.5"}, "2026-11-22T08:01+07:00"),
        ({"count": 30, "days": 2}, "2026-11-21T08:01+07:00"),
    ],
)
def test_f14_a_bounded_course_ends_and_plans_nothing_from_that_instant_on(bound: dict[str, object], ends: str) -> None:
    plan = plan_of(bound)
    ended = ends_at(plan, DEFAULT_ROUTINE)
    assert ended == utc(ends)
    assert due(plan, DAY_ONE, 400) != []
    assert due(plan, ended.isoformat(), 400) == []


def test_a_plan_with_one_ongoing_segment_does_not_end() -> None:
    plan = plan_of({"days": 2}, {"start": "2026-11-22"})
    assert ends_at(plan, DEFAULT_ROUTINE) is None


def test_the_plans_zone_goes_before_the_patients_and_an_unknown_one_is_not_guessed() -> None:
    doses = due(plan_of({}, zone="Asia/Seoul"), "2026-11-20T00:00+09:00")
    assert [d.due_at for d in doses] == [utc("2026-11-20T08:00+09:00")]
    with pytest.raises(LookupError):
        due(plan_of({}), DAY_ONE, routine=Routine(zone="Asia/PhnomPenh"))


def test_parallel_segments_are_told_by_instant_then_segment_with_keys_of_their_own() -> None:
    night = segment(time_rule=grid(NIGHT=1), dose=None)
    plan = plan_of(segment(time_rule=at("08:00", "20:00")), night, segment(dose=3))
    assert [(d.segment, d.slot_key) for d in due(plan, DAY_ONE)] == [
        (0, "0:t1"), (2, "2:t3"), (0, "0:t2"), (1, "1:NIGHT")
    ]


@pytest.mark.parametrize(
    ("segments", "minutes"),
    [
        ([segment()], 1440),
        ([segment(days=1)], 1440),
        ([segment(time_rule=at("08:00", "20:00"))], 720),
        ([segment(time_rule=at("22:00", "06:00"))], 480),
        ([segment(time_rule=at("00:00", "23:59"))], 1),
        ([segment(time_rule=grid(MORN=1, NOON=1, EVE=1, NIGHT=1))], 180),
        ([segment(), segment(time_rule=at("10:00"))], 120),
        ([segment(days=2), segment(start="2026-11-22", time_rule=at("20:00"))], 1440),
    ],
)
def test_spacing_is_the_shortest_distance_between_consecutive_doses(
    segments: list[dict[str, object]], minutes: int
) -> None:
    assert spacing_minutes(plan_of(*segments), DEFAULT_ROUTINE) == minutes


def test_spacing_follows_the_patients_slot_times() -> None:
    assert spacing_minutes(plan_of(segment(time_rule=grid(MORN=1, NOON=1))), routine(MORN="10:00")) == 120


def test_a_naive_window_is_our_own_fault_and_never_read_in_the_hosts_zone() -> None:
    naive = datetime.fromisoformat("2026-11-20T00:00")
    with pytest.raises(AssertionError):
        expand(plan_of({}), DEFAULT_ROUTINE, naive, naive)


def test_windows_at_the_ends_of_time_are_answered() -> None:
    low, high = utc("0001-01-01T00:00+00:00"), utc("9999-12-31T23:59+00:00")
    answer = expand(plan_of({"days": 2}), DEFAULT_ROUTINE, low, high)
    assert isinstance(answer, list)
    assert len(answer) == 2


def test_a_plan_without_assigned_keys_is_not_expanded() -> None:
    plan = read_plan({"segments": [segment()]})
    assert not isinstance(plan, list)
    with pytest.raises(AssertionError, match="assign_keys"):
        due(plan, DAY_ONE)
