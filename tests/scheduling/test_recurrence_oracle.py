"""Random plans against dateutil's rrule, which shares no line with ours: the same instants in every zone (R-112)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from dateutil import tz
from dateutil.rrule import DAILY, rrule, rruleset
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.routine import SLOT_NAMES, Routine
from tests.scheduling.schedule_cases import at, due, grid, plan_of, segment

# Gaps and repeats of an hour, of half an hour, at midnight, none at all, and a date line crossed in 2011.
ZONES = [
    "Asia/Phnom_Penh", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo",
    "Pacific/Apia", "UTC",
]
CHANGES = [
    date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5), date(2026, 4, 24),
    date(2011, 12, 30),
]

zones = st.sampled_from(ZONES)
clocks = st.builds(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}", st.integers(0, 95))
days = st.one_of(
    st.dates(date(2008, 1, 1), date(2036, 1, 1)),
    st.builds(lambda day, off: day + timedelta(days=off), st.sampled_from(CHANGES), st.integers(-9, 1)),
)


def oracle(zone: str, start: datetime, clock_times: list[str], until: date) -> list[tuple[datetime, date]]:
    """(instant, nominal date) by dateutil: one rule per clock time, missing times moved on, each instant once."""
    place = tz.gettz(zone)
    rules = rruleset()
    for clock in clock_times:
        hour, minute = map(int, clock.split(":"))
        midnight = datetime.combine(start.date(), time.min)
        end = datetime.combine(until, time.max)
        rules.rrule(rrule(DAILY, dtstart=midnight, byhour=hour, byminute=minute, bysecond=0, until=end))
    opens = tz.resolve_imaginary(start.replace(tzinfo=place)).astimezone(UTC)
    found: dict[datetime, date] = {}
    for wall in rules:
        instant = tz.resolve_imaginary(wall.replace(tzinfo=place)).astimezone(UTC)
        if instant >= opens:
            found.setdefault(instant, wall.date())
    return sorted(found.items())


@settings(max_examples=300, deadline=None)
@given(
    zone=zones, day=days, begin=clocks, times=st.lists(clocks, min_size=1, max_size=6, unique=True),
    length=st.integers(1, 20),
)
def test_clock_times_are_those_of_the_oracle(zone: str, day: date, begin: str, times: list[str], length: int) -> None:
    start = datetime.fromisoformat(f"{day}T{begin}")
    plan = plan_of(segment(start=start.isoformat(timespec="minutes"), time_rule=at(*times), days=length), zone=zone)
    doses = due(plan, f"{day - timedelta(days=3)}T00:00+00:00", length + 6)
    expected = oracle(zone, start, times, day + timedelta(days=length - 1))
    assert [(d.due_at, d.nominal_date) for d in doses] == expected


@settings(max_examples=200, deadline=None)
@given(
    zone=zones, day=days, own=st.lists(clocks, min_size=4, max_size=4, unique=True), count=st.integers(1, 60),
    amounts=st.lists(st.sampled_from([0, 1, "0.5", 2]), min_size=4, max_size=4).filter(any),
)
def test_the_slot_grid_is_that_of_the_oracle_and_a_count_cuts_it(
    zone: str, day: date, own: list[str], count: int, amounts: list[object]
) -> None:
    """R-110, R-117, F-20: own slot times, own amounts, counted by instant from the start."""
    slots, doses = dict(zip(SLOT_NAMES, own, strict=True)), dict(zip(SLOT_NAMES, amounts, strict=True))
    filled = [name for name in SLOT_NAMES if doses[name]]
    plan = plan_of(segment(start=str(day), time_rule=grid(**doses), count=count))
    found = due(plan, f"{day - timedelta(days=3)}T00:00+00:00", 100, routine=Routine(zone=zone, slots=slots))
    midnight = datetime.combine(day, time.min)
    expected = oracle(zone, midnight, [slots[name] for name in filled], day + timedelta(days=90))[:count]
    assert [d.due_at for d in found] == [instant for instant, _ in expected]
    assert all(d.slot and d.amount == Decimal(str(doses[d.slot])) for d in found)


@settings(max_examples=150, deadline=None)
@given(
    zone=zones, day=days, times=st.lists(clocks, min_size=1, max_size=4), cut=st.integers(0, 40 * 24 * 60),
    count=st.integers(1, 50),
)
def test_a_window_cut_anywhere_loses_and_repeats_nothing(
    zone: str, day: date, times: list[str], cut: int, count: int
) -> None:
    """R-113: the horizon is extended piece by piece."""
    for bound in ({"count": count}, {}):
        plan = plan_of(segment(start=str(day), time_rule=at(*times), **bound), zone=zone)
        start = datetime.combine(day - timedelta(days=2), time.min, UTC)
        seam = start + timedelta(minutes=cut)
        before = due(plan, start.isoformat(), cut / 1440)
        after = due(plan, seam.isoformat(), (start + timedelta(days=40) - seam) / timedelta(days=1))
        assert before + after == due(plan, start.isoformat(), 40)
        assert len({(d.nominal_date, d.slot_key) for d in before + after}) == len(before + after)
