"""The fast way of expansion answers what the long way answers, in every zone and for every rule of days and times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling import recurrence
from scheduling.plan import Plan
from scheduling.recurrence import Planned, walk
from scheduling.routine import DEFAULT_ROUTINE
from scheduling.steady import is_usual, steady_doses
from scheduling.zones import zone_named
from tests.scheduling.schedule_cases import at, grid, plan_of, segment

DAYS = st.sampled_from([
    {"type": "daily"}, {"type": "every_days", "n": 3}, {"type": "weekdays", "days": ["mon", "thu"], "every_weeks": 2},
    {"type": "monthly", "days": [-1, 15]}, {"type": "cycle", "phases": [{"days": 2, "on": True},
                                                                       {"days": 5, "on": False}]},
])
TIMES = st.sampled_from([
    at("00:00", "23:59"), grid(MORN=1, EVE="0.5"), {"type": "frequency", "per_day": 7},
    {"type": "meals", "relation": "before", "meals": ["wake", "bed"], "offset_min": 60},
    {"type": "every_in_window", "every_minutes": 180, "from": "20:00", "to": "04:00"},
])
ZONES = st.sampled_from(["Asia/Phnom_Penh", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran"])
BOUNDS = st.sampled_from([{}, {"days": 9}, {"end": "2026-11-29T18:00"}, {"start": "2026-11-20T15:00"}])


def the_long_way(plan: Plan, since: datetime, until: datetime) -> list[Planned]:
    return [dose for dose in recurrence._doses(plan, 0, plan.routine(DEFAULT_ROUTINE), since, until)
            if since <= dose.due_at]


@settings(max_examples=300, deadline=None)
@given(days=DAYS, times=TIMES, zone=ZONES, bounds=BOUNDS, offset=st.integers(-5, 400), length=st.integers(1, 90 * 24))
def test_both_ways_answer_alike(
    days: dict[str, object], times: dict[str, object], zone: str, bounds: dict[str, object], offset: int, length: int
) -> None:
    plan = plan_of(segment(day_rule=days, time_rule=times, **bounds), zone=zone)
    since = datetime(2026, 11, 20, 3, 30, tzinfo=UTC) + timedelta(days=offset)
    until = since + timedelta(hours=length)
    assert list(walk(plan, DEFAULT_ROUTINE, since, until)) == the_long_way(plan, since, until)


def test_the_fast_way_is_taken_in_phnom_penh_and_left_where_clocks_change() -> None:
    """Else the comparison above would compare one way with itself."""
    plan = plan_of(segment(start="2026-03-01", time_rule=grid(MORN=1, NIGHT=1)))
    since, until = datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 4, 20, tzinfo=UTC)
    one = plan.segments[0]
    assert is_usual(one)
    at_home = steady_doses(one, 0, DEFAULT_ROUTINE, zone_named("Asia/Phnom_Penh"), since, until)
    assert at_home is not None
    assert len(list(at_home)) == 62
    assert steady_doses(one, 0, DEFAULT_ROUTINE, zone_named("Europe/Paris"), since, until) is None
    assert not is_usual(plan_of({"count": 3}).segments[0])


def test_a_fixed_amount_is_that_of_each_date_and_a_taper_goes_the_long_way() -> None:
    taper = plan_of({"dose": {"start": 40, "step": -10, "every_days": 2}})
    assert not is_usual(taper.segments[0])
    found = list(walk(taper, DEFAULT_ROUTINE, datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)))
    assert [int(dose.amount) for dose in found] == [40, 40, 30, 30, 20, 20, 10, 10], "down to nothing, then no dose"
    assert found[-1].nominal_date == date(2026, 11, 27)
