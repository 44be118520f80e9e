"""Reading plans strictly, writing them in one spelling, and the keys of their clock times."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.plan import MAX_DOSES_PER_COURSE, MAX_PROBLEMS, MAX_SEGMENTS, Plan, assign_keys, canonical, read_plan
from tests.scheduling.schedule_cases import at, grid, plan_of, segment


def faults(value: Any) -> list[tuple[str, str]]:
    found = read_plan(value)
    return [(p.field, str(p.code)) for p in found] if isinstance(found, list) else []


def fault(**given: Any) -> list[tuple[str, str]]:
    """The faults of one segment, named from the segment on."""
    return [(field.removeprefix("plan.segments.0."), code) for field, code in faults({"segments": [segment(**given)]})]


@pytest.mark.parametrize("value", [None, [], "plan", 7, True, {"segments": None}, {"segments": []}, {"segments": {}},
                                   {"segments": [None]}, {"segments": [7]}, {"segments": [{}]}])
def test_what_is_no_plan_is_a_field_problem_and_never_an_exception(value: object) -> None:
    assert faults(value)


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"start": None}, [("start", "required")]),
        ({"start": "2026-02-30"}, [("start", "date.invalid")]),
        ({"start": "2026-W47-5"}, [("start", "date.invalid")]),
        ({"start": "1999-12-31"}, [("start", "date.range")]),
        ({"start": "9999-12-31"}, [("start", "date.range")]),
        ({"start": "2026-11-20T24:00"}, [("start", "time.invalid")]),
        ({"start": "2026-11-20T08:00+07:00"}, [("start", "time.invalid")]),
        ({"start": 20261120}, [("start", "wrong_type")]),
        ({"until": "2026-11-19"}, [("until", "bounds.conflict")]),
        ({"end": "2026-11-20T00:00"}, [("end", "bounds.conflict")]),
        ({"end": "2026-11-22"}, [("end", "time.invalid")]),
        ({"end": "2026-11-22T08:00", "until": "2026-11-22"}, [("end", "bounds.conflict")]),
        ({"days": 0}, [("days", "too_small")]),
        ({"days": True}, [("days", "wrong_type")]),
        ({"days": 36_000}, [("days", "date.range")]),
        ({"count": MAX_DOSES_PER_COURSE + 1}, [("count", "too_large")]),
        ({"quantity": "0.5"}, [("quantity", "too_small")]),
        ({"quantity": 5001}, [("quantity", "horizon.too_large")]),
        ({"quantity": 1.5}, [("quantity", "wrong_type")]),
        ({"dose": None}, [("dose", "required")]),
        ({"dose": {"start": 1, "every_days": 7}}, [("dose.step", "required")]),
        ({"dose": {"start": 40, "step": -10, "every_days": 3, "limit": 50}}, [("dose.limit", "dose.invalid")]),
        ({"dose": {"start": 2, "step": -1, "every_days": 2}, "time_rule": grid(MORN=2)}, [("dose", "not_allowed")]),
        ({"dose": {"start": 1, "step": 0, "every_days": 7}}, [("dose.step", "dose.invalid")]),
        ({"dose": {"start": 0, "step": 1, "every_days": 7}}, [("dose.start", "dose.invalid")]),
        ({"dose": 1, "note": "x"}, [("note", "unknown")]),
        ({"interval": {"every_minutes": 480}}, [("time_rule", "not_allowed")]),
        ({"interval": {"every_minutes": 480}, "time_rule": None, "day_rule": {"type": "every_days", "n": 2}},
         [("day_rule", "not_allowed")]),
        ({"interval": {"every_minutes": 480}, "time_rule": None, "dose": None}, [("dose", "required")]),
        ({"interval": {"every_minutes": 480, "anchor": "x"}, "time_rule": None},
         [("interval.anchor", "date.invalid")]),
        ({"as_needed": {"max_count_24h": 0}}, [("as_needed.max_count_24h", "too_small")]),
        ({"as_needed": {"max_count_24h": 2}}, [("as_needed", "not_allowed")]),
        ({"as_needed": {}, "time_rule": grid(MORN=0)}, []),
        ({"following": [{"delay_min": 0}]}, [("following.0.delay_min", "too_small")]),
        ({"following": [{"type": "before", "delay_min": 5}]}, [("following.0.type", "not_allowed")]),
        ({"time_rule": None}, [("time_rule", "required")]),
        ({"time_rule": {}}, [("time_rule.type", "required")]),
        ({"time_rule": {"type": "moon"}}, [("time_rule.type", "plan.unsupported")]),
        ({"time_rule": {"type": "meals", "relation": "before", "meals": ["tea"]}},
         [("time_rule.meals.0", "not_allowed")]),
        ({"time_rule": {"type": "meals", "relation": "with", "meals": ["lunch"], "offset_min": 30}},
         [("time_rule", "not_allowed")]),
        ({"time_rule": {"type": "every_in_window", "every_minutes": 5, "from": "06:00", "to": "22:00"}},
         [("time_rule", "too_many")]),
        ({"time_rule": {"type": "every_in_window", "every_minutes": 5}},
         [("time_rule.from", "required"), ("time_rule.to", "required")]),
        ({"time_rule": {"type": "frequency", "per_day": 0}}, [("time_rule.per_day", "too_small")]),
        ({"time_rule": {"type": "times"}}, [("time_rule.times", "times.empty")]),
        ({"time_rule": {**at("08:00"), "offset": 3}}, [("time_rule.offset", "unknown")]),
        ({"time_rule": at("08:00", "6-7AM")}, [("time_rule.times.1", "time.invalid")]),
        ({"time_rule": at("០៨:០០")}, [("time_rule.times.0", "time.invalid")]),
        ({"time_rule": at("08:00", keys=["a", "b"])}, [("time_rule.keys", "not_allowed")]),
        ({"time_rule": at("08:00", "09:00", keys=["a", "a"])}, [("time_rule.keys", "not_allowed")]),
        ({"time_rule": at("08:00", keys=["0|1:x"])}, [("time_rule.keys.0", "not_allowed")]),
        ({"time_rule": at(*[f"{n // 6:02}:{n % 6 * 10:02}" for n in range(97)])}, [("time_rule.times", "too_many")]),
        ({"time_rule": {"type": "slots"}}, [("time_rule.doses", "required")]),
        ({"time_rule": grid()}, [("time_rule.doses", "slots.empty")]),
        ({"time_rule": grid(TEA=1, MORN=1)}, [("time_rule.doses.TEA", "unknown")]),
        ({"time_rule": grid(MORN=-1)}, [("time_rule.doses.MORN", "dose.invalid")]),
        ({"time_rule": grid(MORN=False)}, [("time_rule.doses.MORN", "dose.invalid")]),
        ({"time_rule": grid(MORN=1, EVE="")}, [("time_rule.doses.EVE", "dose.invalid")]),
        ({"time_rule": grid(MORN=1, EVE=0.0)}, [("time_rule.doses.EVE", "dose.invalid")]),
        ({"day_rule": {"type": "lunar"}}, [("day_rule.type", "plan.unsupported")]),
        ({"day_rule": {"type": ["daily"]}}, [("day_rule.type", "plan.unsupported")]),
        ({"day_rule": {}}, [("day_rule.type", "required")]),
        ({"day_rule": "daily"}, [("day_rule", "wrong_type")]),
        ({"day_rule": {"type": "every_days", "n": 0}}, [("day_rule.n", "too_small")]),
        ({"day_rule": {"type": "dates", "dates": []}}, [("day_rule.dates", "required")]),
        ({"day_rule": {"type": "monthly_nth", "weekday": "fri", "nth": 6}}, [("day_rule.nth", "not_allowed")]),
        ({"day_rule": {"type": "yearly", "month": 2, "day": 30, "missing": "skip"}},
         [("day_rule", "month_day.invalid")]),
        ({"day_rule": {"type": "cycle", "phases": [{"days": 5, "on": False}]}},
         [("day_rule.phases", "cycle.invalid")]),
    ],
)
def test_r120_every_fault_names_its_field(given: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    """F-11 is among them: `6-7AM` is a field error, never an invalid date."""
    assert fault(**given) == problems


@pytest.mark.parametrize(
    "dose", [0, -1, "0", "-1", 0.5, 1.0, True, "1e3", "٣", "០.៥", "", " 1", "NaN", Decimal("NaN"), Decimal("Infinity"),
             "0.0001", "10000", Decimal("1E+999999"), Decimal("1E-999999"), [1]],
)
def test_an_amount_is_exact_positive_and_bounded(dose: object) -> None:
    """S-58, F-52: floats have lost the digits that were meant."""
    assert fault(dose=dose) == [("dose", "dose.invalid")]


@pytest.mark.parametrize(
    ("dose", "text"),
    [(1, "1"), ("0.5", "0.5"), ("1.500", "1.5"), (Decimal("9999.999"), "9999.999"), (Decimal("1E+1"), "10")],
)
def test_an_amount_is_stored_in_one_spelling(dose: object, text: str) -> None:
    assert canonical(plan_of({"dose": dose}))["segments"][0]["dose"] == text


def test_faults_of_the_whole_plan_are_told_at_once_and_there_is_an_end_to_them() -> None:
    told = faults({
        "zone": "Asia/PhnomPenh", "tz_policy": "fly", "pauses": [{"from": "2026-11-20T08:00"}], "profile": {},
        "zone_timeline": [{"at": "2026-11-20T08:00", "zone": "x"}], "segments": [segment(dose=0), segment(start="x")],
    })
    assert told == [
        ("plan.zone", "zone.unknown"), ("plan.tz_policy", "not_allowed"),
        ("plan.zone_timeline.0.at", "time.offset_required"), ("plan.zone_timeline.0.zone", "zone.unknown"),
        ("plan.segments.0.dose", "dose.invalid"), ("plan.segments.1.start", "date.invalid"),
        ("plan.pauses.0.to", "required"),
    ]
    assert len(faults({"segments": [{}], **{f"m{i}": 1 for i in range(500)}})) == MAX_PROBLEMS
    assert ("plan.segments", "too_many") in faults({"segments": [segment()] * (MAX_SEGMENTS + 1)})


@pytest.mark.parametrize(
    ("pause", "problem"),
    [
        ({"to": "2026-11-22T00:00"}, ("plan.pauses.0.to", "bounds.conflict")),
        ({"mode": "stop"}, ("plan.pauses.0.mode", "not_allowed")),
        ({"from": "2026-11-22"}, ("plan.pauses.0.from", "time.invalid")),
    ],
)
def test_a_pause_that_means_nothing_is_refused(pause: dict[str, Any], problem: tuple[str, str]) -> None:
    given = {"from": "2026-11-22T00:00", "to": "2026-11-24T00:00", **pause}
    assert faults({"segments": [segment()], "pauses": [given]}) == [problem]


@pytest.mark.parametrize(
    ("bounds", "overlap"),
    [
        (({}, {}), False),
        (({"days": 5}, {"until": "2026-11-24"}), False),
        (({"days": 5}, {"days": 6}), True),
        (({}, {"start": "2026-11-25"}), True),
        (({"days": 5}, {"start": "2026-11-25"}), False),
        (({"days": 5}, {"start": "2026-11-24T23:59"}), True),
        (({"start": "2026-11-25"}, {"days": 5}), False),
        (({"end": "2026-11-24T20:00"}, {"start": "2026-11-24T20:00"}), False),
        (({"count": 5}, {"start": "2026-11-24T08:01"}), False),
        (({"count": 5}, {"start": "2026-11-24T08:00"}), True),
        (({"quantity": 5}, {"quantity": 5}), False),
    ],
)
def test_segments_run_in_parallel_or_one_after_the_other_never_half(
    bounds: tuple[dict[str, Any], ...], overlap: bool
) -> None:
    """DESIGN.md 11, V15; a count ends its segment with its last dose (case G10)."""
    expected = [("plan.segments.1", "segment.overlap")] if overlap else []
    assert faults({"segments": [segment(**bound) for bound in bounds]}) == expected


clock_lists = st.lists(st.sampled_from(["08:00", "08:30", "20:00"]), min_size=1).map(lambda times: at(*times))
evening = st.sampled_from([0, None, 2])
grids = st.builds(lambda morn, eve: grid(MORN=morn, EVE=eve), st.sampled_from([1, "0.5"]), evening)
segments = st.fixed_dictionaries(
    {"dose": st.sampled_from([1, "0.5", Decimal("2.25")]), "time_rule": clock_lists | grids},
    optional={"day_rule": st.just({"type": "daily"})},
)
plans = st.fixed_dictionaries(
    {"segments": st.lists(segments, min_size=1, max_size=3)},
    optional={
        "zone": st.just("Asia/Seoul"), "tz_policy": st.sampled_from(["home", "follow"]),
        "pauses": st.just([{"from": "2026-11-22T00:00", "to": "2026-11-24T12:00"}]),
    },
)
starts = st.sampled_from(["2026-11-20", "2026-11-20T15:30"])
bounds = st.sampled_from(
    [{}, {"days": 9}, {"until": "2026-12-01"}, {"end": "2026-12-01T08:00"}, {"count": 9, "quantity": 40}]
)


@settings(max_examples=150, deadline=None)
@given(value=plans, start=starts, bound=bounds)
def test_the_canonical_plan_is_json_without_floats_and_reads_back_as_the_same_plan(
    value: Any, start: str, bound: Any
) -> None:
    value = {**value, "segments": [{**one, **bound, "start": start} for one in value["segments"]]}
    plan = read_plan(value)
    assert isinstance(plan, Plan), plan
    plan = assign_keys(plan)
    stored = canonical(plan)
    again = json.loads(json.dumps(stored), parse_float=pytest.fail)
    assert again == stored
    assert read_plan(again) == plan
    assert assign_keys(plan, plan) == plan, "a version saved again unchanged keeps every key"


def keys(plan: Plan, index: int = 0) -> list[str]:
    return list(canonical(plan)["segments"][index]["time_rule"]["keys"])


def test_r115_the_same_time_keeps_its_key_and_a_new_one_gets_a_fresh_one() -> None:
    first = plan_of(segment(time_rule=at("08:00", "20:00")))
    second = plan_of(segment(time_rule=at("20:00", "14:00", "08:00")), previous=first)
    assert keys(first) == ["t1", "t2"]
    assert keys(second) == ["t2", "t3", "t1"]


def test_r115_a_key_is_never_given_to_another_time() -> None:
    """Else the 14:00 dose would bear the id, and the recorded action, of the 20:00 dose that was removed."""
    first = plan_of(segment(time_rule=at("08:00", "20:00")))
    second = plan_of(segment(time_rule=at("08:00")), previous=first)
    grid_between = plan_of(segment(time_rule=grid(MORN=1)), previous=second)
    third = plan_of(segment(time_rule=at("08:00", "14:00")), previous=second)
    fourth = plan_of(segment(time_rule=at("08:00", "14:00")), previous=grid_between)
    assert keys(third) == ["t1", "t3"]
    assert keys(fourth) == ["t3", "t4"]


def test_r115_keys_follow_the_position_where_the_client_sends_them() -> None:
    first = plan_of(segment(time_rule=at("08:00", "20:00")))
    moved = plan_of(segment(time_rule=at("08:30", "20:00", "08:00", keys=["t1", "t2", None])), previous=first)
    assert keys(moved) == ["t1", "t2", "t3"], "the new 08:00 is not the old one, whose key went to 08:30"


def test_r115_a_client_can_neither_turn_the_numbers_back_nor_use_them_up() -> None:
    first = plan_of(segment(time_rule=at("08:00", "09:00", "10:00")))
    back = plan_of(segment(time_rule=at("11:00")), previous=first, next_key=1)
    at_the_top = at("11:00", "12:00", keys=["t999999", None])
    high = plan_of(segment(time_rule=at_the_top), previous=first, next_key=1_000_000_000)
    assert keys(back) == ["t4"]
    assert keys(high) == ["t999999", "t1000000"]
    assert isinstance(read_plan(canonical(high)), Plan)


def test_a_time_written_twice_is_one_time() -> None:
    assert keys(plan_of(segment(time_rule=at("08:00", "08:00", keys=[None, "k"])))) == ["k"]


def test_a_plan_is_not_stored_before_its_keys_are_assigned() -> None:
    plan = read_plan({"segments": [segment()]})
    assert isinstance(plan, Plan)
    with pytest.raises(AssertionError, match="assign_keys"):
        canonical(plan)
