"""What must hold of every dosing plan, whatever it says: random plans against the slow oracle and against themselves.

The oracle (minute_walk.py) is proved by test_minute_walk.py; plans and windows come from plan_strategies.py.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

from scheduling.plan import Plan, assign_keys, canonical, read_plan
from scheduling.recurrence import Planned, expand, walk
from scheduling.routine import DEFAULT_ROUTINE, Move, Routine
from sync.identity import dose_id
from tests.scheduling.minute_walk import TRAVEL, oracle
from tests.scheduling.plan_strategies import Json, kept_pauses, plans, windows

EXAMPLES = 250  # of each property; against the slow oracle they take about 15 seconds on one core
MARGIN = timedelta(days=2)
LINE = "0190f3a1-0000-7000-8000-000000000001"
DEFAULTS = {
    "zone": DEFAULT_ROUTINE.zone, "slots": DEFAULT_ROUTINE.slots, "meals": DEFAULT_ROUTINE.meals,
    "waking_hours": DEFAULT_ROUTINE.waking_hours, "meal_offset_min": DEFAULT_ROUTINE.meal_offset_min,
}
Window = tuple[datetime, datetime]
every = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],  # drawing a plan is many small draws
)


@st.composite
def views(draw: st.DrawFn, *, following: bool = False) -> tuple[Json, Window]:
    """A plan and a window to look at it through."""
    plan = draw(plans(following=following))
    return plan, draw(windows(plan))


def read(given: Json) -> Plan:
    plan = read_plan(given)
    if isinstance(plan, list):  # a chain that would reach the next planned dose is refused, and nothing else
        assert {problem.field.rsplit(".", 1)[1] for problem in plan} == {"following"}, plan
        reject()
    return assign_keys(plan)


def due(plan: Plan, since: datetime, until: datetime) -> list[Planned]:
    doses = expand(plan, DEFAULT_ROUTINE, since, until)
    assert isinstance(doses, list), doses
    return doses


def id_of(dose: Planned) -> str:
    return dose_id(LINE, dose.nominal_date.isoformat(), dose.slot_key, dose.occurrence)


def shown(segment: Json, **members: object) -> tuple[Json, Window]:
    """A plan of one segment from 2026-11-20 on, seen for nine days."""
    since = datetime(2026, 11, 19, 17, tzinfo=UTC)
    return ({"zone": "Asia/Phnom_Penh", "segments": [{"start": "2026-11-20", "dose": 1, **segment}], **members},
            (since, since + timedelta(days=9)))


AT_EIGHT = {"type": "times", "times": ["08:00"]}
EARLY = {"from": "2026-11-20T12:00", "to": "2026-11-21T06:00", "mode": "reanchor"}
ONCE = {"type": "dates", "dates": ["2026-11-20"]}
TAPER_BELOW_ZERO = shown({"dose": {"start": "2.5", "step": -1, "every_days": 1}, "time_rule": AT_EIGHT})
RESUMED_BEFORE_ANCHOR = shown({"interval": {"every_minutes": 720, "anchor": "2026-11-22T08:00"}}, pauses=[EARLY])
RESUMED_BEFORE_ANCHOR_DATE = shown(
    {"day_rule": {"type": "every_days", "n": 3, "anchor": "2026-11-23"}, "time_rule": AT_EIGHT}, pauses=[EARLY])
TOUCHING = {"from": EARLY["to"], "to": "2026-11-21T14:30", "mode": "keep"}
RESUMED_AFTER_TWO_AS_ONE = shown({"interval": {"every_minutes": 480}}, pauses=[EARLY, TOUCHING])
ONCE_AND_FAR_WEST = shown({"day_rule": ONCE, "time_rule": AT_EIGHT},
                          zone_timeline=[{"at": "2026-11-20T14:00Z", "zone": "America/Los_Angeles"}])
SKIPPED_AND_BACK = shown(  # what was due on arrival stays so, whatever journey follows
    {"time_rule": {"type": "times", "times": ["00:00"]}},
    zone_timeline=[{"at": "2026-11-20T10:15Z", "zone": "Pacific/Kiritimati"},
                   {"at": "2026-11-20T16:15Z", "zone": "Asia/Phnom_Penh"}])
BACK_INTO_THE_LAST_DATE = shown({"until": "2026-11-21", "interval": {"every_minutes": 240}},
                                zone_timeline=[{"at": "2026-11-21T18:00Z", "zone": "Europe/London"}])


@every
@given(view=views())
@example(view=TAPER_BELOW_ZERO)
@example(view=RESUMED_BEFORE_ANCHOR)
@example(view=RESUMED_BEFORE_ANCHOR_DATE)
@example(view=RESUMED_AFTER_TWO_AS_ONE)
@example(view=ONCE_AND_FAR_WEST)
@example(view=SKIPPED_AND_BACK)
@example(view=BACK_INTO_THE_LAST_DATE)
def test_r112_a_plan_means_what_a_walk_over_every_minute_finds(view: tuple[Json, Window]) -> None:
    """The examples are answers that were wrong once, or that chance seldom asks for."""
    plan, window = view
    found = [(d.due_at, d.nominal_date, d.amount, d.adjusted, d.segment) for d in due(read(plan), *window)]
    assert found == oracle(plan, *window, DEFAULTS)


@every
@given(view=views())
def test_f11_a_routine_says_the_same_in_the_plan_and_with_the_patient(view: tuple[Json, Window]) -> None:
    """Zone, zone changes and profile of a plan that carries them, against a patient who has them."""
    given, window = view
    of_patient = {name: member for name, member in given.items() if name not in ("zone", "zone_timeline", "profile")}
    profile = given.get("profile", {})
    patient = Routine(
        zone=given["zone"],
        slots={**DEFAULT_ROUTINE.slots, **profile.get("slots", {})},
        meals={**DEFAULT_ROUTINE.meals, **profile.get("meals", {})},
        waking_hours=tuple(profile.get("waking_hours", DEFAULT_ROUTINE.waking_hours)),
        meal_offset_min=profile.get("meal_offset_min", DEFAULT_ROUTINE.meal_offset_min),
        moves=tuple(Move(datetime.fromisoformat(one["at"]), one["zone"]) for one in given.get("zone_timeline", [])),
    )
    assert expand(read(of_patient), patient, *window) == due(read(given), *window)


@every
@given(view=views(following=True), data=st.data())
def test_r113_a_window_is_the_union_of_its_halves(view: tuple[Json, Window], data: st.DataObject) -> None:
    """The cut lies at any minute, often at a dose or a change of zone."""
    plan, (since, until) = read(view[0]), view[1]
    whole = due(plan, since, until)
    minutes = st.integers(0, (until - since) // timedelta(minutes=1)).map(lambda m: since + timedelta(minutes=m))
    moves = [datetime.fromisoformat(change["at"]) for change in view[0].get("zone_timeline", [])]
    edges = [edge for edge in (*moves, *(dose.due_at for dose in whole)) if since <= edge <= until]
    cut = data.draw(st.sampled_from(edges) | minutes if edges else minutes)
    assert due(plan, since, cut) + due(plan, cut, until) == whole == list(walk(plan, DEFAULT_ROUTINE, since, until))


@every
@given(view=views())
def test_a_segment_yields_one_dose_per_instant_and_all_come_by_instant_then_segment(view: tuple[Json, Window]) -> None:
    plan, window = read(view[0]), view[1]
    doses = due(plan, *window)
    places = [(dose.due_at, dose.segment) for dose in doses]
    assert all(before < after for before, after in pairwise(places)), "two segments may share an instant, none its own"
    assert all(window[0] <= dose.due_at < window[1] and dose.amount > 0 for dose in doses)


@every
@given(view=views(following=True))
def test_r115_ids_are_unique_and_the_same_through_any_window(view: tuple[Json, Window]) -> None:
    plan, (since, until) = read(view[0]), view[1]
    wide = due(plan, since - MARGIN, until + MARGIN)
    assert len({id_of(dose) for dose in wide}) == len(wide)
    narrow = due(plan, since, until)
    assert {dose.due_at: id_of(dose) for dose in narrow}.items() <= {dose.due_at: id_of(dose) for dose in wide}.items()
    assert [dose for dose in wide if since <= dose.due_at < until] == narrow


@every
@given(view=views(following=True))
def test_a_plan_goes_through_json_and_comes_back_with_the_same_doses(view: tuple[Json, Window]) -> None:
    plan, window = read(view[0]), view[1]
    stored = json.loads(json.dumps(canonical(plan)), parse_float=pytest.fail)
    again = read_plan(stored)
    assert again == plan
    assert assign_keys(again, plan) == plan, "saved again unchanged it keeps every key"
    assert due(again, *window) == due(plan, *window)


@every
@given(view=views(), data=st.data())
def test_r114_pausing_never_creates_a_dose(view: tuple[Json, Window], data: st.DataObject) -> None:
    """Mode keep. Every dose of the paused plan is a dose of the plan that never pauses; with a count or a quantity it
    is one of the plan without them, as suppressed doses do not count and the course goes on longer.

    A change of zone needs a word more: what it skips or repeats is due only some time after the dose before, so that it
    may come where that dose is suppressed, and may stand for another dose of its instant. Such doses are let out, and
    of the rest it is the instant that stays.
    """
    given, window = view
    endless = [{name: value for name, value in one.items() if name not in ("count", "quantity")}
               for one in given["segments"]]
    paused = due(read({**given, "pauses": data.draw(kept_pauses(given))}), *window)
    free = due(read({**given, "segments": endless, "pauses": []}), *window)
    if not given.get("zone_timeline"):
        assert {id_of(dose) for dose in paused} <= {id_of(dose) for dose in free}
    instants = {(dose.segment, dose.due_at) for dose in paused if dose.adjusted not in TRAVEL}
    assert instants <= {(dose.segment, dose.due_at) for dose in free}
