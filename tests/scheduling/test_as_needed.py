"""The guard of medicines taken when needed, beyond its worked cases: an oracle that steps by minutes, edges, lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.as_needed import NEVER, Intake, Limits, Reason, allowance, warning
from scheduling.as_needed_lines import intakes_of, intakes_of_ingredient, limits_of, one_ingredient, usual_amount

PHNOM_PENH, BERLIN = ZoneInfo("Asia/Phnom_Penh"), ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # in Berlin the night of the 25-hour day
MINUTE, DAY = timedelta(minutes=1), timedelta(hours=24)
ONE = Decimal(1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-20T{text}:00+07:00")


def plainly_broken(limits: Limits, taken: list[Intake], now: datetime, want: Decimal, zone: tzinfo) -> list[str]:
    """The rules word by word."""
    told: list[str] = []
    recent = [one for one in taken if now - one.at < DAY]
    if limits.min_interval_min is not None and taken:
        last = max(one.at for one in taken)
        told += ["min_interval"] if now - last < timedelta(minutes=limits.min_interval_min) else []
    if limits.max_count_24h is not None and len(recent) >= limits.max_count_24h:
        told.append("max_count_24h")
    if limits.max_amount_24h is not None and want > limits.max_amount_24h:
        told.append("dose_exceeds_limit")
    elif limits.max_amount_24h is not None and sum(one.amount for one in recent) + want > limits.max_amount_24h:
        told.append("max_amount_24h")
    if limits.max_count_calendar_day is not None:
        here = [one for one in taken if one.at.astimezone(zone).date() == now.astimezone(zone).date()]
        told += ["max_count_calendar_day"] if len(here) >= limits.max_count_calendar_day else []
    return told


def stepped(limits: Limits, taken: list[Intake], now: datetime, want: Decimal, zone: tzinfo) -> datetime:
    moment = now
    while plainly_broken(limits, taken, moment, want, zone):
        moment = moment.replace(second=0, microsecond=0) + MINUTE
        assert moment < now + timedelta(days=9), "it opens at some time"
    return moment


some_limits = st.builds(
    Limits, st.none() | st.integers(0, 1500), st.none() | st.integers(1, 3),
    st.none() | st.integers(1, 8).map(Decimal), st.none() | st.integers(1, 3))
some_intakes = st.lists(
    st.builds(lambda seconds, amount: Intake(NOW + timedelta(seconds=seconds), Decimal(amount) / 2),
              st.integers(-200_000, 90_000), st.integers(1, 4)), max_size=6)


@settings(max_examples=60, deadline=None)
@given(some_limits, some_intakes, st.integers(1, 6), st.sampled_from([PHNOM_PENH, BERLIN]), st.integers(0, 59))
def test_r118_the_guard_agrees_with_stepping_by_minutes(
    limits: Limits, taken: list[Intake], want: int, zone: ZoneInfo, second: int
) -> None:
    now, wanted = NOW + timedelta(seconds=second), Decimal(want)
    found = allowance(limits, taken, now, wanted, zone)
    told = plainly_broken(limits, taken, now, wanted, zone)
    assert (list(found.reasons), found.allowed) == (told, not told)
    if "dose_exceeds_limit" in told:
        assert found.next_allowed_at == NEVER.replace(tzinfo=zone)
    else:
        # in UTC: Python holds no reading of a repeated hour equal to one of another zone
        assert found.next_allowed_at.astimezone(UTC) == stepped(limits, taken, now, wanted, zone)
        assert found.next_allowed_at.tzinfo is zone


def test_every_failing_rule_is_told_in_their_order() -> None:
    limits = Limits(360, 1, Decimal(2), 1)
    found = allowance(limits, [Intake(at("08:00"), Decimal(2))], at("09:00"), ONE, PHNOM_PENH)
    assert found.reasons == (Reason.MIN_INTERVAL, Reason.MAX_COUNT_24H, Reason.MAX_AMOUNT_24H,
                             Reason.MAX_COUNT_CALENDAR_DAY)
    assert found.next_allowed_at == at("08:00") + DAY
    greedy = allowance(limits, [Intake(at("08:00"))], at("09:00"), Decimal(3), PHNOM_PENH)
    assert greedy.reasons == (Reason.MIN_INTERVAL, Reason.MAX_COUNT_24H, Reason.DOSE_EXCEEDS_LIMIT,
                              Reason.MAX_COUNT_CALENDAR_DAY)
    assert greedy.next_allowed_at.year == 9999


@pytest.mark.parametrize("zone", ["Asia/Phnom_Penh", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_never_can_be_written_and_compared_in_any_zone(zone: str) -> None:
    found = allowance(Limits(max_amount_24h=ONE), [], NOW, Decimal(2), ZoneInfo(zone))
    assert found.next_allowed_at.isoformat().startswith("9999-12-31T23:59:00")
    assert found.next_allowed_at > NOW


def test_a_line_without_any_limit_is_always_free() -> None:
    found = allowance(Limits(), [Intake(NOW)] * 50, NOW, Decimal(9999), PHNOM_PENH)
    assert (found.allowed, found.reasons, found.next_allowed_at) == (True, (), NOW)


def test_an_intake_logged_for_later_counts_as_taken() -> None:
    """P12 says it of the interval; a pill that was swallowed counts towards the day's number all the same."""
    found = allowance(Limits(max_count_24h=1), [Intake(at("10:30"))], at("10:00"), ONE, PHNOM_PENH)
    assert (found.reasons, found.next_allowed_at) == ((Reason.MAX_COUNT_24H,), at("10:30") + DAY)


