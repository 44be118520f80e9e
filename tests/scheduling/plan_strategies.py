"""Random dosing plans as JSON, and windows to look at them: wide in kinds, small in time, near where clocks change.

Every plan drawn is one that `read_plan` takes. Starts, pauses and zone changes gather around days on which a zone's
clock jumps, so that rules meet; spans stay short enough for the minute walk (minute_walk.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
Draw = st.DrawFn

ONE_DAY = timedelta(days=1)
# A zone and a day on which its clock does something, or nothing at all.
SCENES = [
    ("Asia/Phnom_Penh", date(2026, 11, 20)),
    ("Asia/Phnom_Penh", date(2028, 2, 29)),
    ("Europe/Paris", date(2026, 3, 29)),
    ("Europe/Paris", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour back
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Africa/Cairo", date(2026, 4, 24)),  # midnight does not exist
    ("America/Santiago", date(2026, 4, 5)),  # midnight comes twice, and so does the day before's last hour
    ("Pacific/Apia", date(2011, 12, 30)),  # a whole date that never was
]
ABROAD = ["Asia/Bangkok", "Asia/Seoul", "Asia/Kathmandu", "Europe/Paris", "Europe/London", "America/Los_Angeles",
          "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Honolulu", "Asia/Phnom_Penh"]
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SLOTS = ["MORN", "NOON", "EVE", "NIGHT"]
MEALS = ["wake", "breakfast", "lunch", "dinner", "bed"]

any_clock = st.builds(lambda minute: f"{minute // 60:02}:{minute % 60:02}", st.integers(0, 1439))
clocks = st.sampled_from(["00:00", "00:30", "01:45", "02:00", "02:30", "03:00", "03:30", "08:00", "12:00", "20:00",
                          "23:30", "23:59"]) | any_clock
amounts = st.sampled_from([1, 2, "0.5"])
steps = st.fixed_dictionaries(
    {"start": st.sampled_from([4, "2.5"]), "step": st.sampled_from([-1, "-0.5", "0.5", 2]),
     "every_days": st.integers(1, 4)},
    optional={"limit": st.sampled_from([0, 1, 2, 6])},
)
scenes: st.SearchStrategy[tuple[str, date]] = st.sampled_from(SCENES)
offsets = st.integers(-4, 4).map(lambda days: days * ONE_DAY)


def one_way(dose: Json) -> bool:
    """A limit lies where the step leads to."""
    rises = Decimal(dose["step"]) > 0
    return "limit" not in dose or (Decimal(dose["limit"]) > Decimal(dose["start"])) is rises


def some(values: list[Any], most: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)


every_so_many = {"every_months": st.integers(1, 2)}
missing = st.sampled_from(["clamp", "skip"])


def day_rules(near: date) -> st.SearchStrategy[Json]:
    days = st.integers(-4, 8).map(lambda later: (near + later * ONE_DAY))
    month_days = st.sampled_from([1, 28, 29, 30, 31, -1]) | days.map(lambda day: day.day)
    kinds: dict[str, st.SearchStrategy[Json]] = {
        "dates": st.fixed_dictionaries({"dates": st.lists(days.map(date.isoformat), min_size=1, max_size=5)}),
        "every_days": st.fixed_dictionaries({"n": st.integers(1, 5)}, optional={"anchor": days.map(date.isoformat)}),
        "weekdays": st.fixed_dictionaries({"days": some(WEEKDAYS, 4)}, optional={"every_weeks": st.integers(1, 3)}),
        "monthly": st.fixed_dictionaries(
            {"days": st.lists(month_days, min_size=1, max_size=4), "missing": missing}, optional=every_so_many),
        "monthly_nth": st.fixed_dictionaries(
            {"weekday": st.sampled_from(WEEKDAYS), "nth": st.sampled_from([1, 2, 4, 5, -1, -2, -5])},
            optional=every_so_many),
        "yearly": days.flatmap(lambda day: st.fixed_dictionaries(
            {"month": st.just(day.month), "day": st.sampled_from([day.day, -1, 29]), "missing": missing})),
        "cycle": st.fixed_dictionaries({"phases": st.builds(
            lambda phases, on: [{"days": on, "on": True}, *phases],
            st.lists(st.fixed_dictionaries({"days": st.integers(1, 4), "on": st.booleans()}), max_size=3),
            st.integers(1, 3))}),
        "daily": st.just({}),
    }
    return st.just({"type": "daily"}) | st.sampled_from(sorted(kinds)).flatmap(
        lambda kind: kinds[kind].map(lambda rule: {"type": kind, **rule}))


def time_rules() -> st.SearchStrategy[Json]:
    grid = st.fixed_dictionaries({slot: st.sampled_from([None, 0, 1, 2, "0.5"]) for slot in SLOTS})
    away = st.fixed_dictionaries(
        {"type": st.just("meals"), "relation": st.sampled_from(["before", "after"]), "meals": some(MEALS, 3)},
        optional={"offset_min": st.sampled_from([0, 15, 60, 240, 720])})
    return st.one_of(
        st.lists(clocks, min_size=1, max_size=5).map(lambda times: {"type": "times", "times": times}),
        grid.filter(lambda doses: any(doses.values())).map(lambda doses: {"type": "slots", "doses": doses}),
        away,
        some(MEALS, 3).map(lambda meals: {"type": "meals", "relation": "with", "meals": meals}),
        st.fixed_dictionaries({"type": st.just("every_in_window"), "every_minutes": st.sampled_from([45, 60, 150, 240]),
                               "from": clocks, "to": clocks}),
        st.integers(1, 9).map(lambda number: {"type": "frequency", "per_day": number}),
    )


def intervals(near: date) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"every_minutes": st.sampled_from([45, 240, 360, 480, 720, 1440, 1500, 2160])},
                                 optional={"anchor": wall_times(near)})


def wall_times(near: date) -> st.SearchStrategy[str]:
    return st.builds(lambda later, clock: f"{near + later}T{clock}", offsets, clocks)


@st.composite
def segments(draw: Draw, start: str, *, course: Json, following: bool) -> Json:
    """A segment from `start`, bounded by `course`."""
    near = date.fromisoformat(start[:10])
    kind = draw(st.sampled_from(["clock", "clock", "clock", "clock", "interval", "as_needed"]))
    segment: Json = {"start": start, **course, "dose": draw(amounts)}
    if kind == "as_needed":
        return {"start": start, **course, "as_needed": {"min_interval_min": 240, "max_count_24h": 4}, "dose": 1}
    if kind == "interval":
        segment["interval"] = draw(intervals(near))
    else:
        segment |= {"day_rule": draw(day_rules(near)), "time_rule": draw(time_rules())}
    if following and draw(st.booleans()):
        segment["following"] = [{"type": "after_previous", "delay_min": draw(st.sampled_from([3, 14]))}]
    return segment


@st.composite
def courses(draw: Draw, start: str) -> Json:
    """At most one of until, end and days; count; quantity."""
    first = date.fromisoformat(start[:10])
    days = draw(st.integers(1, 9))
    until, end = f"{first + (days - 1) * ONE_DAY}", f"{first + days * ONE_DAY}T02:30"
    course: Json = draw(st.sampled_from([{}, {}, {"days": days}, {"until": until}, {"end": end}]))
    if draw(st.integers(0, 3)) == 0:
        course = {**course, "count": draw(st.integers(1, 12))}
    if draw(st.integers(0, 3)) == 0:
        course = {**course, "quantity": draw(st.sampled_from([6, "7.5", 20]))}
    return course


@st.composite
def zone_timelines(draw: Draw, near: date) -> list[Json]:
    """Changes of zone within some days, at whole minutes."""
    midnight = datetime(near.year, near.month, near.day, tzinfo=UTC)
    minutes = st.integers(-2 * 96, 5 * 96).map(lambda quarters: quarters * 15) | st.integers(-2 * 1440, 5 * 1440)
    at = sorted(draw(st.lists(minutes, min_size=1, max_size=3, unique=True)))
    return [{"at": f"{midnight + timedelta(minutes=minute):%Y-%m-%dT%H:%MZ}", "zone": draw(st.sampled_from(ABROAD))}
            for minute in at]


@st.composite
def pauses(draw: Draw, near: date) -> list[Json]:
    """Up to three; a further one may begin where the one before ends, or within it."""
    drawn: list[Json] = []
    for _ in range(draw(st.sampled_from([0, 1, 1, 2, 2, 3]))):
        touching = draw(st.booleans())
        since = datetime.fromisoformat(drawn[-1]["to"] if drawn and touching else draw(wall_times(near)))
        hours = draw(st.sampled_from([1, 5, 12, 30, 72]))
        mode = draw(st.sampled_from(["keep", "reanchor"]))
        to = since + timedelta(hours=hours)
        drawn.append({"from": f"{since:%Y-%m-%dT%H:%M}", "to": f"{to:%Y-%m-%dT%H:%M}", "mode": mode})
    return drawn


profiles = st.fixed_dictionaries({}, optional={
    "slots": st.fixed_dictionaries({}, optional=dict.fromkeys(SLOTS, clocks)),
    "meals": st.fixed_dictionaries({}, optional=dict.fromkeys(MEALS, clocks)),
    "waking_hours": st.sampled_from([["06:00", "22:00"], ["05:30", "21:00"], ["22:00", "06:15"]]),
    "meal_offset_min": st.sampled_from([0, 20, 45]),
})


@st.composite
def plans(draw: Draw, *, following: bool = False, travel: bool = True) -> Json:
    """A plan of one to three segments, side by side or one after the other. `following`: some doses follow others."""
    zone, near = draw(scenes)
    first = near - draw(st.integers(0, 4)) * ONE_DAY
    start = draw(st.sampled_from([f"{first}", f"{first}T{draw(clocks)}"]))
    plan: Json = {"zone": zone, "segments": draw(lines(start, following=following))}
    if travel and draw(st.booleans()):
        plan["zone_timeline"] = draw(zone_timelines(near))
        plan["tz_policy"] = draw(st.sampled_from(["follow", "follow", "follow", "home"]))
    if draw(st.booleans()):
        plan["pauses"] = draw(pauses(near))
    if draw(st.integers(0, 3)) == 0:
        plan["profile"] = draw(profiles)
    return plan


@st.composite
def lines(draw: Draw, start: str, *, following: bool) -> list[Json]:
    """The segments of a plan: one, two side by side, or two of which the second begins where the first ends."""
    shape: str = draw(st.sampled_from(["one", "one", "side by side", "one after the other"]))
    first = date.fromisoformat(start[:10])
    if shape == "side by side":
        course = draw(courses(start))
        return [draw(segments(start, course=course, following=following)) for _ in range(2)]
    if shape == "one after the other":
        then = first + draw(st.integers(1, 4)) * ONE_DAY
        bound, begins = draw(st.sampled_from([
            ({"until": f"{then - ONE_DAY}"}, f"{then}"), ({"end": f"{then}T20:00"}, f"{then}T20:00")]))
        return [draw(segments(start, course=bound, following=following)),
                draw(segments(begins, course=draw(courses(begins)), following=following))]
    segment = draw(segments(start, course=draw(courses(start)), following=following))
    own_amounts = segment.get("time_rule", {}).get("type") == "slots"
    if "as_needed" not in segment and not own_amounts and draw(st.integers(0, 4)) == 0:
        segment["dose"] = draw(steps.filter(one_way))
    return [segment]


@st.composite
def windows(draw: Draw, plan: Json) -> tuple[datetime, datetime]:
    """[since, until), at whole minutes, near the plan's start; often from or to a change of zone."""
    start = datetime.fromisoformat(plan["segments"][0]["start"]).replace(tzinfo=UTC)
    edges = [datetime.fromisoformat(change["at"]) for change in plan.get("zone_timeline", ())]
    edge = st.sampled_from(edges) if edges else st.nothing()
    early, late = (st.integers(first * 60, last * 60).map(lambda minutes: start + timedelta(minutes=minutes)) | edge
                   for first, last in ((-36, 96), (97, 15 * 24)))
    since, until = sorted((draw(early), draw(late)))
    return since, until + timedelta(minutes=since == until)


def kept_pauses(plan: Json) -> st.SearchStrategy[list[Json]]:
    """Pauses of mode keep, to lay over the first week of any plan."""
    near = date.fromisoformat(plan["segments"][0]["start"][:10]) + 3 * ONE_DAY
    return pauses(near).filter(bool).map(lambda drawn: [{**pause, "mode": "keep"} for pause in drawn])