def test_a_day_that_is_full_before_it_begins_is_passed_over() -> None:
    """Intakes of today and, by a wrong clock, of tomorrow: the day after is the first with room."""
    taken = [Intake(at("10:00")), Intake(at("01:00") + DAY)]
    found = allowance(Limits(max_count_calendar_day=1), taken, at("23:30"), ONE, PHNOM_PENH)
    assert found.next_allowed_at == at("00:00") + 2 * DAY


def test_the_calendar_day_is_the_patients() -> None:
    taken = [Intake(at("10:00"))]
    found = {zone: allowance(Limits(max_count_calendar_day=1), taken, at("23:30"), ONE, zone).next_allowed_at
             for zone in (PHNOM_PENH, BERLIN)}
    assert found == {PHNOM_PENH: at("00:00") + DAY, BERLIN: at("06:00") + DAY}


def test_the_night_of_25_hours_counts_as_many_wherever_the_moments_come_from() -> None:
    """Two readings of Berlin's clock differ by wall time in Python; pills know elapsed time only (R-112)."""
    eve = datetime(2026, 10, 24, 22, 0, tzinfo=BERLIN)
    for taken, now in ((eve, eve + timedelta(hours=9)), (eve.astimezone(UTC), (eve + timedelta(hours=9)))):
        assert allowance(Limits(600), [Intake(taken)], now, ONE, BERLIN).allowed, "07:00 is ten hours after 22:00"
        assert warning(Limits(600), [Intake(taken)], Intake(now), BERLIN) is None
    assert not allowance(Limits(601), [Intake(eve)], eve + timedelta(hours=9), ONE, BERLIN).allowed


def test_amounts_are_exact() -> None:
    """F-52: ten times 0.1 leave room for one more in a limit of 1.1, and for none above."""
    taken = [Intake(NOW - timedelta(minutes=n), Decimal("0.1")) for n in range(10)]
    for most, allowed in (("1.1", True), ("1.099", False)):
        assert allowance(Limits(max_amount_24h=Decimal(most)), taken, NOW, Decimal("0.1"), BERLIN).allowed is allowed


def test_r118_an_early_intake_is_warned_of_and_says_from_when_it_would_have_been_right() -> None:
    limits = Limits(360)
    said = warning(limits, [Intake(at("08:00"))], Intake(at("11:00")), PHNOM_PENH)
    assert said is not None and (said.allowed, said.reasons) == (False, (Reason.MIN_INTERVAL,))
    assert said.next_allowed_at == at("14:00")
    assert warning(limits, [Intake(at("08:00"))], Intake(at("14:00")), PHNOM_PENH) is None
    assert warning(limits, [], Intake(at("14:00")), PHNOM_PENH) is None


def test_r156_a_forgotten_intake_is_held_against_its_neighbours_on_both_sides() -> None:
    """Recorded late, between or before others: warned of if it is too near to one of them, not for their faults."""
    limits, others = Limits(360), [Intake(at("03:00")), Intake(at("15:00")), Intake(at("16:00"))]
    assert warning(limits, others, Intake(at("09:00")), PHNOM_PENH) is None, "15:00 and 16:00 are not its doing"
    for near in ("05:00", "10:00"):
        said = warning(limits, others, Intake(at(near)), PHNOM_PENH)
        assert said is not None and said.reasons == (Reason.MIN_INTERVAL,)
    crowded = warning(Limits(max_count_24h=3), others, Intake(at("01:00")), PHNOM_PENH)
    assert crowded is not None and crowded.reasons == (Reason.MAX_COUNT_24H,), "it is the fourth of that day"


def test_both_limits_of_a_line_hold_together() -> None:
    one, other = Limits(240, 4, None, 3), Limits(360, 2, Decimal(5), None)
    assert one.and_(other) == other.and_(one) == Limits(360, 2, Decimal(5), 3)
    assert one.and_(Limits()) == one
    assert (Limits().looks_back, Limits(4320).looks_back) == (timedelta(hours=48), timedelta(days=3))


def segment(start: str, limit: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    at_eight = {"time_rule": {"type": "times", "times": ["08:00"]}, "dose": 1}
    return {"start": start, **({"as_needed": limit} if limit is not None else at_eight), **more}


def test_a_rule_in_the_segment_and_a_rule_on_the_line_give_the_same_guard() -> None:
    rule = {"min_interval_min": 360, "max_amount_24h": "4"}
    on_line, in_plan = {"plan": None, "as_needed": rule}, {"plan": {"segments": [segment("2026-11-20", rule)]}}
    assert limits_of(on_line, NOW, PHNOM_PENH) == limits_of(in_plan, NOW, PHNOM_PENH) == Limits(360, None, Decimal(4))
    both = {**in_plan, "as_needed": {"min_interval_min": 480, "max_count_24h": 3}}
    assert limits_of(both, NOW, PHNOM_PENH) == Limits(480, 3, Decimal(4))
    planned = {"plan": {"segments": [segment("2026-11-20", None)]}, "as_needed": None}
    assert limits_of(planned, NOW, PHNOM_PENH) is None, "not taken as needed"


def test_the_segment_in_force_decides_on_the_patients_clock_and_a_course_that_is_over_frees_nobody() -> None:
    first, then = {"max_count_24h": 4}, {"max_count_24h": 2}
    for bound in ({"until": "2026-11-21"}, {"days": 2}, {"end": "2026-11-22T00:00"}):
        line = {"plan": {"segments": [segment("2026-11-20", first, dose="1.5", **bound),
                                      segment("2026-11-22T00:00", then, until="2026-11-25", dose="2")]}}
        last_minute = datetime.fromisoformat("2026-11-21T23:59:00+07:00")
        for moment, most, usual in ((last_minute, 4, "1.5"), (last_minute + MINUTE, 2, "2")):
            assert limits_of(line, moment, PHNOM_PENH) == Limits(max_count_24h=most), bound
            assert usual_amount(line, moment, PHNOM_PENH) == Decimal(usual)
        assert limits_of(line, last_minute + 30 * DAY, PHNOM_PENH) == Limits(max_count_24h=2)
    assert usual_amount({"plan": None}, NOW, PHNOM_PENH) == ONE


def test_only_what_was_taken_is_an_intake() -> None:
    def dose(**told: Any) -> dict[str, Any]:
        return {"action": "taken", "at": "2026-11-20T01:00:00+00:00", "amount": None, "amount_due": None, **told}

    rows = [dose(amount="0.5"), dose(amount_due="2"), dose(), dose(action="skipped"), dose(action=None, at=None),
            dose(action="undone")]
    assert [one.amount for one in intakes_of(rows, Decimal(3))] == [Decimal("0.5"), Decimal(2), Decimal(3)]


def test_n08_an_intake_of_another_strength_counts_but_its_amount_says_nothing_here() -> None:
    mine = {"line_id": "mine", "name": "Paracetamol", "unit": "tablet", "strength": "500 mg"}
    lines = {"same": {**mine, "line_id": "same"}, "strong": {**mine, "line_id": "strong", "strength": "1 g"},
             "syrup": {**mine, "unit": "ml"}, "other": {**mine, "name": "Ibuprofen"}}
    told = {"action": "taken", "at": "2026-11-20T01:00:00+00:00", "amount": "2", "amount_due": None}
    doses = [{**told, "line_id": line} for line in ("mine", "same", "strong", "syrup", "other", "nobody's")]
    found = intakes_of_ingredient(doses, mine, lines, NOW, PHNOM_PENH)
    assert [one.amount for one in found] == [Decimal(2), Decimal(2), Decimal(0), Decimal(0)]


@pytest.mark.parametrize(("one", "other", "same"), [
    ({"name": "Panadol", "atc": "N02BE01"}, {"name": "Paracetamol", "atc": "n02be01"}, True),
    ({"name": "Panadol", "atc": "N02BE01"}, {"name": "Panadol", "atc": "N02BE51"}, False),
    ({"name": "Paracetamol ", "atc": None}, {"name": "paracetamol", "atc": "N02BE01"}, True),
    ({"name": "Panadol", "atc": "N02BE"}, {"name": "Efferalgan", "atc": "N02BE"}, False),
    ({"name": None, "atc": None}, {"name": None, "atc": None}, False),
])
def test_n08_one_ingredient_is_one_full_code_or_one_name(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    assert one_ingredient(one, other) is one_ingredient(other, one) is same
